"""Open files that users name: only regular ones, up to a maximal size.

Opening a pipe blocks until there is a writer, and a device such as ``/dev/zero`` never ends.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from genreflow.errors import UserError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def expand_home(path: str | os.PathLike) -> Path:
    """Return a path with a leading ``~`` replaced by the user's home; UserError if that is unknown."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: the home folder ~ is unknown. Set HOME, or write the whole path.") from None


def open_regular(path: str | bytes | os.PathLike, *, most: int, expected: str = "a file") -> BinaryIO:
    """Open a regular file of at most `most` bytes for reading.

    Parameters
    ----------
    wanted
        The expected kind of file with its article, for the message.

    Raises
    ------
    UserError
        If it is a folder, a pipe, a socket or a device, or too large.
    OSError
        As `open`.
    """
    # Without O_NONBLOCK opening a pipe blocks; for a regular file it has no effect.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    file = None
    try:
        status, name = os.fstat(descriptor), os.fsdecode(path)
        if not stat.S_ISREG(status.st_mode):
            kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
            raise UserError(f"{name} is {kind}, but {expected} is needed. Name a regular file.")
        if status.st_size > most:
            raise UserError(
                f"{name} has {_size(status.st_size)}, and {expected} has {_size(most)} at most. Is it the right file?"
            )
        file = os.fdopen(descriptor, "rb")
        return file
    finally:
        if file is None:
            os.close(descriptor)


def read_regular(path: str | bytes | os.PathLike, *, most: int, expected: str = "a file") -> bytes:
    """Return the content of a regular file of at most `most` bytes; raises as `open_regular`."""
    with open_regular(path, most=most, expected=expected) as file:
        content = file.read(most + 1)  # files below /proc report a size of 0
    if len(content) > most:
        raise UserError(f"{os.fsdecode(path)} goes on after {_size(most)}: it is not {expected}. Is it the right file?")
    return content


def _size(n: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= size:
            return f"{n / size:,.3g} {unit}" if n < 1000 * size else f"{n / size:,.0f} {unit}"
    return f"{n} bytes"
