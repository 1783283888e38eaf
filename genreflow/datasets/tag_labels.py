"""Labels from tags, whether files hold them or the export of a program that keeps a library."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import Field

from genreflow.config.base import Settings
from genreflow.config.datasets import Labels
from genreflow.datasets.artists import artist_key, is_generic, tagged_artists
from genreflow.datasets.file_facts import FileTags
from genreflow.datasets.labels import labels_of, name_classes_of, tidy
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.errors import Problems
from genreflow.store.text import count, listing

# Values that programs write where no genre is known, without case and signs.
_NO_LABEL = {
    "", "default", "genre", "misc", "miscellaneous", "n a", "na", "no genre", "none", "not set", "null", "other",
    "others", "undefined", "unclassifiable", "unclassified", "unknown", "unknown genre", "unspecified", "untagged",
}  # fmt: skip


class TagLabels(Settings):
    """Which tag is the label, and which of its values are classes."""

    field: str = Field(
        "genre",
        min_length=1,
        max_length=100,
        description="Tag that holds the label: genre, mood, grouping, style, ..., in lower case.",
    )
    multilabel: bool = Field(
        False, description="All values of the tag are tags of the track; otherwise the first is its label."
    )
    separators: list[str] = Field(
        [";"], description="Signs between several values in one text; ID3v2.4, MP4 and Vorbis comments hold lists too."
    )
    minimum: int = Field(
        5, ge=1, le=1_000_000, description="Tracks that a class or tag must have; smaller ones are left out."
    )


def labeled(
    root: bytes, tags: Mapping[bytes, FileTags], settings: TagLabels, labels: Labels, name: str
) -> TrackListing:
    """Return the tracks with a label; the others are counted.

    Parameters
    ----------
    root
        Folder of the files.
    tags
        Path below the root -> tags.
    settings, labels
        Which tag is the label, and how its values become classes.
    name
        The dataset in errors.

    Raises
    ------
    Problems
        When no file has the tag, or too few classes are left.
    """
    found = _Tagged(list(tags), tags, settings)
    if not found.tracks:
        hint = found.other_fields()
        raise Problems(f"{name}:", [f"none of {count(len(tags), 'file')} has a tag {settings.field!r}.{hint}"])
    listed = TrackListing(root, found.tracks, found.notices, {"": len(found.unlabeled)} if found.unlabeled else {})
    return _without_small(name_classes_of(listed, labels, name), settings, name)


@dataclass
class _Tagged:
    """The tracks of a library by the tags of their files."""

    files: Sequence[bytes]
    tags: Mapping[bytes, FileTags]
    settings: TagLabels

    def __post_init__(self) -> None:
        settings = self.settings
        self.labels = {path: values_of(self.tags[path], settings.field, settings.separators) for path in self.files}
        self.artists = tagged_artists({os.fsdecode(path): self.tags[path] for path in self.files})
        self.unlabeled = [path for path in self.files if not self.labels[path]]
        self.tracks = [self._track(path) for path in self.files if self.labels[path]]

    @property
    def notices(self) -> list[str]:
        """What the tags say, in sentences."""
        n, field = len(self.files), self.settings.field
        notices = []
        if self.unlabeled:
            some = listing(map(printable, self.unlabeled), most=3)
            notices.append(f"{len(self.unlabeled):,} of {count(n, 'file')} without a {field}, left out: {some}")
        several = sum(len(labels) > 1 for labels in self.labels.values())
        if several and not self.settings.multilabel:
            notices.append(
                f"{count(several, 'track')} with several values of {field}: the first is the label; "
                "`multilabel: true` takes all"
            )
        nobody = sum(track.artist is None for track in self.tracks)
        artists = len({artist_key(track.artist) for track in self.tracks if track.artist})
        notices.append(f"{count(artists, 'artist')} by the tags; {count(nobody, 'track')} without one")
        return notices

    def other_fields(self) -> str:
        """Return a hint on the fields that the files have."""
        fields = Counter(field for tags in self.tags.values() for field in tags)
        names = listing((f"{name} ({n:,})" for name, n in fields.most_common(10)), most=10)
        return f" Tags that there are: {names}; set `field` to one." if names else " The files have no tags at all."

    def _track(self, path: bytes) -> ListedTrack:
        labels, artist = self.labels[path], self.artists.get(os.fsdecode(path))
        group = None if artist else _album(path, self.tags[path])
        if self.settings.multilabel:
            return ListedTrack(path, "", group, artist, tuple(labels))
        return ListedTrack(path, labels[0], group, artist)


def values_of(tags: FileTags, field: str, separators: Sequence[str]) -> list[str]:
    """Return the values of a field, each once; spellings that differ in case or blanks count as one."""
    values = list(tags.get(field, ()))
    for separator in separators:
        values = [part for value in values for part in value.split(separator)] if separator else values
    labels: dict[str, str] = {}
    for value in values:
        label = tidy(value)
        if " ".join("".join(c if c.isalnum() else " " for c in label.casefold()).split()) not in _NO_LABEL:
            labels.setdefault(" ".join(label.casefold().split()), label)
    return list(labels.values())


def _album(path: bytes, tags: FileTags) -> str | None:
    """Return the group of a track without an artist: its album, or else its folder."""
    (album,) = [*tags.get("album", ())][:1] or [""]
    if album and not is_generic(album):
        return f"album:{tidy(album)}"
    steps = path.split(b"/")[:-1]
    while steps and is_generic(printable(steps[-1])):
        steps.pop()
    return f"album:{printable(b'/'.join(steps))}" if steps else None


def _without_small(found: TrackListing, settings: TagLabels, name: str) -> TrackListing:
    """Return a listing without the classes of too few tracks."""
    sizes = Counter(label for track in found.tracks for label in labels_of(track))
    small = sorted(name for name, n in sizes.items() if n < settings.minimum)
    if not small:
        return found
    left = len(sizes) - len(small)
    least = 1 if settings.multilabel else 2
    names = listing((f"{name!r} {sizes[name]:,}" for name in sorted(small, key=lambda name: -sizes[name])), most=10)
    if left < least:
        raise Problems(
            f"{name}:",
            [
                f"only {count(left, 'class', 'classes')} of {settings.minimum:,} tracks or more; others are {names}. "
                "Lower `minimum`."
            ],
        )
    dropped = set(small)
    tracks = [_without(track, dropped) for track in found.tracks]
    kept = [track for track in tracks if track is not None]
    notice = f"{count(len(small), 'class', 'classes')} of fewer than {settings.minimum:,} tracks left out: {names}"
    ignored = Counter(found.ignored) + Counter({"": len(found.tracks) - len(kept)})
    return replace(found, tracks=kept, notices=[*found.notices, notice], ignored=dict(ignored))


def _without(track: ListedTrack, labels: set[str]) -> ListedTrack | None:
    if track.tags is None:
        return None if track.label in labels else track
    tags = tuple(tag for tag in track.tags if tag not in labels)
    return replace(track, tags=tags) if tags else None
