"""Which of two fused models is right on which tracks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.registry import study_figure
from genreflow.figures.sources import Sources

_PARTS = ("both", "only_first", "only_second", "neither")
_COLORS = ("#BFBFBF", style.PALETTE[0], style.PALETTE[1], "#F2F2F2")
_MOST_CLASSES = 30


@style.styled
def complementarity(rows: pd.DataFrame, *, title: str) -> mpl.Figure:
    """Draw the shares of tracks (%) that both models, one of them or none is right about, a bar per class.

    The open diamond is the share that the fusion is right about; it cannot lie right of the colored parts by choosing
    the better model, only by being right where none is.

    Parameters
    ----------
    rows
        One row per class: ``class, tracks, both, only_first, only_second, neither, fused, first, second``.
    """
    if rows.empty:
        return style.notice(f"{title}: nothing was predicted by both models")
    rows = rows.head(_MOST_CLASSES)
    places = np.arange(len(rows))[::-1]
    figure = mpl.Figure(figsize=(7.4, 1.9 + 0.34 * len(rows)))
    axes = figure.subplots()
    left = np.zeros(len(rows))
    first, second = (style.label(rows[name].iloc[0], width=24) for name in ("first", "second"))
    names = ("both right", f"only {first}", f"only {second}", "neither")
    for part, color, name in zip(_PARTS, _COLORS, names, strict=True):
        share = 100 * rows[part].to_numpy(float) / rows["tracks"].to_numpy(float)
        axes.barh(places, share, left=left, height=0.74, color=color, label=name, edgecolor="white", linewidth=0.6)
        for place, start, width, number in zip(places, left, share, rows[part], strict=True):
            if width >= 5:
                dark = part in ("only_first",)
                axes.text(
                    start + width / 2, place, f"{number:,}", ha="center", va="center", fontsize=7.5,
                    color="white" if dark else "black",
                )  # fmt: skip
        left += share
    axes.plot(
        100 * rows["fused"], places - 0.37, linestyle="", marker="D", markersize=6, markerfacecolor="none",
        color="black", label="fusion right",
    )  # fmt: skip
    axes.set(xlim=(0, 100), xlabel="Tracks (%)", ylim=(-0.6, len(rows) - 0.4))
    labels = [f"{style.label(row['class'], width=22)} ({row['tracks']:,})" for row in rows.to_dict("records")]
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    style.legend_above(axes, columns=3)
    style.title(figure, title)
    return figure


@study_figure(
    "complementarity",
    section="Results",
    title="Who is right when",
    caption=(
        "Each bar is a class: the tracks that both fused models, only one of them or none is right about by majority "
        "vote; numbers are tracks. The open diamond is the share that the fusion is right about."
    ),
    options=lambda study: [{}] if study.has_pairs else [],
    reads=("complementarity",),
)
def draw_complementarity(sources: Sources) -> mpl.Figure:
    """Draw the first fusion of two models under the first protocol."""
    table = sources.tables["complementarity"]
    rows = table[(table["fusion"] == table["fusion"].iloc[0]) & (table["setting"] == table["setting"].iloc[0])]
    protocols = list(rows["protocol"].unique())
    title = sources.titled("Who is right when", *protocols)
    return complementarity(rows, title=title)
