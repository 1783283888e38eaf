"""Where a published dataset lies: in the folder that was given, or in the one that its archive unpacks to."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from genreflow.catalog.layouts.walk import suffix
from genreflow.catalog.names import few, printable
from genreflow.errors import Problems, UserError


def folder_of(path: str) -> Path:
    """Return `path` as a folder that exists, or raise `UserError`."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(f"The folder {path!r} does not exist. Set `path` to the folder of the dataset.")
    return folder


def home_of(path: str, homes: Sequence[str], folders: Collection[str]) -> Path:
    """Return the first of `homes` below `path` (``""`` is `path` itself) that holds any of `folders`.

    Raises
    ------
    UserError, Problems
        When `path` does not exist, or one of `folders` is not there; it says what is there instead.
    """
    base = folder_of(path)
    places = (base / home for home in homes)
    home = next((place for place in places if any((place / name).is_dir() for name in folders)), base)
    missing = [f"no folder named {name}" for name in folders if not (home / name).is_dir()]
    if missing:
        raise Problems(f"{home}:", [*missing, found_in(home)])
    return home


def found_in(folder: Path) -> str:
    """Return a remark on what a folder holds, for an error that looked for something else there."""
    names = sorted(printable(os.fsencode(entry.name)) for entry in folder.iterdir())
    return f"found: {few(names, most=20)}" if names else "the folder is empty"


def stem(name: bytes) -> bytes:
    """Return a name or path without the end that tells its kind."""
    return name[: len(name) - len(suffix(name))]


def files_in(folder: bytes) -> list[bytes]:
    """Return the names of all files in a folder, sorted; none if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.is_dir())
    except FileNotFoundError:
        return []
