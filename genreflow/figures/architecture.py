"""The layers of a network as blocks."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from genreflow.figures import mpl, style
from genreflow.figures.registry import study_figure
from genreflow.figures.sources import Sources
from genreflow.store.runs import read_run

# All lengths are inches.
_COLUMN, _LEFT, _RIGHT, _PER_ROW = 1.15, 0.75, 0.35, 8
_NARROWEST = 6.2
_LONGEST = (0.42, 1.35, 0.5)  # edges of the most channels or features, of the longest time, of the most bands
_FLAT = 0.1  # height of a vector, which has no time axis
_SLANT = (0.72, 0.45)  # right and up, of an edge that points away from the viewer
_LINE = 0.14  # a line of text
_LETTER = 0.06  # width of a letter
_GAP = 0.2  # above a row, for the line from the row before
_LANE = 0.18  # height of a skip connection above the blocks
_ASIDE = 0.07  # from the middle of a block to where skip connections leave and enter
_TITLE = 0.5
_LEGEND = (
    "Each block is the output of a layer. Its height is time, its width channels or features, its depth bands, "
    "each on a logarithmic scale. Orange: no time axis; pale: no parameters. "
    "Below it: the layer; channels × time × bands, or features; trainable parameters."
)
_BY_LETTER = " A skip connection that leaves a row at a letter enters another at the same one."


@dataclass(frozen=True)
class Layer:
    """A layer: its name, the shape of its output, its number of parameters.

    `shape` is (channels, time, bands), or (features,) without a time axis. `joins` is the position of an earlier layer
    in the list whose output is joined with this one's input, or a list of positions.
    """

    name: str
    shape: Sequence[int]
    parameters: int = 0
    joins: int | Sequence[int] | None = None

    @property
    def sources(self) -> tuple[int, ...]:
        """The positions of the layers that are joined."""
        if self.joins is None:
            return ()
        return (self.joins,) if isinstance(self.joins, int) else tuple(self.joins)


@dataclass(frozen=True)
class _Block:
    """A drawn layer: its middle; its width, height and depth."""

    layer: Layer
    x: float
    y: float
    edges: tuple[float, float, float]

    @property
    def reach(self) -> tuple[float, float]:
        """Half its extent to the side, and upwards."""
        width, height, depth = self.edges
        return (width + depth * _SLANT[0]) / 2, (height + depth * _SLANT[1]) / 2

    def top(self, aside: float) -> float:
        """Return the height of its upper edge at a distance from its middle."""
        depth = self.edges[2]
        share = min(1, max(0, (aside + self.reach[0]) / (depth * _SLANT[0]))) if depth else 1
        return self.y + self.reach[1] - (1 - share) * depth * _SLANT[1]


@dataclass(frozen=True)
class _Skip:
    """A skip connection above a row, from column to column.

    One that leads to another row is two halves, each with the same letter: one that only leaves a block, half a column
    long, and one that only enters a block.
    """

    start: float
    end: float
    letter: str = ""
    leaves: bool = True
    enters: bool = True

    def overlaps(self, other: _Skip) -> bool:
        """Return whether both pass over the same column."""
        return self.start < other.end and other.start < self.end


@style.styled
def architecture(layers: Sequence[Layer], *, title: str, input_shape: Sequence[int] | None = None) -> mpl.Figure:
    """Draw a network from left to right, in rows; the time axis is vertical (psytrance study, Figure 2).

    The layer's name, its shape and its parameters stand below each block. A line above is a skip connection; one to
    another row has a letter at both ends.

    Parameters
    ----------
    layers
        In the order in which they are called.
    title
        Name of the network; the number of its parameters is added.
    input_shape
        Shape of a segment as stored, drawn as the first block: (bands, frames), (samples,) or (features,).
    """
    if not layers:
        return style.notice(f"{title}: there are no layers to draw")
    total = sum(layer.parameters for layer in layers)
    rows = _rows(layers if input_shape is None else _with_input(layers, input_shape))
    width = max(_NARROWEST, _LEFT + _COLUMN * max(len(row.layers) for row in rows) + _RIGHT)
    letters = any(skip.letter for row in rows for skip in row.skips)
    legend = textwrap.wrap(_LEGEND + (_BY_LETTER if letters else ""), int(width * 16))
    height = _TITLE + sum(row.height for row in rows) + _LINE * (len(legend) + 1.5)

    # Not layout="none", which Matplotlib forgets once it has written a file.
    figure = mpl.Figure(figsize=(width, height), layout=mpl.PlaceHolderLayoutEngine(True, False))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    style.title(figure, f"{title}: {total:,} parameters" if total else title)
    axes.text(0.1, 0.1, "\n".join(legend), fontsize=7.5, color=style.QUIET, va="bottom", linespacing=1.3)
    top, last = height - _TITLE, None
    for row in rows:
        blocks = row.draw(axes, top)
        if last:
            _draw_turn(axes, last, blocks[0], y=top - _GAP / 2, x=width - _RIGHT / 2)
        else:
            _draw_time(axes, blocks[0])
        top, last = top - row.height, blocks[-1]
    return figure


@dataclass(frozen=True)
class _Row:
    """Layers side by side, with their skip connections and texts; `first` is the position of the leftmost layer."""

    first: int
    layers: Sequence[Layer]
    edges: Sequence[tuple[float, float, float]]
    skips: Sequence[_Skip]

    @property
    def lanes(self) -> dict[_Skip, int]:
        """The height of each skip connection, counted in lanes: short ones are low, and none overlap in a lane."""
        lanes: dict[_Skip, int] = {}
        for skip in sorted(self.skips, key=lambda skip: (skip.end - skip.start, skip.start)):
            taken = {lane for other, lane in lanes.items() if skip.overlaps(other)}
            lanes[skip] = next(lane for lane in range(len(self.skips)) if lane not in taken)
        return lanes

    @property
    def headroom(self) -> float:
        """The room above the blocks."""
        gap = _GAP if self.first else 0.0
        return gap + (_LANE * (1.5 + max(self.lanes.values())) if self.skips else 0.0)

    @property
    def ceiling(self) -> float:
        """The height of the highest block."""
        return max(height + depth * _SLANT[1] for _, height, depth in self.edges)

    @property
    def height(self) -> float:
        """The height of the row with its texts."""
        return self.headroom + self.ceiling + _LINE * (max(len(_lines(layer)) for layer in self.layers) + 2)

    def draw(self, axes: mpl.Axes, top: float) -> list[_Block]:
        """Draw it from `top` down."""
        roof = top - self.headroom
        middle = roof - self.ceiling / 2
        blocks = [
            _Block(layer, _LEFT + _COLUMN * (column + 0.5), middle, edges)
            for column, (layer, edges) in enumerate(zip(self.layers, self.edges, strict=True))
        ]
        for block in blocks:
            _draw_block(axes, block)
            _draw_text(axes, block, middle - self.ceiling / 2)
        for before, after in pairwise(blocks):
            _draw_line(axes, [(before.x + before.reach[0], middle), (after.x - after.reach[0], middle)])
        for skip, lane in self.lanes.items():
            _draw_skip(axes, skip, blocks, self.first, roof + _LANE * (lane + 1))
        return blocks


def _with_input(layers: Sequence[Layer], shape: Sequence[int]) -> list[Layer]:
    """Return the layers after a first one that is the input."""
    if len(shape) == 2:
        shape = (1, shape[1], shape[0])
    elif len(layers[0].shape) == 3:
        shape = (1, shape[0], 1)
    moved = [replace(layer, joins=[place + 1 for place in layer.sources]) for layer in layers]
    return [Layer("input", shape), *moved]


def _rows(layers: Sequence[Layer]) -> list[_Row]:
    ranges = _break(layers)
    edges = _edges(layers)
    skips = _skips(layers, ranges)
    return [
        _Row(places.start, layers[places.start : places.stop], edges[places.start : places.stop], row_skips)
        for places, row_skips in zip(ranges, skips, strict=True)
    ]


def _break(layers: Sequence[Layer]) -> list[range]:
    """Break layers into the fewest rows; of all ways that which cuts fewest skip connections, then the most even."""
    best: list[tuple[tuple[int, int, int], list[range]]] = [((0, 0, 0), [])]
    for stop in range(1, len(layers) + 1):
        cut = sum(source < stop <= place for place, layer in enumerate(layers) for source in layer.sources)
        candidates = []
        for start in range(max(0, stop - _PER_ROW), stop):
            (count, cuts, squares), before = best[start]
            candidates.append(((count + 1, cuts + cut, squares + (stop - start) ** 2), [*before, range(start, stop)]))
        best.append(min(candidates, key=lambda candidate: candidate[0]))
    return best[-1][1]


def _edges(layers: Sequence[Layer]) -> list[tuple[float, float, float]]:
    """Return width, height and depth of each block."""
    shapes = [tuple(layer.shape) if len(layer.shape) == 3 else (layer.shape[0], 0, 1) for layer in layers]
    largest = [max(1, *sizes) for sizes in zip(*shapes, strict=True)]
    edges = []
    for shape in shapes:
        width, height, depth = (
            longest * math.log1p(size) / math.log1p(most)
            for size, most, longest in zip(shape, largest, _LONGEST, strict=True)
        )
        edges.append((width, height or _FLAT, depth if shape[2] > 1 else 0.0))
    return edges


def _skips(layers: Sequence[Layer], ranges: Sequence[range]) -> list[list[_Skip]]:
    """Return the skip connections, or their halves, in each row."""
    rows: list[list[_Skip]] = [[] for _ in ranges]
    row_of = {place: number for number, places in enumerate(ranges) for place in places}
    letters = iter("abcdefghijklmnopqrstuvwxyz" * len(layers))
    for start, end in ((source, place) for place, layer in enumerate(layers) for source in layer.sources):
        if row_of[start] == row_of[end]:
            rows[row_of[end]].append(_Skip(start, end))
        else:
            letter = next(letters)
            rows[row_of[start]].append(_Skip(start, start + 0.5, letter, enters=False))
            rows[row_of[end]].append(_Skip(end - 0.5, end, letter, leaves=False))
    return rows


def _lines(layer: Layer) -> list[tuple[str, dict[str, Any]]]:
    """Return the lines below a block and their looks: name, shape, parameters."""
    sizes = layer.shape[:2] if len(layer.shape) == 3 and layer.shape[2] == 1 else layer.shape
    # "3×3" in one word, which no line break splits.
    name = style.label(layer.name.replace(" × ", "×"), width=15, lines=4)
    shape = style.label(" × ".join(f"{size:,}" for size in sizes), width=19, lines=2)
    parameters = f"{layer.parameters:,}" if layer.parameters else "–"
    return [
        *((line, {"fontsize": 8, "fontweight": "bold"}) for line in name.split("\n")),
        *((line, {"fontsize": 7.5}) for line in shape.split("\n")),
        (parameters, {"fontsize": 7.5, "color": style.QUIET}),
    ]


def _draw_block(axes: mpl.Axes, block: _Block) -> None:
    color = style.PALETTE[0] if len(block.layer.shape) == 3 else style.PALETTE[1]
    strength = 0.8 if block.layer.parameters else 0.35
    width, height, depth = block.edges
    back = np.array([depth * _SLANT[0], depth * _SLANT[1]])
    corner = np.array([block.x - block.reach[0], block.y - block.reach[1]])
    right, up = np.array([width, 0]), np.array([0, height])
    faces = [(corner, right, up, 1.0)]
    if depth:
        faces += [(corner + up, right, back, 0.65), (corner + right, back, up, 1.25)]
    for start, one, other, light in faces:
        corners = [start, start + one, start + one + other, start + other]
        axes.add_patch(mpl.Polygon(corners, facecolor=_tint(color, strength * light), edgecolor="white", linewidth=0.4))


def _tint(color: str, strength: float) -> list[float]:
    """Mix a color with white."""
    return [1 - strength * (1 - part) for part in mpl.to_rgb(color)]


def _draw_text(axes: mpl.Axes, block: _Block, y: float) -> None:
    for number, (line, look) in enumerate(_lines(block.layer)):
        axes.text(block.x, y - _LINE * (number + 1.4), line, ha="center", va="baseline", **look)


def _draw_skip(axes: mpl.Axes, skip: _Skip, blocks: Sequence[_Block], first: int, y: float) -> None:
    points = []
    if skip.leaves:
        block = blocks[int(skip.start) - first]
        points += [(block.x + _ASIDE, block.top(_ASIDE)), (block.x + _ASIDE, y)]
    if skip.enters:
        block = blocks[int(skip.end) - first]
        points += [(block.x - _ASIDE, y), (block.x - _ASIDE, block.top(-_ASIDE))]
    if skip.letter:
        side = 1 if skip.leaves else -1
        at = (block.x + side * 0.3, y)
        points.insert(len(points) if side > 0 else 0, at)
        axes.text(at[0] + side * 0.03, y, skip.letter, fontsize=8, ha="left" if side > 0 else "right", va="center")
    _draw_line(axes, points)


def _draw_turn(axes: mpl.Axes, last: _Block, first: _Block, *, y: float, x: float) -> None:
    """Draw the line from the end of a row, through the right margin at `x` and between the rows at `y`, to the next."""
    left = first.x - _COLUMN * 0.7
    corners = [(x, last.y), (x, y), (left, y), (left, first.y)]
    _draw_line(axes, [(last.x + last.reach[0], last.y), *corners, (first.x - first.reach[0], first.y)])


def _draw_time(axes: mpl.Axes, block: _Block) -> None:
    """Label the time axis of the first block, if it is long enough for the text."""
    if len(block.layer.shape) != 3:
        return
    channels, time, bands = block.layer.shape
    text = f"time ({time:,} {'samples' if channels == bands == 1 else 'frames'})"
    reach = block.reach[1]
    if 2 * reach < _LETTER * len(text):
        return
    x = _LEFT - 0.12
    _draw_line(axes, [(x, block.y + reach), (x, block.y - reach)], style.INK)
    axes.text(x - 0.08, block.y, text, rotation=90, ha="right", va="center", fontsize=8)


def _draw_line(axes: mpl.Axes, points: Sequence[tuple[float, float]], color: str = style.QUIET) -> None:
    """Draw an arrow through points."""
    look: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 7,
        "color": color,
        "linewidth": 0.9,
        "joinstyle": "round",
    }
    axes.add_patch(mpl.FancyArrowPatch(path=mpl.Path(points), shrinkA=0, shrinkB=0, **look))


@study_figure(
    "architecture",
    section="Architecture",
    title="Architecture of {model}",
    caption="Each block is the output of a layer, the time axis vertical; an arc is a skip connection.",
    options=lambda study: ({"model": name} for name in study.networks),
    reads=("run",),
)
def draw_architecture(sources: Sources, *, model: str) -> mpl.Figure:
    """Draw the layers that the first run of a model recorded."""
    run = next(run for run in sources.study["runs"] if run["model"] == model)
    facts = read_run(sources.folder / run["path"], key=run.get("key"))
    return architecture(
        [Layer(**layer) for layer in facts["layers"]], title=sources.name_of(model), input_shape=facts["input_shape"]
    )
