"""Summaries of tracks: one vector for all slices of an input."""

from collections.abc import Iterable

import numpy as np

from genreflow.analysis.clips import Clip
from genreflow.config.inputs import LogMel
from genreflow.features.front_end import FrontEnd
from genreflow.features.mel import log_mel

_BANDS = 128  # those of a spectrogram that has more are averaged to so many


def summaries(clips: Iterable[Clip], front_end: FrontEnd) -> dict[str, np.ndarray]:
    """Return by track id mean and deviation of each band, map or descriptor: float32 ``[2 d]``."""
    return {clip.track_id: summary(clip.array, front_end) for clip in clips}


def summary(array: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Return mean and deviation over time of the slices of a track, ``[n, *shape]`` as a model is fed them."""
    axes = front_end.settings.axes
    if axes == ("time",):
        # Below 8 kHz the bands are not where their names say, which is the same for all tracks.
        spectrum = LogMel(sample_rate=max(8_000, front_end.sample_rate), n_fft=2_048, hop=882)
        array = np.stack([log_mel(samples, spectrum) for samples in array])
    time = (0, 2) if "time" in axes else 0
    if "quantity" not in axes and array.shape[1] > _BANDS:
        array = np.stack([part.mean(axis=1) for part in np.array_split(array, _BANDS, axis=1)], axis=1)
    moments = array.mean(axis=time, dtype=np.float64), array.std(axis=time, dtype=np.float64)
    return np.concatenate(moments).astype(np.float32)


def compared(summarized: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Return the part of a summary by which tracks are compared: of vectors their mean, else all of it."""
    return summarized if "time" in front_end.settings.axes else summarized[: len(summarized) // 2]
