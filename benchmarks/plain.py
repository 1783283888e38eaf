"""What people write with librosa: the other side of the benchmarks.

Each feature is asked of the samples, as in librosa's own examples, and so each finds its spectra anew.
"""

from typing import Literal

import librosa
import numpy as np
from scipy import stats


def plain_descriptors(y: np.ndarray, sr: int, which: Literal["means25", "means36", "full"]) -> np.ndarray:
    """Return the descriptors of a segment in the order of `genreflow.features.descriptor_sets`."""
    return plain_statistics(y, sr) if which == "full" else plain_means(y, sr, twelve_chroma=which == "means36")


def plain_means(y: np.ndarray, sr: int, *, twelve_chroma: bool) -> np.ndarray:
    """Return means over time and the tempo: 25 numbers, or 36."""
    chroma = librosa.feature.chroma_stft(y=y, sr=sr)
    return np.hstack(
        [
            np.mean(librosa.feature.zero_crossing_rate(y)),
            np.mean(librosa.feature.spectral_centroid(y=y, sr=sr)),
            np.mean(librosa.feature.spectral_rolloff(y=y, sr=sr)),
            np.mean(librosa.feature.mfcc(y=y, sr=sr), axis=1),
            np.mean(chroma, axis=1) if twelve_chroma else np.mean(chroma),
            librosa.feature.tempo(y=y, sr=sr),
        ]
    )


def plain_statistics(y: np.ndarray, sr: int) -> np.ndarray:
    """Return seven statistics of 74 features: 518 numbers."""
    features = [
        librosa.feature.chroma_cens(y=y, sr=sr),
        librosa.feature.chroma_cqt(y=y, sr=sr),
        librosa.feature.chroma_stft(y=y, sr=sr),
        librosa.feature.mfcc(y=y, sr=sr),
        librosa.feature.rms(y=y),
        librosa.feature.spectral_bandwidth(y=y, sr=sr),
        librosa.feature.spectral_centroid(y=y, sr=sr),
        librosa.feature.spectral_contrast(y=y, sr=sr),
        librosa.feature.spectral_rolloff(y=y, sr=sr),
        librosa.feature.tonnetz(y=y, sr=sr),
        librosa.feature.zero_crossing_rate(y),
    ]
    return np.hstack([np.hstack(seven_statistics(feature)) for feature in features])


def seven_statistics(feature: np.ndarray) -> list[np.ndarray]:
    """Return kurtosis, max, mean, median, min, skewness and standard deviation of each row."""
    return [
        stats.kurtosis(feature, axis=1),
        np.max(feature, axis=1),
        np.mean(feature, axis=1),
        np.median(feature, axis=1),
        np.min(feature, axis=1),
        stats.skew(feature, axis=1),
        np.std(feature, axis=1),
    ]
