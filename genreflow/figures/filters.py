"""What the filters of a network look for."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genreflow.figures import style

_COLUMNS = 8
_SHOWN_HZ = (100, 1_000, 10_000)


@style.styled
def filters(
    rows: pd.DataFrame, arrays: np.ndarray, *, title: str, hop_s: float, frequencies: np.ndarray, unit: str = "dB"
) -> Figure:
    """Draw the inputs that make channels answer most as small spectrograms, layer below layer.

    They are found by gradient ascent (psytrance study, filters). Each has its own scale of colours, from its lowest
    to its highest level, because only the pattern has a meaning.

    Parameters
    ----------
    rows
        An input a row: ``layer, channel``; layers in the order of the network.
    arrays
        Levels [rows, bands, frames].
    hop_s
        Step between frames, s.
    frequencies
        Centre frequencies of the bands [bands], Hz, rising.
    unit
        Of the levels.
    """
    if rows.empty:
        return style.notice(f"{title}: there are no filters")
    layers = list(dict.fromkeys(rows["layer"]))
    shown = [(layer, np.flatnonzero(rows["layer"] == layer)) for layer in layers]
    columns = min(_COLUMNS, max(len(places) for _, places in shown))
    heights = [math.ceil(len(places) / columns) for _, places in shown]
    side = 1.1 if columns > 4 else 2.0
    figure = Figure(figsize=(max(4.6, 1.2 + side * columns), 1.2 + (side + 0.25) * sum(heights)))
    panels = figure.subplots(sum(heights), columns, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    line = 0
    for (layer, places), height in zip(shown, heights, strict=True):
        for axes, place in zip(panels[line : line + height].flat, places, strict=False):
            axes.set_axis_on()
            _draw(axes, arrays[place], hop_s=hop_s, frequencies=frequencies)
            axes.set_title(style.label(f"channel {rows['channel'].iloc[place]}", width=14), loc="left", fontsize=7.5)
            axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
        panels[line, 0].set_ylabel(style.label(layer, width=14, lines=2) + "\nband (Hz)", fontsize=8)
        line += height
    for axes in panels[:, 0]:
        axes.tick_params(left=True, labelleft=True)
    panels[-1, 0].tick_params(bottom=True, labelbottom=True)
    panels[-1, 0].set_xlabel("Time (s)", fontsize=8)
    figure.supxlabel(f"Lowest to highest level of each ({unit}): dark to bright", fontsize=8, x=0.01, ha="left")
    style.title(figure, title)
    return figure


def _draw(axes: Axes, array: np.ndarray, *, hop_s: float, frequencies: np.ndarray) -> None:
    bands, frames = array.shape
    extent = (0, frames * hop_s, -0.5, bands - 0.5)
    axes.imshow(np.asarray(array, np.float32), origin="lower", aspect="auto", cmap="magma", extent=extent)
    within = [hz for hz in _SHOWN_HZ if frequencies[0] <= hz <= frequencies[-1]]
    axes.set_yticks(np.interp(within, frequencies, np.arange(bands)), [f"{hz:,}" for hz in within], fontsize=7)
    axes.set_xticks([0, frames * hop_s], ["0", f"{frames * hop_s:.3g}"])
    axes.tick_params(labelsize=7)
