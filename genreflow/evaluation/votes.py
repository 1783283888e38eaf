"""From slices to tracks: two rules by which a track's slices decide.

*Majority* is the rule of the psytrance study's final model and of Senac et al. 2017; *mean probability* that of
the network it was adapted from.
"""

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


def _tally(predictions: Predictions) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return the tracks, and their shares of votes and mean probabilities, both float64 [tracks, K]."""
    track, names = pd.factorize(predictions.track_id, sort=True)
    # Sums of floats depend on their order; in the order of slices they do not depend on that of the rows.
    order = np.lexsort((predictions.segment, track))
    segments = np.bincount(track, minlength=len(names))
    starts = np.cumsum(segments) - segments
    one_hot = np.eye(len(predictions.classes))[predictions.predicted]
    if len(names):
        votes, means = (np.add.reduceat(rows[order], starts) for rows in (one_hot, predictions.proba))
    else:
        votes = means = np.empty((0, len(predictions.classes)))
    tracks = pd.DataFrame({"track_id": names, "label": predictions.label[order][starts], "segments": segments})
    return tracks, votes / segments[:, None], means / segments[:, None]


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
