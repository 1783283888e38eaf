"""Splits that come with a dataset: their names, and checks that they can be used."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from genreflow.datasets.artists import artist_key
from genreflow.datasets.labels import labels_of
from genreflow.datasets.listing import ListedTrack
from genreflow.store.text import count, listing

SPLITS = ("train", "valid", "test", "holdout")
ALIASES = {"training": "train", "val": "valid", "validation": "valid", "dev": "valid", "testing": "test"}
_REST = "(none)"


def check_split(tracks: Sequence[ListedTrack]) -> tuple[list[str], list[str]]:
    """Return the problems that make a split useless, and notices.

    Parameters
    ----------
    tracks
        With labels that are classes, and splits out of `SPLITS`. Where `holdout` is the only one, the tracks without
        a split are the other part.

    Returns
    -------
    problems, notices
        Problems are: nothing to train on or to test on, a part without some class, a group or artist in two parts.
        Of a holdout without some class, and of tags, there is only a notice.
    """
    parts = defaultdict(list)
    for track in tracks:
        parts[track.split or _REST].append(track)
    rest = parts.get(_REST, [])
    if len(rest) == len(tracks):
        return [], []
    notices = []
    if rest and parts.keys() - {_REST, "holdout"}:
        del parts[_REST]
        notices.append(f"{count(len(rest), 'track')} with a label and without a split")
    tagged = any(track.tags is not None for track in tracks)
    problems = _empty_parts(parts)
    for part, lack in _absent_classes(parts).items():
        (notices if tagged or part == "holdout" else problems).append(lack)
    return problems + _parted_groups(parts), notices


def _empty_parts(parts: Mapping[str, list[ListedTrack]]) -> list[str]:
    if not parts.keys() & {"train", _REST}:
        return ["no track is in the split 'train', so there is nothing to learn from."]
    if not parts.keys() & {"test", "holdout"}:
        return ["no track is in the split 'test' (or 'holdout'), so there is nothing to test on."]
    return []


def _absent_classes(parts: Mapping[str, list[ListedTrack]]) -> dict[str, str]:
    """Return a sentence on the missing classes of each part that lacks some."""
    present = {part: {label for track in members for label in labels_of(track)} for part, members in parts.items()}
    everywhere = set().union(*present.values())
    lacks = {}
    for part in sorted(present):
        if absent := sorted(everywhere - present[part]):
            lacks[part] = f"the split {part!r} has no track of {listing(map(repr, absent))}; others have."
    return lacks


def _parted_groups(parts: Mapping[str, list[ListedTrack]]) -> list[str]:
    """Name every group, or artist where no group is given, that has tracks in several parts."""
    members: dict[tuple, Counter[str]] = defaultdict(Counter)
    names: dict[tuple, str] = {}
    for part, tracks in parts.items():
        for track in tracks:
            key = ("group", track.group) if track.group else ("artist", artist_key(track.artist))
            if key[1] is not None:
                members[key][part] += 1
                names.setdefault(key, track.group or track.artist or "")
    lines = []
    for key in sorted(key for key, counts in members.items() if len(counts) > 1):
        where = " and ".join(f"{part!r} ({count(n, 'track')})" for part, n in sorted(members[key].items()))
        lines.append(f"the {key[0]} {names[key]!r} is in {where}. Keep its tracks in one split.")
    return lines
