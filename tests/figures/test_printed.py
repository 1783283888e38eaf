"""Figures for print have the width of a column or a page, legible text, nothing cut, and the same bytes each time."""

import re

import pytest
import study_tables as made_up
from legible import assert_legible
from study_tables import HARD

from genreflow.config.pipeline import FigureSettings, PipelineSettings
from genreflow.figures import calibration, curves, scores
from genreflow.figures.printed import LARGEST, PAGE_MM, SMALLEST, fit, save_printed, texts

pytestmark = pytest.mark.filterwarnings("ignore:Glyph .* missing from font")

CASES = {
    "reliability": lambda: calibration.reliability(
        made_up.bins(["before"]), {"before": 0.1}, title="Are probabilities right?", level="slice"
    ),
    "grouped": lambda: scores.grouped(made_up.scores(["a", "b", "c"]), title="Scores", score="Slice accuracy"),
    "losses": lambda: curves.losses(made_up.history(["CNN"]), title="Loss of each epoch"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("width", [85, 170])
def test_it_is_as_wide_as_asked_for_and_legible(name, width):
    figure = CASES[name]()
    assert fit(figure, width) == width
    assert figure.get_figwidth() == pytest.approx(width / 25.4)
    assert_legible(figure)
    sizes = [text.get_fontsize() for text in texts(figure)]
    assert min(sizes) >= SMALLEST and max(sizes) <= LARGEST


def test_what_is_not_legible_in_a_column_gets_a_page():
    figure = scores.differences(made_up.pairs(HARD), title="t", score="Track accuracy")
    assert fit(figure, 85) == PAGE_MM
    assert figure.get_figwidth() == pytest.approx(PAGE_MM / 25.4)


def test_each_format_holds_the_key_and_is_the_same_each_time(tmp_path):
    for attempt in "ab":
        paths = [tmp_path / f"{attempt}.{suffix}" for suffix in ("png", "svg", "pdf")]
        save_printed(CASES["reliability"](), paths, width_mm=85, key="3-abc")
    for suffix in ("png", "svg", "pdf"):
        written = (tmp_path / f"a.{suffix}").read_bytes()
        assert written == (tmp_path / f"b.{suffix}").read_bytes()
        assert b"3-abc" in written
    pdf = (tmp_path / "a.pdf").read_bytes()
    [box] = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)
    assert float(box) == pytest.approx(85 / 25.4 * 72, abs=0.1)
    assert b"/FontFile2" in pdf  # inside, and TrueType


def test_nothing_is_printed_by_default_and_no_key_changes():
    assert FigureSettings().printed == []
    assert "figures" not in PipelineSettings().model_dump()
    assert FigureSettings(format="pdf").printed == ["pdf"]
    assert FigureSettings(format=["png", "svg", "pdf"]).printed == ["png", "svg", "pdf"]
    assert FigureSettings(width_mm=85).printed == ["png", "svg"]
    with pytest.raises(ValueError, match="85 or 170"):
        FigureSettings(width_mm=100)
    with pytest.raises(ValueError, match="at least 1 item"):
        FigureSettings(format=[])
