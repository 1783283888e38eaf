"""The page is whole without the network, says things in the promised order, and takes any name as text."""

import base64
import dataclasses
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from genreflow.report import page, tables

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "</style></title><b>",
    "javascript:alert(1)",
    "$\\frac{$",
    "=HYPERLINK('http://evil.example')",
    "\x1b]0;x\x07\u202e",
    "日本語",
]
TAME = [f"name {i}" for i in range(len(HOSTILE))]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


class Outline(HTMLParser):
    """The elements and attributes of a page, and its text."""

    VOID = frozenset({"meta", "img"})

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


def study(names: list[str]) -> page.Study:
    one, two, *_ = names
    picture = page.Picture(one, two, names[2], SVG, pd.DataFrame({two: names, "share": 0.5}))
    key = {"model": names[3], "setting": names[4]}
    accuracy = {"slice_accuracy": 0.694, "slice_low": 0.66, "slice_high": 0.72, "train_accuracy": 0.81}
    tracks = pd.DataFrame([key | {"fold": "1", "title": name, "true": one, "correct": False} for name in names])
    published = {"published_mean": 0.6942, "published_sd": 0.1241, "difference": -0.0002}
    return page.Study(
        title=one,
        headline=page.Headline(names, 926, 6, 920, 27_600, 5, 212, 0.2, "slice", 0.694, 0.66, 0.72),
        audit=pd.DataFrame([{"class": name, "tracks": 184, "groups": 40, "slices": 5520} for name in names]),
        quarantine=pd.DataFrame(
            [{"dataset": one, "title": name, "reason": "Q_EMPTY", "message": name} for name in names]
        ),
        warnings=pd.DataFrame({"reason": "W_LONG", "tracks": 2, "share": 0.1, "title": names, "message": names}),
        warned=pd.DataFrame({"title": names, "reason": "W_LONG", "message": names}),
        copies=pd.DataFrame(
            {"recording": "0f", "title": names, "class": names, "verdict": "warn", "message": names},
        ),
        notices=names,
        gates={one: 1.5},
        leakage=pd.DataFrame(
            {
                "check": "artists",
                "fold": "1",
                "what": names,
                "tracks": 3,
                "share": 0.1,
                "verdict": "leak",
                "message": one,
            }
        ),
        bandwidth=pd.DataFrame(
            {"class": names, "tracks": 9, "p10": 15_000.0, "median": 16_000.0, "p90": 20_000.0, "codecs": names}
        ),
        settings=pd.DataFrame([key | accuracy | {"baseline": 0.2, "folds": 5, "diverged": 0}]),
        runs=pd.DataFrame([key | accuracy | {"fold": "1", "status": "finished", "seconds": 290.0, "device": one}]),
        training=[picture],
        experiments=pd.DataFrame(
            [key | accuracy | published | {"experiment": one, "title": one, "axis": two, "value": two}]
        ),
        experiment_pictures={one: [picture]},
        confusion=[picture],
        classes=pd.DataFrame([key | {"level": "slice", "class": name, "f1": 0.7, "support": 9} for name in names]),
        tracks=tracks,
        holdout=page.Holdout(names, [picture], tracks),
        slices=[picture],
        architecture=[picture],
        methods=names,
        identity=dict(zip(names, names, strict=True)),
        citation=names,
    )


def anchors(html: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', html)


def text(html: str) -> str:
    return " ".join(" ".join(Outline(html).text).split())


def test_hostile_names_add_no_element_and_no_attribute():
    hostile, tame = Outline(page.render(study(HOSTILE))), Outline(page.render(study(TAME)))
    assert Counter(hostile.elements) == Counter(tame.elements)
    assert hostile.open == []
    written = "".join(hostile.text)
    for name in HOSTILE[:7]:
        assert name in written
    assert "49" not in re.findall(r"\b49\b", written)


def test_nothing_is_fetched_and_nothing_runs():
    outline = Outline(page.render(study(HOSTILE)))
    tags = {tag for tag, _ in outline.elements}
    assert tags.isdisjoint({"script", "link", "iframe", "object", "embed", "form", "base", "audio", "video"})
    for tag, name, value in outline.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href"):
            assert value.startswith(("data:image/svg+xml;base64,", "#")), value
    policy = [value for tag, name, value in outline.attributes if tag == "meta" and value.startswith("default-src")]
    assert policy == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]
    style = re.search(r"<style>(.*?)</style>", page.render(study(TAME)), re.S)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_control_and_direction_characters_never_reach_the_page():
    html = page.render(study(HOSTILE))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", html)


def test_sections_come_in_the_promised_order():
    html = page.render(study(TAME))
    wanted = ["data", "leakage", "results", "experiments", "confusion", "holdout", "slices"]
    wanted += ["architecture", "methods", "cost"]
    assert anchors(html) == wanted
    assert re.findall(r'<a href="#(\w+)"', html) == wanted


def test_what_the_accuracy_rests_on_is_read_before_it():
    """Reliability rule: baseline, groups, quarantined share and tracks stand above the headline accuracy."""
    facts = text(page.render(study(TAME)))
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
    assert "95 % interval over tracks: 66.0 to 72.0 %" in facts


def test_ours_stands_beside_the_published_number():
    assert "69.4 [66.0, 72.0] 69.4 ± 12.4 −0.0" in text(page.render(study(TAME)))


def test_every_figure_has_alt_text_a_caption_and_its_table():
    html = page.render(study(TAME))
    figures = re.findall(r"<figure>.*?</figure>", html, re.S)
    assert len(figures) == 6
    for figure in figures:
        assert 'alt="name 2"' in figure
        assert "<figcaption>name 1</figcaption>" in figure
        assert "<details>" in figure
        assert base64.b64encode(SVG).decode() in figure


def test_data_preparation_alone_makes_a_page():
    bare = page.Study("Data", page.Headline(["No model was trained."], 10, 1, 9, 270, 2), audit=study(TAME).audit)
    html = page.render(bare)
    assert anchors(html) == ["data", "results"]
    assert "this study prepares data only" in html
    assert "Majority baseline" not in html


@pytest.mark.parametrize("missing", ["experiments", "holdout", "tracks", "classes", "settings", "audit", "quarantine"])
def test_a_missing_part_leaves_the_others(missing):
    html = page.render(dataclasses.replace(study(TAME), **{missing: None}))
    assert set(anchors(page.render(study(TAME)))) - set(anchors(html)) <= {missing}
    assert Outline(html).open == []


def test_an_experiment_without_a_figure_keeps_its_table():
    html = page.render(dataclasses.replace(study(TAME), experiment_pictures={}))
    assert "<h3><bdi>name 0</bdi></h3>" in html
    assert "Ours beside the published numbers" in html


def test_empty_tables_count_as_missing():
    empty = dataclasses.replace(study(TAME), quarantine=study(TAME).quarantine.head(0))
    assert "No file was quarantined." in page.render(empty)


@pytest.mark.parametrize(("diverged", "words"), [(2, "All 2 runs diverged"), (1, "1 of 2 runs diverged")])
def test_diverged_runs_are_said(diverged, words):
    whole = study(TAME)
    runs = pd.concat([whole.runs] * 2, ignore_index=True)
    runs["status"] = ["diverged"] * diverged + ["finished"] * (2 - diverged)
    runs["slice_accuracy"] = np.nan
    assert words in page.render(dataclasses.replace(whole, runs=runs))


def test_time_is_summed():
    assert "took 4 min 50 s in 1 runs" in page.render(study(TAME))


def test_the_same_study_gives_the_same_page():
    assert page.render(study(HOSTILE)) == page.render(study(HOSTILE))


def test_thousands_of_refused_files_do_not_swell_the_page():
    many = pd.concat([study(TAME).quarantine] * 4000, ignore_index=True)
    html = page.render(dataclasses.replace(study(TAME), quarantine=many))
    assert len(html) < 300_000
    assert f"… and {len(many) - 200:,} more rows" in html


def test_class_names_head_a_confusion_table_as_text():
    rows = pd.DataFrame([{"true": t, "predicted": p, "count": 1, "share": 0.1} for t in HOSTILE for p in HOSTILE])
    picture = page.Picture("t", "c", "a", SVG, tables.matrix(rows))
    html = page.render(dataclasses.replace(study(TAME), confusion=[picture]))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
