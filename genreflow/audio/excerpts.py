"""Excerpts of a normalized track at any sampling rate, with as little decoding as possible."""

import os
from dataclasses import dataclass
from math import gcd

import numpy as np
import soxr

from genreflow.audio.vorbis import check_pages, ogg_frames, ogg_rate, read_ogg
from genreflow.errors import Damaged

# Samples (of the lower rate) around each sample that soxr's HQ filter reads, rounded up.
_REACH = 512


def at_rate(samples: np.ndarray, stored_rate: int, rate: int) -> np.ndarray:
    """Return a whole track as `Track` would read it that has these samples, float32 ``[n * rate // stored_rate]``."""
    if rate == stored_rate:
        return samples
    n_samples = len(samples) * rate // stored_rate
    resampled = soxr.resample(samples, stored_rate, rate, quality="HQ")[:n_samples]
    return np.pad(resampled, (0, n_samples - len(resampled)))


@dataclass(frozen=True)
class Track:
    """A normalized track, read as if it were stored at another rate.

    Attributes
    ----------
    path
        An Ogg Vorbis file.
    rate
        The rate at which it is read, Hz.
    stored_rate, stored_frames
        What the file holds.
    """

    path: str | os.PathLike
    rate: int
    stored_rate: int
    stored_frames: int

    @classmethod
    def open(cls, path: str | os.PathLike, rate: int) -> "Track":
        """Open a file without decoding it; Damaged if a page of it is."""
        check_pages(path)
        return cls(path, rate, ogg_rate(path), ogg_frames(path))

    @property
    def n_samples(self) -> int:
        """Samples at `rate`; whole ones only."""
        return self.stored_frames * self.rate // self.stored_rate

    @property
    def seconds(self) -> float:
        """Length."""
        return self.stored_frames / self.stored_rate

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the samples from `start` to before `stop` at `rate`, float32 [stop - start].

        Beyond the ends of the track they are zeros. The result does not depend on the start of reading: within about
        1e-6 it equals that part of the whole track resampled at once.

        Raises
        ------
        Damaged
            When the file ends early.
        """
        stop = self.n_samples if stop is None else stop
        inside, end = max(start, 0), min(stop, self.n_samples)
        if end <= inside:
            return np.zeros(stop - start, np.float32)
        samples = self._stored(inside, end) if self.rate == self.stored_rate else self._resampled(inside, end)
        return np.pad(samples, (inside - start, stop - end))

    def _resampled(self, start: int, stop: int) -> np.ndarray:
        # Both rates share a sample every so often; from such a position on, phases equal those of the whole track.
        common = gcd(self.rate, self.stored_rate)
        step, stored_step = self.rate // common, self.stored_rate // common
        reach = _REACH * max(1, -(-self.rate // self.stored_rate))
        first = max(0, (start - reach) // step)
        last = -(-(stop + reach) // step)
        stored = self._stored(first * stored_step, min(last * stored_step, self.stored_frames))
        resampled = soxr.resample(stored, self.stored_rate, self.rate, quality="HQ")
        part = resampled[start - first * step : stop - first * step]
        # At the very end soxr may round the length down.
        return np.pad(part, (0, stop - start - len(part)))

    def _stored(self, start: int, stop: int) -> np.ndarray:
        samples = read_ogg(self.path, start=start, frames=stop - start)
        if len(samples) != stop - start:
            raise Damaged(self.path, "it ends early")
        return samples
