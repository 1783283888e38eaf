"""From slices to tracks: four rules that combine the predictions of a track's slices.

*Majority* is the rule of the psytrance study's final model and of Senac et al. 2017; *mean* is that of the network
which the former was adapted from. *Maximum* follows the single slice with the highest probability. *Weighted* is a
majority vote weighted by confidence. Kittler et al. 1998, On combining classifiers, describes the mean, maximum and
vote rules. All rules return the same table and define how ties are broken.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from genreflow.evaluation.predictions import Predictions


def majority(predictions: Predictions) -> pd.DataFrame:
    """Let each slice vote for its most probable class; the larger mean probability breaks ties.

    Returns
    -------
    A row per track, sorted: ``track_id, label, predicted, share, runner_up, runner_up_share, segments, p0 .. pK-1``.
    Classes are numbers; `share` is the share of slices that voted for the class; `p0` .. are mean probabilities. If two
    classes tie in both, the first wins.
    """
    tracks, votes, means = _tally(predictions)
    return _decide(tracks, votes, means, tie_break=means)


def mean_probability(predictions: Predictions) -> pd.DataFrame:
    """Choose the class with the largest mean probability; the number of votes breaks ties.

    Returns the columns of `majority`; `share` is the mean probability of the class.
    """
    tracks, votes, means = _tally(predictions)
    return _decide(tracks, means, means, tie_break=votes)


def maximum(predictions: Predictions) -> pd.DataFrame:
    """Choose the class with the largest probability in any slice; the larger mean probability breaks ties.

    Returns the columns of `majority`; `share` is that largest probability, so shares of two classes may exceed 1.
    """
    tracks, _, means = _tally(predictions)
    return _decide(tracks, _reduce(predictions, predictions.proba, np.maximum), means, tie_break=means)


def weighted(predictions: Predictions) -> pd.DataFrame:
    """Let each slice vote for its most probable class, weighted by that probability; means break ties.

    Returns the columns of `majority`; `share` is the class's share of all weight.
    """
    tracks, _, means = _tally(predictions)
    confidence = predictions.proba.max(axis=1, keepdims=True)
    weights = _reduce(predictions, _one_hot(predictions) * confidence, np.add)
    return _decide(tracks, weights / weights.sum(axis=1, keepdims=True), means, tie_break=means)


RULES: Mapping[str, Callable[[Predictions], pd.DataFrame]] = {
    "majority": majority,
    "mean": mean_probability,
    "maximum": maximum,
    "weighted": weighted,
}


def by_track(track_id: np.ndarray, segment: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sorted tracks, the row order that groups their slices, and where each track starts in that order.

    Sums of floats depend on their order; in the order of slices they do not depend on the order of rows.
    """
    track, names = pd.factorize(track_id, sort=True)
    slices = np.bincount(track, minlength=len(names))
    return np.asarray(names, object), np.lexsort((segment, track)), np.cumsum(slices) - slices


def _tally(predictions: Predictions) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the tracks, their shares of votes and their mean probabilities, both float64 [tracks, K]."""
    names, order, starts = by_track(predictions.track_id, predictions.segment)
    segments = np.diff(np.append(starts, len(order)))
    tracks = pd.DataFrame({"track_id": names, "label": predictions.label[order][starts], "segments": segments})
    votes, probabilities = (_reduce(predictions, rows, np.add) for rows in (_one_hot(predictions), predictions.proba))
    return tracks, votes / segments[:, None], probabilities / segments[:, None]


def _one_hot(predictions: Predictions) -> np.ndarray:
    return np.eye(len(predictions.classes))[predictions.predicted]


def _reduce(predictions: Predictions, rows: np.ndarray, operation: np.ufunc) -> np.ndarray:
    """Reduce the rows of each track by an operation such as `np.add`, float64 [tracks, K]."""
    _, order, starts = by_track(predictions.track_id, predictions.segment)
    return operation.reduceat(rows[order], starts) if len(starts) else np.empty((0, rows.shape[1]))


def _decide(tracks: pd.DataFrame, scores: np.ndarray, means: np.ndarray, *, tie_break: np.ndarray) -> pd.DataFrame:
    number = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    # Rounded, so that a tie does not depend on the last bit of a sum.
    first, second = np.lexsort((number, -tie_break.round(9), -scores.round(9)), axis=-1)[:, :2].T
    row = np.arange(len(tracks))
    decided = tracks.assign(
        predicted=first, share=scores[row, first], runner_up=second, runner_up_share=scores[row, second]
    )
    columns = ["track_id", "label", "predicted", "share", "runner_up", "runner_up_share", "segments"]
    probabilities = pd.DataFrame(means, columns=[f"p{number}" for number in range(means.shape[1])])
    return decided[columns].join(probabilities)
