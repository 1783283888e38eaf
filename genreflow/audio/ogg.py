"""Ogg pages (RFC 3533): whether all are there and sound, and which streams follow each other in a file."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

CAPTURE = b"OggS"
HEADER = 27  # bytes of a page header without its segment table
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_NO_POSITION = -1
_SEARCH = 65_536
_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """A page: where it begins, its flags, stream, number and position, and what it holds."""

    start: int
    flags: int
    position: int
    serial: int
    number: int
    segments: bytes
    body: bytes
    is_sound: bool


@dataclass
class Streams:
    """What the pages of a file tell.

    Parameters
    ----------
    gaps
        Places where pages are missing or damaged.
    links
        Where the pieces begin that follow each other, each with its own headers.
    has_audio
        Whether any stream is one of audio.
    ended
        Whether the first audio stream of the last link has its last page.
    stop
        Where audio of another codec, rate or number of channels begins; None if all is alike.
    """

    gaps: int = 0
    links: list[int] = field(default_factory=list)
    has_audio: bool = False
    ended: bool = False
    stop: int | None = None


def scan_pages(file: BinaryIO) -> Streams:
    """Read all pages of a file, up to where its audio turns into another kind."""
    streams, numbers = Streams(), {}
    kind = serial = None
    in_headers, end = False, 0
    for page in pages(file):
        if page.flags & _FIRST:
            if not in_headers:  # a new link: the streams before are over
                numbers, serial, in_headers = {}, None, True
                streams.links.append(page.start)
            found = audio_kind(page.body)
            if found and serial is None:
                if kind not in (None, found):
                    streams.stop = streams.links.pop()
                    return streams
                kind, serial, streams.ended, streams.has_audio = found, page.serial, False, True
        else:
            in_headers = False
        lacks_position = page.position == _NO_POSITION and any(length < 255 for length in page.segments)
        expected = numbers.get(page.serial, page.number)
        if page.start != end or not page.is_sound or page.number != expected or lacks_position:
            streams.gaps += 1
        numbers[page.serial] = page.number + 1
        end = page.start + HEADER + len(page.segments) + len(page.body)
        if page.serial == serial:
            streams.ended = bool(page.flags & _LAST)
    return streams


def pages(file: BinaryIO) -> Iterator[Page]:
    """Yield the pages of a file that are there in whole; what lies between them is passed over."""
    start = 0
    while True:
        file.seek(start)
        header = file.read(HEADER)
        if len(header) < HEADER:
            return
        if header[:4] != CAPTURE:
            start = _next_capture(file, start)
            if start < 0:
                return
            continue
        segments = file.read(header[26])
        body = file.read(sum(segments))
        if len(body) < sum(segments) or len(segments) < header[26]:
            start = _next_capture(file, start + 1)
            if start < 0:
                return
            continue
        flags, position, serial, number = struct.unpack_from("<xBqII", header, 4)
        whole = header[:22] + bytes(4) + header[26:] + segments + body
        yield Page(start, flags, position, serial, number, segments, body, header[22:26] == page_checksum(whole))
        start += len(whole)


def audio_kind(packet: bytes) -> tuple[str, int, int] | None:
    """Return codec, channels and rate which the first packet of an audio stream announces; None for other streams."""
    if packet[:7] == b"\x01vorbis" and len(packet) >= 16:
        return "vorbis", *struct.unpack_from("<BI", packet, 11)
    if packet[:8] == b"OpusHead" and len(packet) >= 10:
        return "opus", packet[9], 48_000
    if packet[:5] == b"\x7fFLAC" and len(packet) >= 30:
        word = int.from_bytes(packet[27:31], "big")
        return "flac", (word >> 9 & 7) + 1, word >> 12
    if packet[:8] == b"Speex   " and len(packet) >= 52:
        return "speex", *struct.unpack_from("<8xI", packet, 40), *struct.unpack_from("<I", packet, 36)
    return None


def page_checksum(page: bytes | bytearray) -> bytes:
    """Return the four checksum bytes of a page, in which they are zero.

    It is a CRC-32 with the polynomial of zlib, most significant bit first. zlib's goes from the least significant
    bit on, with an inverted register: reversing the bits of what goes in and what comes out turns the one into the
    other.
    """
    register = zlib.crc32(page.translate(_BITS_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return register.to_bytes(4, "big").translate(_BITS_REVERSED)


def _next_capture(file: BinaryIO, start: int) -> int:
    """Return where the next page may begin; -1 if nowhere."""
    while True:
        file.seek(start)
        block = file.read(_SEARCH)
        place = block.find(CAPTURE)
        if place >= 0:
            return start + place
        if len(block) < _SEARCH:
            return -1
        start += len(block) - len(CAPTURE) + 1
