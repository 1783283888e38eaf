"""One clip a tag, to look at: the envelope of its samples, and its spectrogram (tagging study, Figure 3.1.7)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from genreflow.analysis.clips import Clip, Source
from genreflow.features.front_end import SpectralFrontEnd
from genreflow.store.digest import digest

ENVELOPES = ["input", "tag", "track_id", "time_s", "low", "high"]
SPECTROGRAMS = ["input", "tag", "track_id", "time_s", "frequency_hz", "level", "unit"]
# As much as can be seen in a figure of ten.
_POINTS = 600
_BANDS, _FRAMES = 128, 256


def typical_tracks(marked: pd.DataFrame, *, seed: int) -> dict[str, str]:
    """Return a track for each tag that any track bears.

    Of its tracks it is one that bears the fewest other tags, drawn at random, and none that another tag has already
    where that can be; rare tags choose first.

    Parameters
    ----------
    marked
        The tracks and tags to choose from, see `genreflow.analysis.tags.membership`.
    """
    numbers = marked.sum(axis=1)
    chosen: dict[str, str] = {}
    for tag in reversed(marked.columns):
        bearers = marked.index[marked[tag]]
        if len(bearers):
            taken = set(chosen.values())
            chosen[tag] = min(bearers, key=lambda track: (track in taken, numbers[track], digest(seed, track)))
    return {tag: chosen[tag] for tag in marked.columns if tag in chosen}


class Envelopes:
    """The range of the samples of the typical tracks, over the time of their middle slice."""

    def __init__(self, source: Source, tracks: Mapping[str, str]) -> None:
        self.source, self.tracks = source, tracks
        self.parts: dict[str, pd.DataFrame] = {}

    def add(self, clip: Clip) -> None:
        """Add a clip to the statistics."""
        for tag in _tags_of(clip, self.tracks):
            samples = clip.array[clip.middle]
            starts = _starts(len(samples), _POINTS)
            low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
            table = pd.DataFrame({"time_s": starts / self.source.front_end.sample_rate, "low": low, "high": high})
            self.parts[tag] = table.assign(tag=tag, track_id=clip.track_id)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return `ENVELOPES` as ``envelopes``: lowest and highest sample from each time on, full scale being 1."""
        return _joined("envelopes", self, ENVELOPES)


class Spectrograms:
    """The middle slice of the typical tracks, made coarse: a level is the mean of several bands and frames."""

    def __init__(self, source: Source, tracks: Mapping[str, str]) -> None:
        self.source, self.tracks = source, tracks
        self.parts: dict[str, pd.DataFrame] = {}

    def add(self, clip: Clip) -> None:
        """Add a clip to the statistics."""
        front_end = SpectralFrontEnd.of(self.source.front_end.settings)
        for tag in _tags_of(clip, self.tracks):
            levels = clip.array[clip.middle]
            bands, frames = _starts(levels.shape[0], _BANDS), _starts(levels.shape[1], _FRAMES)
            levels = _block_means(_block_means(levels, bands, axis=0), frames, axis=1)
            hertz = _block_means(front_end.frequencies(), bands, axis=0)
            band, frame = np.indices(levels.shape).reshape(2, -1)
            times = frames * front_end.hop / front_end.sample_rate
            table = pd.DataFrame({"time_s": times[frame], "frequency_hz": hertz[band], "level": levels.ravel()})
            self.parts[tag] = table.assign(tag=tag, track_id=clip.track_id, unit=front_end.unit)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return `SPECTROGRAMS` as ``spectrograms``."""
        return _joined("spectrograms", self, SPECTROGRAMS)


def _tags_of(clip: Clip, tracks: Mapping[str, str]) -> list[str]:
    return [tag for tag, track_id in tracks.items() if track_id == clip.track_id]


def _joined(name: str, collector: Envelopes | Spectrograms, columns: list[str]) -> dict[str, pd.DataFrame]:
    """Return the rows in the order of the tags."""
    parts = [collector.parts[tag] for tag in collector.tracks if tag in collector.parts]
    return {name: pd.concat(parts, ignore_index=True).assign(input=collector.source.name)[columns]} if parts else {}


def _starts(size: int, most: int) -> np.ndarray:
    """Return where at most `most` blocks of one length begin."""
    return np.arange(0, size, -(-size // most))


def _block_means(values: np.ndarray, starts: np.ndarray, axis: int) -> np.ndarray:
    lengths = np.diff([*starts, values.shape[axis]])
    sums = np.add.reduceat(values.astype(np.float64), starts, axis=axis)
    return sums / (lengths if axis == values.ndim - 1 else lengths[:, np.newaxis])
