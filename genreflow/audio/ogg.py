"""Ogg pages (RFC 3533): their integrity, and the streams that follow each other in a file."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from genreflow.audio.bytesource import ByteSource

CAPTURE = b"OggS"
HEADER = 27  # bytes of a page header without its segment table
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_NO_POSITION = -1
_SEARCH = 65_536
_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """A page: its start in the file, flags, position, stream (serial), number and content."""

    start: int
    flags: int
    position: int
    serial: int
    number: int
    segments: bytes
    body: bytes
    is_intact: bool


@dataclass
class Streams:
    """The result of scanning the pages of a file.

    Attributes
    ----------
    gaps
        Number of places where pages are missing or damaged.
    links
        Start of each link of a chained file; a link has its own headers.
    has_audio
        Whether any stream is audio.
    ended
        Whether the first audio stream of the last link has its last page.
    stop
        Start of audio of another codec, rate or number of channels; None if there is none.
    """

    gaps: int = 0
    links: list[int] = field(default_factory=list)
    has_audio: bool = False
    ended: bool = False
    stop: int | None = None


def scan_pages(file: ByteSource) -> Streams:
    """Scan all pages of a file, up to the first link with audio of another kind."""
    streams = Streams()
    numbers: dict[int, int] = {}  # stream -> the next page number
    kind, serial = None, None
    in_headers, end = False, 0
    for page in pages(file):
        if page.flags & _FIRST:
            if not in_headers:  # a new link: the streams before are over
                numbers, serial, in_headers = {}, None, True
                streams.links.append(page.start)
            page_kind = audio_kind(page.body)
            if page_kind and serial is None:
                if kind not in (None, page_kind):
                    streams.stop = streams.links.pop()
                    return streams
                kind, serial, streams.ended, streams.has_audio = page_kind, page.serial, False, True
        else:
            in_headers = False
        lacks_position = page.position == _NO_POSITION and any(length < 255 for length in page.segments)
        expected = numbers.get(page.serial, page.number)
        if page.start != end or not page.is_intact or page.number != expected or lacks_position:
            streams.gaps += 1
        numbers[page.serial] = page.number + 1
        end = page.start + HEADER + len(page.segments) + len(page.body)
        if page.serial == serial:
            streams.ended = bool(page.flags & _LAST)
    return streams


def pages(file: ByteSource) -> Iterator[Page]:
    """Yield the complete pages of a file; bytes between them are skipped."""
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
    """Return codec, channels and rate by the first packet of a stream; None if it is no audio."""
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
    """Return the four checksum bytes of a page whose own checksum bytes are zero.

    It is a CRC-32 with the polynomial of zlib, most significant bit first. zlib starts at the least significant bit,
    with an inverted register: reversing the bits of input and output turns one into the other.
    """
    register = zlib.crc32(page.translate(_BITS_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return register.to_bytes(4, "big").translate(_BITS_REVERSED)


def _next_capture(file: ByteSource, start: int) -> int:
    """Return the next position at which a page may begin; -1 without one."""
    while True:
        file.seek(start)
        block = file.read(_SEARCH)
        place = block.find(CAPTURE)
        if place >= 0:
            return start + place
        if len(block) < _SEARCH:
            return -1
        start += len(block) - len(CAPTURE) + 1
