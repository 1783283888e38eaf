"""What a network is made of."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.patches import FancyArrowPatch, Polygon
from matplotlib.path import Path

from genreflow.figures import style

# All lengths are inches. The widest figure has 10.3, and stands in its own size on a page of 1,000 pixels.
_COLUMN, _LEFT, _RIGHT, _PER_ROW = 1.15, 0.75, 0.35, 8
_NARROWEST = 6.2
_LONGEST = (0.42, 1.35, 0.5)  # edges: of the most channels or features, the longest time, the most bands
_FLAT = 0.1  # height of a vector, which has no time
_SLANT = (0.72, 0.45)  # right and up, of an edge that leads away from the eye
_LINE = 0.14  # a line of text
_LETTER = 0.06  # a letter of it
_GAP = 0.2  # above a row, for the line that comes from the row before
_LANE = 0.18  # what a skip connection takes above the blocks
_ASIDE = 0.07  # so far beside the middle of a block a skip connection leaves, and comes in
_TITLE = 0.5
_LEGEND = (
    "A block is the output of a layer. Its height is time, its width channels or features, its depth bands: "
    "each edge as the logarithm of the size. Orange: without time; pale: without parameters. "
    "Below it: the layer; channels × time × bands, or features; trainable parameters."
)
_BY_LETTER = " What leaves a row by a letter comes in by the same one."


@dataclass(frozen=True)
class Layer:
    """A layer: its name, the shape of its output, its number of parameters.

    `shape` is (channels, time, bands), or (features,) once the time axis has gone. `joins` is the place in the
    list of an earlier layer whose output is put together with this one's input, or a list of places.
    """

    name: str
    shape: Sequence[int]
    parameters: int = 0
    joins: int | Sequence[int] | None = None

    @property
    def sources(self) -> tuple[int, ...]:
        """The places of the layers that are joined."""
        if self.joins is None:
            return ()
        return (self.joins,) if isinstance(self.joins, int) else tuple(self.joins)


@dataclass(frozen=True)
class _Block:
    """A layer on the paper: the middle of all that it covers; its width, height and depth."""

    layer: Layer
    x: float
    y: float
    edges: tuple[float, float, float]

    @property
    def reach(self) -> tuple[float, float]:
        """How far it goes to either side of its middle, and up and down."""
        width, height, depth = self.edges
        return (width + depth * _SLANT[0]) / 2, (height + depth * _SLANT[1]) / 2

    def top(self, aside: float) -> float:
        """Where it ends above, so far from its middle."""
        depth = self.edges[2]
        share = min(1, max(0, (aside + self.reach[0]) / (depth * _SLANT[0]))) if depth else 1
        return self.y + self.reach[1] - (1 - share) * depth * _SLANT[1]


@dataclass(frozen=True)
class _Skip:
    """A skip connection in a row; or its beginning or end there, with a letter that both have."""

    start: int | None
    end: int | None
    letter: str = ""

    @property
    def span(self) -> tuple[float, float]:
        """From where to where it goes, in columns."""
        if self.end is None:
            return self.start, self.start + 0.5
        return (self.end - 0.5, self.end) if self.start is None else (self.start, self.end)

    def meets(self, other: "_Skip") -> bool:
        """Tell whether both go over the same place."""
        return self.span[0] < other.span[1] and other.span[0] < self.span[1]


@style.styled
def architecture(layers: Sequence[Layer], *, title: str, input_shape: Sequence[int] | None = None) -> Figure:
    """Draw a network from left to right, in rows; the time axis is vertical (psytrance study, Figure 2).

    Below each block stand the layer's name, its shape and its parameters. A line above is a skip connection; from one
    row to another it leads by a letter.

    Parameters
    ----------
    layers
        In the order in which they are called.
    title
        What the network is called; the number of its parameters is put behind it.
    input_shape
        Of a segment as stored, to be the first block: (bands, frames), (samples,) or (features,).
    """
    if not layers:
        return style.notice(f"{title}: there are no layers to draw")
    total = sum(layer.parameters for layer in layers)
    rows = _rows(layers if input_shape is None else _with_input(layers, input_shape))
    width = max(_NARROWEST, _LEFT + _COLUMN * max(len(row.layers) for row in rows) + _RIGHT)
    letters = any(skip.letter for row in rows for skip in row.skips)
    legend = textwrap.wrap(_LEGEND + (_BY_LETTER if letters else ""), int(width * 16))
    height = _TITLE + sum(row.height for row in rows) + _LINE * (len(legend) + 1.5)

    # Not layout="none", which is forgotten once a file has been written.
    figure = Figure(figsize=(width, height), layout=PlaceHolderLayoutEngine(True, False))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    style.title(figure, f"{title}: {f'{total:,}' if total else 'no trainable'} parameters")
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
    """Layers side by side, with what stands above and below them; `first` is the place of the leftmost."""

    first: int
    layers: Sequence[Layer]
    edges: Sequence[tuple[float, float, float]]
    skips: Sequence[_Skip]

    @property
    def lanes(self) -> dict[_Skip, int]:
        """How high each skip connection goes: the short ones low, and no two of a lane side by side."""
        lanes: dict[_Skip, int] = {}
        for skip in sorted(self.skips, key=lambda skip: (skip.span[1] - skip.span[0], skip.span[0])):
            taken = {lane for other, lane in lanes.items() if skip.meets(other)}
            lanes[skip] = next(lane for lane in range(len(self.skips)) if lane not in taken)
        return lanes

    @property
    def headroom(self) -> float:
        """What stands above the blocks."""
        gap = _GAP if self.first else 0.0
        return gap + (_LANE * (1.5 + max(self.lanes.values())) if self.skips else 0.0)

    @property
    def ceiling(self) -> float:
        """The height of the highest block."""
        return max(height + depth * _SLANT[1] for _, height, depth in self.edges)

    @property
    def height(self) -> float:
        """All that the row takes."""
        return self.headroom + self.ceiling + _LINE * (max(len(_words(layer)) for layer in self.layers) + 2)

    def draw(self, axes: Axes, top: float) -> list[_Block]:
        """Draw it from `top` down."""
        roof = top - self.headroom
        middle = roof - self.ceiling / 2
        blocks = [
            _Block(layer, _LEFT + _COLUMN * (column + 0.5), middle, edges)
            for column, (layer, edges) in enumerate(zip(self.layers, self.edges, strict=True))
        ]
        for block in blocks:
            _draw_block(axes, block)
            _draw_words(axes, block, middle - self.ceiling / 2)
        for before, after in pairwise(blocks):
            _draw_line(axes, [(before.x + before.reach[0], middle), (after.x - after.reach[0], middle)])
        for skip, lane in self.lanes.items():
            _draw_skip(axes, skip, blocks, self.first, roof + _LANE * (lane + 1))
        return blocks


def _with_input(layers: Sequence[Layer], shape: Sequence[int]) -> list[Layer]:
    """Return the layers behind a first one that is the input."""
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
    """Break layers into as few rows as hold them, so that few skip connections are cut, and rows are alike."""
    best: list[tuple[tuple[int, int, int], list[range]]] = [((0, 0, 0), [])]
    for stop in range(1, len(layers) + 1):
        cut = sum(source < stop <= place for place, layer in enumerate(layers) for source in layer.sources)
        ways = []
        for start in range(max(0, stop - _PER_ROW), stop):
            (count, cuts, squares), before = best[start]
            ways.append(((count + 1, cuts + cut, squares + (stop - start) ** 2), [*before, range(start, stop)]))
        best.append(min(ways, key=lambda way: way[0]))
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
    """Return the skip connections, and ends of them, in each row."""
    found: list[list[_Skip]] = [[] for _ in ranges]
    row_of = {place: number for number, places in enumerate(ranges) for place in places}
    letters = iter("abcdefghijklmnopqrstuvwxyz" * len(layers))
    for start, end in ((source, place) for place, layer in enumerate(layers) for source in layer.sources):
        if row_of[start] == row_of[end]:
            found[row_of[end]].append(_Skip(start, end))
        else:
            letter = next(letters)
            found[row_of[start]].append(_Skip(start, None, letter))
            found[row_of[end]].append(_Skip(None, end, letter))
    return found


def _words(layer: Layer) -> list[tuple[str, dict]]:
    """Return the lines below a block, with their looks: the name, the shape, the parameters."""
    sizes = layer.shape[:2] if len(layer.shape) == 3 and layer.shape[2] == 1 else layer.shape
    # No line ends within 3 × 3.
    name = style.label(layer.name.replace(" × ", "×"), width=15, lines=4)
    shape = style.label(" × ".join(f"{size:,}" for size in sizes), width=19, lines=2)
    parameters = f"{layer.parameters:,}" if layer.parameters else "–"
    return [
        *((line, {"fontsize": 8, "fontweight": "bold"}) for line in name.split("\n")),
        *((line, {"fontsize": 7.5}) for line in shape.split("\n")),
        (parameters, {"fontsize": 7.5, "color": style.QUIET}),
    ]


def _draw_block(axes: Axes, block: _Block) -> None:
    colour = style.PALETTE[0] if len(block.layer.shape) == 3 else style.PALETTE[1]
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
        axes.add_patch(Polygon(corners, facecolor=_tint(colour, strength * light), edgecolor="white", linewidth=0.4))


def _tint(colour: str, strength: float) -> list[float]:
    """Mix a colour with white."""
    return [1 - strength * (1 - part) for part in to_rgb(colour)]


def _draw_words(axes: Axes, block: _Block, y: float) -> None:
    for number, (line, look) in enumerate(_words(block.layer)):
        axes.text(block.x, y - _LINE * (number + 1.4), line, ha="center", va="baseline", **look)


def _draw_skip(axes: Axes, skip: _Skip, blocks: Sequence[_Block], first: int, y: float) -> None:
    points = []
    if skip.start is not None:
        block = blocks[skip.start - first]
        points += [(block.x + _ASIDE, block.top(_ASIDE)), (block.x + _ASIDE, y)]
    if skip.end is not None:
        block = blocks[skip.end - first]
        points += [(block.x - _ASIDE, y), (block.x - _ASIDE, block.top(-_ASIDE))]
    if skip.letter:
        side = 1 if skip.end is None else -1
        at = (block.x + side * 0.3, y)
        points.insert(len(points) if side > 0 else 0, at)
        axes.text(at[0] + side * 0.03, y, skip.letter, fontsize=8, ha="left" if side > 0 else "right", va="center")
    _draw_line(axes, points)


def _draw_turn(axes: Axes, last: _Block, first: _Block, *, y: float, x: float) -> None:
    """Lead from the end of a row, at the right margin `x` and between the rows at `y`, to the next."""
    left = first.x - _COLUMN * 0.7
    corners = [(x, last.y), (x, y), (left, y), (left, first.y)]
    _draw_line(axes, [(last.x + last.reach[0], last.y), *corners, (first.x - first.reach[0], first.y)])


def _draw_time(axes: Axes, block: _Block) -> None:
    """Name the time axis beside the first block, if it has one that is long enough for the words."""
    if len(block.layer.shape) != 3:
        return
    channels, time, bands = block.layer.shape
    words = f"time ({time:,} {'samples' if channels == bands == 1 else 'frames'})"
    reach = block.reach[1]
    if 2 * reach < _LETTER * len(words):
        return
    x = _LEFT - 0.12
    _draw_line(axes, [(x, block.y + reach), (x, block.y - reach)], style.INK)
    axes.text(x - 0.08, block.y, words, rotation=90, ha="right", va="center", fontsize=8)


def _draw_line(axes: Axes, points: Sequence[tuple[float, float]], colour: str = style.QUIET) -> None:
    """Draw an arrow through points."""
    look = {"arrowstyle": "-|>", "mutation_scale": 7, "color": colour, "linewidth": 0.9, "joinstyle": "round"}
    axes.add_patch(FancyArrowPatch(path=Path(points), shrinkA=0, shrinkB=0, **look))
