"""Finding a published dataset in the given folder, or in the one that its archive unpacks to."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from genreflow.datasets.listing import ListedTrack
from genreflow.datasets.names import printable
from genreflow.datasets.walk import AUDIO_FILES, is_hidden, suffix
from genreflow.errors import Problems, UserError
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing


def folder_of(path: str) -> Path:
    """Return `path` as a folder that exists, or raise `UserError`."""
    folder = expand_home(path)
    if not folder.is_dir():
        raise UserError(f"The folder {path!r} does not exist. Set `path` to the folder of the dataset.")
    return folder


def find_dataset_root(path: str, homes: Sequence[str], folders: Collection[str]) -> Path:
    """Return the first of `homes` below `path` (``""`` is `path` itself) that holds any of `folders`.

    Raises
    ------
    UserError, Problems
        When `path` or one of `folders` does not exist; the message lists the folders there are.
    """
    base = folder_of(path)
    places = (base / home for home in homes)
    home = next((place for place in places if any((place / name).is_dir() for name in folders)), base)
    missing = [f"no folder named {name}" for name in folders if not (home / name).is_dir()]
    if missing:
        raise Problems(f"{home}:", [*missing, found_in(home)])
    return home


def found_in(folder: Path) -> str:
    """Return a list of the content of a folder, for an error message."""
    names = sorted(printable(os.fsencode(entry.name)) for entry in folder.iterdir())
    return f"found: {listing(names, most=20)}" if names else "the folder is empty"


def stem(name: bytes) -> bytes:
    """Return a name or path without its suffix."""
    return name[: len(name) - len(suffix(name))]


def files_in(folder: bytes) -> list[bytes]:
    """Return the names of all files in a folder, sorted; none if there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.is_dir())
    except FileNotFoundError:
        return []


def files_by_stem(root: bytes, folders: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Return the audio files in some folders below `root`: their paths by their paths without suffix, MP3 first.

    Copies of a dataset differ in format: who converted it kept the names and changed the suffixes.
    """
    by_stem: dict[bytes, list[bytes]] = {}
    for folder in folders:
        for name in files_in(os.path.join(root, folder)):
            if suffix(name) in AUDIO_FILES and not is_hidden(name):
                by_stem.setdefault(folder + b"/" + stem(name), []).append(folder + b"/" + name)
    return {path: sorted(copies, key=lambda copy: suffix(copy) != b".mp3") for path, copies in by_stem.items()}


def converted(
    tracks: Sequence[ListedTrack], files: Mapping[bytes, Sequence[bytes]]
) -> tuple[list[ListedTrack], list[str]]:
    """Return tracks with the paths of their copies in another format, where there are any, and a notice of how many.

    Parameters
    ----------
    tracks
        With the paths that the dataset was published with.
    files
        See `files_by_stem`.
    """
    present, changed, spare = [], 0, 0
    for track in tracks:
        copies = files.get(stem(track.path), [track.path])
        path = track.path if track.path in copies else copies[0]
        changed += path != track.path
        spare += len(copies) - 1
        present.append(replace(track, path=path))
    notices = [f"{count(changed, 'track')} found in another format than the published one"] if changed else []
    if spare:
        notices.append(f"{count(spare, 'further copy', 'further copies')} in another format skipped")
    return present, notices
