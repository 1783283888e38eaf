"""The data of a page's scripts: tracks, their cells, their excerpts, and their positions on the map."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from genreflow.figures import style
from genreflow.report.blocks import CHOOSE, HINT
from genreflow.report.charts import Chart
from genreflow.report.confusion_browser import LISTED, Answer, ConfusionBrowser
from genreflow.store.text import printable

MOST_MAPPED = 30_000
"""Maximum number of tracks on the map of a page."""
_SIDE = 1000  # of the map's square
_METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


@dataclass(frozen=True)
class Excerpt:
    """The URL of an excerpt, and its start in the track (s)."""

    url: str
    begin_s: float


def page_data(
    panels: Sequence[ConfusionBrowser],
    library: pd.DataFrame | None,
    titles: Mapping[str, str],
    excerpts: Mapping[str, Excerpt],
    dataset: str = "",
    charts: Mapping[str, Sequence[Chart]] | None = None,
) -> str:
    """Return JSON for a script element; no name in it can end the element.

    Parameters
    ----------
    panels
        Confusion matrices of the page, in order.
    library
        Map: ``track_id, title, label`` and ``<method>_x, <method>_y`` of each projection.
    titles
        Titles of all tracks, by track id.
    excerpts
        Excerpts by track id.
    dataset
        Name of the dataset, whose labels a listener may correct.
    charts
        Interactive charts by the name of their figure.
    """
    listed = [panel.listed() for panel in panels]
    classes = list(dict.fromkeys(name for panel in panels for name in panel.classes))
    number_of = {name: number for number, name in enumerate(classes)}
    tracks = {}
    for panel, own in zip(panels, listed, strict=True):
        numbers = [number_of[name] for name in panel.classes]
        for track, answer in panel.answers.items():
            if track in own:
                tracks[track] = _track(answer, titles.get(track, track), numbers)
    library = None if library is None else mapped(library)
    content: dict[str, Any] = {
        "classes": [printable(name) for name in classes],
        "panels": [_panel(panel, own) for panel, own in zip(panels, listed, strict=True)],
        "tracks": tracks,
        "titles": {track: printable(titles.get(track, track)) for track in excerpts if track not in tracks},
        "clips": {track: {"url": each.url, "begin": round(each.begin_s, 2)} for track, each in excerpts.items()},
        "map": None if library is None else _map(library),
        "near": {} if library is None else _near(library, excerpts),
        "dataset": printable(dataset),
        "charts": {name: [chart.data() for chart in each] for name, each in (charts or {}).items()},
    }
    if library is not None:
        content["titles"] |= {
            track: printable(title)
            for track, title in zip(library["track_id"], library["title"], strict=True)
            if track not in tracks
        }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _track(answer: Answer, title: str, numbers: Sequence[int]) -> dict[str, Any]:
    """Return the data of a track; `numbers` maps the class numbers of its panel to those of the page."""
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
    """Return the data of a matrix; a large one includes the names of rows and columns, and no empty cells."""
    content: dict[str, Any] = {"hint": HINT, "cells": _cells(panel, listed)}
    if panel.slice_counts and not panel.is_large:
        content["slices"] = {f"{row},{column}": number for (row, column), number in panel.slice_counts.items()}
    if panel.is_large:
        content |= {"hint": CHOOSE + HINT, "totals": panel.totals, "title": panel.row_title, "prefixes": panel.prefixes}
        content |= {"rows": list(map(printable, panel.rows)), "columns": list(map(printable, panel.columns))}
    return content


def _cells(panel: ConfusionBrowser, listed: Collection[str]) -> dict[str, Any]:
    cells = {}
    for cell, tracks in panel.cells.items():
        own = [[track, _percent(probability)] for track, probability in tracks[:LISTED] if track in listed]
        if own or not panel.is_large:
            right = {"right": 1} if panel.is_large and cell in panel.right else {}
            cells[f"{cell[0]},{cell[1]}"] = {"count": len(tracks), "tracks": own, **right}
    return cells


def mapped(library: pd.DataFrame) -> pd.DataFrame:
    """Return the tracks of a library that a page's map shows: all, or `MOST_MAPPED` of them.

    Tracks with all projections are chosen first, then tracks by id; ids are digests, so this is a random sample.
    """
    if len(library) <= MOST_MAPPED:
        return library
    complete = library.filter(regex="_x$").notna().all(axis=1)
    order = np.lexsort((library["track_id"].to_numpy(str), ~complete))
    return library.iloc[np.sort(order[:MOST_MAPPED])]


def _map(library: pd.DataFrame) -> dict[str, Any]:
    classes = sorted(set(library["label"]))
    if len(classes) > style.MOST_STROKES:  # only the most common have colors and shapes of their own
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


def _near(library: pd.DataFrame, excerpts: Collection[str]) -> dict[str, list[list[Any]]]:
    """Return the tracks that each track with an excerpt sounds most like, with the similarity in percent."""
    ranks = [name.removeprefix("near_") for name in library if str(name).startswith("near_")]
    shown = set(library["track_id"])
    near = {}
    for row in library[library["track_id"].isin(list(excerpts))].to_dict("records"):
        pairs = [(row[f"near_{rank}"], row[f"similarity_{rank}"]) for rank in ranks]
        near[row["track_id"]] = [[track, _percent(similarity)] for track, similarity in pairs if track in shown]
    return near


def _scaled(values: Iterable[float]) -> list[int | None]:
    """Return positions scaled to 0..1000; None for missing ones."""
    array = np.asarray(values, float)
    low, high = np.nanmin(array), np.nanmax(array)
    positions = (array - low) / ((high - low) or 1) * _SIDE
    return [None if np.isnan(position) else round(position) for position in positions]


def _percent(share: float) -> int:
    return round(100 * share)
