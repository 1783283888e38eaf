"""What a model was trained on, in so few bytes that it can be kept beside the weights.

Two questions are asked of a new track. *Was it among the training tracks?* Its file, or the first slice of it that was
trained on, has a digest that is known; of each the first eight bytes are kept. *Does it sound like them?* A track is
summed up by the mean and the deviation over time of up to 32 bands of what the network is fed; its distance to the
training tracks is Mahalanobis', with the covariance of Ledoit and Wolf 2004 (A well-conditioned estimator for
large-dimensional covariance matrices). The limit is the distance that one in a hundred training tracks exceeds when it
is judged by tracks of other groups: split conformal prediction (Vovk et al. 2005), with groups cross-fitted.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import get_window
from sklearn.covariance import ledoit_wolf

from genreflow.config.inputs import InputSettings, LogMel, Stft, Waveform
from genreflow.store.shards import as_fed
from genreflow.training.data import SliceSet

PREFIX = 8  # bytes of a digest: by accident two of 30,000 tracks agree once in 10^10 collections
FALSE_ALARMS = 0.01
FEWEST = 20  # tracks from which the limit is found
_BANDS = 32
_MOST_TRACKS, _MOST_SLICES = 2_000, 8  # looked at
_PARTS = 10
_FULL = 2 * _BANDS  # numbers of a summary up to which their correlations are looked at
_FLOOR = 1e-10
_FRAME = 1_024


@dataclass(frozen=True)
class TrainingProfile:
    """What is known of the training tracks.

    Attributes
    ----------
    files, slices
        Beginnings of SHA-256 digests: of the files, and of the first slice of each as it is stored.
    centre, whitening
        Mean summary, float64 [d], and what turns differences from it into numbers of deviation 1, [d, m].
    limit
        The distance beyond which a track is unlike them; None where there were too few to tell.
    usual
        Mean of each row (band) of what the network is fed, float32 [rows]; empty where there are no rows.
    """

    files: frozenset[bytes]
    slices: frozenset[bytes]
    centre: np.ndarray
    whitening: np.ndarray
    limit: float | None
    mean_spectrum: np.ndarray

    def was_trained_on(self, sha256: str, stored: np.ndarray) -> bool:
        """Return whether a file (its SHA-256) or one of its slices [n, *shape], as stored, was trained on."""
        return bytes.fromhex(sha256)[:PREFIX] in self.files or not self.slices.isdisjoint(map(_digest, stored))

    def distance(self, stored: np.ndarray, settings: InputSettings) -> float:
        """Return how unlike the training tracks a track is, by its slices as stored; about 1 is usual."""
        return float(_distances(summary(stored, settings)[np.newaxis], self.centre, self.whitening)[0])


def learn(data: SliceSet, tracks: pd.DataFrame, settings: InputSettings) -> dict[str, Any]:
    """Return what is to be kept of some training slices, as `read` wants it: a JSON object.

    Parameters
    ----------
    data
        The training slices.
    tracks
        A row a training track: ``track_id, sha256, group``.
    settings
        What the slices were made by.
    """
    places = pd.Series(data.places).groupby(data.frame["track_id"].to_numpy(), sort=True).apply(np.array)
    files = {bytes.fromhex(sha256)[:PREFIX] for sha256 in tracks["sha256"]}
    first = {_digest(data.arrays[mine[0]]) for mine in places}
    looked_at = places.iloc[_spread(len(places), _MOST_TRACKS)]
    slices = [data.arrays[mine[_spread(len(mine), _MOST_SLICES)]] for mine in looked_at]
    sums = np.array([summary(each, settings) for each in slices])
    groups = tracks.drop_duplicates("track_id").set_index("track_id")["group"].reindex(looked_at.index)
    centre, whitening = _spread_of(sums)
    mean_spectrum = np.mean([as_fed(each).mean(axis=(0, 2)) for each in slices], axis=0) if len(data.shape) == 2 else []
    return {
        "tracks": len(places),
        "files": _text(b"".join(sorted(files))),
        "slices": _text(b"".join(sorted(first))),
        "centre": _text(centre.astype("<f4").tobytes()),
        "whitening": _text(whitening.astype("<f4").tobytes()),
        "limit": _limit(sums, groups.to_numpy()),
        "usual": _text(np.asarray(mean_spectrum, "<f4").tobytes()),
    }


def read(facts: Mapping[str, Any]) -> TrainingProfile:
    """Return what `learn` found.

    Raises
    ------
    ValueError, KeyError, TypeError
        When it did not find this.
    """
    files, slices = (_prefixes(_bytes(facts[name])) for name in ("files", "slices"))
    centre, whitening, mean_spectrum = (
        np.frombuffer(_bytes(facts[name]), "<f4") for name in ("centre", "whitening", "usual")
    )
    limit = None if facts["limit"] is None else float(facts["limit"])
    if not len(centre) or not len(whitening) or not np.isfinite([*centre, *whitening, limit or 0.0]).all():
        raise ValueError("the summary of the training tracks has no finite numbers")
    return TrainingProfile(
        files, slices, centre.astype(float), whitening.reshape(len(centre), -1).astype(float), limit, mean_spectrum
    )


def summary(stored: np.ndarray, settings: InputSettings) -> np.ndarray:
    """Return what sums up a track's slices [n, *shape]: means and deviations of bands over time, float64 [d].

    Bands are neighbouring rows of a spectrogram or map, levels being in decibels; of waveforms, bands of their spectrum
    at equal ratios. Descriptors are summed up by their means.
    """
    inputs = as_fed(stored)
    if isinstance(settings.front_end, Waveform):
        inputs = _spectra(inputs)
    if inputs.ndim == 2:
        return inputs.mean(axis=0, dtype=float)
    if _is_linear(settings):
        inputs = 10 * np.log10(np.maximum(inputs, _FLOOR))
    edges = np.linspace(0, inputs.shape[1], min(_BANDS, inputs.shape[1]) + 1).astype(int)
    bands = np.stack([inputs[:, low:high].mean(axis=1) for low, high in pairwise(edges)], axis=1)
    return np.concatenate([bands.mean(axis=2, dtype=float), bands.std(axis=2, dtype=float)], axis=1).mean(axis=0)


def _is_linear(settings: InputSettings) -> bool:
    front_end = settings.front_end
    if isinstance(front_end, Stft):
        return front_end.magnitude == "linear"
    return isinstance(front_end, Waveform) or (isinstance(front_end, LogMel) and front_end.decibels == "none")


def _spectra(waveforms: np.ndarray) -> np.ndarray:
    """Return the power of waveforms [n, samples] in bands at equal ratios, [n, bands, frames]."""
    frames = np.lib.stride_tricks.sliding_window_view(waveforms, min(_FRAME, waveforms.shape[1]), axis=1)[:, ::_FRAME]
    window = get_window("hann", frames.shape[-1]).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    edges = np.unique(np.geomspace(1, power.shape[-1], _BANDS + 1).astype(int))
    return np.stack([power[..., low:high].mean(axis=-1) for low, high in pairwise(edges)], axis=1)


def _spread_of(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of summaries [n, d] and what whitens differences from it, [d, m]."""
    centre = sums.mean(axis=0)
    deviation = np.maximum(sums.std(axis=0), 1e-3 * np.abs(centre) + 1e-9)
    if sums.shape[1] > _FULL or len(sums) < 2:
        return centre, np.diag(1 / deviation) / np.sqrt(len(centre))
    values, vectors = np.linalg.eigh(ledoit_wolf((sums - centre) / deviation)[0])
    return centre, vectors / np.sqrt(np.maximum(values, 1e-6) * len(centre)) / deviation[:, np.newaxis]


def _limit(sums: np.ndarray, groups: np.ndarray) -> float | None:
    """Return the distance that `FALSE_ALARMS` of the tracks exceed, each judged by tracks of other groups."""
    numbers, names = pd.factorize(groups, use_na_sentinel=False)
    if len(sums) < FEWEST or len(names) < 2:
        return None
    part = numbers % min(_PARTS, len(names))
    found = np.empty(len(sums))
    for number in np.unique(part):
        mine = part == number
        found[mine] = _distances(sums[mine], *_spread_of(sums[~mine]))
    rank = int(np.ceil((1 - FALSE_ALARMS) * (len(found) + 1)))
    return float(np.sort(found)[min(rank, len(found)) - 1])


def _distances(sums: np.ndarray, centre: np.ndarray, whitening: np.ndarray) -> np.ndarray:
    return np.linalg.norm((sums - centre) @ whitening, axis=1)


def _digest(array: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).digest()[:PREFIX]


def _spread(n: int, most: int) -> np.ndarray:
    """Return at most so many of n places, evenly."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _prefixes(content: bytes) -> frozenset[bytes]:
    return frozenset(content[start : start + PREFIX] for start in range(0, len(content), PREFIX))
