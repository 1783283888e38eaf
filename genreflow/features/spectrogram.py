"""Magnitude spectrograms.

Shapes: samples ``[n]``, spectrograms ``[1 + n_fft // 2, n_frames]``. Frame `f` begins with sample ``f * hop``, or,
where frames are centred, is centred on it.
"""

import numpy as np
from scipy.fft import rfft
from scipy.signal import get_window

from genreflow.config.inputs import Stft
from genreflow.features.shapes import margin

# Raise it when STFT slices would have other values.
STAGE_VERSION = 1

# Frames transformed together: their spectra stay in a core's cache.
BLOCK = 128


def stft_magnitude(samples: np.ndarray, settings: Stft) -> np.ndarray:
    """Return the magnitude spectrogram of a whole excerpt, with zeros beyond its ends where frames are centred.

    Parameters
    ----------
    samples
        float32 ``[n]`` at ``settings.sample_rate``.
    settings
        The front-end.

    Returns
    -------
    np.ndarray
        float32 ``[1 + n_fft // 2, frame_count(n)]``.

    Raises
    ------
    ValueError
        When the excerpt is shorter than one frame.
    """
    return stft_of_frames(np.pad(samples, margin(settings)), settings)


def stft_of_frames(samples: np.ndarray, settings: Stft) -> np.ndarray:
    """Return the magnitude spectrogram of the frames that lie wholly inside an excerpt.

    The first frame begins with the first sample; what centred frames need either side is part of the excerpt (see
    `frame_span`).

    Returns
    -------
    np.ndarray
        float32 ``[1 + n_fft // 2, 1 + (n - n_fft) // hop]``.

    Raises
    ------
    ValueError
        When the excerpt is shorter than one frame.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, settings.n_fft)[:: settings.hop]
    window = get_window(settings.window, settings.n_fft).astype(np.float32)
    magnitude = np.empty((1 + settings.n_fft // 2, len(frames)), np.float32)
    for begin in range(0, len(frames), BLOCK):
        magnitude[:, begin : begin + BLOCK] = np.abs(rfft(frames[begin : begin + BLOCK] * window)).T
    return np.log1p(magnitude, out=magnitude) if settings.magnitude == "log1p" else magnitude
