"""What the scripts of a page know: tracks, the cells they are in, their excerpts, and their places on the map."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures.style import printable
from genreflow.report.blocks import HINT
from genreflow.report.listening import LISTED, Answer, Listening

_SIDE = 1000  # of the map's square
_METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


@dataclass(frozen=True)
class Excerpt:
    """Where the excerpt of a track is to be had, and where in the track it begins, s."""

    url: str
    begin_s: float


def page_data(
    panels: Sequence[Listening],
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
    listed = {track for panel in panels for track in panel.wanted()}
    classes = list(dict.fromkeys(name for panel in panels for name in panel.classes))
    tracks = {
        track: _told(answer, titles.get(track, track), [classes.index(name) for name in panel.classes])
        for panel in panels
        for track, answer in panel.answers.items()
        if track in listed
    }
    told = {
        "classes": [printable(name) for name in classes],
        "panels": [{"hint": HINT, "cells": _cells(panel)} for panel in panels],
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


def _cells(panel: Listening) -> dict[str, Any]:
    return {
        f"{row},{column}": {
            "count": len(tracks),
            "tracks": [[track, _percent(probability)] for track, probability in tracks[:LISTED]],
        }
        for (row, column), tracks in panel.cells.items()
    }


def _map(library: pd.DataFrame) -> dict[str, Any]:
    classes = sorted(set(library["label"]))
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
