"""Front-ends as functions of samples and keyword arguments: the public `genreflow.features`.

Shapes: samples float32 ``[n]``, spectrograms ``[n_bins, n_frames]``. `y` is a whole excerpt, such as `genreflow.load`
returns. Keyword arguments are the settings of the front-end, under their names and with their defaults; the sampling
rate is `sr`.
"""

from typing import Any, TypeVar

import numpy as np
import pandas as pd

from genreflow.config.inputs import Descriptors, FrontEndSettings, LogMel, MusicMaps, Stft
from genreflow.config.load import settings_from
from genreflow.errors import UserError
from genreflow.features.front_end import FrontEnd

S = TypeVar("S", bound=FrontEndSettings)


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
    return _transformed(y, _front_end(LogMel, sr, settings))


def stft(y: np.ndarray, *, sr: int = 22_050, **settings: Any) -> np.ndarray:
    """Compute a magnitude spectrogram.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Samples, at least `n_fft` of them unless frames are centered.
    sr : int
        Sampling rate, Hz.
    **settings
        ``n_fft, hop, window, centered, magnitude`` of `genreflow.config.inputs.Stft`.

    Returns
    -------
    np.ndarray [shape=(1 + n_fft // 2, n_frames), dtype=float32]

    Examples
    --------
    >>> import numpy as np, genreflow as gf
    >>> gf.features.stft(np.ones(66_048, np.float32), sr=22_050).shape
    (513, 128)
    """
    return _transformed(y, _front_end(Stft, sr, settings))


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
    front_end = _front_end(MusicMaps, sr, settings)
    return pd.DataFrame(_transformed(y, front_end).T, columns=front_end.rows())


def descriptors(y: np.ndarray, *, sr: int = 22_050, **settings: Any) -> pd.Series:
    """Compute statistics that sum up an excerpt.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Samples.
    sr : int
        Sampling rate, Hz.
    **settings
        ``set`` (``means25``, ``means36``, ``texture`` or ``full``), ``n_fft, hop`` of
        `genreflow.config.inputs.Descriptors`.

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
    front_end = _front_end(Descriptors, sr, settings)
    return pd.Series(_transformed(y, front_end), index=front_end.rows())


def _front_end(kind: type[S], sr: int, settings: dict[str, Any]) -> FrontEnd[S]:
    return FrontEnd.of(settings_from(kind, {"sample_rate": sr, **settings}, f"features.{kind.__name__}"))


def _transformed(y: np.ndarray, front_end: FrontEnd[Any]) -> np.ndarray:
    samples, least = np.asarray(y, np.float32), max(1, front_end.n_fft - 2 * front_end.margin)
    if samples.ndim != 1 or len(samples) < least or not np.isfinite(samples).all():
        raise UserError(f"y: {least:,} or more finite samples in one dimension are needed, not shape {samples.shape}.")
    return front_end.transform(samples)
