"""One segment as a model is fed it, where it is no picture of frequencies: samples, and single numbers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from genreflow.figures import style

_POINTS = 1_000  # about two a pixel
_NAMED = 40  # descriptors that can be told apart by name


@style.styled
def waveform(samples: np.ndarray, *, rate: int, title: str, start_s: float = 0) -> Figure:
    """Draw samples [n] over time (s): the range of what falls on one pixel, full scale being 1."""
    figure = Figure(figsize=(7.6, 2.4))
    axes = figure.subplots()
    step = max(1, len(samples) // _POINTS)
    starts = np.arange(0, len(samples), step)
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    times = start_s + (starts + step / 2) / rate
    axes.fill_between(times, low, high, color=style.PALETTE[0], linewidth=0.4, edgecolor=style.PALETTE[0])
    limit = max(1.0, float(np.abs(samples).max(initial=0)))
    axes.set_ylim(-limit, limit)
    axes.set_xlim(start_s, start_s + len(samples) / rate)
    axes.set_xlabel("Time (s)")
    axes.set_ylabel("Amplitude (full scale 1)")
    axes.grid()
    style.title(figure, title)
    return figure


@style.styled
def descriptors(values: np.ndarray, names: Sequence[str], *, title: str) -> Figure:
    """Draw descriptors [d] as points on a scale that is linear below 1 and logarithmic above; many are not named."""
    named = len(values) <= _NAMED
    figure = Figure(figsize=(6.2, 0.6 + 0.19 * len(values)) if named else (7.6, 3.6))
    axes = figure.subplots()
    places = np.arange(len(values))
    if named:
        axes.hlines(places, 0, values, color=style.PALETTE[0], linewidth=1)
        axes.plot(values, places, "o", color=style.PALETTE[0], markersize=4)
        axes.set_yticks(places, [style.label(name.replace("_", " "), width=40) for name in names])
        axes.set_ylim(len(values) - 0.5, -0.5)
        scaled, axis = axes.set_xscale, axes.xaxis
        axes.set_xlabel("Value (in the unit of each; linear below 1, logarithmic above)")
    else:
        axes.plot(places, values, ".", color=style.PALETTE[0], markersize=3)
        axes.set_xlabel(f"Descriptor, {names[0]} to {names[-1]}")
        axes.set_ylabel("Value")
        scaled, axis = axes.set_yscale, axes.yaxis
    scaled("symlog", linthresh=1)
    axis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.grid()
    style.title(figure, title)
    return figure
