"""The values of one experiment: test accuracy and training curves (psytrance study, Figures 3 to 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.curves import draw_folds
from genreflow.figures.registry import experiment_figure
from genreflow.figures.sources import ExperimentSources, folds_only, rows_of

Strokes = dict[Any, tuple[str, str]]

_BAR = 0.5
_MOST_BARS = 24  # that have room for their names
# Positions within a value's column: folds left and interval right of the middle of the bar, published right of it.
_FOLDS, _INTERVAL, _PUBLISHED = -0.13, 0.1, 0.36


@style.styled
def accuracies(
    rows: pd.DataFrame,
    history: pd.DataFrame,
    runs: pd.DataFrame,
    published_curves: pd.DataFrame | None = None,
    *,
    title: str,
    axis: str,
    baseline: float | None = None,
    tested: str = "",
) -> mpl.Figure:
    """Draw test slice accuracy (left, %) and training slice accuracy per epoch (right, %), one color per value.

    Left: each bar is the mean over folds, each dot one fold, the black whisker the 95 % interval over groups. Open
    diamonds are published means, with the published standard deviation over test files in gray. The dashed line is the
    majority baseline. Right: lines are means over folds, bands reach from the lowest to the highest fold, dotted
    markers are the published curve. Of more than `_MOST_BARS` values the most accurate are drawn.

    Parameters
    ----------
    rows
        One row per value: ``value, model, setting, slice_accuracy, slice_low, slice_high, published_mean,
        published_sd``; accuracies 0..1, NaN where there is none (all runs diverged,
        nothing published).
    history
        One row per epoch of a run: ``model, setting, fold, epoch, accuracy``.
    runs
        One row per run: ``model, setting, fold, slice_accuracy``.
    published_curves
        ``value, epoch, train_accuracy``.
    axis
        The label below the bars, with its unit.
    baseline
        Accuracy of the majority baseline, 0..1; not drawn where it is None or NaN.
    tested
        How many tracks were tested, for the axis: ``n = 40 tracks``.
    """
    every = len(rows)
    if every > _MOST_BARS:
        kept = rows.slice_accuracy.sort_values(ascending=False, kind="stable", na_position="last").index[:_MOST_BARS]
        rows = rows[rows.index.isin(kept)]
    strokes = style.colors(rows.value)
    baseline = None if baseline is None or np.isnan(baseline) else baseline
    figure = mpl.Figure(figsize=(min(5.2 + max(4.4, 0.85 * len(rows)), 14.0), 4.6))
    test, train = figure.subplots(1, 2, width_ratios=[max(4.4, 0.85 * len(rows)), 4.4])
    _draw_test(test, rows, runs, strokes, baseline)
    _draw_training(train, rows, history, published_curves, strokes)
    test.set_xlabel("\n".join(filter(None, [style.label(axis, width=60), tested])))
    style.title(figure, style.chosen(title, "the {} best", len(rows), every))
    return figure


def _draw_test(
    axes: mpl.Axes, rows: pd.DataFrame, runs: pd.DataFrame, strokes: Strokes, baseline: float | None
) -> None:
    published = rows.published_mean.notna().any()
    for place, row in enumerate(rows.itertuples()):
        color = strokes[row.value][0]
        middle = place - 0.1 if published else place
        axes.bar(middle, 100 * row.slice_accuracy, width=_BAR, color=color, alpha=0.55, edgecolor=color)
        low, high = 100 * row.slice_low, 100 * row.slice_high
        axes.errorbar(
            middle + _INTERVAL, (low + high) / 2, yerr=(high - low) / 2, fmt="none", ecolor=style.INK, capsize=3.5
        )
        folds = runs[(runs.model == row.model) & (runs.setting == row.setting)].slice_accuracy.dropna()
        spread = np.linspace(-0.06, 0.06, len(folds)) if len(folds) > 1 else np.zeros(len(folds))
        dots: dict[str, Any] = {"s": 17, "color": color, "edgecolor": style.INK, "linewidth": 0.6, "zorder": 3}
        axes.scatter(middle + _FOLDS + spread, 100 * folds, **dots)
        axes.errorbar(
            place + _PUBLISHED - 0.06,
            100 * row.published_mean,
            yerr=None if pd.isna(row.published_sd) else 100 * row.published_sd,
            fmt="D",
            markersize=5.5,
            color="white",
            markeredgecolor=style.INK,
            ecolor=style.QUIET,
            elinewidth=0.8,
        )
    if baseline is not None:
        axes.axhline(100 * baseline, color=style.QUIET, linestyle="--", linewidth=1.0)
    _name_values(axes, rows)
    axes.set_ylabel("Test slice accuracy (%)")
    axes.set_ylim(0, 100)
    axes.grid(axis="y")
    style.legend_above(axes, _keys(published=published, baseline=baseline is not None), columns=2)


def _draw_training(
    axes: mpl.Axes,
    rows: pd.DataFrame,
    history: pd.DataFrame,
    published_curves: pd.DataFrame | None,
    strokes: Strokes,
) -> None:
    values = rows[["model", "setting", "value"]]
    named = history.merge(values, on=["model", "setting"]).rename(columns={"value": "series"})
    draw_folds(axes, named.assign(accuracy=100 * named.accuracy), "accuracy", strokes)
    keys = [
        style.key(style.label(value, width=24), color=color, linestyle=dash) for value, (color, dash) in strokes.items()
    ]
    if published_curves is not None and len(published_curves):
        dotted: dict[str, Any] = {
            "linestyle": ":",
            "linewidth": 0.8,
            "marker": "D",
            "markersize": 3.5,
            "markerfacecolor": "white",
        }
        for value, (color, _) in strokes.items():
            curve = published_curves[published_curves.value.astype(str) == str(value)].sort_values("epoch")
            axes.plot(curve.epoch, 100 * curve.train_accuracy, color=color, **dotted)
        keys.append(style.key("published", color=style.QUIET, **dotted))
    axes.set_ylabel("Training slice accuracy (%)")
    axes.set_ylim(0, 100)
    style.legend_above(axes, keys, columns=2 if len(keys) <= 12 else 3)


def _name_values(axes: mpl.Axes, rows: pd.DataFrame) -> None:
    tilted = len(rows) > 6
    width, lines = (18, 1) if tilted else (52 // len(rows), 3)
    names = [style.label(value, width=width, lines=lines) for value in rows.value]
    numbers = ["no result" if pd.isna(value) else f"{100 * value:.1f} %" for value in rows.slice_accuracy]
    joint = ", " if tilted else "\n"
    labels = [name + joint + number for name, number in zip(names, numbers, strict=True)]
    tilt: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
    axes.set_xticks(range(len(rows)), labels, **tilt)
    margin = max(0.6, 1.6 - 0.5 * len(rows))
    axes.set_xlim(-margin, len(rows) - 1 + margin)
    axes.tick_params(axis="x", length=0)


def _keys(*, published: bool, baseline: bool) -> list[mpl.Line2D]:
    keys = [
        style.key("95 % interval over groups", color=style.INK, marker="|", markersize=11, linestyle=""),
        style.key("a fold", color=style.QUIET, marker="o", markeredgecolor=style.INK, linestyle=""),
    ]
    if baseline:
        keys.append(style.key("majority baseline", color=style.QUIET, linestyle="--"))
    if published:
        look = {"marker": "D", "markerfacecolor": "white", "markeredgecolor": style.INK, "linewidth": 0.8}
        keys.append(style.key("published mean ± SD", color=style.QUIET, **look))
    return keys


@experiment_figure(
    "bars",
    title="accuracies and training",
    caption=(
        "Left: each bar is the mean slice accuracy over folds, each dot one fold; the black whisker is the 95 % "
        "interval over groups (albums or artists; over tracks if none are known). Open diamonds are published means, "
        "with their standard deviation over test files. The dashed line is the majority baseline. Right: training "
        "accuracy per epoch and its range over folds; dotted markers are published values."
    ),
    reads=("history", "runs"),
)
def draw_bars(experiment: ExperimentSources) -> mpl.Figure:
    """Draw accuracies and training curves of the values of an experiment."""
    curves = experiment.study.published.get("curves")
    return accuracies(
        experiment.rows,
        folds_only(experiment.tables["history"]),
        folds_only(experiment.tables["runs"]),
        None if curves is None else rows_of(curves, experiment=experiment.name),
        title=experiment.title,
        axis=experiment.axis,
        baseline=experiment.baseline,
        tested=experiment.tested,
    )
