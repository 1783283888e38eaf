"""A folder of music in any shape, labeled by the tags of its files."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.artists import artist_key, is_generic, tagged_artists
from genreflow.datasets.file_facts import FileTags, TagReader
from genreflow.datasets.labels import labels_of, name_classes_of, tidy
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.walk import AUDIO_FILES, is_hidden, suffix, walk
from genreflow.errors import Problems, UserError
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing

_SAMPLED = 200  # files whose tags are looked at to recognize the layout
_MOST = 0.5  # share of files from which something is taken for the rule
_FEWEST = 2  # classes, and tracks of each
# Values that programs write where no genre is known, without case and signs.
_NO_LABEL = {
    "", "default", "genre", "misc", "miscellaneous", "n a", "na", "no genre", "none", "not set", "null", "other",
    "others", "undefined", "unclassifiable", "unclassified", "unknown", "unknown genre", "unspecified", "untagged",
}  # fmt: skip


class Library(Layout):
    """A folder in any shape, whose files hold their labels in tags: `genre`, or any other field.

    Spellings are merged as in every layout (`labels.aliases`). Files without the tag, or with a word for none such as
    `Unknown` or `Other`, are left out. The tracks of an artist are a group, by the tags; where no artist is known,
    those of an album are.
    """

    layout: Literal["library"]
    path: PathText = Field(min_length=1, description="Folder of the music, in any shape.")
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
    follow_links: bool = Field(False, description="Accept links to files and folders outside `path`.")

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a folder whose files have genres, and whose sub-folders are no classes but artists or albums."""
        if not path.is_dir():
            return None
        root = os.fsencode(path)
        files = _sample([entry for entry in _audio_files(root, follow_links=False) if entry])
        tags = TagReader().read(root, files)
        genres = Counter(label for path in files for label in _labels(tags[path], "genre", [";"])[:1])
        tagged = [file for file in files if _labels(tags[file], "genre", [";"])]
        if len(tagged) < _MOST * len(files) or sum(n >= _FEWEST for n in genres.values()) < _FEWEST:
            return None
        return None if _folders_are_classes(tagged, tags) else {"path": str(path)}

    def find(self) -> TrackListing:
        """Find the tracks, reading the tags of each file."""
        return self.find_with(TagReader())

    def find_with(self, tags: TagReader) -> TrackListing:
        """Find the tracks with a label; the others are counted."""
        root = os.fsencode(expand_home(self.path))
        if not Path(os.fsdecode(root)).is_dir():
            raise UserError(f"The folder {self.path!r} does not exist. Set `path` to the folder of the music.")
        files = [path for path in _audio_files(root, follow_links=self.follow_links) if path]
        if not files:
            raise UserError(f"{self.path!r} holds no audio files.")
        found = _Tagged(files, tags.read(root, files), self)
        if not found.tracks:
            raise Problems(
                f"{self.path!r}:",
                [f"none of {count(len(files), 'file')} has a tag {self.field!r}.{found.other_fields()}"],
            )
        listed = TrackListing(root, found.tracks, found.notices, {"": len(found.unlabeled)} if found.unlabeled else {})
        return _without_small(name_classes_of(listed, self.labels, repr(self.path)), self)


@dataclass
class _Tagged:
    """The tracks of a library by the tags of their files."""

    files: Sequence[bytes]
    tags: Mapping[bytes, FileTags]
    settings: Library

    def __post_init__(self) -> None:
        settings = self.settings
        self.labels = {path: _labels(self.tags[path], settings.field, settings.separators) for path in self.files}
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


def _audio_files(root: bytes, *, follow_links: bool) -> Iterator[bytes]:
    """Yield the paths of audio files below a folder that may be opened; results/ is not looked into."""
    for entry in walk(root, follow_links=follow_links, without=[os.path.realpath(b"results")]):
        name = entry.path.rsplit(b"/", 1)[-1]
        if not entry.is_folder and not is_hidden(name) and not entry.reason.startswith("Q_"):
            yield entry.path if suffix(name) in AUDIO_FILES else b""


def _labels(tags: FileTags, field: str, separators: Sequence[str]) -> list[str]:
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


def _without_small(found: TrackListing, settings: Library) -> TrackListing:
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
            f"{settings.path!r}:",
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


# ---------------------------------------------------------------------------------------------------------------
# Recognition
# ---------------------------------------------------------------------------------------------------------------


def _sample(files: Sequence[bytes]) -> list[bytes]:
    """Return files from all over the folder."""
    step = max(1, len(files) // _SAMPLED)
    return list(files[::step])[:_SAMPLED]


def _folders_are_classes(files: Sequence[bytes], tags: Mapping[bytes, FileTags]) -> bool:
    """Return whether the folders below the root may be classes: two at least, most of them no artists or albums."""
    tops = {path: printable(path.split(b"/")[0]) for path in files if b"/" in path}
    if len(set(tops.values())) < _FEWEST or len(tops) < _MOST * len(files):
        return False
    is_none = [_names_record(name, tags[path]) for path, name in tops.items()]
    return sum(is_none) < _MOST * len(tops)


def _names_record(name: str, tags: FileTags) -> bool:
    """Return whether the name of a folder is generic, or that of the artist or the album of a file in it."""
    named = [artist_key(value) for field in ("artist", "album_artist", "album") for value in tags.get(field, ())]
    key = artist_key(name) or ""
    is_genre = any(_is_like(key, artist_key(value)) for value in tags.get("genre", ()))
    names_one = any(other and f" {other} " in f" {key} " for other in named)
    return not is_genre and (names_one or is_generic(name))


def _is_like(one: str, other: str | None) -> bool:
    return other is not None and one.replace(" ", "") == other.replace(" ", "")
