"""Constant-Q spectra: 36 bins an octave over the seven octaves from C1, with librosa's magnitudes.

All octaves are heard through the wavelets of the top one: from octave to octave the signal is halved in rate
instead (Schörkhuber & Klapuri, 2010).
"""

import numpy as np
from scipy.signal import firwin, resample_poly

from genreflow.features.short_time import BLOCK

OCTAVES = 7
BINS = 36  # an octave
LOWEST_HZ = 440 * 2 ** (-45 / 12)  # C1
# The hop must stay whole in each halved rate.
HOP_UNIT = 2 ** (OCTAVES - 1)
# Halving must keep what lies below the top octave and stop what would fold onto it. From this rate on that
# is below a third and above two thirds of half the rate; what is between spoils only bins that are done with.
LOWEST_RATE = 12_800
_HALF_BAND = firwin(43, 0.5, window=("kaiser", 10.06)).astype(np.float32)  # 100 dB


def constant_q(samples: np.ndarray, rate: int, hop: int, tuning: float) -> np.ndarray:
    """Return constant-Q magnitudes of centred frames, with zeros beyond the signal's ends.

    Parameters
    ----------
    samples
        float32 ``[n]``.
    rate, hop
        Hz; samples between frames, a multiple of 64.
    tuning
        Deviation from 440 Hz, in bins.

    Returns
    -------
    np.ndarray
        float32 ``[1 + n // hop, 252]``, lowest bin first.

    Raises
    ------
    ValueError
        When `hop` is not a multiple of 64 or the rate is below 12.8 kHz.
    """
    if rate < LOWEST_RATE:
        raise ValueError(f"sample rate {rate} is too low for seven octaves: {LOWEST_RATE} is needed")
    if hop % HOP_UNIT:
        raise ValueError(f"hop {hop} is not a multiple of {HOP_UNIT}: octaves are analysed at halved rates")
    wavelets = _wavelets(rate, tuning)
    n_frames = 1 + len(samples) // hop
    octaves = []
    for octave in range(OCTAVES):
        if octave:
            samples = resample_poly(samples, 1, 2, window=_HALF_BAND)
        # A bin's weight is the root of its wavelet's length in seconds, which doubles from octave to octave.
        octaves.append(2 ** (octave / 2) * _response(samples, hop >> octave, wavelets, n_frames))
    return np.concatenate(octaves[::-1], axis=1)


def _response(samples: np.ndarray, hop: int, wavelets: np.ndarray, n_frames: int) -> np.ndarray:
    """Return the magnitudes ``[n_frames, BINS]`` of the frames' products with the wavelets' cosines and sines."""
    length = len(wavelets)
    padded = np.pad(samples, (length // 2, length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][:n_frames]
    found = np.concatenate(
        [np.ascontiguousarray(frames[begin : begin + BLOCK]) @ wavelets for begin in range(0, n_frames, BLOCK)]
    )
    return np.hypot(found[:, :BINS], found[:, BINS:])


def _wavelets(rate: int, tuning: float) -> np.ndarray:
    """Return the cosines, then the sines of the top octave under Hann windows, float32 ``[length, 2 * BINS]``."""
    frequency = LOWEST_HZ * 2 ** (OCTAVES - 1 + (np.arange(BINS) + tuning) / BINS)
    octave_ratio = 4 ** (1 / BINS)
    quality = (octave_ratio + 1) / (octave_ratio - 1)
    length = quality * rate / frequency
    time = np.arange(-np.ceil(length[0] / 2), np.ceil(length[0] / 2))[:, np.newaxis]
    window = np.where(np.abs(time) < length / 2, np.cos(np.pi * time / length) ** 2, 0)
    phase = 2 * np.pi * frequency / rate * time
    weight = window * np.sqrt(length) / window.sum(axis=0)
    return np.concatenate((weight * np.cos(phase), weight * np.sin(phase)), axis=1).astype(np.float32)
