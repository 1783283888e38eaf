"""MPEG audio and ADTS streams, which have no header of their own: frames, tags, and the checksum of LAME."""

import os
import struct
from functools import cache

import numpy as np

from genreflow.audio.bytesource import ByteSource

_SEQUENCE = 4  # frames in a row that are no accident
_FRAME_HEADER = 6
_SAME_STREAM = 0xFFFE0C00  # sync word, version, layer and rate of a frame header
_XING_REACH = 256  # bytes of the first frame within which a Xing header lies
_OTHER_BYTES = 0.02  # share of an MP3 file that may be tags at its end
_OTHER_BYTES_ALWAYS = 8192

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version
_KBITS = {
    (1, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}  # by version (1, or 2 and 2.5) and by the bits of the layer (3 is layer I)


_FIRST_FRAME = 1500  # bytes that the first frame has at most, about
_FIELDS = {1: 4, 2: 4, 4: 100, 8: 4}  # flag of a Xing header -> bytes of the field that it announces
_LENGTH_AT, _OWN_CHECKSUM_AT = 28, 34  # bytes behind the Xing header: length and music checksum, own checksum
_POLYNOMIAL = 0xA001  # of CRC-16, least significant bit first
_BLOCK = 4096  # bytes
_PART = 2**24  # bytes that are read at once


def frame(header: bytes) -> tuple[str, int] | None:
    """Return the codec of a frame, `mp3` (any layer) or `aac`, and its length in bytes; None for an invalid header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    if layer == 0:
        header = header.ljust(_FRAME_HEADER, b"\0")
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        is_adts = header[1] & 0xF0 == 0xF0 and header[2] >> 2 & 0xF < 13 and length >= 7
        return ("aac", length) if is_adts else None
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return None
    bits = 1000 * _KBITS[1 if version == 3 else 2, layer][bitrate - 1]
    hertz = _RATES[version][rate]
    if layer == 3:
        return "mp3", 4 * (12 * bits // hertz + padding)
    return "mp3", (72 if layer == 1 and version != 3 else 144) * bits // hertz + padding


def is_sequence(data: bytes, start: int, *, is_end: bool) -> bool:
    """Return whether frames of one stream follow each other from `start` on: several, or up to the end of the file.

    `is_end` is whether the end of `data` is that of the file.
    """
    first = None
    for count in range(_SEQUENCE):
        if count and is_end and start >= len(data) - 4:
            return True
        header = bytes(data[start : start + _FRAME_HEADER])
        parsed = frame(header)
        kind = int.from_bytes(header[:4], "big") & _SAME_STREAM
        if not parsed or first not in (None, kind):
            return False
        first = kind
        start += parsed[1]
    return True


def find_sequence(file: ByteSource, start: int, reach: int) -> int | None:
    """Return the position of the first sequence of frames within `reach` bytes from `start`; None without one."""
    file.seek(start)
    data = file.read(reach)
    place = data.find(b"\xff")
    while place >= 0:
        if is_sequence(data, place, is_end=False):
            return start + place
        place = data.find(b"\xff", place + 1)
    return None


def id3_length(head: bytes) -> int:
    """Return the claimed length, bytes, of the ID3v2 tag at the start of `head`; 0 without one."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return 10 + length + 10 * (head[5] >> 4 & 1)


def counts_its_frames(file: ByteSource) -> bool:
    """Return whether the first frame of a stream holds the number of frames (a Xing or Info header).

    A header that counts fewer bytes than there are was made for a part of the file, such as the first of two that were
    joined.
    """
    present = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(_XING_REACH)
    place = xing_place(head)
    if place is None:
        return False
    flags, frames, length = struct.unpack_from(">III", head, place + 4)
    spans = not flags & 2 or length >= (1 - _OTHER_BYTES) * present - _OTHER_BYTES_ALWAYS
    return bool(flags & 1 and frames) and spans


def xing_place(head: bytes) -> int | None:
    """Return the position of the Xing or Info header in the first frame of a stream; None without one."""
    head = head[:_XING_REACH]
    places = (head.find(name) for name in (b"Xing", b"Info"))
    return next((place for place in places if 0 <= place <= len(head) - 16), None)


def has_music_checksum(file: ByteSource) -> bool | None:
    """Return whether the frames of an MP3 stream match the checksum that the encoder left in the first one (LAME tag).

    None without an intact tag, or where audio is missing.
    """
    file.seek(0)
    head = file.read(_FIRST_FRAME)
    first, place = frame(head), xing_place(head)
    if first is None or place is None:
        return None
    flags = int.from_bytes(head[place + 4 : place + 8], "big")
    tag = place + 8 + sum(size for flag, size in _FIELDS.items() if flags & flag)
    if tag + _OWN_CHECKSUM_AT + 2 > min(len(head), first[1]):
        return None
    length, music, own = struct.unpack_from(">IHH", head, tag + _LENGTH_AT)
    if own != crc16(head[: tag + _OWN_CHECKSUM_AT]) or length <= first[1] or file.seek(0, 2) < length:
        return None
    file.seek(first[1])
    register, left = 0, length - first[1]
    while left:
        part = file.read(min(_PART, left))
        register, left = crc16(part, register), left - len(part)
    return register == music


def crc16(content: bytes, register: int = 0) -> int:
    """Return the CRC-16 of some bytes (polynomial 0x8005, reflected), continuing from `register`.

    Blocks are computed side by side, because a register is a linear function of the one before and of the bytes.
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
    """Return the register after a block of zeros, for each register with a single bit set."""
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
