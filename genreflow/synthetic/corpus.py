"""Synthetic corpora: their tracks, sound and files."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import soundfile

from genreflow.audio.vorbis import write_ogg
from genreflow.store.atomic import atomic_write
from genreflow.store.digest import digest
from genreflow.synthetic import ensemble, genres, moods, performance, subgenres, tags
from genreflow.synthetic.synth import RATE

FORMATS = ("flac", "mp3", "ogg", "wav")
_SUBTYPES = {"flac": "PCM_16", "mp3": "MPEG_LAYER_III", "wav": "PCM_16"}

Recipe = dict[str, Any]


@dataclass(frozen=True)
class Corpus:
    """A kind of corpus.

    Attributes
    ----------
    synthesis
        Version of the sound: raise it with any audible change, which makes another corpus.
    kinds
        Sub-genres, moods, genres, or families of clips.
    recipe, perform
        Draw the recipe of a track of a kind, and play it.
    tracks_per_album
        Tracks that share a palette.
    """

    synthesis: int
    kinds: Sequence[str]
    recipe: Callable[..., Recipe]
    perform: Callable[[Recipe], np.ndarray]
    tracks_per_album: int


CORPORA = {
    "subgenres": Corpus(1, tuple(subgenres.SUBGENRES), subgenres.recipe, performance.perform, tracks_per_album=4),
    "moods": Corpus(1, tuple(moods.QUADRANTS), moods.recipe, ensemble.perform, tracks_per_album=4),
    "genres": Corpus(1, genres.GTZAN, genres.recipe, ensemble.perform, tracks_per_album=4),
    "western": Corpus(1, genres.WESTERN, genres.recipe, ensemble.perform, tracks_per_album=4),
    "tags": Corpus(2, tuple(tags.FAMILIES), tags.recipe, ensemble.perform, tracks_per_album=2),
}


@dataclass(frozen=True)
class DemoTrack:
    """A track of a corpus.

    Attributes
    ----------
    path
        Below the corpus, with forward slashes: ``goa/album-02/track-07.flac``.
    label
        The sub-genre, mood or genre; empty where a track has tags.
    group
        The album: its tracks share a palette.
    recipe
        Plain values; with the suffix of the path they determine the file, so their digest identifies the content.
    corpus
        One of `CORPORA`.
    tags
        Tags, the commonest first, or None.
    split
        ``train``, ``valid`` or ``test`` where the corpus comes with a split, or None.
    """

    path: str
    label: str
    group: str
    recipe: Recipe
    corpus: str = "subgenres"
    tags: tuple[str, ...] | None = None
    split: str | None = None


def plan(*, tracks_per_class: int, seconds: float, seed: int, corpus: str = "subgenres") -> list[DemoTrack]:
    """Return the tracks of a corpus, by kind and number.

    A track depends on the seed, its kind and its number alone: a larger corpus contains the smaller one.
    Formats alternate, so that no format reveals a class.
    """
    return [
        _track(corpus, kind, number, seconds=seconds, seed=seed)
        for kind in CORPORA[corpus].kinds
        for number in range(tracks_per_class)
    ]


def _track(corpus: str, kind: str, number: int, *, seconds: float, seed: int) -> DemoTrack:
    settings = CORPORA[corpus]
    album, suffix = number // settings.tracks_per_album, FORMATS[number % len(FORMATS)]
    group = f"{kind}/album-{album + 1:02}"
    recipe = {"synthesis": settings.synthesis, "format": suffix} | settings.recipe(
        kind,
        seconds=seconds,
        album=_generator(seed, kind, "album", album),
        track=_generator(seed, kind, "track", number),
    )
    file = f"track-{number + 1:02}.{suffix}"
    if corpus != "tags":
        return DemoTrack(f"{group}/{file}", kind, group, recipe, corpus)
    folder = tags.folder_of(kind, album)
    words = tags.tags_of(recipe, _generator(seed, kind, "listeners", number))
    path = f"{folder}/{group.replace('/', '-')}-{file}"
    return DemoTrack(path, "", group, recipe, corpus, words, tags.SPLITS[folder])


def _generator(seed: int, kind: str, purpose: str, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, crc32(f"{kind} {purpose}".encode()), number])


def render(track: DemoTrack) -> np.ndarray:
    """Return a track's sound, float32 ``[n, 2]`` at 44,100 Hz, below full scale."""
    return CORPORA[track.corpus].perform(track.recipe)


def write(track: DemoTrack, root: str | os.PathLike) -> Path:
    """Render a track and write it below `root`, atomically; return its path."""
    path, suffix = Path(root) / track.path, track.recipe["format"]
    samples = render(track)
    if suffix == "ogg":
        serial = int(digest(track.recipe, length=8), 16)
        write_ogg(path, samples, RATE, quality=6, serial=serial)
    else:
        with atomic_write(path) as temporary:
            soundfile.write(temporary, samples, RATE, format=suffix, subtype=_SUBTYPES[suffix])
    return path
