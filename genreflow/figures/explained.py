"""The seconds and bands of a track that decide the answer of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.inputs import name_octaves

FOR, AGAINST = style.PALETTE[0], style.PALETTE[5]
_MOST_LINES = 4
_MOST_BANDS = 14
_DARKEST = 0.75
_RANGE_DB = 80


@style.styled
def explanation(
    effects: pd.DataFrame,
    votes: pd.DataFrame,
    levels: np.ndarray,
    *,
    of: str,
    title: str,
    begin_s: float,
    column_s: float,
    seconds: float,
    frequencies: np.ndarray,
) -> mpl.Figure:
    """Draw the effects of patches over a spectrogram; below it, over the same time, their sums and the votes.

    Parameters
    ----------
    effects
        One row per patch of a slice: ``start_s, end_s, band, low_hz, high_hz, effect``; a patch without Hz appears by
        its name only, on the right.
    votes
        One row per slice: ``start_s`` and the probability of every class.
    levels
        Spectrogram, dB [bands, columns], from `begin_s` on, a column being `column_s` long.
    of
        The class whose probability the effects change.
    seconds
        Length of a slice.
    frequencies
        Centers of the spectrogram's bands, Hz.
    """
    figure = mpl.Figure(figsize=(style.PAGE, 6.4))
    grid = figure.add_gridspec(3, 2, height_ratios=[3.2, 1, 1.5], width_ratios=[5, 1.15])
    top = figure.add_subplot(grid[0, 0])
    along, probabilities = (figure.add_subplot(grid[row, 0], sharex=top) for row in (1, 2))
    bands = figure.add_subplot(grid[0, 1])
    end_s = begin_s + levels.shape[1] * column_s
    extent = (begin_s, end_s, -0.5, len(levels) - 0.5)
    top.imshow(levels, origin="lower", aspect="auto", cmap="gray_r", vmin=levels.max() - _RANGE_DB, extent=extent)
    _draw_patches(top, effects, frequencies)
    name_octaves(top, frequencies)
    top.set_ylabel("Frequency (Hz)")
    top.set_xlim(begin_s, end_s)
    top.set_ylim(-0.5, len(levels) - 0.5)
    top.tick_params(labelbottom=False)
    keys = [
        mpl.Patch(color=FOR, label=f"for {style.label(of, width=24)}"),
        mpl.Patch(color=AGAINST, label="against it"),
    ]
    bands.legend(handles=keys, loc="upper right", bbox_to_anchor=(1.02, 1.12), ncols=2)
    _draw_along(along, effects)
    _draw_votes(probabilities, votes, of, seconds)
    _draw_bands(bands, effects)
    beside = figure.add_subplot(grid[2, 1])
    beside.legend(*probabilities.get_legend_handles_labels(), loc="center left", title="Class")
    beside.set_axis_off()
    style.title(figure, title)
    return figure


def _draw_patches(axes: mpl.Axes, effects: pd.DataFrame, frequencies: np.ndarray) -> None:
    """Lay the effects over a spectrogram, the stronger the darker; where slices overlap, their mean."""
    patches = effects.dropna(subset=["low_hz"])
    if patches.empty:
        return
    times = _edges(patches)
    rows = np.unique(np.concatenate([patches["low_hz"], patches["high_hz"]]))
    total, count = np.zeros((2, len(rows) - 1, len(times) - 1))
    for patch in patches.itertuples():
        low, high = np.searchsorted(rows, [patch.low_hz, patch.high_hz])
        first, last = np.searchsorted(times, [patch.start_s, patch.end_s])
        total[low:high, first:last] += patch.effect
        count[low:high, first:last] += 1
    mean = total / np.maximum(count, 1)
    places = np.interp(rows, frequencies, np.arange(len(frequencies)), left=-0.5, right=len(frequencies) - 0.5)
    strongest = np.abs(mean).max() or 1
    colors = np.where((mean > 0)[..., None], mpl.to_rgb(FOR), mpl.to_rgb(AGAINST))
    alpha = _DARKEST * np.abs(mean) / strongest
    axes.pcolormesh(times, places, np.concatenate([colors, alpha[..., None]], axis=2), rasterized=True)


def _edges(patches: pd.DataFrame) -> np.ndarray:
    """Return the times at which patches begin or end, s; edges of neighbors differ by rounding only."""
    edges = np.unique(np.concatenate([patches["start_s"], patches["end_s"]]))
    return edges[np.append(True, np.diff(edges) > 1e-6)]


def _draw_along(axes: mpl.Axes, effects: pd.DataFrame) -> None:
    moments = effects.groupby(["slice", "start_s", "end_s"], as_index=False)["effect"].sum()
    width = moments["end_s"] - moments["start_s"]
    colors = np.where(moments["effect"] > 0, FOR, AGAINST)
    # Where slices overlap, so do their bars.
    axes.bar(moments["start_s"], moments["effect"], width=width, align="edge", color=colors, alpha=0.8, linewidth=0)
    axes.axhline(0, color=style.QUIET, linewidth=0.6)
    axes.set_ylabel("Effect of\nthe moment")
    axes.tick_params(labelbottom=False)


def _draw_votes(axes: mpl.Axes, votes: pd.DataFrame, of: str, seconds: float) -> None:
    """Draw the probability of the likeliest classes in each slice."""
    names = [name for name in votes.columns if name not in ("start_s", "label")]
    likeliest = sorted(names, key=lambda name: (name != of, -votes[name].mean()))[:_MOST_LINES]
    middle = votes["start_s"] + seconds / 2
    for name, (color, dash) in style.colors(likeliest).items():
        look: dict[str, Any] = {"color": color, "linestyle": dash, "marker": "o", "markersize": 3.5, "linewidth": 1.2}
        axes.plot(middle, votes[name], **look, label=style.label(name, width=24))
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("Probability\nin a slice")
    axes.set_xlabel("Time in the track (s)")
    axes.grid(axis="y")


def _draw_bands(axes: mpl.Axes, effects: pd.DataFrame) -> None:
    """Draw the mean over slices of the effect of each band; of many bands the strongest."""
    slices = effects["slice"].nunique()
    sums = effects.groupby("band", sort=False)["effect"].sum() / slices
    if len(sums) > _MOST_BANDS:
        sums = sums[sums.abs().sort_values().index[-_MOST_BANDS:]]
    places = np.arange(len(sums))
    axes.barh(places, sums, height=0.8, color=np.where(sums > 0, FOR, AGAINST), alpha=0.8)
    axes.axvline(0, color=style.QUIET, linewidth=0.6)
    axes.set_yticks(places, [style.label(name, width=22) for name in sums.index], fontsize=7.5)
    axes.set_ylim(-0.5, len(sums) - 0.5)
    axes.set_xlabel("Effect of the band" if effects["low_hz"].notna().any() else "Effect of the value")
