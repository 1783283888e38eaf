"""The slices of chosen tracks in one array, in memory or, where they are too many, memory-mapped."""

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from genreflow.errors import UserError
from genreflow.store.atomic import MAPPED, atomic_write
from genreflow.store.digest import digest
from genreflow.store.shards import read_arrays, read_header, read_rows


@dataclass(frozen=True)
class SliceSet:
    """Slices of some tracks, ordered by track and slice.

    Attributes
    ----------
    arrays
        [N, *shape] as stored: float16, float32, or int16 for waveforms. The sets of one collection share it.
    frame
        A row per slice: ``track_id, slice, start_s, label`` or, instead of the label, ``tags`` (lists of names).
    classes
        All labels, or tags, of the study, in the order of the network's outputs.
    rows
        Rows of `arrays` that are in this set, int64 [n], ascending; all if not given.
    """

    arrays: np.ndarray
    frame: pd.DataFrame
    classes: tuple[str, ...]
    rows: np.ndarray = None  # type: ignore[assignment]  # set by __post_init__

    def __post_init__(self) -> None:
        if self.rows is None:
            object.__setattr__(self, "rows", np.arange(len(self.arrays)))

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def stored(self) -> np.ndarray:
        """The slices of this set alone, [n, *shape]; a copy unless they are all of `arrays`."""
        return self.arrays if len(self.rows) == len(self.arrays) else self.arrays[self.rows]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one slice."""
        return self.arrays.shape[1:]

    @property
    def targets(self) -> np.ndarray:
        """Index of each slice's label in `classes`, int64 [n]; or whether a slice has each tag, bool [n, K]."""
        if "tags" not in self.frame:
            return pd.Index(self.classes).get_indexer(self.frame["label"]).astype(np.int64)
        # All slices of a track have the same tags, and so the same list.
        tracks = self.frame.drop_duplicates("track_id").set_index("track_id")["tags"]
        has = np.array([[name in tags for name in self.classes] for tags in tracks]).reshape(len(tracks), -1)
        return has[tracks.index.get_indexer(self.frame["track_id"])]

    @property
    def is_tagged(self) -> bool:
        """Whether slices have any number of tags instead of one label."""
        return "tags" in self.frame

    @property
    def n_tracks(self) -> int:
        """Number of tracks that the slices are from."""
        return self.frame["track_id"].nunique()

    def select(self, tracks: pd.DataFrame) -> "SliceSet":
        """Return the slices of some tracks, or only those in the column ``slice``; the arrays are shared."""
        is_selected = self.frame["track_id"].isin(tracks["track_id"]).to_numpy()
        if "slice" in tracks:
            own, selected = (pd.MultiIndex.from_frame(frame[["track_id", "slice"]]) for frame in (self.frame, tracks))
            is_selected = own.isin(selected)
        return replace(self, frame=self.frame[is_selected].reset_index(drop=True), rows=self.rows[is_selected])


class SliceReader:
    """Reads slices, once for consecutive runs of a process on the same tracks.

    Parameters
    ----------
    memory_gb
        See `load_slices`.
    """

    def __init__(self, memory_gb: float | None = None) -> None:
        self._memory_gb = memory_gb
        self._last: tuple[object, SliceSet] | None = None

    def read(
        self, shards: Sequence[str | os.PathLike[str]], tracks: pd.DataFrame, classes: Sequence[str], folder: Path
    ) -> SliceSet:
        """Return the result of `load_slices`, from memory if the last call had the same arguments."""
        arguments = tuple(map(str, shards)), tracks.to_json(), tuple(classes)
        if self._last is None or self._last[0] != arguments:
            self._last = None  # frees the memory before other slices are read
            self._last = arguments, load_slices(shards, tracks, classes, memory_gb=self._memory_gb, folder=folder)
        return self._last[1]


def slice_spec(shards: Sequence[str | os.PathLike[str]]) -> tuple[tuple[int, ...], str]:
    """Return shape and dtype of one slice, which all shards must share; UserError if they do not."""
    specs: dict[tuple[tuple[int, ...], str], str | os.PathLike[str]] = {}
    for shard in shards:
        facts = read_header(shard).facts
        specs[tuple(facts["shape"]), facts["dtype"]] = shard
    if len(specs) != 1:
        listed = "; ".join(f"{shape} {dtype} in {shard}" for (shape, dtype), shard in specs.items())
        raise UserError(
            f"Slices must be of one shape and type: {listed or 'there are none'}. Delete them and run again."
        )
    return next(iter(specs))


def load_slices(
    shards: Sequence[str | os.PathLike[str]],
    tracks: pd.DataFrame,
    classes: Sequence[str],
    *,
    memory_gb: float | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> SliceSet:
    """Read the slices of `tracks` from shards of kind ``slices``.

    The result depends neither on the distribution of the tracks over the shards nor on the order of either.

    Parameters
    ----------
    shards
        Paths of the shards.
    tracks
        A row per track: ``track_id, slices`` (the number it must have), and ``label`` or ``tags``.
    classes
        All labels or tags, in the order of the network's outputs.
    memory_gb, folder
        Slices of more than so many GB are written into a file in this folder and memory-mapped. Jobs that need the
        same slices share the file, and through the system's page cache the memory.

    Raises
    ------
    UserError
        When a track lacks slices, or the shards disagree on the shape.
    Damaged
        When a shard is damaged.
    """
    shape, dtype = slice_spec(shards)
    frame = _locate(shards, tracks)
    size = len(frame) * int(np.prod(shape)) * np.dtype(dtype).itemsize
    if memory_gb is None or folder is None or size <= memory_gb * 1e9:
        arrays = np.empty((len(frame), *shape), dtype)
        _fill(arrays, shards, frame)
    else:
        keys = [read_header(shard).key for shard in shards]
        name = f"{MAPPED}{digest(keys, frame['track_id'].unique().tolist())}.bin"
        arrays = _memory_map(Path(folder, name), (len(frame), *shape), dtype, shards, frame)
    target = "tags" if "tags" in tracks else "label"
    frame[target] = frame["track_id"].map(tracks.set_index("track_id")[target])
    return SliceSet(arrays, frame[["track_id", "slice", "start_s", target]], tuple(classes))


def _fill(arrays: np.ndarray, shards: Sequence[str | os.PathLike[str]], frame: pd.DataFrame) -> None:
    for number, shard in enumerate(shards):
        in_shard = frame.index[frame["shard"] == number]
        if len(in_shard):
            arrays[in_shard] = read_arrays(shard, frame.loc[in_shard, "row"].to_numpy())


def _memory_map(
    path: Path, shape: tuple[int, ...], dtype: str, shards: Sequence[str | os.PathLike[str]], frame: pd.DataFrame
) -> np.ndarray:
    """Return slices memory-mapped from a file, which the first job that needs it writes."""
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with atomic_write(path) as temporary:
                arrays = np.memmap(temporary, dtype, "w+", shape=shape)
                _fill(arrays, shards, frame)
                arrays.flush()
    # Copy on write, because torch warns of arrays that it may not write to.
    return np.memmap(path, dtype, "c", shape=shape)


def _locate(shards: Sequence[str | os.PathLike[str]], tracks: pd.DataFrame) -> pd.DataFrame:
    """Return a row per slice, in order, with its shard and its row in the shard."""
    expected = tracks.set_index("track_id")["slices"]
    tables = [read_rows(shard) for shard in shards]
    tables = [table.assign(shard=number, row=np.arange(len(table))) for number, table in enumerate(tables)]
    # One search for all shards: searching for the same tracks in each of a thousand costs a thousand times as much.
    stored = pd.concat(tables)
    frame = stored[stored["track_id"].isin(expected.index)].sort_values(["track_id", "slice"], ignore_index=True)

    counts = frame["track_id"].value_counts().reindex(expected.index, fill_value=0)
    wrong = expected.index[expected != counts]
    if len(wrong):
        raise UserError(
            f"Track {wrong[0]} should have {expected[wrong[0]]} slices, but {counts[wrong[0]]} are stored"
            f" ({len(wrong)} such tracks). Delete the slices and their index, and run again."
        )
    return frame
