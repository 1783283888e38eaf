"""What the scripts of a page know: tracks, the cells they are in, their excerpts, and their places on the map."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import style
from genreflow.report.blocks import CHOOSE, HINT
from genreflow.report.confusion_browser import LISTED, Answer, ConfusionBrowser
from genreflow.store.text import printable

MOST_MAPPED = 30_000
"""Tracks on the map of a page."""
_SIDE = 1000  # of the map's square
_METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


@dataclass(frozen=True)
class Excerpt:
    """Where the excerpt of a track is to be had, and where in the track it begins, s."""

    url: str
    begin_s: float


def page_data(
    panels: Sequence[ConfusionBrowser],
    library: pd.DataFrame | None,
    titles: Mapping[str, str],
    excerpts: Mapping[str, Excerpt],
) -> str:
    """Return JSON that may stand in a script element: no name in it can end the element.

    Parameters
    ----------
    panels
        The matrices of the page, in their order.
    library
        The map: ``track_id, title, label`` and ``x, y`` of each projection.
    titles
        By track id, of tracks that are in no panel.
    excerpts
        By track id.
    """
    listed = [panel.listed() for panel in panels]
    classes = list(dict.fromkeys(name for panel in panels for name in panel.classes))
    number_of = {name: number for number, name in enumerate(classes)}
    tracks = {}
    for panel, mine in zip(panels, listed, strict=True):
        numbers = [number_of[name] for name in panel.classes]
        for track, answer in panel.answers.items():
            if track in mine:
                tracks[track] = _told(answer, titles.get(track, track), numbers)
    library = None if library is None else mapped(library)
    told = {
        "classes": [printable(name) for name in classes],
        "panels": [_panel(panel, mine) for panel, mine in zip(panels, listed, strict=True)],
        "tracks": tracks,
        "titles": {track: printable(titles.get(track, track)) for track in excerpts if track not in tracks},
        "clips": {track: {"url": each.url, "begin": round(each.begin_s, 2)} for track, each in excerpts.items()},
        "map": None if library is None else _map(library),
    }
    if library is not None:
        told["titles"] |= {
            track: printable(title)
            for track, title in zip(library["track_id"], library["title"], strict=True)
            if track not in tracks
        }
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _told(answer: Answer, title: str, numbers: Sequence[int]) -> dict[str, Any]:
    """Return what is told of a track; `numbers` are those of its panel's classes on the page."""
    return {
        "title": printable(title),
        "true": printable(answer.true),
        "predicted": printable(answer.predicted),
        "wrong": answer.true != answer.predicted,
        "slices": [
            [round(each.begin_s, 1), numbers[each.predicted], _percent(each.probability)] for each in answer.slices
        ],
    }


def _panel(panel: ConfusionBrowser, listed: Collection[str]) -> dict[str, Any]:
    """Return what is told of a matrix; of a large one the names of rows and columns too, and only cells with tracks."""
    told: dict[str, Any] = {"hint": HINT, "cells": _cells(panel, listed)}
    if panel.is_large:
        told |= {"hint": CHOOSE + HINT, "totals": panel.totals, "title": panel.row_title, "prefixes": panel.prefixes}
        told |= {"rows": list(map(printable, panel.rows)), "columns": list(map(printable, panel.columns))}
    return told


def _cells(panel: ConfusionBrowser, listed: Collection[str]) -> dict[str, Any]:
    found = {}
    for cell, tracks in panel.cells.items():
        mine = [[track, _percent(probability)] for track, probability in tracks[:LISTED] if track in listed]
        if mine or not panel.is_large:
            right = {"right": 1} if panel.is_large and cell in panel.right else {}
            found[f"{cell[0]},{cell[1]}"] = {"count": len(tracks), "tracks": mine, **right}
    return found


def mapped(library: pd.DataFrame) -> pd.DataFrame:
    """Return the tracks of a library that a page shows on its map: all, or `MOST_MAPPED` of them.

    Those that are in all projections come first, then the others by their ids, which are digests: a fair draw.
    """
    if len(library) <= MOST_MAPPED:
        return library
    complete = library.filter(regex="_x$").notna().all(axis=1)
    order = np.lexsort((library["track_id"].to_numpy(str), ~complete))
    return library.iloc[np.sort(order[:MOST_MAPPED])]


def _map(library: pd.DataFrame) -> dict[str, Any]:
    classes = sorted(set(library["label"]))
    if len(classes) > style.MOST_STROKES:  # only the commonest have looks of their own
        classes = list(library["label"].value_counts().index)
    methods = [name for name in _METHODS if f"{name}_x" in library]
    pictures = [
        {"name": _METHODS[name], "x": _scaled(library[f"{name}_x"]), "y": _scaled(library[f"{name}_y"])}
        for name in methods
        if library[f"{name}_x"].notna().any()
    ]
    return {
        "tracks": list(library["track_id"]),
        "labels": pd.Index(classes).get_indexer(library["label"]).tolist(),
        "classes": [printable(name) or "none" for name in classes],
        "pictures": pictures,
    }


def _scaled(values: Iterable[float]) -> list[int | None]:
    """Return places from 0 to 1000; None where there is none."""
    array = np.asarray(values, float)
    low, high = np.nanmin(array), np.nanmax(array)
    places = (array - low) / ((high - low) or 1) * _SIDE
    return [None if np.isnan(place) else round(place) for place in places]


def _percent(share: float) -> int:
    return round(100 * share)
