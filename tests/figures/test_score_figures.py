"""Figures of scores show the numbers of the tables where they are, in their order, and say what may be concluded."""

import numpy as np
import pandas as pd
import pytest
import study_tables as made_up
from legible import words
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from printed_tables import ACCURACIES, MODELS

from genreflow.figures import curves, scores


def diamonds(axes: Axes) -> np.ndarray:
    result = [line.get_xydata() for line in axes.lines if line.get_marker() == "D"]
    return np.concatenate(result)


def segments(axes: Axes) -> list[tuple[float, ...]]:
    """Return the ends of every whisker."""
    lines = [c for c in axes.collections if isinstance(c, LineCollection)]
    return [
        tuple(segment.ravel())
        for c in lines
        for segment in c.get_segments()
        if len(segment) and np.isfinite(segment).all()
    ]


def published_accuracies() -> pd.DataFrame:
    rows = [
        {"name": name, "role": role, "value": value - 0.01, "low": value - 0.02, "high": value, "published": value}
        for role, values in ACCURACIES.items()
        for name, value in zip(MODELS, values, strict=True)
    ]
    return pd.DataFrame(rows)


def test_a_bar_a_model_and_role_with_the_published_value_at_it():
    axes = scores.grouped(published_accuracies(), title="Genre", score="Segment accuracy", baseline=0.1).axes[0]
    bars = np.array([bar.get_height() for bar in axes.patches])
    expected = 100 * np.concatenate(list(ACCURACIES.values()))
    assert len(bars) == 3 * 7
    np.testing.assert_allclose(bars, expected - 1)
    np.testing.assert_allclose(diamonds(axes)[:, 1], expected)
    for bar, x in zip(axes.patches, diamonds(axes)[:, 0], strict=True):
        assert bar.get_x() < x < bar.get_x() + bar.get_width()
    assert "test 83.6" in words(axes.figure)  # Conv+BLSTM: 84.58, less a point


def test_an_interval_is_drawn_where_it_is_known():
    axes = scores.grouped(made_up.scores(["a", "b"]), title="t", score="Accuracy").axes[0]
    assert sorted(segment[1] for segment in segments(axes)) == pytest.approx([68, 71])
    assert sorted(segment[3] for segment in segments(axes)) == pytest.approx([77, 80])


def test_what_has_no_result_says_so_and_nothing_published_means_no_word_of_it():
    rows = made_up.scores(["a", "b"], lost="b").assign(published=np.nan)
    written = words(scores.grouped(rows, title="t", score="Accuracy"))
    assert "no result" in written
    assert "published" not in written
    assert "baseline" not in words(scores.grouped(rows, title="t", score="Accuracy", baseline=np.nan))


def test_the_best_of_the_first_metric_is_on_top_and_what_has_no_result_at_the_bottom():
    rows = made_up.ranks(["a", "b", "c", "d"], ["one", "two"], lost="b")
    rows.loc[(rows["name"] == "d") & (rows["metric"] == "one"), "value"] = 0.99
    panels = scores.ranking(rows, title="t", percent=False).axes
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["d", "a", "c", "b"]
    bottom, top = panels[0].get_ylim()
    assert bottom > top  # the first name is drawn at the top
    dots = panels[1].lines[0].get_xdata()
    known = rows[rows["metric"] == "two"].set_index("name").loc[["d", "a", "c", "b"], "value"]
    np.testing.assert_allclose(dots, known)
    assert [text.get_text() for text in panels[0].texts][-1] == "no result"
    assert panels[1].texts[1].get_text() == "0.500 (0.490 to 0.520)"


@pytest.mark.parametrize(("baseline", "drawn"), [(0.85, True), (0.1, False)])
def test_a_baseline_far_off_is_told_and_not_drawn(baseline, drawn):
    figure = scores.ranking(made_up.ranks(["a", "b", "c"], ["one"]), title="t", baselines={"one": baseline})
    [axes] = figure.axes
    lines = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_visible() for line in lines] == [drawn]
    assert lines[0].get_xdata() == pytest.approx([100 * baseline] * 2)
    assert ("beyond the axis" in axes.get_xlabel()) is not drawn
    assert f"{100 * baseline:.1f} %" in axes.get_xlabel()
    if drawn:
        assert axes.get_xlim()[0] < 100 * baseline


def test_published_intervals_of_feature_maps_are_drawn():
    """Senac et al. 2017, Table 2."""
    values = {"net_STFT": (87.8, 1.8), "net_MUSIC": (89.6, 2.4), "FUSION1": (90.5, 0.7), "FUSION2": (91.0, 1.2)}
    rows = made_up.ranks(list(values), ["Track accuracy"]).assign(
        published=[mean / 100 for mean, _ in values.values()],
        published_low=[(mean - half) / 100 for mean, half in values.values()],
        published_high=[(mean + half) / 100 for mean, half in values.values()],
    )
    [axes] = scores.ranking(rows, title="t").axes
    ends = {(round(x, 6), round(end, 6)) for x, _, end, _ in segments(axes)}
    assert {(86.0, 89.6), (87.2, 92.0), (89.8, 91.2), (89.8, 92.2)} <= ends
    assert sorted(diamonds(axes)[:, 0]) == pytest.approx(sorted(mean for mean, _ in values.values()))


def test_a_sweep_draws_each_series_and_role_against_its_number():
    rows = made_up.sweeps(["CNN", "FFNN"])
    [axes] = scores.sweep(rows, title="t", axis="Epochs", score="Accuracy").axes
    curves = {tuple(line.get_ydata().round(6)): line for line in axes.lines if line.get_marker() != "D"}
    for (_, role), own in rows.groupby(["series", "role"]):
        line = curves[tuple((100 * own["value"]).round(6))]
        assert list(line.get_xdata()) == list(own["x"])
        assert line.get_linestyle() == {"train": "--", "test": "-"}[role]
    marks = diamonds(axes)
    np.testing.assert_allclose(marks[np.isfinite(marks).all(axis=1)], [[55, 62], [55, 62]])


def test_limits_of_a_sweep_hold_all_that_is_drawn():
    rows = made_up.sweeps(["CNN"])
    [axes] = scores.sweep(rows, title="t", axis="Epochs", score="Accuracy").axes
    assert axes.get_ylim()[0] < 100 * rows["low"].min()
    assert axes.get_ylim()[1] > min(101, 100 * rows["value"].max())
    assert axes.get_xlim()[0] < 5
    assert axes.get_xlim()[1] > 100


def test_the_numbers_themselves_are_named_where_there_is_room():
    rows = made_up.sweeps(["CNN"], (10, 15, 30))
    [axes] = scores.sweep(rows, title="t", axis="Length (s)", score="Accuracy").axes
    assert list(axes.get_xticks()) == [10, 15, 30]


def test_a_verdict_has_a_color_and_a_marker_of_its_own():
    rows = made_up.pairs(["a", "b", "c"])
    figure = scores.differences(rows, title="t", score="Accuracy")
    [axes] = figure.axes
    marks = {line.get_ydata()[0]: line for line in axes.lines if line.get_marker() not in ("None", "")}
    assert [marks[place].get_marker() for place in range(3)] == [">", "<", "o"]
    assert len({marks[place].get_markerfacecolor() for place in range(3)}) == 3
    assert [marks[place].get_xdata()[0] for place in range(3)] == pytest.approx([5, -5, 1])
    assert any(np.allclose(line.get_xdata(), 0) for line in axes.lines if len(line.get_xdata()) == 2)
    written = words(figure)
    assert "a vs b" in written
    assert "+5.0 (+2.0 to +8.0)" in written
    assert "\N{MINUS SIGN}5.0 (\N{MINUS SIGN}9.0 to \N{MINUS SIGN}1.0)" in written
    for text in ("the first is better", "the second is better", "no significant difference"):
        assert text in written


def test_only_the_verdicts_that_occur_are_explained():
    written = words(scores.differences(made_up.pairs(["a", "b"]).head(1), title="t", score="Accuracy"))
    assert "no significant difference" not in written


def test_losses_are_the_mean_over_folds_with_a_band():
    history = made_up.history(["CNN", "RNN"])
    first = curves.losses(history, title="t").axes[0]
    own = history[history["model"] == "CNN"].groupby("epoch")
    for line, part in zip(first.lines, ["loss", "validation_loss"], strict=True):
        np.testing.assert_allclose(line.get_ydata(), own[part].mean())
    band = first.collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == pytest.approx((2 / 12 + 0.1, 2.3))
    assert first.get_yscale() == "linear"
    assert first.get_ylim()[0] == 0


def test_a_loss_that_would_press_the_others_flat_makes_the_scale_logarithmic():
    history = made_up.history(["CNN", "RNN"])
    history.loc[3, "loss"] = 500.0
    figure = curves.losses(history, title="t")
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    assert "$" not in words(figure)


def test_what_diverged_has_no_curve_and_says_so():
    history = made_up.history(["CNN", "RNN"], lost="RNN")
    history.loc[0, "loss"] = np.inf
    first, second = curves.losses(history, title="t").axes
    assert np.isfinite(first.lines[0].get_ydata()).all()
    assert [text.get_text() for text in second.texts] == ["no result"]


def test_losses_without_validation_are_of_training_alone():
    written = words(curves.losses(made_up.history(["CNN"]).drop(columns="validation_loss"), title="t"))
    assert "training" in written
    assert "validation" not in written
