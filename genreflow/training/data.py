"""The slices of chosen tracks in one array, in memory or, where they are too many, mapped from a file."""

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
        [N, *shape], one contiguous block of the type that is stored: float16, float32, or int16 for waveforms. Sets
        of one collection share it.
    frame
        A row a slice: ``track_id, slice, start_s, label`` or, instead of the label, ``tags`` (lists of names).
    classes
        All labels, or tags, of the study, in the order of the network's outputs.
    rows
        Where the slices of this set are in `arrays`, int64 [n], ascending; all of them if not given.
    """

    arrays: np.ndarray
    frame: pd.DataFrame
    classes: tuple[str, ...]
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def places(self) -> np.ndarray:
        """Where the slices are in `arrays`, int64 [n]."""
        return np.arange(len(self.arrays)) if self.rows is None else self.rows

    @property
    def stored(self) -> np.ndarray:
        """The slices of this set alone, [n, *shape]; a copy unless they are all."""
        return self.arrays if self.rows is None else self.arrays[self.rows]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one slice."""
        return self.arrays.shape[1:]

    @property
    def targets(self) -> np.ndarray:
        """The place of each slice's label in `classes`, int64 [n]; of tags, which each slice has, bool [n, K]."""
        if "tags" not in self.frame:
            return pd.Index(self.classes).get_indexer(self.frame["label"]).astype(np.int64)
        # All slices of a track have the same tags, and so the same list.
        tracks = self.frame.drop_duplicates("track_id").set_index("track_id")["tags"]
        has = np.array([[name in tags for name in self.classes] for tags in tracks]).reshape(len(tracks), -1)
        return has[tracks.index.get_indexer(self.frame["track_id"])]

    @property
    def is_tagged(self) -> bool:
        """Whether slices have any number of tags, and not one class."""
        return "tags" in self.frame

    @property
    def n_tracks(self) -> int:
        """How many tracks the slices are from."""
        return self.frame["track_id"].nunique()

    def of(self, tracks: pd.DataFrame) -> "SliceSet":
        """Return the slices of some tracks, or only those in the column ``slice``; the arrays are shared."""
        chosen = self.frame["track_id"].isin(tracks["track_id"]).to_numpy()
        if "slice" in tracks:
            mine, wanted = (pd.MultiIndex.from_frame(frame[["track_id", "slice"]]) for frame in (self.frame, tracks))
            chosen = mine.isin(wanted)
        return replace(self, frame=self.frame[chosen].reset_index(drop=True), rows=self.places[chosen])


class SliceReader:
    """Reads the slices that the runs of a process need: once, for runs on the same tracks.

    Parameters
    ----------
    memory_gb
        See `load_slices`.
    """

    def __init__(self, memory_gb: float | None = None) -> None:
        self._memory_gb = memory_gb
        self._last: tuple[tuple, SliceSet] | None = None

    def read(
        self, shards: Sequence[str | os.PathLike], tracks: pd.DataFrame, classes: Sequence[str], folder: Path
    ) -> SliceSet:
        """Return what `load_slices` does, or what it did when it was asked for the same before."""
        asked = tuple(map(str, shards)), tracks.to_json(), tuple(classes)
        if self._last is None or self._last[0] != asked:
            self._last = None
            self._last = asked, load_slices(shards, tracks, classes, memory_gb=self._memory_gb, folder=folder)
        return self._last[1]


def slice_form(shards: Sequence[str | os.PathLike]) -> tuple[tuple[int, ...], str]:
    """Return shape and type of one slice, which all shards must share; UserError if they do not."""
    forms = {}
    for shard in shards:
        facts = read_header(shard).facts
        forms[tuple(facts["shape"]), facts["dtype"]] = shard
    if len(forms) != 1:
        listed = "; ".join(f"{shape} {dtype} in {shard}" for (shape, dtype), shard in forms.items())
        raise UserError(
            f"Slices must be of one shape and type: {listed or 'there are none'}. Delete them and run again."
        )
    return next(iter(forms))


def load_slices(
    shards: Sequence[str | os.PathLike],
    tracks: pd.DataFrame,
    classes: Sequence[str],
    *,
    memory_gb: float | None = None,
    folder: str | os.PathLike | None = None,
) -> SliceSet:
    """Read the slices of `tracks` from shards of kind ``slices``.

    The result depends neither on how the tracks are spread over the shards nor on the order of either.

    Parameters
    ----------
    shards
        Paths of the shards.
    tracks
        A row a track: ``track_id, slices`` (how many slices it must have), and ``label`` or ``tags``.
    classes
        All labels or tags, in the order of the network's outputs.
    memory_gb, folder
        Slices of more than so many GB are put into a file in this folder and mapped from there. Jobs that need the
        same slices use the same file, and through the system's cache the same memory.

    Raises
    ------
    UserError
        When a track has not as many slices as it must, or the shards disagree on the shape.
    Damaged
        When a shard is damaged.
    """
    shape, dtype = slice_form(shards)
    frame = _find(shards, tracks)
    size = len(frame) * int(np.prod(shape)) * np.dtype(dtype).itemsize
    if memory_gb is None or folder is None or size <= memory_gb * 1e9:
        arrays = np.empty((len(frame), *shape), dtype)
        _fill(arrays, shards, frame)
    else:
        keys = [read_header(shard).key for shard in shards]
        name = f"{MAPPED}{digest(keys, frame['track_id'].unique().tolist())}.bin"
        arrays = _mapped(Path(folder, name), (len(frame), *shape), dtype, shards, frame)
    said = "tags" if "tags" in tracks else "label"
    frame[said] = frame["track_id"].map(tracks.set_index("track_id")[said])
    return SliceSet(arrays, frame[["track_id", "slice", "start_s", said]], tuple(classes))


def _fill(arrays: np.ndarray, shards: Sequence[str | os.PathLike], frame: pd.DataFrame) -> None:
    for number, shard in enumerate(shards):
        here = frame.index[frame["shard"] == number]
        if len(here):
            arrays[here] = read_arrays(shard, frame.loc[here, "row"].to_numpy())


def _mapped(
    path: Path, shape: tuple[int, ...], dtype: str, shards: Sequence[str | os.PathLike], frame: pd.DataFrame
) -> np.ndarray:
    """Return slices mapped from a file, which the first job that needs it writes."""
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            with atomic_write(path) as temporary:
                arrays = np.memmap(temporary, dtype, "w+", shape=shape)
                _fill(arrays, shards, frame)
                arrays.flush()
    # Copy on write, as torch wants arrays that it may write to.
    return np.memmap(path, dtype, "c", shape=shape)


def _find(shards: Sequence[str | os.PathLike], tracks: pd.DataFrame) -> pd.DataFrame:
    """Return a row a slice, in order: what it is, and in which row of which shard it lies."""
    wanted = tracks.set_index("track_id")["slices"]
    parts = [read_rows(shard) for shard in shards]
    places = [part.assign(shard=number, row=np.arange(len(part))) for number, part in enumerate(parts)]
    # All at once: one search for as many tracks costs as much, be it among the rows of one shard or of a thousand.
    everything = pd.concat(places)
    here = everything[everything["track_id"].isin(wanted.index)]
    frame = here.sort_values(["track_id", "slice"], ignore_index=True)

    found = frame["track_id"].value_counts().reindex(wanted.index, fill_value=0)
    wrong = wanted.index[wanted != found]
    if len(wrong):
        raise UserError(
            f"Track {wrong[0]} should have {wanted[wrong[0]]} slices, but {found[wrong[0]]} are stored"
            f" ({len(wrong)} such tracks). Delete the slices and their index, and run again."
        )
    return frame
