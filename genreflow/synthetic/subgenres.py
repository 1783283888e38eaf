"""Recipes of five electronic sub-genres, after the psytrance study's description of its classes.

A sub-genre is a nested mapping whose leaves say what may vary and how far. Drawing from it gives a recipe: the same
mapping with plain numbers and words, which determines the sound. Tracks of an album share a palette.
"""

from typing import Any

import numpy as np

from genreflow.synthetic.palette import Choice, Range, draw, stray

# Bars of one round of the sequencer.
ROUND = 4


def recipe(label: str, *, seconds: float, album: np.random.Generator, track: np.random.Generator) -> dict[str, Any]:
    """Draw the recipe of a track.

    Parameters
    ----------
    label
        The sub-genre.
    seconds
        Length of the track.
    album, track
        Generators: tracks whose `album` generators are in the same state share a palette.

    Returns
    -------
    dict
        JSON-like. Besides the sub-genre's own keys: ``label``, ``seconds``, ``seed`` (of phrases and noises) and
        ``sections`` (bars and the parts that play in them).
    """
    subgenre = SUBGENRES[label]
    drawn = stray(subgenre, draw(subgenre, album), track)
    # A little more than enough: the sequencer may round the tempo up.
    bars = int(np.ceil(1.002 * seconds * drawn["bpm"] / 240))
    sections = _sections(bars, drawn.pop("breaks"), track)
    return {"label": label, "seconds": seconds, "seed": int(track.integers(2**31)), "sections": sections, **drawn}


def _sections(bars: int, breaks: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Draw an arrangement of sections of 2 or 4 bars: grooves, with a break now and then, never two in a row."""
    sections: list[dict[str, Any]] = []
    silent_drums = True
    while bars > 0:
        length = min(bars, int(rng.choice([2, 4, 4])))
        is_break = bool(rng.random() < breaks) and not silent_drums
        if is_break:
            parts = ["pad", "atmosphere", *_some(["lead", "hats"], 0.5, rng)]
        else:
            parts = ["kick", "bass", *_some(["hats", "clap", "lead", "pad", "atmosphere"], 0.85, rng)]
        sections.append({"bars": length, "parts": parts})
        bars -= length
        silent_drums = is_break
    return sections


def _some(parts: list[str], probability: float, rng: np.random.Generator) -> list[str]:
    return [part for part in parts if rng.random() < probability]


def _subgenre(**changes: Any) -> dict[str, Any]:
    """Return the common ground with some leaves changed; parts are changed leaf by leaf."""
    return {
        key: {**leaf, **changes.get(key, {})} if isinstance(leaf, dict) else changes.get(key, leaf)
        for key, leaf in _COMMON.items()
    }


# Levels are in decibels, times in seconds, frequencies in Hz; roots are MIDI notes.
_COMMON: dict[str, Any] = {
    "bpm": Range(138, 150),
    "root": Range(29, 36),
    "scale": Choice({"minor": 1, "phrygian": 1, "harmonic minor": 1}),
    "swing": Range(0, 0.08),
    "tilt": Range(-0.4, 0.4),
    "drive": Range(0.9, 2),
    "breaks": Range(0.1, 0.3),
    "kick": {
        "level": Range(-3, 0),
        "pattern": Choice({"four": 1}),
        "pitch": Range(44, 54),
        "sweep": Range(4, 10),
        "decay_s": Range(0.22, 0.32),
        "click": Range(0.1, 0.5),
    },
    "bass": {
        "level": Range(-7, -3),
        "pattern": Choice({"rolling": 1}),
        "shape": Range(0, 1),
        "cutoff": Range(220, 520),
        "resonance": Range(0.8, 2.5),
        "sweep": Range(0.8, 2),
        "decay_s": Range(0.14, 0.3),
    },
    "lead": {
        "level": Range(-13, -8),
        "sound": Choice({"saw": 1, "acid": 1, "zap": 1}),
        "density": Range(0.4, 0.7),
        "octave": Range(2.5, 3.6),
        "brightness": Range(0.3, 0.8),
        "decay_s": Range(0.2, 0.5),
        "feedback": Range(0.15, 0.45),
    },
    "pad": {
        "level": Range(-20, -14),
        "chord": Choice({"fifth": 1, "triad": 1, "cluster": 1}),
        "width": Range(0.1, 0.5),
        "cutoff": Range(500, 1_800),
    },
    "atmosphere": {"level": Range(-30, -21), "center": Range(500, 3_000), "width": Range(0.4, 1)},
    "hats": {
        "level": Range(-17, -13),
        "pattern": Choice({"offbeat": 1, "eighth": 1, "sixteenth": 1}),
        "low": Range(5_500, 8_500),
        "decay_s": Range(0.09, 0.16),
    },
    "clap": {
        "level": Range(-17, -12),
        "pattern": Choice({"backbeat": 2, "none": 1}),
        "low": Range(600, 1_400),
        "decay_s": Range(0.12, 0.25),
    },
    "room": {"amount": Range(0.08, 0.3), "seconds": Range(0.8, 2)},
}

SUBGENRES: dict[str, dict[str, Any]] = {
    # Fast, murky, atonal: a tight kick, a rolling bass, zaps and dissonant atmospheres instead of melodies.
    "dark": _subgenre(
        bpm=Range(148, 160),
        scale=Choice({"phrygian": 3, "locrian": 2, "harmonic minor": 1}),
        tilt=Range(-1.1, -0.2),
        kick={"decay_s": Range(0.16, 0.26), "pitch": Range(46, 60)},
        bass={"cutoff": Range(160, 380), "decay_s": Range(0.1, 0.22)},
        lead={
            "sound": Choice({"zap": 6, "acid": 2, "saw": 1}),
            "level": Range(-18, -12),
            "octave": Range(1.5, 3),
            "brightness": Range(0.1, 0.6),
        },
        pad={"chord": Choice({"cluster": 5, "fifth": 1, "triad": 1}), "level": Range(-18, -11)},
        atmosphere={"level": Range(-19, -11), "center": Range(250, 1_500)},
        hats={
            "pattern": Choice({"sixteenth": 3, "offbeat": 1, "eighth": 1}),
            "level": Range(-21, -16),
            "decay_s": Range(0.05, 0.11),
        },
    ),
    # Slow and spacious: broken or half-time beats, a dub bass, plucks and wide pads in long rooms.
    "downtempo": _subgenre(
        bpm=Range(84, 120),
        scale=Choice({"minor": 3, "dorian": 2, "phrygian": 1}),
        swing=Range(0, 0.25),
        tilt=Range(-0.6, 0.2),
        breaks=Range(0.15, 0.45),
        kick={"pattern": Choice({"broken": 3, "four": 2}), "level": Range(-8, -3), "decay_s": Range(0.25, 0.5)},
        bass={"pattern": Choice({"dub": 5, "offbeat": 1}), "cutoff": Range(120, 420), "decay_s": Range(0.5, 1.4)},
        lead={
            "sound": Choice({"pluck": 6, "saw": 1, "acid": 1, "zap": 1}),
            "density": Range(0.15, 0.45),
            "decay_s": Range(0.5, 1.2),
        },
        pad={
            "level": Range(-11, -6),
            "chord": Choice({"triad": 3, "fifth": 1, "cluster": 1}),
            "cutoff": Range(300, 1_000),
        },
        hats={
            "pattern": Choice({"eighth": 2, "sixteenth": 2, "offbeat": 1}),
            "level": Range(-25, -19),
            "low": Range(4_000, 7_000),
        },
        room={"amount": Range(0.2, 0.6), "seconds": Range(1.5, 4)},
    ),
    # Bright and driving at about 145: rolling bass, big saw-tooth leads, open hats on the offbeat, claps.
    "fullon": _subgenre(
        bpm=Range(142, 148),
        scale=Choice({"minor": 2, "harmonic minor": 1, "phrygian": 1}),
        tilt=Range(0.2, 0.9),
        drive=Range(1.2, 2.4),
        bass={"cutoff": Range(320, 760), "level": Range(-5, -1)},
        lead={"sound": Choice({"saw": 6, "acid": 2, "zap": 1}), "brightness": Range(0.4, 0.9)},
        hats={
            "pattern": Choice({"offbeat": 3, "sixteenth": 1}),
            "level": Range(-13, -9),
            "decay_s": Range(0.14, 0.24),
        },
        clap={"pattern": Choice({"backbeat": 5, "none": 1}), "level": Range(-15, -9)},
    ),
    # Melodic at about 145: layered acid lines in eastern scales over a softer kick, long echoes.
    "goa": _subgenre(
        bpm=Range(140, 149),
        scale=Choice({"phrygian dominant": 4, "harmonic minor": 2, "phrygian": 1}),
        kick={"level": Range(-6, -2), "click": Range(0, 0.3)},
        bass={"pattern": Choice({"rolling": 3, "gallop": 2, "offbeat": 1}), "level": Range(-10, -6)},
        lead={
            "sound": Choice({"acid": 6, "saw": 2, "pluck": 1}),
            "level": Range(-7, -2),
            "density": Range(0.55, 0.95),
            "octave": Range(3.2, 4.4),
            "brightness": Range(0.4, 0.9),
            "feedback": Range(0.3, 0.65),
        },
        hats={"pattern": Choice({"offbeat": 2, "sixteenth": 2, "eighth": 1})},
        clap={"pattern": Choice({"backbeat": 1, "none": 3})},
    ),
    # Steady and sparse below 130: a heavy kick over a low rumble, offbeat hats, claps, short chord stabs.
    "techno": _subgenre(
        bpm=Range(120, 130),
        scale=Choice({"minor": 3, "dorian": 1, "phrygian": 1}),
        breaks=Range(0.05, 0.2),
        kick={"level": Range(-1.5, 0), "decay_s": Range(0.3, 0.45), "pitch": Range(40, 50)},
        bass={
            "pattern": Choice({"rumble": 4, "offbeat": 2, "rolling": 1}),
            "cutoff": Range(90, 260),
            "level": Range(-10, -5),
        },
        lead={
            "sound": Choice({"stab": 5, "acid": 2, "zap": 1}),
            "density": Range(0.1, 0.35),
            "level": Range(-18, -11),
            "octave": Range(1.6, 3),
        },
        pad={"level": Range(-26, -17)},
        hats={"pattern": Choice({"offbeat": 4, "sixteenth": 1}), "level": Range(-16, -10)},
        clap={"pattern": Choice({"backbeat": 4, "none": 1})},
    ),
}
