"""What holds of every figure: it can be read, takes any name, and is written without a warning as the same bytes."""

import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from genreflow.figures import style
from genreflow.figures.save import save

APART = 0.012  # inches: what a line of text claims above its letters


def texts(figure: Figure) -> list[Text]:
    """Return what is written on the paper; ticks beyond an axis are not."""
    figure.draw_without_rendering()
    result = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        result += _of(axes)
    return [text for text in result if text.get_text().strip() and text.get_visible()]


def _of(axes: Axes) -> Iterator[Text]:
    yield from axes.texts
    yield from (axes.title, axes._left_title, axes._right_title)
    if axes.get_legend():
        yield from axes.get_legend().get_texts()
    if not axes.axison:
        return
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        yield axis.label
        slack = 1e-6 * (high - low)
        for tick in axis.get_major_ticks():
            if low - slack <= tick.get_loc() <= high + slack:
                yield from (label for label in (tick.label1, tick.label2) if label.get_visible())


def words(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(figure))


def assert_legible(figure: Figure) -> None:
    """Text is large enough on the page, lies on the paper and on no other text; legends lie beside the data."""
    width, height = figure.get_size_inches()
    assert width <= style.PAGE + 1e-9
    written = texts(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer).extents / figure.dpi for text in written]
    for text, box in zip(written, boxes, strict=True):
        assert text.get_fontsize() >= 7, text
        assert (box[:2] >= -APART).all(), text
        assert (box[2:] <= [width + APART, height + APART]).all(), text
    for (one, my_box), (other, its_box) in combinations(zip(written, boxes, strict=True), 2):
        if one.get_rotation() % 90 == 0 and other.get_rotation() % 90 == 0:
            assert not overlap(my_box, its_box), (one, other)
    for legend in [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]:
        box = legend.get_window_extent(renderer).extents / figure.dpi
        assert not any(overlap(box, axes.bbox.extents / figure.dpi) for axes in figure.axes if axes.axison)


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one[:2] < other[2:] - APART).all() and (other[:2] < one[2:] - APART).all())


def assert_saved_the_same(draw, folder: Path) -> None:
    """Two drawings of the same are the same bytes, well formed, with no markup from names."""
    for attempt in "ab":
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            save(draw(), folder / f"{attempt}.png", folder / f"{attempt}.svg")
    for suffix in ("png", "svg"):
        assert (folder / f"a.{suffix}").read_bytes() == (folder / f"b.{suffix}").read_bytes()
    root = ElementTree.parse(folder / "a.svg").getroot()
    assert {element.tag.rpartition("}")[2] for element in root.iter()}.isdisjoint({"script", "b", "a"})
    assert "mathdefault" not in (folder / "a.svg").read_text()
