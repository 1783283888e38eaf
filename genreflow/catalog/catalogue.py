"""The catalogue of a dataset: a row a track, with what its bytes are."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from genreflow.catalog.shards import is_in_shard
from genreflow.store.parquet import read_header, read_table

KIND = "catalog"
SCHEMA = pa.schema(
    [
        ("track_id", pa.string()),
        ("path", pa.binary()),
        ("label", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("group", pa.string()),
        ("artist", pa.string()),
        ("split", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("ctime_ns", pa.int64()),
        ("sha256", pa.string()),
    ]
)
VERSION = 2
MISSING = "missing"


def read(path: Path) -> pa.Table:
    """Read a catalogue as `refresh` returned it."""
    return read_table(path, KIND).cast(SCHEMA)


def root_of(path: Path) -> str:
    """Return the folder that the paths of a catalogue are relative to."""
    return read_header(path, KIND).facts["root"]


def notices_of(path: Path) -> list[str]:
    """Return the remarks that were made while the dataset was scanned."""
    return read_header(path, KIND).facts["notices"]


def ignored_of(path: Path) -> dict[str, int]:
    """Return how many files were passed over, by the class they lie in (empty for those beside the classes)."""
    return read_header(path, KIND).facts["ignored"]


def tracks_of_shard(path: Path, shard: str) -> list[dict[str, Any]]:
    """Return the tracks of a shard as ``track_id, path, sha256, bytes, reason, message``; paths are whole, as bytes.

    ``bytes`` is None for tracks that the pipeline makes itself. A ``reason`` that begins with ``Q_`` refuses the
    track before it is opened.
    """
    root = os.fsencode(root_of(path))
    rows = read(path).select(["track_id", "path", "sha256", "bytes", "reason", "message"]).to_pylist()
    members = [row for row in rows if is_in_shard(row["track_id"], shard)]
    return [{**row, "path": os.path.join(root, row["path"])} for row in members]
