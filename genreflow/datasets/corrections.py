"""Labels that a listener has corrected: a CSV file, as the report of a study saves it, over the labels of a dataset."""

from collections.abc import Iterator
from dataclasses import replace

from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.sheet import read_sheet
from genreflow.errors import Problems
from genreflow.store.text import count, listing

_NEEDED = ("path", "corrected")


def corrected(tracks: TrackListing, path: str) -> TrackListing:
    """Return a listing with the labels of a file of corrections, and a notice that names the tracks.

    Parameters
    ----------
    tracks
        Tracks with classes.
    path
        A CSV file with the columns ``path``, as reports and quarantine.csv spell it, and ``corrected``, the class that
        the track belongs to. Rows that only confirm a label are counted. Other columns do not matter.

    Raises
    ------
    UserError
        When the file cannot be read; every wrong row at once.
    """
    classes = _read(path)
    by_name = {printable(track.path): track for track in tracks.tracks}
    changes, confirmed = {}, 0
    problems = [
        f"{name}: it has tags instead of one class, which corrections cannot change."
        for name in classes
        if name in by_name and by_name[name].tags is not None
    ]
    if problems:
        raise Problems(f"{path}:", problems)
    for name, label in classes.items():
        track = by_name.get(name)
        if track is not None and track.label != label:
            changes[track.path] = replace(track, label=label)
        confirmed += track is not None and track.label == label
    notices = [*tracks.notices, *_notices(by_name, classes, changes, confirmed, path)]
    return replace(tracks, tracks=[changes.get(track.path, track) for track in tracks.tracks], notices=notices)


def _read(path: str) -> dict[str, str]:
    """Return the class of each path in a file of corrections."""
    sheet = read_sheet(path)
    if missing := [name for name in _NEEDED if name not in sheet.header]:
        raise Problems(f"{path}:", [f"the column {name!r} is missing." for name in missing])
    place, label = (sheet.header.index(name) for name in _NEEDED)
    classes: dict[str, str] = {}
    problems = []
    for line, row in sheet.rows:
        cells = [cell.strip() for cell in row] + [""] * (len(sheet.header) - len(row))
        # An apostrophe keeps spreadsheets from taking a name for a formula.
        name = cells[place].removeprefix("'") if cells[place][1:2] in tuple("=+-@") else cells[place]
        if not name or not cells[label]:
            problems.append(f"row {line}: {'path' if not name else 'corrected'} is empty.")
        elif classes.setdefault(name, cells[label]) != cells[label]:
            problems.append(f"row {line}: {name} is {classes[name]!r} in another row.")
    if problems:
        raise Problems(f"{path}:", problems)
    return classes


def _notices(
    by_name: dict[str, ListedTrack],
    classes: dict[str, str],
    changes: dict[bytes, ListedTrack],
    confirmed: int,
    path: str,
) -> Iterator[str]:
    if changes:
        names = [
            f"{name} is {classes[name]}, not {track.label}" for name, track in by_name.items() if track.path in changes
        ]
        yield f"{count(len(changes), 'label')} corrected by {path}: {listing(names, 20)}."
    if confirmed:
        yield f"{count(confirmed, 'label')} confirmed by {path}."
    if absent := [name for name in classes if name not in by_name]:
        yield f"{count(len(absent), 'correction')} in {path} of tracks that are not there: {listing(absent)}."
