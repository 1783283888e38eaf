"""The headers of containers: their claims, and whether the file holds as much.

The size ratio of a file is the number of bytes that its header claims over the number that is there. It is more than
1 where a file is cut off, and 1 otherwise, also where the header leaves the size open.
"""

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from genreflow.audio.bytesource import ByteSource
from genreflow.audio.verdict import RejectedTrack

_MOST_CHUNKS = 10_000
_UNKNOWN_SIZE = 0xFFFFFFFF
_EXTENSIBLE = 0xFFFE
_LONGEST_HEAD = 2**20  # bytes before a format chunk
_LINEAR = (1, 3, _EXTENSIBLE)  # format tags of WAV: integers, floats, and either by its long name
_LINEAR_BITS = (8, 16, 24, 32, 64)
_ON_THE_WAY = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_ABSURD_EXPONENT = 0x4100  # of an 80-bit float: 2**257, or negative, or no number
_FLAC_BLOCK_HEADER, _STREAMINFO = 4, 34  # bytes
_TABLE_HEADER = 8  # of a sample description: version, flags, number of entries

EBML, ASF = b"\x1aE\xdf\xa3", b"0&\xb2u"  # the first bytes of Matroska and Windows Media files
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


@dataclass(frozen=True)
class Chunk:
    """A part of a file: its name, the start of its content, and the number of bytes that it claims."""

    name: bytes
    start: int
    length: int


def wav_chunks(file: ByteSource) -> Iterator[Chunk]:
    """Yield the chunks of a WAV or RF64 file."""
    return _chunks(file, 12, struct.Struct("<4sI"))


def aiff_chunks(file: ByteSource) -> Iterator[Chunk]:
    """Yield the chunks of an AIFF or AIFC file."""
    return _chunks(file, 12, struct.Struct(">4sI"))


def caf_chunks(file: ByteSource) -> Iterator[Chunk]:
    """Yield the chunks of a CAF file."""
    return _chunks(file, 8, struct.Struct(">4sq"), pad=1)


def w64_chunks(file: ByteSource) -> Iterator[Chunk]:
    """Yield the chunks of a Wave64 file; the names are the first four of their 16 bytes."""
    return _chunks(file, 40, struct.Struct("<4s12xq"), pad=8, with_header=True)


def check_wav(file: ByteSource) -> None:
    """Reject WAV headers with impossible claims (`Q_CONTAINER`), which decoders turn into noise."""
    for chunk in islice(wav_chunks(file), _MOST_CHUNKS):
        if chunk.name == b"fmt ":
            content = _content(file, chunk, 16)
            if len(content) < 16:
                break
            tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content)
            if not 0 < channels < 256 or rate == 0 or (tag in _LINEAR and bits not in _LINEAR_BITS):
                claim = f"{channels} channels of {bits} bits at {rate} Hz"
                raise RejectedTrack("Q_CONTAINER", f"The header of this WAV file is damaged: it claims {claim}.")
            return
    raise RejectedTrack("Q_CONTAINER", "The WAV file does not declare how its samples are stored.")


def full_width_head(file: ByteSource, parts: Iterator[Chunk]) -> bytes:
    """Return a corrected head of a WAV or Wave64 file whose samples have fewer valid bits than their width; else empty.

    FFmpeg takes the number of valid bits for the width of samples, and reads noise where 24 bits stand in 32.
    """
    for chunk in islice(parts, _MOST_CHUNKS):
        if chunk.name == b"fmt " and chunk.length >= 40 and chunk.start < _LONGEST_HEAD:
            tag, bits, valid = struct.unpack("<H12xH2xH", _content(file, chunk, 20))
            if tag == _EXTENSIBLE and 0 < valid < bits:
                file.seek(0)
                return file.read(chunk.start + 18) + struct.pack("<H", bits)
    return b""


def wav_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of the data of a WAV file.

    A claim is ignored if it was never filled in, or if it goes beyond the end of a file whose total size agrees with
    its outermost header, so that nothing can have been cut off.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(4)
    whole = int.from_bytes(file.read(4), "little")
    long_length = None
    for chunk in islice(wav_chunks(file), _MOST_CHUNKS):
        if chunk.name == b"ds64":
            whole, long_length = struct.unpack("<qq", _content(file, chunk, 16).ljust(16, b"\0"))
        if chunk.name == b"data":
            length = chunk.length if long_length is None or chunk.length != _UNKNOWN_SIZE else long_length
            is_whole = abs(whole + 8 - size) <= 1
            if length in (0, _UNKNOWN_SIZE) or (is_whole and chunk.start + length > size + 1):
                return 1.0
            return _size_ratio(length, size - chunk.start)
    return 1.0


def aiff_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of the data of an AIFF file."""
    return _data_size_ratio(file, aiff_chunks(file), b"SSND")


def caf_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of the data of a CAF file, whose last chunk may leave its size open."""
    return _data_size_ratio(file, caf_chunks(file), b"data")


def w64_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of the data of a Wave64 file."""
    return _data_size_ratio(file, w64_chunks(file), b"data")


def au_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of the data of an AU file, which may leave its size open."""
    size = file.seek(0, os.SEEK_END)
    file.seek(4)
    start, length = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    return 1.0 if length in (0, _UNKNOWN_SIZE) else _size_ratio(length, size - start)


def check_aiff(file: ByteSource) -> None:
    """Reject AIFF files whose sampling rate, an 80-bit float, is impossible (`Q_RATE`)."""
    for chunk in islice(aiff_chunks(file), _MOST_CHUNKS):
        if chunk.name == b"COMM" and len(content := _content(file, chunk, 18)) == 18:
            exponent, mantissa = struct.unpack(">HQ", content[8:])
            if not 1 <= math.ldexp(mantissa, min(exponent, _ABSURD_EXPONENT) - 16_446) < 2**32:
                raise RejectedTrack("Q_RATE", "The sampling rate in the header of this AIFF file is no possible one.")
            return
    raise RejectedTrack("Q_CONTAINER", "The AIFF file does not declare how its samples are stored.")


def mp4_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of the boxes of an MP4 file.

    Raises
    ------
    RejectedTrack
        If it lacks its index (`Q_TRUNCATED`, `Q_CONTAINER`) or is encrypted (`Q_ENCRYPTED`).
    """
    size = file.seek(0, os.SEEK_END)
    boxes = list(islice(_boxes(file, 0, size), _MOST_CHUNKS))
    claimed = max((box.start + box.length for box in boxes), default=size)
    if not any(box.name == b"moov" for box in boxes):
        if boxes and boxes[-1].name == b"mdat" and claimed > size:
            raise RejectedTrack("Q_TRUNCATED", "The file ends before its index, which locates the audio.")
        raise RejectedTrack("Q_CONTAINER", "The MP4 file has no index that locates its audio.")
    for table in _sample_tables(file, 0, size):
        for entry in islice(_boxes(file, table.start + _TABLE_HEADER, table.start + table.length), _MOST_CHUNKS):
            protected = b"sinf" in _content(file, entry, min(entry.length, 4096))
            if entry.name in (b"enca", b"encv") or (entry.name == b"drms" and protected):
                raise RejectedTrack("Q_ENCRYPTED", "The audio is encrypted (copy protection), and cannot be decoded.")
    return max(1.0, claimed / size)


def flac_audio(file: ByteSource) -> tuple[bytes, int]:
    """Return the shortest header of a FLAC file, its mark and STREAMINFO, and the start of its audio."""
    file.seek(4)
    first = file.read(_FLAC_BLOCK_HEADER + _STREAMINFO)
    if len(first) < _FLAC_BLOCK_HEADER + _STREAMINFO or first[0] & 0x7F:
        raise RejectedTrack("Q_CONTAINER", "The FLAC file does not declare how its samples are stored.")
    start, is_last = 4 + _FLAC_BLOCK_HEADER + _STREAMINFO, first[0] & 0x80
    while not is_last:
        file.seek(start)
        header = file.read(_FLAC_BLOCK_HEADER)
        if len(header) < _FLAC_BLOCK_HEADER:
            raise RejectedTrack("Q_NO_AUDIO", "The file ends within its tags, before its audio.")
        start += _FLAC_BLOCK_HEADER + int.from_bytes(header[1:], "big")
        is_last = header[0] & 0x80
    return b"fLaC\x80" + first[1:], start


def _chunks(
    file: ByteSource, start: int, header: struct.Struct, *, pad: int = 2, with_header: bool = False
) -> Iterator[Chunk]:
    while True:
        file.seek(start)
        head = file.read(header.size)
        if len(head) < header.size:
            return
        name, length = header.unpack(head)
        length -= header.size if with_header else 0
        start += header.size
        yield Chunk(name, start, length)
        if length < 0:
            return
        start += length + -length % pad


def _boxes(file: ByteSource, start: int, end: int) -> Iterator[Chunk]:
    """Yield the boxes of an MP4 file between two positions."""
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        length, name = struct.unpack(">I4s", header[:8])
        skip = 8
        if length == 1 and len(header) == 16:
            length, skip = int.from_bytes(header[8:], "big"), 16
        elif length == 0:
            length = end - start
        if length < skip:
            return
        yield Chunk(name, start + skip, length - skip)
        start += length


def _sample_tables(file: ByteSource, start: int, end: int, path: tuple[bytes, ...] = _ON_THE_WAY) -> Iterator[Chunk]:
    """Yield the sample descriptions, which lie in boxes within boxes in the order of `path`, and no deeper."""
    for box in islice(_boxes(file, start, end), _MOST_CHUNKS):
        if box.name == (path[0] if path else b"stsd"):
            inside = min(box.start + box.length, end)  # a box that claims to be larger would be read twice
            yield from _sample_tables(file, box.start, inside, path[1:]) if path else [box]


def mp4_items(file: ByteSource, path: tuple[bytes, ...]) -> Iterator[Chunk]:
    """Yield the boxes of an MP4 file below a `path` of boxes; those of `meta` are behind a version and flags."""
    size = file.seek(0, os.SEEK_END)
    yield from _boxes_below(file, 0, size, path)


def mp4_parts(file: ByteSource, item: Chunk) -> Iterator[Chunk]:
    """Yield the boxes within a box."""
    yield from islice(_boxes(file, item.start, item.start + item.length), _MOST_CHUNKS)


def _boxes_below(file: ByteSource, start: int, end: int, path: tuple[bytes, ...]) -> Iterator[Chunk]:
    for box in islice(_boxes(file, start, end), _MOST_CHUNKS):
        if not path:
            yield box
        elif box.name == path[0]:
            inside = box.start + (4 if box.name == b"meta" else 0)
            yield from _boxes_below(file, inside, min(box.start + box.length, end), path[1:])


def content(file: ByteSource, chunk: Chunk, most: int) -> bytes:
    """Return the content of a chunk, `most` bytes of it."""
    return _content(file, chunk, min(chunk.length, most))


def _content(file: ByteSource, chunk: Chunk, length: int) -> bytes:
    file.seek(chunk.start)
    return file.read(length)


def _data_size_ratio(file: ByteSource, chunks: Iterator[Chunk], name: bytes) -> float:
    size = file.seek(0, os.SEEK_END)
    for chunk in islice(chunks, _MOST_CHUNKS):
        if chunk.name == name:
            return _size_ratio(chunk.length, size - chunk.start)
    return 1.0


def _size_ratio(claimed: int, present: int) -> float:
    return max(1.0, claimed / present) if present > 0 else 1.0


def matroska_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of a Matroska or WebM file; a live recording leaves its size open."""
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


def asf_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of a Windows Media (ASF) file; a broadcast leaves its size open.

    Raises
    ------
    RejectedTrack
        `Q_ENCRYPTED` if it is protected.
    """
    size, ratio = file.seek(0, os.SEEK_END), 1.0
    for name, content in islice(_asf_objects(file), _MOST_OBJECTS):
        if name in _ENCRYPTIONS:
            raise RejectedTrack("Q_ENCRYPTED", "The audio is encrypted (copy protection), and cannot be decoded.")
        if name == _FILE_PROPERTIES and len(content) == 68:
            claimed, flags = int.from_bytes(content[16:24], "little"), int.from_bytes(content[64:68], "little")
            ratio = ratio if flags & _IS_BROADCAST else max(1.0, claimed / size)
    return ratio


def _asf_objects(file: ByteSource) -> Iterator[tuple[bytes, bytes]]:
    """Yield the objects of an ASF header: their names, and the first bytes of their content."""
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


def dsf_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of a DSF file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(12)
    return max(1.0, int.from_bytes(file.read(8), "little") / size)


def dsdiff_size_ratio(file: ByteSource) -> float:
    """Return the size ratio of a DSDIFF file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(4)
    return max(1.0, (12 + int.from_bytes(file.read(8), "big")) / size)
