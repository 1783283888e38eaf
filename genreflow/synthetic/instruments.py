"""Instruments of an ensemble: strings that are plucked or struck, and tones that are held.

All are band-limited sums of harmonics, mono float32 at 44,100 Hz.
"""

from dataclasses import dataclass

import numpy as np

from genreflow.synthetic.synth import RATE, band, hertz

_HIGHEST = 14_000  # Hz
_TABLE = 4_096  # samples of one period


@dataclass(frozen=True)
class Struck:
    """A string that is plucked or struck once: its partials fade, the high ones first.

    Attributes
    ----------
    slope
        Decibels an octave by which the partials of a note of middling brightness fall.
    point
        Where on the string it is hit; partials with a node there are missing.
    ring_s
        Seconds in which the fundamental of 440 Hz loses 60 dB; low notes ring longer.
    damping
        How much faster each further partial fades.
    stiffness
        How far partials are above multiples of the fundamental.
    octave
        Where it plays, relative to the part.
    """

    slope: float
    point: float
    ring_s: float
    damping: float
    stiffness: float = 0.0
    octave: int = 0

    def sound(self, note: float, seconds: float, brightness: float, _: np.random.Generator) -> np.ndarray:
        """Return a note that is damped after `seconds`; `brightness` is between 0 and 1."""
        pitch = hertz(note + 12 * self.octave)
        ring_s = self.ring_s * min(4.0, (440 / pitch) ** 0.5)
        n = int(min(seconds + 0.15, ring_s) * RATE)
        partials = np.arange(1, 1 + _harmonics(pitch, most=20), dtype=np.float32)
        weights = np.abs(np.sin(np.pi * partials * self.point)) * _fall(partials, self.slope, brightness)
        t = np.arange(n, dtype=np.float32) / RATE
        frequencies = pitch * partials * np.sqrt(1 + self.stiffness * partials**2)
        fades = 6.9 / ring_s * (1 + self.damping * (partials - 1))
        mix = np.zeros(n, np.float32)
        for weight, frequency, fade in zip(weights, frequencies, fades, strict=True):
            audible = min(n, int(6.9 / fade * RATE))
            mix[:audible] += weight * np.exp(-fade * t[:audible]) * np.sin(2 * np.pi * frequency * t[:audible])
        return _ramped(mix / np.sqrt((weights**2).sum()), attack_s=0.002, release_s=0.12)


@dataclass(frozen=True)
class Held:
    """A tone that lasts: bowed, blown, sung, or of an oscillator.

    Attributes
    ----------
    slope
        Decibels an octave by which the harmonics of a note of middling brightness fall.
    attack_s, release_s
        Seconds of its beginning and end.
    vibrato
        Cents to either side, about five and a half times a second.
    voices
        Players in unison, a few cents apart.
    breath
        Noise re the tone.
    even
        Weight of even harmonics.
    formants
        Frequencies in Hz around which harmonics stand out, as those of a voice do.
    octave
        Where it plays, relative to the part.
    """

    slope: float
    attack_s: float
    release_s: float = 0.12
    vibrato: float = 0.0
    voices: int = 1
    breath: float = 0.0
    even: float = 1.0
    formants: tuple[float, ...] = ()
    octave: int = 0

    def sound(self, note: float, seconds: float, brightness: float, rng: np.random.Generator) -> np.ndarray:
        """Return a note of `seconds` and its release; `brightness` is between 0 and 1."""
        pitch = hertz(note + 12 * self.octave)
        n = int((seconds + self.release_s) * RATE)
        period = self._period(pitch, brightness, rng)
        t = np.arange(n, dtype=np.float32) / RATE
        mix = np.zeros(n, np.float32)
        for cents in np.linspace(-7, 7, self.voices) if self.voices > 1 else [0.0]:
            mix += period[self._phase(pitch * 2 ** (cents / 1200), t, rng)]
        mix /= self.voices**0.5
        if self.breath:
            noise = band(rng.standard_normal(n, np.float32), 1.5 * pitch, 6 * pitch)
            mix += self.breath * noise / (noise.std() + 1e-9)
        return _ramped(mix, attack_s=min(self.attack_s, 0.7 * seconds), release_s=self.release_s)

    def _period(self, pitch: float, brightness: float, rng: np.random.Generator) -> np.ndarray:
        """Return one period of the wave, with an RMS of 1."""
        partials = np.arange(1, 1 + _harmonics(pitch, most=60), dtype=np.float32)
        weights = _fall(partials, self.slope, brightness) * np.where(partials % 2 == 0, self.even, 1)
        if self.formants:
            peaks = [np.exp(-0.5 * ((partials * pitch - f) / (0.18 * f + 40)) ** 2) for f in self.formants]
            weights *= 0.1 + np.sum(peaks, axis=0)
        spectrum = np.zeros(_TABLE // 2 + 1, np.complex64)
        spectrum[1 : 1 + len(partials)] = weights * np.exp(2j * np.pi * rng.random(len(partials)))
        period = np.fft.irfft(spectrum).astype(np.float32)
        return period / period.std()

    def _phase(self, pitch: float, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the phase of every sample."""
        cycles = pitch * t.astype(np.float64) + rng.random()
        if self.vibrato:
            rate, depth = rng.uniform(5, 6), pitch * (2 ** (self.vibrato / 1200) - 1)
            cycles -= depth / (2 * np.pi * rate) * np.cos(2 * np.pi * rate * t)
        return (cycles * _TABLE).astype(np.int64) % _TABLE


def _harmonics(pitch: float, most: int) -> int:
    return max(1, min(most, int(_HIGHEST / pitch)))


def _fall(partials: np.ndarray, slope: float, brightness: float) -> np.ndarray:
    return partials ** (slope * (1.6 - 1.2 * brightness) / 6.02)


def _ramped(sound: np.ndarray, *, attack_s: float, release_s: float) -> np.ndarray:
    n = len(sound)
    attack, release = min(n // 2, int(attack_s * RATE)), min(n // 2, int(release_s * RATE))
    sound[:attack] *= np.linspace(0, 1, attack, dtype=np.float32)
    sound[n - release :] *= np.linspace(1, 0, release, dtype=np.float32) ** 2
    return sound.astype(np.float32)


INSTRUMENTS: dict[str, Struck | Held] = {
    "guitar": Struck(slope=-7, point=0.19, ring_s=2.4, damping=0.25),
    "electric guitar": Struck(slope=-4, point=0.12, ring_s=4.0, damping=0.12),
    "harp": Struck(slope=-12, point=0.45, ring_s=2.8, damping=0.2, octave=1),
    "harpsichord": Struck(slope=-2.5, point=0.08, ring_s=1.6, damping=0.1),
    "piano": Struck(slope=-9, point=0.12, ring_s=3.2, damping=0.4, stiffness=4e-4),
    "sitar": Struck(slope=-1.5, point=0.03, ring_s=2.6, damping=0.06, stiffness=5e-5),
    "bass": Struck(slope=-11, point=0.25, ring_s=1.8, damping=0.35, octave=-2),
    "synth bass": Held(slope=-8, attack_s=0.005, release_s=0.05, octave=-2),
    "strings": Held(slope=-7, attack_s=0.14, release_s=0.25, vibrato=10, voices=3),
    "violin": Held(slope=-5, attack_s=0.07, vibrato=22, formants=(480, 1_200, 3_000), octave=1),
    "cello": Held(slope=-6, attack_s=0.09, vibrato=14, formants=(250, 600, 1_500), octave=-1),
    "flute": Held(slope=-15, attack_s=0.06, vibrato=12, breath=0.12, octave=1),
    "female voice": Held(slope=-5, attack_s=0.08, vibrato=35, formants=(800, 1_200, 2_900), octave=1),
    "male voice": Held(slope=-5, attack_s=0.08, vibrato=28, formants=(550, 950, 2_500)),
    "choir": Held(slope=-6, attack_s=0.22, release_s=0.35, vibrato=20, voices=4, formants=(650, 1_080, 2_650)),
    "saxophone": Held(slope=-5, attack_s=0.04, vibrato=15, breath=0.05, formants=(550, 1_300, 2_400)),
    "trumpet": Held(slope=-3, attack_s=0.03, vibrato=10, formants=(1_100, 2_300)),
    "organ": Held(slope=-9, attack_s=0.01, release_s=0.08, vibrato=8, even=1.6),
    "synth": Held(slope=-6, attack_s=0.01, voices=3),
    "square": Held(slope=-5, attack_s=0.005, release_s=0.06, even=0.05),
}
