"""Integrated loudness and true peak (ITU-R BS.1770-4, EBU R 128)."""

import numpy as np
from scipy.signal import firwin, sosfilt

ABSOLUTE_GATE = -70.0  # LUFS
RELATIVE_GATE = -10.0  # LU, relative to the loudness of the blocks above the absolute gate
OVERSAMPLING = 4

_STEPS_PER_BLOCK = 4  # blocks of 400 ms that overlap by 75 % are four steps of 100 ms
_STEPS_PER_CHUNK = 32  # filtered at a time, so that the data stays in the cache
_TAPS = 24  # per phase of the interpolator
_PEAK_CHUNK = 65_536
_SHARPENING = np.float32(0.4)


def integrated_loudness(samples: np.ndarray, rate: int) -> float:
    """Return the gated loudness of `samples` [n] or [n, channels] at `rate` Hz, in LUFS.

    Channels are weighted alike, as BS.1770-4 does for left, right and center; a mono signal is one channel.
    Signals shorter than 400 ms, or below the absolute gate throughout, are -inf.
    """
    channels = samples[:, np.newaxis] if samples.ndim == 1 else samples
    steps = np.sum([_step_power(channel, rate) for channel in channels.T], axis=0)
    if len(steps) < _STEPS_PER_BLOCK:
        return -np.inf
    blocks = np.convolve(steps, np.full(_STEPS_PER_BLOCK, 1 / _STEPS_PER_BLOCK), mode="valid")
    blocks = blocks[blocks > _power(ABSOLUTE_GATE)]
    if not len(blocks):
        return -np.inf
    blocks = blocks[blocks > blocks.mean() * 10 ** (RELATIVE_GATE / 10)]
    return float(-0.691 + 10 * np.log10(blocks.mean()))


def true_peak(samples: np.ndarray) -> float:
    """Return the peak of `samples` [n], four times oversampled (BS.1770-4, annex 2), in dBTP; silence is -inf.

    The signal is interpolated only around samples that, sharpened, exceed the highest sample: no other sample of a
    sinusoid of up to a third of the sampling rate has a higher value beside it.
    """
    highest = max(samples.max(initial=0), -samples.min(initial=0))
    if highest == 0:
        return -np.inf
    for start in range(0, len(samples), _PEAK_CHUNK):
        padded = _padded(samples, start - _TAPS, start + _PEAK_CHUNK + _TAPS)
        windows = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)
        around = padded[_TAPS - 1 : 1 - _TAPS]
        sharpened = around[:-2] + around[2:]
        sharpened *= -_SHARPENING
        sharpened += (1 + 2 * _SHARPENING) * around[1:-1]
        candidates = _TAPS + np.flatnonzero(np.abs(sharpened) > highest)
        # A window reads between its two middle samples: one for the left side of a candidate, one for the right.
        for first in (candidates - _TAPS // 2, candidates - _TAPS // 2 + 1):
            if len(first):
                highest = max(highest, np.abs(windows[first] @ _INTERPOLATOR).max())
    return float(20 * np.log10(highest))


def k_weighting(rate: int) -> np.ndarray:
    """Return the K-weighting of BS.1770-4 at any rate: a high shelf and a high pass, second-order sections [2, 6].

    The analogue prototypes are those which give the coefficients of the recommendation at 48 kHz
    (the parameters are the ones that libebur128 and FFmpeg use).
    """
    k = np.tan(np.pi * 1681.974450955533 / rate)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = _biquad([high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k], k, q)
    k = np.tan(np.pi * 38.13547087602444 / rate)
    q = 0.5003270373238773
    high_pass = _biquad([1.0, -2.0, 1.0], k, q)
    high_pass[:3] = 1.0, -2.0, 1.0  # BS.1770 leaves this numerator unscaled
    return np.stack([shelf, high_pass])


def _biquad(numerator: list[float], k: float, q: float) -> np.ndarray:
    denominator = [1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k]
    return np.array(numerator + denominator) / denominator[0]


def _step_power(channel: np.ndarray, rate: int) -> np.ndarray:
    """Return the mean square of the K-weighted channel in each whole step of 100 ms."""
    step = round(rate / 10)
    sections, state = k_weighting(rate), np.zeros((2, 2))
    powers = [np.empty(0)]
    for start in range(0, len(channel) - step + 1, _STEPS_PER_CHUNK * step):
        chunk = channel[start : start + _STEPS_PER_CHUNK * step]
        weighted, state = sosfilt(sections, chunk, zi=state)
        rows = weighted[: len(weighted) // step * step].reshape(-1, step)
        powers.append(np.einsum("ij,ij->i", rows, rows) / step)
    return np.concatenate(powers)


def _padded(samples: np.ndarray, start: int, end: int) -> np.ndarray:
    """Return `samples` from `start` to `end`, with zeros beyond their ends."""
    before, behind = max(0, -start), max(0, end - len(samples))
    part = samples[max(0, start) : end]
    return np.pad(part, (before, behind)) if before or behind else part


def _power(loudness: float) -> float:
    return 10 ** ((loudness + 0.691) / 10)


def _interpolator() -> np.ndarray:
    """Return the taps [_TAPS, 3] that interpolate a signal 1/4, 2/4 and 3/4 of a sample past its middle sample."""
    prototype = OVERSAMPLING * firwin(OVERSAMPLING * _TAPS + 1, 1 / OVERSAMPLING, window=("kaiser", 7.0))
    phases = [prototype[OVERSAMPLING - phase :: OVERSAMPLING][:_TAPS] for phase in range(1, OVERSAMPLING)]
    return np.stack(phases, axis=1).astype(np.float32)


_INTERPOLATOR = _interpolator()
