"""Statistics of decoded audio: levels, which are gathered block by block, and bandwidth."""

from dataclasses import dataclass

import numpy as np
from scipy.fft import rfft, rfftfreq

STEPS_PER_SECOND = 100
_FULL_SCALE = np.float32(0.999)

# Of the bandwidth.
_WINDOW = 4096
_WINDOWS = 48
_KAISER = 16.0  # side lobes 120 dB down, so that a loud bass does not look like treble
_SMOOTHING = 5  # bins
_BELOW_ALL = -100.0  # dB: hardly any energy in a bin, relative to all bins
_NOISE_FLOOR = -121.0  # dBFS in a bin: 10 dB above the rounding noise of 16 bits


@dataclass(frozen=True)
class Levels:
    """Statistics of the samples of a track; full scale is 1.

    Parameters
    ----------
    frames
        Number of samples per channel.
    low, high, mean, rms
        float64 [channels]; the RMS is around the mean, accurate to a thousandth of the peak. Not finite if a sample is
        not.
    mono_rms
        The RMS of the mean of the channels.
    envelope
        float32 [steps]: half the range of the samples in each 10 ms, in the channel where it is largest.
    zero
        bool [steps]: whether all samples of these 10 ms are exactly zero.
    clipped
        Largest share of samples in a channel that are at full scale and equal two neighbors.
    """

    frames: int
    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    rms: np.ndarray
    mono_rms: float
    envelope: np.ndarray
    zero: np.ndarray
    clipped: float

    @property
    def peak(self) -> float:
        """Largest magnitude of a sample."""
        return float(max(self.high.max(), -self.low.min()))

    @property
    def swing(self) -> float:
        """Largest magnitude around the middle of a channel's range."""
        return float((self.high - self.low).max() / 2)


class LevelMeter:
    """Gathers the levels of a track block by block, so that its channels need not be held.

    The length of all blocks but the last is a multiple of a step (`block_frames`).
    """

    def __init__(self, channels: int, rate: int) -> None:
        self.step = max(1, rate // STEPS_PER_SECOND)
        self._frames = 0
        self._low = np.full(channels, np.inf)
        self._high = np.full(channels, -np.inf)
        self._sum, self._squares = np.zeros(channels), np.zeros(channels)
        self._mono_sum = self._mono_squares = 0.0
        self._clipped = np.zeros(channels, np.int64)
        self._envelope: list[np.ndarray] = []
        self._zero: list[np.ndarray] = []

    def block_frames(self, about: int) -> int:
        """Return a length of blocks near `about` frames."""
        return max(1, about // self.step) * self.step

    def add(self, channels: np.ndarray, mono: np.ndarray) -> None:
        """Add a block, float32 [channels, frames], and its downmix [frames]."""
        with np.errstate(all="ignore"):  # NaN, infinity and overflow show in the results
            whole = channels.shape[1] // self.step * self.step
            for part in (channels[:, :whole], channels[:, whole:]):
                if part.shape[1]:
                    self._add_steps(part.reshape(len(part), -1, min(self.step, part.shape[1])))
            self._sum += channels.sum(axis=1)
            self._squares += [np.dot(channel, channel) for channel in channels]
            self._mono_sum += float(mono.sum())
            self._mono_squares += float(np.dot(mono, mono))
            self._frames += len(mono)

    def read(self) -> Levels:
        """Return the levels of all blocks so far; there must be at least one."""
        with np.errstate(all="ignore"):
            mean, mono_mean = self._sum / self._frames, self._mono_sum / self._frames
            return Levels(
                frames=self._frames,
                low=self._low,
                high=self._high,
                mean=mean,
                rms=np.sqrt(np.maximum(0, self._squares / self._frames - mean**2)),
                mono_rms=float(np.sqrt(max(0.0, self._mono_squares / self._frames - mono_mean**2))),
                envelope=np.concatenate(self._envelope),
                zero=np.concatenate(self._zero),
                clipped=float(self._clipped.max() / self._frames),
            )

    def _add_steps(self, steps: np.ndarray) -> None:
        """Add steps, float32 [channels, steps, frames]."""
        high, low = steps.max(axis=2), steps.min(axis=2)
        self._high = np.maximum(self._high, high.max(axis=1))
        self._low = np.minimum(self._low, low.min(axis=1))
        self._envelope.append((high - low).max(axis=0) / 2)
        self._zero.append(~(high.any(axis=0) | low.any(axis=0)))
        loud = np.maximum(high, -low) >= _FULL_SCALE
        for channel in np.flatnonzero(loud.any(axis=1)):
            self._clipped[channel] += _in_flat_tops(steps[channel, loud[channel]])


def _in_flat_tops(steps: np.ndarray) -> int:
    """Return the number of samples of `steps` [n, frames] at full scale, in runs of three or more equal ones."""
    flat = (steps[:, 1:] == steps[:, :-1]) & (np.abs(steps[:, 1:]) >= _FULL_SCALE)
    three = flat[:, 1:] & flat[:, :-1]
    runs = np.count_nonzero(three[:, 1:] & ~three[:, :-1]) + np.count_nonzero(three[:, 0])
    return 2 * int(runs) + int(three.sum())


def bandwidth(mono: np.ndarray, rate: int) -> float:
    """Return the frequency above which the mean spectrum of a signal has hardly any energy, Hz.

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
