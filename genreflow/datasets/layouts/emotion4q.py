"""4-Quadrant audio emotion (Panda et al. 2018): 225 clips in each of four quadrants of valence and arousal."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.dataset_root import files_in, find_dataset_root, folder_of, stem
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.tables import raise_any, read_header
from genreflow.datasets.walk import is_side_file
from genreflow.errors import Problems
from genreflow.store.text import count, listing

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
CLIPS_EACH = 225

_HOMES = ("", "MER_audio_taffc_dataset")
_ANNOTATIONS = "panda_dataset_taffc_annotations.csv"
_CLIP = re.compile(rb"MT\d{5,}[.]")
_METADATA = "panda_dataset_taffc_metadata.csv"


class Emotion4Q(Layout):
    """4-Quadrant audio emotion: folders Q1 to Q4, and the artists from its metadata where they are there."""

    layout: Literal["emotion4q"]
    path: PathText = Field(min_length=1, description="Folder that holds Q1 to Q4.")

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a folder with the four quadrants, or one with the annotations."""
        for home in (path / name for name in _HOMES):
            if _is_flat(home) or all(_has_song(home / quadrant) for quadrant in QUADRANTS):
                return {"path": str(path)}
        return None

    def find(self) -> TrackListing:
        """Find the clips in folders Q1 to Q4, or flat beside the annotations, which then name their quadrants.

        Artists are those of the metadata, if the file is there.
        """
        base = folder_of(self.path)
        flat = next((base / home for home in _HOMES if _is_flat(base / home)), None)
        ignored: Counter[str] = Counter()
        if flat:
            home, clips = flat, _annotated(flat)
        else:
            home = find_dataset_root(self.path, _HOMES, QUADRANTS)
            ignored, clips = _in_folders(home)
        artists = _artists(home)
        tracks = [ListedTrack(path, quadrant, artist=artists.get(song)) for song, (path, quadrant) in clips.items()]
        return TrackListing(os.fsencode(home), tracks, _notices(tracks, home, ignored), dict(ignored))


def _has_song(folder: Path) -> bool:
    """Return whether a folder has a clip named as those of this dataset are."""
    return folder.is_dir() and any(map(_CLIP.match, files_in(os.fsencode(folder))))


def _is_flat(home: Path) -> bool:
    return (home / _ANNOTATIONS).is_file() and not any((home / quadrant).is_dir() for quadrant in QUADRANTS)


def _in_folders(home: Path) -> tuple[Counter[str], dict[str, tuple[bytes, str]]]:
    """Return the number of side files of each quadrant, and song -> (path, quadrant)."""
    clips: dict[str, tuple[bytes, str]] = {}
    ignored: Counter[str] = Counter()
    problems = []
    for quadrant in QUADRANTS:
        for name in files_in(os.fsencode(home / quadrant)):
            if is_side_file(name):
                ignored[quadrant] += 1
                continue
            song = _song(name)
            if song in clips:
                problems.append(f"{song} is in {clips[song][1]} and in {quadrant}: keep one")
            clips[song] = os.fsencode(quadrant) + b"/" + name, quadrant
    if problems:
        raise Problems(f"{home}:", problems)
    return ignored, clips


def _annotated(home: Path) -> dict[str, tuple[bytes, str]]:
    """Return song -> (path, quadrant) by the annotations; a song without a file is an mp3 that is not there."""
    table = read_header(home / _ANNOTATIONS)
    files = {_song(name): name for name in files_in(os.fsencode(home)) if not is_side_file(name)}
    clips: dict[str, tuple[bytes, str]] = {}
    problems: list[str] = []
    for line, row in table.records("Song", "Quadrant", problems=problems):
        song, quadrant = row["Song"], row["Quadrant"]
        if quadrant not in QUADRANTS:
            problems.append(f"line {line}: {quadrant!r} is none of {', '.join(QUADRANTS)}")
        if "/" in song or not song:
            problems.append(f"line {line}: {song!r} is no name of a song")
        if song in clips:
            problems.append(f"line {line}: {song} comes a second time")
        clips[song] = files.get(song, os.fsencode(f"{song}.mp3")), quadrant
    raise_any(table.path, problems)
    return clips


def _song(name: bytes) -> str:
    return printable(stem(name))


def _artists(home: Path) -> dict[str, str]:
    path = home / _METADATA
    if not path.is_file():
        return {}
    rows = (row for _, row in read_header(path).records("Song", "Artist"))
    return {row["Song"]: row["Artist"] for row in rows if row["Artist"].strip()}


def _notices(tracks: list[ListedTrack], home: Path, ignored: Counter[str]) -> list[str]:
    sizes = Counter(track.label for track in tracks)
    each = ", ".join(f"{quadrant} {sizes[quadrant]:,}" for quadrant in QUADRANTS)
    expected = count(CLIPS_EACH * len(QUADRANTS), "clip")
    notices = [f"expected {expected}, {CLIPS_EACH} in each quadrant, found {len(tracks):,}: {each}"]
    if missing := [os.fsdecode(track.path) for track in tracks if not (home / os.fsdecode(track.path)).is_file()]:
        notices.append(f"annotated clips are not in the folder: {listing(missing)}")
    if ignored:
        notices.append(f"side files skipped: {ignored.total():,}")
    if nobody := sum(track.artist is None for track in tracks):
        notices.append(f"{count(nobody, 'clip')} without an artist: {_METADATA} has none, or is not there")
    return notices
