"""Check whether folders are writable, and replace cache folders of libraries that are not.

Snakemake caches rules, matplotlib a list of fonts and numba compiled code in folders of the user. A command needs them
only while it runs, so an unwritable one is replaced by a private temporary folder through its environment variable.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from genreflow.errors import MachineError

_TMPDIR, _CACHE, _CONFIG = "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"
_MATPLOTLIB, _NUMBA, _TORCH = "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR"
# Unwritable folders that have been replaced, and the temporary folders that this process uses instead.
replaced: list["Place"] = []
_private: list[tempfile.TemporaryDirectory] = []


@dataclass(frozen=True)
class Place:
    """A folder that libraries write to.

    Attributes
    ----------
    variable
        The environment variable that names it.
    folder
        Its path; a relative one is unusable.
    users
        Programs that write there.
    """

    variable: str
    folder: Path
    users: str

    @property
    def obstacle(self) -> str | None:
        """The reason why it is not writable; None if it is."""
        return obstacle(self.folder) if self.folder.is_absolute() else "its path is unknown"


def obstacle(folder: Path) -> str | None:
    """Return why a folder, which may not exist yet, is not writable; None if it is. Nothing is written."""
    try:
        while not os.path.lexists(folder) and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            return f"{folder} is not a folder"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} is not writable"
        room = os.statvfs(folder)
    except OSError as error:
        return f"{folder} cannot be examined ({error.strerror})"
    # Some file systems report 0 of 0.
    if (room.f_blocks and not room.f_bavail) or (room.f_files and not room.f_favail):
        return f"the disk of {folder} is full"
    return None


def places() -> Iterator[Place]:
    """Yield the user's folders that libraries write to, by the environment."""
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor the user database has one
        home = Path("~")
    yield Place(_CACHE, Path(os.environ.get(_CACHE) or home / ".cache"), "Snakemake and lists of fonts")
    config = Path(os.environ.get(_CONFIG) or home / ".config")
    yield Place(_MATPLOTLIB, Path(os.environ.get(_MATPLOTLIB) or config / "matplotlib"), "matplotlib")
    for name, users in {_NUMBA: "numba", _TORCH: "PyTorch"}.items():
        if os.environ.get(name):  # without it they choose a folder themselves
            yield Place(name, Path(os.environ[name]), users)


def temporary_folder() -> Path:
    """Return the folder for temporary files.

    Raises
    ------
    MachineError
        If none is writable.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise MachineError("No folder for temporary files is writable. Set TMPDIR to one that is.") from None


def stand_in() -> None:
    """Replace each unwritable folder by a private temporary one, and record it in `replaced`.

    Without a writable temporary folder nothing is replaced; what needs a folder raises an error.
    """
    try:
        temporary_folder()
    except MachineError:
        # PyTorch needs an existing folder when it is imported; it would only keep compiled networks there.
        os.environ[_TORCH] = os.sep
        return
    with suppress(OSError):
        given = os.environ.get(_TMPDIR)
        if given and obstacle(Path(given)):  # Python ignores it, other programs may not
            replaced.append(Place(_TMPDIR, Path(given), "Programs"))
            os.environ[_TMPDIR] = str(temporary_folder())
        for place in [place for place in places() if place.obstacle]:
            _private.append(tempfile.TemporaryDirectory(prefix="genreflow-", ignore_cleanup_errors=True))
            os.environ[place.variable] = _private[-1].name
            replaced.append(place)
