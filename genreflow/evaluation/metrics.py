"""Metrics of classes, and the areas under curves that tags share.

Most are read off the confusion matrix: counts [..., K, K], true classes down, predicted classes across, one number
a matrix. So a metric can be had of thousands of resampled matrices at once.
"""

import numpy as np
import pandas as pd

from genreflow.evaluation.intervals import RESAMPLES, Statistic, bca_interval, bca_interval_of_sums
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.votes import RULES, majority, mean_probability

TOP = 3


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Count how often each class [n] is taken for each, int [K, K]."""
    cells = np.asarray(true, int) * n_classes + np.asarray(predicted, int)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def accuracy(confusion: np.ndarray) -> float:
    """Return the share on the diagonal."""
    return _ratio(_hits(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)), empty=np.nan)


def balanced_accuracy(confusion: np.ndarray) -> float:
    """Return the mean recall of the classes that occur."""
    return _mean(_scores(confusion)["recall"], confusion.sum(axis=-1) > 0)


def macro(confusion: np.ndarray, score: str) -> float:
    """Return the mean ``precision``, ``recall`` or ``f1`` of the classes that occur or are answered."""
    return _mean(_scores(confusion)[score], confusion.sum(axis=-1) + confusion.sum(axis=-2) > 0)


def micro(confusion: np.ndarray) -> float:
    """Return precision, recall and F1 pooled over classes: all three are the accuracy.

    Every item has one class and gets one answer, so each wrong answer is one false positive and one false negative.
    """
    return accuracy(confusion)


def majority_baseline(confusion: np.ndarray) -> float:
    """Return the accuracy of always answering the commonest true class."""
    return _ratio(confusion.sum(axis=-1).max(axis=-1), confusion.sum(axis=(-2, -1)), empty=np.nan)


def per_class(confusion: np.ndarray) -> pd.DataFrame:
    """Return ``precision, recall, f1, support`` of each class of one matrix; what would be divided by zero is 0."""
    return pd.DataFrame(_scores(confusion)).assign(support=confusion.sum(axis=1))


def row_shares(confusion: np.ndarray) -> np.ndarray:
    """Return each count as a share of its true class, float64 [K, K]; NaN for a class that does not occur."""
    return _ratio(confusion, confusion.sum(axis=1, keepdims=True), empty=np.nan)


def confusion_interval(
    true: np.ndarray,
    predicted: np.ndarray,
    cluster: np.ndarray,
    n_classes: int,
    metric: Statistic,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Return the 95 % interval of a metric of the confusion matrix, by the bootstrap over clusters (BCa).

    Parameters
    ----------
    true, predicted
        Classes of each item, int [n].
    cluster
        The unit that each item was drawn with [n].
    metric
        `accuracy`, `balanced_accuracy`, ``partial(macro, score="f1")``, and the like.

    Returns
    -------
    low, high
        NaN where there are fewer than two clusters. A class that a draw does not hold is not in its mean.
    """
    number, names = pd.factorize(np.asarray(cluster))
    cells = (number * n_classes + np.asarray(true, int)) * n_classes + np.asarray(predicted, int)
    sums = np.bincount(cells, minlength=len(names) * n_classes**2).reshape(len(names), n_classes**2)
    low, high = bca_interval_of_sums(
        sums,
        lambda cells: metric(cells.reshape(*cells.shape[:-1], n_classes, n_classes)),
        seed=seed,
        resamples=resamples,
    )
    return float(low), float(high)


def top_k_accuracy(label: np.ndarray, proba: np.ndarray, k: int) -> float:
    """Return how often the true class [n] is among the `k` most probable [n, K]; of equals the first comes first."""
    own = proba[np.arange(len(label)), label][:, None]
    earlier = np.arange(proba.shape[1]) < np.asarray(label)[:, None]
    rank = (proba > own).sum(axis=1) + ((proba == own) & earlier).sum(axis=1)
    return _ratio((rank < k).sum(), len(label), empty=np.nan)


def class_index_mse(label: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean squared difference of class numbers [n]. It is meaningless: classes have no order.

    Table 2 of Giamatti and Smith 2020 (MSE 4.664) has it, and it is here to stand beside that number only. Naming
    the classes in another order changes it.
    """
    squares = (np.asarray(label, float) - np.asarray(predicted, float)) ** 2
    return _ratio(squares.sum(), len(squares), empty=np.nan)


def areas(positive: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the areas under the ROC and the precision-recall curve of one class or tag.

    Parameters
    ----------
    positive
        Whether each item has it, bool [n].
    score
        How much the model believes so, float64 [n]; equal scores are one threshold.
    weight
        How often each item counts, [n, draws]; once, if not given.

    Returns
    -------
    roc, pr
        float64 [draws]. The first is the share of pairs that are ranked rightly, equals counting half (Hanley and
        McNeil 1982); the second is average precision, the step-wise area. NaN where all items are alike.
    """
    weight = np.ones((len(score), 1)) if weight is None else weight
    if not positive.any() or positive.all():
        return np.full(weight.shape[1], np.nan), np.full(weight.shape[1], np.nan)
    order = np.argsort(-score, kind="stable")
    score, positive, weight = score[order], positive[order], weight[order]
    drawn = np.zeros((len(score) + 1, weight.shape[1]))
    np.cumsum(weight, axis=0, out=drawn[1:])
    # Both areas are sums over the thresholds at which there are positives; only those are looked at.
    edges = np.concatenate([[0], np.flatnonzero(np.diff(score)) + 1, [len(score)]])
    places = np.flatnonzero(positive)
    runs, first = np.unique(np.searchsorted(edges, places, side="right") - 1, return_index=True)
    hits = np.add.reduceat(weight[places], first, axis=0)
    found = np.cumsum(hits, axis=0)
    answered = drawn[edges[runs + 1]]
    false_before, false_after = drawn[edges[runs]] - (found - hits), answered - found
    positives = found[-1]
    negatives = drawn[-1] - positives
    ranked = hits * (negatives - (false_before + false_after) / 2)
    precision = _ratio(found, answered, empty=0.0)
    return (
        _ratio(ranked.sum(axis=0), positives * negatives, empty=np.nan),
        _ratio((hits * precision).sum(axis=0), np.where(negatives > 0, positives, 0), empty=np.nan),
    )


def roc_auc(label: np.ndarray, proba: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the macro ROC-AUC of classes [n] by their probabilities [n, K], each against all others.

    The mean is over the classes that occur; it is NaN where there is but one. With weights [n, draws] there is one
    number a draw, float64 [draws].
    """
    single = [areas(label == number, proba[:, number], weight)[0] for number in range(proba.shape[1])]
    found = _mean(np.nan_to_num(single).T, ~np.isnan(single).T)
    return found if weight is not None else found[0]


def roc_auc_interval(
    label: np.ndarray, proba: np.ndarray, cluster: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Return the 95 % interval of `roc_auc` by the bootstrap over clusters [n] (BCa)."""
    number, names = pd.factorize(np.asarray(cluster))
    low, high = bca_interval(
        lambda drawn: roc_auc(label, proba, drawn.T[number]),
        np.ones(len(names), int),
        seed=seed,
        resamples=resamples,
    )
    return float(low), float(high)


def confusions(predictions: Predictions) -> dict[str, np.ndarray]:
    """Return the confusion matrices of slices and, by either rule, of tracks: ``slice, track_majority, track_mean``."""
    n_classes = len(predictions.classes)
    by_rule = {"track_majority": majority(predictions), "track_mean": mean_probability(predictions)}
    return {"slice": confusion_matrix(predictions.label, predictions.predicted, n_classes)} | {
        rule: confusion_matrix(tracks["label"], tracks["predicted"], n_classes) for rule, tracks in by_rule.items()
    }


def evaluate(predictions: Predictions) -> dict[str, float]:
    """Return the metrics of the tables, each with its level in its name; tracks by majority where no rule is named."""
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


def evaluate_fully(predictions: Predictions) -> dict[str, float]:
    """Return what `evaluate` does and every other metric of classes.

    The accuracy of tracks by each of `votes.RULES`; ``macro_precision, macro_recall, macro_f1, micro_f1`` (of tracks
    by majority), ``top_3_accuracy, roc_auc`` (of tracks by mean probability) and ``class_index_mse``, each of slices
    and of tracks.
    """
    tracks = {rule: decide(predictions) for rule, decide in RULES.items()}
    votes, n_classes = tracks["majority"], len(predictions.classes)
    means = votes[[f"p{number}" for number in range(n_classes)]].to_numpy()
    levels = {
        "slice": (predictions.label, predictions.predicted, predictions.proba),
        "track": (votes["label"].to_numpy(), votes["predicted"].to_numpy(), means),
    }
    found = evaluate(predictions)
    for rule, decided in tracks.items():
        confusion = confusion_matrix(decided["label"], decided["predicted"], n_classes)
        found[f"track_accuracy_{rule}"] = accuracy(confusion)
    for level, (label, predicted, proba) in levels.items():
        confusion = confusion_matrix(label, predicted, n_classes)
        found |= {f"{level}_macro_{score}": macro(confusion, score) for score in ("precision", "recall", "f1")}
        found |= {
            f"{level}_micro_f1": micro(confusion),
            f"{level}_top_{TOP}_accuracy": top_k_accuracy(label, proba, TOP),
            f"{level}_roc_auc": roc_auc(label, proba),
            f"{level}_class_index_mse": class_index_mse(label, predicted),
        }
    return found


def _hits(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Return ``precision, recall, f1`` of each class, float64 [..., K]; what would be divided by zero is 0."""
    hits, support, answers = _hits(confusion), confusion.sum(axis=-1), confusion.sum(axis=-2)
    return {
        "precision": _ratio(hits, answers, empty=0.0),
        "recall": _ratio(hits, support, empty=0.0),
        "f1": _ratio(2 * hits, support + answers, empty=0.0),
    }


def _mean(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return _ratio((values * counted).sum(axis=-1), counted.sum(axis=-1), empty=np.nan)


def _ratio(part: np.ndarray, whole: np.ndarray, *, empty: float) -> np.ndarray:
    """Return part / whole, float64 of their shape (a plain number where they are); `empty` of nothing."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, empty), where=whole > 0)[()]
