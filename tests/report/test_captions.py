"""Every figure has words, and no name becomes markup in them."""

from pathlib import Path

import pytest
from docutils.core import publish_parts
from jinja2 import Environment

from genreflow.figures.registry import caption_of, entries, experiment_figures, section_of, title_of
from genreflow.report.captions import TABLES, label_of, rst_of

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
    {"kind": "right_and_wrong"},
    *({"kind": "confusion", "level": level} for level in ("slice", "track", "holdout")),
    *({"kind": "experiment", "experiment": "pooling", "figure": figure} for figure in experiment_figures()),
    {"kind": "experiment", "experiment": "pooling", "figure": "confusions", "number": "1"},
]


def html(name, **words):
    """Return a caption of Snakemake's report as it turns it into HTML."""
    text = (CAPTIONS / name).read_text(encoding="utf-8")
    told = (
        Environment(trim_blocks=True, lstrip_blocks=True)
        .from_string(text)
        .render(snakemake={"params": {"words": words}})
    )
    return publish_parts(told, writer="html", settings_overrides={"report_level": 1})["body"]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: "-".join(shown.values()))
def test_a_figure_has_a_title_a_caption_and_a_section(shown):
    assert title_of(shown, STUDY)
    assert caption_of(shown, STUDY).endswith(".")
    told = html("figure.rst", **rst_of(shown, STUDY))
    assert "system-message" not in told and title_of(shown, STUDY) in told and "Study: Tiny." in told
    assert section_of(shown) in {section for section, _ in TABLES.values()} | {
        "What the dataset is like", "What the network sees", "Architecture",
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
    assert label_of("Runs", STUDY | {"standin": True}) == "Runs (stand-in music)"


def test_names_stay_text():
    study = STUDY | {"title": HOSTILE, "protocols": {"albums": {"title": HOSTILE}}}
    told = html("figure.rst", **rst_of({"kind": "confusion", "level": "track"}, study))
    tame = html("figure.rst", **rst_of({"kind": "confusion", "level": "track"}, STUDY))
    assert told.count("<") == tame.count("<")
    assert "`x`_ *y* |z| ``w`` \\ :raw:`&lt;b&gt;` .. raw:: html" in " ".join(told.split())


def test_every_table_that_is_shown_has_a_caption_and_no_other():
    assert {path.stem for path in (CAPTIONS / "tables").glob("*.rst")} == set(TABLES)
    for path in CAPTIONS.rglob("*.rst"):
        told = html(path.relative_to(CAPTIONS), title="t", caption="c", study="s", protocol="")
        assert "system-message" not in told and told.endswith(".</p>\n"), path
