"""Classification metrics, and the areas under curves that classes and tags share.

Most metrics are computed from confusion matrices: counts [..., K, K], rows are true classes, columns are predicted
classes. Leading axes are batches, so a metric of thousands of matrices is one call.
"""

from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.votes import RULES, majority, mean_probability

TOP = 3


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return how often each true class [n] is predicted as each class [n], int [K, K]."""
    cells = np.asarray(true, int) * n_classes + np.asarray(predicted, int)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return the share of items on the diagonal."""
    return _ratio(_hits(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)), empty=np.nan)


def balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return the mean recall of the classes that occur."""
    return _mean(_scores(confusion)["recall"], confusion.sum(axis=-1) > 0)


def macro(confusion: np.ndarray, score: str) -> np.ndarray:
    """Return the mean ``precision``, ``recall`` or ``f1`` of the classes that occur or are predicted."""
    return _mean(_scores(confusion)[score], confusion.sum(axis=-1) + confusion.sum(axis=-2) > 0)


def majority_baseline(confusion: np.ndarray) -> np.ndarray:
    """Return the accuracy of always predicting the most common true class."""
    return _ratio(confusion.sum(axis=-1).max(axis=-1), confusion.sum(axis=(-2, -1)), empty=np.nan)


def per_class(confusion: np.ndarray) -> pd.DataFrame:
    """Return ``precision, recall, f1, support`` of each class of one matrix; a division by zero gives 0."""
    return pd.DataFrame(_scores(confusion)).assign(support=confusion.sum(axis=1))


def row_shares(confusion: np.ndarray) -> np.ndarray:
    """Return each count as a share of its true class, float64 [K, K]; NaN for a class that does not occur."""
    return _ratio(confusion, confusion.sum(axis=1, keepdims=True), empty=np.nan)


def top_k_accuracy(label: np.ndarray, proba: np.ndarray, k: int) -> float:
    """Return how often the true class [n] is among the `k` most probable [n, K]; in a tie the first class ranks first.

    Unlike `sklearn.metrics.top_k_accuracy_score`, it accepts classes that do not occur and fewer than `k` classes.
    """
    own = proba[np.arange(len(label)), label][:, None]
    is_earlier = np.arange(proba.shape[1]) < np.asarray(label)[:, None]
    rank = (proba > own).sum(axis=1) + ((proba == own) & is_earlier).sum(axis=1)
    return float(_ratio((rank < k).sum(), len(label), empty=np.nan))


def class_index_mse(label: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean squared difference of class numbers [n]; it is meaningless because classes have no order.

    Table 2 of Giamatti and Smith 2020 reports it (MSE 4.664); it is computed only to stand beside that number. It
    changes when classes are named in another order.
    """
    squares = (np.asarray(label, float) - np.asarray(predicted, float)) ** 2
    return float(_ratio(squares.sum(), len(squares), empty=np.nan))


def batch_accuracies(predictions: Predictions, *, seed: int = 0) -> np.ndarray:
    """Return the slice accuracy of each batch of one track per class, float64 [batches].

    The psytrance study stored its tracks in files of five, one of each class; its error bars are the standard
    deviation of the accuracy over test files, which it drew with replacement. Here the tracks of each class are
    shuffled and dealt into as many batches as the smallest class has tracks; the remaining tracks are left out.
    """
    tracks = (
        pd.DataFrame({"track_id": predictions.track_id, "label": predictions.label, "hit": predictions.correct})
        .groupby(["label", "track_id"])["hit"]
        .agg(["sum", "size"])
    )
    rng = np.random.default_rng(seed)
    classes = [
        tracks[tracks.index.get_level_values("label") == label].to_numpy() for label in range(len(predictions.classes))
    ]
    n_batches = min(len(rows) for rows in classes)
    hits, slices = np.sum([rng.permutation(rows)[:n_batches] for rows in classes], axis=0).reshape(-1, 2).T
    return hits / slices


def areas(
    positive: np.ndarray, score: np.ndarray, part: np.ndarray | None = None, parts: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the areas under the ROC curve and the precision-recall curve of one class or tag.

    Parameters
    ----------
    positive
        Whether each item has the class or tag, bool [n].
    score
        Score of each item, float64 [n]; equal scores share one threshold.
    part, parts
        Number of the part of each item, int [n], and how many parts are left out, each in turn; none by default.

    Returns
    -------
    roc, pr
        float64 [1 + parts]: of all items, then of those without each part. `roc` is the share of correctly ranked
        pairs, where ties count half (Hanley and McNeil 1982); `pr` is average precision, the step-wise area. NaN if all
        items are positive or all are negative.
    """
    if not positive.any() or positive.all():
        return np.full(1 + parts, np.nan), np.full(1 + parts, np.nan)
    part = np.zeros(len(score), int) if part is None else part
    # Both areas are sums over the thresholds that have positives, so all other thresholds are merged: column 2 i holds
    # the items between the thresholds i - 1 and i, column 2 i + 1 those at threshold i.
    levels = np.unique(-score[positive])
    place = np.searchsorted(levels, -score)
    is_at = levels[np.minimum(place, len(levels) - 1)] == -score
    items = _without_parts(2 * place + is_at, part, 2 * len(levels) + 1, parts)
    hits = _without_parts(place[positive], part[positive], len(levels), parts)
    drawn = np.cumsum(items, axis=1)
    before, predicted = drawn[:, :-1:2], drawn[:, 1::2]
    true_positives = np.cumsum(hits, axis=1)
    false_before = before - (true_positives - hits)
    false_after = predicted - true_positives
    positives = true_positives[:, -1]
    negatives = drawn[:, -1] - positives
    ranked = hits * (negatives[:, None] - (false_before + false_after) / 2)
    precision = _ratio(true_positives, predicted, empty=0.0)
    return (
        _ratio(ranked.sum(axis=1), positives * negatives, empty=np.nan),
        _ratio((hits * precision).sum(axis=1), np.where(negatives > 0, positives, 0), empty=np.nan),
    )


def roc_auc(label: np.ndarray, proba: np.ndarray) -> float:
    """Return the macro ROC-AUC of classes [n] by their probabilities [n, K], each class against all others.

    The mean is over the classes that occur; NaN if only one occurs.
    """
    single = np.array([areas(label == number, proba[:, number])[0][0] for number in range(proba.shape[1])])
    return float(_mean(np.nan_to_num(single), ~np.isnan(single)))


def confusions(predictions: Predictions) -> dict[str, np.ndarray]:
    """Return the confusion matrices of slices, and of tracks by two rules: ``slice, track_majority, track_mean``."""
    n_classes = len(predictions.classes)
    by_rule = {"track_majority": majority(predictions), "track_mean": mean_probability(predictions)}
    return {"slice": confusion_matrix(predictions.label, predictions.predicted, n_classes)} | {
        rule: confusion_matrix(tracks["label"], tracks["predicted"], n_classes) for rule, tracks in by_rule.items()
    }


def evaluate(predictions: Predictions) -> dict[str, Any]:
    """Return the metrics of the main tables, each with its level in its name.

    Track metrics are by majority vote where their name does not include a rule.
    """
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


def evaluate_fully(predictions: Predictions) -> dict[str, Any]:
    """Return the metrics of `evaluate` and all other metrics of classes.

    These are the track accuracy by each of `votes.RULES`, and for slices and tracks ``macro_precision, macro_recall,
    macro_f1, micro_f1`` (tracks by majority), ``top_3_accuracy, roc_auc`` (tracks by mean probability) and
    ``class_index_mse``.
    """
    tracks = {rule: decide(predictions) for rule, decide in RULES.items()}
    votes, n_classes = tracks["majority"], len(predictions.classes)
    means = votes[[f"p{number}" for number in range(n_classes)]].to_numpy()
    levels = {
        "slice": (predictions.label, predictions.predicted, predictions.proba),
        "track": (votes["label"].to_numpy(), votes["predicted"].to_numpy(), means),
    }
    scores = evaluate(predictions)
    for rule, decided in tracks.items():
        confusion = confusion_matrix(decided["label"], decided["predicted"], n_classes)
        scores[f"track_accuracy_{rule}"] = accuracy(confusion)
    for level, (label, predicted, proba) in levels.items():
        confusion = confusion_matrix(label, predicted, n_classes)
        scores |= {f"{level}_macro_{score}": macro(confusion, score) for score in ("precision", "recall", "f1")}
        scores |= {
            # Each item has one class and one answer, so precision, recall and F1 pooled over classes are the accuracy.
            f"{level}_micro_f1": accuracy(confusion),
            f"{level}_top_{TOP}_accuracy": top_k_accuracy(label, proba, TOP),
            f"{level}_roc_auc": roc_auc(label, proba),
            f"{level}_class_index_mse": class_index_mse(label, predicted),
        }
    return scores


def _hits(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return ``precision, recall, f1`` of each class, float64 [..., K]; a division by zero gives 0."""
    hits, support, predicted = _hits(confusion), confusion.sum(axis=-1), confusion.sum(axis=-2)
    return {
        "precision": _ratio(hits, predicted, empty=0.0),
        "recall": _ratio(hits, support, empty=0.0),
        "f1": _ratio(2 * hits, support + predicted, empty=0.0),
    }


def _without_parts(place: np.ndarray, part: np.ndarray, places: int, parts: int) -> np.ndarray:
    """Return the number of items at each place, of all and of those without each part, int [1 + parts, places]."""
    total = np.bincount(place, minlength=places)
    if not parts:
        return total[None]
    of_part = np.bincount(part * places + place, minlength=parts * places).reshape(parts, places)
    return np.concatenate([total[None], total - of_part])


def _mean(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return _ratio((values * counted).sum(axis=-1), counted.sum(axis=-1), empty=np.nan)


def _ratio(part: np.ndarray, whole: np.ndarray | int, *, empty: float) -> np.ndarray:
    """Return part / whole as float64 of their shape; `empty` where the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, empty), where=whole > 0)[()]
