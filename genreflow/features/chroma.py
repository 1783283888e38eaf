"""Pitch classes: tuning, chroma, keys and harmonic change.

Chromas are ``[..., 12]`` from C upwards. Descriptors have librosa's chromas. The key clarity of music maps needs
MIRtoolbox's: librosa's filters reach over neighboring semitones, and a scale of pure tones has a clarity of 0.71 with
them where MIRtoolbox's have more than 0.8. Tonal centroids are librosa's, and tuning is its estimate, ten times faster.
"""

from functools import lru_cache

import numpy as np

# The range of MIRtoolbox's chroma: whole octaves up from 100 Hz, the first to pass 5 kHz (mirchromagram).
LOWEST_HZ, HIGHEST_HZ = 100.0, 6_400.0
MIDDLE_C_HZ = 261.6256

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
# Tuning: the range of spectral peaks that are taken for pitches, Hz, and their least share of a frame's highest.
PITCHES_HZ = (150.0, 4000.0)
PEAK_SHARE = np.float32(0.1)


@lru_cache(maxsize=8)
def pitch_class_weights(n_fft: int, sample_rate: int) -> np.ndarray:
    """Return the weight of each bin of a spectrum in each pitch class, as MIRtoolbox computes it for the maps' study.

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
    # Of one note more on either side: a bin may round to one note and be nearer in Hz to its neighbor.
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
        float64 ``[..., 24]``, major keys before minor ones, each from C upwards; 0 where the chroma is zero or flat.
    """
    modes = np.array(PROFILES[profiles])
    keys = np.stack([np.roll(mode, tonic) for mode in modes for tonic in range(12)])
    keys -= keys.mean(axis=-1, keepdims=True)
    keys /= np.linalg.norm(keys, axis=-1, keepdims=True)
    chroma = np.asarray(chroma, np.float64)
    centered = chroma - chroma.mean(axis=-1, keepdims=True)
    spread = np.linalg.norm(centered, axis=-1, keepdims=True)
    uneven = spread > FLAT * np.abs(chroma).sum(axis=-1, keepdims=True)
    return np.divide(centered, spread, where=uneven, out=np.zeros_like(centered)) @ keys.T


def key_clarity(chroma: np.ndarray, profiles: str) -> np.ndarray:
    """Return the correlation of a chroma with the best key, float64 ``[...]``, 0 to 1; 0 where it is zero or flat."""
    return key_strengths(chroma, profiles).max(axis=-1)


def harmonic_change(chroma: np.ndarray) -> np.ndarray:
    """Return the distance of the tonal centroid of each frame from that of the frame before (Harte et al. 2006).

    As in that paper the centroid is of a chroma whose sum is 1. MIRtoolbox's `mirtonalcentroid` does not divide by the
    sum.

    Parameters
    ----------
    chroma
        ``[frames, 12]``.

    Returns
    -------
    np.ndarray
        float64 ``[frames]``; 0 in the first frame, and where a frame or the one before it has a zero chroma.
    """
    from genreflow.features.compiled import librosa

    moved = np.linalg.norm(np.diff(librosa.feature.tonnetz(chroma=np.asarray(chroma, np.float64).T)), axis=0)
    sounding = np.any(chroma, axis=-1)
    return np.concatenate([[0.0], np.where(sounding[1:] & sounding[:-1], moved, 0)])


def estimate_tuning(spectra: np.ndarray, bin_hz: np.ndarray, resolution: int) -> float:
    """Return the deviation of the pitches of ``[frames, bins]`` from a scale on 440 Hz, as `librosa.estimate_tuning`.

    It is the commonest deviation of spectral peaks of at least median height, in hundredths of the scale's
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
    """Return frequency (Hz) and height of all spectral peaks, by a parabola through a peak and its neighbors."""
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
