"""A map of the library: each track is a point, near to tracks whose model inputs are alike.

A track is summed up by the mean and the deviation over time of each band of a spectrogram, or of each map; of
descriptors, over its slices. A mean of samples carries no information, so waveforms become log-mel spectrograms first.
Each of these numbers is standardized over the tracks. Then come

- ``pca``: the two principal components, exact and of all tracks;
- ``tsne``: t-SNE of the first fifty of them, started from those two, of no more tracks than are computed in a minute;
- ``umap``: UMAP of the same, if the package ``umap`` is installed.

The map also holds the tracks that each track sounds most like (`genreflow.analysis.similarity`).

Shards are read once, and of a track its summary alone is kept.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.analysis import tags
from genreflow.analysis.clips import Source, drawn
from genreflow.analysis.projections import perplexity, shown_with, tsne_of_points, upright
from genreflow.analysis.similarity import NEAREST, nearest, standardized
from genreflow.analysis.summaries import compared, summaries
from genreflow.datasets.index import read_index

# Raise it when the map would have other points or columns.
STAGE_VERSION = 2

KIND = "map"
COLUMNS = ["track_id", "title", "label"]
TITLES = {"pca": "Principal components", "tsne": "t-SNE", "umap": "UMAP"}
MOST_DRAWN = 5_000
LEAST_TRACKS = 3
TOP_TAGS = 10
COMPONENTS = 50
NEIGHBORS = 15  # of UMAP
_NOTHING = 1e-6  # a deviation so small beside the mean is rounding


def library_map(index_path: str | Path, *, seed: int = 0) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the map of an input's tracks, and facts about it.

    Parameters
    ----------
    index_path
        The ``index.parquet`` of the input, beside which its shards lie.
    seed
        Of what is drawn, of t-SNE and of UMAP.

    Returns
    -------
    points, facts
        `COLUMNS`, ``pca_x, pca_y, tsne_x, tsne_y``, where it is installed ``umap_x, umap_y``, and the ids of the
        nearest tracks with their similarity, ``near_1, similarity_1 .. near_5, similarity_5``: a row a track that has
        slices, by track id; coordinates are NaN where a track was not drawn, or there are too few. ``label`` is the
        class or, where tracks have tags, the rarest of the ten commonest that a track bears. Facts: ``input,
        front_end, features, tracks, explained`` (share of the variance that each component keeps), ``drawn,
        perplexity, divergence, methods`` and ``sentences``.

    Raises
    ------
    Damaged
        When a shard is damaged.
    """
    index_path = Path(index_path)
    index = read_index(index_path)
    index = index[index["slices"] > 0].reset_index(drop=True)
    source = Source.of(index_path.parent.name, index_path)
    summaries_of = {} if source is None else summaries(source.clips(index["track_id"]), source.front_end)
    points = index[["track_id", "title"]].assign(label=_labels(index, seed))
    components, explained = principal_components(np.array([summaries_of[track] for track in points["track_id"]]))
    points["pca_x"], points["pca_y"] = components[:, 0], components[:, 1]
    facts = {
        "input": index_path.parent.name,
        "front_end": source.front_end.settings.kind if source else "",
        "features": len(next(iter(summaries_of.values()), ())),
        "tracks": len(points),
        "explained": [float(share) for share in explained[:2]],
    }
    facts |= _neighbors(points, components, seed)
    if source is not None and len(points) > 1:
        _add_nearest(
            points, np.array([compared(summaries_of[track], source.front_end) for track in points["track_id"]])
        )
    return points, facts | {"sentences": _sentences(facts)}


def principal_components(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first principal components [n, 50] of standardized features [n, d], and their shares of the variance.

    Features that never vary count nothing. Where there are fewer components, the others are 0; without any variance
    all are. The largest coordinate of each is positive.
    """
    if not len(features):
        return np.zeros((0, COMPONENTS)), np.zeros(COMPONENTS)
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scaled = (features - mean) / np.where(deviation > _NOTHING * np.abs(mean), deviation, np.inf)
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    kept = min(COMPONENTS, len(values))
    values, vectors = np.maximum(values[: -kept - 1 : -1], 0), vectors[:, : -kept - 1 : -1]
    components, shares = np.zeros((len(features), COMPONENTS)), np.zeros(COMPONENTS)
    total = np.square(scaled).sum()
    if total > 0:
        components[:, :kept], shares[:kept] = upright(scaled @ vectors), values / total
    return components, shares


def _labels(index: pd.DataFrame, seed: int) -> pd.Series:
    if not tags.is_tagged(index):
        return index["label"]
    commonest = tags.membership(index).iloc[:, :TOP_TAGS]
    return index["track_id"].map(shown_with(commonest, seed=seed, most=len(index))).fillna("")


def _neighbors(points: pd.DataFrame, components: np.ndarray, seed: int) -> dict[str, Any]:
    """Add the coordinates of t-SNE and UMAP to `points`, and return facts about them."""
    methods = {"tsne": _tsne} | ({"umap": _umap} if find_spec("umap") else {})
    for method in methods:
        points[f"{method}_x"] = points[f"{method}_y"] = np.nan
    facts: dict[str, Any] = {"drawn": 0, "perplexity": None, "divergence": None, "methods": ["pca"]}
    if len(points) < LEAST_TRACKS or not components.any():
        return facts
    rows = np.flatnonzero(points["track_id"].isin(drawn(points["track_id"], MOST_DRAWN, seed)))
    near = components[rows] / components[rows, 0].std()
    for method, project in methods.items():
        plane, measures = project(near, seed)
        points.loc[rows, [f"{method}_x", f"{method}_y"]] = plane
        facts |= measures
    return facts | {"drawn": len(rows), "methods": ["pca", *methods]}


def _add_nearest(points: pd.DataFrame, features: np.ndarray) -> None:
    """Add the ids of the tracks that each sounds most like, and the cosines with these."""
    ids = points["track_id"].to_numpy()
    near, cosines = map(np.array, zip(*nearest(standardized(features)[0]), strict=True))
    for rank in range(min(NEAREST, near.shape[1])):
        points[f"near_{rank + 1}"], points[f"similarity_{rank + 1}"] = ids[near[:, rank]], cosines[:, rank]


def _tsne(near: np.ndarray, seed: int) -> tuple[np.ndarray, dict[str, float]]:
    plane, measures = tsne_of_points(near, seed)
    return plane, {"perplexity": perplexity(len(near)), **measures}


def _umap(near: np.ndarray, seed: int) -> tuple[np.ndarray, dict[str, float]]:
    umap = import_module("umap")  # which nothing here depends on, and which takes long to import
    method = umap.UMAP(n_neighbors=min(NEIGHBORS, len(near) - 1), init=10 * near[:, :2], random_state=seed, n_jobs=1)
    return method.fit_transform(near).astype(np.float64), {}


def _sentences(facts: Mapping[str, Any]) -> list[str]:
    """Return the caption of the map, a sentence each."""
    if not facts["features"]:
        return ["No track can be used, so there is no map."]
    what = {
        "descriptors": "descriptor",
        "embedding": "value of the embedding",
        "joined": "value of the joined vectors",
        "maps": "music map",
        "waveform": "band of the log-mel spectrogram",
    }.get(facts["front_end"], "band")
    first, second = (f"{100 * share:.0f} %" for share in facts["explained"])
    sentences = [
        f"A point is one of {facts['tracks']:,} tracks, by the mean and the deviation of each {what} "
        f"({facts['features']:,} numbers, standardized).",
        f"The two principal components keep {first} and {second} of the variance.",
    ]
    others = " and ".join(TITLES[method] for method in facts["methods"][1:])
    if facts["drawn"] < facts["tracks"] and others:
        sentences.append(f"{others}: {facts['drawn']:,} tracks, drawn by chance.")
    if others:
        sentences.append(f"{others}: neighbors are alike; distances between groups, and their sizes, mean nothing.")
    return sentences
