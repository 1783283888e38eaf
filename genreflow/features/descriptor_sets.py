"""Descriptors: the numbers that sum up a segment, for random forests and other models that want no pictures.

Three sets. ``means25`` and ``means36`` are the features of Giamatti & Smith (2020): means over time, and the
tempo. ``full`` has seven statistics of 74 features, named and ordered as in the features.csv of FMA (Defferrard
et al., 2017). Values are those of librosa 0.11 with its defaults; FMA's constant-Q spectra had 12 bins an octave
where these have 36, and its tonal centroid came from CENS.

Silence: rates, frequencies, levels, chroma and tempo are 0; MFCC are those of -100 dB, so the first is -1131 and
the others 0. A feature that never changes has skewness and kurtosis 0.
"""

import numpy as np

from genreflow.config.inputs import Descriptors
from genreflow.features import timbre, tonality
from genreflow.features.short_time import ShortTime
from genreflow.features.tempo import tempo

# Raise it when descriptors would have other values.
STAGE_VERSION = 1

# The features of the full set, in FMA's order, and how many numbers a frame has of each.
FULL = {
    "chroma_cens": 12,
    "chroma_cqt": 12,
    "chroma_stft": 12,
    "mfcc": 20,
    "rmse": 1,
    "spectral_bandwidth": 1,
    "spectral_centroid": 1,
    "spectral_contrast": 7,
    "spectral_rolloff": 1,
    "tonnetz": 6,
    "zcr": 1,
}
STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")


def names(settings: Descriptors) -> list[str]:
    """Return the names of what `describe` returns, in its order: ``mfcc_03_mean``; FMA's ``mfcc_mean_03`` in `full`."""
    if settings.set == "full":
        return [
            f"{feature}_{statistic}_{number:02d}"
            for feature, size in FULL.items()
            for statistic in STATISTICS
            for number in range(1, size + 1)
        ]
    mfcc, chroma = ([f"{name}_{number:02d}" for number in range(1, FULL[name] + 1)] for name in ("mfcc", "chroma_stft"))
    features = ["zcr", "spectral_centroid", "spectral_rolloff", *mfcc]
    features += ["chroma_stft"] if settings.set == "means25" else chroma
    return [*(f"{feature}_mean" for feature in features), "tempo"]


def describe(samples: np.ndarray, settings: Descriptors) -> np.ndarray:
    """Sum up a segment.

    Parameters
    ----------
    samples
        float32 ``[n]`` at ``settings.sample_rate``, finite, full scale 1.
    settings
        Which set, and the frames.

    Returns
    -------
    np.ndarray
        float32 ``[d]``, finite; d is 25, 36 or 518, see `names`.

    Raises
    ------
    ValueError
        When the segment is shorter than one frame. The full set needs a sample rate above 12.8 kHz, bins less than
        200 Hz apart and a hop that is a multiple of 64; the tempo, a hop of 4 s at most.
    """
    sound = ShortTime(samples, settings)
    return _full(sound) if settings.set == "full" else _means(sound)


def _means(sound: ShortTime) -> np.ndarray:
    features = (timbre.zero_crossing_rate, timbre.centroid, timbre.rolloff, timbre.mfcc, tonality.chroma_stft)
    *others, chroma = (feature(sound).mean(axis=0, dtype=np.float64) for feature in features)
    if sound.settings.set == "means25":
        chroma = chroma.mean(keepdims=True)
    return np.concatenate((*others, chroma, [tempo(sound)])).astype(np.float32)


def _full(sound: ShortTime) -> np.ndarray:
    energy = tonality.constant_q_energy(sound)
    curves = {
        "chroma_cens": tonality.chroma_cens(energy),
        "chroma_cqt": tonality.chroma_cqt(energy),
        "chroma_stft": tonality.chroma_stft(sound),
        "mfcc": timbre.mfcc(sound),
        "rmse": timbre.rms(sound),
        "spectral_bandwidth": timbre.bandwidth(sound),
        "spectral_centroid": timbre.centroid(sound),
        "spectral_contrast": timbre.contrast(sound),
        "spectral_rolloff": timbre.rolloff(sound),
        "tonnetz": tonality.tonnetz(energy),
        "zcr": timbre.zero_crossing_rate(sound),
    }
    return np.concatenate([_statistics(curves[feature]).ravel() for feature in FULL]).astype(np.float32)


def _statistics(curves: np.ndarray) -> np.ndarray:
    """Return `STATISTICS` of the columns of ``[frames, d]``, ``[7, d]``: population moments, excess kurtosis."""
    curves = np.ascontiguousarray(curves.T, np.float64)
    mean = curves.mean(axis=1)
    centred = curves - mean[:, np.newaxis]
    square = centred**2
    variance = square.mean(axis=1)
    # What differs from its mean by the rounding of single precision alone is constant (as in scipy).
    constant = variance <= (np.finfo(np.float32).resolution * mean) ** 2
    unit = np.where(constant, 1, variance)
    kurtosis = np.where(constant, 0, (square**2).mean(axis=1) / unit**2 - 3)
    skewness = np.where(constant, 0, (square * centred).mean(axis=1) / unit**1.5)
    median = np.median(curves, axis=1)
    return np.stack((kurtosis, curves.max(axis=1), mean, median, curves.min(axis=1), skewness, np.sqrt(variance)))
