"""Shards of arrays as HDF5 files, chunked by segment, with checksums throughout.

HDF5 returns flipped bits silently unless data has Fletcher-32 checksums, and checks metadata only in its newer file
formats, so both are used. Neither covers text of variable length and long attributes: text has a fixed length, and the
header is an array. HDF5 updates these checksums when a file is edited, so the file also has a seal: a checksum of its
header and of the checksums of all chunks.
"""

import json
import os
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

from genreflow.errors import Damaged, UserError
from genreflow.store.atomic import atomic_write
from genreflow.store.parquet import Header, checked_header

_HEADER, _SEAL = "header", "seal"
_ARRAYS = "arrays"
# Rows smaller than this share a chunk.
_CHUNK_BYTES = 1 << 16
_FLETCHER = 4  # bytes of its checksum


def write_shard(path: str | os.PathLike, arrays: Mapping[str, np.ndarray], header: Header) -> None:
    """Write arrays with the same number of rows, ``[n, ...]``, and their header, atomically.

    The same arrays and header give the same bytes. Text is an array of NumPy's `str_`.

    Raises
    ------
    ValueError
        If the numbers of rows differ.
    """
    if len({len(array) for array in arrays.values()}) > 1:
        raise ValueError(f"rows differ: { ({name: len(array) for name, array in arrays.items()}) }")
    with (
        atomic_write(path) as temporary,
        h5py.File(temporary, "w", libver=("v110", "v110"), locking=False) as file,
    ):
        content = json.dumps(asdict(header) | {"name": Path(path).name}).encode()
        file.create_dataset(_HEADER, data=np.frombuffer(content, np.uint8), chunks=(len(content),), fletcher32=True)
        group = file.create_group(_ARRAYS)
        for name, array in arrays.items():
            _write(group, name, array)
        file.flush()
        file.attrs[_SEAL] = _seal(file, temporary)


def read_shard(
    path: str | os.PathLike,
    kind: str,
    names: Collection[str] | None = None,
    rows: slice | np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Read arrays of a shard, verifying every chunk that is read.

    Parameters
    ----------
    path
        A shard of the given kind.
    kind
        As in its header.
    names
        Names of the arrays, by default all.
    rows
        A slice, or row numbers in any order; by default all rows.

    Raises
    ------
    Damaged
        If the file is not as it was written, or another shard has its name.
    UserError
        If there is no such file or array.
    """
    with _opened(path, kind) as file:
        group = file[_ARRAYS]
        for name in names or ():
            if name not in group:
                raise UserError(f"{path} holds no {name!r}, only {', '.join(group)}.")
        return {name: _read(group[name], rows) for name in (group if names is None else names)}


def read_header(path: str | os.PathLike, kind: str | None = None) -> Header:
    """Read the header of a shard; with `kind`, refuse a shard of another kind."""
    with _opened(path, kind) as file:
        return _header(path, file, kind)


def _header(path: str | os.PathLike, file: h5py.File, kind: str | None) -> Header:
    return checked_header(path, json.loads(file[_HEADER][:].tobytes()), kind)


def _seal(file: h5py.File, path: str | os.PathLike) -> int:
    """Return a checksum of the names, types and shapes of all datasets, and of the checksum at the end of each chunk.

    Reading a chunk verifies its own checksum, so the seal need not read chunks.
    """
    checksum = 0
    with open(path, "rb") as raw:
        for name, dataset in _datasets(file):
            checksum = zlib.crc32(f"{name} {dataset.dtype} {dataset.shape}".encode(), checksum)
            chunks: list[tuple[int, int]] = []
            if dataset.chunks:
                dataset.id.chunk_iter(lambda chunk, chunks=chunks: chunks.append((chunk.byte_offset, chunk.size)))
            for offset, size in sorted(chunks):
                checksum = zlib.crc32(os.pread(raw.fileno(), _FLETCHER, offset + size - _FLETCHER), checksum)
    return checksum


def _datasets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    yield _HEADER, file[_HEADER]
    yield from ((name, file[_ARRAYS][name]) for name in sorted(file[_ARRAYS]))


def _write(group: h5py.Group, name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "U":
        array = np.char.encode(array, "utf-8")
        array = array.astype(h5py.string_dtype("utf-8", max(1, array.dtype.itemsize)))
    if array.size == 0:  # HDF5 does not chunk empty datasets
        group.create_dataset(name, data=array)
        return
    row_bytes = int(np.prod(array.shape[1:])) * array.dtype.itemsize
    rows = min(len(array), max(1, _CHUNK_BYTES // row_bytes))
    group.create_dataset(name, data=array, chunks=(rows, *array.shape[1:]), fletcher32=True)


def _read(dataset: h5py.Dataset, rows: slice | np.ndarray | None) -> np.ndarray:
    if rows is None or isinstance(rows, slice):
        array = dataset[rows or slice(None)]
    else:
        array = _rows(dataset, np.asarray(rows, np.int64))
    return np.char.decode(array, "utf-8") if h5py.check_string_dtype(dataset.dtype) else array


def _rows(dataset: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Read rows by number, consecutive ones at once: HDF5's own selection of scattered rows is slow."""
    numbers, inverse = np.unique(rows, return_inverse=True)
    if len(numbers) and not 0 <= numbers[0] <= numbers[-1] < len(dataset):
        raise IndexError(f"rows {numbers[0]} to {numbers[-1]} of {len(dataset)}")
    array = np.empty((len(numbers), *dataset.shape[1:]), dataset.dtype)
    bounds = [0, *(np.flatnonzero(np.diff(numbers) > 1) + 1), len(numbers)]
    for begin, end in pairwise(bounds):
        if end > begin:
            array[begin:end] = dataset[numbers[begin] : numbers[end - 1] + 1]
    return array[inverse]


@contextmanager
def _opened(path: str | os.PathLike, kind: str | None) -> Iterator[h5py.File]:
    """Open a shard for reading; any error of HDF5 counts as damage."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            if _HEADER not in file or _SEAL not in file.attrs:
                raise Damaged(path, "its header or seal is missing: it was not written by genreflow")
            if int(file.attrs[_SEAL]) != _seal(file, path):
                raise Damaged(path, "its seal is broken: it is not as it was written")
            _header(path, file, kind)
            yield file
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise Damaged(path, error) from error
