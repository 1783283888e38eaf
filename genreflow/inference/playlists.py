"""M3U and M3U8 playlists.

Each line is a track. ``#`` begins a comment unless a file has that name; ``#EXTINF:`` and other directives are never
files. Paths are relative to the folder of the playlist. Their encoding is that of the program that wrote them, with
backslashes if it ran on Windows; so several readings are tried against the bytes on disk.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from genreflow.errors import UserError
from genreflow.store.regular import read_regular

SUFFIXES = (".m3u", ".m3u8")
_MOST_BYTES = 16 * 2**20
_REMOTE = re.compile(rb"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_DIRECTIVE = re.compile(rb"\s*#(EXT[A-Z0-9-]*|PLAYLIST)\s*(:|$)", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"


def entries(path: str | os.PathLike) -> Iterator[tuple[int, bytes, str]]:
    """Yield line number, path and problem of each entry; the problem is empty for a file that exists.

    Raises
    ------
    UserError
        When the file cannot be read, or is no playlist.
    """
    folder = os.fsencode(Path(path).parent)
    for number, line in _lines(Path(path)):
        entry, problem = _find(line, folder)
        if problem and line.lstrip().startswith(b"#"):
            continue
        yield number, entry, problem and f"Line {number} of {Path(path).name}: {problem}"


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    content = read_regular(path, most=_MOST_BYTES, expected="a playlist").removeprefix(_BOM)
    if b"\0" in content:
        raise UserError(f"{path} is not a playlist: it holds zero bytes. Save it as UTF-8 text, one path a line.")
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", content), start=1):
        if line.strip() and not _DIRECTIVE.match(line):
            yield number, line


def _find(line: bytes, folder: bytes) -> tuple[bytes, str]:
    text = line.strip()
    if text.lower().startswith(b"file://"):
        text = unquote_to_bytes(text[7:].removeprefix(b"localhost"))
    elif _REMOTE.match(text):
        return text, "this is an address, and only files are read."
    spellings = list(_spellings(text, line))
    for spelling in spellings:
        path = os.path.normpath(os.path.join(folder, spelling))
        if os.path.isfile(path):  # noqa: PTH113 - paths are bytes
            suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
            return path, "a list within a list is not read." if suffix.decode("latin-1") in SUFFIXES else ""
    return os.path.normpath(os.path.join(folder, spellings[0])), "there is no such file."


def _spellings(text: bytes, line: bytes) -> Iterator[bytes]:
    """Yield the readings of a line: as it stands, decoded from Latin-1, and with the slashes of Windows turned."""
    texts = [text, line]  # a name may begin or end with a blank
    texts.append(text.decode("latin-1").encode("utf-8"))
    yield from texts
    yield from (text.replace(b"\\", b"/") for text in texts if b"\\" in text)
