"""Variance of the samples, and mean spectrum, of the clips of each tag.

Sources: tagging study, Figures 3.1.6 and 3.1.8. Every clip counts the same, however many slices it has.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from genreflow.analysis.clips import Clip, Source
from genreflow.features.front_end import SpectralFrontEnd

QUANTILES = {"p05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "p95": 0.95}
VARIANCE = ["input", "level", "tag", "clips", "mean", "sd", "least", *QUANTILES, "most"]
SPECTRA = ["input", "tag", "clips", "band", "frequency_hz", "mean", "sd", "unit"]


class Variances:
    """The variance of each clip's samples, full scale being 1, and how it is distributed over the clips of a tag.

    Loudness is brought to one value before slices are cut, which takes away most of what tells loud music from quiet.
    So there are two levels: samples as they are ``fed`` to models, and as they were ``recorded``, that is with the gain
    taken back. The latter is not known of segments that were brought to a peak of 1.

    Parameters
    ----------
    source
        An input of waveforms.
    marked
        See `genreflow.analysis.tags.membership`.
    gain_db
        The gain of each track.
    """

    def __init__(self, source: Source, marked: pd.DataFrame, gain_db: Mapping[str, float]) -> None:
        self.source, self.marked, self.gain_db = source, marked, gain_db
        self.variances: dict[str, float] = {}

    def add(self, clip: Clip) -> None:
        """Add a clip to the statistics."""
        self.variances[clip.track_id] = float(clip.array.var(dtype=np.float64))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return `VARIANCE` as ``variance``: a row a tag and level; ``sd`` is the population's."""
        if not self.variances:
            return {}
        fed = pd.Series(self.variances, dtype=float)
        gain = fed.index.map(self.gain_db).to_numpy(float)
        levels = {"fed": fed} if self.source.peak else {"fed": fed, "recorded": fed / 10 ** (gain / 10)}
        borne = self.marked.loc[fed.index]
        rows = [
            {"input": self.source.name, "level": level, "tag": tag, **distribution(values[borne[tag]])}
            for level, values in levels.items()
            for tag in borne.columns
        ]
        return {"variance": pd.DataFrame(rows, columns=VARIANCE)}


class Spectra:
    """The time-averaged spectrum of each tag: mean and deviation over its clips, in the unit of the input.

    Parameters
    ----------
    source
        An input of STFT or log-mel spectrograms.
    marked
        See `genreflow.analysis.tags.membership`.
    """

    def __init__(self, source: Source, marked: pd.DataFrame) -> None:
        self.source, self.marked = source, marked
        self.hertz = SpectralFrontEnd.of(source.front_end.settings).frequencies()
        self.moments = Moments(len(marked.columns), len(self.hertz))

    def add(self, clip: Clip) -> None:
        """Add a clip to the statistics."""
        spectrum = clip.array.mean(axis=(0, 2), dtype=np.float64)
        self.moments.add(spectrum, self.marked.loc[clip.track_id].to_numpy())

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return `SPECTRA` as ``spectra``: a row a tag that any clip bears, and band."""
        moments, bands = self.moments, np.arange(len(self.hertz))
        parts = [
            pd.DataFrame(
                {"band": bands, "frequency_hz": self.hertz, "mean": moments.mean[place], "sd": moments.deviation[place]}
            ).assign(tag=tag, clips=moments.count[place])
            for place, tag in enumerate(self.marked.columns)
            if moments.count[place]
        ]
        if not parts:
            return {}
        table = pd.concat(parts, ignore_index=True).assign(input=self.source.name, unit=self.source.front_end.unit)
        return {"spectra": table[SPECTRA]}


class Moments:
    """Count, mean and deviation of vectors in several groups, which come one by one (Welford, 1962).

    Attributes
    ----------
    count
        int64 ``[groups]``.
    mean
        float64 ``[groups, size]``; 0 where there is nothing.
    """

    def __init__(self, groups: int, size: int) -> None:
        self.count = np.zeros(groups, np.int64)
        self.mean = np.zeros((groups, size))
        self._square = np.zeros((groups, size))

    def add(self, vector: np.ndarray, members: np.ndarray) -> None:
        """Add a vector [size] to those groups of which it is a member, bool [groups]."""
        self.count[members] += 1
        off = vector - self.mean[members]
        self.mean[members] += off / self.count[members, np.newaxis]
        self._square[members] += off * (vector - self.mean[members])

    @property
    def deviation(self) -> np.ndarray:
        """The population's standard deviation, float64 ``[groups, size]``."""
        return np.sqrt(self._square / np.maximum(1, self.count)[:, np.newaxis])


def distribution(values: pd.Series) -> dict[str, float]:
    """Return ``clips, mean, sd, least, most`` and `QUANTILES` of values; of none only the number. NaN do not count."""
    values = values.dropna().to_numpy()
    if not len(values):
        return {"clips": 0}
    quantiles = dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values())), strict=True))
    ends = {"least": values.min(), "most": values.max()}
    return {"clips": len(values), "mean": values.mean(), "sd": values.std(), **ends, **quantiles}
