"""Read the clips of an input one by one; no more than a part of a shard is in memory."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from genreflow.config.inputs import Axis, read_front_end
from genreflow.datasets.index import read_index, shard_files
from genreflow.features.front_end import FrontEnd
from genreflow.store.digest import digest
from genreflow.store.shards import as_fed, read_arrays, read_header, read_rows

# Of slices that are read together; a track's are never parted.
_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Clip:
    """The slices of a track, ``[n, *shape]`` as they are stored, in their order."""

    track_id: str
    stored: np.ndarray

    @cached_property
    def array(self) -> np.ndarray:
        """The slices as a model is fed them, float32 ``[n, *shape]``; waveforms have a full scale of 1."""
        return as_fed(self.stored)

    @property
    def middle(self) -> int:
        """Index of the slice that represents the track."""
        return len(self.stored) // 2


@dataclass(frozen=True)
class Source:
    """An input of a dataset: its name, the index of its shards, its front-end, and whether samples have a peak of 1."""

    name: str
    index: Path
    front_end: FrontEnd
    peak: bool

    @classmethod
    def of(cls, name: str, index: Path) -> "Source | None":
        """Return an input as its shards describe it; None where there are no shards."""
        shards = shard_files(index)
        if not shards:
            return None
        facts = read_header(shards[0]).facts
        front_end = FrontEnd.of(read_front_end(facts["front_end"]))
        return cls(name, Path(index), front_end, bool(facts.get("peak", False)))

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Meaning of the axes of a slice."""
        return self.front_end.settings.axes

    def clips(self, track_ids: Collection[str]) -> Iterator[Clip]:
        """Yield those of the tracks that have slices, shard by shard.

        Raises
        ------
        Damaged
            When a shard is damaged.
        """
        index = read_index(self.index)
        selected = index[(index["slices"] > 0) & index["track_id"].isin(track_ids)]
        # Looking for all tracks in each shard would take the number of tracks times that of shards.
        by_shard = {shard: list(tracks) for shard, tracks in selected.groupby("shard")["track_id"]}
        for shard in shard_files(self.index):
            yield from _clips_of_shard(shard, by_shard.get(shard.stem, []))


class Collector(Protocol):
    """Collects statistics from every clip of an input, once each, and returns them as tables."""

    def add(self, clip: Clip) -> None:
        """Add a clip to the statistics."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return tidy tables by name."""


def drawn(track_ids: Collection[str], most: int, seed: int) -> list[str]:
    """Return at most `most` tracks at random; adding or removing tracks changes none of the others' draws."""
    return sorted(track_ids, key=lambda track_id: digest(seed, track_id))[:most]


def _clips_of_shard(shard: Path, selected: Collection[str]) -> Iterator[Clip]:
    rows = read_rows(shard)
    rows = rows[rows["track_id"].isin(selected)]
    for tracks in _blocks(rows["track_id"].value_counts(sort=False), _slice_bytes(shard)):
        block = rows[rows["track_id"].isin(tracks)]
        arrays = read_arrays(shard, block.index.to_numpy())
        for track_id, own in block.reset_index(drop=True).groupby("track_id", sort=False):
            yield Clip(str(track_id), arrays[own.sort_values("slice").index])


def _blocks(slices: pd.Series, slice_bytes: int) -> Iterator[list[str]]:
    """Yield tracks whose slices are read together; `slices` counts those of each track."""
    block: list[str] = []
    size = 0
    for track_id, count in slices.items():
        if block and size + count * slice_bytes > _BLOCK_BYTES:
            yield block
            block, size = [], 0
        block.append(track_id)
        size += count * slice_bytes
    if block:
        yield block


def _slice_bytes(shard: Path) -> int:
    facts = read_header(shard).facts
    return int(np.prod(facts["shape"])) * np.dtype(facts["dtype"]).itemsize
