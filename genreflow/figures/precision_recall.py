"""Precision against recall of each class."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from genreflow.figures import limits, style

_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7))
# Pixels of the figure as it is laid out, 100 an inch.
_NAMED = 15  # classes, where there are many
_AWAY = (9, 16, 24, 36, 50, 70, 95)  # between a mark and its name, the nearest first
_MARK = 6.5  # half the side of a mark


@style.styled
def precision_recall(rows: pd.DataFrame, *, title: str, level: str) -> Figure:
    """Draw precision (%) against recall (%) of each class as a dot with its name (western8 study, Figure 13).

    Diamonds are published values; a line leads from each to the dot of its class. Of more than `limits.MOST_CLASSES`
    classes those with the lowest F1 are named alone.

    Parameters
    ----------
    rows
        A class a row: ``class, precision, recall, published_precision, published_recall``; 0..1 or NaN.
    level
        What is classified: ``slice`` or ``track``.
    """
    ours = 100 * rows[["recall", "precision"]].to_numpy(float)
    theirs = 100 * rows[["published_recall", "published_precision"]].to_numpy(float)
    known, published = np.isfinite(ours).all(axis=1), np.isfinite(theirs).all(axis=1)
    if not (known | published).any():
        return style.notice(f"{title}: there is no result")
    figure = Figure(figsize=(6.4, 6.4))
    axes = figure.subplots()
    for place in np.flatnonzero(known & published):
        axes.plot(*zip(ours[place], theirs[place], strict=True), color=style.QUIET, linewidth=0.7, zorder=1)
    axes.plot(*theirs[published].T, **style.PUBLISHED)
    axes.plot(*ours[known].T, "o", color=style.PALETTE[0], markersize=6.5)
    axes.set(xlim=(-4, 104), ylim=(-4, 104), aspect="equal")
    axes.set_xlabel(f"Recall of {level}s (%)")
    axes.set_ylabel(f"Precision of {level}s (%)")
    axes.grid()
    keys = [Line2D([], [], color=style.PALETTE[0], marker="o", linestyle="", label="here")]
    if published.any():
        keys.append(Line2D([], [], label="published", **style.PUBLISHED))
        axes.legend(handles=keys, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.3)
    style.title(figure, title)
    names = np.array([style.label(name, width=20) for name in rows["class"]], object)
    if len(names) > limits.MOST_CLASSES:
        named = _worst(ours)
        axes.set_title(f"Named: the {len(named)} of {len(names):,} classes with the lowest F1", loc="right", fontsize=8)
        ours, theirs, names = ours[named], theirs[named], names[named]
    _write_names(axes, ours, theirs, names)
    return figure


def _worst(points: np.ndarray) -> np.ndarray:
    """Return the places of the points (recall, precision) with the lowest F1, which lie on as many spots."""
    total = points.sum(axis=1)
    f1 = np.divide(2 * points.prod(axis=1), total, out=np.zeros(len(points)), where=total > 0)
    order = np.argsort(np.where(np.isfinite(f1), f1, np.inf), kind="stable")
    _, first = np.unique(points[order].round(1), axis=0, return_index=True)
    return order[np.sort(first)][:_NAMED]


def _write_names(axes: Axes, ours: np.ndarray, theirs: np.ndarray, names: np.ndarray) -> None:
    """Write the name of each point [n, 2] where it covers no mark, no line and no other name.

    A published point has a name where there is none of ours, or where ours cannot be told from another: such points
    share one place for their names. A thin line leads to names that are far off.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        axes.figure.draw_without_rendering()  # which finds where the axes are
        ours, theirs = axes.transData.transform(ours), axes.transData.transform(theirs)
        known, published = np.isfinite(ours).all(axis=1), np.isfinite(theirs).all(axis=1)
        taken = [_boxes(ours[known], _MARK), _boxes(theirs[published], _MARK)]
        taken += [_line(ours[place], theirs[place]) for place in np.flatnonzero(known & published)]
        alone = np.zeros(len(names), bool)
        for together in _groups(ours, np.flatnonzero(known)):
            alone[together] = len(together) == 1
            taken.append(_write(axes, ours[together].mean(axis=0), names[together], np.concatenate(taken), style.INK))
        for together in _groups(theirs, np.flatnonzero(published & ~alone)):
            middle = theirs[together].mean(axis=0)
            taken.append(_write(axes, middle, names[together], np.concatenate(taken), style.QUIET))


def _write(axes: Axes, point: np.ndarray, names: Sequence[str], taken: np.ndarray, colour: str) -> np.ndarray:
    """Write names beside a point (pixels), and return the boxes that they cover."""
    at = axes.transData.inverted().transform(point)
    look = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 8, "color": colour}
    text = axes.annotate("\n".join(names), at, (0, 0), **look)
    # Readers may see it in a wider font.
    size = np.array([1.1, 1]) * text.get_window_extent(FigureCanvasAgg(axes.figure).get_renderer()).size
    offset, covered = _free_place(point, size, taken, axes.bbox.extents)
    text.set_position(offset * 72 / axes.figure.dpi)
    if len(covered) > 1:
        axes.annotate("", at, text.get_position(), textcoords="offset points", arrowprops=_LEAD, zorder=1)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    return covered


_LEAD = {"arrowstyle": "-", "color": style.QUIET, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4}


def _groups(pixels: np.ndarray, places: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of points that lie so near to the first of them that their marks touch."""
    left = list(places)
    while left:
        together = [place for place in left if np.abs(pixels[place] - pixels[left[0]]).max() <= 2 * _MARK]
        yield together
        left = [place for place in left if place not in together]


def _free_place(
    point: np.ndarray, size: np.ndarray, taken: np.ndarray, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the middle of a name is off its point, and the boxes that it and a line to it cover.

    It is the nearest place of those that cover least. All are pixels; boxes [n, 4] are left, bottom, right, top.
    """
    best = None
    for away in _AWAY:
        for direction in np.array(_DIRECTIONS):
            offset = direction * (away + size / 2 * (direction != 0))
            boxes = _boxes(point + offset, size / 2)
            outside = size.prod() - _overlaps(boxes, room[None]).sum()
            if away > _AWAY[1]:
                boxes = np.concatenate([boxes, _line(point, point + direction * away)[2:]])
            cost = _overlaps(boxes, taken).sum() + outside
            if best is None or cost < best[0] - 1e-6:
                best = (cost, offset, boxes)
        if best[0] <= 1e-6:
            break
    return best[1:]


def _boxes(middles: np.ndarray, reach: float | np.ndarray) -> np.ndarray:
    """Return boxes [n, 4] about points."""
    middles = np.atleast_2d(middles)
    return np.concatenate([middles - reach, middles + reach], axis=1)


def _line(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return small boxes along a line."""
    return _boxes(np.linspace(start, end, 12), 1.0)


def _overlaps(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the area that each of some boxes shares with each of others."""
    upper = np.minimum(some[:, None, 2:], others[None, :, 2:])
    return np.clip(upper - np.maximum(some[:, None, :2], others[None, :, :2]), 0, None).prod(axis=2)
