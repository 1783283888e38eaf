"""The checksum that encoders of MP3 leave in the first frame (the LAME tag): whether the audio is as it was encoded."""

import struct
from functools import cache
from typing import BinaryIO

import numpy as np

from genreflow.audio import mpeg

_REACH = 1500  # bytes that the first frame has at most, about
_FIELDS = {1: 4, 2: 4, 4: 100, 8: 4}  # flag of a Xing header -> bytes of the field that it announces
_LENGTH_PLACE, _TAG = 28, 34  # of the length and the checksums, and of the tag's own checksum, behind the Xing header
_POLYNOMIAL = 0xA001  # of CRC-16, least significant bit first
_BLOCK = 4096  # bytes
_PART = 2**24  # bytes read at once


def has_music_checksum(file: BinaryIO) -> bool | None:
    """Return whether the audio frames of an MP3 stream have the checksum of its LAME tag.

    None where there is no sound tag, or where not all of the audio is there.
    """
    file.seek(0)
    head = file.read(_REACH)
    found, place = mpeg.frame(head), mpeg.xing_place(head)
    if found is None or place is None:
        return None
    flags = int.from_bytes(head[place + 4 : place + 8], "big")
    tag = place + 8 + sum(size for flag, size in _FIELDS.items() if flags & flag)
    if tag + _TAG + 2 > min(len(head), found[1]):
        return None
    length, music, own = struct.unpack_from(">IHH", head, tag + _LENGTH_PLACE)
    if own != crc16(head[: tag + _TAG]) or length <= found[1] or file.seek(0, 2) < length:
        return None
    file.seek(found[1])
    register, left = 0, length - found[1]
    while left:
        part = file.read(min(_PART, left))
        register, left = crc16(part, register), left - len(part)
    return register == music


def crc16(content: bytes, register: int = 0) -> int:
    """Return the CRC-16 of some bytes (polynomial 0x8005, reflected), as a continuation of `register`.

    Blocks are worked on side by side: a register is a linear function of the one before and of the bytes.
    """
    whole = len(content) - len(content) % _BLOCK
    columns = np.frombuffer(content, np.uint8, whole).reshape(-1, _BLOCK).T
    registers = np.zeros(columns.shape[1], np.uint16)
    for column in columns:
        registers = registers >> 8 ^ _table()[(registers ^ column) & 0xFF]
    for block in registers.tolist():
        register = block ^ _shifted(register)
    for byte in content[whole:]:
        register = register >> 8 ^ int(_table()[(register ^ byte) & 0xFF])
    return register


@cache
def _table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint16)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1).astype(np.uint16)
    return table


@cache
def _shifts() -> list[int]:
    """Return what a block of zeros makes of a register with one bit set, for each bit."""
    registers = np.uint16(1) << np.arange(16, dtype=np.uint16)
    for _ in range(_BLOCK):
        registers = registers >> 8 ^ _table()[registers & 0xFF]
    return registers.tolist()


def _shifted(register: int) -> int:
    result = 0
    for bit, shift in enumerate(_shifts()):
        if register >> bit & 1:
            result ^= shift
    return result
