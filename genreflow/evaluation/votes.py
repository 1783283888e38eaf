"""From slices to tracks: four rules by which a track's slices decide.

*Majority* is the rule of the psytrance study's final model and of Senac et al. 2017, *mean* that of the network
the former was adapted from. *Maximum* trusts the one slice that is surest, *weighted* is a majority vote in which
sure slices count for more (Kittler et al. 1998, On combining classifiers, has the mean, maximum and vote rules).
Every rule returns the same table, and of equals says which wins.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from genreflow.evaluation.predictions import Predictions


def majority(predictions: Predictions) -> pd.DataFrame:
    """Let each slice vote for its most probable class; of equals the one with the larger mean probability wins.

    Returns
    -------
    A row a track, sorted: ``track_id, label, predicted, share, runner_up, runner_up_share, segments, p0 .. pK-1``.
    Classes are numbers; `share` is the share of the slices that voted for the class; `p0` .. are mean
    probabilities. Should two classes be equal in both, the first wins.
    """
    tracks, votes, means = _tally(predictions)
    return _decide(tracks, votes, means, tie_break=means)


def mean_probability(predictions: Predictions) -> pd.DataFrame:
    """Let the class with the largest mean probability win; of equals the one with more votes.

    Returns what `majority` does, `share` being the mean probability of the class.
    """
    tracks, votes, means = _tally(predictions)
    return _decide(tracks, means, means, tie_break=votes)


def maximum(predictions: Predictions) -> pd.DataFrame:
    """Let the class with the largest probability in any slice win; of equals the one with the larger mean.

    Returns what `majority` does, `share` being that largest probability: shares of two classes may exceed 1.
    """
    tracks, _, means = _tally(predictions)
    return _decide(tracks, _reduced(predictions, predictions.proba, np.maximum), means, tie_break=means)


def weighted(predictions: Predictions) -> pd.DataFrame:
    """Let each slice vote for its most probable class with that probability as its weight.

    Of equals the one with the larger mean probability wins. Returns what `majority` does, `share` being the class's
    share of all weight.
    """
    tracks, _, means = _tally(predictions)
    confidence = predictions.proba.max(axis=1, keepdims=True)
    weights = _reduced(predictions, _one_hot(predictions) * confidence, np.add)
    return _decide(tracks, weights / weights.sum(axis=1, keepdims=True), means, tie_break=means)


RULES: Mapping[str, Callable[[Predictions], pd.DataFrame]] = {
    "majority": majority,
    "mean": mean_probability,
    "maximum": maximum,
    "weighted": weighted,
}


def by_track(track_id: np.ndarray, segment: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the tracks, sorted; the order of rows that puts their slices together; where each track starts in it.

    Sums of floats depend on their order; in the order of slices they do not depend on that of the rows.
    """
    track, names = pd.factorize(track_id, sort=True)
    slices = np.bincount(track, minlength=len(names))
    return names, np.lexsort((segment, track)), np.cumsum(slices) - slices


def _tally(predictions: Predictions) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the tracks, and their shares of votes and mean probabilities, both float64 [tracks, K]."""
    names, order, starts = by_track(predictions.track_id, predictions.segment)
    segments = np.diff(np.append(starts, len(order)))
    tracks = pd.DataFrame({"track_id": names, "label": predictions.label[order][starts], "segments": segments})
    votes, probabilities = (_reduced(predictions, rows, np.add) for rows in (_one_hot(predictions), predictions.proba))
    return tracks, votes / segments[:, None], probabilities / segments[:, None]


def _one_hot(predictions: Predictions) -> np.ndarray:
    return np.eye(len(predictions.classes))[predictions.predicted]


def _reduced(predictions: Predictions, rows: np.ndarray, how: np.ufunc) -> np.ndarray:
    """Return the sum, or whatever `how` does, of the rows of each track, float64 [tracks, K]."""
    _, order, starts = by_track(predictions.track_id, predictions.segment)
    return how.reduceat(rows[order], starts) if len(starts) else np.empty((0, rows.shape[1]))


def _decide(tracks: pd.DataFrame, scores: np.ndarray, means: np.ndarray, *, tie_break: np.ndarray) -> pd.DataFrame:
    number = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    # Rounded, so that a tie is a tie whatever the last bit of a sum.
    first, second = np.lexsort((number, -tie_break.round(9), -scores.round(9)), axis=-1)[:, :2].T
    row = np.arange(len(tracks))
    decided = tracks.assign(
        predicted=first, share=scores[row, first], runner_up=second, runner_up_share=scores[row, second]
    )
    columns = ["track_id", "label", "predicted", "share", "runner_up", "runner_up_share", "segments"]
    probabilities = pd.DataFrame(means, columns=[f"p{number}" for number in range(means.shape[1])])
    return decided[columns].join(probabilities)
