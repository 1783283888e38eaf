"""Training curves: loss and accuracy per epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.registry import experiment_figure, study_figure
from genreflow.figures.sources import ExperimentSources, Sources, folds_only

_MOST_PANELS = 24
_PARTS = {"loss": "training", "validation_loss": "validation"}
_STROKES = {"training": (style.PALETTE[0], "-"), "validation": (style.PALETTE[5], "--")}


@style.styled
def training_curves(history: pd.DataFrame, *, title: str) -> mpl.Figure:
    """Draw training loss (left) and training slice accuracy (right) per epoch, one color per model and setting.

    Lines are means over folds, bands reach from the lowest to the highest fold. At most the first
    `style.MOST_STROKES` series are drawn.

    Parameters
    ----------
    history
        One row per epoch of a run: ``model, setting, fold, epoch, loss, accuracy``; accuracy 0..1.
    """
    history = history.assign(series=history["model"].astype(str) + ", " + history["setting"].astype(str))
    every = list(dict.fromkeys(history.series))
    strokes = style.colors(every[: style.MOST_STROKES])
    figure = mpl.Figure(figsize=(9.0, 3.6 + 0.2 * ((len(strokes) + 1) // 2)))
    loss, accuracy = figure.subplots(1, 2)
    draw_folds(loss, history, "loss", strokes)
    draw_folds(accuracy, history.assign(accuracy=100 * history.accuracy), "accuracy", strokes)
    loss.set_ylabel("Training loss (cross-entropy, nat)")
    loss.set_ylim(bottom=0)
    accuracy.set_ylabel("Training slice accuracy (%)")
    accuracy.set_ylim(0, 100)
    figure.legend(*loss.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    style.title(figure, style.chosen(title, "the first {}", len(strokes), len(every)))
    return figure


def draw_folds(axes: mpl.Axes, history: pd.DataFrame, column: str, strokes: Mapping[Any, tuple[str, str]]) -> None:
    """Draw `column` of `history` (``series, epoch, …``) per epoch: mean over folds, band from lowest to highest."""
    for series, (color, dash) in strokes.items():
        epochs = history[history.series == series].groupby("epoch")[column].agg(["mean", "min", "max"])
        epochs = epochs.astype(float)  # no epochs, as of a run that diverged at once, have no type
        epoch = epochs.index.to_numpy(float)
        axes.fill_between(epoch, epochs["min"], epochs["max"], color=color, alpha=0.15, linewidth=0)
        marker = "o" if len(epochs) == 1 else None
        name = style.label(series, width=44)
        axes.plot(epoch, epochs["mean"], color=color, linestyle=dash, marker=marker, label=name)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(mpl.MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.grid(axis="y")


@style.styled
def losses(history: pd.DataFrame, *, title: str) -> mpl.Figure:
    """Draw training loss (solid) and validation loss (dashed) per epoch, one panel per model and setting.

    Lines are means over folds, bands reach from the lowest to the highest fold. All panels share one scale, which is
    logarithmic where the largest loss would press the others flat. At most `_MOST_PANELS` panels are drawn (western8
    study, Figures 3, 11 and 12; tagging study, training).

    Parameters
    ----------
    history
        One row per epoch of a run: ``model, setting, fold, epoch, loss, validation_loss``; NaN or no column without
        validation. `setting` may be "" where a model has one only.
    """
    series = [
        ", ".join(filter(None, map(str, pair))) for pair in zip(history["model"], history["setting"], strict=True)
    ]
    history = history.assign(panel=series)
    parts = [part for part in _PARTS if part in history and np.isfinite(history[part].astype(float)).any()]
    if not parts:
        return style.notice(f"{title}: no epoch was trained")
    every = list(dict.fromkeys(series))
    names = every[:_MOST_PANELS]
    history = history[history["panel"].isin(names)]
    columns = min(len(names), 4 if len(names) > 6 else 3)
    lines = math.ceil(len(names) / columns)
    width, height = (6.2, 3.9) if columns == 1 else (min(style.PAGE, 3.6 * columns), 1.2 + 2.5 * lines)
    figure = mpl.Figure(figsize=(width, height))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        _draw_losses(axes, history[history["panel"] == name], parts)
        axes.set_title(style.label(name, width=int(9.5 * width / columns), lines=2), loc="left")
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(0, len(names) - columns) : len(names)]:
        axes.set_xlabel("Epoch")
        axes.tick_params(labelbottom=True)
    _scale(panels[0, 0], history[parts].to_numpy(float))
    figure.supylabel("Loss (cross-entropy, nat)", fontsize=style.RC["axes.labelsize"])
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2)
    style.title(figure, style.chosen(title, "the first {}", len(names), len(every)))
    return figure


def _draw_losses(axes: mpl.Axes, history: pd.DataFrame, parts: list[str]) -> None:
    long = history.melt(["fold", "epoch"], parts, var_name="series", value_name="value")
    long = long.assign(series=long["series"].map(_PARTS), value=long["value"].where(np.isfinite(long["value"])))
    draw_folds(axes, long, "value", {_PARTS[part]: _STROKES[_PARTS[part]] for part in parts})
    axes.set_xlabel("")
    if long["value"].isna().all():
        axes.text(0.5, 0.5, "no result", transform=axes.transAxes, ha="center", va="center", color=style.QUIET)


def _scale(axes: mpl.Axes, values: np.ndarray) -> None:
    known = values[np.isfinite(values)]
    if known.min() > 0 and known.max() > 12 * np.median(known):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(mpl.StrMethodFormatter("{x:,g}"))
        axes.yaxis.set_minor_formatter(mpl.NullFormatter())
    else:
        axes.set_ylim(0, 1.05 * known.max() or 1)


@study_figure(
    "training",
    section="Results",
    title="Training curves",
    caption="Training loss and training slice accuracy per epoch: mean over folds, and their range.",
    options=lambda study: [{}] if study.has_epochs and not study.experiments else [],
    reads=("history",),
)
def draw_training(sources: Sources) -> mpl.Figure:
    """Draw the curves of all settings of a study without experiments."""
    return training_curves(folds_only(sources.tables["history"]), title=sources.titled("Training"))


@experiment_figure(
    "losses",
    title="losses",
    caption="Training loss (solid) and validation loss (dashed, if any) per epoch: mean over runs, and their range.",
    reads=("history",),
)
def draw_losses(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the losses of each value of an experiment."""
    history = folds_only(experiment.of_settings("history"))
    return losses(history.assign(model=history["name"], setting=""), title=experiment.title)
