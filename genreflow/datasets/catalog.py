"""The catalog of a dataset: a row per track, with the digest of its bytes.

``sha256`` is the digest by which products know the content of a track. It is that of the file as it was first read, and
stays so while the audio in it does, whose digest is ``packets``: an edit of tags changes no product.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from genreflow.datasets.names import printable
from genreflow.datasets.shards import is_in_shard
from genreflow.errors import Problems, UserError
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
        ("packets", pa.string()),
        ("embedded", pa.string()),  # tags of the file, as JSON: read in part only, it must cost no time
        ("artist_group", pa.string()),
        ("checked", pa.bool_()),  # whether a listener has confirmed or corrected the label
    ]
)
VERSION = 4
# Version 2 has no columns `packets`, `embedded` and `artist_group`; version 3 has no `checked`.
_READABLE = (2, 3, 4)
# Columns by which a file is the same without reading it.
STAMP = ["bytes", "mtime_ns", "ctime_ns"]
# Columns that a file holds besides what its layout says of the track; the last follows from both.
OF_FILES = [*STAMP, "sha256", "packets", "embedded", "artist_group"]
MISSING = "missing"
# Refusals that depend on the moment and not on the bytes of a file.
_PASSING = ("Q_CHANGED", "Q_GONE", "Q_PERMISSION", "Q_UNREADABLE")


def read(path: Path) -> pa.Table:
    """Read a catalog as `refresh` returned it; what one of an earlier version lacks is null."""
    table = read_table(path, KIND)
    for field in SCHEMA:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(SCHEMA.names).cast(SCHEMA)


def is_readable(path: Path) -> bool:
    """Return whether a catalog is of a version that `read` knows."""
    try:
        return read_header(path, KIND).version in _READABLE
    except UserError:
        return False


def artist_groups(catalog: pa.Table) -> dict[str, str | None]:
    """Return track_id -> group for `folds.group: auto`."""
    return dict(zip(catalog["track_id"].to_pylist(), catalog["artist_group"].to_pylist(), strict=True))


def embedded_tags(catalog: pa.Table) -> dict[str, dict[str, list[str]]]:
    """Return track_id -> tags of its file; tracks whose file was not read are left out."""
    rows = zip(catalog["track_id"].to_pylist(), catalog["embedded"].to_pylist(), strict=True)
    return {track_id: json.loads(tags) for track_id, tags in rows if tags is not None}


def root_of(path: Path) -> str:
    """Return the folder that the paths of a catalog are relative to."""
    return read_header(path, KIND).facts["root"]


def notices_of(path: Path) -> list[str]:
    """Return the remarks made while the dataset was scanned."""
    return read_header(path, KIND).facts["notices"]


def ignored_of(path: Path) -> dict[str, int]:
    """Return the number of skipped files by class; empty for files outside the classes."""
    return read_header(path, KIND).facts["ignored"]


def disagreements_of(path: Path) -> list[list[str]]:
    """Return path, class, class by a second source, and fate of each track whose two labels differ."""
    return read_header(path, KIND).facts.get("disagreements", [])


def tracks_of_shard(path: Path, shard: str) -> list[dict[str, Any]]:
    """Return the tracks of a shard as ``track_id, path, sha256, packets, bytes, mtime_ns, ctime_ns, reason, message``.

    Paths are whole, as bytes. ``bytes`` and times are None for tracks that the pipeline makes itself. A ``reason``
    that begins with ``Q_`` refuses the track before it is opened.
    """
    root = os.fsencode(root_of(path))
    rows = read(path).select(["track_id", "path", "sha256", "packets", *STAMP, "reason", "message"]).to_pylist()
    members = [row for row in rows if is_in_shard(row["track_id"], shard)]
    return [{**row, "path": os.path.join(root, row["path"])} for row in members]


def check_lasting(tracks: Sequence[dict[str, Any]], table: pa.Table) -> None:
    """Refuse verdicts that are not about the cataloged bytes: if stored, they would outlive their cause.

    A file that could not be read for the catalog either keeps its verdict: its row changes once it can be read.

    Raises
    ------
    UserError
        When files were changed, taken away or out of reach since they were cataloged; it names them.
    """
    problems = [
        f"{printable(track['path'])}: {row['message']}"
        for track, row in zip(tracks, table.select(["reason", "message"]).to_pylist(), strict=True)
        if row["reason"] in _PASSING and not track["sha256"].startswith(MISSING)
    ]
    if problems:
        title = "The music changed, or went out of reach, while the run was going on. Run the same command again."
        raise Problems(title, problems)
