"""A map of the library: each track is a point, near to tracks whose model inputs are alike.

A track is summed up by the mean and the deviation over time of each band of a spectrogram, or of each map; of
descriptors, over its slices. A mean of samples carries no information, so waveforms become log-mel spectrograms first.
Each of these numbers is standardized over the tracks. Then come

- ``pca``: the two principal components, exact and of all tracks;
- ``tsne``: t-SNE of the first fifty of them, started from those two, of no more tracks than are computed in a minute;
- ``umap``: UMAP of the same, if the package ``umap`` is installed.

Shards are read once, and of a track its summary alone is kept.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.analysis import tags
from genreflow.analysis.clips import Clip, Source, drawn
from genreflow.analysis.projections import perplexity, shown_with, tsne_of_points, upright
from genreflow.config.inputs import LogMel
from genreflow.datasets.index import read_index
from genreflow.features.front_end import FrontEnd
from genreflow.features.mel import log_mel

# Raise it when the map would have other points or columns.
STAGE_VERSION = 1

KIND = "map"
COLUMNS = ["track_id", "title", "label"]
TITLES = {"pca": "Principal components", "tsne": "t-SNE", "umap": "UMAP"}
MOST_DRAWN = 5_000
LEAST_TRACKS = 3
TOP_TAGS = 10
COMPONENTS = 50
NEIGHBORS = 15  # of UMAP
_BANDS = 128  # those of a spectrogram that has more are averaged to so many
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
        `COLUMNS`, ``pca_x, pca_y, tsne_x, tsne_y`` and, where it is installed, ``umap_x, umap_y``: a row a track that
        has slices, by track id; coordinates are NaN where a track was not drawn, or there are too few. ``label`` is
        the class or, where tracks have tags, the rarest of the ten commonest that a track bears. Facts: ``input,
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
    return points, facts | {"sentences": _sentences(facts)}


def summaries(clips: Iterable[Clip], front_end: FrontEnd) -> dict[str, np.ndarray]:
    """Return by track id mean and deviation of each band, map or descriptor: float32 ``[2 d]``."""
    return {clip.track_id: summary(clip.array, front_end) for clip in clips}


def summary(array: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Return mean and deviation over time of the slices of a track, ``[n, *shape]`` as a model is fed them."""
    axes = front_end.settings.axes
    if axes == ("time",):
        # Below 8 kHz the bands are not where their names say, which is the same for all tracks.
        spectrum = LogMel(sample_rate=max(8_000, front_end.sample_rate))
        array = np.stack([log_mel(samples, spectrum) for samples in array])
    time = (0, 2) if "time" in axes else 0
    if "quantity" not in axes and array.shape[1] > _BANDS:
        array = np.stack([part.mean(axis=1) for part in np.array_split(array, _BANDS, axis=1)], axis=1)
    moments = array.mean(axis=time, dtype=np.float64), array.std(axis=time, dtype=np.float64)
    return np.concatenate(moments).astype(np.float32)


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
    what = "descriptor" if facts["front_end"] == "descriptors" else "band"
    what = {"maps": "music map", "waveform": "band of the log-mel spectrogram"}.get(facts["front_end"], what)
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
