"""Log-mel spectrograms, with librosa's values.

Shapes: samples ``[n]``, spectrograms ``[n_mels, n_frames]``. Frame `f` is centred on sample ``f * hop``.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import rfft
from scipy.signal import get_window
from scipy.sparse import csr_array

from genreflow.config.inputs import LogMel

# Frames transformed together: their spectra stay in a core's cache.
BLOCK = 128
# The floor of librosa's power_to_db, in mel power.
FLOOR = 1e-10
# The floor of librosa's amplitude_to_db (the root of the above), and its range below the maximum in decibels.
DOUBLED_FLOOR = 1e-5
DOUBLED_RANGE = 80.0


def frame_count(n_samples: int, settings: LogMel) -> int:
    """Return the number of centred frames of a track of `n_samples`."""
    return 1 + (n_samples + 2 * (settings.n_fft // 2) - settings.n_fft) // settings.hop


def frame_span(first: int, count: int, settings: LogMel) -> tuple[int, int]:
    """Return the samples ``start, stop`` that `count` frames from `first` on look at.

    Near the track's ends `start` is negative or `stop` beyond the last sample: there the frames see zeros.
    """
    start = first * settings.hop - settings.n_fft // 2
    return start, start + (count - 1) * settings.hop + settings.n_fft


def log_mel(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    """Return the log-mel spectrogram of a whole track, with zeros beyond its ends.

    librosa's ``melspectrogram(center=True, pad_mode="constant")``, in decibels re 1.

    Parameters
    ----------
    samples
        float32 ``[n]`` at ``settings.sample_rate``.
    settings
        The front-end.

    Returns
    -------
    np.ndarray
        float32 ``[n_mels, frame_count(n)]``.
    """
    return log_mel_of_frames(np.pad(samples, settings.n_fft // 2), settings)


def log_mel_of_frames(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    """Return the log-mel spectrogram of the frames that lie wholly inside an excerpt.

    The first frame begins with the first sample; what a frame needs either side of its centre is part of the
    excerpt (see `frame_span`). In the ``doubled`` reading the range of 80 dB hangs from the maximum of the
    excerpt.

    Returns
    -------
    np.ndarray
        float32 ``[n_mels, 1 + (n - n_fft) // hop]``.

    Raises
    ------
    ValueError
        When the excerpt is shorter than one frame.
    """
    level = _decibels(mel_power(samples, settings), settings.decibels)
    return _scaled_by_frame(level) if settings.scale == "frame_minmax" else level


def mel_power(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    """Return the mel power ``|STFT|^2`` of the frames inside an excerpt, float32 ``[n_mels, n_frames]``."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, settings.n_fft)[:: settings.hop]
    # In double precision, as librosa: single would drown bands 80 dB below a frame's loudest in rounding.
    window = get_window("hann", settings.n_fft)
    filters = _sparse_filter_bank(settings)
    power = np.empty((settings.n_mels, len(frames)), np.float32)
    for begin in range(0, len(frames), BLOCK):
        spectrum = rfft(frames[begin : begin + BLOCK] * window)
        bins = spectrum.real.astype(np.float32) ** 2
        bins += spectrum.imag.astype(np.float32) ** 2
        power[:, begin : begin + BLOCK] = filters @ bins.T
    return power


def mel_filter_bank(settings: LogMel) -> np.ndarray:
    """Return triangular filters on Slaney's mel scale, each of unit area over frequency in Hz.

    Returns
    -------
    np.ndarray
        float32 ``[n_mels, 1 + n_fft // 2]``, as ``librosa.filters.mel``.
    """
    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    corners = _band_edges(settings)
    left, centre, right = (corners[i : i + settings.n_mels, np.newaxis] for i in range(3))
    triangles = np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre))
    return (np.maximum(triangles, 0) * 2 / (right - left)).astype(np.float32)


def band_centres(settings: LogMel) -> np.ndarray:
    """Return the centre frequencies of the mel bands, Hz ``[n_mels]``."""
    return _band_edges(settings)[1:-1]


def _band_edges(settings: LogMel) -> np.ndarray:
    top = settings.fmax if settings.fmax is not None else settings.sample_rate / 2
    return _mel_to_hz(np.linspace(_hz_to_mel(settings.fmin), _hz_to_mel(top), settings.n_mels + 2))


# Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz (15 mel), then 27 mel for each factor of 6.4.
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return hz * _KNEE_MEL / _KNEE_HZ if hz < _KNEE_HZ else _KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    bent = _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _KNEE_HZ / _KNEE_MEL, bent)


@lru_cache(maxsize=8)
def _sparse_filter_bank(settings: LogMel) -> csr_array:
    # Two filters at most cover a bin: the sparse product is four times faster than the dense one.
    return csr_array(mel_filter_bank(settings))


def _decibels(power: np.ndarray, reading: str) -> np.ndarray:
    if reading == "power":
        # Absolute, without librosa's top_db: a track's maximum is unknown where only its middle is decoded.
        return 10 * np.log10(np.maximum(power, FLOOR))
    # The study's code gave the power to amplitude_to_db, which cuts it 80 dB below the maximum: here that of the
    # excerpt, where the code took the track's.
    level = 20 * np.log10(np.maximum(power, DOUBLED_FLOOR))
    return np.maximum(level, level.max() - DOUBLED_RANGE)


def _scaled_by_frame(level: np.ndarray) -> np.ndarray:
    """Scale each frame to 0..1 over its bands; a frame that is the same in all bands becomes 0."""
    low, high = level.min(axis=0), level.max(axis=0)
    return (level - low) / np.where(high > low, high - low, 1)
