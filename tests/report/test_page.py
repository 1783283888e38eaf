"""The page is whole without the network, says things in the promised order, and takes any name as text."""

import base64
import dataclasses
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from made_up_study import HOSTILE, SVG, TAME, html_of, study

from genreflow.report import page, tables
from genreflow.report.blocks import Picture
from genreflow.store.text import printable


class Outline(HTMLParser):
    """The elements and attributes of a page, and its text."""

    VOID = frozenset({"meta", "img", "input"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements, self.open, self.text, self.attributes = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, tuple(name for name, _ in attributes)))
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def anchors(html: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', html)


def text(html: str) -> str:
    return " ".join(" ".join(Outline(html).text).split())


def test_hostile_names_add_no_element_and_no_attribute():
    hostile, tame = Outline(html_of(study(HOSTILE))), Outline(html_of(study(TAME)))
    assert Counter(hostile.elements) == Counter(tame.elements)
    assert hostile.open == []
    written = "".join(hostile.text)
    for name in HOSTILE[:7]:
        assert name in written
    assert "49" not in re.findall(r"\b49\b", written)


def test_nothing_is_fetched_but_what_lies_beside_the_page():
    outline = Outline(html_of(study(HOSTILE)))
    assert {tag for tag, _ in outline.elements}.isdisjoint(
        {"link", "iframe", "object", "embed", "form", "base", "video"}
    )
    for tag, name, value in outline.attributes:
        assert not name.startswith("on") and name != "style", (tag, name)
        if name in ("src", "href"):
            assert value.startswith(("media/", "data/", "#")), value
    rules = re.search(r"<style>(.*?)</style>", html_of(study(TAME)), re.S)[1]
    assert "url(" not in rules
    assert "@import" not in rules


def test_only_our_own_script_and_style_may_run():
    html = html_of(study(HOSTILE))
    policy = next(value for _, _, value in Outline(html).attributes if value and value.startswith("default-src 'none'"))
    for kind, element in (("script-src", r"<script>(.*?)</script>"), ("style-src", r"<style>(.*?)</style>")):
        (content,) = re.findall(element, html, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in policy
    assert "unsafe" not in policy and "http" not in policy


def test_what_the_script_reads_is_json_that_no_name_can_leave():
    (content,) = re.findall(
        r'<script type="application/json" id="page-data">(.*?)</script>', html_of(study(HOSTILE)), re.S
    )
    assert "<" not in content
    message = json.loads(content)
    assert {each["title"] for each in message["tracks"].values()} == {printable(name) for name in HOSTILE}
    assert set(message["clips"]) == set(message["tracks"])
    assert message["panels"][0]["cells"]["0,1"] == {"count": 1, "tracks": [[f"{0:016x}", 87]]}


def test_control_and_direction_characters_never_reach_the_page():
    html = html_of(study(HOSTILE))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)


def test_sections_come_in_the_promised_order():
    html = html_of(study(TAME))
    expected = ["confusion", "changes", "holdout", "label_issues", "classes", "map", "results", "experiments"]
    expected += ["leakage", "data", "slices", "architecture", "methods", "cost"]
    assert anchors(html) == expected
    assert re.findall(r'<a href="#(\w+)"', html) == expected


def test_synthetic_music_is_named_once():
    whole = study(TAME)
    assert text(html_of(dataclasses.replace(whole, standin=True))).lower().count("synthetic music") == 1
    assert "synthetic music" not in text(html_of(dataclasses.replace(whole, standin=False))).lower()


def test_the_matrix_is_on_the_page_once():
    picture = Picture("matrix", "t", "c", "a", SVG)
    whole = dataclasses.replace(study(TAME), confusion=[picture])
    assert "matrix" not in {each.name for each in whole.pictures}
    assert "matrix" in {each.name for each in dataclasses.replace(whole, confusion_browser=None).pictures}


def test_what_changed_since_last_time_is_said_with_the_tracks_to_hear():
    made = study(TAME)
    assert made.candidates()[:2] == [f"{0:016x}", f"{1:016x}"]  # newly wrong, newly right
    shown = text(html_of(made))
    assert "The results before are 2026-11-30-1 in the history of this study." in shown
    assert "1 track became right, 1 track became wrong." in shown
    assert "Newly wrong (1) Excerpt Track True class Before Now name 0 name 0 name 0 name 1" in shown
    assert "New class: name 0." in shown
    playable = [value for _, name, value in Outline(html_of(made)).attributes if name == "data-playable"]
    assert playable[:2] == [f"{0:016x}", f"{1:016x}"]
    unchanged = html_of(dataclasses.replace(made, changes=None))
    assert "changes" not in anchors(unchanged) and "Since last time" not in text(unchanged)


def test_what_the_accuracy_rests_on_is_read_before_it():
    """Reliability rule: baseline, groups, quarantined share and tracks stand above the headline accuracy."""
    facts = text(html_of(study(TAME)))
    order = [
        "920",
        "212 groups",
        "6 of 926 files",
        "27,600",
        "from 920 tracks",
        "Majority baseline 20.0 %",
        "Slice accuracy 69.4 %",
    ]
    places = [facts.index(words) for words in order]
    assert places == sorted(places)
    assert "95 % interval over groups: 66.0 to 72.0 %" in facts


def test_ours_stands_beside_the_published_number():
    assert "69.4 [66.0, 72.0] 69.4 ± 12.4 −0.0" in text(html_of(study(TAME)))


def test_every_figure_has_alt_text_a_caption_and_its_table():
    html = html_of(study(TAME))
    figures = re.findall(r"<figure [^>]*>.*?</figure>", html, re.S)
    assert len(figures) == 4
    for figure in figures:
        assert 'alt="name 2"' in figure
        assert "<figcaption>name 1 <a " in figure
        assert 'href="media/figure.svg" download="figure.svg"' in figure
        assert "<details>" in figure
        assert 'src="media/figure.svg"' in figure


def test_data_preparation_alone_makes_a_page():
    bare = page.Study(
        "Data",
        page.Headline(["No model was trained."], 10, 1, 9, 270, 2),
        tables={"audit": study(TAME).tables["audit"]},
    )
    html = html_of(bare)
    assert anchors(html) == ["results", "data"]
    assert "this study prepares data only" in html
    assert "Majority baseline" not in html


@pytest.mark.parametrize("missing", ["experiments", "holdout", "tracks", "classes", "settings", "audit", "quarantine"])
def test_a_missing_part_leaves_the_others(missing):
    whole = study(TAME)
    if missing in whole.tables:
        part = {"tables": {name: frame for name, frame in whole.tables.items() if name != missing}}
    else:
        part = {missing: None}
    html = html_of(dataclasses.replace(whole, **part))
    assert set(anchors(html_of(study(TAME)))) - set(anchors(html)) <= {missing}
    assert Outline(html).open == []


def test_an_experiment_without_a_figure_keeps_its_table():
    html = html_of(dataclasses.replace(study(TAME), experiment_pictures={}))
    assert '<h3 id="experiment-name 0"><bdi>name 0</bdi></h3>' in html
    assert "Our results and the published numbers" in html


def test_empty_tables_count_as_missing():
    empty = dataclasses.replace(study(TAME), quarantine=study(TAME).quarantine.head(0))
    assert "No file was quarantined." in html_of(empty)


@pytest.mark.parametrize(("diverged", "words"), [(2, "All 2 runs diverged"), (1, "1 of 2 runs diverged")])
def test_diverged_runs_are_said(diverged, words):
    whole = study(TAME)
    runs = pd.concat([whole.tables["runs"]] * 2, ignore_index=True)
    runs["status"] = ["diverged"] * diverged + ["finished"] * (2 - diverged)
    runs["slice_accuracy"] = np.nan
    assert words in html_of(dataclasses.replace(whole, tables={**whole.tables, "runs": runs}))


def test_what_settings_share_waits_behind_what_they_differ_in():
    message = text(html_of(study(TAME)))
    assert "Options that differ between the settings" in message
    assert "Options that all settings share (1)" in message
    alone = {"name 0": pd.DataFrame({"dropout": [0.2, 0.5], "batch": 300}, index=["a", "b"])}
    assert "The settings differ only in dropout." in text(html_of(dataclasses.replace(study(TAME), compared=alone)))


def test_the_same_study_gives_the_same_page():
    assert html_of(study(HOSTILE)) == html_of(study(HOSTILE))


def test_thousands_of_refused_files_do_not_swell_the_page():
    many = pd.concat([study(TAME).quarantine] * 4000, ignore_index=True)
    html = html_of(dataclasses.replace(study(TAME), quarantine=many))
    assert len(re.sub("<script>.*?</script>", "", html, flags=re.S)) < 300_000
    assert f"… and {len(many) - 200:,} more rows" in html


def test_class_names_head_a_confusion_table_as_text():
    rows = pd.DataFrame([{"true": t, "predicted": p, "count": 1, "share": 0.1} for t in HOSTILE for p in HOSTILE])
    picture = Picture("figure", "t", "c", "a", SVG, tables.matrix(rows))
    html = html_of(dataclasses.replace(study(TAME), confusion=[picture], confusion_browser=None))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_all_but_the_first_experiment_wait_behind_their_title_and_verdict():
    whole = study(TAME)
    rows = pd.concat([whole.tables["experiments"].assign(experiment=name, title=f"About {name}") for name in "abc"])
    pairs = pd.DataFrame(
        {
            "experiment": ["b", "c", "c"],
            "verdict": "They do not differ.",
            "is_significant": [False, True, False],
            "runs": 3,
        }
    )
    html = html_of(dataclasses.replace(whole, tables={**whole.tables, "experiments": rows, "comparisons": pairs}))
    section = html[html.index('<section id="experiments"') : html.index('<section id="leakage"')]
    assert '<h3 id="experiment-a"><bdi>About a</bdi></h3>' in section
    folded = re.findall(r'<details class="part" id="([^"]*)">\s*<summary>(.*?)</summary>', section)
    assert [name for name, _ in folded] == ["experiment-b", "experiment-c"]
    assert "They do not differ." in folded[0][1]
    assert "1 of 2 pairs of values differs significantly." in folded[1][1]
    assert section.count("<table") == section.count("</table>") >= 3  # what is folded is on the page


def test_only_the_first_of_many_figures_is_shown_and_none_is_lost():
    pictures = [Picture(f"input-{number}", "t", "c", "a", SVG) for number in range(6)]
    whole = dataclasses.replace(study(TAME), slices=pictures)
    assert {each.name for each in pictures} <= {each.name for each in whole.pictures}
    html = html_of(whole)
    assert "Show 5 more figures" in html
    assert all(f'<figure id="{f"figure-{each.name}"}">' in html for each in pictures)


def test_a_page_without_charts_has_no_library():
    whole = study(TAME)
    bare = dict.fromkeys(("training", "slices", "architecture", "confusion"), ())
    html = html_of(dataclasses.replace(whole, holdout=None, experiment_pictures={}, **bare))
    assert "Chart.js" not in html and "Chart.js" in html_of(whole)
