"""What a network is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from genreflow.figures import style

_TALL = 2.6  # height of the longest time axis, in column widths
_FLAT = 0.16  # height of a vector, which has no time axis
_LEGEND = "Under each layer: the shape of its output (channels × time × mel bands, or features); its parameters"


@dataclass(frozen=True)
class Layer:
    """A layer: its name, the shape of its output, its number of parameters.

    `shape` is (channels, time, bands), or (features,) once the time axis has gone. `joins` is the place in the
    list of an earlier layer whose output is concatenated to this one's input.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int = 0
    joins: int | None = None


@style.styled
def architecture(layers: Sequence[Layer], *, title: str) -> Figure:
    """Draw a network from left to right; the time axis is vertical (psytrance study, Figure 2).

    A block is a layer's output: its height is its length in time (frames), its width grows with the number of
    values a frame. Below stand name, shape and parameters; an arc is a skip connection.
    """
    figure = Figure(figsize=(0.6 + 1.02 * len(layers), 4.6))
    axes = figure.subplots()
    longest = max((layer.shape[1] for layer in layers if len(layer.shape) == 3), default=1)
    widest = max(_values(layer) for layer in layers)
    widths = [0.1 + 0.62 * np.sqrt(_values(layer) / widest) for layer in layers]
    heights = [_TALL * layer.shape[1] / longest if len(layer.shape) == 3 else _FLAT for layer in layers]
    for place, layer in enumerate(layers):
        _draw_block(axes, place, layer, widths[place], heights[place])
        if place:
            _draw_arrow(axes, (place - 1 + widths[place - 1] / 2, 0), (place - widths[place] / 2, 0))
        if layer.joins is not None:
            start, end = layer.joins, place
            _draw_arrow(axes, (start, heights[start] / 2), (end, heights[end] / 2), skip=True)
    if len(layers[0].shape) == 3:
        _draw_time_axis(axes, layers[0].shape[1], heights[0])
    skips = any(layer.joins is not None for layer in layers)
    axes.set_xlim(-0.95, len(layers) - 0.45)
    axes.set_ylim(-_TALL / 2 - 1.15, _TALL / 2 + (0.4 if skips else 0.05))
    axes.set_axis_off()
    total = sum(layer.parameters for layer in layers)
    style.title(figure, f"{title}: {total:,} parameters")
    figure.supxlabel(_LEGEND, fontsize=8, color=style.QUIET)
    return figure


def _values(layer: Layer) -> int:
    """Return the number of values at one moment."""
    return layer.shape[0] * (layer.shape[2] if len(layer.shape) == 3 else 1)


def _draw_block(axes: Axes, place: int, layer: Layer, width: float, height: float) -> None:
    colour = style.PALETTE[0] if len(layer.shape) == 3 else style.PALETTE[1]
    strength = 0.8 if layer.parameters else 0.4
    axes.add_patch(Rectangle((place - width / 2, -height / 2), width, height, color=colour, alpha=strength, lw=0))
    name = style.label(layer.name, width=13, lines=3)
    shape = " × ".join(f"{size:,}" for size in layer.shape)
    parameters = f"{layer.parameters:,}" if layer.parameters else "–"
    below = {"ha": "center", "va": "top"}
    axes.text(place, -_TALL / 2 - 0.1, name, fontsize=8, fontweight="bold", **below)
    axes.text(place, -_TALL / 2 - 0.68, shape, fontsize=7.5, **below)
    axes.text(place, -_TALL / 2 - 0.9, parameters, fontsize=7.5, color=style.QUIET, **below)


def _draw_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, skip: bool = False) -> None:
    # A skip connection leaves the line of blocks: up, along, and down again.
    bend = "arc,angleA=90,angleB=90,armA=14,armB=14,rad=8" if skip else "arc3"
    look = {"arrowstyle": "-|>", "mutation_scale": 8, "color": style.QUIET, "linewidth": 1.0}
    axes.add_patch(FancyArrowPatch(start, end, connectionstyle=bend, shrinkA=1, shrinkB=1, **look))


def _draw_time_axis(axes: Axes, frames: int, height: float) -> None:
    top, bottom = (-0.6, height / 2), (-0.6, -height / 2)
    axes.add_patch(FancyArrowPatch(top, bottom, arrowstyle="-|>", mutation_scale=8, color=style.INK, linewidth=1.0))
    axes.text(-0.68, 0, f"time ({frames:,} frames)", rotation=90, ha="right", va="center", fontsize=8)
