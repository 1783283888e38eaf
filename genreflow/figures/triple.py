"""Confusion matrices beside each other in one: several models in a cell, or ours less the published one."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from genreflow.figures import confused_pairs, limits, style

_CELL = 0.66  # inches
_LEAST_CELL = 0.4  # that numbers can be read in; many classes make a figure wider than the page
_MARKERS = "osD"
_GREY = "#D9D9D9"
_LESS_AND_MORE = LinearSegmentedColormap.from_list("less and more", [style.PALETTE[5], "#FCFCFC", style.PALETTE[0]])


@style.styled
def triple(rows: pd.DataFrame, *, title: str, level: str) -> Figure:
    """Draw the confusion matrices of two or three models in one (feature_maps study, Table 1).

    True classes go downwards, predicted ones to the right. A cell has a stripe a model, in the order of the key:
    the share of the true class (%), as number and as colour. Where no model puts anything, nothing is written; where
    a model has nothing to show of a true class, its stripe is grey. Of more than `limits.MOST_CLASSES` classes the
    pairs that the models confuse most are drawn, a mark a model.

    Parameters
    ----------
    rows
        A cell of a model a row: ``model, true, predicted, share``, and ``count`` where there are many classes; share
        0..1 of the true class or NaN. Classes stand in the order in which they first come in `true`, then in
        `predicted`.
    level
        What is counted: ``slice`` or ``track``.
    """
    if rows.empty:
        return style.notice(f"{title}: nothing was predicted")
    models, classes = list(dict.fromkeys(rows["model"])), _classes(rows)
    if len(classes) > limits.MOST_CLASSES:
        return _pairs_of_models(rows, models, title=f"{title} ({len(classes):,} classes)", level=level)
    shares = np.stack([100 * _matrix(rows[rows["model"] == model], "share", classes) for model in models])
    figure, axes = _matrix_axes(classes, wide=2.6)
    colours = colormaps["Blues"]
    height = 1 / len(models)
    for (stripe, row, column), share in np.ndenumerate(shares):
        face = _GREY if np.isnan(share) else colours(share / 100)
        corner = (column - 0.5, row - 0.5 + stripe * height)
        axes.add_patch(Rectangle(corner, 1, height, facecolor=face, linewidth=0, in_layout=False))
        if np.nansum(shares[:, row, column]) > 0 and not np.isnan(share):
            colour = style.QUIET if share == 0 else "white" if share > 62 else style.INK
            middle = {"ha": "center", "va": "center_baseline", "color": colour, "fontsize": 7.5, "in_layout": False}
            axes.text(column, corner[1] + height / 2, f"{share:.0f}", **middle)
    axes.set_xlabel("Predicted class")
    axes.set_ylabel(f"True class (share of its {level}s, %)")
    _explain(axes, "In a cell, from top to bottom: " + ", ".join(style.label(model, width=26) for model in models))
    style.title(figure, title)
    return figure


@style.styled
def difference(rows: pd.DataFrame, *, title: str, level: str) -> Figure:
    """Draw a confusion matrix less the published one: percentage points of the true class, and both shares below (%).

    Blue is more than published, orange is less. Where both have nothing, nothing is written; what only one of them
    has is grey. Of more than `limits.MOST_CLASSES` classes the pairs are drawn that differ most.

    Parameters
    ----------
    rows
        A cell a row: ``true, predicted, share, published``; both 0..1 of the true class or NaN. Classes stand in the
        order in which they first come in `true`, then in `predicted`.
    level
        What is counted: ``slice`` or ``track``.
    """
    if rows.empty:
        return style.notice(f"{title}: nothing was predicted")
    classes = _classes(rows)
    if len(classes) > limits.MOST_CLASSES:
        return _pairs_of_both(rows, title=f"{title} ({len(classes):,} classes)", level=level)
    ours, theirs = (100 * _matrix(rows, column, classes) for column in ("share", "published"))
    points = ours - theirs
    figure, axes = _matrix_axes(classes, wide=3.4)
    axes.set_facecolor(_GREY)
    limit = max(10.0, np.nanmax(np.abs(points), initial=0))
    image = axes.imshow(points, cmap=_LESS_AND_MORE, norm=Normalize(-limit, limit))
    for (row, column), value in np.ndenumerate(points):
        if np.isnan(value) or ours[row, column] == theirs[row, column] == 0:
            continue
        colour = {"ha": "center", "color": "white" if abs(value) > 0.7 * limit else style.INK, "in_layout": False}
        number = "0" if abs(value) < 0.5 else f"{value:+.0f}".replace("-", "\N{MINUS SIGN}")
        axes.text(column, row - 0.02, number, va="bottom", fontsize=8.5, **colour)
        axes.text(
            column, row + 0.1, f"{ours[row, column]:.0f} | {theirs[row, column]:.0f}", va="top", fontsize=7, **colour
        )
    axes.set_xlabel("Predicted class")
    axes.set_ylabel(f"True class (share of its {level}s, %)")
    figure.colorbar(image, ax=axes, label="Here minus published (points)", pad=0.03)
    _explain(axes, "In a cell: percentage points more or less than published; below, here | published (%)")
    style.title(figure, title)
    return figure


def _pairs_of_models(rows: pd.DataFrame, models: Sequence[str], *, title: str, level: str) -> Figure:
    cells = rows.pivot_table(index=["true", "predicted"], columns="model", values=["share", "count"], sort=False)
    counts = cells["count"].fillna(0).sum(axis=1).rename("count").reset_index()
    pairs = confused_pairs.confused(counts)
    chosen = pd.MultiIndex.from_frame(pairs[["true", "predicted"]])
    shares = cells["share"].reindex(index=chosen, columns=models).fillna(0)
    looks = {
        model: {"color": style.PALETTE[place], "marker": _MARKERS[place], "linestyle": "", "markersize": 5.5}
        for place, model in enumerate(models)
    }
    note = f"The {len(pairs)} pairs of classes that these models confuse most, all {level}s together"
    axis = f"Share of the true class's {level}s (%)"
    return confused_pairs.shares_of_pairs(pairs, 100 * shares.to_numpy(), looks, title=title, axis=axis, note=note)


def _pairs_of_both(rows: pd.DataFrame, *, title: str, level: str) -> Figure:
    both = rows.dropna(subset=["share", "published"])
    both = both.assign(apart=(both["share"] - both["published"]).abs())
    pairs = both[both["apart"] > 0].sort_values("apart", ascending=False, kind="stable").head(limits.MOST_ROWS)
    looks = {
        "here": {"color": style.PALETTE[0], "marker": "o", "linestyle": "", "markersize": 5.5},
        "published": style.PUBLISHED,
    }
    note = f"The {len(pairs)} cells that differ most from the published ones: true and predicted class"
    shares = 100 * pairs[["share", "published"]].to_numpy(float)
    axis = f"Share of the true class's {level}s (%)"
    return confused_pairs.shares_of_pairs(pairs, shares, looks, title=title, axis=axis, note=note)


def _classes(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys([*rows["true"], *rows["predicted"]]))


def _matrix(rows: pd.DataFrame, column: str, classes: Sequence[str]) -> np.ndarray:
    table = rows.pivot(index="true", columns="predicted", values=column)
    return table.reindex(index=classes, columns=classes).to_numpy(float)


def _matrix_axes(classes: Sequence[str], *, wide: float) -> tuple[Figure, Axes]:
    """Return a figure, `wide` inches wider than the cells, and its axes with the classes at both."""
    count = len(classes)
    few = count <= 10 and all(len(style.label(name, width=10)) == len(str(name)) <= 10 for name in classes)
    cell = min(_CELL, max(_LEAST_CELL, (style.PAGE - wide) / count))
    size = (max(wide + 3.0, wide + cell * count), (1.8 if few else 2.8) + cell * count)
    figure = Figure(figsize=size, layout="compressed")
    axes = figure.subplots()
    names = [style.label(name, width=10 if few else 22) for name in classes]
    axes.set_xticks(range(count), names, **({} if few else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}))
    axes.set_yticks(range(count), [style.label(name, width=22, lines=2) for name in classes])
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), aspect="equal")
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_axisbelow(False)
    axes.grid(which="minor", color="#B9C6D2", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    return figure, axes


def _explain(axes: Axes, text: str) -> None:
    """Say above the matrix how to read a cell."""
    width = axes.figure.get_figwidth()
    axes.set_title(style.label(text, width=int(14 * (width - 1.6)), lines=3), loc="left", fontsize=8, color=style.QUIET)
