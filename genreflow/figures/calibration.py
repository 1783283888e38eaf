"""Reliability diagrams: how often answers of a certain probability are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.calibration import TEMPERATURES
from genreflow.figures import mpl, style
from genreflow.figures.registry import study_figure
from genreflow.figures.sources import Sources, rows_of

_LOOKS = (("o", "-", style.PALETTE[5]), ("s", "--", style.PALETTE[0]), ("^", ":", style.PALETTE[2]))


@style.styled
def reliability(bins: pd.DataFrame, errors: Mapping[str, float], *, title: str, level: str) -> mpl.Figure:
    """Draw the share of right answers (%) by their probability, and the number of answers in each bin.

    On the dotted diagonal, the share of right answers equals the probability. Each state of the probabilities, such as
    before and after temperature scaling, has a line above and bars below; the legend holds its expected calibration
    error (ECE, percentage points).

    Parameters
    ----------
    bins
        One row per bin of a state: ``state, low, high, confidence, accuracy, count``; edges, mean confidence and
        accuracy 0..1, the latter two NaN in an empty bin.
    errors
        ECE by state, 0..1; up to three states, named for people: "before", "temperature 1.42".
    level
        The level of the answers: ``slice`` or ``track``.
    """
    if not bins["count"].sum():
        return style.notice(f"{title}: nothing was predicted")
    figure = mpl.Figure(figsize=(5.4, 6.2))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 100], [0, 100], color=style.QUIET, linestyle=":", linewidth=1, label="right as often as predicted")
    for place, ((state, error), (marker, dash, color)) in enumerate(zip(errors.items(), _LOOKS, strict=False)):
        own = bins[bins["state"] == state].sort_values("low")
        filled = own.dropna(subset=["confidence", "accuracy"])
        name = f"{style.label(state, width=40)}: ECE {100 * error:.1f}"
        look: dict[str, Any] = {"color": color, "linestyle": dash, "marker": marker, "markersize": 5}
        upper.plot(100 * filled["confidence"], 100 * filled["accuracy"], label=name, **look)
        width = 100 * (own["high"] - own["low"]) * 0.9 / len(errors)
        middle = 50 * (own["low"] + own["high"]) + (place - (len(errors) - 1) / 2) * width
        lower.bar(middle, own["count"], width=0.92 * width, color=color)
    upper.set(xlim=(0, 100), ylim=(0, 102), ylabel="Right answers (%)")
    lower.set_xlabel("Probability of the answer (%)")
    lower.set_ylabel({"slice": "Slices", "track": "Tracks"}[level])
    lower.yaxis.set_major_formatter("{x:,.0f}")
    lower.set_ylim(0, 1.05 * np.max(bins["count"]))
    upper.grid()
    lower.grid(axis="y")
    style.legend_above(upper, columns=1)
    figure.align_ylabels([upper, lower])
    style.title(figure, title)
    return figure


@study_figure(
    "reliability",
    section="Calibration",
    title="Are probabilities right?",
    caption=(
        "How often slices with a certain probability are right; on the dotted diagonal, as often as predicted. ECE is "
        "the mean distance from it. A temperature is fitted to validation slices, where there are any; at its bound, "
        "the best one lies beyond, as where all of them are right."
    ),
    options=lambda study: [{}] if study.classifies else [],
    reads=("calibration",),
    of_headline=True,
)
def draw_reliability(sources: Sources) -> mpl.Figure:
    """Draw the probabilities of the headline's setting, before and after temperature scaling."""
    bins = rows_of(sources.tables["calibration"], **sources.headline)
    title = sources.titled("Are probabilities right?", sources.headline["protocol"])
    if bins.empty:
        return style.notice(f"{title} Nothing was predicted")
    states = bins.drop_duplicates("state").set_index("state")
    names = {"before": "as trained"}
    if "after" in states.index:
        names["after"] = _temperature(states.loc["after", "temperature"])
    errors = {names[state]: float(row["error"]) for state, row in states.iterrows()}
    return reliability(bins.assign(state=bins["state"].map(names)), errors, title=title, level="slice")


def _temperature(value: float) -> str:
    """Return a temperature in words; one at a bound is marked, because the best one lies beyond."""
    is_bound = any(abs(np.log(value / bound)) < 0.01 for bound in TEMPERATURES)
    return f"temperature {value:.3g}, at its bound" if is_bound else f"temperature {value:.2f}"
