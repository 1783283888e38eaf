"""Free Music Archive (Defferrard et al. 2017): ``000/000002.mp3``, and a table of tracks with several header lines."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.dataset_root import converted, files_by_stem, files_in, folder_of, found_in
from genreflow.datasets.known_bad import marked
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.tables import raise_any, read_header
from genreflow.errors import Problems
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing

SUBSETS = ("small", "medium", "large", "full")  # each holds those before it
SPLITS = {"training": "train", "validation": "valid", "test": "test"}

_COLUMNS = ("track_id", "set.subset", "set.split", "track.genre_top", "artist.id", "artist.name")
_TABLE = "tracks.csv"
_HEADER_LINES = 3  # group, name, and the name of the first column


class Fma(Layout):
    """Free Music Archive: ``000/000002.mp3``, and tracks.csv with its two header rows."""

    layout: Literal["fma"]
    path: PathText = Field(min_length=1, description="Folder that holds the folders 000 to 155.")
    metadata: PathText = Field(min_length=1, description="tracks.csv, or the folder it is in.")
    subset: Literal["small", "medium", "large", "full"] = Field("small", description="Which subset of the archive.")
    split: Literal["none", "official"] = Field("official", description="official: training, validation and test.")

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a folder with folders such as 000, and fma_metadata in or beside it."""
        if not path.is_dir():
            return None
        unpacked = [subset for subset in SUBSETS if (path / f"fma_{subset}").is_dir()]
        subset = next((each for each in SUBSETS if path.name == f"fma_{each}"), unpacked[-1] if unpacked else "small")
        home = path / f"fma_{subset}" if unpacked else path
        for folder in (path / "fma_metadata", path.parent / "fma_metadata", path):
            if (folder / _TABLE).is_file() and _folders(home):
                return {"path": str(path), "metadata": str(folder), "subset": subset}
        return None

    def find(self) -> TrackListing:
        """Find the tracks of a subset that have a top genre; the tracks of an artist are a group."""
        home = _home(self)
        table = expand_home(self.metadata)
        table = table / _TABLE if table.is_dir() else table
        rows = _rows(table, self.subset)
        tracks = [_track(row, self.split) for row in rows if row["track.genre_top"]]
        unlabeled = _unlabeled(len(rows) - len(tracks))
        if self.subset != "full":  # the known defects are those of cut clips
            tracks = marked(tracks, os.fsencode(home), "fma")
        files = _files(home)
        tracks, other_formats = converted(tracks, files_by_stem(os.fsencode(home), map(os.fsencode, _folders(home))))
        notices = [*unlabeled, *_absences(tracks, files, home), *other_formats]
        ignored = len(files - {track.path for track in tracks})
        return TrackListing(os.fsencode(home), tracks, notices, {"": ignored} if ignored else {})


def _home(settings: Fma) -> Path:
    base = folder_of(settings.path)
    unpacked = base / f"fma_{settings.subset}"
    return unpacked if unpacked.is_dir() and not _folders(base) else base


def _rows(path: Path, subset: str) -> list[dict[str, str]]:
    """Return the rows of a subset; raise the problems of all rows of the table."""
    subsets = SUBSETS[: SUBSETS.index(subset) + 1]
    rows: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    for line, row in read_header(path, header_lines=_HEADER_LINES).records(*_COLUMNS, problems=problems):
        problems += [f"line {line}: {problem}" for problem in _faults(row, rows)]
        if row["set.subset"] in subsets:
            rows[row["track_id"]] = row
    raise_any(path, problems)
    return list(rows.values())


def _faults(row: dict[str, str], rows: dict[str, dict[str, str]]) -> Iterator[str]:
    if not (row["track_id"].isascii() and row["track_id"].isdigit()):
        yield f"{row['track_id']!r} is no track_id"
    if row["track_id"] in rows:
        yield f"track {row['track_id']} comes a second time"
    if row["set.subset"] not in SUBSETS:
        yield f"the subset {row['set.subset']!r} is none of {', '.join(SUBSETS)}"
    if row["set.split"] not in SPLITS:
        yield f"the split {row['set.split']!r} is none of {', '.join(SPLITS)}"


def _track(row: dict[str, str], split: str) -> ListedTrack:
    name = row["track_id"].zfill(6)
    return ListedTrack(
        f"{name[:3]}/{name}.mp3".encode(),
        row["track.genre_top"],
        group=f"artist:{row['artist.id']}" if row["artist.id"] else None,
        artist=row["artist.name"] or None,
        split=SPLITS[row["set.split"]] if split == "official" else None,
    )


def _folders(home: Path) -> list[str]:
    return sorted(entry.name for entry in home.iterdir() if len(entry.name) == 3 and entry.name.isdigit())


def _files(home: Path) -> set[bytes]:
    folders = [os.fsencode(name) for name in _folders(home)]
    return {folder + b"/" + name for folder in folders for name in files_in(os.path.join(os.fsencode(home), folder))}


def _absences(tracks: list[ListedTrack], files: set[bytes], home: Path) -> list[str]:
    missing = [printable(track.path) for track in tracks if track.path not in files]
    if missing and len(missing) == len(tracks):
        raise Problems(f"{home}:", [f"none of the tracks is there, such as {missing[0]}", found_in(home)])
    return [f"{count(len(missing), 'track')} not in the folder: {listing(missing)}"] if missing else []


def _unlabeled(n: int) -> list[str]:
    return [f"{count(n, 'track')} without a top genre left out"] if n else []
