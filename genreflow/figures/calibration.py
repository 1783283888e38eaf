"""Whether a probability means what it says."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from genreflow.figures import style

_LOOKS = (("o", "-", style.PALETTE[5]), ("s", "--", style.PALETTE[0]), ("^", ":", style.PALETTE[2]))


@style.styled
def reliability(
    bins: pd.DataFrame, errors: Mapping[str, float], *, title: str, level: str, what: str = "Probability of the answer"
) -> Figure:
    """Draw how often answers of a certain probability are right (%), and how many answers there are of each.

    On the dotted diagonal, a probability is right as often as it says. Each state of the probabilities, such as
    before and after temperature scaling, has a line above and bars below; its expected calibration error (ECE,
    percentage points) stands in the legend.

    Parameters
    ----------
    bins
        A bin of a state a row: ``state, low, high, confidence, accuracy, count``; edges, mean confidence and
        accuracy 0..1, the latter two NaN in an empty bin.
    errors
        ECE by state, 0..1; up to three states, named for people: "before", "temperature 1.42".
    level
        What is counted: ``slice`` or ``track``.
    """
    if not bins["count"].sum():
        return style.notice(f"{title}: nothing was predicted")
    figure = Figure(figsize=(5.4, 6.2))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 100], [0, 100], color=style.QUIET, linestyle=":", linewidth=1, label="right as often as it says")
    for place, ((state, error), (marker, dash, colour)) in enumerate(zip(errors.items(), _LOOKS, strict=False)):
        mine = bins[bins["state"] == state].sort_values("low")
        known = mine.dropna(subset=["confidence", "accuracy"])
        name = f"{style.label(state, width=40)}: ECE {100 * error:.1f}"
        look = {"color": colour, "linestyle": dash, "marker": marker, "markersize": 5}
        upper.plot(100 * known["confidence"], 100 * known["accuracy"], label=name, **look)
        width = 100 * (mine["high"] - mine["low"]) * 0.9 / len(errors)
        middle = 50 * (mine["low"] + mine["high"]) + (place - (len(errors) - 1) / 2) * width
        lower.bar(middle, mine["count"], width=0.92 * width, color=colour)
    upper.set(xlim=(0, 100), ylim=(0, 102), ylabel="Right answers (%)")
    lower.set_xlabel(f"{what} (%)")
    lower.set_ylabel({"slice": "Slices", "track": "Tracks"}[level])
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.set_ylim(0, 1.05 * np.max(bins["count"]))
    upper.grid()
    lower.grid(axis="y")
    upper.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=1, borderaxespad=0.3)
    figure.align_ylabels([upper, lower])
    style.title(figure, title)
    return figure
