"""Features of single frames that tell of timbre and loudness, with librosa's values.

Each function takes a `ShortTime` and returns float32 ``[frames, d]``.
"""

import numpy as np
from scipy.fft import dct

from genreflow.features.short_time import ShortTime, decibels, scaled

# What is quieter has no sign (librosa).
SILENT = np.float32(1e-10)
ROLLED_OFF = np.float32(0.85)
COEFFICIENTS = 20
# Contrast: the bands' upper edges but the last, Hz, and the share of a band's bins that is a peak or a valley.
CONTRAST_EDGES = 200.0 * 2.0 ** np.arange(6)
CONTRAST_SHARE = 0.02


def zero_crossing_rate(sound: ShortTime) -> np.ndarray:
    """Return the share of a frame's samples whose sign is not that of the sample before; beyond the ends, none is."""
    length, hop = sound.settings.n_fft, sound.settings.hop
    padded = np.pad(sound.samples, length // 2, mode="edge")
    negative = padded < -SILENT
    crossings = np.concatenate(([0], np.cumsum(negative[1:] != negative[:-1])))
    starts = np.arange(len(sound.frames)) * hop
    return ((crossings[starts + length - 1] - crossings[starts]) / length).astype(np.float32)[:, np.newaxis]


def rms(sound: ShortTime) -> np.ndarray:
    """Return the root of the mean square of each frame, without a window."""
    energy = np.einsum("ij,ij->i", sound.frames, sound.frames)
    return np.sqrt(energy / sound.settings.n_fft)[:, np.newaxis]


def centroid(sound: ShortTime) -> np.ndarray:
    """Return the mean frequency, weighted by magnitude, Hz; 0 for a silent frame."""
    return (scaled(sound.magnitude, 1) @ sound.bin_hz)[:, np.newaxis]


def bandwidth(sound: ShortTime) -> np.ndarray:
    """Return the standard deviation of frequency, weighted by magnitude, Hz; 0 for a silent frame."""
    deviation = sound.bin_hz - centroid(sound)
    return np.sqrt(np.einsum("ij,ij,ij->i", scaled(sound.magnitude, 1), deviation, deviation))[:, np.newaxis]


def rolloff(sound: ShortTime) -> np.ndarray:
    """Return the frequency below which 85 % of the magnitude lie, Hz; 0 for a silent frame."""
    total = np.cumsum(sound.magnitude, axis=1)
    reached = np.argmax(total >= ROLLED_OFF * total[:, -1:], axis=1)
    return sound.bin_hz[reached][:, np.newaxis]


def contrast(sound: ShortTime) -> np.ndarray:
    """Return the level of peaks over that of valleys in seven octave bands, dB ``[frames, 7]``; 0 for silence.

    Raises
    ------
    ValueError
        When a band would be empty: 6400 Hz must lie below half the sample rate, and bins less than 200 Hz apart.
    """
    if sound.bin_hz[1] >= CONTRAST_EDGES[0] or sound.settings.sample_rate / 2 <= CONTRAST_EDGES[-1]:
        raise ValueError("contrast needs a sample rate above 12.8 kHz and bins less than 200 Hz apart (a longer n_fft)")
    cuts = np.searchsorted(sound.bin_hz, CONTRAST_EDGES) - 1
    peak, valley = (np.empty((len(sound.magnitude), len(cuts) + 1), np.float32) for _ in range(2))
    for band, bins in enumerate(np.split(np.arange(len(sound.bin_hz)), cuts)):
        # librosa counts a bin more in all bands but the last.
        count = max(1, round(CONTRAST_SHARE * (len(bins) + (band < len(cuts)))))
        magnitude = np.sort(sound.magnitude[:, bins[0] : bins[-1] + 1], axis=1)
        peak[:, band] = magnitude[:, -count:].mean(axis=1)
        valley[:, band] = magnitude[:, :count].mean(axis=1)
    return decibels(peak) - decibels(valley)


def mfcc(sound: ShortTime) -> np.ndarray:
    """Return the first 20 mel-frequency cepstral coefficients ``[frames, 20]``; the first of silence is -1131."""
    return dct(sound.mel_level, axis=1, norm="ortho")[:, :COEFFICIENTS]
