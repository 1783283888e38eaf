"""Checkpoints of TensorFlow in its second format, read without TensorFlow.

A checkpoint is an index and its data. The index is a table of LevelDB: sorted blocks of keys and values, each with a
checksum, and a footer. A key is the name of a tensor, its value a protocol buffer `BundleEntryProto` with type, shape,
place and checksum; the key "" holds a `BundleHeaderProto`. The data are the tensors' bytes, little-endian.

Sources: tensorflow/core/protobuf/tensor_bundle.proto; the format of tables in LevelDB's doc/table_format.md.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import ClassVar

import numpy as np

from genreflow.errors import UserError

_FOOTER, _TRAILER = 48, 5  # bytes: two places of blocks and the magic number; type and checksum of a block
_MAGIC = 0xDB4775248B80FB57
_POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), reflected
_LANES = 1024  # stretches of data whose checksums are computed side by side
_MOST_AXES, _MOST_NAME = 8, 1024


@dataclass(frozen=True)
class Entry:
    """Type, shape and place of a tensor, and its checksum as stored."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int
    checksum: int


class Checkpoint:
    """The tensors of a checkpoint by name.

    Parameters
    ----------
    index, data
        Content of the files ``.index`` and ``.data-00000-of-00001``.
    name
        Name of the checkpoint in messages.

    Raises
    ------
    UserError
        When the index is damaged, or no index of a checkpoint.
    """

    # Of tensorflow/core/framework/types.proto; more kinds than these no network of ours has.
    DTYPES: ClassVar = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}

    def __init__(self, index: bytes, data: bytes, *, name: str) -> None:
        self._data, self._name = data, name
        try:
            table = dict(_table(index))
            _check_header(_message(table.pop(b"", b"")))
            self.entries = {key.decode(): _entry(_message(value)) for key, value in table.items()}
        except (ValueError, IndexError, struct.error, OverflowError) as error:
            raise UserError(f"{name} is not a checkpoint of TensorFlow, or it is damaged ({error}).") from None

    def read(self, name: str) -> np.ndarray:
        """Return a tensor.

        Raises
        ------
        UserError
            When there is none of that name, or its bytes are missing or not those that were written.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise UserError(f"{self._name} holds no tensor {name!r}: it is the checkpoint of another network.")
        stored = self._data[entry.offset : entry.offset + entry.size]
        if len(stored) < entry.size:
            raise UserError(f"{self._name} ends before the tensor {name!r}: it is cut off.")
        if masked_crc32c(stored) != entry.checksum:
            raise UserError(f"{self._name} is damaged: the checksum of the tensor {name!r} is wrong.")
        return np.frombuffer(stored, entry.dtype).reshape(entry.shape)


def masked_crc32c(content: bytes) -> int:
    """Return the CRC-32C of some bytes, masked as LevelDB and TensorFlow store it."""
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(content: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of some bytes.

    Long content is cut into lanes of equal length, whose checksums are computed side by side and joined: the checksum
    of A followed by B is that of A moved past ``len(B)`` zeros, exclusive-or that of B.
    """
    length = len(content) // _LANES
    crc = 0
    if length:
        lanes = np.frombuffer(content, np.uint8, _LANES * length).reshape(_LANES, length)
        move = _moved_past(length)
        for lane in _crc_of_lanes(lanes).tolist():
            crc = _product(move, crc) ^ lane
    table = _byte_table().tolist()
    state = crc ^ 0xFFFFFFFF
    for byte in content[_LANES * length :]:
        state = table[(state ^ byte) & 0xFF] ^ state >> 8
    return state ^ 0xFFFFFFFF


def _crc_of_lanes(lanes: np.ndarray) -> np.ndarray:
    """Return the CRC-32C of each row, uint32 [rows]."""
    table = _byte_table()
    state = np.full(len(lanes), 0xFFFFFFFF, np.uint32)
    for column in np.ascontiguousarray(lanes.T):
        state = table[(state ^ column) & 0xFF] ^ state >> 8
    return state ^ 0xFFFFFFFF


@cache
def _byte_table() -> np.ndarray:
    """Return the checksum's change by each byte, uint32 [256]."""
    table: np.ndarray = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1).astype(np.uint32)
    return table


def _moved_past(length: int) -> list[int]:
    """Return the matrix over GF(2) that moves a checksum past so many zero bytes: the image of each bit."""
    table = _byte_table().tolist()
    power = [table[bit & 0xFF] ^ bit >> 8 for bit in (1 << place for place in range(32))]  # past one byte
    result = [1 << place for place in range(32)]
    while length:
        if length & 1:
            result = [_product(power, row) for row in result]
        power = [_product(power, row) for row in power]
        length >>= 1
    return result


def _product(matrix: list[int], vector: int) -> int:
    result = 0
    for row in matrix:
        if vector & 1:
            result ^= row
        vector >>= 1
    return result


# ---- tables of LevelDB -----------------------------------------------------------------------------------------------


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a table."""
    if len(content) < _FOOTER or struct.unpack("<Q", content[-8:])[0] != _MAGIC:
        raise ValueError("it does not end like a table")
    footer = content[-_FOOTER:-8]
    _, at = _place(footer, 0)  # of the block with facts about the table, which has none
    index, _ = _place(footer, at)
    for _, place in _block(content, index):
        yield from _block(content, _place(place, 0)[0])


def _place(content: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Return the place of a block, (offset, size), and where to read on."""
    offset, at = _varint(content, at)
    size, at = _varint(content, at)
    return (offset, size), at


def _block(content: bytes, place: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block, whose keys share their beginnings."""
    offset, size = place
    trailer = content[offset + size : offset + size + _TRAILER]
    if len(trailer) < _TRAILER or offset + size + _TRAILER > len(content) - _FOOTER:
        raise ValueError("a block lies outside the file")
    kind, checksum = struct.unpack("<BI", trailer)
    if masked_crc32c(content[offset : offset + size + 1]) != checksum:
        raise ValueError("the checksum of a block is wrong")
    if kind:
        raise ValueError("its blocks are compressed")
    block = content[offset : offset + size]
    [restarts] = struct.unpack("<I", block[-4:])
    end, at, key = size - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + own + length > end or shared + own > _MOST_NAME:
            raise ValueError("a key or value reaches beyond its block")
        key = key[:shared] + block[at : at + own]
        at += own + length
        yield key, block[at - length : at]


# ---- protocol buffers ------------------------------------------------------------------------------------------------


def _message(content: bytes) -> dict[int, list[int | bytes]]:
    """Return the values of a message by the number of their field: whole numbers, or bytes of nested messages."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        value: int | bytes
        match tag & 7:
            case 0:
                value, at = _varint(content, at)
            case 1:
                value, at = struct.unpack_from("<Q", content, at)[0], at + 8
            case 2:
                length, at = _varint(content, at)
                value, at = content[at : at + length], at + length
            case 5:
                value, at = struct.unpack_from("<I", content, at)[0], at + 4
            case kind:
                raise ValueError(f"a field is of the unknown type {kind}")
        if at > len(content):
            raise ValueError("a field is cut off")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and where to read on."""
    value = 0
    for shift in range(0, 64, 7):
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("a number does not end")


def _number(fields: dict[int, list[int | bytes]], field: int) -> int:
    """Return the last value of a field, 0 if there is none."""
    value = fields.get(field, [0])[-1]
    if not isinstance(value, int):
        raise ValueError("a number is missing")
    return value


def _check_header(fields: dict[int, list[int | bytes]]) -> None:
    if _number(fields, 1) != 1:
        raise ValueError("its header names no single file of data")
    if _number(fields, 2):
        raise ValueError("its numbers are big-endian")


def _entry(fields: dict[int, list[int | bytes]]) -> Entry:
    dtype = Checkpoint.DTYPES.get(_number(fields, 1))
    if dtype is None:
        raise ValueError(f"a tensor is of the unknown type {_number(fields, 1)}")
    if _number(fields, 3) or 7 in fields:
        raise ValueError("a tensor is divided among several files")
    [shape] = fields.get(2, [b""])
    axes = _message(shape).get(2, []) if isinstance(shape, bytes) else []
    sizes = tuple(_number(_message(axis), 1) for axis in axes if isinstance(axis, bytes))
    size = _number(fields, 5)
    if len(sizes) > _MOST_AXES or prod(sizes) * np.dtype(dtype).itemsize != size:
        raise ValueError("the size of a tensor is not that of its shape")
    return Entry(dtype, sizes, _number(fields, 4), size, _number(fields, 6))
