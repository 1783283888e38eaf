"""Matroska, Windows Media, DSF and DSDIFF files: the size that their headers claim."""

import os
import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO
from uuid import UUID

from genreflow.audio.verdict import RejectedTrack

EBML, ASF = b"\x1aE\xdf\xa3", b"0&\xb2u"  # how these files begin
_SEGMENT = b"\x18S\x80g"
_MOST_OBJECTS = 1_000
_MOST_ELEMENTS = 16  # before the segment of a Matroska file
_OBJECT = struct.Struct("<16sQ")
_FILE_PROPERTIES = UUID("8cabdca1-a947-11cf-8ee4-00c00c205365").bytes_le
_IS_BROADCAST = 1
_ENCRYPTIONS = {
    UUID(name).bytes_le
    for name in (
        "2211b3fb-bd23-11d2-b4b7-00a0c955fc6e",  # content encryption
        "298ae614-2622-4c17-b935-dae07ee9289c",  # extended
        "43058533-6981-49e6-9b74-ad12cb86d58c",  # advanced
    )
}


def matroska_stretch(file: BinaryIO) -> float:
    """Return the size that a Matroska or WebM file claims over the size it has; 1 if all is there.

    What was recorded live leaves its size open.
    """
    size = file.seek(0, os.SEEK_END)
    place = 0
    for _ in range(_MOST_ELEMENTS):
        file.seek(place)
        head = file.read(16)
        if len(head) < 5:
            break
        name, width = head[:4], 9 - head[4].bit_length()
        length, unknown = int.from_bytes(head[4 : 4 + width], "big") & (1 << 7 * width) - 1, (1 << 7 * width) - 1
        if name == _SEGMENT:
            return 1.0 if length == unknown else max(1.0, (place + 4 + width + length) / size)
        if name != EBML:
            break
        place += 4 + width + length
    return 1.0


def asf_stretch(file: BinaryIO) -> float:
    """Return the same for a Windows Media (ASF) file; a broadcast leaves its size open.

    Raises
    ------
    Refused
        `Q_ENCRYPTED` when it is protected.
    """
    size, declared_to_decoded_ratio = file.seek(0, os.SEEK_END), 1.0
    for name, content in islice(_asf_objects(file), _MOST_OBJECTS):
        if name in _ENCRYPTIONS:
            raise RejectedTrack("Q_ENCRYPTED", "The audio is encrypted (copy protection), and cannot be decoded.")
        if name == _FILE_PROPERTIES and len(content) == 68:
            claimed, flags = int.from_bytes(content[16:24], "little"), int.from_bytes(content[64:68], "little")
            declared_to_decoded_ratio = declared_to_decoded_ratio if flags & _IS_BROADCAST else max(1.0, claimed / size)
    return declared_to_decoded_ratio


def _asf_objects(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the objects of an ASF header: their names, and how their content begins."""
    file.seek(0)
    _, length = _OBJECT.unpack(file.read(_OBJECT.size).ljust(_OBJECT.size, b"\0"))
    place = _OBJECT.size + 6
    while place + _OBJECT.size <= length:
        file.seek(place)
        head = file.read(_OBJECT.size + 68)
        if len(head) < _OBJECT.size:
            return
        name, step = _OBJECT.unpack_from(head)
        yield name, head[_OBJECT.size :]
        if step < _OBJECT.size:
            return
        place += step


def dsf_stretch(file: BinaryIO) -> float:
    """Return the same for a DSF file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(12)
    return max(1.0, int.from_bytes(file.read(8), "little") / size)


def dsdiff_stretch(file: BinaryIO) -> float:
    """Return the same for a DSDIFF file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(4)
    return max(1.0, (12 + int.from_bytes(file.read(8), "big")) / size)
