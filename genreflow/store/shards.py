"""The segments of a shard's tracks: small arrays in Parquet, waveforms and maps in HDF5; readers handle both."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genreflow.store import hdf5, parquet
from genreflow.store.parquet import Header

KIND = "slices"
FULL_SCALE = 32_767  # of waveforms, which are stored as int16
_COLUMNS = {"track_id": "U16", "slice": np.int32, "start_s": np.float64}
COLUMNS = list(_COLUMNS)


@dataclass(frozen=True)
class Shard:
    """Segments: one row each (``track_id, slice, start_s``), and an array ``[n, *shape]`` of ``facts["dtype"]``."""

    rows: pd.DataFrame
    array: np.ndarray
    header: Header

    @classmethod
    def of(
        cls, rows: Sequence[pd.DataFrame], arrays: Sequence[np.ndarray], *, key: str, facts: dict[str, Any]
    ) -> "Shard":
        """Join the segments of tracks."""
        nothing = pd.DataFrame({"track_id": pd.Series(dtype=str), "slice": pd.Series(dtype=int), "start_s": []})
        joined = pd.concat([part for part in rows if len(part)] or [nothing], ignore_index=True)
        return cls(joined[COLUMNS], np.concatenate(arrays), Header(KIND, key, facts=facts))


def write_shard(path: str | os.PathLike, shard: Shard) -> None:
    """Write a shard in the format of its suffix, atomically."""
    rows = shard.rows
    if Path(path).suffix == ".h5":
        columns = {name: rows[name].to_numpy(dtype) for name, dtype in _COLUMNS.items()}
        hdf5.write_shard(path, {**columns, "array": shard.array}, shard.header)
        return
    table = pa.table(
        {
            "track_id": pa.array(rows["track_id"], pa.string()),
            "slice": pa.array(rows["slice"], pa.int32()),
            "start_s": pa.array(rows["start_s"], pa.float64()),
            "array": parquet.array_column(shard.array),
        }
    )
    parquet.write_table(path, table, shard.header)


def read_header(path: str | os.PathLike) -> Header:
    """Return the header of a shard."""
    return hdf5.read_header(path, KIND) if Path(path).suffix == ".h5" else parquet.read_header(path, KIND)


def read_rows(path: str | os.PathLike) -> pd.DataFrame:
    """Return one row per segment: ``track_id, slice, start_s``."""
    if Path(path).suffix == ".h5":
        return pd.DataFrame(hdf5.read_shard(path, KIND, COLUMNS))
    return parquet.read_frame(path, KIND, COLUMNS)


def read_arrays(path: str | os.PathLike, rows: np.ndarray) -> np.ndarray:
    """Return the segments of some rows (int64, ascending) as stored, ``[n, *shape]``."""
    if Path(path).suffix == ".h5":
        return hdf5.read_shard(path, KIND, ["array"], rows=rows)["array"]
    facts = read_header(path).facts
    table = parquet.read_table(path, KIND, ["array"])
    return parquet.column_arrays(table["array"], tuple(facts["shape"]), facts["dtype"])[rows]


def as_fed(stored: np.ndarray) -> np.ndarray:
    """Return stored slices as float32, waveforms scaled to [-1, 1], as models are fed them."""
    return stored.astype(np.float32) / FULL_SCALE if stored.dtype == np.int16 else stored.astype(np.float32)
