"""Parquet tables with page checksums, and a header that says what they are and which key made them.

Snappy, zstd and plain Parquet all return flipped bits silently unless page checksums are written *and*
verified, so both are always on. The footer, which holds the header and says where columns lie, has no checksum of
its own: it is sealed with one that is kept within it. The header names the file, so that two that changed places are
noticed.
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
# A footer's checksum stands in the footer, and is that of the footer with zeros in its place.
_SEAL, _NO_SEAL = re.compile(rb"footer crc32 ([0-9a-f]{8})"), b"footer crc32 00000000"
_TAIL = 8  # bytes at the end of a file: the length of the footer, and the format's name


@dataclass(frozen=True)
class Header:
    """What a table is: its kind, the version of that kind's schema, the key that made it, and free facts."""

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
        When the file is not as it was written, or is another table than belongs there.
    UserError
        When there is no such file.
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
    """Read what a table says of itself; errors as for `read_table`."""
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


def checked_header(path: str | os.PathLike, said: dict[str, Any], kind: str | None) -> Header:
    """Return the header in which a file says its ``name, kind, key, version, facts``; Damaged if it is another one."""
    name = said.pop("name", None)
    if name != Path(path).name:
        raise Damaged(path, f"it was written as {name}" if name else "it does not say how it was named")
    header = Header(**said)
    if kind is not None and header.kind != kind:
        raise Damaged(path, f"it holds {header.kind!r}, where {kind!r} belongs")
    return header


def array_column(arrays: np.ndarray) -> pa.Array:
    """Return `arrays` [n, ...] as a column of n fixed-size binaries; shape and dtype belong into the header."""
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
    """Return the footer of a file, and where it begins."""
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
    """Tell whether a footer is as it was written; None if it has no seal."""
    seal = _SEAL.search(footer)
    if seal is None:
        return None
    unsealed = footer[: seal.start()] + _NO_SEAL + footer[seal.end() :]
    return int(seal[1], 16) == zlib.crc32(unsealed)


def _is_array(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_binary(kind)
