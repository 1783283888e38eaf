"""Metrics, all read off the confusion matrix: counts int [K, K], true classes down, predicted classes across."""

import numpy as np
import pandas as pd

from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.votes import majority, mean_probability


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count how often each class [n] is taken for each, int [K, K]."""
    cells = np.asarray(true, int) * n_classes + np.asarray(predicted, int)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def accuracy(confusion: np.ndarray) -> float:
    """Return the share on the diagonal."""
    return float(_ratio(np.trace(confusion), confusion.sum(), empty=np.nan))


def balanced_accuracy(confusion: np.ndarray) -> float:
    """Return the mean recall of the classes that occur."""
    occurs = confusion.sum(axis=1) > 0
    return float(per_class(confusion)["recall"][occurs].mean())


def majority_baseline(confusion: np.ndarray) -> float:
    """Return the accuracy of always answering the commonest true class."""
    return float(_ratio(confusion.sum(axis=1).max(), confusion.sum(), empty=np.nan))


def per_class(confusion: np.ndarray) -> pd.DataFrame:
    """Return ``precision, recall, f1, support`` of each class; what would be divided by zero is 0."""
    hits, support, answers = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return pd.DataFrame(
        {
            "precision": _ratio(hits, answers, empty=0.0),
            "recall": _ratio(hits, support, empty=0.0),
            "f1": _ratio(2 * hits, support + answers, empty=0.0),
            "support": support,
        }
    )


def row_shares(confusion: np.ndarray) -> np.ndarray:
    """Return each count as a share of its true class, float64 [K, K]; NaN for a class that does not occur."""
    return _ratio(confusion, confusion.sum(axis=1, keepdims=True), empty=np.nan)


def confusions(predictions: Predictions) -> dict[str, np.ndarray]:
    """Return the confusion matrices of slices and, by either rule, of tracks: ``slice, track_majority, track_mean``."""
    n_classes = len(predictions.classes)
    by_rule = {"track_majority": majority(predictions), "track_mean": mean_probability(predictions)}
    return {"slice": confusion_matrix(predictions.label, predictions.predicted, n_classes)} | {
        rule: confusion_matrix(tracks["label"], tracks["predicted"], n_classes) for rule, tracks in by_rule.items()
    }


def evaluate(predictions: Predictions) -> dict[str, float]:
    """Return every metric of some predictions, its level in its name; tracks by majority where no rule is named."""
    by_level = confusions(predictions)
    tracks = by_level["track_majority"]
    return {
        "tracks": int(tracks.sum()),
        "slices": len(predictions),
        "slice_accuracy": accuracy(by_level["slice"]),
        "track_accuracy_majority": accuracy(tracks),
        "track_accuracy_mean": accuracy(by_level["track_mean"]),
        "track_balanced_accuracy": balanced_accuracy(tracks),
        "track_baseline": majority_baseline(tracks),
    }


def _ratio(part: np.ndarray, whole: np.ndarray, *, empty: float) -> np.ndarray:
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, empty), where=whole > 0)
