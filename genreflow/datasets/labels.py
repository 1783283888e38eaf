"""Labels to classes: spellings are merged, renamed and left out by the settings `labels`, for every layout alike."""

import dataclasses
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from genreflow.config.datasets import Labels
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.errors import Problems, did_you_mean
from genreflow.store.text import count, listing, sanitize_name

MANY_CLASSES = 1_000
IMBALANCE = 1_000
_HINTS = 50
# Names of other columns in tables with a column per class, and words for no class or for all.
RESERVED = frozenset({"file", "slice", "start_s", "label", "unknown", "(macro)"})


@dataclass(frozen=True)
class Naming:
    """The classes of labels.

    Attributes
    ----------
    classes
        Label as it was found -> its class, or None where `drop` leaves it out.
    problems
        Empty labels, labels that are not among `classes`, labels that `strict` does not merge, fewer than two classes.
    notices
        Labels merged, renamed and left out, with counts.
    """

    classes: Mapping[str, str | None]
    problems: list[str]
    notices: list[str]

    def raise_any(self, source: str) -> None:
        """Raise `Problems` if there are any; `source` names the dataset in it."""
        if self.problems:
            raise Problems(f"{source}:", self.problems)


def name_classes_of(listing: TrackListing, labels: Labels, source: str) -> TrackListing:
    """Return a listing whose labels, or tags, are classes.

    Tracks of dropped classes are left out and counted as ignored; of dropped tags only the tags are.

    Parameters
    ----------
    listing
        Tracks with labels as they were found.
    labels
        The settings.
    source
        Name of the dataset in errors.

    Raises
    ------
    Problems
        Those of `Naming`.
    """
    tagged = any(track.tags is not None for track in listing.tracks)
    counts = Counter(label for track in listing.tracks for label in labels_of(track))
    naming = name_classes(counts, labels, tags=tagged)
    naming.raise_any(source)
    ignored: Counter[str] = Counter()
    for label, n in listing.ignored.items():
        ignored[naming.classes.get(label) or tidy(label)] += n
    tracks = []
    for track in listing.tracks:
        if named := renamed(track, naming.classes):
            tracks.append(named)
        else:
            ignored[tidy(track.label)] += 1
    notices = [*listing.notices, *naming.notices]
    return dataclasses.replace(listing, tracks=tracks, notices=notices, ignored=dict(+ignored), has_classes=True)


def labels_of(track: ListedTrack) -> tuple[str, ...]:
    """Return the tags of a track, or its one label."""
    return (track.label,) if track.tags is None else track.tags


def renamed(track: ListedTrack, classes: Mapping[str, str | None]) -> ListedTrack | None:
    """Return a track with the classes of its labels, or None if its one label is left out."""
    named = tuple(dict.fromkeys(name for label in labels_of(track) if (name := classes[label]) is not None))
    if track.tags is not None:
        return track if named == track.tags else dataclasses.replace(track, tags=named)
    if not named:
        return None
    return track if named[0] == track.label else dataclasses.replace(track, label=named[0])


def name_classes(counts: Mapping[str, int], labels: Labels, *, tags: bool = False) -> Naming:
    """Map each label to its class.

    Blanks around a label and its Unicode form do not count. Labels that then differ only in case or in the length of
    blanks become one, spelled as in the settings or else as most tracks have it. `aliases` apply once.

    Parameters
    ----------
    counts
        Label as it was found -> number of tracks.
    labels
        The settings.
    tags
        Whether a track may have several: one class is enough then, and imbalance is not reported.
    """
    rules = _tidied(labels)
    spellings = _spellings(counts, rules)
    classes = {label: rules.aliases.get(spelling, spelling) for label, spelling in spellings.items()}
    sizes = _summed(counts, classes)
    problems = []
    if n := sum(n for label, n in counts.items() if not tidy(label)):
        problems.append(f"there are empty labels ({count(n, 'track')}). Give each a class, or take it out.")
    if rules.strict:
        problems += _variants(counts)
    problems += _unknown(sizes, rules)
    kept = {name: n for name, n in sizes.items() if name not in rules.drop}
    problems += _reserved(kept)
    if not problems:
        problems += _too_few(kept, least=1 if tags else 2)
    notices = [*_merges(counts, spellings), *_renamings(counts, spellings, rules), *_unused(sizes, rules)]
    dropped = [f"{name!r} ({count(sizes[name], 'track')})" for name in sorted(rules.drop & sizes.keys())]
    notices += [f"labels.drop leaves out {listing(dropped, 20)}"] if dropped else []
    notices += _look_alikes(kept) if rules.classes is None else []
    notices += [] if tags or not kept else _imbalance(kept)
    return Naming({label: name if name in kept else None for label, name in classes.items()}, problems, notices)


def tidy(label: str) -> str:
    """Return a label in NFC, in one line that can be shown anywhere, without surrounding blanks."""
    return sanitize_name(unicodedata.normalize("NFC", label).strip())


@dataclass(frozen=True)
class _LabelRules:
    """`Labels` with its names tidied."""

    classes: list[str] | None
    aliases: dict[str, str]
    drop: set[str]
    strict: bool

    @property
    def names(self) -> list[str]:
        return [*(self.classes or []), *self.aliases.values(), *self.aliases, *sorted(self.drop)]


def _tidied(labels: Labels) -> _LabelRules:
    classes = None if labels.classes is None else [tidy(name) for name in labels.classes]
    aliases = {tidy(label): tidy(name) for label, name in labels.aliases.items()}
    return _LabelRules(classes, aliases, {tidy(name) for name in labels.drop}, labels.strict)


def _spellings(counts: Mapping[str, int], rules: _LabelRules) -> dict[str, str]:
    """Return the one spelling of each label: that of the settings, else the commonest, else the first."""
    if rules.strict:
        return {label: tidy(label) for label in counts}
    chosen: dict[str, str] = {}
    for name in rules.names:
        chosen.setdefault(_key(name), name)
    named = set(rules.names)
    common = _summed(counts, {label: tidy(label) for label in counts})
    for spelling in sorted(common, key=lambda spelling: (-common[spelling], spelling)):
        chosen.setdefault(_key(spelling), spelling)
    return {label: spelling if (spelling := tidy(label)) in named else chosen[_key(label)] for label in counts}


def _key(label: str) -> str:
    """Return the key shared by labels that differ only in case or blanks."""
    return unicodedata.normalize("NFC", " ".join(tidy(label).casefold().split()))


def _summed(counts: Mapping[str, int], names: Mapping[str, str]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for label, n in counts.items():
        sums[names[label]] += n
    return sums


def _grouped(labels: Iterable[str], key: Callable[[str], str]) -> list[list[str]]:
    """Return the labels that share a key with others, sorted."""
    groups = defaultdict(list)
    for label in sorted(labels):
        groups[key(label)].append(label)
    return [groups[key] for key in sorted(groups) if len(groups[key]) > 1]


def _variants(counts: Mapping[str, int]) -> list[str]:
    return [
        f"{_listed(group, counts)} differ only in case or blanks. Make them one, or set labels.strict to false."
        for group in _grouped(counts, _key)
    ]


def _reserved(sizes: Mapping[str, int]) -> list[str]:
    return [
        f"{name!r} ({count(sizes[name], 'track')}) cannot be the name of a class: the tables of predictions and scores "
        f"use it for something else. Rename it: `labels: {{aliases: {{{name}: {name.strip('()')}_class}}}}`."
        for name in sorted(RESERVED & sizes.keys())
    ]


def _unknown(sizes: Counter[str], rules: _LabelRules) -> list[str]:
    if rules.classes is None:
        return []
    known = {"", *rules.classes, *rules.drop}
    unknown = [name for name in sizes if name not in known]
    unknown.sort(key=lambda name: (-sizes[name], name))
    hints = {name: did_you_mean(name, rules.classes) for name in unknown[:_HINTS]}
    return [
        f"{name!r} ({count(sizes[name], 'track')}) is not in labels.classes.{hints.get(name, '')}" for name in unknown
    ]


def _too_few(sizes: Mapping[str, int], least: int) -> list[str]:
    if not sizes:
        return ["no class is left: there are no tracks, or labels.drop names every class."]
    if len(sizes) < least:
        (name,) = sizes
        return [f"there is only one class, {name!r} ({count(sizes[name], 'track')}). Add tracks of a second class."]
    return []


def _merges(counts: Mapping[str, int], spellings: Mapping[str, str]) -> list[str]:
    groups = defaultdict(list)
    for label in sorted(counts):
        groups[spellings[label]].append(label)
    merged = [name for name in sorted(groups) if len(groups[name]) > 1 or tidy(groups[name][0]) != name]
    lines = [f"{_listed(groups[name], counts)} count as {name!r}" for name in merged]
    return _first(lines, "labels were merged likewise")


def _renamings(counts: Mapping[str, int], spellings: Mapping[str, str], rules: _LabelRules) -> list[str]:
    counted = _summed(counts, spellings)
    used = [label for label in rules.aliases if label in counted]
    lines = [
        f"labels.aliases: {label!r} ({count(counted[label], 'track')}) is {rules.aliases[label]!r}" for label in used
    ]
    return _first(lines, "labels were renamed likewise") + _idle("aliases", rules.aliases.keys() - counted.keys())


def _unused(sizes: Counter[str], rules: _LabelRules) -> list[str]:
    missing = set(rules.classes or ()) - sizes.keys() - rules.drop
    return _idle("classes", missing) + _idle("drop", rules.drop - sizes.keys())


def _idle(setting: str, names: Iterable[str]) -> list[str]:
    lines = [f"labels.{setting}: no track is labeled {name!r}" for name in sorted(names)]
    return _first(lines, f"names in labels.{setting} have no track")


def _look_alikes(sizes: Mapping[str, int]) -> list[str]:
    groups = _grouped(sizes, lambda name: "".join(c for c in _key(name) if c.isalnum()) or name)
    lines = [f"{_listed(group, sizes)} look alike; labels.aliases can make them one" for group in groups]
    return _first(lines, "groups of labels look alike")


def _imbalance(sizes: Mapping[str, int]) -> list[str]:
    largest = max(sizes, key=lambda name: (sizes[name], name))
    uneven = sizes[largest] >= IMBALANCE * min(sizes.values())
    if len(sizes) <= MANY_CLASSES and not uneven:
        return []
    share = sizes[largest] / sum(sizes.values())
    return [
        f"there are {len(sizes):,} classes of {min(sizes.values()):,} to {sizes[largest]:,} tracks; "
        f"always saying {largest!r} is right for {share:.1%} of the tracks"
    ]


def _listed(labels: Sequence[str], counts: Mapping[str, int]) -> str:
    return listing((f"{_exact(label)} ({count(counts[label], 'track')})" for label in labels), most=8)


def _exact(label: str) -> str:
    """Return a label in quotes, with escapes where its Unicode form would not show."""
    return repr(label) if unicodedata.is_normalized("NFC", label) else ascii(label)


def _first(lines: list[str], rest: str, most: int = 20) -> list[str]:
    more = [f"{len(lines) - most:,} more {rest}"] if len(lines) > most else []
    return lines[:most] + more
