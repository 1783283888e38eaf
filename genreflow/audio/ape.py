"""APE tags (version 2) at the end of a file, all values of each; FFmpeg returns the first alone, of MP3 files none."""

import os
from collections.abc import Iterator

from genreflow.audio.bytesource import ByteSource

_MARK = b"APETAGEX"
_FOOTER, _ID3_1 = 32, 128  # bytes
_HAS_HEADER = 1 << 31
_KIND, _TEXT = 0b110, 0  # of an item, in its flags
_MOST_BYTES, _MOST_ITEMS = 2**24, 1_000


def end_of_audio(file: ByteSource) -> int:
    """Return where a file ends without the ID3 (version 1) and APE tags at its end."""
    end = _before_id3(file)
    found = _span(file, end)
    return end if found is None else found[0]


def tags_at_end(file: ByteSource) -> Iterator[tuple[str, str]]:
    """Yield field and value of each text in the APE tag of a file."""
    end = _before_id3(file)
    found = _span(file, end)
    if found is None:
        return
    _, start, length = found
    file.seek(start)
    content = file.read(length)
    place = 0
    for _ in range(_MOST_ITEMS):
        size, flags = (int.from_bytes(content[place + at : place + at + 4], "little") for at in (0, 4))
        stop = content.find(b"\0", place + 8)
        if stop < 0:
            return
        name, value = content[place + 8 : stop], content[stop + 1 : stop + 1 + size]
        if flags & _KIND == _TEXT:
            for text in value.decode("utf-8", "replace").split("\0"):
                yield name.decode("ascii", "replace"), text
        place = stop + 1 + size


def _before_id3(file: ByteSource) -> int:
    size = file.seek(0, os.SEEK_END)
    if size < _ID3_1:
        return size
    file.seek(size - _ID3_1)
    return size - _ID3_1 if file.read(3) == b"TAG" else size


def _span(file: ByteSource, end: int) -> tuple[int, int, int] | None:
    """Return the start of the tag that ends at `end`, and start and length of its items; None if there is none."""
    if end < _FOOTER:
        return None
    file.seek(end - _FOOTER)
    footer = file.read(_FOOTER)
    length, flags = (int.from_bytes(footer[at : at + 4], "little") for at in (12, 20))
    if not footer.startswith(_MARK) or not _FOOTER <= length <= min(end, _MOST_BYTES):
        return None
    start = end - length
    return max(0, start - (_FOOTER if flags & _HAS_HEADER else 0)), start, length - _FOOTER
