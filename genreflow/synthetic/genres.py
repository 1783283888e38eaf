"""Recipes of genres, named as those of GTZAN and of the western8 study.

A genre is a band, what it plays and how: instruments, drum pattern, bass line, mode, tempo, swing, tone, and which part
is in front. No cue is certain: bands share players, and their ranges overlap.
"""

from typing import Any

import numpy as np

from genreflow.synthetic.lineup import line_up
from genreflow.synthetic.palette import Choice, Range

GTZAN = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
WESTERN = ("classical", "country", "dance", "hiphop", "jazz", "pop", "rnb", "rock")


def recipe(label: str, *, seconds: float, album: np.random.Generator, track: np.random.Generator) -> dict[str, Any]:
    """Draw the recipe of a track of a genre, see `genreflow.synthetic.ensemble.perform`.

    Tracks whose `album` generators are in the same state share a palette.
    """
    return {"label": label, **line_up(GENRES[label], seconds=seconds, album=album, track=track)}


_NONE = Choice({"none": 1})
_VOICES = {"male voice": 3, "female voice": 3}

_COMMON: dict[str, Any] = {
    "lead": Choice(_VOICES),
    "role": Choice({"melody": 1}),
    "second": Choice({"guitar": 2, "piano": 2}),
    "texture": Choice({"chords": 2, "arpeggio": 1}),
    "bass": Choice({"bass": 1}),
    "line": Choice({"bass": 1}),
    "drums": Choice({"rock": 1}),
    "mode": Choice({"major": 2, "minor": 2, "mixolydian": 1}),
    "bpm": Range(80, 130),
    "root": Range(50, 62),
    "swing": Range(0, 0.1),
    "articulation": Range(0.5, 0.9),
    "intensity": Range(0.35, 0.75),
    "tilt": Range(-0.6, 0.6),
    "levels": {"lead": Range(-5, -1), "second": Range(-9, -4), "bass": Range(-9, -4), "drums": Range(-8, -3)},
    "room": {"amount": Range(0.05, 0.3), "seconds": Range(0.6, 2)},
}


def _genre(**changes: Any) -> dict[str, Any]:
    """Return the common ground with some leaves changed; of levels and room, only the named ones."""
    return {
        key: {**leaf, **changes.get(key, {})} if isinstance(leaf, dict) else changes.get(key, leaf)
        for key, leaf in _COMMON.items()
    }


GENRES: dict[str, dict[str, Any]] = {
    # A shuffle: a voice or a guitar over a walking bass.
    "blues": _genre(
        lead=Choice({"male voice": 3, "electric guitar": 4, "guitar": 2}),
        second=Choice({"guitar": 3, "electric guitar": 2, "piano": 1}),
        line=Choice({"walking": 3, "bass": 1}),
        drums=Choice({"brushes": 3, "rock": 2, "none": 1}),
        mode=Choice({"mixolydian": 3, "dorian": 2, "minor": 1}),
        bpm=Range(66, 126),
        root=Range(45, 55),
        swing=Range(0.4, 0.75),
        intensity=Range(0.25, 0.5),
        tilt=Range(-0.2, 0.5),
        levels={"second": Range(-6, -3), "bass": Range(-11, -7), "drums": Range(-15, -10)},
    ),
    # Strings, winds or a piano in a large room; no drums, and much loud and soft.
    "classical": _genre(
        lead=Choice({"violin": 4, "piano": 2, "cello": 1, "flute": 2, "choir": 1}),
        second=Choice({"strings": 5, "piano": 1, "harp": 1}),
        bass=Choice({"cello": 3, "none": 2}),
        drums=_NONE,
        bpm=Range(56, 144),
        articulation=Range(0.6, 1.05),
        intensity=Range(0.05, 0.45),
        tilt=Range(-0.5, 0.2),
        room={"amount": Range(0.2, 0.6), "seconds": Range(1.4, 3.5)},
    ),
    # Guitars and a fiddle around a voice, over a train beat.
    "country": _genre(
        lead=Choice({"male voice": 3, "female voice": 2, "violin": 2, "guitar": 2}),
        second=Choice({"guitar": 6, "violin": 1}),
        texture=Choice({"arpeggio": 3, "chords": 1}),
        drums=Choice({"train": 4, "brushes": 1, "rock": 1}),
        mode=Choice({"major": 5, "mixolydian": 2}),
        bpm=Range(84, 152),
        root=Range(54, 63),
        intensity=Range(0.4, 0.65),
        tilt=Range(0.2, 0.8),
        levels={"second": Range(-4, -1), "bass": Range(-14, -10), "drums": Range(-12, -8)},
    ),
    # Four on the floor with busy hats, a bass in octaves, strings.
    "disco": _genre(
        lead=Choice({"female voice": 4, "strings": 2, "trumpet": 1}),
        second=Choice({"strings": 4, "electric guitar": 2, "piano": 1}),
        texture=Choice({"chords": 2, "skank": 2, "arpeggio": 1}),
        bass=Choice({"bass": 2, "synth bass": 1}),
        line=Choice({"octaves": 4, "bass": 1}),
        drums=Choice({"disco": 6, "four": 1}),
        mode=Choice({"minor": 2, "dorian": 2, "major": 1}),
        bpm=Range(104, 132),
        root=Range(52, 60),
        intensity=Range(0.5, 0.75),
        tilt=Range(0, 0.6),
        levels={"second": Range(-6, -3), "drums": Range(0, 3)},
    ),
    # A heavy beat and a deep bass under few notes.
    "hiphop": _genre(
        lead=Choice({"male voice": 6, "synth": 1}),
        second=Choice({"piano": 2, "synth": 2, "strings": 1, "square": 1}),
        bass=Choice({"synth bass": 4, "bass": 1}),
        drums=Choice({"boom bap": 4, "slow jam": 1}),
        mode=Choice({"minor": 3, "phrygian": 1, "dorian": 1}),
        bpm=Range(78, 108),
        root=Range(44, 54),
        swing=Range(0, 0.35),
        intensity=Range(0.4, 0.7),
        tilt=Range(-1.2, -0.4),
        levels={"second": Range(-14, -9), "bass": Range(-4, -1), "drums": Range(0, 3)},
        room={"amount": Range(0.02, 0.12)},
    ),
    # A horn or a piano over a walking bass and a ride, swinging.
    "jazz": _genre(
        lead=Choice({"saxophone": 5, "trumpet": 3, "piano": 2}),
        second=Choice({"piano": 5, "guitar": 1, "none": 1}),
        texture=Choice({"chords": 3, "skank": 1}),
        line=Choice({"walking": 5, "bass": 1}),
        drums=Choice({"ride": 5, "brushes": 2}),
        mode=Choice({"dorian": 3, "major": 2, "mixolydian": 2}),
        bpm=Range(84, 196),
        root=Range(52, 62),
        swing=Range(0.35, 0.75),
        intensity=Range(0.25, 0.5),
        tilt=Range(-0.4, 0.4),
        levels={"second": Range(-10, -6), "bass": Range(-5, -2), "drums": Range(-9, -5)},
    ),
    # Distorted fifths, low and quick, double bass drums.
    "metal": _genre(
        lead=Choice({"electric guitar": 4, "male voice": 3}),
        role=Choice({"melody": 3, "riff": 1}),
        second=Choice({"electric guitar": 1}),
        texture=Choice({"riff": 4, "chords": 1}),
        drums=Choice({"double": 4, "rock": 1}),
        mode=Choice({"phrygian": 3, "minor": 3, "locrian": 1, "harmonic minor": 1}),
        bpm=Range(96, 190),
        root=Range(41, 49),
        articulation=Range(0.35, 0.8),
        intensity=Range(0.8, 1),
        levels={"second": Range(-2, 2), "drums": Range(-7, -3)},
        tilt=Range(-0.8, 0),
    ),
    # A voice in front of whatever is at hand.
    "pop": _genre(
        lead=Choice({"female voice": 4, "male voice": 2}),
        second=Choice({"synth": 4, "piano": 2, "guitar": 1}),
        bass=Choice({"bass": 2, "synth bass": 2}),
        drums=Choice({"rock": 4, "four": 1}),
        mode=Choice({"major": 3, "mixolydian": 1, "minor": 1}),
        bpm=Range(84, 132),
        root=Range(56, 64),
        intensity=Range(0.5, 0.75),
        tilt=Range(0.3, 1),
        levels={"lead": Range(-1, 2), "second": Range(-6, -3), "bass": Range(-12, -8), "drums": Range(-12, -8)},
    ),
    # Chops on every off-beat, a drum on the third beat, and the bass in front.
    "reggae": _genre(
        lead=Choice({"male voice": 4, "organ": 3}),
        second=Choice({"electric guitar": 2, "organ": 3, "piano": 1}),
        texture=Choice({"skank": 6, "chords": 1}),
        drums=Choice({"one drop": 5, "rock": 1}),
        mode=Choice({"minor": 2, "dorian": 1, "mixolydian": 1, "major": 1}),
        bpm=Range(64, 96),
        root=Range(50, 58),
        intensity=Range(0.3, 0.55),
        tilt=Range(-1.5, -0.7),
        levels={"second": Range(-5, -2), "bass": Range(-1, 2), "drums": Range(-10, -6)},
        room={"amount": Range(0.15, 0.5), "seconds": Range(1, 3)},
    ),
    # Electric guitars, a voice, a straight beat.
    "rock": _genre(
        lead=Choice({"male voice": 4, "electric guitar": 4}),
        second=Choice({"electric guitar": 5, "guitar": 1}),
        texture=Choice({"chords": 2, "riff": 1}),
        drums=Choice({"rock": 6, "double": 1}),
        mode=Choice({"mixolydian": 2, "major": 2, "minor": 2}),
        bpm=Range(88, 164),
        root=Range(51, 60),
        intensity=Range(0.55, 0.8),
        tilt=Range(-0.2, 0.6),
        levels={"second": Range(-4, -1), "bass": Range(-7, -4), "drums": Range(-5, -2)},
    ),
    # Machines: arpeggios and stabs over four on the floor.
    "dance": _genre(
        lead=Choice({"square": 3, "synth": 4, "female voice": 1}),
        role=Choice({"arpeggio": 2, "melody": 2}),
        second=Choice({"synth": 5, "square": 1}),
        texture=Choice({"chords": 1, "skank": 2, "arpeggio": 1}),
        bass=Choice({"synth bass": 1}),
        line=Choice({"bass": 2, "octaves": 1}),
        drums=Choice({"four": 5, "disco": 1}),
        mode=Choice({"minor": 3, "dorian": 1, "major": 1}),
        bpm=Range(116, 142),
        articulation=Range(0.3, 0.7),
        intensity=Range(0.6, 0.95),
        tilt=Range(0, 0.8),
        levels={"lead": Range(-9, -5), "bass": Range(-4, -1), "drums": Range(-3, 1)},
    ),
    # A voice over slow, soft keys and a slow beat of sixteenths.
    "rnb": _genre(
        lead=Choice({"female voice": 4, "male voice": 3, "choir": 1}),
        second=Choice({"piano": 3, "organ": 3, "synth": 1}),
        bass=Choice({"synth bass": 3, "bass": 1}),
        drums=Choice({"slow jam": 5, "boom bap": 1}),
        mode=Choice({"dorian": 2, "minor": 2, "major": 2}),
        bpm=Range(60, 100),
        swing=Range(0, 0.3),
        articulation=Range(0.7, 1),
        intensity=Range(0.25, 0.55),
        tilt=Range(-0.8, 0),
        levels={"bass": Range(-6, -2), "drums": Range(-5, -1)},
        room={"amount": Range(0.1, 0.4), "seconds": Range(1, 2.6)},
    ),
}
