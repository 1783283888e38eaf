"""Files made of chunks (WAV, RF64, Wave64, AIFF, AU, CAF, FLAC, MP4): what their headers claim."""

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

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


@dataclass(frozen=True)
class Chunk:
    """A part of a file: its name, where its content begins, and how many bytes of content it claims."""

    name: bytes
    start: int
    length: int


def wav_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Yield the chunks of a WAV or RF64 file."""
    return _chunks(file, 12, struct.Struct("<4sI"))


def aiff_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Yield the chunks of an AIFF or AIFC file."""
    return _chunks(file, 12, struct.Struct(">4sI"))


def caf_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Yield the chunks of a CAF file."""
    return _chunks(file, 8, struct.Struct(">4sq"), pad=1)


def w64_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Yield the chunks of a Wave64 file; of their 16 bytes the names are the first four."""
    return _chunks(file, 40, struct.Struct("<4s12xq"), pad=8, with_header=True)


def check_wav(file: BinaryIO) -> None:
    """Refuse WAV headers that claim what cannot be (`Q_CONTAINER`); decoders make noise of them."""
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
    raise RejectedTrack("Q_CONTAINER", "The WAV file does not say how its samples are stored.")


def full_width_head(file: BinaryIO, parts: Iterator[Chunk]) -> bytes:
    """Return the head of a WAV or Wave64 file with as many valid bits as its samples have; empty if it has these.

    FFmpeg takes the valid bits for the width of samples, and reads noise where 24 bits stand in words of 32.
    """
    for chunk in islice(parts, _MOST_CHUNKS):
        if chunk.name == b"fmt " and chunk.length >= 40 and chunk.start < _LONGEST_HEAD:
            tag, bits, valid = struct.unpack("<H12xH2xH", _content(file, chunk, 20))
            if tag == _EXTENSIBLE and 0 < valid < bits:
                file.seek(0)
                return file.read(chunk.start + 18) + struct.pack("<H", bits)
    return b""


def wav_stretch(file: BinaryIO) -> float:
    """Return the length that the data of a WAV file claims over what the file holds of it; 1 if all is there.

    A claim is not believed that was never filled in, or that goes beyond the end of a file whose size is right by its
    outermost header, so that nothing can have been cut off.
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
            return _stretch(length, size - chunk.start)
    return 1.0


def aiff_stretch(file: BinaryIO) -> float:
    """Return the same for an AIFF file."""
    return _data_stretch(file, aiff_chunks(file), b"SSND")


def caf_stretch(file: BinaryIO) -> float:
    """Return the same for a CAF file, whose last chunk may leave its size open."""
    return _data_stretch(file, caf_chunks(file), b"data")


def w64_stretch(file: BinaryIO) -> float:
    """Return the same for a Wave64 file."""
    return _data_stretch(file, w64_chunks(file), b"data")


def au_stretch(file: BinaryIO) -> float:
    """Return the same for an AU file, which may leave the size of its data open."""
    size = file.seek(0, os.SEEK_END)
    file.seek(4)
    start, length = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    return 1.0 if length in (0, _UNKNOWN_SIZE) else _stretch(length, size - start)


def check_aiff(file: BinaryIO) -> None:
    """Refuse AIFF files whose sampling rate, an 80-bit float, is none (`Q_RATE`)."""
    for chunk in islice(aiff_chunks(file), _MOST_CHUNKS):
        if chunk.name == b"COMM" and len(content := _content(file, chunk, 18)) == 18:
            exponent, mantissa = struct.unpack(">HQ", content[8:])
            if not 1 <= math.ldexp(mantissa, min(exponent, _ABSURD_EXPONENT) - 16_446) < 2**32:
                raise RejectedTrack("Q_RATE", "The sampling rate in the header of this AIFF file is no possible one.")
            return
    raise RejectedTrack("Q_CONTAINER", "The AIFF file does not say how its samples are stored.")


def mp4_stretch(file: BinaryIO) -> float:
    """Return the size that the boxes of an MP4 file claim over the size it has; 1 if all is there.

    Raises
    ------
    Refused
        When it lacks its index (`Q_TRUNCATED`, `Q_CONTAINER`) or is encrypted (`Q_ENCRYPTED`).
    """
    size = file.seek(0, os.SEEK_END)
    boxes = list(islice(_boxes(file, 0, size), _MOST_CHUNKS))
    claimed = max((box.start + box.length for box in boxes), default=size)
    if not any(box.name == b"moov" for box in boxes):
        if boxes and boxes[-1].name == b"mdat" and claimed > size:
            raise RejectedTrack("Q_TRUNCATED", "The file ends before its index, which says where the audio is.")
        raise RejectedTrack("Q_CONTAINER", "The MP4 file has no index that says where its audio is.")
    for table in _sample_tables(file, 0, size):
        for entry in islice(_boxes(file, table.start + _TABLE_HEADER, table.start + table.length), _MOST_CHUNKS):
            protected = b"sinf" in _content(file, entry, min(entry.length, 4096))
            if entry.name in (b"enca", b"encv") or (entry.name == b"drms" and protected):
                raise RejectedTrack("Q_ENCRYPTED", "The audio is encrypted (copy protection), and cannot be decoded.")
    return max(1.0, claimed / size)


def flac_audio(file: BinaryIO) -> tuple[bytes, int]:
    """Return the shortest header of a FLAC file, which is its mark and STREAMINFO, and where its audio begins."""
    file.seek(4)
    first = file.read(_FLAC_BLOCK_HEADER + _STREAMINFO)
    if len(first) < _FLAC_BLOCK_HEADER + _STREAMINFO or first[0] & 0x7F:
        raise RejectedTrack("Q_CONTAINER", "The FLAC file does not say how its samples are stored.")
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
    file: BinaryIO, start: int, header: struct.Struct, *, pad: int = 2, with_header: bool = False
) -> Iterator[Chunk]:
    while True:
        file.seek(start)
        found = file.read(header.size)
        if len(found) < header.size:
            return
        name, length = header.unpack(found)
        length -= header.size if with_header else 0
        start += header.size
        yield Chunk(name, start, length)
        if length < 0:
            return
        start += length + -length % pad


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[Chunk]:
    """Yield the boxes of an MP4 file between two places."""
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


def _sample_tables(file: BinaryIO, start: int, end: int, path: tuple[bytes, ...] = _ON_THE_WAY) -> Iterator[Chunk]:
    """Yield the sample descriptions, which lie in boxes within boxes in the order of `path`, and no deeper."""
    for box in islice(_boxes(file, start, end), _MOST_CHUNKS):
        if box.name == (path[0] if path else b"stsd"):
            inside = min(box.start + box.length, end)  # a box that says it is larger would be gone through again
            yield from _sample_tables(file, box.start, inside, path[1:]) if path else [box]


def _content(file: BinaryIO, chunk: Chunk, length: int) -> bytes:
    file.seek(chunk.start)
    return file.read(length)


def _data_stretch(file: BinaryIO, chunks: Iterator[Chunk], name: bytes) -> float:
    size = file.seek(0, os.SEEK_END)
    for chunk in islice(chunks, _MOST_CHUNKS):
        if chunk.name == name:
            return _stretch(chunk.length, size - chunk.start)
    return 1.0


def _stretch(length: int, present: int) -> float:
    return max(1.0, length / present) if present > 0 else 1.0
