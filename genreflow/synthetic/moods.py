"""Recipes of four moods: the quadrants of valence and arousal.

Arousal is tempo, density, short notes, brightness and drums; valence is mode, register and roughness. No cue is
certain: ranges overlap, and instruments carry no information.
"""

from typing import Any

import numpy as np

from genreflow.synthetic.palette import Choice, Range, draw, stray


def recipe(label: str, *, seconds: float, album: np.random.Generator, track: np.random.Generator) -> dict[str, Any]:
    """Draw the recipe of a track of a quadrant, see `genreflow.synthetic.ensemble.perform`.

    Tracks whose `album` generators are in the same state share a palette.
    """
    drawn = stray(QUADRANTS[label], draw(QUADRANTS[label], album), track)
    parts = [
        {"role": "melody", "instrument": drawn.pop("lead"), "level": -2.0, "plays": 0.9},
        {"role": drawn.pop("texture"), "instrument": drawn.pop("accompaniment"), "level": -5.0, "plays": 1.0},
        {"role": "bass", "instrument": drawn.pop("bass"), "level": -5.0, "plays": 0.85},
    ]
    drums = drawn.pop("drums")
    if drums != "none":
        parts.append({"role": "drums", "instrument": drums, "level": drawn["drum_level"], "plays": 0.85})
    del drawn["drum_level"]
    return {"label": label, "seconds": seconds, "seed": int(track.integers(2**31)), "parts": parts, **drawn}


_COMMON: dict[str, Any] = {
    "lead": Choice({"guitar": 1, "piano": 2, "violin": 1, "flute": 1, "female voice": 1, "male voice": 1, "square": 1}),
    "texture": Choice({"chords": 2, "arpeggio": 1}),
    "accompaniment": Choice({"guitar": 2, "piano": 2, "strings": 2, "electric guitar": 1, "synth": 1}),
    "bass": Choice({"bass": 2, "synth bass": 1, "cello": 1}),
    "drum_level": Range(-9, -3),
    "room": {"amount": Range(0.05, 0.4), "seconds": Range(0.6, 3)},
}

QUADRANTS: dict[str, dict[str, Any]] = {
    # Happy and excited: major, quick, short and bright.
    "Q1": _COMMON
    | {
        "mode": Choice({"major": 5, "mixolydian": 2, "lydian": 1, "dorian": 1}),
        "bpm": Range(98, 164),
        "root": Range(56, 66),
        "density": Range(0.45, 0.95),
        "articulation": Range(0.3, 0.85),
        "brightness": Range(0.4, 0.85),
        "drive": Range(0.6, 1.8),
        "swell": Range(1, 7),
        "drums": Choice({"none": 1, "four": 3, "rock": 4, "brushes": 1}),
        "tilt": Range(-0.2, 1.1),
    },
    # Angry and nervous: dark modes, low and rough, quick and dense.
    "Q2": _COMMON
    | {
        "mode": Choice({"phrygian": 3, "minor": 2, "locrian": 2, "harmonic minor": 2}),
        "bpm": Range(100, 176),
        "root": Range(46, 57),
        "density": Range(0.5, 1),
        "articulation": Range(0.25, 0.8),
        "brightness": Range(0.45, 0.95),
        "drive": Range(1.8, 6),
        "swell": Range(1, 6),
        "drums": Choice({"none": 1, "four": 2, "rock": 3, "double": 3}),
        "tilt": Range(-0.8, 0.6),
    },
    # Sad: minor, slow, low, dull, slurred.
    "Q3": _COMMON
    | {
        "mode": Choice({"minor": 5, "harmonic minor": 2, "dorian": 1, "phrygian": 1}),
        "bpm": Range(56, 100),
        "root": Range(45, 56),
        "density": Range(0.2, 0.6),
        "articulation": Range(0.65, 1.1),
        "brightness": Range(0.05, 0.45),
        "drive": Range(0.4, 1.2),
        "swell": Range(4, 14),
        "drums": Choice({"none": 5, "brushes": 2, "rock": 1}),
        "tilt": Range(-1.4, 0.1),
    },
    # Calm: major, slow, softly held.
    "Q4": _COMMON
    | {
        "mode": Choice({"major": 5, "lydian": 2, "mixolydian": 2}),
        "bpm": Range(60, 112),
        "root": Range(55, 66),
        "density": Range(0.2, 0.65),
        "articulation": Range(0.6, 1.05),
        "brightness": Range(0.2, 0.65),
        "drive": Range(0.4, 1.2),
        "swell": Range(2, 9),
        "drums": Choice({"none": 4, "brushes": 3, "rock": 1}),
        "tilt": Range(-0.5, 0.8),
    },
}
