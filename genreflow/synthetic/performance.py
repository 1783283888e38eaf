"""Playing of recipes: each part is rendered once, as a loop of four bars, and repeated through the sections."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from genreflow.synthetic import synth
from genreflow.synthetic.subgenres import ROUND

Part = dict[str, Any]

SCALES = {
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "phrygian dominant": (0, 1, 4, 5, 7, 8, 10),
}

# Sixteenths of a bar on which something happens.
PATTERNS = {
    "four": (0, 4, 8, 12),
    "broken": (0, 7, 10),
    "rolling": (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15),
    "gallop": (2, 3, 6, 7, 10, 11, 14, 15),
    "offbeat": (2, 6, 10, 14),
    "dub": (0, 3, 10),
    "rumble": (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15),
    "eighth": (0, 2, 4, 6, 8, 10, 12, 14),
    "sixteenth": tuple(range(16)),
    "backbeat": (4, 12),
    "none": (),
}

# Scale degrees that sound together.
CHORDS = {"fifth": (0, 4, 7), "triad": (0, 2, 4, 7), "cluster": (0, 1, 4, 8)}

# Part by part, how much of the recipe's room it gets.
WETNESS = {"kick": 0.05, "bass": 0.1, "lead": 1.0, "pad": 0.8, "atmosphere": 0.5, "hats": 0.4, "clap": 0.8}

PEAK = 0.89


class Sequencer:
    """The time and pitch of a recipe: positions of steps, notes of the scale."""

    def __init__(self, recipe: dict[str, Any]) -> None:
        self.root = round(recipe["root"])
        self.scale = SCALES[recipe["scale"]]
        self.swing = recipe["swing"]
        # A multiple of 256 makes the transforms of loops fast; the tempo moves by 0.2 % at most.
        self.bar = 256 * round(240 / recipe["bpm"] * synth.RATE / 256)
        self.length = ROUND * self.bar

    @property
    def sixteenth(self) -> int:
        """Samples of a step."""
        return self.bar // 16

    def position(self, bar: int, step: int) -> int:
        """Return the sample of a step; odd steps come late by the swing."""
        return bar * self.bar + int((step + self.swing * (step % 2)) * self.sixteenth)

    def steps(self, pattern: str) -> Iterator[tuple[int, int, int]]:
        """Yield ``bar, step, position`` for every step of a pattern, in all bars of the loop."""
        for bar in range(ROUND):
            for step in PATTERNS[pattern]:
                yield bar, step, self.position(bar, step)

    def note(self, degree: int, octave: int = 0) -> int:
        """Return the MIDI note of a scale degree; degrees run on through the octaves."""
        turns, index = divmod(degree, len(self.scale))
        return self.root + 12 * (octave + turns) + self.scale[index]


def perform(recipe: dict[str, Any]) -> np.ndarray:
    """Return the sound of a recipe, float32 ``[n, 2]`` at 44,100 Hz with a peak of 0.89."""
    sequencer = Sequencer(recipe)
    n = round(recipe["seconds"] * synth.RATE)
    mix = np.zeros((2, n), np.float32)
    for number, (name, play) in enumerate(PARTS.items()):
        rng = np.random.default_rng([recipe["seed"], number])
        loop = _finished(play(sequencer, recipe[name], rng), name, recipe, rng)
        _add_where_it_plays(mix, loop, name, recipe["sections"], sequencer.bar)
    mix = np.tanh(recipe["drive"] * mix)
    return np.ascontiguousarray((PEAK / np.abs(mix).max() * mix).T)


def _finished(loop: np.ndarray, name: str, recipe: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    wet = recipe["room"]["amount"] * WETNESS[name]
    loop = synth.finish(loop, rng, wet=wet, seconds=recipe["room"]["seconds"], tilt=recipe["tilt"])
    return 10 ** (recipe[name]["level"] / 20) * loop


def _add_where_it_plays(mix: np.ndarray, loop: np.ndarray, name: str, sections: list, bar: int) -> None:
    bars = [name in section["parts"] for section in sections for _ in range(section["bars"])]
    for number in np.flatnonzero(bars):
        window = mix[:, number * bar : (number + 1) * bar]
        begin = number % ROUND * bar
        window += loop[:, begin : begin + window.shape[1]]


# ---------------------------------------------------------------------------------------------------------------
# Parts: each returns a loop, mono [n] or stereo [2, n]
# ---------------------------------------------------------------------------------------------------------------


def _kick(sequencer: Sequencer, part: Part, _: np.random.Generator) -> np.ndarray:
    sound = synth.kick(pitch=part["pitch"], sweep=part["sweep"], decay_s=part["decay_s"], click=part["click"])
    return synth.place(sequencer.length, ((at, 1.0, sound) for _, _, at in sequencer.steps(part["pattern"])))


def _bass(sequencer: Sequencer, part: Part, rng: np.random.Generator) -> np.ndarray:
    degrees = [0, int(rng.choice([0, 1, 2])), int(rng.choice([4, 5, 6])) - 7]
    longest = int(min(part["decay_s"] * synth.RATE, sequencer.bar / 2))
    notes = [
        synth.tone(
            sequencer.note(degree),
            longest,
            shape=part["shape"],
            cutoff=part["cutoff"],
            resonance=part["resonance"],
            sweep=part["sweep"],
            decay_s=part["decay_s"],
        )
        for degree in degrees
    ]

    hits = []
    for bar, step, at in sequencer.steps(part["pattern"]):
        turnaround = bar == ROUND - 1 and step >= 12
        hits.append((at, 1.0 if step % 4 == 2 else 0.8, notes[2 if turnaround else bar % 2]))
    return synth.place(sequencer.length, hits)


def _lead(sequencer: Sequencer, part: Part, rng: np.random.Generator) -> np.ndarray:
    octave = round(part["octave"])
    degrees = np.sort(rng.choice(10, 5, replace=False))
    notes = [_lead_note(sequencer, part, int(degree), octave) for degree in degrees]
    # A phrase of two bars, played twice with some notes changed: a random walk over its five notes.
    walk = np.clip(np.cumsum(rng.integers(-1, 2, 32)) + 2, 0, 4)
    phrase = np.concatenate([walk, np.where(rng.random(32) < 0.2, rng.integers(0, 5, 32), walk)])
    sounding = np.tile(rng.random(32) < part["density"], 2)
    hits = [
        (sequencer.position(step // 16, step % 16), 1.0 if step % 4 == 0 else 0.75, notes[phrase[step]])
        for step in np.flatnonzero(sounding).tolist()
    ]
    line = synth.place(sequencer.length, hits)
    side = np.roll(line, int(0.009 * synth.RATE))
    stereo = np.stack([line + 0.5 * side, side + 0.5 * line])
    return synth.echo(stereo, delay=3 * sequencer.sixteenth, feedback=part["feedback"])


def _lead_note(sequencer: Sequencer, part: Part, degree: int, octave: int) -> np.ndarray:
    note, decay_s = sequencer.note(degree, octave), part["decay_s"]
    n = int(min(decay_s, 0.7) * synth.RATE)
    bright = 2.0 ** (4 * part["brightness"] - 2)
    if part["sound"] == "zap":
        index, fall = 6 * part["brightness"], 2 * part["brightness"] + 0.5
        return synth.zap(note, n, ratio=1.5, index=index, fall=fall, decay_s=decay_s)
    if part["sound"] == "acid":
        return synth.tone(note - 12, n, shape=0.2, cutoff=500 * bright, resonance=7, sweep=2.2, decay_s=decay_s)
    if part["sound"] == "pluck":
        return synth.tone(note, n, shape=0.9, cutoff=900 * bright, resonance=1, sweep=2, decay_s=decay_s)
    if part["sound"] == "stab":
        chord = [sequencer.note(degree + third, octave) for third in (0, 2, 4)]
        tones = [
            synth.tone(tone, n, shape=0, cutoff=700 * bright, resonance=1.5, sweep=1.5, decay_s=0.5 * decay_s)
            for tone in chord
        ]
        return 0.5 * np.asarray(sum(tones))
    detuned = [
        synth.tone(note + cents / 100, n, shape=0, cutoff=2_200 * bright, resonance=1.2, sweep=1, decay_s=decay_s)
        for cents in (-9, 8)
    ]
    return 0.6 * np.asarray(sum(detuned))


def _pad(sequencer: Sequencer, part: Part, rng: np.random.Generator) -> np.ndarray:
    # Two chords that fade into each other, each at its loudest in the middle of its two bars.
    fade = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(sequencer.length, dtype=np.float32) / sequencer.length)
    chords = []
    for base in (0, int(rng.choice([-2, 1, 3, 5]))):
        notes = [sequencer.note(base + degree, 2) for degree in CHORDS[part["chord"]]]
        chords.append(synth.pad(sequencer.length, notes, rng, width=part["width"], cutoff=part["cutoff"]))
    return fade * chords[0] + (1 - fade) * chords[1]


def _atmosphere(sequencer: Sequencer, part: Part, rng: np.random.Generator) -> np.ndarray:
    noise = synth.atmosphere(sequencer.length, rng, center=part["center"], width=part["width"])
    swell = np.sin(np.pi * np.arange(sequencer.length, dtype=np.float32) / sequencer.bar) ** 2
    return noise * (0.4 + 0.6 * swell)


def _hats(sequencer: Sequencer, part: Part, rng: np.random.Generator) -> np.ndarray:
    lengths = (part["decay_s"], 0.4 * part["decay_s"])
    open_, closed = (synth.burst(int(s * synth.RATE), rng, low=part["low"], high=16_000, decay_s=s) for s in lengths)
    hits = [
        (at, 1.0, open_) if step % 4 == 2 else (at, 0.6, closed) for _, step, at in sequencer.steps(part["pattern"])
    ]
    return synth.place(sequencer.length, hits)


def _clap(sequencer: Sequencer, part: Part, rng: np.random.Generator) -> np.ndarray:
    n = int(1.2 * part["decay_s"] * synth.RATE)
    sound = synth.burst(n, rng, low=part["low"], high=7_000, decay_s=part["decay_s"], hits=3)
    return synth.place(sequencer.length, ((at, 1.0, sound) for _, _, at in sequencer.steps(part["pattern"])))


PARTS = {
    "kick": _kick,
    "bass": _bass,
    "lead": _lead,
    "pad": _pad,
    "atmosphere": _atmosphere,
    "hats": _hats,
    "clap": _clap,
}
