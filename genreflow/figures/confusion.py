"""Confusion matrices."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genreflow.figures import confused_pairs, limits, style

_LEVELS = {"slice": "slices", "track": "tracks"}
_SIDE = 14.4  # inches that the cells of a side take at most


@style.styled
def confusion_matrix(rows: pd.DataFrame, *, level: str, title: str) -> Figure:
    """Draw which classes are taken for which: true classes downwards, predicted classes to the right.

    A cell shows the count and, under it, its share of the true class (%), which is also its colour; empty
    cells stay blank, and a true class without a member is grey. Of more than `limits.MOST_CLASSES` the whole matrix is
    drawn as colors, beside the most confused pairs and how many classes are recognized how well.

    Parameters
    ----------
    rows
        A cell a row: ``true, predicted, count, share``; share 0..1 of the row. Cells that are missing count
        0. Classes stand in the order in which they first come in `true`, then in `predicted`.
    level
        What is counted: ``slice`` or ``track``.
    """
    classes = list(dict.fromkeys([*rows.true, *rows.predicted]))
    counts = _matrix(rows, "count", classes)
    if len(classes) > limits.MOST_CLASSES:
        pairs = confused_pairs.confused(rows)
        return confused_pairs.overview(counts, classes, pairs, title=title, noun=_LEVELS[level])
    shares = 100 * _matrix(rows, "share", classes)
    few = len(classes) <= 8
    tilted = not (few and all(style.label(name, width=10) == name for name in classes))
    cell = 0.78 if few else min(0.54, _SIDE / len(classes))
    size = (3.4 + cell * len(classes), (2.5 if tilted else 1.4) + cell * len(classes))
    figure = Figure(figsize=size, layout="compressed")
    axes = figure.subplots()
    axes.set_facecolor("#D9D9D9")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    _write_cells(axes, counts, shares, size=9.0 if few else 7.0)
    _name_classes(axes, classes, counts.sum(axis=1), tilted=tilted)
    figure.colorbar(image, ax=axes, label="Share of the true class (%)", pad=0.03)
    axes.set_xlabel("Predicted class")
    axes.set_ylabel(f"True class (number of {_LEVELS[level]})")
    style.title(figure, title)
    return figure


def _matrix(rows: pd.DataFrame, column: str, classes: list) -> np.ndarray:
    table = rows.pivot(index="true", columns="predicted", values=column)
    filled = table.reindex(index=classes, columns=classes).to_numpy(float)
    return np.nan_to_num(filled) if column == "count" else filled


def _write_cells(axes: Axes, counts: np.ndarray, shares: np.ndarray, *, size: float) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count == 0:
            continue
        share = shares[row, column]
        colour = "white" if share > 68 else style.INK
        centre = {"ha": "center", "color": colour, "in_layout": False}  # thousands of texts would be measured again
        axes.text(column, row - 0.06, f"{count:,.0f}", va="bottom", fontsize=size, **centre)
        axes.text(column, row + 0.04, f"{share:.0f} %", va="top", fontsize=size - 1.5, **centre)


def _name_classes(axes: Axes, classes: list, totals: np.ndarray, *, tilted: bool) -> None:
    places = range(len(classes))
    names = [style.label(name, width=22, lines=2) for name in classes]
    axes.set_yticks(places, [f"{name} ({total:,.0f})" for name, total in zip(names, totals, strict=True)])
    if tilted:
        names = [style.label(name, width=24) for name in classes]
        axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    else:
        axes.set_xticks(places, classes)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
