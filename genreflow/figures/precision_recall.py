"""Precision against recall of each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.registry import experiment_figure
from genreflow.figures.sources import ExperimentSources, rows_of

_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7))
_LONGEST = 34  # letters of a line of names that share a spot
_NAMED = 15  # classes, where there are many
# Pixels of the figure as it is laid out, 100 per inch.
_AWAY = (9, 16, 24, 36, 50, 70, 95)  # between a mark and its name, the nearest first
_MARK = 6.5  # half the side of a mark


@style.styled
def precision_recall(rows: pd.DataFrame, *, title: str, level: str) -> mpl.Figure:
    """Draw precision (%) against recall (%) of each class as a dot with its name (western8 study, Figure 13).

    Open diamonds are published values; a line leads from each to the dot of its class. Of more than
    `style.MOST_CLASSES` classes, only those with the lowest F1 are named.

    Parameters
    ----------
    rows
        One row per class: ``class, precision, recall, published_precision, published_recall``; 0..1 or NaN.
    level
        The level of the answers: ``slice`` or ``track``.
    """
    ours = 100 * rows[["recall", "precision"]].to_numpy(float)
    theirs = 100 * rows[["published_recall", "published_precision"]].to_numpy(float)
    known, published = np.isfinite(ours).all(axis=1), np.isfinite(theirs).all(axis=1)
    if not (known | published).any():
        return style.notice(f"{title}: there is no result")
    figure = mpl.Figure(figsize=(6.4, 6.4))
    axes = figure.subplots()
    for place in np.flatnonzero(known & published):
        axes.plot(*zip(ours[place], theirs[place], strict=True), color=style.QUIET, linewidth=0.7, zorder=1)
    axes.plot(*theirs[published].T, **style.PUBLISHED)
    axes.plot(*ours[known].T, "o", color=style.PALETTE[0], markersize=6.5)
    axes.set(xlim=(-4, 104), ylim=(-4, 104), aspect="equal")
    axes.set_xlabel(f"Recall of {level}s (%)")
    axes.set_ylabel(f"Precision of {level}s (%)")
    axes.grid()
    if published.any():
        here = style.key("here", color=style.PALETTE[0], marker="o", linestyle="")
        style.legend_above(axes, [here, style.key("published", **style.PUBLISHED)], columns=2)
    style.title(figure, title)
    names = np.array([style.label(name, width=20) for name in rows["class"]], object)
    if len(names) > style.MOST_CLASSES:
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


def _write_names(axes: mpl.Axes, ours: np.ndarray, theirs: np.ndarray, names: np.ndarray) -> None:
    """Write the name of each point [n, 2] where it covers no mark, no line and no other name.

    A published point has a name where there is none of ours, or where ours cannot be told from another: such points
    share one place for their names. A thin line leads to names that are far off.
    """
    with style.missing_glyphs_ignored():
        style.figure_of(axes).draw_without_rendering()  # lays the axes out
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


def _write(axes: mpl.Axes, point: np.ndarray, names: np.ndarray, taken: np.ndarray, color: str) -> np.ndarray:
    """Write names beside a point (pixels), and return the boxes that they cover."""
    x, y = axes.transData.inverted().transform(point)
    look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 8}
    figure = style.figure_of(axes)
    text = axes.annotate(_joined(names), (x, y), (0, 0), color=color, **look)
    # Readers may see it in a wider font.
    size = np.array([1.1, 1]) * text.get_window_extent(mpl.FigureCanvasAgg(figure).get_renderer()).size
    offset, covered = _free_place(point, size, taken, np.array(axes.bbox.extents))
    text.set_position(tuple(offset * 72 / figure.dpi))
    if len(covered) > 1:
        axes.annotate("", (x, y), text.get_position(), textcoords="offset points", arrowprops=_LEAD, zorder=1)
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    return covered


def _joined(names: np.ndarray) -> str:
    """Return the names of points on one spot as text of few lines, which is less in the way than a pile."""
    if len(names) < 3:
        return "\n".join(names)
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) + 2 <= _LONGEST:
            lines[-1] += f", {name}"
        else:
            lines = [*lines[:-1], f"{lines[-1]},", name] if lines else [name]
    return "\n".join(lines)


_LEAD = {"arrowstyle": "-", "color": style.QUIET, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4}


def _groups(pixels: np.ndarray, places: np.ndarray) -> Iterator[list[int]]:
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
    best = np.inf, np.zeros(2), np.empty((0, 4))
    for away in _AWAY:
        for direction in np.array(_DIRECTIONS):
            offset = direction * (away + size / 2 * (direction != 0))
            boxes = _boxes(point + offset, size / 2)
            outside = size.prod() - _overlaps(boxes, room[None]).sum()
            if away > _AWAY[1]:
                boxes = np.concatenate([boxes, _line(point, point + direction * away)[2:]])
            cost = _overlaps(boxes, taken).sum() + outside
            if cost < best[0] - 1e-6:
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


@experiment_figure(
    "precision_recall",
    title="precision and recall",
    caption="Each dot is one class; open diamonds are published values.",
    values="first",
    reads=("classes",),
    crowded=(
        style.MOST_CLASSES,
        "Each dot is one class; those with the lowest F1 have names. Open diamonds are published values.",
    ),
)
def draw_precision_recall(experiment: ExperimentSources) -> mpl.Figure:
    """Draw the classes of the first value of an experiment."""
    classes = rows_of(experiment.of_settings("classes"), level="track")
    published = experiment.study.published.get("classes")
    for score in ("precision", "recall"):
        known = {}
        if published is not None and experiment.rows["published_track"].notna().any():
            rows = rows_of(published, experiment=experiment.name, metric=score)
            known = dict(zip(rows["class"], rows["score"], strict=False))
        classes[f"published_{score}"] = classes["class"].map(known).astype(float)
    return precision_recall(classes, title=experiment.title, level="track")
