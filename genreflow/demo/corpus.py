"""A corpus of five synthetic sub-genres: what is in it, how it sounds, and its files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import soundfile

from genreflow.audio.vorbis import write_ogg
from genreflow.demo.performance import perform
from genreflow.demo.subgenres import SUBGENRES, recipe
from genreflow.demo.synth import RATE
from genreflow.store.atomic import atomic_write
from genreflow.store.digest import digest

# A new number is a new corpus: to be raised with any change that can be heard.
SYNTHESIS = 1

FORMATS = ("flac", "mp3", "ogg", "wav")
_SUBTYPES = {"flac": "PCM_16", "mp3": "MPEG_LAYER_III", "wav": "PCM_16"}


@dataclass(frozen=True)
class DemoTrack:
    """A track of the corpus.

    Attributes
    ----------
    path
        Below the corpus, with forward slashes: ``goa/album-02/track-07.flac``.
    label
        The sub-genre.
    group
        The album: its tracks share a palette.
    recipe
        JSON-like; with the path's suffix it determines the file, so its digest can stand for the content.
    """

    path: str
    label: str
    group: str
    recipe: dict[str, Any]


def plan(*, tracks_per_class: int, seconds: float, seed: int, tracks_per_album: int = 4) -> list[DemoTrack]:
    """Return the tracks of a corpus, by sub-genre and number.

    A track depends on the seed, its sub-genre and its number alone: a larger corpus contains the smaller one.
    Formats alternate, so that none betrays a class.
    """
    return [
        _track(label, number, seconds=seconds, seed=seed, tracks_per_album=tracks_per_album)
        for label in SUBGENRES
        for number in range(tracks_per_class)
    ]


def _track(label: str, number: int, *, seconds: float, seed: int, tracks_per_album: int) -> DemoTrack:
    album, suffix = number // tracks_per_album, FORMATS[number % len(FORMATS)]
    group = f"{label}/album-{album + 1:02}"
    own = recipe(
        label,
        seconds=seconds,
        album=_generator(seed, label, "album", album),
        track=_generator(seed, label, "track", number),
    )
    return DemoTrack(
        path=f"{group}/track-{number + 1:02}.{suffix}",
        label=label,
        group=group,
        recipe={"synthesis": SYNTHESIS, "format": suffix, **own},
    )


def _generator(seed: int, label: str, kind: str, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, crc32(f"{label} {kind}".encode()), number])


def render(track: DemoTrack) -> np.ndarray:
    """Return a track's sound, float32 ``[n, 2]`` at 44,100 Hz, below full scale."""
    return perform(track.recipe)


def write(track: DemoTrack, root: str | os.PathLike) -> Path:
    """Render a track and write it below `root`, atomically; return where."""
    path, suffix = Path(root) / track.path, track.recipe["format"]
    samples = render(track)
    if suffix == "ogg":
        serial = int(digest(track.recipe, length=8), 16)
        write_ogg(path, samples, RATE, quality=6, serial=serial)
    else:
        with atomic_write(path) as temporary:
            soundfile.write(temporary, samples, RATE, format=suffix, subtype=_SUBTYPES[suffix])
    return path
