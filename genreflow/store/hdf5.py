"""Shards of arrays as HDF5 files: written once, chunked by segment, checksummed throughout.

HDF5 returns flipped bits silently unless data is written with Fletcher-32 checksums; what describes the data has
checksums in the newer file formats alone, so only these are written. Text of variable length and long attributes
would lie outside both: text is stored at a fixed length, and facts as an array.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise

import h5py
import numpy as np

from genreflow.errors import Damaged, UserError
from genreflow.store.atomic import atomic_write
from genreflow.store.parquet import Header

_FACTS = "facts"
_ARRAYS = "arrays"
# Rows smaller than this share a chunk.
_CHUNK_BYTES = 1 << 16


def write_shard(path: str | os.PathLike, arrays: Mapping[str, np.ndarray], header: Header) -> None:
    """Write arrays with the same number of rows, ``[n, ...]``, and their header, atomically.

    The same arrays and header are the same bytes. Text is an array of NumPy's `str_`.

    Raises
    ------
    ValueError
        When the numbers of rows differ.
    """
    if len({len(array) for array in arrays.values()}) > 1:
        raise ValueError(f"rows differ: { ({name: len(array) for name, array in arrays.items()}) }")
    with (
        atomic_write(path) as temporary,
        h5py.File(temporary, "w", libver=("v110", "v110"), locking=False) as file,
    ):
        file.attrs.update(kind=header.kind, key=header.key, version=header.version)
        facts = json.dumps(header.facts).encode()
        file.create_dataset(_FACTS, data=np.frombuffer(facts, np.uint8), chunks=(len(facts),), fletcher32=True)
        group = file.create_group(_ARRAYS)
        for name, array in arrays.items():
            _write(group, name, array)


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
        Of the arrays; all of them if not given.
    rows
        A slice, or row numbers in any order; all rows if not given.

    Raises
    ------
    Damaged
        When the file is damaged.
    UserError
        When it is a shard of another kind, or has no such array.
    """
    with _opened(path, kind) as file:
        group = file[_ARRAYS]
        for name in names or ():
            if name not in group:
                raise UserError(f"{path} holds no {name!r}, only {', '.join(group)}.")
        return {name: _read(group[name], rows) for name in (group if names is None else names)}


def read_header(path: str | os.PathLike, kind: str | None = None) -> Header:
    """Read what a shard says of itself; with `kind`, refuse a shard of another kind."""
    with _opened(path, kind) as file:
        facts = json.loads(file[_FACTS][:].tobytes())
        return Header(str(file.attrs["kind"]), str(file.attrs["key"]), int(file.attrs["version"]), facts)


def _write(group: h5py.Group, name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "U":
        array = np.char.encode(array, "utf-8")
        array = array.astype(h5py.string_dtype("utf-8", max(1, array.dtype.itemsize)))
    if array.size == 0:  # which has no chunks, nor anything to damage
        group.create_dataset(name, data=array)
        return
    row_bytes = int(np.prod(array.shape[1:])) * array.dtype.itemsize
    rows = min(len(array), max(1, _CHUNK_BYTES // row_bytes))
    group.create_dataset(name, data=array, chunks=(rows, *array.shape[1:]), fletcher32=True)


def _read(dataset: h5py.Dataset, rows: slice | np.ndarray | None) -> np.ndarray:
    if rows is None or isinstance(rows, slice):
        found = dataset[rows or slice(None)]
    else:
        found = _rows(dataset, np.asarray(rows, np.int64))
    return np.char.decode(found, "utf-8") if h5py.check_string_dtype(dataset.dtype) else found


def _rows(dataset: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Read rows by number: each run of neighbours at once, as HDF5's own selection of scattered rows is slow."""
    wanted, places = np.unique(rows, return_inverse=True)
    if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < len(dataset):
        raise IndexError(f"rows {wanted[0]} to {wanted[-1]} of {len(dataset)}")
    found = np.empty((len(wanted), *dataset.shape[1:]), dataset.dtype)
    bounds = [0, *(np.flatnonzero(np.diff(wanted) > 1) + 1), len(wanted)]
    for begin, end in pairwise(bounds):
        if end > begin:
            found[begin:end] = dataset[wanted[begin] : wanted[end - 1] + 1]
    return found[places]


@contextmanager
def _opened(path: str | os.PathLike, kind: str | None) -> Iterator[h5py.File]:
    """Open a shard for reading; whatever HDF5 stumbles over is damage."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            if "kind" not in file.attrs:
                raise UserError(f"{path} was not written by genreflow: its header is missing.")
            if kind is not None and file.attrs["kind"] != kind:
                raise UserError(f"{path} is a shard of {file.attrs['kind']!r}, where one of {kind!r} is wanted.")
            yield file
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise Damaged(path, error) from error
