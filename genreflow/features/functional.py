"""Front-ends as functions of samples and keyword arguments: the public `genreflow.features`.

Shapes: samples float32 ``[n]``, spectrograms ``[n_bins, n_frames]``. `y` is a whole excerpt, such as `genreflow.load`
returns. Keyword arguments are the settings of the front-end, under their names and with their defaults; the sampling
rate is `sr`.
"""

from typing import Any, TypeVar

import numpy as np
import pandas as pd

from genreflow.config.base import Settings
from genreflow.config.inputs import Descriptors, LogMel, MusicMaps, Stft
from genreflow.config.load import settings_from
from genreflow.errors import UserError
from genreflow.features import descriptor_sets, maps, mel, spectrogram

S = TypeVar("S", bound=Settings)


def logmel(y: np.ndarray, *, sr: int = 44_100, **settings: Any) -> np.ndarray:
    """Compute a log-mel spectrogram with centered frames.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Samples.
    sr : int
        Sampling rate, Hz.
    **settings
        ``n_fft, hop, n_mels, fmin, fmax, mel, padding, decibels, reference, top_db, scale`` of
        `genreflow.config.inputs.LogMel`.

    Returns
    -------
    np.ndarray [shape=(n_mels, 1 + n // hop), dtype=float32]
        Levels, dB.

    Raises
    ------
    UserError
        When a setting or the samples are not valid.

    Examples
    --------
    >>> import numpy as np, genreflow as gf
    >>> y = np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050)
    >>> gf.features.logmel(y, sr=22_050, n_mels=64, hop=512).shape
    (64, 44)
    """
    front_end = _settings(LogMel, sr, settings)
    return mel.log_mel(_samples(y, 1), front_end)


def stft(y: np.ndarray, *, sr: int = 22_050, **settings: Any) -> np.ndarray:
    """Compute a magnitude spectrogram.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Samples, at least `n_fft` of them unless frames are centered.
    sr : int
        Sampling rate, Hz.
    **settings
        ``n_fft, hop, window, centred, magnitude`` of `genreflow.config.inputs.Stft`.

    Returns
    -------
    np.ndarray [shape=(1 + n_fft // 2, n_frames), dtype=float32]

    Examples
    --------
    >>> import numpy as np, genreflow as gf
    >>> gf.features.stft(np.ones(66_048, np.float32), sr=22_050).shape
    (513, 128)
    """
    front_end = _settings(Stft, sr, settings)
    return spectrogram.stft_magnitude(_samples(y, 1 if front_end.centred else front_end.n_fft), front_end)


def music_maps(y: np.ndarray, *, sr: int = 22_050, **settings: Any) -> pd.DataFrame:
    """Compute music features per frame (Senac et al. 2017).

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Samples, at least `n_fft` of them.
    sr : int
        Sampling rate, Hz.
    **settings
        ``n_fft, hop, brightness_hz, profiles, without, chroma`` of `genreflow.config.inputs.MusicMaps`.

    Returns
    -------
    pd.DataFrame
        A row per frame, a column per feature.

    Examples
    --------
    >>> import numpy as np, genreflow as gf
    >>> list(gf.features.music_maps(np.random.default_rng(0).normal(size=22_050)))[:2]
    ['short-term energy', 'zero-crossing rate']
    """
    front_end = _settings(MusicMaps, sr, settings)
    values = maps.music_maps(_samples(y, front_end.n_fft), front_end)
    return pd.DataFrame(values.T, columns=list(maps.units(front_end)))


def descriptors(y: np.ndarray, *, sr: int = 22_050, **settings: Any) -> pd.Series:
    """Compute statistics that sum up an excerpt.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Samples.
    sr : int
        Sampling rate, Hz.
    **settings
        ``set`` (``means25``, ``means36`` or ``full``), ``n_fft, hop`` of `genreflow.config.inputs.Descriptors`.

    Returns
    -------
    pd.Series
        Values by name.

    Examples
    --------
    >>> import numpy as np, genreflow as gf
    >>> len(gf.features.descriptors(np.random.default_rng(0).normal(size=66_150), set="means25"))
    25
    """
    front_end = _settings(Descriptors, sr, settings)
    return pd.Series(
        descriptor_sets.describe(_samples(y, front_end.n_fft), front_end), index=descriptor_sets.names(front_end)
    )


def _settings(kind: type[S], sr: int, settings: dict[str, Any]) -> S:
    return settings_from(kind, {"sample_rate": sr, **settings}, f"features.{kind.__name__}")


def _samples(y: np.ndarray, least: int) -> np.ndarray:
    samples = np.asarray(y, np.float32)
    if samples.ndim != 1 or len(samples) < least or not np.isfinite(samples).all():
        raise UserError(f"y: {least:,} or more finite samples in one dimension are needed, not shape {samples.shape}.")
    return samples
