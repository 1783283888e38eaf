"""Drawings of how something works: the plane of moods, the fusion of two networks, the course of an experiment."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from genreflow.figures import style

# All lengths are inches.
_TITLE = 0.5
_MARGIN = 0.25
_LINE = 0.155
_LETTER = 0.068
_GAP = 0.42  # between columns, for the arrows
_BETWEEN = 0.22  # between boxes of a column
_WIDEST = 1.9  # of a box
_PALE = ("#DCEBF5", "#FBEBCB", "#D5EEE4", "#F5E3EE")
_CELL = 0.085
_SHOWN_CLIPS, _SHOWN_CLASSES = 18, 12


@style.styled
def quadrants(moods: Mapping[str, Sequence[str]], *, title: str) -> Figure:
    """Draw the plane of valence and arousal with the moods of each quarter (genre_mood study, Figure 1).

    Parameters
    ----------
    moods
        Four names of quarters with up to eight moods in each: upper right (happy), upper left (angry), lower left
        (sad), lower right (calm), as the quadrants are numbered.
    """
    reach = 2.1
    figure, axes = _paper(6.8, 2 * reach + _TITLE + 1.0, title)
    middle = np.array([3.4, reach + 0.42])
    corners = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    for corner, (name, words), colour in zip(corners, moods.items(), _PALE, strict=True):
        low = middle + np.minimum(corner, 0) * reach
        axes.add_patch(FancyBboxPatch(low + 0.06, reach - 0.12, reach - 0.12, facecolor=colour, **_FRAMELESS))
        lines = [style.label(word, width=24) for word in words][:8]
        x, y = middle + np.array(corner) * reach / 2 + (0, _LINE * (len(lines) + 0.6) / 2)
        axes.text(x, y, style.label(name, width=22, lines=2), fontweight="bold", ha="center", va="bottom")
        axes.text(x, y - 0.08, "\n".join(lines), ha="center", va="top", linespacing=1.25)
    for end, words, sides in (
        ((1, 0), ("negative\nvalence", "positive\nvalence"), ({"ha": "right"}, {"ha": "left"})),
        ((0, 1), ("low arousal", "high arousal"), ({"va": "top"}, {"va": "bottom"})),
    ):
        ends = [middle + np.array(end) * side * (reach + 0.12) for side in (-1, 1)]
        _arrow(axes, *ends)
        for side, at, text, look in zip((-1, 1), ends, words, sides, strict=True):
            axes.text(*at + np.array(end) * side * 0.05, text, **_SMALL | look)
    return figure


@style.styled
def fusion(networks: Sequence[str], classes: Sequence[str], *, title: str, clips: int = 18) -> Figure:
    """Draw the two ways of joining what two networks say of the clips of a song (feature_maps study, Figure 2).

    FUSION1 takes the mean of every clip of both networks; FUSION2 the mean of both networks a clip, then the majority
    of the clips' decisions. The probabilities are made up, and are joined as described.

    Parameters
    ----------
    networks
        Names of both.
    classes
        Their classes; the first twelve are drawn, and of the clips the first eighteen.
    clips
        Clips of a song.
    """
    shown = (min(clips, _SHOWN_CLIPS), min(len(classes), _SHOWN_CLASSES))
    tall, wide = np.array(shown) * _CELL
    row = max(tall, 0.5) + 1.05
    figure, axes = _paper(9.3, _TITLE + 2 * row, title)
    tables = _made_up(*shown)
    mean = tables.mean(axis=0)
    middle, decided, answer = 4.4, 6.7, 8.5
    for place, fused in enumerate(("FUSION1", "FUSION2")):
        y = figure.get_figheight() - _TITLE - 0.5 - max(tall, 0.5) / 2 - place * row
        axes.text(0.2, y + tall / 2 + 0.38, fused, fontweight="bold", va="center")
        end = _draw_networks(axes, tables, networks, y)
        words = f"{clips:,} clips (rows), {len(classes):,} classes (columns)"
        axes.text((0.2 + end) / 2, y - tall / 2 - 0.13, words, **_SMALL)
        _arrow(axes, (end, y), (middle - wide / 2 - 0.12, y))
        if fused == "FUSION1":
            means = mean.mean(axis=0, keepdims=True)
            chosen = means.argmax()
            _draw_table(axes, means, middle, y, f"mean of 2 × {clips:,} rows")
            _arrow(axes, (middle + wide / 2 + 0.12, y), (answer - 0.55, y), words="largest mean")
        else:
            decisions = mean.argmax(axis=1)
            chosen = np.bincount(decisions).argmax()
            _draw_table(axes, mean, middle, y, "mean of both, clip by clip")
            _arrow(axes, (middle + wide / 2 + 0.12, y), (decided - wide / 2 - 0.12, y))
            _draw_table(axes, np.eye(shown[1])[decisions], decided, y, "decision a clip")
            _arrow(axes, (decided + wide / 2 + 0.12, y), (answer - 0.55, y))
            axes.text(answer, y - 0.33, "majority vote", **_SMALL)
        _box(axes, (answer, y), (1.0, 0.36), style.label(classes[chosen], width=12), _PALE[1])
    return figure


@style.styled
def workflow(boxes: Mapping[str, str], arrows: Sequence[tuple[str, str]], *, title: str) -> Figure:
    """Draw steps as boxes from left to right, and arrows from each to those that need it (tagging study, 3.2.1).

    A box stands in the column after the last one that leads to it. An arrow that passes a column goes between its
    boxes.

    Parameters
    ----------
    boxes
        What is written in each box, by a name for the arrows; boxes of a column stand in this order.
    arrows
        From which box to which; without circles, and at most seven boxes one after the other.

    Raises
    ------
    ValueError
        When the arrows lead in a circle, to nowhere, or through more than seven columns.
    """
    columns, paths = _columns(list(boxes), arrows)
    if len(columns) > 7:
        raise ValueError(f"there are {len(columns)} boxes one after the other; at most seven can be drawn")
    room = (style.PAGE - 2 * _MARGIN - _GAP * (len(columns) - 1)) / len(columns)
    wide = min(room, _WIDEST)
    texts = {name: style.label(text, width=int((wide - 0.2) / _LETTER), lines=5) for name, text in boxes.items()}
    tall = {name: _LINE * (texts[name].count("\n") + 1) + 0.2 if name in texts else 0.0 for c in columns for name in c}
    heights = [sum(tall[name] for name in column) + _BETWEEN * (len(column) - 1) for column in columns]
    width = 2 * _MARGIN + wide * len(columns) + _GAP * (len(columns) - 1)
    figure, axes = _paper(max(4.5, width), max(heights) + _TITLE + _MARGIN, title)
    places = {}
    for number, (column, height) in enumerate(zip(columns, heights, strict=True)):
        y = _MARGIN + (max(heights) + height) / 2
        for name in column:
            places[name] = np.array([_MARGIN + wide / 2 + number * (wide + _GAP), y - tall[name] / 2])
            y -= tall[name] + _BETWEEN
            if name in texts:
                _box(axes, places[name], (wide, tall[name]), texts[name], _PALE[number % len(_PALE)])
    half = np.array([wide / 2, 0])
    for path in paths:
        # Straight through the columns that it passes, and straight ahead where it begins and ends.
        points = [side for name in path for side in (places[name] - half, places[name] + half)][1:-1]
        _curve(axes, points)
    return figure


_MIDDLE = {"ha": "center", "va": "center"}
_SMALL = _MIDDLE | {"fontsize": 8, "color": style.QUIET}
_FRAMELESS = {"edgecolor": "none", "boxstyle": "round,pad=0,rounding_size=0.08"}


def _paper(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    """Return a figure and axes in inches that cover it."""
    # Not layout="none", which is forgotten once a file has been written.
    figure = Figure(figsize=(width, height), layout=PlaceHolderLayoutEngine(True, False))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    style.title(figure, title)
    return figure, axes


def _box(axes: Axes, middle: Sequence[float], size: tuple[float, float], text: str, colour: str) -> None:
    corner = np.array(middle) - np.array(size) / 2
    look = {"facecolor": colour, "edgecolor": style.QUIET, "linewidth": 0.8}
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle="round,pad=0,rounding_size=0.06", **look))
    axes.text(*middle, text, **_MIDDLE, fontsize=8.5, linespacing=1.2)


def _arrow(axes: Axes, start: Sequence[float], end: Sequence[float], words: str = "") -> None:
    axes.add_patch(FancyArrowPatch(tuple(start), tuple(end), **_ARROW))
    if words:
        axes.text((start[0] + end[0]) / 2, start[1] + 0.1, words, **_SMALL)


_ARROW = {
    "arrowstyle": "-|>,head_length=3.5,head_width=2",
    "color": style.QUIET,
    "linewidth": 1.1,
    "shrinkA": 0,
    "shrinkB": 0,
}


def _curve(axes: Axes, points: Sequence[np.ndarray]) -> None:
    vertices, codes = [points[0]], [Path.MOVETO]
    for number, (start, end) in enumerate(pairwise(points)):
        if number % 2:  # through a column
            vertices.append(end)
            codes.append(Path.LINETO)
        else:
            bend = np.array([(end[0] - start[0]) / 2, 0])
            vertices += [start + bend, end - bend, end]
            codes += [Path.CURVE4] * 3
    axes.add_patch(FancyArrowPatch(path=Path(vertices, codes), **_ARROW))


def _columns(
    names: Sequence[str], arrows: Sequence[tuple[str, str]]
) -> tuple[list[list[str | tuple]], list[list[str | tuple]]]:
    """Return the columns of boxes, with places for arrows that pass, and what each arrow goes through."""
    if unknown := {name for arrow in arrows for name in arrow} - set(names):
        raise ValueError(f"no box is called {', '.join(sorted(unknown))}")
    column = dict.fromkeys(names, 0)
    for _ in names:
        for start, end in arrows:
            column[end] = max(column[end], column[start] + 1)
    if any(column[end] <= column[start] for start, end in arrows):
        raise ValueError("the arrows lead in a circle")
    columns: list[list] = [[name for name in names if column[name] == c] for c in range(max(column.values()) + 1)]
    paths = []
    for start, end in arrows:
        passed = [(start, end, c) for c in range(column[start] + 1, column[end])]
        for place in passed:
            columns[place[2]].append(place)
        paths.append([start, *passed, end])
    return _untangled(columns, paths), paths


def _untangled(columns: list[list], paths: Sequence[Sequence]) -> list[list]:
    """Put the places of passing arrows, among the boxes, at the height from which they come."""
    before = {later: earlier for path in paths for earlier, later in pairwise(path) if isinstance(later, tuple)}
    for number, column in enumerate(columns[1:], 1):
        earlier = columns[number - 1]
        heights = {name: (earlier.index(before[name]) + 0.5) / len(earlier) for name in column if name in before}
        boxes = [name for name in column if name not in before]
        heights |= {name: (place + 0.5) / len(boxes) for place, name in enumerate(boxes)}
        columns[number] = sorted(column, key=heights.__getitem__)
    return columns


def _made_up(clips: int, classes: int) -> np.ndarray:
    """Return probabilities of both networks, float64 [2, clips, classes]: one class leads, and both err apart."""
    scores = np.random.default_rng(4).normal(0, 1.1, (2, clips, classes))
    scores[:, :, classes // 2] += 1.8
    scores[1, :, classes - 1] += 1.2
    return np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)


def _draw_networks(axes: Axes, tables: np.ndarray, names: Sequence[str], y: float) -> float:
    """Draw the tables of both networks side by side, and return where they end."""
    tall, wide = np.array(tables.shape[1:]) * _CELL
    room = max(wide, 1.1)
    for number, (table, name) in enumerate(zip(tables, names, strict=True)):
        x = 0.2 + room / 2 + number * (room + 0.25)
        _draw_table(axes, table, x, y)
        axes.text(x, y + tall / 2 + 0.12, style.label(name, width=int(room / _LETTER)), **_MIDDLE)
    return x + wide / 2 + 0.12


def _draw_table(axes: Axes, table: np.ndarray, x: float, y: float, words: str = "") -> None:
    """Draw a table about its middle, with words below."""
    tall, wide = np.array(table.shape) * _CELL
    columns = np.linspace(x - wide / 2, x + wide / 2, table.shape[1] + 1)
    rows = np.linspace(y + tall / 2, y - tall / 2, len(table) + 1)
    look = {"cmap": "Blues", "vmin": 0, "vmax": max(0.6, table.max()), "edgecolor": "white", "linewidth": 0.4}
    axes.pcolormesh(columns, rows, table, **look)
    axes.text(x, y - tall / 2 - 0.13, words, **_SMALL)
