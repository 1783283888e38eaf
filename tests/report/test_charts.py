"""Charts hold the numbers of the figures that they stand for, and the library that draws them is the published one."""

import hashlib
import re
from pathlib import Path

import pandas as pd
import pytest

from genreflow.report import charts, page

VENDOR = Path(page.__file__).parent / "templates/vendor"
KEY = {"model": "cnn", "setting": "base"}
STUDY = {"experiments": {"dropout": {"title": "Dropout", "axis": "dropout"}}}
BARS = {"kind": "experiment", "figure": "bars", "experiment": "dropout"}


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    other = KEY | {"setting": "other"}
    interval = {"slice_low": 0.5, "slice_high": 0.7, "tracks": 40, "slices": 1_200, "baseline": 0.2}
    published = {"published_mean": 0.69, "published_sd": 0.12}
    rows = [
        KEY | interval | published | {"experiment": "dropout", "value": 0.2, "slice_accuracy": 0.6123},
        other | interval | {"experiment": "dropout", "value": 0.8, "slice_accuracy": 0.4},
        other | interval | {"experiment": "else", "value": 9, "slice_accuracy": 0.1},
    ]
    runs = [KEY | {"fold": fold, "slice_accuracy": 0.6, "test_slices": 600} for fold in ("1", "2", "final")]
    history = [
        KEY | {"fold": fold, "epoch": epoch, "loss": 2 / epoch, "validation_loss": None, "accuracy": 0.1 * int(fold)}
        for fold in ("1", "2")
        for epoch in (1, 2)
    ]
    return dict(zip(("experiments", "runs", "history"), map(pd.DataFrame, (rows, runs, history)), strict=True))


def test_bars_have_the_accuracies_intervals_folds_and_published_values(tables):
    curves = pd.DataFrame(
        [{"experiment": "dropout", "value": "0.8", "epoch": epoch, "train_accuracy": epoch / 10} for epoch in (5, 1)]
    )
    accuracy, training = charts.charts_of(BARS, charts.ChartSources(tables, STUDY, published=curves))
    ours, folds, published, baseline = accuracy.series
    assert (list(ours.x), list(ours.y), list(ours.low)) == (["0.2", "0.8"], [61.23, 40.0], [50.0, 50.0])
    assert ours.notes[0] == "40 tracks, 1,200 slices"
    assert list(folds.notes) == ["fold 1, 600 slices", "fold 2, 600 slices"]  # and not the final model
    assert (list(published.x), list(published.y), list(published.high)) == (["0.2"], [69.0], [81.0])
    assert list(baseline.y) == [20.0, 20.0]
    line, theirs = training.series
    assert (theirs.name, list(theirs.x), list(theirs.y)) == ("Published, 0.8", [1, 5], [10.0, 50.0])
    assert (list(line.x), list(line.y), list(line.low), line.notes[0]) == ([1, 2], [15.0, 15.0], [10.0, 10.0], "2 runs")


def test_losses_have_no_line_where_there_is_no_validation(tables):
    [loss] = charts.charts_of(BARS | {"figure": "losses"}, charts.ChartSources(tables, STUDY))
    assert [each.name for each in loss.series] == ["0.2, training"]
    assert list(loss.series[0].y) == [2.0, 1.0]


def test_calibration_says_how_many_answers_are_in_a_bin():
    bins = pd.DataFrame(
        [
            {"state": "before", "low": 0.0, "high": 0.5, "count": 0, "confidence": None, "accuracy": None},
            {"state": "before", "low": 0.5, "high": 1.0, "count": 1_200, "confidence": 0.8, "accuracy": 0.7},
        ]
    ).assign(error=0.1, temperature=1.0)
    lines, numbers = charts.charts_of({"kind": "reliability"}, charts.ChartSources({}, STUDY, bins))
    assert lines.series[0].name == "as trained: ECE 10.0" and lines.diagonal
    assert (list(lines.series[0].x), list(lines.series[0].y), list(lines.series[0].notes)) == (
        [80.0],
        [70.0],
        ["n = 1,200"],
    )
    assert list(numbers.series[0].y) == [0, 1_200]


def test_a_figure_that_is_a_picture_has_none(tables):
    assert charts.charts_of({"kind": "architecture", "model": "cnn"}, charts.ChartSources(tables, STUDY)) == []


def test_the_library_is_the_published_one_with_its_license():
    note = (VENDOR / "README.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", note, re.M)
    assert {name for name, _ in listed} == {path.name for path in VENDOR.glob("*.js")}
    for name, digest in listed:
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
    assert "MIT License" in (VENDOR / "chart.LICENSE.md").read_text()
    text = (VENDOR / "chart.umd.min.js").read_text()
    assert "eval(" not in text and "new Function" not in text and "</script" not in text
