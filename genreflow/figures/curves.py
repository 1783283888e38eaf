"""Training curves: loss and accuracy an epoch."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from genreflow.figures import limits, style


@style.styled
def training(history: pd.DataFrame, *, title: str) -> Figure:
    """Draw training loss (left) and training slice accuracy (right) an epoch, one colour a model and setting.

    Lines are means over folds, bands reach from the lowest to the highest fold. Of more than `limits.MOST_STROKES`
    there are the first.

    Parameters
    ----------
    history
        An epoch of a run a row: ``model, setting, fold, epoch, loss, accuracy``; accuracy 0..1.
    """
    history = history.assign(
        series=[f"{model}, {setting}" for model, setting in zip(history.model, history.setting, strict=True)]
    )
    every = list(dict.fromkeys(history.series))
    strokes = style.colours(every[: limits.MOST_STROKES])
    figure = Figure(figsize=(9.0, 3.6 + 0.2 * ((len(strokes) + 1) // 2)))
    loss, accuracy = figure.subplots(1, 2)
    draw(loss, history, "loss", strokes)
    draw(accuracy, history.assign(accuracy=100 * history.accuracy), "accuracy", strokes)
    loss.set_ylabel("Training loss (cross-entropy, nat)")
    loss.set_ylim(bottom=0)
    accuracy.set_ylabel("Training slice accuracy (%)")
    accuracy.set_ylim(0, 100)
    figure.legend(*loss.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    style.title(figure, title + (f" (the first {len(strokes)} of {len(every):,})" if len(every) > len(strokes) else ""))
    return figure


def draw(axes: Axes, history: pd.DataFrame, column: str, strokes: Mapping[object, tuple[str, str]]) -> None:
    """Draw `column` of `history` (``series, epoch, …``) per epoch: mean over folds, band from lowest to highest."""
    for series, (colour, dash) in strokes.items():
        epochs = history[history.series == series].groupby("epoch")[column].agg(["mean", "min", "max"])
        epochs = epochs.astype(float)  # a run that diverged at once has no epochs, and nothing no type
        epoch = epochs.index.to_numpy(float)
        axes.fill_between(epoch, epochs["min"], epochs["max"], color=colour, alpha=0.15, linewidth=0)
        marker = "o" if len(epochs) == 1 else None
        name = style.label(series, width=44)
        axes.plot(epoch, epochs["mean"], color=colour, linestyle=dash, marker=marker, label=name)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.grid(axis="y")
