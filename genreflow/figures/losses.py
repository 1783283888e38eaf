"""Loss an epoch, of training and of validation."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from genreflow.figures import curves, style

_MOST_PANELS = 24
_PARTS = {"loss": "training", "validation_loss": "validation"}
_STROKES = {"training": (style.PALETTE[0], "-"), "validation": (style.PALETTE[5], "--")}


@style.styled
def losses(history: pd.DataFrame, *, title: str, unit: str = "cross-entropy, nat") -> Figure:
    """Draw training loss (solid) and validation loss (dashed) an epoch, a panel a model and setting, one scale for all.

    Lines are means over folds, bands reach from the lowest to the highest fold. The scale is logarithmic where the
    largest loss would press the others flat. Of more than
    `_MOST_PANELS` there are the first (western8 study, Figures 3, 11 and 12; tagging study, training).

    Parameters
    ----------
    history
        An epoch of a run a row: ``model, setting, fold, epoch, loss, validation_loss``; NaN or no column where
        there is no validation. `setting` may be "" where a model has but one.
    unit
        Of the loss.
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
    figure = Figure(figsize=(width, height))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, name in zip(panels.flat, names, strict=False):
        _draw(axes, history[history["panel"] == name], parts)
        axes.set_title(style.label(name, width=int(9.5 * width / columns), lines=2), loc="left")
    for axes in panels.flat[len(names) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(0, len(names) - columns) : len(names)]:
        axes.set_xlabel("Epoch")
        axes.tick_params(labelbottom=True)
    _scale(panels[0, 0], history[parts].to_numpy(float))
    figure.supylabel(f"Loss ({unit})", fontsize=style.RC["axes.labelsize"])
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=2)
    style.title(figure, title + (f" (the first {len(names)} of {len(every):,})" if len(every) > len(names) else ""))
    return figure


def _draw(axes: Axes, history: pd.DataFrame, parts: list[str]) -> None:
    long = history.melt(["fold", "epoch"], parts, var_name="series", value_name="value")
    long = long.assign(series=long["series"].map(_PARTS), value=long["value"].where(np.isfinite(long["value"])))
    curves.draw(axes, long, "value", {_PARTS[part]: _STROKES[_PARTS[part]] for part in parts})
    axes.set_xlabel("")
    if long["value"].isna().all():
        axes.text(0.5, 0.5, "no result", transform=axes.transAxes, ha="center", va="center", color=style.QUIET)


def _scale(axes: Axes, values: np.ndarray) -> None:
    known = values[np.isfinite(values)]
    if known.min() > 0 and known.max() > 12 * np.median(known):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, 1.05 * known.max() or 1)
