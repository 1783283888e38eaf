"""Answers of a model on random snippets of songs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import mpl, style
from genreflow.figures.registry import study_figure
from genreflow.figures.sources import Sources
from genreflow.store import parquet

_COLUMNS = 4
_MOST_CLASSES, _MOST_SONGS = 20, 24
_BESIDE = 3  # panels of models in a line
_OWN: dict[str, Any] = {"marker": ">", "markersize": 6, "color": style.PALETTE[5], "linestyle": "", "clip_on": False}


@style.styled
def snippets(
    decisions: pd.DataFrame, *, title: str, seconds: float = 3.0, labels: Mapping[str, str] | None = None
) -> mpl.Figure:
    """Draw the number of random snippets of a song for which each class is the answer, one panel per song.

    The commonest answer is dark; a mark stands at the song's own class where it is known (genre_mood study, Figures 9
    to 12). Of many classes, those that are the answer most often are drawn.

    Parameters
    ----------
    decisions
        One row per class of a song: ``song, class, count``; a missing class counts 0.
    seconds
        Length of a snippet.
    labels
        The class of each song, where it is known.
    """
    if decisions.empty:
        return style.notice(f"{title}: there are no songs")
    songs = list(dict.fromkeys(decisions["song"]))[:_MOST_SONGS]
    every = list(dict.fromkeys(decisions["class"]))
    labels = labels or {}
    classes = _answered(decisions, every, labels)
    counts = decisions.pivot(index="song", columns="class", values="count").reindex(index=songs, columns=classes)
    counts = counts.fillna(0).astype(int)
    totals = decisions.groupby("song")["count"].sum().astype(int)
    columns = min(_COLUMNS, len(songs))
    lines = math.ceil(len(songs) / columns)
    width = min(style.PAGE, 2.0 + 3.2 * columns)
    figure = mpl.Figure(figsize=(width, 0.9 + lines * (0.95 + 0.24 * len(classes))))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    places = np.arange(len(classes))
    for axes, (song, numbers) in zip(panels.flat, counts.iterrows(), strict=False):
        dark = numbers == numbers.max()
        axes.barh(places, numbers, height=0.78, color=np.where(dark, style.PALETTE[0], "#A9CFE6"))
        for place, number in zip(places, numbers, strict=True):
            axes.annotate(f"{number:,}", (number, place), (3, 0), textcoords="offset points", va="center", fontsize=7.5)
        if labels.get(song) in classes:
            beside = axes.get_yaxis_transform() + mpl.ScaledTranslation(-6 / 72, 0, figure.dpi_scale_trans)
            axes.plot(0, classes.index(labels[song]), transform=beside, **_OWN)
        axes.set_title(style.label(song, width=int(10.5 * (width - 1.5) / columns), lines=2), loc="left")
        axes.set_xlabel(f"Snippets of {seconds:g} s, {totals[song]:,} in all")
        axes.tick_params(labelbottom=True)
        axes.xaxis.set_major_locator(mpl.MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
        axes.grid(axis="x")
    for axes in panels.flat[len(songs) :]:
        axes.set_axis_off()
    for axes in panels.flat:
        axes.tick_params(axis="y", length=0, pad=12)
    for axes in panels[:, 0]:
        style.name_rows(axes, [style.label(name, width=22) for name in classes])
    panels[0, 0].set_xlim(0, 1.18 * max(1, counts.to_numpy().max()))
    if any(labels.get(song) in classes for song in songs):
        figure.legend(handles=[style.key("class of the song", **_OWN)], loc="outside lower left")
    style.title(figure, style.chosen(title, "the {} commonest answers", len(classes), len(every)))
    return figure


@style.styled
def side_by_side(decisions: pd.DataFrame, *, title: str) -> mpl.Figure:
    """Draw the answers of several models on random snippets of one song, one panel per model.

    Parameters
    ----------
    decisions
        One row per class of a model: ``model, class, snippets, snippet_s``, the length of a snippet in s.
    title
        The song.
    """
    models = list(dict.fromkeys(decisions["model"]))
    rows = {model: _commonest(decisions[decisions["model"] == model]) for model in models}
    most = max(map(len, rows.values()))
    columns = min(_BESIDE, len(models))
    lines = math.ceil(len(models) / columns)
    figure = mpl.Figure(figsize=(min(style.PAGE, 1.2 + 4.2 * columns), 0.9 + lines * (0.95 + 0.24 * most)))
    panels = figure.subplots(lines, columns, squeeze=False)
    for axes, (model, own) in zip(panels.flat, rows.items(), strict=False):
        numbers, places = own["snippets"].to_numpy(), np.arange(len(own))
        axes.barh(places, numbers, height=0.78, color=np.where(numbers == numbers.max(), style.PALETTE[0], "#A9CFE6"))
        for place, number in zip(places, numbers, strict=True):
            axes.annotate(f"{number:,}", (number, place), (3, 0), textcoords="offset points", va="center", fontsize=7.5)
        axes.set_xlim(0, 1.18 * max(1, numbers.max()))
        axes.set_title(style.label(model, width=30, lines=2), loc="left")
        axes.set_xlabel(f"Snippets of {own['snippet_s'].iloc[0]:.3g} s, {numbers.sum():,} in all")
        axes.xaxis.set_major_locator(mpl.MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        style.name_rows(axes, [style.label(name, width=22) for name in own["class"]])
    for axes in panels.flat[len(models) :]:
        axes.set_axis_off()
    style.title(figure, title)
    return figure


def _commonest(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows to draw: all classes, or of many those that are the answer most often."""
    if len(rows) <= _MOST_CLASSES:
        return rows
    return rows.loc[rows["snippets"].nlargest(_MOST_CLASSES).sort_index().index]


def _answered(decisions: pd.DataFrame, classes: list[str], labels: Mapping[str, str]) -> list[str]:
    """Return the classes to draw: all, or of many those that are the answer most often, and the songs' own."""
    if len(classes) <= _MOST_CLASSES:
        return classes
    counts = decisions.groupby("class")["count"].sum()
    counts = counts + counts.index.isin(list(labels.values()))  # a song's own class wins ties
    kept = set(counts.sort_values(ascending=False, kind="stable").index[:_MOST_CLASSES])
    return [name for name in classes if name in kept]


@study_figure(
    "snippets",
    section="Inputs of models",
    title="Random snippets of songs, {name}",
    caption=(
        "Number of 100 random snippets of a song for which each class is the answer; the song's own class is marked. "
        "Of many classes, the commonest answers are shown. The model was not trained on these songs."
    ),
    options=lambda study: ({"name": name} for name in study.snippets),
    reads=("snippets",),
)
def draw_snippets(sources: Sources, *, name: str) -> mpl.Figure:
    """Draw the answers of a model on random snippets of songs that it was not trained on."""
    path = sources.folder / f"inspection/snippets-{name}.parquet"
    facts = parquet.read_header(path, "snippets").facts
    title = sources.titled(f"Answers on 100 random snippets, {name}")
    decisions = parquet.read_frame(path, "snippets")
    return snippets(decisions, title=title, seconds=facts["seconds"], labels=facts["labels"])
