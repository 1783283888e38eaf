"""Novelty detection: a profile of the training tracks, small enough to be kept beside the weights.

It answers two questions about a new track. *Was it a training track?* Then the digest of its file, or of its first
slice, is known; the first eight bytes of each digest are kept. *Does it sound like the training tracks?* A track is
summarized by the mean and the deviation over time of up to 32 bands of the network's input. Its distance from the
training tracks is the Mahalanobis distance with the covariance estimate of Ledoit and Wolf (2004), A well-conditioned
estimator for large-dimensional covariance matrices. The limit is the distance that one in a hundred training tracks
exceeds when compared with tracks of other groups: split conformal prediction (Vovk et al. 2005), cross-fitted by group.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.covariance import ledoit_wolf

from genreflow.config.inputs import InputSettings
from genreflow.features.frames import framed, spectra, squared, window
from genreflow.features.front_end import FrontEnd
from genreflow.folds.leakage import DIGEST, EarlierTraining
from genreflow.store.shards import as_fed
from genreflow.store.text import sanitize_name
from genreflow.training.data import SliceSet
from genreflow.training.pretrained import find_pretrained

PREFIX = DIGEST  # bytes of a digest: two of 30,000 tracks have the same once in 10^10 collections
FALSE_ALARMS = 0.01
MIN_TRACKS = 20  # with fewer, there is no limit
_BANDS = 32
_MAX_TRACKS, _MAX_SLICES = 2_000, 8  # that are summarized, and slices of each
_PARTS = 10  # of cross-fitting
_MAX_CORRELATED = 2 * _BANDS  # size of summaries up to which their correlations are estimated
_FLOOR = 1e-10
_FRAME = 1_024


@dataclass(frozen=True)
class TrainingProfile:
    """Profile of the training tracks.

    Attributes
    ----------
    files, slices
        Prefixes of SHA-256 digests: of the files, and of the first slice of each as stored.
    center, whitening
        Mean summary, float64 [d], and the matrix [d, m], or factors [d, 1], that whiten differences from it.
    limit
        Distance beyond which a track is novel; None if there were too few tracks.
    mean_spectrum
        Mean of each row (band) of the network's input, float32 [rows]; empty if it has no rows.
    """

    files: frozenset[bytes]
    slices: frozenset[bytes]
    center: np.ndarray
    whitening: np.ndarray
    limit: float | None
    mean_spectrum: np.ndarray

    def was_trained_on(self, sha256: str, stored: np.ndarray) -> bool:
        """Return whether a file, given its SHA-256, or one of its slices as stored [n, *shape], was trained on."""
        return bytes.fromhex(sha256)[:PREFIX] in self.files or not self.slices.isdisjoint(map(_digest, stored))

    def distance(self, stored: np.ndarray, settings: InputSettings) -> float:
        """Return the distance of a track from the training tracks, by its slices as stored; typically about 1."""
        return float(_distances(summary(stored, settings)[np.newaxis], self.center, self.whitening)[0])


def fit_profile(data: SliceSet, tracks: pd.DataFrame, settings: InputSettings) -> dict[str, Any]:
    """Return the profile of training slices as a JSON object, which `from_facts` reads.

    Parameters
    ----------
    data
        The training slices.
    tracks
        A row per training track: ``track_id, sha256, group``.
    settings
        Input settings of the slices.
    """
    rows = pd.Series(data.rows).groupby(data.frame["track_id"].to_numpy(), sort=True).apply(np.array)
    files = {bytes.fromhex(sha256)[:PREFIX] for sha256 in tracks["sha256"]}
    first = {_digest(data.arrays[own_rows[0]]) for own_rows in rows}
    sampled = rows.iloc[_evenly_spaced(len(rows), _MAX_TRACKS)]
    slices = [data.arrays[own_rows[_evenly_spaced(len(own_rows), _MAX_SLICES)]] for own_rows in sampled]
    summaries = np.array([summary(each, settings) for each in slices])
    groups = tracks.drop_duplicates("track_id").set_index("track_id")["group"].reindex(sampled.index)
    center, whitening = _whitening(summaries)
    mean_spectrum = np.mean([as_fed(each).mean(axis=(0, 2)) for each in slices], axis=0) if len(data.shape) == 2 else []
    return {
        "tracks": len(rows),
        "files": _text(b"".join(sorted(files))),
        "slices": _text(b"".join(sorted(first))),
        "center": _text(center.astype("<f4").tobytes()),
        "whitening": _text(whitening.astype("<f4").tobytes()),
        "limit": _limit(summaries, groups.to_numpy()),
        "usual": _text(np.asarray(mean_spectrum, "<f4").tobytes()),
    }


def with_tracks_of(profile: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile that also knows the tracks of another: those of the network that a training started from."""
    known = {name: _prefixes(_bytes(profile[name])) | _prefixes(_bytes(before[name])) for name in ("files", "slices")}
    return dict(profile) | {name: _text(b"".join(sorted(digests))) for name, digests in known.items()}


def embedding_network(path: str) -> EarlierTraining:
    """Return the training tracks of an embedding network for the leakage audit: of a bundle, or of a foreign file.

    Raises
    ------
    UserError
        When its facts cannot be read.
    """
    use = "whose embeddings are fed"
    if path.lower().endswith(".onnx"):
        return EarlierTraining(sanitize_name(Path(path).name), None, use)
    return replace(earlier_training(path), use=use)


def earlier_training(weights: str) -> EarlierTraining:
    """Return the training tracks of a trained network for the leakage audit, given its file of weights.

    Raises
    ------
    UserError
        When its facts cannot be read.
    """
    source = find_pretrained(weights)
    files = _prefixes(_bytes(source.facts["training_profile"]["files"])) if source.lists_its_tracks else None
    return EarlierTraining(f"{source.title}, trained on {source.data}", files)


def from_facts(facts: Mapping[str, Any]) -> TrainingProfile:
    """Return the profile that `fit_profile` returned.

    Raises
    ------
    ValueError, KeyError, TypeError
        When it is damaged.
    """
    files, slices = (_prefixes(_bytes(facts[name])) for name in ("files", "slices"))
    center, whitening, mean_spectrum = (
        np.frombuffer(_bytes(facts[name]), "<f4") for name in ("center", "whitening", "usual")
    )
    limit = None if facts["limit"] is None else float(facts["limit"])
    if not len(center) or not len(whitening) or not np.isfinite([*center, *whitening, limit or 0.0]).all():
        raise ValueError("the summary of the training tracks has no finite numbers")
    return TrainingProfile(
        files, slices, center.astype(float), whitening.reshape(len(center), -1).astype(float), limit, mean_spectrum
    )


def summary(stored: np.ndarray, settings: InputSettings) -> np.ndarray:
    """Return the summary of a track's slices [n, *shape]: means and deviations of bands over time, float64 [d].

    Bands are groups of adjacent rows of a spectrogram or map, in decibels where they are levels; of waveforms, bands of
    equal ratio of their spectrum. The summary of descriptors is their mean.
    """
    inputs = as_fed(stored)
    if "time" not in settings.front_end.axes:
        return inputs.mean(axis=0, dtype=float)
    if inputs.ndim == 2:
        inputs = np.stack([_spectrogram(samples) for samples in inputs])
    if FrontEnd.of(settings.front_end).is_linear:
        inputs = 10 * np.log10(np.maximum(inputs, _FLOOR))
    edges = np.linspace(0, inputs.shape[1], min(_BANDS, inputs.shape[1]) + 1).astype(int)
    bands = np.stack([inputs[:, low:high].mean(axis=1) for low, high in pairwise(edges)], axis=1)
    return np.concatenate([bands.mean(axis=2, dtype=float), bands.std(axis=2, dtype=float)], axis=1).mean(axis=0)


def _spectrogram(samples: np.ndarray) -> np.ndarray:
    """Return the power of samples in bands of equal ratio, [bands, frames]."""
    length = min(_FRAME, len(samples))
    shape = window("hann", length).astype(np.float32)
    blocks = spectra(framed(samples, length, _FRAME), shape)
    power = np.concatenate([squared(spectrum) for _, spectrum in blocks]).T
    edges = np.unique(np.geomspace(1, len(power), _BANDS + 1).astype(int))
    return np.stack([power[low:high].mean(axis=0) for low, high in pairwise(edges)])


def _whitening(summaries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of summaries [n, d] and what whitens differences from it: a matrix [d, m], or factors [d, 1]."""
    center = summaries.mean(axis=0)
    deviation = np.maximum(summaries.std(axis=0), 1e-3 * np.abs(center) + 1e-9)
    if summaries.shape[1] > _MAX_CORRELATED or len(summaries) < 2:
        return center, (1 / deviation / np.sqrt(len(center)))[:, np.newaxis]
    values, vectors = np.linalg.eigh(ledoit_wolf((summaries - center) / deviation)[0])
    return center, vectors / np.sqrt(np.maximum(values, 1e-6) * len(center)) / deviation[:, np.newaxis]


def _limit(summaries: np.ndarray, groups: np.ndarray) -> float | None:
    """Return the distance that `FALSE_ALARMS` of the tracks exceed, each compared with tracks of other groups."""
    numbers, names = pd.factorize(groups, use_na_sentinel=False)
    if len(summaries) < MIN_TRACKS or len(names) < 2:
        return None
    part = numbers % min(_PARTS, len(names))
    distances = np.empty(len(summaries))
    for number in np.unique(part):
        is_held_out = part == number
        distances[is_held_out] = _distances(summaries[is_held_out], *_whitening(summaries[~is_held_out]))
    rank = int(np.ceil((1 - FALSE_ALARMS) * (len(distances) + 1)))
    return float(np.sort(distances)[min(rank, len(distances)) - 1])


def _distances(summaries: np.ndarray, center: np.ndarray, whitening: np.ndarray) -> np.ndarray:
    differences = summaries - center
    return np.linalg.norm(differences * whitening.T if whitening.shape[1] == 1 else differences @ whitening, axis=1)


def _digest(array: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).digest()[:PREFIX]


def _evenly_spaced(n: int, most: int) -> np.ndarray:
    """Return at most so many evenly spaced indices below n."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _prefixes(content: bytes) -> frozenset[bytes]:
    return frozenset(content[start : start + PREFIX] for start in range(0, len(content), PREFIX))
