"""Log-mel spectrograms, with librosa's values or torchaudio's.

Shapes: samples ``[n]``, spectrograms ``[n_mels, n_frames]``. Frame `f` is centred on sample ``f * hop``.
"""

from functools import lru_cache

import numpy as np
from scipy.fft import rfft
from scipy.signal import get_window
from scipy.sparse import csr_array

from genreflow.config.inputs import LogMel
from genreflow.features.shapes import margin

# Raise it when log-mel slices would have other values.
STAGE_VERSION = 1

# Frames transformed together: their spectra stay in a core's cache.
BLOCK = 128
# Decibels for each power of ten of mel power, and the power that lower ones are raised to: librosa's power_to_db,
# and its amplitude_to_db (which expects no power) as the code of the psytrance study used it.
DECIBELS = {"power": (10.0, 1e-10), "double_log": (20.0, 1e-5)}
# What `np.pad` calls the ways of padding.
PADDING = {"zeros": "constant", "reflect": "reflect"}


def log_mel(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    """Return the log-mel spectrogram of a whole excerpt, padded at its ends.

    With the defaults librosa's ``power_to_db(melspectrogram(center=True, pad_mode="constant"))`` without its limit
    of range; with ``mel="htk", padding="reflect"`` torchaudio's ``AmplitudeToDB(MelSpectrogram)``.

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
    return log_mel_of_frames(np.pad(samples, margin(settings), mode=PADDING[settings.padding]), settings)


def log_mel_of_frames(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    """Return the log-mel spectrogram of the frames that lie wholly inside an excerpt.

    The first frame begins with the first sample; what a frame needs either side of its centre is part of the
    excerpt (see `frame_span`). The ``max`` of ``reference`` and what ``top_db`` hangs from are the excerpt's.

    Returns
    -------
    np.ndarray
        float32 ``[n_mels, 1 + (n - n_fft) // hop]``.

    Raises
    ------
    ValueError
        When the excerpt is shorter than one frame.
    """
    power = mel_power(samples, settings)
    level = power if settings.decibels == "none" else _decibels(power, settings)
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
    """Return triangular filters: on Slaney's mel scale of unit area over frequency in Hz, on HTK's of height 1.

    Returns
    -------
    np.ndarray
        float32 ``[n_mels, 1 + n_fft // 2]``, as ``librosa.filters.mel`` or ``torchaudio.functional.melscale_fbanks``.
    """
    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    corners = _band_edges(settings)
    left, centre, right = (corners[i : i + settings.n_mels, np.newaxis] for i in range(3))
    triangles = np.maximum(np.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)), 0)
    return (triangles if settings.mel == "htk" else triangles * 2 / (right - left)).astype(np.float32)


def band_centres(settings: LogMel) -> np.ndarray:
    """Return the centre frequencies of the mel bands, Hz ``[n_mels]``."""
    return _band_edges(settings)[1:-1]


def _band_edges(settings: LogMel) -> np.ndarray:
    top = settings.fmax if settings.fmax is not None else settings.sample_rate / 2
    to_mel, to_hz = _MEL_SCALES[settings.mel]
    return to_hz(np.linspace(to_mel(settings.fmin), to_mel(top), settings.n_mels + 2))


# Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz (15 mel), then 27 mel for each factor of 6.4.
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27


def _hz_to_slaney(hz: float) -> float:
    return hz * _KNEE_MEL / _KNEE_HZ if hz < _KNEE_HZ else _KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP


def _slaney_to_hz(mel: np.ndarray) -> np.ndarray:
    bent = _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _KNEE_HZ / _KNEE_MEL, bent)


# HTK's scale (O'Shaughnessy, 1987).
def _hz_to_htk(hz: float) -> float:
    return 2595 * np.log10(1 + hz / 700)


def _htk_to_hz(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)


_MEL_SCALES = {"slaney": (_hz_to_slaney, _slaney_to_hz), "htk": (_hz_to_htk, _htk_to_hz)}


@lru_cache(maxsize=8)
def _sparse_filter_bank(settings: LogMel) -> csr_array:
    # Two filters at most cover a bin: the sparse product is four times faster than the dense one.
    return csr_array(mel_filter_bank(settings))


def _decibels(power: np.ndarray, settings: LogMel) -> np.ndarray:
    # Absolute by default, without librosa's top_db: a track's maximum is unknown where only its middle is decoded.
    factor, floor = DECIBELS[settings.decibels]
    level = factor * np.log10(np.maximum(power, floor))
    if settings.reference == "max":
        level -= level.max()
    return level if settings.top_db is None else np.maximum(level, level.max() - settings.top_db)


def _scaled_by_frame(level: np.ndarray) -> np.ndarray:
    """Scale each frame to 0..1 over its bands; a frame that is the same in all bands becomes 0."""
    low, high = level.min(axis=0), level.max(axis=0)
    return (level - low) / np.where(high > low, high - low, 1)
