"""Labels that a listener has corrected: a CSV file, as the report of a study saves it, over the labels of a dataset."""

from collections.abc import Iterator
from dataclasses import replace

from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.sheet import read_sheet
from genreflow.errors import Problems, UserError, did_you_mean
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing


def corrected(tracks: TrackListing, path: str) -> TrackListing:
    """Return a listing with the labels of a file of corrections, and a notice that names the tracks.

    Parameters
    ----------
    tracks
        Tracks with classes.
    path
        A CSV file with the columns ``path``, as reports and quarantine.csv spell it, and ``corrected``, the class that
        the track belongs to. Rows that only confirm a label are counted. Other columns do not matter. All these
        tracks are `checked`.

    Raises
    ------
    UserError
        When the file cannot be read, or names no track at all; every wrong row at once.
    """
    if not expand_home(path).exists():
        raise UserError(f"corrections: {path} does not exist.")
    by_name = named_paths(tracks)
    classes = read_classes(path, "corrected", tracks)
    _check(classes, by_name, path)
    checked = {
        track.path: replace(track, label=label, checked=True)
        for name, label in classes.items()
        if (track := by_name.get(name)) is not None
    }
    notices = [*tracks.notices, *_notices(by_name, classes, path)]
    return replace(tracks, tracks=[checked.get(track.path, track) for track in tracks.tracks], notices=notices)


def named_paths(tracks: TrackListing) -> dict[str, ListedTrack]:
    """Return the tracks of a listing by their paths as reports spell them."""
    return {printable(track.path): track for track in tracks.tracks}


def read_classes(path: str, column: str, tracks: TrackListing) -> dict[str, str]:
    """Return path -> class from the columns ``path`` and `column` of a CSV file.

    Paths may also begin with the name of the folder of the dataset.

    Raises
    ------
    Problems
        When a column is missing; every row without a path or class, or that contradicts another.
    """
    by_name, folder = named_paths(tracks), f"{printable(tracks.root).rpartition('/')[2]}/"
    return {
        name if name in by_name else name.removeprefix(folder): label for name, label in _read(path, column).items()
    }


def _check(classes: dict[str, str], by_name: dict[str, ListedTrack], path: str) -> None:
    """Refuse corrections of tracks with tags, to classes that look like a slip, and a file that fits no track."""
    known = {track.label for track in by_name.values()}
    problems = [
        f"{name}: it has tags instead of one class, which corrections cannot change."
        for name in classes
        if name in by_name and by_name[name].tags is not None
    ]
    slips = {label: hint for label in classes.values() if label not in known and (hint := did_you_mean(label, known))}
    problems += [f"there is no class {label!r}.{hint}" for label, hint in slips.items()]
    if classes and not classes.keys() & by_name.keys():
        example = next(iter(by_name), "")
        problems.append(f"it names no track. Paths are below the folder of the dataset, as in {example}.")
    if problems:
        raise Problems(f"{path}:", problems)


def _read(path: str, column: str) -> dict[str, str]:
    """Return the class of each path in a file."""
    sheet = read_sheet(path)
    if missing := [name for name in ("path", column) if name not in sheet.header]:
        raise Problems(f"{path}:", [f"the column {name!r} is missing." for name in missing])
    place, label = (sheet.header.index(name) for name in ("path", column))
    classes: dict[str, str] = {}
    problems = []
    for line, row in sheet.rows:
        cells = [cell.strip() for cell in row] + [""] * (len(sheet.header) - len(row))
        # An apostrophe keeps spreadsheets from taking a name for a formula.
        name = cells[place].removeprefix("'") if cells[place][1:2] in tuple("=+-@") else cells[place]
        if not name or not cells[label]:
            problems.append(f"row {line}: {'path' if not name else column} is empty.")
        elif classes.setdefault(name, cells[label]) != cells[label]:
            problems.append(f"row {line}: {name} is {classes[name]!r} in another row.")
    if problems:
        raise Problems(f"{path}:", problems)
    return classes


def _notices(by_name: dict[str, ListedTrack], classes: dict[str, str], path: str) -> Iterator[str]:
    named = {name: track for name, track in by_name.items() if name in classes}
    changes = [
        f"{name} is {classes[name]}, not {track.label}" for name, track in named.items() if track.label != classes[name]
    ]
    if changes:
        yield f"{count(len(changes), 'label')} corrected by {path}: {listing(changes, 20)}."
    if confirmed := len(named) - len(changes):
        yield f"{count(confirmed, 'label')} confirmed by {path}."
    if absent := [name for name in classes if name not in by_name]:
        yield f"{count(len(absent), 'correction')} in {path} of tracks that are not there: {listing(absent)}."
