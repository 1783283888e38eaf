"""One experiment: what changing one setting does (psytrance study, Figures 3 to 5)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from genreflow.figures import curves, style

_BAR = 0.5
_MOST_BARS = 24  # that can be named and told apart
# Places within a value's column: folds left and interval right of the middle of the bar, published right of it.
_FOLDS, _INTERVAL, _PUBLISHED = -0.13, 0.1, 0.36


@style.styled
def experiment(
    rows: pd.DataFrame,
    history: pd.DataFrame,
    runs: pd.DataFrame,
    published_curves: pd.DataFrame | None = None,
    *,
    title: str,
    axis: str,
    baseline: float | None = None,
) -> Figure:
    """Draw slice accuracy on test tracks (left, %) and training accuracy an epoch (right, %), one colour a value.

    Left: a bar is the mean over folds, the black interval 95 % over tracks, a dot a fold; a diamond is the
    published mean, its grey whisker the published standard deviation over test files; the dashed line is what
    always answering the commonest class would reach. Right: a line is the mean over folds, its band reaches
    from the lowest to the highest fold; dotted markers are the published curve. Of more than `_MOST_BARS` values there
    are the most accurate.

    Parameters
    ----------
    rows
        A value a row: ``value, model, setting, slice_accuracy, slice_low, slice_high, published_mean,
        published_sd``; accuracies 0..1, NaN where there is none (all runs diverged, nothing published).
    history
        An epoch of a run a row: ``model, setting, fold, epoch, accuracy``.
    runs
        A run a row: ``model, setting, fold, slice_accuracy``.
    published_curves
        ``value, epoch, train_accuracy``.
    axis
        What the values are, with its unit: the label below the bars.
    baseline
        Accuracy of the majority baseline, 0..1; not drawn where it is None or NaN.
    """
    every = len(rows)
    if every > _MOST_BARS:
        kept = rows.slice_accuracy.sort_values(ascending=False, kind="stable", na_position="last").index[:_MOST_BARS]
        rows, title = rows[rows.index.isin(kept)], f"{title} (the {_MOST_BARS} best of {every:,})"
    strokes = style.colours(rows.value)
    figure = Figure(figsize=(min(5.2 + max(4.4, 0.85 * len(rows)), 14.0), 4.6))
    test, train = figure.subplots(1, 2, width_ratios=[max(4.4, 0.85 * len(rows)), 4.4])
    _draw_test(test, rows, runs, strokes, baseline)
    _draw_training(train, rows, history, published_curves, strokes)
    test.set_xlabel(style.label(axis, width=60))
    style.title(figure, title)
    return figure


def _draw_test(axes: Axes, rows: pd.DataFrame, runs: pd.DataFrame, strokes: dict, baseline: float | None) -> None:
    published = rows.published_mean.notna().any()
    for place, row in enumerate(rows.itertuples()):
        colour = strokes[row.value][0]
        middle = place - 0.1 if published else place
        axes.bar(middle, 100 * row.slice_accuracy, width=_BAR, color=colour, alpha=0.55, edgecolor=colour)
        low, high = 100 * row.slice_low, 100 * row.slice_high
        axes.errorbar(
            middle + _INTERVAL, (low + high) / 2, yerr=(high - low) / 2, fmt="none", ecolor=style.INK, capsize=3.5
        )
        folds = runs[(runs.model == row.model) & (runs.setting == row.setting)].slice_accuracy.dropna()
        spread = np.linspace(-0.06, 0.06, len(folds)) if len(folds) > 1 else np.zeros(len(folds))
        dots = {"s": 17, "color": colour, "edgecolor": style.INK, "linewidth": 0.6, "zorder": 3}
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
    if pd.notna(baseline):
        axes.axhline(100 * baseline, color=style.QUIET, linestyle="--", linewidth=1.0)
    _name_values(axes, rows)
    axes.set_ylabel("Test slice accuracy (%)")
    axes.set_ylim(0, 100)
    axes.grid(axis="y")
    _above(axes, _keys(published=published, baseline=pd.notna(baseline)), columns=2)


def _draw_training(
    axes: Axes, rows: pd.DataFrame, history: pd.DataFrame, published_curves: pd.DataFrame | None, strokes: dict
) -> None:
    values = rows[["model", "setting", "value"]]
    named = history.merge(values, on=["model", "setting"]).rename(columns={"value": "series"})
    curves.draw(axes, named.assign(accuracy=100 * named.accuracy), "accuracy", strokes)
    keys = [
        Line2D([], [], color=colour, linestyle=dash, label=style.label(value, width=24))
        for value, (colour, dash) in strokes.items()
    ]
    if published_curves is not None and len(published_curves):
        dotted = {"linestyle": ":", "linewidth": 0.8, "marker": "D", "markersize": 3.5, "markerfacecolor": "white"}
        for value, (colour, _) in strokes.items():
            curve = published_curves[published_curves.value.astype(str) == str(value)].sort_values("epoch")
            axes.plot(curve.epoch, 100 * curve.train_accuracy, color=colour, **dotted)
        keys.append(Line2D([], [], color=style.QUIET, label="published", **dotted))
    axes.set_ylabel("Training slice accuracy (%)")
    axes.set_ylim(0, 100)
    _above(axes, keys, columns=2 if len(keys) <= 12 else 3)


def _name_values(axes: Axes, rows: pd.DataFrame) -> None:
    tilted = len(rows) > 6
    width, lines = (18, 1) if tilted else (52 // len(rows), 3)
    names = [style.label(value, width=width, lines=lines) for value in rows.value]
    numbers = ["no result" if pd.isna(value) else f"{100 * value:.1f} %" for value in rows.slice_accuracy]
    joint = ", " if tilted else "\n"
    labels = [name + joint + number for name, number in zip(names, numbers, strict=True)]
    tilt = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
    axes.set_xticks(range(len(rows)), labels, **tilt)
    margin = max(0.6, 1.6 - 0.5 * len(rows))
    axes.set_xlim(-margin, len(rows) - 1 + margin)
    axes.tick_params(axis="x", length=0)


def _keys(*, published: bool, baseline: bool) -> list[Line2D]:
    keys = [
        Line2D([], [], color=style.INK, marker="|", markersize=11, linestyle="", label="95 % interval over tracks"),
        Line2D([], [], color=style.QUIET, marker="o", markeredgecolor=style.INK, linestyle="", label="a fold"),
    ]
    if baseline:
        keys.append(Line2D([], [], color=style.QUIET, linestyle="--", label="majority baseline"))
    if published:
        look = {"marker": "D", "markerfacecolor": "white", "markeredgecolor": style.INK, "linewidth": 0.8}
        keys.append(Line2D([], [], color=style.QUIET, label="published mean ± SD", **look))
    return keys


def _above(axes: Axes, keys: list[Line2D], *, columns: int) -> None:
    axes.legend(handles=keys, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=columns, borderaxespad=0.3)
