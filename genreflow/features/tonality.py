"""Features of pitch classes: tuning, chroma and tonal centroid, with librosa's values.

Chroma are float32 ``[frames, 12]``, C first; frames without sound have zeros.
"""

from functools import lru_cache

import numpy as np
from scipy.ndimage import convolve1d

from genreflow.features.constant_q import BINS, OCTAVES, constant_q
from genreflow.features.short_time import ShortTime, scaled

CLASSES = 12
# Where peaks of the spectrum are taken for pitches, Hz, and how high they stand beside a frame's highest.
PITCHES_HZ = (150.0, 4000.0)
PEAK_SHARE = np.float32(0.1)
# Chroma filters weigh octaves by a bell around A4 (5 octaves above 13.75 Hz), of this width in octaves.
CENTRE_OCTAVE, OCTAVE_WIDTH = 5.0, 2.0
# CENS: what a class has of a frame's energy is rounded to these steps, then smoothed over so many frames.
ENERGY_STEPS = (0.4, 0.2, 0.1, 0.05)
SMOOTHED_FRAMES = 41


def chroma_stft(sound: ShortTime) -> np.ndarray:
    """Return the chroma of the power spectra, each frame's largest class 1."""
    tuning = estimate_tuning(sound.power, sound.bin_hz, CLASSES)
    return scaled(sound.power @ _chroma_filters(sound.settings.sample_rate, sound.settings.n_fft, tuning), np.inf)


def constant_q_energy(sound: ShortTime) -> np.ndarray:
    """Return the constant-Q magnitude in each pitch class."""
    tuning = estimate_tuning(sound.magnitude, sound.bin_hz, BINS)
    bins = constant_q(sound.samples, sound.settings.sample_rate, sound.settings.hop, tuning)
    octave = bins.reshape(-1, OCTAVES, BINS).sum(axis=1)
    # A class gathers the bins around its note: the first has the octave's last bin.
    return np.roll(octave, BINS // CLASSES // 2, axis=1).reshape(-1, CLASSES, BINS // CLASSES).sum(axis=2)


def chroma_cqt(energy: np.ndarray) -> np.ndarray:
    """Return the chroma of `constant_q_energy`, each frame's largest class 1."""
    return scaled(energy, np.inf)


def chroma_cens(energy: np.ndarray) -> np.ndarray:
    """Return the chroma energy statistics of `constant_q_energy` (Müller & Ewert, 2011), each frame of length 1."""
    share = scaled(energy, 1)
    steps = sum((share > step) * np.float32(1 / len(ENERGY_STEPS)) for step in ENERGY_STEPS)
    bell = np.hanning(SMOOTHED_FRAMES + 2)
    return scaled(convolve1d(steps, bell / bell.sum(), axis=0, mode="constant"), 2)


def tonnetz(energy: np.ndarray) -> np.ndarray:
    """Return the tonal centroid of `constant_q_energy` (Harte et al., 2006), ``[frames, 6]``.

    Circles of fifths, minor and major thirds, two coordinates each.
    """
    angle = np.pi * np.outer((7 / 6, 3 / 2, 2 / 3), np.arange(CLASSES))
    circles = np.stack((np.sin(angle), np.cos(angle)), axis=1) * np.array((1, 1, 0.5))[:, np.newaxis, np.newaxis]
    return scaled(energy, 1) @ circles.reshape(6, CLASSES).T.astype(np.float32)


def estimate_tuning(spectra: np.ndarray, bin_hz: np.ndarray, resolution: int) -> float:
    """Return how far the pitches of ``[frames, bins]`` lie from 440 Hz and its scale.

    The commonest deviation of spectral peaks of at least median height, in hundredths of the scale's
    `resolution` steps an octave, -0.5 to 0.49; 0 without peaks.
    """
    pitch, height = _peaks(spectra, bin_hz)
    if not len(pitch):
        return 0.0
    pitch = pitch[height >= np.median(height)]
    deviation = np.mod(resolution * np.log2(pitch / np.float32(27.5)), 1)
    counts, edges = np.histogram(np.where(deviation >= 0.5, deviation - 1, deviation), np.linspace(-0.5, 0.5, 101))
    return float(edges[np.argmax(counts)])


def _peaks(spectra: np.ndarray, bin_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frequency (Hz) and height of all spectral peaks, by a parabola through a peak and its neighbours."""
    first, stop = np.searchsorted(bin_hz, PITCHES_HZ)
    stop = min(stop, len(bin_hz) - 1)
    band = spectra[:, first - 1 : stop + 1]
    left, middle, right = band[:, :-2], band[:, 1:-1], band[:, 2:]
    is_peak = (middle > left) & (middle >= right) & (middle > PEAK_SHARE * spectra.max(axis=1, keepdims=True))
    left, middle, right = left[is_peak], middle[is_peak], right[is_peak]
    slope = (right - left) / 2
    shift = slope / (2 * middle - left - right)
    bins = first + np.nonzero(is_peak)[1]
    return ((bins + shift) * float(bin_hz[1])).astype(np.float32), middle + slope * shift / 2


@lru_cache(maxsize=32)
def _chroma_filters(rate: int, n_fft: int, tuning: float) -> np.ndarray:
    """Return the weight of each bin in each pitch class, float32 ``[bins, 12]`` (Ellis, 2007)."""
    # One bin more than there are, as a bin's width is its distance from the next; bin 0 is put below all notes.
    hz = np.arange(1, n_fft // 2 + 2) * rate / n_fft
    note = CLASSES * (np.log2(hz / 27.5) - tuning / CLASSES)
    note = np.concatenate(([note[0] - 1.5 * CLASSES], note))
    width = np.maximum(np.diff(note), 1)[:, np.newaxis]
    note = note[:-1, np.newaxis]
    from_c = 3  # notes count from A
    distance = np.mod(note - from_c - np.arange(CLASSES) + CLASSES / 2, CLASSES) - CLASSES / 2
    bells = scaled(np.exp(-0.5 * (2 * distance / width) ** 2), 2)
    octave = np.exp(-0.5 * ((note / CLASSES - CENTRE_OCTAVE) / OCTAVE_WIDTH) ** 2)
    return (bells * octave).astype(np.float32)
