"""Walk through a folder of products, parts of which may be links to other disks."""

import os
from collections.abc import Iterator
from pathlib import Path

from genreflow.errors import NoFolder


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted by name; links to folders are followed.

    Each real folder is entered once, and through a link only if it lies outside of `folder` and does not contain it, so
    that loops end. A missing folder has no files.

    Raises
    ------
    NoFolder
        If the folder is a file, or it or a link below it leads nowhere.
    """
    check_folder(folder)
    if folder.exists():
        top = folder.resolve()
        yield from _files(folder, top, {_identity(folder)} | {_identity(parent) for parent in top.parents})


def check_folder(path: Path) -> None:
    """Raise NoFolder if a path exists and is not a folder."""
    _check_link(path)
    if path.exists() and not path.is_dir():
        raise NoFolder(f"{path} is a file, where a folder is needed. Move it away, or start in another folder.")


def _check_link(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise NoFolder(f"{path} is a link to {path.readlink()}, which is not there. Is a disk not mounted?")


def _files(folder: Path, top: Path, entered: set[tuple[int, int]]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except FileNotFoundError:  # a running job has just moved it
        return
    for entry in entries:
        path = folder / entry.name
        if entry.is_file():
            yield path
        elif entry.is_dir():
            leads_inside = entry.is_symlink() and path.resolve().is_relative_to(top)
            if not leads_inside and (identity := _identity(path)) not in entered:
                entered.add(identity)
                yield from _files(path, top, entered)
        elif not entry.name.startswith("."):
            _check_link(path)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
