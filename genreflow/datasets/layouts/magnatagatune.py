"""MagnaTagATune: clips in folders 0 to f, and a table of 188 tags that listeners gave them or not."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.dataset_root import converted, files_by_stem, folder_of, found_in
from genreflow.datasets.known_bad import marked
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.tables import Table, raise_any, read_header
from genreflow.errors import Problems
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing

CLIPS, TAGS = 25_863, 188
# The canonical split, of Lee et al. 2018 and Won et al. 2020 (arXiv:2006.00751).
SPLITS = dict.fromkeys("0123456789ab", "train") | {"c": "valid"} | dict.fromkeys("def", "test")

_ANNOTATIONS = "annotations_final.csv"
_CLIP = re.compile(r"(?P<artist>[^-]+)-(?P<album>.+?)-(?P<track>\d+)-(?P<title>.+)-(?P<start>\d+)-(?P<end>\d+)\.mp3")


class MagnaTagATune(Layout):
    """MagnaTagATune: clips in folders 0 to f, and annotations_final.csv; a track has any number of tags."""

    layout: Literal["magnatagatune"]
    path: PathText = Field(min_length=1, description="Folder that holds the folders 0 to f.")
    annotations: PathText | None = Field(None, description="annotations_final.csv; the one in `path` if not given.")
    top: int = Field(50, ge=1, le=188, description="Only the commonest tags, counted over all clips, are used.")
    untagged: bool = Field(False, description="Keep clips that have none of these tags.")
    split: Literal["none", "folders"] = Field("folders", description="folders: train 0-b, valid c, test d-f.")

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a folder with annotations_final.csv and any of the folders 0 to f."""
        has_folders = any((path / name).is_dir() for name in SPLITS)
        return {"path": str(path)} if has_folders and (path / _ANNOTATIONS).is_file() else None

    def find(self) -> TrackListing:
        """Find the clips that have any of the commonest tags.

        Tags are counted over all rows of the annotations; of equally common ones the first columns win.
        """
        folder = folder_of(self.path)
        table = _annotations(self, folder)
        clips = _clips(table)
        tags = top_tags(clips, table.columns[1:-1], self.top)
        tracks = [_track(path, tuple(tag for tag in tags if tag in own), self.split) for path, own in clips.items()]
        root = os.fsencode(folder)
        kept, other_formats = converted(
            marked([track for track in tracks if track.tags or self.untagged], root, "magnatagatune"),
            files_by_stem(root, map(os.fsencode, SPLITS)),
        )
        left_out = _left_out(len(tracks) - len(kept), len(tags))
        notices = [_size(clips, table), *_absences(kept, folder), *other_formats, *left_out]
        ignored = {"": len(tracks) - len(kept)} if len(kept) < len(tracks) else {}
        return TrackListing(root, kept, notices, ignored)


def top_tags(clips: dict[str, list[str]], tags: Sequence[str], top: int) -> list[str]:
    """Return the `top` commonest of `tags` (in the order of their columns), the commonest first."""
    counts = Counter(tag for own in clips.values() for tag in own)
    return sorted(tags, key=lambda tag: -counts[tag])[:top]


def origin(clip: str) -> tuple[str, str] | None:
    """Return artist and album as the path of a clip names them: ``f/artist-album-track-title-start-end.mp3``."""
    named = _CLIP.fullmatch(clip.rsplit("/", 1)[-1])
    return (named["artist"], named["album"]) if named else None


def _annotations(settings: MagnaTagATune, folder: Path) -> Table:
    path = expand_home(settings.annotations) if settings.annotations else folder / _ANNOTATIONS
    table = read_header(path, separator="\t")
    if table.columns[0] != "clip_id" or table.columns[-1] != "mp3_path" or len(table.columns) < 3:
        expected = "expected columns clip_id, tags, mp3_path, separated by tabs"
        raise Problems(f"{path}:", [f"{expected}; found: {listing(table.columns)}"])
    return table


def _clips(table: Table) -> dict[str, list[str]]:
    """Return path -> tags of every clip, in the order of the rows."""
    tags = table.columns[1:-1]
    clips: dict[str, list[str]] = {}
    problems: list[str] = []
    for line, (_, *marks, path) in table.rows(problems):
        problems += [f"line {line}: {problem}" for problem in _faults(path, marks, clips)]
        clips[path] = [tag for tag, mark in zip(tags, marks, strict=True) if mark == "1"]
    raise_any(table.path, problems)
    return clips


def _faults(path: str, marks: list[str], clips: dict[str, list[str]]) -> Iterator[str]:
    if path.split("/")[0] not in SPLITS or path.count("/") != 1:
        yield f"{path!r} is in none of the folders 0 to f"
    if path in clips:
        yield f"{path!r} comes a second time"
    if strange := sorted(set(marks) - {"0", "1"}):
        yield f"a tag is given by 1 and not given by 0, but here is {strange[0]!r}"


def _track(path: str, tags: tuple[str, ...], split: str) -> ListedTrack:
    artist, album = origin(path) or (None, None)
    return ListedTrack(
        os.fsencode(path),
        label="",
        group=f"{artist}-{album}" if artist else None,
        artist=artist,
        tags=tags,
        split=SPLITS[path[0]] if split == "folders" else None,
    )


def _size(clips: dict[str, list[str]], table: Table) -> str:
    tags = len(table.columns) - 2
    return f"expected {CLIPS:,} clips and {TAGS} tags, found {len(clips):,} and {tags}"


def _absences(tracks: list[ListedTrack], folder: Path) -> list[str]:
    missing = [track for track in tracks if not folder.joinpath(os.fsdecode(track.path)).is_file()]
    if missing and len(missing) == len(tracks):
        first = os.fsdecode(missing[0].path)
        raise Problems(f"{folder}:", [f"none of the clips is there, such as {first}", found_in(folder)])
    if not missing:
        return []
    names = listing([os.fsdecode(track.path) for track in missing])
    return [f"{count(len(missing), 'annotated clip')} not in the folder: {names}"]


def _left_out(n: int, tags: int) -> list[str]:
    return [f"{count(n, 'clip')} without any of the {tags} tags left out; `untagged: true` keeps them"] if n else []
