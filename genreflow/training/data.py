"""The slices of chosen tracks in one array."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genreflow.errors import UserError
from genreflow.store.shards import FULL_SCALE, read_arrays, read_header, read_rows


@dataclass(frozen=True)
class SliceSet:
    """Slices of some tracks, ordered by track and slice.

    Attributes
    ----------
    arrays
        [n, *shape], one contiguous block of the type that is stored: float16, float32, or int16 for waveforms.
    frame
        A row a slice: ``track_id, slice, start_s, label``.
    classes
        All labels of the study, in the order of the network's outputs.
    """

    arrays: np.ndarray
    frame: pd.DataFrame
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.arrays)

    @property
    def targets(self) -> np.ndarray:
        """The place of each slice's label in `classes`, int64 [n]."""
        return pd.Index(self.classes).get_indexer(self.frame["label"]).astype(np.int64)

    @property
    def n_tracks(self) -> int:
        """How many tracks the slices are from."""
        return self.frame["track_id"].nunique()


def to_input(stored: np.ndarray) -> np.ndarray:
    """Return stored slices as a network sees them, float32; waveforms are stored as whole numbers."""
    return stored.astype(np.float32) / FULL_SCALE if stored.dtype == np.int16 else stored.astype(np.float32)


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


def load_slices(shards: Sequence[str | os.PathLike], tracks: pd.DataFrame, classes: Sequence[str]) -> SliceSet:
    """Read the slices of `tracks` from shards of kind ``slices``.

    The result depends neither on how the tracks are spread over the shards nor on the order of either.

    Parameters
    ----------
    shards
        Paths of the shards.
    tracks
        A row a track: ``track_id, label, slices`` (how many slices it must have).
    classes
        All labels, in the order of the network's outputs.

    Raises
    ------
    UserError
        When a track has not as many slices as it must, the shards disagree on the shape, or one is damaged.
    """
    shape, dtype = slice_form(shards)
    frame = _find(shards, tracks)
    arrays = np.empty((len(frame), *shape), dtype)
    for number, shard in enumerate(shards):
        here = frame.index[frame["shard"] == number]
        if len(here):
            arrays[here] = read_arrays(shard, frame.loc[here, "row"].to_numpy())
    return SliceSet(arrays, frame[["track_id", "slice", "start_s", "label"]], tuple(classes))


def _find(shards: Sequence[str | os.PathLike], tracks: pd.DataFrame) -> pd.DataFrame:
    """Return a row a slice, in order: what it is, and in which row of which shard it lies."""
    labels = tracks.set_index("track_id")["label"]
    parts = []
    for number, shard in enumerate(shards):
        part = read_rows(shard)
        part = part.assign(shard=number, row=np.arange(len(part)))
        parts.append(part[part["track_id"].isin(labels.index)])
    frame = pd.concat(parts).sort_values(["track_id", "slice"], ignore_index=True)

    wanted = tracks.set_index("track_id")["slices"]
    found = frame["track_id"].value_counts().reindex(wanted.index, fill_value=0)
    wrong = wanted.index[wanted != found]
    if len(wrong):
        raise UserError(
            f"Track {wrong[0]} should have {wanted[wrong[0]]} slices, but {found[wrong[0]]} are stored"
            f" ({len(wrong)} such tracks). Delete the slices and their index, and run again."
        )
    return frame.assign(label=frame["track_id"].map(labels))
