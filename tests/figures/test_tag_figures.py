"""Curves of tags add up to the areas of the tables; a reliability diagram shows each bin."""

import numpy as np
import pandas as pd
import pytest
import study_tables as made_up
from legible import words
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from genreflow.figures import calibration, style, tagging

TEN = [f"tag {number}" for number in range(10)]
FIFTY = [f"tag {number}" for number in range(50)]


def scored(tags: list[str], clips: int = 400) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return ROC curves, PR curves and areas of random answers that are partly right."""
    rng = np.random.default_rng(0)
    roc, pr, areas = [], [], []
    for tag in tags:
        true = rng.random(clips) < 0.2
        score = rng.normal(size=clips) + 1.2 * true
        false_positives, true_positives, _ = roc_curve(true, score)
        precision, recall, _ = precision_recall_curve(true, score)
        rates = {"false_positive_rate": false_positives, "true_positive_rate": true_positives}
        roc.append(pd.DataFrame({"model": "a", "tag": tag, **rates}))
        pr.append(pd.DataFrame({"model": "a", "tag": tag, "recall": recall, "precision": precision}))
        area = {"roc_auc": roc_auc_score(true, score), "pr_auc": average_precision_score(true, score)}
        areas.append({"model": "a", "tag": tag, **area, "share": true.mean()})
    return pd.concat(roc), pd.concat(pr), pd.DataFrame(areas)


def mean_line(axes):
    [line] = [line for line in axes.lines if line.get_linewidth() > 2]
    return line


def test_the_area_under_the_mean_curve_is_the_mean_of_the_areas():
    roc, pr, areas = scored(TEN)
    line = mean_line(tagging.roc_curves(roc, areas, title="t").axes[0])
    assert np.trapezoid(*line.get_data()[::-1]) == pytest.approx(areas["roc_auc"].mean(), abs=0.003)
    line = mean_line(tagging.pr_curves(pr, areas, title="t").axes[0])
    recall, precision = line.get_data()
    steps = np.sum(np.diff(recall) * precision[1:])  # as average precision adds them up
    assert steps == pytest.approx(areas["pr_auc"].mean(), abs=0.003)


def test_a_precision_holds_from_the_recall_before_it():
    curve = pd.DataFrame({"model": "a", "tag": "x", "recall": [1, 0.5, 0], "precision": [0.4, 0.8, 1.0]})
    areas = pd.DataFrame({"model": ["a"], "tag": ["x"], "pr_auc": [0.6], "share": [0.4]})
    line = tagging.pr_curves(curve, areas, title="t").axes[0].lines[0]
    height = dict(zip(line.get_xdata().round(3), line.get_ydata(), strict=True))
    assert (height[0.25], height[0.5], height[0.505], height[1.0]) == (0.8, 0.8, 0.4, 0.4)
    chance = tagging.pr_curves(curve, areas, title="t", tested="n = 7 tracks").axes[0]
    assert [list(line.get_ydata()) for line in chance.lines if len(line.get_ydata()) == 2] == [[0.4, 0.4]]
    assert chance.get_xlabel() == "Recall (n = 7 tracks)"


def test_ten_tags_have_a_name_an_area_and_a_look_of_their_own():
    curves, areas = made_up.tags(["a", "b"], TEN)
    figure = tagging.roc_curves(curves, areas, title="t")
    for axes, model in zip(figure.axes, "ab", strict=True):
        written = [text.get_text() for text in axes.get_legend().get_texts()]
        own = areas[areas["model"] == model]
        assert written[0] == f"mean of 10 tags {own['roc_auc'].mean():.3f}"
        assert written[1:] == [f"{row.tag} {row.roc_auc:.3f}" for row in own.itertuples()]
        looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines if line.get_linewidth() < 2}
        assert len(looks) == 10 + 1  # and chance


def test_of_fifty_tags_the_best_and_the_worst_have_names():
    curves, areas = made_up.tags(["a"], FIFTY)
    [axes] = tagging.pr_curves(curves, areas, title="t").axes
    ranked = areas.set_index("tag")["pr_auc"]
    written = [text.get_text() for text in axes.get_legend().get_texts()]
    assert written[1:] == [
        f"{ranked.idxmax()} {ranked.max():.3f}",
        f"{ranked.idxmin()} {ranked.min():.3f}",
        "the other tags",
    ]
    assert len([line for line in axes.lines if line.get_color() == style.QUIET]) == 48


def test_a_tag_without_positives_is_not_part_of_the_mean():
    curves, areas = made_up.tags(["a"], TEN, lost="tag 3")
    figure = tagging.roc_curves(curves, areas, title="t")
    assert "mean of 9 tags" in words(figure)
    assert "tag 3 no area" in words(figure)
    assert words(tagging.tag_areas(areas, title="t")).count("none") == 2


def test_no_tag_with_positives_leaves_the_panel_empty():
    _, areas = made_up.tags(["a"], TEN)
    curves = made_up.tags(["a"], TEN)[0].head(0)
    figure = tagging.roc_curves(curves, areas.assign(roc_auc=np.nan), title="t")
    assert "mean of" not in words(figure)


def test_a_large_table_makes_a_small_picture():
    """A page holds it as SVG."""
    roc, _, areas = scored(FIFTY[:13], clips=4_000)
    [axes] = tagging.roc_curves(roc, areas, title="t").axes
    assert max(len(line.get_xdata()) for line in axes.lines) <= 201 < len(roc) / 13


def test_bars_of_areas_begin_at_chance():
    _, areas = made_up.tags(["a", "b"], TEN)
    areas.loc[0, "roc_auc"] = 0.3
    roc, pr = tagging.tag_areas(areas, title="t").axes
    assert {bar.get_x() for bar in roc.patches if bar.get_width() > 0} == {0.5}
    assert roc.get_xlim()[0] < 0.3
    assert {bar.get_x() for bar in pr.patches} == {0.0}
    means = areas.groupby("tag")["roc_auc"].mean().sort_values(ascending=False, kind="stable")
    shown = [label.get_text() for label in roc.get_yticklabels()]
    assert [means[tag] for tag in shown] == sorted(means, reverse=True)
    own = areas[areas["model"] == "a"].set_index("tag").loc[shown]
    np.testing.assert_allclose([bar.get_width() for bar in pr.patches][:10], own["pr_auc"])


def test_a_bin_is_drawn_where_its_confidence_and_accuracy_are():
    bins = made_up.bins(["before", "after"])
    figure = calibration.reliability(bins, {"before": 0.123, "after": 0.017}, title="t", level="slice")
    upper, lower = figure.axes
    for line, state in zip(upper.lines[1:], ["before", "after"], strict=True):
        own = bins[(bins["state"] == state) & (bins["count"] > 0)]
        np.testing.assert_allclose(line.get_xdata(), 100 * own["confidence"])
        np.testing.assert_allclose(line.get_ydata(), 100 * own["accuracy"])
    assert [bar.get_height() for bar in lower.patches] == list(bins["count"])
    assert "before: ECE 12.3" in words(figure)
    assert "after: ECE 1.7" in words(figure)
