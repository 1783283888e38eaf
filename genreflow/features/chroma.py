"""Twelve pitch classes, keys and tonal centroids, as MIRtoolbox computes them.

Shapes: magnitudes ``[..., bins]``, chromas ``[..., 12]`` from C upwards.
"""

from functools import lru_cache

import numpy as np

# The range is whole octaves up from 100 Hz, the first to pass 5 kHz (mirchromagram).
LOWEST_HZ, HIGHEST_HZ = 100.0, 6_400.0
MIDDLE_C_HZ = 261.6256

_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
KEYS = tuple(f"{note} {mode}" for mode in ("major", "minor") for note in _NOTES)

# Weight of each pitch class in C major and C minor: Gómez (2006), of polyphonic audio, and Krumhansl and Kessler
# (1982), of listeners' judgements.
PROFILES = {
    "gomez": (
        (1.5613, 0.8396, 1.1929, 0.7586, 1.4157, 1.0300, 0.8756, 1.5361, 0.8415, 1.2141, 0.7235, 1.1331),
        (1.6222, 0.8027, 1.1587, 1.3813, 0.9795, 1.0486, 0.8595, 1.5466, 1.0523, 1.0179, 1.1278, 0.9862),
    ),
    "krumhansl": (
        (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
        (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
    ),
}

# A chroma whose deviation from its mean is a smaller share of its sum is flat but for rounding.
FLAT = 1e-6


@lru_cache(maxsize=8)
def pitch_class_weights(n_fft: int, sample_rate: int) -> np.ndarray:
    """Return what each bin of a spectrum counts for each pitch class.

    A bin belongs to the note that is nearest in Hz. A note is the mean of its bins; a pitch class is the sum of its
    notes, of which the lowest and the highest, which the ends of the range cut through, count half.

    Returns
    -------
    np.ndarray
        float32 ``[1 + n_fft // 2, 12]``, to be multiplied by magnitudes from the left.
    """
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    inside = np.flatnonzero((bins >= LOWEST_HZ) & (bins <= HIGHEST_HZ))
    weights = np.zeros((len(bins), 12), np.float32)
    if not len(inside):
        return weights
    lowest, highest = np.round(12 * np.log2(bins[inside[[0, -1]]] / MIDDLE_C_HZ)).astype(int)
    # Of one note more on either side: a bin may round to one note and be nearer in Hz to its neighbour.
    notes = np.arange(lowest - 1, highest + 2)
    hz = MIDDLE_C_HZ * 2 ** (notes / 12)
    nearest = np.searchsorted((hz[:-1] + hz[1:]) / 2, bins[inside])
    share = 1 / np.bincount(nearest, minlength=len(notes))[nearest]
    share[np.isin(nearest, (nearest[0], nearest[-1]))] /= 2
    weights[inside, notes[nearest] % 12] = share
    return weights


def key_strengths(chroma: np.ndarray, profiles: str) -> np.ndarray:
    """Return the Pearson correlation of a chroma with the profile of every key.

    Parameters
    ----------
    chroma
        ``[..., 12]``; its scale does not matter.
    profiles
        A key of `PROFILES`.

    Returns
    -------
    np.ndarray
        float64 ``[..., 24]`` in the order of `KEYS`; 0 where the chroma is zero or flat.
    """
    modes = np.array(PROFILES[profiles])
    keys = np.stack([np.roll(mode, tonic) for mode in modes for tonic in range(12)])
    keys -= keys.mean(axis=-1, keepdims=True)
    keys /= np.linalg.norm(keys, axis=-1, keepdims=True)
    chroma = np.asarray(chroma, np.float64)
    centred = chroma - chroma.mean(axis=-1, keepdims=True)
    spread = np.linalg.norm(centred, axis=-1, keepdims=True)
    uneven = spread > FLAT * np.abs(chroma).sum(axis=-1, keepdims=True)
    return np.divide(centred, spread, where=uneven, out=np.zeros_like(centred)) @ keys.T


def key_clarity(chroma: np.ndarray, profiles: str) -> np.ndarray:
    """Return how well the best key fits a chroma: float64 ``[...]``, 0 to 1; 0 where it is zero or flat."""
    return key_strengths(chroma, profiles).max(axis=-1)


def tonal_centroid(chroma: np.ndarray) -> np.ndarray:
    """Return the place of a chroma in the circles of fifths, minor thirds and major thirds (Harte et al. 2006).

    Returns
    -------
    np.ndarray
        float64 ``[..., 6]``: sine and cosine in each circle, of radii 1, 1 and 0.5; 0 for a zero chroma.
    """
    chroma = np.asarray(chroma, np.float64)
    turns = np.arange(12)[:, np.newaxis] * np.pi * np.array([7 / 6, 3 / 2, 2 / 3])
    circles = np.stack([np.sin(turns), np.cos(turns)], axis=-1) * np.array([1, 1, 0.5])[:, np.newaxis]
    total = np.abs(chroma).sum(axis=-1, keepdims=True)
    return (np.divide(chroma, total, where=total > 0, out=np.zeros_like(chroma))) @ circles.reshape(12, 6)


def harmonic_change(chroma: np.ndarray) -> np.ndarray:
    """Return how far the tonal centroid moves from each frame to the next.

    Parameters
    ----------
    chroma
        ``[frames, 12]``.

    Returns
    -------
    np.ndarray
        float64 ``[frames]``; 0 in the first frame, and where a frame or the one before it has a zero chroma.
    """
    moved = np.linalg.norm(np.diff(tonal_centroid(chroma), axis=0), axis=-1)
    sounding = np.any(chroma, axis=-1)
    return np.concatenate([[0.0], np.where(sounding[1:] & sounding[:-1], moved, 0)])
