"""Which files are meant: files, folders of them, and playlists."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from genreflow.datasets.layouts.walk import is_side_file, walk
from genreflow.datasets.names import printable
from genreflow.errors import Problems, UserError
from genreflow.inference import playlists


@dataclass(frozen=True)
class Item:
    """A file that is to be heard, or cannot be.

    Attributes
    ----------
    path
        As the file system has it.
    reason, message
        Why it cannot be heard, `Q_...` and a sentence; empty if nothing is known against it.
    """

    path: bytes
    reason: str = ""
    message: str = ""

    @property
    def title(self) -> str:
        """The path as text that can be shown anywhere."""
        return printable(self.path)


def find(given: Sequence[str]) -> list[Item]:
    """Return the files that are meant, in the order given, each once; those of a folder by name.

    In folders hidden files and those that lie beside music in every collection are passed over.

    Raises
    ------
    UserError
        When something given is not there, all such at once, or there are no files.
    """
    if missing := [name for name in given if not os.path.exists(name)]:  # noqa: PTH110 - also of names too long
        sentences = [f"{printable(os.fsencode(name))} does not exist" for name in missing]
        raise UserError(f"{sentences[0]}.") if len(missing) == 1 else Problems("Files and folders:", sentences)
    items = {item.path: item for name in given for item in _meant(Path(name))}
    if not items:
        raise UserError(f"There is no music in {', '.join(printable(os.fsencode(name)) for name in given)}.")
    return list(items.values())


def stamps(given: Sequence[str]) -> list[list]:
    """Return what predictions depend on of the files that are meant, names included, without reading any music.

    Each file has its name, size, times and inode. The time of the inode (ctime) changes whatever is done to a file, be
    it older music moved to the name of newer one. What cannot be listed has its reason.
    """
    return [stamp for name in given for stamp in _stamps_of(name)]


def _stamps_of(name: str) -> list[list]:
    try:
        items = list(_meant(Path(name)))
    except (UserError, OSError) as error:
        return [[name, str(error)]]
    return [[name, item.path, item.reason, item.message, *_stamp(item.path)] for item in items]


def _stamp(path: bytes) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError as error:
        return (-(error.errno or 1),)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _meant(path: Path) -> Iterator[Item]:
    if path.is_dir():
        yield from _below(os.fsencode(path))
    elif path.suffix.lower() in playlists.SUFFIXES:
        for _, entry, problem in playlists.entries(path):
            yield Item(entry, "Q_MISSING", problem) if problem else Item(entry)
    else:
        yield Item(os.fsencode(path))


def _below(folder: bytes) -> Iterator[Item]:
    for entry in sorted(walk(folder, follow_links=True), key=lambda entry: entry.path):
        name = entry.path.rsplit(b"/", 1)[-1]
        if is_side_file(name) or (entry.is_folder and not entry.reason):
            continue
        refusal = (entry.reason, entry.message) if entry.reason.startswith("Q_") else ()
        yield Item(os.path.join(folder, entry.path), *refusal)
