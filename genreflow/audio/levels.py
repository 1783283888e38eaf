"""Running statistics of decoded audio, kept block by block so that the channels need not be."""

from dataclasses import dataclass

import numpy as np

STEPS_PER_SECOND = 100
_FULL_SCALE = np.float32(0.999)


@dataclass(frozen=True)
class Levels:
    """What is known of the samples of a track; full scale is 1.

    Parameters
    ----------
    frames
        How many there are.
    low, high, mean, rms
        float64 [channels]; the RMS is that around the mean, to a thousandth of the peak. Not finite where a sample
        is not.
    mono_rms
        The same of the mean of the channels.
    envelope
        float32 [steps]: half the range of the samples in each 10 ms, in the channel where it is largest.
    zero
        bool [steps]: whether all samples of these 10 ms are exactly zero.
    clipped
        Largest share of samples in a channel that are at full scale and no different from two neighbours.
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
    """Takes the blocks of a track one after the other.

    Blocks are whole numbers of steps long (`block_frames`), save the last.
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
        """Take a block, float32 [channels, frames], and its downmix [frames]."""
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
        """Return the statistics of all blocks so far, of which there is at least one."""
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
        """Take steps, float32 [channels, steps, frames]."""
        high, low = steps.max(axis=2), steps.min(axis=2)
        self._high = np.maximum(self._high, high.max(axis=1))
        self._low = np.minimum(self._low, low.min(axis=1))
        self._envelope.append((high - low).max(axis=0) / 2)
        self._zero.append(~(high.any(axis=0) | low.any(axis=0)))
        loud = np.maximum(high, -low) >= _FULL_SCALE
        for channel in np.flatnonzero(loud.any(axis=1)):
            self._clipped[channel] += _in_flat_tops(steps[channel, loud[channel]])


def _in_flat_tops(steps: np.ndarray) -> int:
    """Return how many samples of `steps` [n, frames] stand at full scale, three or more alike in a row."""
    flat = (steps[:, 1:] == steps[:, :-1]) & (np.abs(steps[:, 1:]) >= _FULL_SCALE)
    three = flat[:, 1:] & flat[:, :-1]
    return 2 * np.count_nonzero(three[:, 1:] & ~three[:, :-1]) + 2 * np.count_nonzero(three[:, 0]) + int(three.sum())
