"""Tag probabilities of slices, and their metrics.

A track may have several of the K tags, or none. Arrays are `tags` bool [n, K] and `proba` float64 [n, K], whose rows
need not sum to 1. A *cell* is one tag of one item. Macro areas follow Won et al. 2020; metrics of cells at a threshold
follow Neacsu-Miclea 2023.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from genreflow.errors import Problems
from genreflow.evaluation.intervals import bca_interval
from genreflow.evaluation.metrics import areas, confusion_matrix, per_class
from genreflow.evaluation.predictions import INVALID, duplicate_problems
from genreflow.evaluation.votes import by_track
from genreflow.store.text import count

THRESHOLD = 0.5
RESAMPLES = 2_000
POINTS = 200
MACRO = "(macro)"
AREAS = (
    "tag", "items", "positives", "base_rate", "roc_auc", "roc_auc_low", "roc_auc_high", "pr_auc", "pr_auc_low",
    "pr_auc_high",
)  # fmt: skip
CURVES = ("tag", "curve", "x", "y", "threshold")


@dataclass(frozen=True)
class TagPredictions:
    """Tag probabilities of slices, and their true tags.

    Attributes
    ----------
    track_id
        Track of each slice, str [n].
    segment
        Number of the slice within its track, int [n].
    tags
        Whether the slice's track has each tag, bool [n, K].
    proba
        Probabilities, float64 [n, K], each 0..1.
    classes
        Names of the K tags.

    Raises
    ------
    Problems
        When a probability is not within 0..1, a tag is listed twice, a slice occurs twice, or the slices of a track
        have different tags.
    """

    track_id: np.ndarray
    segment: np.ndarray
    tags: np.ndarray
    proba: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if problems := list(_problems(self)):
            raise Problems(INVALID, problems)

    def __len__(self) -> int:
        return len(self.track_id)


def from_frame(frame: pd.DataFrame, classes: Sequence[str]) -> TagPredictions:
    """Return the content of a `predictions` table: ``track_id, slice, tags, p0 .. pK-1``, tags a list of names.

    Raises
    ------
    Problems
        When a column is missing or a tag is not among `classes`.
    """
    columns = [f"p{number}" for number in range(len(classes))]
    problems = [f"column {column} is missing" for column in columns if column not in frame]
    # A row per tag of a slice; a slice without tags has one row without a name.
    single = pd.Series(list(frame["tags"]), dtype=object).explode().dropna()
    numbers = pd.Index(classes).get_indexer(single)
    if unknown := sorted(set(single[numbers < 0])):
        problems.append(f"slices have tags that the model was not trained on: {', '.join(unknown)}")
    if problems:
        raise Problems("The predictions do not fit the tags:", problems)
    tags = np.zeros((len(frame), len(classes)), bool)
    tags[single.index, numbers] = True
    return TagPredictions(
        track_id=frame["track_id"].to_numpy(object),
        segment=frame["slice"].to_numpy(int),
        tags=tags,
        proba=frame[columns].to_numpy(float),
        classes=tuple(classes),
    )


def of_tracks(predictions: TagPredictions) -> TagPredictions:
    """Return the mean over the slices of each track, tracks sorted; each track has one segment, number 0."""
    names, order, starts = by_track(predictions.track_id, predictions.segment)
    slices = np.diff(np.append(starts, len(order)))
    means = np.add.reduceat(predictions.proba[order], starts) / slices[:, None] if len(names) else predictions.proba
    return TagPredictions(
        track_id=names,
        segment=np.zeros(len(names), int),
        tags=predictions.tags[order][starts],
        proba=np.clip(means, 0, 1),
        classes=predictions.classes,
    )


def without_positives(predictions: TagPredictions) -> tuple[str, ...]:
    """Return the tags that no item has: they have no areas and do not count in macro means."""
    return _named(predictions, ~predictions.tags.any(axis=0))


def without_negatives(predictions: TagPredictions) -> tuple[str, ...]:
    """Return the tags that every item has: they have no ROC curve and do not count in macro means."""
    return _named(predictions, predictions.tags.all(axis=0)) if len(predictions) else ()


def evaluate(predictions: TagPredictions) -> dict[str, Any]:
    """Return all metrics of slices and of tracks (mean over slices), each with its level in its name.

    Returns
    -------
    ``tracks, slices, tags, tags_without_positives, tags_without_negatives`` (names, of tracks) and, after ``slice_``
    or ``track_``:

    ``roc_auc_macro, pr_auc_macro``
        Means over the tags that have both positives and negatives; ``pr_auc_chance`` is the expected `pr_auc_macro`
        of random scores, the mean base rate of these tags.
    ``roc_auc_micro, pr_auc_micro``
        Areas of all cells pooled as one tag.
    ``binary_accuracy, precision_0, recall_0, precision_1, recall_1``
        Metrics of cells, where a probability above 0.5 is a prediction; a division by zero gives 0. Precision and
        recall of the tagging study are those of class 0, the absent tags.
    ``base_rate, all_zero_accuracy``
        Share of cells that are positive, and the binary accuracy of a model that never predicts a tag.
    """
    tracks = of_tracks(predictions)
    scores: dict[str, Any] = {
        "tracks": len(tracks),
        "slices": len(predictions),
        "tags": len(predictions.classes),
        "tags_without_positives": without_positives(tracks),
        "tags_without_negatives": without_negatives(tracks),
    }
    for level, items in (("slice", predictions), ("track", tracks)):
        scores |= {f"{level}_{name}": value for name, value in (_ranking(items) | _decisions(items)).items()}
    return scores


def areas_table(
    predictions: TagPredictions, groups: pd.Series | None = None, *, seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Return the areas under the curves of each tag and their mean, with 95 % intervals, as `AREAS`.

    Parameters
    ----------
    predictions
        Predictions of tracks (`of_tracks`) or of slices.
    groups
        Group of each track by track id; each track is its own group by default. Groups are resampled (BCa).
    resamples
        Number of resamples, fewer than for accuracies because each draw is ranked anew; 0 omits the intervals.

    Returns
    -------
    A row per tag, and a last row `MACRO` for the mean over tags that have positives and negatives; its positives and
    base rate are those of all cells of these tags. Areas of other tags are NaN. In a draw without positives of a tag,
    the mean is over the other tags; the interval of a tag is NaN if this happens in more than a tenth of the draws.
    """
    ones = np.ones((1, len(predictions)))
    values = _areas(predictions, ones.T)[0]
    low, high = np.full((2, *values.shape), np.nan)
    if resamples and len(predictions):
        tracks = predictions.track_id
        number, names = pd.factorize(tracks if groups is None else groups.loc[tracks].to_numpy())
        low, high = bca_interval(
            lambda drawn: _areas(predictions, drawn.T[number]), np.ones(len(names), int), seed=seed, resamples=resamples
        )
    scored, positives = _scored(predictions), predictions.tags.sum(axis=0)
    items = np.append(np.full(len(positives), len(predictions)), len(predictions) * scored.sum())
    table = pd.DataFrame(
        {
            "tag": [*predictions.classes, MACRO],
            "items": items,
            "positives": np.append(positives, positives[scored].sum()),
        }
    )
    table["base_rate"] = table["positives"] / table["items"].where(table["items"] > 0)
    for column, name in enumerate(("roc_auc", "pr_auc")):
        table[name], table[f"{name}_low"], table[f"{name}_high"] = (part[:, column] for part in (values, low, high))
    return table[list(AREAS)]


def tags_table(predictions: TagPredictions) -> pd.DataFrame:
    """Return ``tag, items, positives, base_rate, precision, recall, f1`` at threshold 0.5, a row per tag."""
    rows = [
        {"tag": tag, "items": len(predictions), "positives": int(has.sum())}
        | _scores(has, predicted)[["precision", "recall", "f1"]].iloc[1].to_dict()
        for tag, has, predicted in zip(
            predictions.classes, predictions.tags.T, predictions.proba.T > THRESHOLD, strict=True
        )
    ]
    table = pd.DataFrame(rows)
    table.insert(3, "base_rate", table["positives"] / table["items"].where(table["items"] > 0))
    return table


def curves_table(predictions: TagPredictions, *, points: int = POINTS) -> pd.DataFrame:
    """Return the ROC and precision-recall curves of each tag that has both positives and negatives, as `CURVES`.

    `curve` is ``roc`` (x: false positive rate, y: true positive rate) or ``pr`` (x: recall, y: precision). A point is
    the result of predicting the tag from `threshold` upwards; the first point of a curve predicts it for no item, has
    an infinite threshold and precision 1. Long curves are thinned to `points`, evenly along the curve, with both ends.
    """
    parts = []
    for number in np.flatnonzero(_scored(predictions)):
        has, score = predictions.tags[:, number], predictions.proba[:, number]
        for curve, (x, y, threshold) in _curves(has, score).items():
            kept = _thinned(x, y, points)
            columns = {"x": x[kept], "y": y[kept], "threshold": threshold[kept]}
            parts.append(pd.DataFrame({"tag": predictions.classes[number], "curve": curve, **columns}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(CURVES))


def _ranking(items: TagPredictions) -> dict[str, float]:
    roc, pr = _areas(items, np.ones((len(items), 1)))[0, -1]
    micro_roc, micro_pr = areas(items.tags.ravel(), items.proba.ravel())
    scored = _scored(items)
    return {
        "roc_auc_macro": float(roc),
        "pr_auc_macro": float(pr),
        "pr_auc_chance": float(items.tags[:, scored].mean()) if scored.any() else np.nan,
        "roc_auc_micro": float(micro_roc[0]),
        "pr_auc_micro": float(micro_pr[0]),
    }


def _decisions(items: TagPredictions) -> dict[str, float]:
    names = ("binary_accuracy", "precision_0", "recall_0", "precision_1", "recall_1", "base_rate", "all_zero_accuracy")
    if not len(items):
        return dict.fromkeys(names, np.nan)
    predicted, base_rate = items.proba > THRESHOLD, items.tags.mean()
    absent, present = _scores(items.tags, predicted)[["precision", "recall"]].to_numpy()
    values = ((predicted == items.tags).mean(), *absent, *present, base_rate, 1 - base_rate)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _scores(has: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Return precision, recall and F1 of absence (row 0) and presence (row 1) over cells."""
    return per_class(confusion_matrix(has.ravel(), predicted.ravel(), 2))


def _areas(items: TagPredictions, weight: np.ndarray) -> np.ndarray:
    """Return the areas (ROC, PR) of each tag and their mean for weights [n, draws], float64 [draws, K + 1, 2]."""
    single = np.array([areas(*cells, weight) for cells in zip(items.tags.T, items.proba.T, strict=True)])
    is_defined = ~np.isnan(single)
    number = is_defined.sum(axis=0)
    total = np.where(is_defined, single, 0).sum(axis=0)
    mean = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return np.concatenate([single, mean[None]]).transpose(2, 0, 1)


def _scored(items: TagPredictions) -> np.ndarray:
    return np.asarray(items.tags.any(axis=0) & ~items.tags.all(axis=0))


def _named(items: TagPredictions, is_named: np.ndarray | np.bool) -> tuple[str, ...]:
    return tuple(np.asarray(items.classes, object)[is_named])


def _curves(has: np.ndarray, score: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true_positives = np.append(0, np.cumsum(has[order])[last])
    false_positives = np.append(0, last + 1) - true_positives
    threshold = np.append(np.inf, score[order][last])
    recall = true_positives / true_positives[-1]
    precision = np.append(1, true_positives[1:] / (true_positives + false_positives)[1:])
    return {"roc": (false_positives / false_positives[-1], recall, threshold), "pr": (recall, precision, threshold)}


def _thinned(x: np.ndarray, y: np.ndarray, points: int) -> np.ndarray:
    """Return the indices of at most `points` points, evenly along the curve, with both ends."""
    if len(x) <= points:
        return np.arange(len(x))
    along = np.append(0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    indices = np.searchsorted(along, np.linspace(0, along[-1], points))
    return np.unique(np.append(indices[:-1], len(x) - 1))


def _problems(predictions: TagPredictions) -> Iterable[str]:
    tags, proba, classes = predictions.tags, predictions.proba, pd.Index(predictions.classes)
    shape = (len(predictions), len(classes))
    if not len(classes):
        yield "there are no tags"
    if classes.has_duplicates:
        yield f"tags are listed more than once: {', '.join(classes[classes.duplicated()].unique())}"
    if proba.shape != shape or tags.shape != shape:
        yield f"probabilities {proba.shape} and tags {tags.shape} do not fit {shape[0]} slices and {shape[1]} tags"
        return
    if broken := np.count_nonzero(~((proba >= 0) & (proba <= 1)).all(axis=1)):
        yield f"{count(broken, 'slice')} with probabilities that are not numbers from 0 to 1"
    yield from duplicate_problems(predictions.track_id, predictions.segment)
    number, _ = pd.factorize(predictions.track_id)
    _, first = np.unique(number, return_index=True)
    if (differs := (tags != tags[first[number]]).any(axis=1)).any():
        yield f"the slices of one track have different tags, the first is {predictions.track_id[differs][0]}"
