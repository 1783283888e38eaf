"""A folder per class, with optional folders per album below it."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.artists import artist_key, is_generic
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.walk import AUDIO_FILES, Entry, is_hidden, is_side_file, suffix, walk
from genreflow.errors import UserError
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing

_EMPTY_FOLDER = ("Q_NOT_FILE", "This is an empty folder with the name of an audio file.")
_PARTS = {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "evaluation", "holdout"}
_ALL_CLASSES = 4  # a name under each of so many classes or more is a part of the collection, and no artist
_SKIPPED = ("side file", "hidden file", "hidden folder", "repeated folder link")


class Folders(Layout):
    """One sub-folder a class; a folder below it, if any, is an album and keeps its tracks together in folds.

    Folders of one name in several classes, such as `rock/Some Artist` and `pop/Some Artist`, are one group. Names that
    unrelated folders may have are not joined: numbers, single letters, words like `CD1`, `album-01`, `Disc 2`,
    `Greatest Hits` or `Various Artists`, and a name that is in every class, of four or more.
    """

    layout: Literal["folders"]
    path: PathText = Field(min_length=1, description="Folder that holds the class folders.")
    follow_links: bool = Field(False, description="Accept links to files and folders outside `path`.")

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a folder with two folders or more that hold audio files, at whatever depth."""
        if not path.is_dir():
            return None
        classes = [entry for entry in path.iterdir() if entry.is_dir() and not is_hidden(os.fsencode(entry.name))]
        with_music = (each for each in classes if _holds_music(each))
        return {"path": str(path)} if len(list(islice(with_music, 2))) == 2 else None

    def is_album(self, group: str) -> bool:  # noqa: ARG002
        """Return true: groups are folders."""
        return True

    def find(self) -> TrackListing:
        """Find the tracks laid out as ``class/track`` or ``class/album/.../track``.

        Hidden and side files are skipped and counted, a hidden folder as one. Anything else is a track; so is a folder
        that cannot be listed, which is refused under its own name.
        """
        root = os.fsencode(expand_home(self.path))
        entries = defaultdict(list)
        for entry in walk(_checked(root, self.path), follow_links=self.follow_links):
            entries[_kind(entry)].append(entry)
        if not entries["track"]:
            raise UserError(
                f"{self.path!r} holds no tracks in class folders. Expected <class>/<track> or <class>/<album>/<track>."
            )
        _check_classes(self.path, {_label(entry) for entry in entries["track"]})
        skipped = Counter(_label(entry) for kind in _SKIPPED for entry in entries[kind])
        ignored = skipped + Counter({"": len(entries["beside"])})
        return TrackListing(root, _joined(list(map(_track, entries["track"]))), _notices(entries), ignored)


def _holds_music(folder: Path) -> bool:
    files = (os.fsencode(name) for _, _, names in os.walk(folder) for name in names)
    return any(suffix(name) in AUDIO_FILES and not is_hidden(name) for name in files)


def _checked(root: bytes, path: str) -> bytes:
    if not Path(os.fsdecode(root)).is_dir():
        raise UserError(f"The folder {path!r} does not exist. Set `path` to the folder of class folders.")
    try:
        os.scandir(root).close()
    except OSError as error:
        raise UserError(f"The folder {path!r} cannot be listed: {error.strerror}.") from None
    return root


def _check_classes(path: str, classes: set[str]) -> None:
    """Refuse folders that are the parts of a split: a model would learn to tell training tracks from test tracks.

    Raises
    ------
    UserError
        When two of them or more are nothing but parts.
    """
    parts = sorted(name for name in classes if name.casefold() in _PARTS)
    if len(parts) < 2 or len(parts) < len(classes):
        return
    raise UserError(
        f"{path!r} holds the folders {listing(parts)}, which are the parts of a split and no classes. To use it, list "
        "the tracks in a CSV (layout: manifest) with the columns path, label and split (train, valid, test, holdout), "
        "and set folds.scheme to given. To divide the tracks anew, merge the class folders of all parts."
    )


def _kind(entry: Entry) -> str:
    """Return ``track``, one of `_SKIPPED`, ``empty folder``, or ``beside`` for files beside the class folders."""
    name = entry.path.rsplit(b"/", 1)[-1]
    is_class = entry.path == name and entry.is_folder
    if entry.path == name and (is_hidden(name) or not is_class):
        return "beside"
    if is_hidden(name):
        return "hidden folder" if entry.is_folder else "hidden file"
    if entry.elsewhere:
        return "repeated folder link"
    if entry.is_folder and not entry.reason:
        return "track" if suffix(name) in AUDIO_FILES and not is_class else "empty folder"
    return "side file" if is_side_file(name) and not entry.is_folder else "track"


def _track(entry: Entry) -> ListedTrack:
    reason, message = _EMPTY_FOLDER if entry.is_folder and not entry.reason else (entry.reason, entry.message)
    return ListedTrack(entry.path, _label(entry), _group(entry.path), reason=reason, message=message)


def _label(entry: Entry) -> str:
    return printable(entry.path.split(b"/")[0])


def _group(path: bytes) -> str | None:
    """Return the folder of the album or artist: the one below the class, but not one of `Various Artists`."""
    steps = path.split(b"/")
    for depth in range(2, len(steps)):
        if artist_key(printable(steps[depth - 1])) is not None:
            return printable(b"/".join(steps[:depth]))
    return None


def _joined(tracks: Sequence[ListedTrack]) -> list[ListedTrack]:
    """Return tracks with one group for the folders of one artist in several classes: the first of their names."""
    homes: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for track in tracks:
        if track.group is not None and not is_generic(name := track.group.rsplit("/", 1)[-1]):
            homes[str(artist_key(name))].add((track.label, track.group))
    classes = {track.label for track in tracks}
    joined: dict[str, str] = {}
    for found in homes.values():
        owners = {label for label, _ in found}
        if len(owners) > 1 and (len(owners) < len(classes) or len(classes) < _ALL_CLASSES):
            groups = sorted(group for _, group in found)
            joined |= dict.fromkeys(groups, groups[0])
    return [replace(track, group=joined.get(track.group or "", track.group)) for track in tracks]


def _notices(entries: Mapping[str, list[Entry]]) -> list[str]:
    notices = []
    with_tracks = {_label(entry) for entry in entries["track"]}
    others = {_label(entry) for kind in (*_SKIPPED, "empty folder") for entry in entries[kind]}
    if empty := sorted(others - with_tracks):
        notices.append(f"{count(len(empty), 'class folder')} without tracks: {listing(map(repr, empty))}")
    if lost := [entry.path for entry in entries["beside"] if suffix(entry.path) in AUDIO_FILES]:
        names = listing(map(printable, lost))
        notices.append(f"{count(len(lost), 'audio file')} beside the class folders, in no class: {names}")
    if passed := [count(len(entries[kind]), kind) for kind in _SKIPPED if entries[kind]]:
        notices.append(f"{', '.join(passed)} skipped")
    return notices
