"""The most confused pairs of classes, where there are too many classes for a matrix of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from genreflow.figures import limits, style

_LARGEST = 200  # cells along a side of the image; of more classes, a cell stands for several
_NAMED = 12  # classes that are named along a side of the image
_LEAST_ROWS = 12  # that a panel of pairs has room for, be there fewer
_ARROW = "\N{RIGHTWARDS ARROW}"


def confused(rows: pd.DataFrame, by: str = "count", *, most: int = limits.MOST_ROWS) -> pd.DataFrame:
    """Return the `most` rows whose classes differ and whose value of `by` is largest, the largest first; 0 is none."""
    wrong = rows[(rows["true"] != rows["predicted"]) & (rows[by] > 0)]
    return wrong.sort_values(by, ascending=False, kind="stable").head(most)


@style.styled
def overview(counts: np.ndarray, classes: Sequence[str], pairs: pd.DataFrame, *, title: str, noun: str) -> Figure:
    """Draw a whole confusion matrix as colors, how many classes are recognized how well, and the most confused pairs.

    Parameters
    ----------
    counts
        Items by true class (down) and predicted class (across), [n, n].
    pairs
        What `confused` returns of it: ``true, predicted, count, share``.
    noun
        What is counted: "slices".
    """
    figure = Figure(figsize=(style.PAGE, 2.0 + 0.19 * max(30, len(pairs))))
    grid = figure.add_gridspec(2, 2, height_ratios=[3, 1], width_ratios=[1.3, 1])
    _draw_image(figure.add_subplot(grid[0, 0]), counts, classes)
    _draw_recalls(figure.add_subplot(grid[1, 0]), counts)
    _draw_pairs(figure.add_subplot(grid[:, 1]), pairs, noun)
    style.title(figure, f"{title} ({len(classes):,} classes)")
    return figure


def _draw_image(axes: Axes, counts: np.ndarray, classes: Sequence[str]) -> None:
    step = -(-len(counts) // _LARGEST)
    starts = np.arange(0, len(counts), step)
    blocks = np.add.reduceat(np.add.reduceat(counts, starts, axis=0), starts, axis=1)
    totals = blocks.sum(axis=1, keepdims=True)
    shares = np.divide(100 * blocks, totals, out=np.full(blocks.shape, np.nan), where=totals > 0)
    axes.set_facecolor("#D9D9D9")
    edges = (-0.5, len(counts) - 0.5)
    # Errors are spread over many cells: on an even scale all but the diagonal would be white.
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.4, 0, 100), extent=(*edges, *edges[::-1]), aspect="auto")
    bar = {"location": "bottom", "ticks": [0, 1, 5, 20, 50, 100], "pad": 0.02, "aspect": 40}
    axes.figure.colorbar(image, ax=axes, label="Share of the true class (%)", **bar)
    named = np.unique(np.linspace(0, len(counts) - 1, _NAMED).round().astype(int))
    axes.set_yticks(named, [style.label(classes[place], width=16) for place in named], fontsize=7.5)
    axes.set_xticks(named, [f"{place + 1:,}" for place in named], fontsize=7.5, rotation=90)
    axes.set_ylabel("True class, some named")
    axes.set_xlabel("Predicted class, by number")
    blocks_told = f"; a cell stands for {step} × {step} classes" if step > 1 else ""
    axes.set_title(f"(a) The whole matrix{blocks_told}", loc="left")


def _draw_recalls(axes: Axes, counts: np.ndarray) -> None:
    totals = counts.sum(axis=1)
    recalls = 100 * counts.diagonal()[totals > 0] / totals[totals > 0]
    axes.hist(recalls, bins=np.linspace(0, 100, 21), color=style.PALETTE[0], edgecolor="white", linewidth=0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("Share of a class that is recognized (%)")
    axes.set_ylabel("Classes")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y")
    axes.set_title("(b) Classes by how often they are recognized", loc="left")


def _draw_pairs(axes: Axes, pairs: pd.DataFrame, noun: str) -> None:
    places = np.arange(len(pairs))
    axes.barh(places, pairs["count"], height=0.72, color=style.PALETTE[0])
    for place, (count, share) in enumerate(zip(pairs["count"], pairs["share"], strict=True)):
        at = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "fontsize": 7.5}
        axes.annotate(f"{count:,.0f} ({100 * share:.0f} %)", (count, place), **at)
    name_pairs(axes, pairs)
    axes.set_xlim(0, 1.3 * max(1, pairs["count"].max() if len(pairs) else 1))
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
    axes.set_xlabel(f"{noun.capitalize()} (share of the true class)")
    axes.grid(axis="x")
    axes.set_title(f"(c) The {len(pairs)} most confused pairs" if len(pairs) else "(c) No pair is confused", loc="left")


def name_pairs(axes: Axes, pairs: pd.DataFrame) -> None:
    """Name the rows of a figure by the classes of each pair: true, and predicted."""
    names = [
        f"{style.label(true, width=22)} {_ARROW} {style.label(predicted, width=22)}"
        for true, predicted in zip(pairs["true"], pairs["predicted"], strict=True)
    ]
    axes.set_yticks(np.arange(len(pairs)), names, fontsize=7.5)
    axes.set_ylim(max(len(pairs), _LEAST_ROWS) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


@style.styled
def shares_of_pairs(
    pairs: pd.DataFrame, shares: np.ndarray, looks: Mapping[str, Mapping[str, Any]], *, title: str, axis: str, note: str
) -> Figure:
    """Draw several shares of each pair of classes as marks in a row, joined by a line.

    Parameters
    ----------
    pairs
        A pair a row: ``true, predicted``.
    shares
        Shares of the true class in per cent, [pairs, looks]; NaN where there is none.
    looks
        Name of each column of `shares` -> how its marks look.
    note
        Of what the pairs are a choice, written above them.
    """
    figure = Figure(figsize=(style.PAGE, 1.9 + 0.2 * max(6, len(pairs))))
    axes = figure.subplots()
    places = np.arange(len(pairs))
    known = np.isfinite(shares).any(axis=1)
    axes.hlines(places[known], np.nanmin(shares[known], axis=1), np.nanmax(shares[known], axis=1), **_JOINT)
    for column, look in enumerate(looks.values()):
        axes.plot(shares[:, column], places, **look)
    name_pairs(axes, pairs)
    axes.set_xlim(left=-1)
    axes.set_xlabel(axis)
    axes.grid(axis="x")
    axes.set_title(note, loc="left", fontsize=8, color=style.QUIET)
    keys = [Line2D([], [], **look, label=style.label(name, width=30)) for name, look in looks.items()]
    figure.legend(handles=keys, loc="outside lower left", ncols=len(keys))
    style.title(figure, title)
    return figure


_JOINT = {"color": style.QUIET, "linewidth": 0.8, "zorder": 1}
