"""Playing of ensembles: each part is a loop of four bars, from a score that the seed of the recipe determines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from genreflow.synthetic import synth
from genreflow.synthetic.instruments import INSTRUMENTS
from genreflow.synthetic.performance import PEAK, SCALES

ROUND = 4  # bars of a loop; each has a chord of its own
STEPS = 16  # steps of a bar

MODES = SCALES | {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}

# Steps of a bar on which kick, snare and hats sound.
DRUMS = {
    "four": ((0, 4, 8, 12), (4, 12), (2, 6, 10, 14)),
    "rock": ((0, 8, 10), (4, 12), tuple(range(0, 16, 2))),
    "double": ((0, 2, 6, 8, 10, 14), (4, 12), tuple(range(0, 16, 2))),
    "brushes": ((0,), (), (4, 7, 12, 15)),
    "tabla": ((0, 3, 6, 10), (8, 13), ()),
    "disco": ((0, 4, 8, 12), (4, 12), (0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15)),
    "boom bap": ((0, 7, 10), (4, 12), tuple(range(0, 16, 2))),
    "slow jam": ((0, 7, 8), (4, 12), tuple(range(16))),
    "one drop": ((8,), (8,), (2, 6, 10, 14)),
    "train": ((0, 8), (2, 4, 6, 10, 12, 14), ()),
    "ride": ((0,), (), (0, 4, 6, 8, 12, 14)),
}


@dataclass(frozen=True)
class Note:
    """A note of a score: beginning and length in steps, degree of the mode, octave, loudness."""

    at: int
    steps: float
    degree: int
    octave: int = 0
    gain: float = 1.0


class Score:
    """The common ground of an ensemble: mode, tempo, a chord for each bar of the loop.

    Parameters
    ----------
    recipe
        Of the ensemble: ``bpm, root, mode, swing, density, articulation, seed`` and more, see `perform`.
    """

    def __init__(self, recipe: dict[str, Any]) -> None:
        self.recipe = recipe
        self.mode = MODES[recipe["mode"]]
        self.swing = recipe.get("swing", 0.0)
        # A multiple of 256 makes the transforms of loops fast; the tempo moves by 0.2 % at most.
        self.bar = 256 * round(240 / recipe["bpm"] * synth.RATE / 256)
        rng = np.random.default_rng([recipe["seed"], 0])
        self.chords = [0, *(int(degree) for degree in rng.choice([0, 3, 4, 5, 1, 2], ROUND - 1))]

    @property
    def length(self) -> int:
        """Samples of the loop."""
        return ROUND * self.bar

    def pitch(self, note: Note) -> int:
        """Return the MIDI note."""
        turns, index = divmod(note.degree, len(self.mode))
        return round(self.recipe["root"]) + 12 * (note.octave + turns) + self.mode[index]

    def seconds(self, note: Note) -> float:
        """Return the length of a note: its steps, shortened or slurred by the articulation."""
        return max(0.06, note.steps * self.recipe["articulation"] * self.bar / STEPS / synth.RATE)

    def position(self, note: Note) -> int:
        """Return the first sample of a note; off-beats are late by the swing, notes near them by less."""
        late = self.swing * (1 - abs(note.at % 4 - 2) / 2)
        return int((note.at + late) * self.bar / STEPS)


# ---------------------------------------------------------------------------------------------------------------
# Roles: each gives the notes of a part
# ---------------------------------------------------------------------------------------------------------------


def _melody(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    """Walk through the mode in eighths, from chord to chord; every half bar begins with a note."""
    chance = np.where(np.arange(ROUND * 8) % 4 == 0, 1, score.recipe["density"])
    sounding = np.flatnonzero(rng.random(ROUND * 8) < chance)
    degree = int(rng.integers(0, 5))
    for eighth, following in zip(sounding, [*sounding[1:], ROUND * 8], strict=True):
        degree = int(np.clip(degree + rng.integers(-2, 3), -3, 9))
        if eighth % 8 == 0:
            degree = score.chords[eighth // 8] + int(rng.choice([0, 2, 4]))
        yield Note(int(eighth) * 2, 2 * min(8, following - eighth), degree, 1, 1.0 if eighth % 4 == 0 else 0.8)


def _chords(score: Score, _: np.random.Generator) -> Iterator[Note]:
    """Sound the triad once to four times a bar, the oftener the denser."""
    steps = 16 if score.recipe["density"] < 0.4 else 8 if score.recipe["density"] < 0.7 else 4
    for bar, chord in enumerate(score.chords):
        for step in range(0, STEPS, steps):
            for third in (0, 2, 4):
                yield Note(bar * STEPS + step, steps, chord + third, 0, 1.0 if step == 0 else 0.7)


def _arpeggio(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    """Break the chord into eighths, or sixteenths when it is dense."""
    steps = 1 if score.recipe["density"] > 0.8 else 2
    shape = rng.permutation([0, 2, 4, 7])
    for bar, chord in enumerate(score.chords):
        for number, step in enumerate(range(0, STEPS, steps)):
            yield Note(bar * STEPS + step, 2 * steps, chord + int(shape[number % 4]), 0, 1.0 if step % 4 == 0 else 0.75)


def _bass(score: Score, _: np.random.Generator) -> Iterator[Note]:
    """Play roots: in halves, quarters or eighths, the oftener the denser."""
    steps = 8 if score.recipe["density"] < 0.4 else 4 if score.recipe["density"] < 0.75 else 2
    for bar, chord in enumerate(score.chords):
        for step in range(0, STEPS, steps):
            yield Note(bar * STEPS + step, steps, chord, 0, 1.0 if step % 8 == 0 else 0.8)


def _walking(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    """Walk in quarters: the root on the first beat, then on and up, and into the next chord."""
    for bar, (chord, following) in enumerate(zip(score.chords, [*score.chords[1:], 0], strict=True)):
        degrees = (chord, chord + 2, chord + int(rng.choice([3, 4])), following + int(rng.choice([-1, 1])))
        for beat, degree in enumerate(degrees):
            yield Note(bar * STEPS + 4 * beat, 4, degree, 0, 1.0 if beat == 0 else 0.85)


def _octaves(score: Score, _: np.random.Generator) -> Iterator[Note]:
    """Jump between root and octave in eighths."""
    for bar, chord in enumerate(score.chords):
        for step in range(0, STEPS, 2):
            yield Note(bar * STEPS + step, 2, chord, step // 2 % 2, 1.0 if step % 4 == 0 else 0.8)


def _skank(score: Score, _: np.random.Generator) -> Iterator[Note]:
    """Chop the triad on every off-beat."""
    for bar, chord in enumerate(score.chords):
        for step in range(2, STEPS, 4):
            for third in (0, 2, 4):
                yield Note(bar * STEPS + step, 1, chord + third, 0, 1.0)


def _riff(score: Score, rng: np.random.Generator) -> Iterator[Note]:
    """Play fifths in a rhythm of eighths that every bar repeats, the denser the more of them."""
    sounding = np.flatnonzero((rng.random(STEPS // 2) < score.recipe["density"]) | (np.arange(STEPS // 2) % 4 == 0))
    for bar, chord in enumerate(score.chords):
        for eighth in sounding:
            for degree in (0, 4, 7):
                yield Note(bar * STEPS + 2 * int(eighth), 2, chord + degree, -1, 1.0 if eighth % 4 == 0 else 0.8)


def _drone(score: Score, _: np.random.Generator) -> Iterator[Note]:
    """Hold root and fifth through the loop."""
    for degree in (0, 4, 7):
        yield Note(0, ROUND * STEPS / max(0.3, score.recipe["articulation"]), degree, -1)


ROLES = {
    "melody": _melody,
    "chords": _chords,
    "arpeggio": _arpeggio,
    "bass": _bass,
    "walking": _walking,
    "octaves": _octaves,
    "skank": _skank,
    "riff": _riff,
    "drone": _drone,
}


# ---------------------------------------------------------------------------------------------------------------
# Sound
# ---------------------------------------------------------------------------------------------------------------


def perform(recipe: dict[str, Any]) -> np.ndarray:
    """Return the sound of a recipe, float32 ``[n, 2]`` at 44,100 Hz with a peak of 0.89.

    Parameters
    ----------
    recipe
        ``seconds, seed``; of the score ``bpm, root, mode, density`` (share of steps that sound), ``articulation``
        (share of its steps that a note lasts), and ``swing`` if any (sixteenths by which off-beats are late); of the
        sound ``brightness`` (0 to 1), ``drive``, ``swell`` (dB by which all grows and fades), ``tilt`` (dB an octave),
        ``room``; and ``parts``, each with a ``role`` of `ROLES` or ``drums``, an ``instrument`` or a pattern of
        `DRUMS`, a ``level`` (dB) and the share of loops in which it ``plays``.
    """
    score = Score(recipe)
    n = round(recipe["seconds"] * synth.RATE)
    rounds = -(-n // score.length)
    mix = np.zeros((2, rounds * score.length), np.float32)
    for number, part in enumerate(recipe["parts"], 1):
        rng = np.random.default_rng([recipe["seed"], number])
        loop = _loop(score, part, rng)
        for place in np.flatnonzero(rng.random(rounds) < part["plays"]):
            mix[:, place * score.length : (place + 1) * score.length] += loop
    mix = mix[:, :n] * _swell(n, recipe["swell"], np.random.default_rng([recipe["seed"], len(recipe["parts"]) + 1]))
    mix = np.tanh(recipe["drive"] / (np.abs(mix).max() + 1e-9) * mix)
    return np.ascontiguousarray((PEAK / np.abs(mix).max() * mix).T)


def _loop(score: Score, part: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Return the loop of a part at its level, stereo ``[2, n]``."""
    dry = _drums(score, part, rng) if part["role"] == "drums" else _notes(score, part, rng)
    room = score.recipe["room"]
    loop = synth.finish(dry, rng, wet=room["amount"], seconds=room["seconds"], tilt=score.recipe["tilt"])
    balance = 0.5 + 0.25 * (2 * rng.random() - 1)
    loop *= np.sqrt(np.array([[2 * balance], [2 - 2 * balance]], np.float32))
    return (10 ** (part["level"] / 20) / (loop.std() + 1e-9)) * loop


def _notes(score: Score, part: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    instrument, brightness = INSTRUMENTS[part["instrument"]], score.recipe["brightness"]
    sounds: dict[tuple[int, float], np.ndarray] = {}
    hits = []
    for note in ROLES[part["role"]](score, rng):
        key = score.pitch(note), score.seconds(note)
        if key not in sounds:
            sounds[key] = instrument.sound(*key, brightness, rng)
        hits.append((score.position(note), note.gain, sounds[key]))
    return synth.place(score.length, hits)


def _drums(score: Score, part: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    brightness = score.recipe["brightness"]
    sounds = (
        synth.kick(pitch=50 + 20 * brightness, sweep=5, decay_s=0.25, click=0.5 * brightness),
        0.7 * synth.burst(int(0.2 * synth.RATE), rng, low=200 + 600 * brightness, high=8_000, decay_s=0.18),
        0.3 * synth.burst(int(0.08 * synth.RATE), rng, low=6_000, high=16_000, decay_s=0.07),
    )
    hits = [
        (score.position(Note(bar * STEPS + step, 1, 0)), 1.0 if step % 8 == 0 else 0.8, sound)
        for steps, sound in zip(DRUMS[part["instrument"]], sounds, strict=True)
        for bar in range(ROUND)
        for step in steps
    ]
    return synth.place(score.length, hits)


def _swell(n: int, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """Return a gain that moves smoothly through `decibels`, once in about eight seconds."""
    knots = 2 + round(n / synth.RATE / 4)
    levels = -decibels * rng.random(knots)
    gain = 10 ** (np.interp(np.linspace(0, knots - 1, n), np.arange(knots), levels) / 20)
    return gain.astype(np.float32)
