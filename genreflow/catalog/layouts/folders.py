"""A folder a class, and below it, if any, a folder an album."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from genreflow.catalog.layouts.found import Found, FoundTrack
from genreflow.catalog.names import label_of, printable
from genreflow.config.datasets import Folders
from genreflow.errors import UserError

# Files that lie beside music in every collection. Anything else inside a class folder is taken for a track,
# so that a damaged or misnamed one is refused by name and not passed over.
SIDE_FILES = frozenset(
    b".accurip .asd .bmp .cue .db .doc .docx .gif .htm .html .ini .jpeg .jpg .json .lnk .log .lrc .m3u .m3u8 .md "
    b".md5 .mid .nfo .pdf .pls .png .rtf .sfv .srt .tsv .csv .txt .url .webp .xml .xspf .yaml .yml .zip".split()
)


def find(settings: Folders) -> Found:
    """Find the tracks of a dataset laid out as ``class/track`` or ``class/album/.../track``.

    Hidden files and `SIDE_FILES` are passed over and counted; links to folders are not followed.

    Raises
    ------
    UserError
        When the folder does not exist, or holds no class folder.
    """
    root = os.fsencode(Path(settings.path).expanduser())
    if not Path(os.fsdecode(root)).is_dir():
        raise UserError(f"The folder {settings.path!r} does not exist. Set `path` to the folder of class folders.")
    skipped: Counter[str] = Counter()
    tracks = []
    for entry in _entries(root):
        if _is_hidden(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            tracks.extend(_class_tracks(root, entry.name, skipped))
        else:
            skipped["beside the class folders"] += 1
    if not tracks:
        raise UserError(
            f"{settings.path!r} holds no tracks in class folders. Expected <class>/<track> or <class>/<album>/<track>."
        )
    notices = [f"{count} files {where} were passed over" for where, count in skipped.items()]
    return Found(root, tracks, notices)


def _class_tracks(root: bytes, folder: bytes, skipped: Counter[str]) -> Iterator[FoundTrack]:
    label = label_of(folder)
    for path in _files(root, folder):
        name = path.rsplit(b"/", 1)[-1]
        if _is_hidden(name) or Path(os.fsdecode(name)).suffix.lower().encode("utf-8", "replace") in SIDE_FILES:
            skipped["that are not audio"] += 1
            continue
        steps = path.split(b"/")
        group = printable(b"/".join(steps[:2])) if len(steps) > 2 else None
        yield FoundTrack(path, label, group)


def _files(root: bytes, folder: bytes) -> Iterator[bytes]:
    for entry in _entries(os.path.join(root, folder)):
        path = folder + b"/" + entry.name
        if entry.is_dir(follow_symlinks=False):
            if not _is_hidden(entry.name):
                yield from _files(root, path)
        else:
            yield path


def _entries(folder: bytes) -> list[os.DirEntry[bytes]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_hidden(name: bytes) -> bool:
    return name.startswith(b".")
