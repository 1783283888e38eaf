"""Finding files by paths as people wrote them, in either Unicode form, and detecting paths out of a folder."""

import os
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from genreflow.datasets.listing import ListedTrack
from genreflow.datasets.names import reading

TOO_LONG = ("Q_PATH", "The path is too long: the system takes 4,095 bytes in all and 255 a name.")
OUTSIDE = ("W_OUTSIDE", "It lies outside the dataset's folder.")
MISSING = ("Q_MISSING", "There is no such file.")
TWIN = ("W_UNICODE_TWIN", "Another path reads the same and differs only in its Unicode form; both are used.")
_MOST_BYTES = 4095
_MOST_NAME_BYTES = 255
Reader = Callable[[bytes], str]


def is_too_long(path: bytes) -> bool:
    """Return whether a path is too long for the system."""
    return len(path) > _MOST_BYTES or max(map(len, path.split(b"/"))) > _MOST_NAME_BYTES


def twins(paths: Iterable[bytes]) -> set[bytes]:
    """Return the paths that differ from another only in their Unicode form."""
    odd = [path for path in paths if not path.isascii()]
    counts = Counter(map(reading, odd))
    return {path for path in odd if counts[reading(path)] > 1 and "\ufffd" not in reading(path)}


def with_twins(tracks: Sequence[ListedTrack]) -> list[ListedTrack]:
    """Return tracks with a warning at those whose path differs from another only in its Unicode form."""
    twin = twins(track.path for track in tracks)
    return [_warned(track, *TWIN) if track.path in twin else track for track in tracks]


def _warned(track: ListedTrack, reason: str, message: str) -> ListedTrack:
    """Add a warning to a track that is not refused."""
    if track.reason.startswith("Q_"):
        return track
    return replace(track, reason=f"{track.reason} {reason}".strip(), message=f"{track.message} {message}".strip())


def refused_outside(setting: str) -> tuple[str, str]:
    """Return the reason and message for a link that leads out of the dataset's folder."""
    return "Q_OUTSIDE", f"This is a link that leads out of the dataset's folder; set `{setting}: true` to accept it."


def is_inside(path: bytes, folder: bytes) -> bool:
    """Return whether a normalized path is below a normalized folder."""
    return path.startswith(folder.rstrip(b"/") + b"/")


class Finder:
    """Finds the files below a root by paths given as text."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.real_root = os.path.realpath(root)
        self._names: dict[tuple[Reader, bytes], dict[str, list[bytes]]] = {}
        self._real_folders: dict[bytes, bytes] = {}

    def find(self, text: str) -> bytes | None:
        """Return the path, relative to the root, of the file with exactly these bytes, else of one that reads the same.

        A name reads the same in the other Unicode form, or where the text has U+FFFD for bytes that are no UTF-8.
        """
        return os.fsencode(text) if self.is_there(text) else self._follow(text, reading)

    def similar(self, text: str) -> bytes | None:
        """Return the path of the one file that differs in upper and lower case only, or None."""
        return self._follow(normalized(text), _caseless)

    def is_there(self, text: str) -> bool:
        """Return whether a path of exactly these bytes exists, if only as a broken link."""
        return os.path.lexists(os.path.join(self.root, os.fsencode(text)))

    def is_outside(self, path: bytes) -> bool:
        """Return whether a path, after following links, leads out of the root."""
        whole = os.path.join(self.root, path)
        folder, name = os.path.split(whole)
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(folder)
        is_link = os.path.islink(whole)  # noqa: PTH114 - paths may be bytes
        real = os.path.realpath(whole) if is_link else os.path.join(self._real_folders[folder], name)
        return not is_inside(real, self.real_root)

    def _follow(self, text: str, read: Reader) -> bytes | None:
        """Follow a path step by step, to the exact name or else to the only one with the same reading."""
        path = b"/" if text.startswith("/") else b""
        for step in os.fsencode(text).strip(b"/").split(b"/"):
            exact = os.path.join(path, step)
            if not os.path.lexists(os.path.join(self.root, exact)):
                alike = self._alike(path, read).get(read(step), [])
                if len(alike) != 1:
                    return None
                exact = os.path.join(path, alike[0])
            path = exact
        return path

    def _alike(self, folder: bytes, read: Reader) -> dict[str, list[bytes]]:
        """Return the names in a folder by their reading."""
        if (read, folder) not in self._names:
            names = self._names[read, folder] = defaultdict(list)
            with suppress(OSError), os.scandir(os.path.join(self.root, folder)) as entries:
                for entry in entries:
                    names[read(entry.name)].append(entry.name)
        return self._names[read, folder]


def _caseless(name: bytes) -> str:
    return reading(name).casefold()


@dataclass(frozen=True)
class Place:
    """The file of a path that somebody wrote.

    Attributes
    ----------
    path
        Relative to the root, or absolute if outside it; as written if it is faulty.
    fault
        Reason why it cannot be used, and the remedy.
    reason, message
        As in `ListedTrack`; ``Q_MISSING`` where there is no file.
    is_otherwise
        The file has another form of the name.
    """

    path: bytes
    fault: str = ""
    reason: str = ""
    message: str = ""
    is_otherwise: bool = False


def placed(text: str, finder: Finder, *, allow_outside: bool) -> Place:
    """Find the file that a text means; blanks around it count only where a file is named so."""
    if text != text.strip() and not finder.is_there(normalized(text)):
        text = text.strip()
    if fault := fault_of(text, allow_outside=allow_outside):
        return Place(os.fsencode(text), fault)
    text = normalized(text)
    if text.startswith("/"):
        root = normalized(str(Path(os.fsdecode(finder.root)).absolute()))
        text = text.removeprefix(root.rstrip("/") + "/")
    path = os.fsencode(text)
    if is_too_long(os.path.join(finder.root, path)):
        return Place(path, "", *TOO_LONG)
    resolved = finder.find(text)
    if resolved is None and "\\" in text:
        return Place(path, f"{text!r} has backslashes. Write {text.replace(chr(92), '/')!r}.")
    if resolved is None:
        return Place(path, "", *MISSING)
    otherwise = resolved != path
    if not finder.is_outside(resolved):
        return Place(resolved, is_otherwise=otherwise)
    return Place(resolved, "", *OUTSIDE if allow_outside else refused_outside("allow_absolute"), is_otherwise=otherwise)


def normalized(text: str) -> str:
    """Return a path without `.`, doubled slashes and steps back, as far as they can be taken without looking."""
    path = posixpath.normpath(text)
    return path[1:] if path.startswith("//") else path


def fault_of(text: str, *, allow_outside: bool) -> str | None:
    r"""Return the fault of a written path and its remedy, or None.

    Refused are NUL, URLs, drive letters (``C:\x``), ``~`` and, unless allowed, paths that lead out of the root.
    """
    if "\0" in text:
        return "the path holds a NUL character. Write the file again as text."
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        return f"{text!r} is a URL. Write the path of the file, relative to the root."
    if re.match(r"[A-Za-z]:[\\/]|\\\\", text):
        return f"{text!r} is a Windows path. Write it relative to the root, with forward slashes."
    if text == "~" or re.match(r"~[^/]*/", text):
        return f"{text!r} begins with a home folder. Write it relative to the root ('./{text}' if that is its name)."
    path = normalized(text)
    if path == ".":
        return f"{text!r} is the root itself. Write the path of a file."
    if allow_outside:
        return None
    if path.startswith("/"):
        return f"{text!r} is absolute. Write it relative to the root, or set `allow_absolute: true`."
    if path == ".." or path.startswith("../"):
        return f"{text!r} leads out of the root. Set `root` to a folder above, or `allow_absolute: true`."
    return None
