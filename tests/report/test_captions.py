"""Every figure has words, and no name becomes markup in them."""

from pathlib import Path

import pytest
from docutils.core import publish_parts
from jinja2 import Environment

from genreflow.evaluation.study import TABLES
from genreflow.figures.registry import caption_of, entries, experiment_figures, section_of, title_of
from genreflow.report.captions import label_of, rst_of

CAPTIONS = Path(__file__).parents[2] / "workflow/report"
HOSTILE = "`x`_ *y* |z| ``w`` \\ :raw:`<b>` .. raw:: html\n\n   <script>\x1b"
STUDY = {
    "title": "Tiny",
    "standin": False,
    "experiments": {"pooling": {"title": "Pooling", "values": [("mean",), ("max",)]}},
    "headline": {"model": "m", "setting": "base", "protocol": "albums"},
    "protocols": {"albums": {"title": "albums apart"}},
}
SHOWN = [
    {"kind": "input", "input": "slices"},
    {"kind": "architecture", "model": "m"},
    {"kind": "training"},
    {"kind": "analysis", "figure": "counts", "input": ""},
    {"kind": "analysis", "figure": "spectra", "input": "slices"},
    {"kind": "filters"},
    {"kind": "snippets", "name": "genre"},
    {"kind": "reliability"},
    {"kind": "complementarity"},
    {"kind": "right_and_wrong"},
    *({"kind": "confusion", "level": level} for level in ("slice", "track", "holdout")),
    *({"kind": "experiment", "experiment": "pooling", "figure": figure} for figure in experiment_figures()),
    {"kind": "experiment", "experiment": "pooling", "figure": "confusions", "number": "1"},
]


def html(name, **words):
    """Return a caption file as Snakemake's report turns it into HTML."""
    return rendered((CAPTIONS / name).read_text(encoding="utf-8"), **words)


def rendered(text, **words):
    """Return a caption as Snakemake's report turns it into HTML."""
    message = (
        Environment(trim_blocks=True, lstrip_blocks=True)
        .from_string(text)
        .render(snakemake={"params": {"words": words}})
    )
    return publish_parts(message, writer="html", settings_overrides={"report_level": 1})["body"]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: "-".join(shown.values()))
def test_a_figure_has_a_title_a_caption_and_a_section(shown):
    assert title_of(shown, STUDY)
    assert caption_of(shown, STUDY).endswith(".")
    message = html("figure.rst", **rst_of(shown, STUDY))
    assert "system-message" not in message and title_of(shown, STUDY) in message and "Study: Tiny." in message
    assert section_of(shown) in {table.section for table in TABLES.values()} | {
        "Dataset analysis", "Inputs of models", "Architecture",
    }  # fmt: skip


def test_no_figure_is_left_out_here():
    assert {(spec["kind"], spec.get("figure", "")) for spec in SHOWN if spec["kind"] != "analysis"} == {
        place for place in entries() if place[0] != "analysis"
    }


def test_figures_have_titles_of_their_own():
    titles = [title_of(shown, STUDY) for shown in SHOWN]
    assert len(set(titles)) == len(titles)
    assert title_of(SHOWN[-1], STUDY) == "Pooling, max: confusion"


def test_the_protocol_is_told_of_what_is_of_one_and_a_stand_in_of_what_is():
    assert "Protocol: albums apart." in html("figure.rst", **rst_of({"kind": "reliability"}, STUDY))
    assert "Protocol" not in html("figure.rst", **rst_of({"kind": "filters"}, STUDY))
    assert label_of("Runs", STUDY) == "Runs"
    assert label_of("Runs", STUDY | {"standin": True}) == "Runs (synthetic music)"


def test_names_stay_text():
    study = STUDY | {"title": HOSTILE, "protocols": {"albums": {"title": HOSTILE}}}
    message = html("figure.rst", **rst_of({"kind": "confusion", "level": "track"}, study))
    tame = html("figure.rst", **rst_of({"kind": "confusion", "level": "track"}, STUDY))
    assert message.count("<") == tame.count("<")
    assert "`x`_ *y* |z| ``w`` \\ :raw:`&lt;b&gt;` .. raw:: html" in " ".join(message.split())


def test_captions_are_rst():
    captions = {table.name: rendered(table.caption) for table in TABLES.values() if table.title}
    captions |= {
        path.name: html(path.name, title="t", caption="c", study="s", protocol="") for path in CAPTIONS.glob("*.rst")
    }
    for name, message in captions.items():
        assert "system-message" not in message and message.endswith(".</p>\n"), name


def test_a_table_that_people_read_has_all_its_words_and_its_columns_exist():
    for table in TABLES.values():
        assert bool(table.title) == bool(table.section) == bool(table.caption), table.name
        assert table.title or not table.shown, table.name
        extra = {"published_mean", "published_sd", "difference"}  # the page adds published numbers to settings
        for column in table.shown:
            assert set(column.keys) <= {*table.columns, *extra}, (table.name, column.heading)
