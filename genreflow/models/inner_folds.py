"""Choice of an estimator's options by inner folds of its training tracks.

The training tracks are divided as the outer folds divide all tracks: a group (a track, or an album or artist where
these are kept together) is never on two sides. Each candidate predicts the held-out segments; the probabilities of a
track are the means over its segments, as in the evaluation; and the candidate with the least cross-entropy of tracks is
chosen.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed

from genreflow.models.estimator import MIN_PROBABILITY, FitData

INNER_FOLDS = 5

Candidate = TypeVar("Candidate")
Split = tuple[np.ndarray, np.ndarray]
# From training data and the segments that are held out to the probabilities by each candidate, [n, K].
Predict = Callable[[FitData, np.ndarray], Iterable[np.ndarray]]


def held_out(targets: np.ndarray, groups: np.ndarray, n: int) -> list[Split]:
    """Return n splits of segments, or as many as there are groups: indices to fit to, and indices to hold out.

    A group is never divided. The groups of a class are assigned to the parts in turn, in the order of their names.

    Parameters
    ----------
    targets
        Classes, int64 [n], or whether a segment has each tag, bool [n, K].
    """
    names, first, members = np.unique(groups, return_index=True, return_inverse=True)
    order = np.argsort(targets[first], kind="stable") if targets.ndim == 1 else np.lexsort(targets[first].T)
    part = np.empty(len(names), int)
    part[order] = np.arange(len(names)) % n
    return [(np.flatnonzero(part[members] != i), np.flatnonzero(part[members] == i)) for i in range(min(n, len(names)))]


def best(candidates: Sequence[Candidate], data: FitData, predict: Predict, *, usual: Candidate) -> Candidate:
    """Return the candidate whose predictions of held-out tracks have the least cross-entropy, of equal ones the first.

    Parameters
    ----------
    predict
        Fits every candidate to a part of the data and predicts other segments, in the order of `candidates`.
    usual
        The candidate to return where no track can be held out.
    """
    splits = [split for split in held_out(data.targets, data.groups, INNER_FOLDS) if len(split[0])]
    if len(candidates) == 1 or not splits:
        return candidates[0] if len(candidates) == 1 else usual

    def losses_of(kept: np.ndarray, out: np.ndarray) -> np.ndarray:
        predicted = predict(subset(data, kept), data.arrays[out])
        return np.array([_losses(each, data, kept, out) for each in predicted])

    parts = Parallel(n_jobs=data.threads, prefer="threads")(delayed(losses_of)(*split) for split in splits)
    losses = np.concatenate(parts, axis=1)
    return candidates[int(losses.mean(axis=1).argmin())] if losses.size else usual


def subset(data: FitData, rows: np.ndarray) -> FitData:
    """Return some of the training segments; these are fitted in one thread."""
    return replace(
        data,
        arrays=data.arrays[rows],
        targets=data.targets[rows],
        groups=data.groups[rows],
        tracks=data.tracks[rows],
        threads=1,
    )


def thinned(data: FitData, most: int) -> FitData:
    """Return at most so many segments, evenly spaced: of every track some, as long as there are more segments."""
    n = len(data.arrays)
    return data if n <= most else replace(subset(data, np.linspace(0, n - 1, most).astype(int)), threads=data.threads)


def _losses(probabilities: np.ndarray, data: FitData, kept: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Return the cross-entropy of each held-out track whose class the kept segments have."""
    tracks, first, members = np.unique(data.tracks[out], return_index=True, return_inverse=True)
    means = np.zeros((len(tracks), probabilities.shape[1]))
    np.add.at(means, members, probabilities)
    means = (means / np.bincount(members)[:, np.newaxis]).clip(MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    targets = data.targets[out][first]
    if targets.ndim == 2:
        return -np.log(np.where(targets, means, 1 - means)).mean(axis=1)
    is_known = np.isin(targets, data.targets[kept])
    return -np.log(means[np.flatnonzero(is_known), targets[is_known]])
