"""Figures for print: as wide as a column or a page of a journal, with text that stays legible."""

from __future__ import annotations

import io
import itertools
import os
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from genreflow.figures import mpl
from genreflow.figures.save import compact
from genreflow.figures.style import label, missing_glyphs_ignored, styled
from genreflow.store.atomic import atomic_write, write_text

if TYPE_CHECKING:
    from matplotlib.text import Text

PAGE_MM = 170
SMALLEST, LARGEST = 7.0, 9.0  # of text in print, points
PRINT_DPI = 300
MAX_SIDE = 8_000  # pixels of a PNG, whose dots are larger in a figure of more than 26 inches

_SHRUNK = 0.82  # a text of a figure for the screen becomes so large, within these bounds
_APART = 0.012  # inches: what a line of text claims above its letters
_HEIGHTS = (0.0, 0.35, 0.7, 1.0)  # from the height of a smaller copy to that of the figure for the screen
_TURNS = (None, 35, 90)  # degrees by which names below axes are turned
_LEAST_PANEL = np.array([0.9, 0.45])  # width and height of an axes with ticks, inches


@styled
def save_printed(
    figure: mpl.Figure, paths: Iterable[str | os.PathLike], *, width_mm: int | None = None, key: str = ""
) -> None:
    """Write `figure` as PNG, SVG or PDF by the suffix of each path, atomically; the same figure gives the same bytes.

    With `width_mm` it is changed to fit that width (`fit`).
    """
    with missing_glyphs_ignored():
        if width_mm is not None:
            got = fit(figure, width_mm)
            if got != width_mm:
                print(f"The text does not fit a width of {width_mm} mm; the figure is {got} mm wide.")
        for path in paths:
            _write(figure, path, key)


def _write(figure: mpl.Figure, path: str | os.PathLike, key: str) -> None:
    suffix = os.fspath(path).rpartition(".")[2]
    if suffix == "svg":
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
        write_text(path, compact(written.getvalue()) + f"<!-- key {key} -->\n")
        return
    metadata: dict[str, Any] = {"Software": None, "Key": key}
    if suffix == "pdf":
        metadata = {"CreationDate": None, "Creator": None, "Producer": None, "Keywords": f"key {key}"}
    dpi = min(PRINT_DPI, MAX_SIDE / max(figure.get_size_inches()))
    # The fonts of a PDF are inside it, as journals ask.
    with atomic_write(path) as temporary, mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(temporary, format=suffix, dpi=dpi, metadata=metadata)


@styled
def fit(figure: mpl.Figure, width_mm: int) -> int:
    """Bring `figure` to a width, with text of `SMALLEST` to `LARGEST` points; return the width that it has got (mm).

    Heights, the angle of names below axes and the columns of legends are tried until all text lies on the paper and on
    no other text. What cannot be legible in a column gets the width of a page.
    """
    with warnings.catch_warnings():
        # Of a size that is too small, and is not taken.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        return _tried(_Look(figure), width_mm)


def _tried(look: _Look, width_mm: int) -> int:
    for width in dict.fromkeys((width_mm, PAGE_MM)):
        for stacked, turn, share in itertools.product(look.stacks, look.turns, _HEIGHTS):
            look.resize(width / 25.4, share, turn=turn, stacked=stacked)
            if is_legible(look.figure):
                return width
    look.resize(PAGE_MM / 25.4, 1.0)
    return PAGE_MM


class _Look:
    """The size, texts and panels of a figure as it was drawn, and ways to another size."""

    def __init__(self, figure: mpl.Figure) -> None:
        self.figure = figure
        self.width, self.height = figure.get_size_inches()
        figure.draw_without_rendering()
        every: list[Any] = figure.findobj(_is_text)
        self.texts = [(text, text.get_fontsize()) for text in every]
        self.named = [axes for axes in figure.axes if axes.axison and _has_names(axes.xaxis)]
        self.angles = [axes.get_xticklabels()[0].get_rotation() for axes in self.named]
        self.row = {axes: place for axes in figure.axes if (place := axes.get_subplotspec()) is not None}
        self.columns = max((place.get_gridspec().ncols for place in self.row.values()), default=1)
        self.legends: list[Any] = [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]
        self.legend_columns = [legend._ncols for legend in self.legends]

    @property
    def stacks(self) -> tuple[bool, ...]:
        """Whether panels beside each other can also be below each other."""
        grids = {place.get_gridspec() for place in self.row.values()}
        is_row = len(grids) == 1 and self.columns > 1 and all(grid.nrows == 1 for grid in grids)
        return (False, True) if is_row else (False,)

    @property
    def turns(self) -> tuple[float | None, ...]:
        """Angles to try."""
        return _TURNS if self.named else (None,)

    def resize(self, width: float, share: float, *, turn: float | None = None, stacked: bool = False) -> None:
        """Set the width (inches), the height between that of a copy in scale and the first one, and the rest."""
        figure, columns = self.figure, 1 if stacked else self.columns
        rows = self.columns if stacked else 1
        small = self.height * min(1.0, rows * width / self.width)
        figure.set_size_inches(width, rows * (small + share * max(0.0, self.height - small)))
        grid = figure.add_gridspec(rows, columns) if rows > 1 else None
        for axes, place in self.row.items():
            axes.set_subplotspec(place if grid is None else grid[place.num1])
        for text, size in self.texts:
            text.set_fontsize(min(LARGEST, max(SMALLEST, _SHRUNK * size)))
        for axes, angle in zip(self.named, self.angles, strict=True):
            for name in axes.get_xticklabels():
                _turn(name, angle if turn is None else turn)
        if heading := figure.get_suptitle():
            figure.suptitle(label(heading, width=int(width * 13.5), lines=4), x=0.01, ha="left", fontsize=LARGEST)
        for legend, most in zip(self.legends, self.legend_columns, strict=True):
            _set_columns(legend, most, width if legend in figure.legends else width / columns)


def _turn(name: Text, angle: float) -> None:
    if 0 < angle < 90:
        name.set(rotation=angle, ha="right", rotation_mode="anchor")
    else:
        name.set(rotation=angle, ha="center", rotation_mode="default")


def _set_columns(legend: Any, most: int, width: float) -> None:
    """Give a legend as many columns, `most` at most, as fit into `width` (inches)."""
    figure = legend.get_figure(root=True)
    assert figure is not None
    renderer = mpl.FigureCanvasAgg(figure).get_renderer()
    for columns in range(most, 0, -1):
        legend._ncols = columns
        legend._init_legend_box(legend.legend_handles, [text.get_text() for text in legend.get_texts()])
        legend._set_loc(legend._loc)  # of the new box
        for text in legend.get_texts():
            text.set_fontsize(SMALLEST)
        if legend.get_window_extent(renderer).width / figure.dpi <= width - 0.45:
            break


def is_legible(figure: mpl.Figure) -> bool:
    """Return whether all text lies on the paper and on no other text, and every panel is large enough to read."""
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    renderer = mpl.FigureCanvasAgg(figure).get_renderer()
    dpi = figure.dpi
    panels = [axes for axes in figure.axes if axes.axison and not hasattr(axes, "_colorbar")]
    if any((axes.bbox.size < _LEAST_PANEL * dpi).any() for axes in panels):
        return False
    boxes = []
    for text in texts(figure):
        box = np.asarray(text.get_window_extent(renderer).extents) / dpi
        if (box[:2] < -_APART).any() or (box[2:] > [width + _APART, height + _APART]).any():
            return False
        if text.get_rotation() % 90 == 0:
            boxes.append(box)
    return not any(_overlap(one, other) for one, other in itertools.combinations(boxes, 2))


def texts(figure: mpl.Figure) -> list[Text]:
    """Return the texts that are drawn; ticks beyond an axis are not."""
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        found += _texts_of(axes)
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def _texts_of(axes: mpl.Axes) -> Iterator[Text]:
    yield from axes.texts
    yield from (axes.title, axes._left_title, axes._right_title)  # type: ignore[attr-defined]
    if legend := axes.get_legend():
        yield from legend.get_texts()
    if not axes.axison:
        return
    for axis in (axes.xaxis, axes.yaxis):
        yield axis.label
        low, high = sorted(axis.get_view_interval())
        slack = 1e-6 * (high - low)
        for tick in axis.get_major_ticks():
            if low - slack <= tick.get_loc() <= high + slack:
                yield from (name for name in (tick.label1, tick.label2) if name.get_visible())


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one[:2] < other[2:] - _APART).all() and (other[:2] < one[2:] - _APART).all())


def _has_names(axis: mpl.Axis) -> bool:
    """Return whether the ticks of an axis have names, and not numbers."""
    shown = [tick.label1.get_text() for tick in axis.get_major_ticks() if tick.label1.get_visible()]
    return any(any(character.isalpha() for character in text) for text in shown)


def _is_text(artist: object) -> bool:
    return hasattr(artist, "set_fontsize") and hasattr(artist, "get_fontsize")
