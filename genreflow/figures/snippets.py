"""What a model takes the parts of a song for."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from genreflow.figures import style

_COLUMNS = 4
_MOST_CLASSES, _MOST_SONGS = 20, 24


@style.styled
def snippets(
    decisions: pd.DataFrame, *, title: str, seconds: float = 3.0, labels: Mapping[str, str] | None = None
) -> Figure:
    """Draw for how many random snippets of a song each class is the answer, a panel a song.

    The commonest answer is dark, with a mark at the song's own class where it is known (genre_mood study, Figures 9
    to 12). Of many classes there are those that are the answer most often.

    Parameters
    ----------
    decisions
        A class of a song a row: ``song, class, count``; a class that is missing of a song counts 0.
    seconds
        Length of a snippet.
    labels
        The class of each song, as far as it is known.
    """
    if decisions.empty:
        return style.notice(f"{title}: there are no songs")
    songs = list(dict.fromkeys(decisions["song"]))[:_MOST_SONGS]
    every = list(dict.fromkeys(decisions["class"]))
    classes = _answered(decisions, every, labels or {})
    counts = decisions.pivot(index="song", columns="class", values="count").reindex(index=songs, columns=classes)
    counts = counts.fillna(0).astype(int)
    asked = decisions.groupby("song")["count"].sum().astype(int)
    columns = min(_COLUMNS, len(songs))
    lines = math.ceil(len(songs) / columns)
    width = min(style.PAGE, 2.0 + 3.2 * columns)
    figure = Figure(figsize=(width, 0.9 + lines * (0.95 + 0.24 * len(classes))))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    places = np.arange(len(classes))
    for axes, (song, numbers) in zip(panels.flat, counts.iterrows(), strict=False):
        dark = numbers == numbers.max()
        axes.barh(places, numbers, height=0.78, color=np.where(dark, style.PALETTE[0], "#A9CFE6"))
        for place, number in zip(places, numbers, strict=True):
            axes.annotate(f"{number:,}", (number, place), (3, 0), textcoords="offset points", va="center", fontsize=7.5)
        if (labels or {}).get(song) in classes:
            beside = axes.get_yaxis_transform() + ScaledTranslation(-6 / 72, 0, figure.dpi_scale_trans)
            axes.plot(0, classes.index(labels[song]), transform=beside, **_OWN)
        axes.set_title(style.label(song, width=int(10.5 * (width - 1.5) / columns), lines=2), loc="left")
        axes.set_xlabel(f"Snippets of {seconds:g} s, {asked[song]:,} in all")
        axes.tick_params(axis="y", length=0, pad=12)
        axes.tick_params(labelbottom=True)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
        axes.grid(axis="x")
    for axes in panels.flat[len(songs) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_yticks(places, [style.label(name, width=22) for name in classes])
    panels[0, 0].set_ylim(len(classes) - 0.4, -0.6)
    panels[0, 0].set_xlim(0, 1.18 * max(1, counts.to_numpy().max()))
    if any((labels or {}).get(song) in classes for song in songs):
        key = Line2D([], [], label="class that the song is of", **_OWN)
        figure.legend(handles=[key], loc="outside lower left")
    chosen = f" (the {len(classes)} commonest answers of {len(every):,} classes)"
    style.title(figure, title + (chosen if len(classes) < len(every) else ""))
    return figure


def _answered(decisions: pd.DataFrame, classes: list[str], labels: Mapping[str, str]) -> list[str]:
    """Return the classes that are drawn: all, or of many those that are the answer most often, and the songs' own."""
    if len(classes) <= _MOST_CLASSES:
        return classes
    counts = decisions.groupby("class")["count"].sum()
    counts = counts + counts.index.isin(list(labels.values()))  # of equals a song's own class
    kept = set(counts.sort_values(ascending=False, kind="stable").index[:_MOST_CLASSES])
    return [name for name in classes if name in kept]


_OWN = {"marker": ">", "markersize": 6, "color": style.PALETTE[5], "linestyle": "", "clip_on": False}
