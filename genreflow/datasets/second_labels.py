"""Checking the labels of a dataset by those of a second source (western8 study, section 2.2)."""

from collections.abc import Iterator
from dataclasses import replace

from genreflow.config.datasets import SecondLabels
from genreflow.datasets.corrections import named_paths, read_classes
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.errors import Problems, UserError
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing

DISAGREES = "W_OTHER_LABEL"


def checked_by(tracks: TrackListing, settings: SecondLabels) -> TrackListing:
    """Return a listing whose tracks with another label in a second source are marked, or left out.

    Parameters
    ----------
    tracks
        Tracks with classes.
    settings
        The second source: a CSV file with the columns ``path``, as reports spell it, and ``label``. Tracks that it does
        not name are kept.

    Raises
    ------
    UserError
        When the file cannot be read, or names no track at all; every wrong row at once.
    """
    path = settings.path
    if not expand_home(path).exists():
        raise UserError(f"second_labels: {path} does not exist.")
    by_name = named_paths(tracks)
    labels = {name: settings.aliases.get(label, label) for name, label in read_classes(path, "label", tracks).items()}
    if labels and not labels.keys() & by_name.keys():
        example = next(iter(by_name), "")
        problem = f"it names no track. Paths are below the folder of the dataset, as in {example}."
        raise Problems(f"{path}:", [problem])
    if any(track.tags is not None for track in by_name.values()):
        raise UserError("second_labels: these tracks have tags instead of one class, which cannot be checked.")
    others = {
        by_name[name].path: label for name, label in labels.items() if name in by_name and by_name[name].label != label
    }
    is_dropped = settings.disagreements == "drop"
    kept = [
        _marked(track, others.get(track.path)) for track in tracks.tracks if not (is_dropped and track.path in others)
    ]
    ignored = dict(tracks.ignored)
    for track in tracks.tracks:
        if is_dropped and track.path in others:
            ignored[track.label] = ignored.get(track.label, 0) + 1
    notices = [*tracks.notices, *_notices(by_name, labels, others, settings)]
    fate = "left out" if is_dropped else "kept"
    disagreements = [
        (name, track.label, others[track.path], fate) for name, track in sorted(by_name.items()) if track.path in others
    ]
    return replace(tracks, tracks=kept, notices=notices, ignored=ignored, disagreements=disagreements)


def _marked(track: ListedTrack, other: str | None) -> ListedTrack:
    if other is None or track.reason.startswith("Q_"):
        return track
    message = f"A second source says {other}, not {track.label}."
    return replace(track, reason=f"{track.reason} {DISAGREES}".strip(), message=f"{track.message} {message}".strip())


def _notices(
    by_name: dict[str, ListedTrack], labels: dict[str, str], others: dict[bytes, str], settings: SecondLabels
) -> Iterator[str]:
    checked = labels.keys() & by_name.keys()
    yield f"{count(len(checked), 'label')} of {len(by_name):,} checked by {settings.path}: {len(others):,} disagree."
    if others and settings.disagreements == "drop":
        yield f"{count(len(others), 'track')} left out because the two sources disagree."
    if absent := [name for name in labels if name not in by_name]:
        yield f"{count(len(absent), 'label')} in {settings.path} of tracks that are not there: {listing(absent)}."
