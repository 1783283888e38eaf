"""Instruments and effects of the synthetic corpus.

Sounds are float32 at 44,100 Hz. A one-shot is mono ``[n]``; a loop is stereo ``[2, n]`` and periodic: whatever
rings beyond its end comes in again at its beginning, so that loops repeat without a seam.
"""

from collections.abc import Iterable

import numpy as np
from scipy.fft import irfft, rfft

RATE = 44_100


def hertz(note: float) -> float:
    """Return the frequency of a MIDI note."""
    return 440.0 * 2 ** ((note - 69) / 12)


def decay(n: int, seconds: float) -> np.ndarray:
    """Return an exponential envelope ``[n]`` that loses 60 dB in `seconds`, with a click-free attack and end."""
    envelope = np.exp(-6.9 / (seconds * RATE) * np.arange(n, dtype=np.float32))
    edge = min(n // 2, 64)
    ramp = np.linspace(0, 1, edge, dtype=np.float32)
    envelope[:edge] *= ramp
    envelope[n - edge :] *= ramp[::-1]
    return envelope


# ---------------------------------------------------------------------------------------------------------------
# One-shots
# ---------------------------------------------------------------------------------------------------------------


def kick(*, pitch: float, sweep: float, decay_s: float, click: float) -> np.ndarray:
    """Return a sine at `pitch` Hz that falls from `sweep` times that, with a click of noise-like partials."""
    n = int(decay_s * RATE)
    t = np.arange(n, dtype=np.float32) / RATE
    fall = 0.018
    cycles = pitch * (t + (sweep - 1) * fall * (1 - np.exp(-t / fall)))
    body = np.sin(2 * np.pi * cycles) * decay(n, decay_s)
    beater = np.sin(2 * np.pi * 3_100 * t) * np.sin(2 * np.pi * 1_270 * t) * np.exp(-t / 0.004)
    return np.tanh(1.6 * body + click * beater).astype(np.float32)


def tone(
    note: float, n: int, *, shape: float, cutoff: float, resonance: float, sweep: float, decay_s: float
) -> np.ndarray:
    """Return a note through a resonant low-pass whose cutoff falls: the bass and leads of subtractive synthesis.

    Band-limited: the sum of its harmonics, each weighted by the filter's response at that moment.

    Parameters
    ----------
    note, n
        MIDI note and length in samples.
    shape
        0 is a saw-tooth, 1 a square wave.
    cutoff, resonance
        The filter's resting cutoff in Hz and its quality factor.
    sweep
        Octaves above the resting cutoff at which the note begins.
    decay_s
        Seconds in which the note fades by 60 dB.
    """
    pitch = hertz(note)
    harmonics = np.arange(1, 1 + max(1, min(40, int(14_000 / pitch))), dtype=np.float32)[:, np.newaxis]
    weights = np.where(harmonics % 2 == 0, 1 - shape, 1) / harmonics
    # The filter moves slowly: its response is computed every 32 samples and held in between.
    t = np.arange(0, n, 32, dtype=np.float32) / RATE
    relative = harmonics * pitch / (cutoff * 2 ** (sweep * np.exp(-t / (0.25 * decay_s))))
    response = weights / np.sqrt((1 - relative**2) ** 2 + (relative / resonance) ** 2)
    phase = (2 * np.pi * pitch / RATE) * np.arange(n, dtype=np.float32)
    waves = np.sin(harmonics * phase) * np.repeat(response, 32, axis=1)[:, :n]
    return (0.5 * waves.sum(axis=0) * decay(n, decay_s)).astype(np.float32)


def zap(note: float, n: int, *, ratio: float, index: float, fall: float, decay_s: float) -> np.ndarray:
    """Return a frequency-modulated blip whose pitch falls by `fall` octaves."""
    t = np.arange(n, dtype=np.float32) / RATE
    glide = np.exp2(fall * np.exp(-t / (0.15 * decay_s))).astype(np.float32)
    phase = 2 * np.pi * hertz(note) * np.cumsum(glide) / RATE
    envelope = decay(n, decay_s)
    return (0.5 * np.sin(phase + index * envelope * np.sin(ratio * phase)) * envelope).astype(np.float32)


def burst(n: int, rng: np.random.Generator, *, low: float, high: float, decay_s: float, hits: int = 1) -> np.ndarray:
    """Return a decaying burst of noise between `low` and `high` Hz: hats, claps, snares, shakers.

    `hits` bursts in quick succession make a clap.
    """
    envelope = decay(n, decay_s)
    for hit in range(1, hits):
        begin = int(0.011 * RATE * hit)
        envelope[begin:] += 0.9 * decay(n, decay_s)[: n - begin]
    noise = band(rng.standard_normal(n, np.float32), low, high)
    return 0.5 * noise / (np.abs(noise).max() + 1e-9) * envelope


# ---------------------------------------------------------------------------------------------------------------
# Loops
# ---------------------------------------------------------------------------------------------------------------


def place(n: int, hits: Iterable[tuple[int, float, np.ndarray]]) -> np.ndarray:
    """Return a mono loop ``[n]`` with one-shots at ``(position, gain, sound)``; their tails wrap around."""
    loop = np.zeros(n, np.float32)
    for position, gain, sound in hits:
        sound = sound[:n]
        inside = min(len(sound), n - position)
        loop[position : position + inside] += gain * sound[:inside]
        loop[: len(sound) - inside] += gain * sound[inside:]
    return loop


def pad(n: int, notes: Iterable[float], rng: np.random.Generator, *, width: float, cutoff: float) -> np.ndarray:
    """Return a sustained stereo chord ``[2, n]``.

    PADsynth (Nasca Octavian Paul, 2004): every harmonic is a bell of `width` semitones in a spectrum of random
    phases, which the inverse transform turns into a chorus that loops by construction.
    """
    frequencies = np.fft.rfftfreq(n, 1 / RATE)
    magnitude = np.zeros(len(frequencies), np.float32)
    for note in notes:
        for harmonic in range(1, 13):
            center = harmonic * hertz(note)
            sigma = center * (2 ** (width / 12) - 1)
            begin, end = np.searchsorted(frequencies, (center - 3 * sigma, center + 3 * sigma))
            bell = np.exp(-0.5 * ((frequencies[begin:end] - center) / sigma) ** 2)
            magnitude[begin:end] += bell / np.sqrt(sigma) / (1 + (center / cutoff) ** 2) / harmonic**0.5
    return _with_random_phases(magnitude, n, rng)


def atmosphere(n: int, rng: np.random.Generator, *, center: float, width: float) -> np.ndarray:
    """Return stereo noise ``[2, n]`` around `center` Hz, `width` octaves wide."""
    frequencies = np.fft.rfftfreq(n, 1 / RATE)
    octaves = np.log2(np.maximum(frequencies, 1) / center)
    return _with_random_phases(np.exp(-0.5 * (octaves / width) ** 2).astype(np.float32), n, rng)


def _with_random_phases(magnitude: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    phases = rng.random((2, len(magnitude)), np.float32) * np.float32(2 * np.pi)
    loop = irfft(magnitude * np.exp(1j * phases), n)
    return (0.25 * loop / loop.std()).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------
# Effects
# ---------------------------------------------------------------------------------------------------------------


def band(sound: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return `sound` ``[..., n]`` between `low` and `high` Hz, with slopes of 12 dB per octave."""
    frequencies = np.fft.rfftfreq(sound.shape[-1], 1 / RATE).astype(np.float32)
    below, above = (frequencies / low) ** 2, (frequencies / high) ** 2
    return irfft(rfft(sound) * (below / (1 + below) / (1 + above)), sound.shape[-1])


def echo(loop: np.ndarray, *, delay: int, feedback: float) -> np.ndarray:
    """Add three echoes to a stereo loop that jump from side to side."""
    wet = loop.copy()
    for repeat in range(1, 4):
        wet += feedback**repeat * np.roll(loop[:: (-1) ** repeat], repeat * delay, axis=-1)
    return wet


def finish(loop: np.ndarray, rng: np.random.Generator, *, wet: float, seconds: float, tilt: float) -> np.ndarray:
    """Put a loop into a room and turn its spectrum; mono becomes stereo.

    Parameters
    ----------
    loop
        ``[n]`` or ``[2, n]``.
    rng
        Draws the room.
    wet, seconds
        Loudness of the reverberation re the loop, and the time in which it fades by 60 dB.
    tilt
        Decibels an octave, around 800 Hz.
    """
    n = loop.shape[-1]
    length = min(n, int(seconds * RATE))
    tail = np.zeros((2, n), np.float32)
    tail[:, :length] = rng.standard_normal((2, length), np.float32) * decay(length, seconds)
    tail *= wet / np.sqrt((tail**2).sum(axis=1, keepdims=True))
    tail[:, 0] += 1
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20) / 800)
    turn = (10 ** (tilt / 20 * octaves)).astype(np.float32)
    return irfft(rfft(loop) * rfft(tail) * turn, n)
