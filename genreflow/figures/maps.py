"""Music maps as curves over one time axis."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from genreflow.figures import style

# About one a pixel: where frames are more than twice as many, each point of a curve stands for several.
_POINTS = 500


@style.styled
def music_maps(array: np.ndarray, *, units: Mapping[str, str], title: str, hop_s: float, start_s: float = 0) -> Figure:
    """Draw the maps of one slice or track below each other over time (s), each with its name, unit and scale.

    A point of a long track's curves is the median of several frames; a band shows their range.

    Parameters
    ----------
    array
        Values [maps, frames].
    units
        Name of each map, in order, to its unit.
    hop_s
        Step between frames, s.
    start_s
        Time of the first frame, s.
    """
    maps, frames = array.shape
    figure = Figure(figsize=(7.6, 0.9 + 0.9 * maps))
    panels = figure.subplots(maps, 1, sharex=True, squeeze=False)[:, 0]
    step = max(1, frames // _POINTS)
    for axes, values, (name, unit) in zip(panels, np.asarray(array, np.float64), units.items(), strict=True):
        _draw(axes, values, step=step, hop_s=hop_s, start_s=start_s)
        name, unit = (style.label(text, width=22) for text in (name[:1].upper() + name[1:], unit))
        axes.set_ylabel(f"{name}\n({unit})", rotation=0, ha="right", va="center")
        axes.tick_params(bottom=axes is panels[-1])
    reading = f"; line: median of every {step * hop_s:.2g} s, band: their range" if step > 1 else ""
    panels[-1].set_xlabel(f"Time (s){reading}")
    panels[-1].set_xlim(start_s, start_s + frames * hop_s)
    figure.align_ylabels(panels)
    style.title(figure, title)
    return figure


def _draw(axes: Axes, values: np.ndarray, *, step: int, hop_s: float, start_s: float) -> None:
    starts = np.arange(0, len(values), step)
    times = start_s + (starts + (step - 1) / 2) * hop_s
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    middle = [np.median(values[start : start + step]) for start in starts]
    if step > 1:
        axes.fill_between(times, low, high, color=style.PALETTE[0], alpha=0.3, linewidth=0)
    axes.plot(times, middle, color=style.PALETTE[0], linewidth=1)
    # From zero, so that heights compare; a map that is zero all over lies on the axis.
    bottom, top = min(low.min(), 0), max(high.max(), 0)
    axes.set_ylim(bottom, top + 0.06 * (top - bottom) if top > bottom else 1)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 4, 5, 10]))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.grid()
