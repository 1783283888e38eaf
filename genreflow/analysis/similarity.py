"""Tracks that sound alike: the cosine between standardized summaries of their slices.

Of embeddings and descriptors the summary of a track is the mean over its slices; of inputs with a time axis it is the
mean and the deviation of each band (`genreflow.analysis.summaries`). Each number is standardized over the
library, so that none counts for more because its values are larger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genreflow.analysis.clips import Source
from genreflow.analysis.summaries import compared, summary
from genreflow.config.inputs import InputSettings
from genreflow.datasets.index import read_index, shard_files
from genreflow.errors import UserError
from genreflow.features.front_end import FrontEnd
from genreflow.store.shards import read_header

NEAREST = 5  # tracks that are stored for each track of a map
_BLOCK = 1_024  # tracks that are compared with all others at once
_NOTHING = 1e-6  # a deviation so small beside the mean is rounding


@dataclass(frozen=True)
class Library:
    """The tracks of an input and their standardized features.

    Attributes
    ----------
    tracks
        A row per track that has slices: ``track_id, title, label, seconds``.
    features
        float32 [n, d], each row of length 1 (0 where nothing varies).
    center, scale
        What a new track is standardized by, [d].
    input
        The settings of the input.
    """

    tracks: pd.DataFrame
    features: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    input: InputSettings

    @classmethod
    def read(cls, index_path: Path) -> "Library":
        """Read an input from its index and the shards beside it.

        Raises
        ------
        UserError
            When no track has slices.
        """
        index = read_index(index_path)
        index = index[index["slices"] > 0].reset_index(drop=True)
        source = Source.of(index_path.parent.name, index_path)
        if source is None or not len(index):
            raise UserError(f"{index_path} holds no usable track. `genreflow status` shows the progress of a run.")
        vectors = {clip.track_id: features(clip.array, source.front_end) for clip in source.clips(index["track_id"])}
        matrix = np.array([vectors[track] for track in index["track_id"]])
        labels = index["label"].fillna("") if "label" in index else ""
        tracks = index[["track_id", "title", "seconds"]].assign(label=labels)
        normalized, center, scale = standardized(matrix)
        facts = read_header(shard_files(index_path)[0]).facts
        given = {name: facts[name] for name in ("front_end", "segments", "peak")}
        return cls(tracks, normalized, center, scale, InputSettings.model_validate(given))

    def nearest_to_row(self, row: int, most: int) -> pd.DataFrame:
        """Return the tracks nearest to one of them: ``track_id, title, label, seconds, similarity``."""
        return self._by_similarity(self.features[row]).drop(index=row).head(most).reset_index(drop=True)

    def nearest_to(self, vector: np.ndarray, most: int) -> pd.DataFrame:
        """Return the tracks nearest to the `features` of another track, likewise."""
        return self._by_similarity(_unit((vector - self.center) / self.scale)).head(most).reset_index(drop=True)

    def _by_similarity(self, unit: np.ndarray) -> pd.DataFrame:
        table = self.tracks.assign(similarity=(self.features @ unit).astype(float))
        return table.sort_values("similarity", ascending=False, kind="stable")


def features(array: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Return the summary of a track's slices [n, *shape] by which it is compared, float32 [d]."""
    return compared(summary(array, front_end), front_end)


def standardized(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features [n, d] standardized, with rows of length 1, and the center and scale of each column.

    Columns that never vary count nothing.
    """
    center, deviation = matrix.mean(axis=0, dtype=np.float64), matrix.std(axis=0, dtype=np.float64)
    scale = np.where(deviation > _NOTHING * np.abs(center), deviation, np.inf)
    return _unit((matrix - center) / scale).astype(np.float32), center, scale


def nearest(normalized: np.ndarray, most: int = NEAREST) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each row of normalized features its nearest other rows, the most alike first, and their cosines."""
    most = min(most, len(normalized) - 1)
    for start in range(0, len(normalized), _BLOCK):
        cosines = normalized[start : start + _BLOCK] @ normalized.T
        for row, values in enumerate(cosines, start):
            values[row] = -np.inf
            near = np.argpartition(-values, most - 1)[:most] if most > 0 else np.empty(0, int)
            near = near[np.lexsort((near, -values[near]))]
            yield near, values[near]


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
