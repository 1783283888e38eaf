"""How far up the spectrum of a track reaches."""

import numpy as np
from scipy.fft import rfft, rfftfreq

_WINDOW = 4096
_WINDOWS = 48
_KAISER = 16.0  # side lobes 120 dB down, so that a loud bass does not look like treble
_SMOOTHING = 5  # bins
_BELOW_ALL = -100.0  # dB: what hardly any energy is in a bin, against that of all bins
_NOISE_FLOOR = -121.0  # dBFS in a bin: 10 dB above the rounding noise of 16 bits


def bandwidth(mono: np.ndarray, rate: int) -> float:
    """Return the frequency above which a signal has hardly any energy, Hz: nothing in a bin of its mean spectrum.

    Parameters
    ----------
    mono
        float32 [n], full scale is 1; windows spread over it are used.
    rate
        Hz.
    """
    width = min(_WINDOW, len(mono))
    starts = np.unique(np.linspace(0, len(mono) - width, _WINDOWS).astype(int))
    window = np.kaiser(width, _KAISER).astype(np.float32)
    windows = np.stack([mono[start : start + width] for start in starts]) * window
    power = np.square(np.abs(rfft(windows, axis=1))).mean(axis=0, dtype=np.float64)
    power *= 2 / (width * float(window @ window))  # so that the bins sum to the mean square
    power[0] = 0
    smooth = np.convolve(power, np.full(_SMOOTHING, 1 / _SMOOTHING), mode="same")
    threshold = max(_power(_BELOW_ALL) * power.sum(), _power(_NOISE_FLOOR))
    above = np.flatnonzero(smooth > threshold)
    return float(rfftfreq(width, 1 / rate)[above[-1]]) if len(above) else 0.0


def _power(decibel: float) -> float:
    return 10 ** (decibel / 10)
