"""A folder a class, and below it, if any, a folder an album."""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from genreflow.config.datasets import Folders
from genreflow.datasets.artists import artist_key
from genreflow.datasets.labels import Naming, name_classes, renamed, tidy
from genreflow.datasets.layouts.listing import ListedTrack, TrackListing
from genreflow.datasets.layouts.paths import with_twins
from genreflow.datasets.layouts.walk import AUDIO_FILES, Entry, is_hidden, is_side_file, suffix, walk
from genreflow.datasets.names import printable
from genreflow.errors import UserError
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing

_EMPTY_FOLDER = ("Q_NOT_FILE", "This is an empty folder with the name of an audio file.")
_PASSED_OVER = ("side file", "hidden file", "hidden folder", "repeated folder link")


def find(settings: Folders) -> TrackListing:
    """Find the tracks of a dataset laid out as ``class/track`` or ``class/album/.../track``.

    Hidden and side files are passed over and counted, a hidden folder as one. Anything else is a track; so is
    a folder that cannot be listed, refused under its own name.

    Raises
    ------
    UserError, Problems
        When the folder does not exist, cannot be listed or holds no class folder; see also `Naming`.
    """
    root = os.fsencode(expand_home(settings.path))
    entries = defaultdict(list)
    for entry in walk(_checked(root, settings.path), follow_links=settings.follow_links):
        entries[_kind(entry)].append(entry)
    if not entries["track"]:
        raise UserError(
            f"{settings.path!r} holds no tracks in class folders. Expected <class>/<track> or <class>/<album>/<track>."
        )
    counts = Counter(_label(entry) for entry in entries["track"])
    naming = name_classes(counts, settings.labels)
    naming.raise_any(repr(settings.path))
    tracks = [track for entry in entries["track"] if (track := renamed(_track(entry), naming.classes))]
    return TrackListing(root, with_twins(tracks), _notices(entries) + naming.notices, _ignored(entries, counts, naming))


def _checked(root: bytes, path: str) -> bytes:
    if not Path(os.fsdecode(root)).is_dir():
        raise UserError(f"The folder {path!r} does not exist. Set `path` to the folder of class folders.")
    try:
        os.scandir(root).close()
    except OSError as error:
        raise UserError(f"The folder {path!r} cannot be listed: {error.strerror}.") from None
    return root


def _kind(entry: Entry) -> str:
    """Return what an entry is taken for: ``track``, one of `_PASSED_OVER`, ``empty folder``, or ``beside`` classes."""
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
    said = _EMPTY_FOLDER if entry.is_folder and not entry.reason else (entry.reason, entry.message)
    return ListedTrack(entry.path, _label(entry), _group(entry.path), reason=said[0], message=said[1])


def _label(entry: Entry) -> str:
    return printable(entry.path.split(b"/")[0])


def _group(path: bytes) -> str | None:
    """Return the folder of the album or artist: the one below the class, but not one of `Various Artists`."""
    steps = path.split(b"/")
    for depth in range(2, len(steps)):
        if artist_key(printable(steps[depth - 1])) is not None:
            return printable(b"/".join(steps[:depth]))
    return None


def _ignored(entries: Mapping[str, list[Entry]], counts: Mapping[str, int], naming: Naming) -> Counter[str]:
    """Count what is no track, by class: what was passed over, and the tracks of classes that are left out."""
    ignored = Counter({"": len(entries["beside"])})
    for entry in (entry for kind in _PASSED_OVER for entry in entries[kind]):
        label = _label(entry)
        ignored[naming.classes.get(label) or tidy(label)] += 1
    for label, number in counts.items():
        if naming.classes[label] is None:
            ignored[tidy(label)] += number
    return +ignored


def _notices(entries: Mapping[str, list[Entry]]) -> list[str]:
    notices = []
    used = {_label(entry) for entry in entries["track"]}
    found = {_label(entry) for kind in (*_PASSED_OVER, "empty folder") for entry in entries[kind]}
    if empty := sorted(found - used):
        notices.append(f"{count(len(empty), 'class folder')} without tracks: {listing(map(repr, empty))}")
    if lost := [entry.path for entry in entries["beside"] if suffix(entry.path) in AUDIO_FILES]:
        names = listing(map(printable, lost))
        notices.append(f"{count(len(lost), 'audio file')} beside the class folders, in no class: {names}")
    if passed := [count(len(entries[kind]), kind) for kind in _PASSED_OVER if entries[kind]]:
        notices.append(f"{', '.join(passed)} passed over")
    return notices
