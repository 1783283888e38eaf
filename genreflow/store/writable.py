"""Whether folders can be written, and what stands in for those that libraries write to and cannot.

Snakemake keeps copies of rules, matplotlib a list of fonts and numba compiled code in folders of the user. None of
them is needed for longer than a command runs, so where one cannot be written a private temporary folder takes its
place, by the variable of the environment that names it.
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
# Folders that cannot be written and have been replaced, and what took their place for as long as this process lives.
replaced: list["Place"] = []
_private: list[tempfile.TemporaryDirectory] = []


@dataclass(frozen=True)
class Place:
    """A folder that libraries write to.

    Attributes
    ----------
    variable
        The variable of the environment that names it.
    folder
        Where it is; a relative path is none.
    users
        Who writes there.
    """

    variable: str
    folder: Path
    users: str

    @property
    def obstacle(self) -> str | None:
        """Why nothing can be written there; None if something can."""
        return obstacle(self.folder) if self.folder.is_absolute() else "it is not known where it is"


def obstacle(folder: Path) -> str | None:
    """Return why no file can be written into a folder, which need not be there yet; None if one can.

    Nothing is written to find out.
    """
    try:
        while not os.path.lexists(folder) and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            return f"{folder} is no folder"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"{folder} may not be written to"
        room = os.statvfs(folder)
    except OSError as error:
        return f"{folder} cannot be looked at ({error.strerror})"
    # File systems without such numbers report 0 of 0.
    if (room.f_blocks and not room.f_bavail) or (room.f_files and not room.f_favail):
        return f"the disk of {folder} is full"
    return None


def places() -> Iterator[Place]:
    """Yield the folders of the user that libraries write to, as the environment names them."""
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor the list of users knows one
        home = Path("~")
    yield Place(_CACHE, Path(os.environ.get(_CACHE) or home / ".cache"), "Snakemake and lists of fonts")
    config = Path(os.environ.get(_CONFIG) or home / ".config")
    yield Place(_MATPLOTLIB, Path(os.environ.get(_MATPLOTLIB) or config / "matplotlib"), "matplotlib")
    for name, users in {_NUMBA: "numba", _TORCH: "PyTorch"}.items():
        if os.environ.get(name):  # without it they find a place by themselves
            yield Place(name, Path(os.environ[name]), users)


def temporary_folder() -> Path:
    """Return the folder for temporary files.

    Raises
    ------
    MachineError
        When there is none that can be written.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise MachineError("No folder for temporary files can be written. Set TMPDIR to one that can.") from None


def stand_in() -> None:
    """Name a private temporary folder in place of each that cannot be written, and note the latter in `replaced`.

    Where not even a temporary folder can be written nothing else is changed: whoever needs one will say so.
    """
    try:
        temporary_folder()
    except MachineError:
        # PyTorch wants the name of a folder that exists as it is loaded; only compiled networks would be kept there.
        os.environ[_TORCH] = os.sep
        return
    with suppress(OSError):
        given = os.environ.get(_TMPDIR)
        if given and obstacle(Path(given)):  # Python passes over it, others might not
            replaced.append(Place(_TMPDIR, Path(given), "Programs"))
            os.environ[_TMPDIR] = str(temporary_folder())
        for place in [place for place in places() if place.obstacle]:
            _private.append(tempfile.TemporaryDirectory(prefix="genreflow-", ignore_cleanup_errors=True))
            os.environ[place.variable] = _private[-1].name
            replaced.append(place)
