"""Parquet tables with page checksums and a header: their kind, key, schema version and facts.

Parquet returns flipped bits silently, whatever the compression, unless page checksums are written *and* verified, so
both are always on. The footer, which holds the header and the places of columns, has no checksum of its own: it
contains one, computed with zeros in its place. The header names the file, so that swapped files are noticed.
"""

import json
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from genreflow.errors import Damaged, UserError
from genreflow.store.atomic import atomic_write

_HEADER = b"genreflow"
_SEAL, _NO_SEAL = re.compile(rb"footer crc32 ([0-9a-f]{8})"), b"footer crc32 00000000"
_TAIL = 8  # bytes at the end of a file: the length of the footer, and the magic number


@dataclass(frozen=True)
class Header:
    """The header of a file: its kind, its key, the version of the kind's schema, and facts."""

    kind: str
    key: str = ""
    version: int = 1
    facts: dict[str, Any] = field(default_factory=dict)


def write_table(path: str | os.PathLike, table: pa.Table | pd.DataFrame, header: Header) -> None:
    """Write a table atomically, with page checksums and its header in the file's metadata."""
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    metadata = {
        _HEADER: json.dumps(
            {"kind": header.kind, "key": header.key, "version": header.version, "facts": header.facts}
            | {"name": Path(path).name}
        ).encode(),
        b"seal": _NO_SEAL,
    }
    # Arrays of noise-like float16 do not compress; text and numbers do.
    binary = [name for name, kind in zip(table.schema.names, table.schema.types, strict=True) if _is_array(kind)]
    compression = {name: "none" if name in binary else "zstd" for name in table.schema.names}
    with atomic_write(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(metadata),
            temporary,
            compression=compression,
            use_dictionary=[name for name in table.schema.names if name not in binary],
            write_statistics=[name for name in table.schema.names if name not in binary],
            write_page_checksum=True,
        )
        _seal(temporary)


def read_table(path: str | os.PathLike, kind: str, columns: list[str] | None = None) -> pa.Table:
    """Read a table of the given kind, verifying every page.

    Raises
    ------
    Damaged
        If the file is not as it was written, or another table has its name.
    UserError
        If there is no such file.
    """
    read_header(path, kind)
    try:
        return pq.read_table(path, columns=columns, page_checksum_verification=True, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise Damaged(path, error) from error


def read_frame(path: str | os.PathLike, kind: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a table of the given kind as a data frame."""
    return read_table(path, kind, columns).to_pandas()


def read_header(path: str | os.PathLike, kind: str | None = None) -> Header:
    """Read the header of a table; raises as `read_table`."""
    try:
        seal = _is_sealed(_footer(path)[0])
        if seal is False:
            raise Damaged(path, "the checksum of its footer is wrong")
        metadata = pq.read_schema(path).metadata or {}
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Damaged(path, error) from error
    if _HEADER not in metadata:
        raise Damaged(path, "its header is missing: it was not written by genreflow")
    if not seal:
        raise Damaged(path, "the checksum of its footer is missing")
    return checked_header(path, json.loads(metadata[_HEADER]), kind)


def checked_header(path: str | os.PathLike, fields: dict[str, Any], kind: str | None) -> Header:
    """Return a header from its fields ``name, kind, key, version, facts``; raise Damaged if name or kind differ."""
    name = fields.pop("name", None)
    if name != Path(path).name:
        raise Damaged(path, f"it was written as {name}" if name else "its header has no name")
    header = Header(**fields)
    if kind is not None and header.kind != kind:
        raise Damaged(path, f"it holds {header.kind!r}, where {kind!r} belongs")
    return header


def array_column(arrays: np.ndarray) -> pa.Array:
    """Return `arrays` [n, ...] as a column of n fixed-size binaries; the header is to hold shape and dtype."""
    arrays = np.ascontiguousarray(arrays)
    width = int(np.prod(arrays.shape[1:])) * arrays.dtype.itemsize
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(arrays), [None, pa.py_buffer(arrays.data.cast("B") if arrays.size else b"")]
    )


def column_arrays(column: pa.ChunkedArray, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return a column of fixed-size binaries as an array [n, *shape]; a single chunk is not copied."""
    parts = []
    for chunk in column.chunks:
        width = chunk.type.byte_width
        buffer = np.frombuffer(chunk.buffers()[1], np.uint8, count=len(chunk) * width, offset=chunk.offset * width)
        parts.append(buffer.view(dtype).reshape(len(chunk), *shape))
    if not parts:
        return np.empty((0, *shape), dtype)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _footer(path: str | os.PathLike) -> tuple[bytes, int]:
    """Return the footer of a file, and its offset."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - _TAIL))
        length = int.from_bytes(file.read(_TAIL)[:4], "little")
        start = file.seek(max(0, end - _TAIL - length))
        return file.read(length), start


def _seal(path: str | os.PathLike) -> None:
    footer, start = _footer(path)
    place = footer.index(_NO_SEAL)
    checksum = zlib.crc32(footer)
    with open(path, "r+b") as file:
        file.seek(start + place + len(_NO_SEAL) - 8)
        file.write(b"%08x" % checksum)


def _is_sealed(footer: bytes) -> bool | None:
    """Return whether the checksum of a footer is right; None if it has none."""
    seal = _SEAL.search(footer)
    if seal is None:
        return None
    unsealed = footer[: seal.start()] + _NO_SEAL + footer[seal.end() :]
    return int(seal[1], 16) == zlib.crc32(unsealed)


def _is_array(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_binary(kind)
