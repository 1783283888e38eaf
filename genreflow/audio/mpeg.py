"""MPEG audio and ADTS streams, which have no header of their own: frames, and the tags before them."""

import os
import struct
from typing import BinaryIO

_SEQUENCE = 4  # so many frames one behind the other are no accident
_FRAME_HEADER = 6
_SAME_STREAM = 0xFFFE0C00  # sync word, version, layer and rate of a frame header
_XING_REACH = 256  # bytes of the first frame within which a Xing header stands
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


def frame(header: bytes) -> tuple[str, int] | None:
    """Return what the header of a frame announces: `mp3` (any layer) or `aac`, and its length in bytes.

    None where `header` is none of a sound frame.
    """
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

    `is_end` tells whether the end of `data` is that of the file.
    """
    first = None
    for count in range(_SEQUENCE):
        if count and is_end and start >= len(data) - 4:
            return True
        header = bytes(data[start : start + _FRAME_HEADER])
        found = frame(header)
        kind = int.from_bytes(header[:4], "big") & _SAME_STREAM
        if not found or first not in (None, kind):
            return False
        first = kind
        start += found[1]
    return True


def find_sequence(file: BinaryIO, start: int, reach: int) -> int | None:
    """Return where the first sequence of frames begins, at most `reach` bytes behind `start`; None if nowhere."""
    file.seek(start)
    data = file.read(reach)
    place = data.find(b"\xff")
    while place >= 0:
        if is_sequence(data, place, is_end=False):
            return start + place
        place = data.find(b"\xff", place + 1)
    return None


def id3_length(head: bytes) -> int:
    """Return how many bytes the ID3v2 tag says it takes that a file or a part of it begins with; 0 without one."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    return 10 + length + 10 * (head[5] >> 4 & 1)


def counts_its_frames(file: BinaryIO) -> bool:
    """Return whether the first frame of a stream tells the number of its frames (a Xing or Info header).

    A header that knows of fewer bytes than there are was made for a part of the file, such as the first of two
    that were joined.
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
    """Return where the Xing or Info header begins in the first frame of a stream; None if it has none."""
    head = head[:_XING_REACH]
    places = (head.find(name) for name in (b"Xing", b"Info"))
    return next((place for place in places if 0 <= place <= len(head) - 16), None)
