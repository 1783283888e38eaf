"""Audio files of a request: single files, folders, and playlists."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from genreflow.datasets.names import printable
from genreflow.datasets.walk import is_side_file, walk
from genreflow.errors import Problems, UserError
from genreflow.inference import playlists


@dataclass(frozen=True)
class Item:
    """A requested file.

    Attributes
    ----------
    path
        Path as bytes of the file system.
    reason, message
        Why it cannot be read, `Q_...` and a sentence; else empty.
    """

    path: bytes
    reason: str = ""
    message: str = ""

    @property
    def title(self) -> str:
        """The path as text that can be shown anywhere."""
        return printable(self.path)


def find(paths: Sequence[str], *, missing_ok: bool = False) -> list[Item]:
    """Return the files of some paths in their order, each once; those of a folder sorted by name.

    Hidden files of a folder, and side files such as covers, are skipped. With `missing_ok`, a path that does not exist
    is an item that cannot be read.

    Raises
    ------
    UserError
        When paths do not exist, all of them at once, or there are no files.
    """
    if missing := [name for name in paths if not missing_ok and not os.path.exists(name)]:  # noqa: PTH110 - also of names too long
        sentences = [f"{printable(os.fsencode(name))} does not exist" for name in missing]
        raise UserError(f"{sentences[0]}.") if len(missing) == 1 else Problems("Files and folders:", sentences)
    items = {item.path: item for name in paths for item in _items(Path(name))}
    if not items:
        raise UserError(f"There is no music in {', '.join(printable(os.fsencode(name)) for name in paths)}.")
    return list(items.values())


def stamps(paths: Sequence[str]) -> list[list]:
    """Return name, size, times and inode of each requested file, which predictions depend on; no music is read.

    The change time of the inode (ctime) also notices older music that is moved to the name of a newer file. A path
    that cannot be listed has the reason in place of these.
    """
    return [stamp for name in paths for stamp in _stamps_of(name)]


def _stamps_of(name: str) -> list[list]:
    try:
        items = list(_items(Path(name)))
    except (UserError, OSError) as error:
        return [[name, str(error)]]
    return [[name, item.path, item.reason, item.message, *_stamp(item.path)] for item in items]


def _stamp(path: bytes) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError as error:
        return (-(error.errno or 1),)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _items(path: Path) -> Iterator[Item]:
    if path.is_dir():
        yield from _below(os.fsencode(path))
    elif path.suffix.lower() in playlists.SUFFIXES:
        for _, entry, problem in playlists.entries(path):
            yield Item(entry, "Q_MISSING", problem) if problem else Item(entry)
    elif os.path.lexists(path):
        yield Item(os.fsencode(path))
    else:
        yield Item(os.fsencode(path), "Q_MISSING", "There is no such file.")


def _below(folder: bytes) -> Iterator[Item]:
    for entry in sorted(walk(folder, follow_links=True), key=lambda entry: entry.path):
        name = entry.path.rsplit(b"/", 1)[-1]
        if is_side_file(name) or (entry.is_folder and not entry.reason):
            continue
        refusal = (entry.reason, entry.message) if entry.reason.startswith("Q_") else ()
        yield Item(os.path.join(folder, entry.path), *refusal)
