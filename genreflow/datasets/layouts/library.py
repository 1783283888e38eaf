"""A folder of music in any shape, labeled by the tags of its files."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.artists import artist_key, is_generic
from genreflow.datasets.file_facts import FileTags, TagReader
from genreflow.datasets.listing import TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.tag_labels import TagLabels, labeled, values_of
from genreflow.datasets.walk import AUDIO_FILES, is_hidden, suffix, walk
from genreflow.errors import UserError
from genreflow.store.regular import expand_home

_SAMPLED = 200  # files whose tags are looked at to recognize the layout
_MOST = 0.5  # share of files from which something is taken for the rule
_FEWEST = 2  # classes, and tracks of each


class Library(TagLabels, Layout):
    """A folder in any shape, whose files hold their labels in tags: `genre`, or any other field.

    Spellings are merged as in every layout (`labels.aliases`). Files without the tag, or with a word for none such as
    `Unknown` or `Other`, are left out. The tracks of an artist are a group, by the tags; where no artist is known,
    those of an album are.
    """

    layout: Literal["library"]
    path: PathText = Field(min_length=1, description="Folder of the music, in any shape.")
    follow_links: bool = Field(False, description="Accept links to files and folders outside `path`.")

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a folder whose files have genres, and whose sub-folders are no classes but artists or albums."""
        if not path.is_dir():
            return None
        root = os.fsencode(path)
        files = _sample([entry for entry in _audio_files(root, follow_links=False) if entry])
        tags = TagReader().read(root, files)
        genres = Counter(label for path in files for label in values_of(tags[path], "genre", [";"])[:1])
        tagged = [file for file in files if values_of(tags[file], "genre", [";"])]
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
        return labeled(root, tags.read(root, files), self, self.labels, repr(self.path))


def _audio_files(root: bytes, *, follow_links: bool) -> Iterator[bytes]:
    """Yield the paths of audio files below a folder that may be opened; results/ is not looked into."""
    for entry in walk(root, follow_links=follow_links, without=[os.path.realpath(b"results")]):
        name = entry.path.rsplit(b"/", 1)[-1]
        if not entry.is_folder and not is_hidden(name) and not entry.reason.startswith("Q_"):
            yield entry.path if suffix(name) in AUDIO_FILES else b""


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
