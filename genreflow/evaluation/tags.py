"""Tag probabilities of slices, and their metrics.

A track may have several of the K tags, or none. Arrays are `tags` bool [n, K] and `proba` float64 [n, K], whose rows
need not sum to 1. A *cell* is one tag of one item. Macro areas follow Won et al. 2020; metrics of cells at a threshold
follow Neacsu-Miclea 2023.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from genreflow.errors import Problems
from genreflow.evaluation.intervals import cluster_sums, jackknife_interval
from genreflow.evaluation.metrics import areas, confusion_matrix, per_class
from genreflow.evaluation.predictions import INVALID, duplicate_problems
from genreflow.evaluation.votes import by_track
from genreflow.store.text import count

THRESHOLD = 0.5
PARTS = 200
FEWEST = 3  # groups, at least, that have a tag with an interval
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


def shares_of_area(predictions: TagPredictions) -> np.ndarray:
    """Return the contribution of each item to the macro ROC-AUC, float64 [n]; their mean is that area.

    An item that has a tag contributes the share of items without it that score lower (ties count half), one without it
    the share of those with it that score higher: the structural components of DeLong et al. (1988), weighted so that
    items with and without the tag make up half of the area each. As means over items, areas can be compared like
    accuracies.
    """
    scored = np.flatnonzero(_scored(predictions))
    result = np.zeros(len(predictions))
    for number in scored:
        has, score = predictions.tags[:, number], predictions.proba[:, number]
        positive, negative = np.sort(score[has]), np.sort(score[~has])
        below = (np.searchsorted(negative, score, "left") + np.searchsorted(negative, score, "right")) / 2
        above = (
            len(positive) - (np.searchsorted(positive, score, "left") + np.searchsorted(positive, score, "right")) / 2
        )
        placement = np.where(has, below / len(negative), above / len(positive))
        result += placement / np.where(has, len(positive), len(negative))
    return result * len(predictions) / 2 / len(scored) if len(scored) else np.full(len(predictions), np.nan)


def _share_below(values: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return the share of sorted values below each score; equal ones count half."""
    return (np.searchsorted(values, score, "left") + np.searchsorted(values, score, "right")) / (2 * len(values))


def log_loss(predictions: TagPredictions) -> float:
    """Return the mean binary cross-entropy of cells, in nats; probabilities are clipped to 1e-7 from both ends."""
    proba = np.clip(np.where(predictions.tags, predictions.proba, 1 - predictions.proba), 1e-7, 1)
    return float(-np.log(proba).mean()) if proba.size else np.nan


def areas_table(*rounds: TagPredictions, groups: pd.Series | None = None, intervals: bool = True) -> pd.DataFrame:
    """Return the areas under the curves of each tag and their mean, with 95 % intervals, as `AREAS`.

    Parameters
    ----------
    rounds
        Predictions of tracks (`of_tracks`) or of slices, of one model trained once or, in several rounds, repeatedly.
        Areas and intervals are those of the mean over rounds.
    groups
        Group of each track by track id; each track is its own group by default.
    intervals
        Whether to compute intervals, which take as long as 200 sets of areas.

    Returns
    -------
    A row per tag, and a last row `MACRO` for the mean over tags that have positives and negatives; its positives and
    base rate are those of all cells of these tags. Areas of other tags are NaN.

    Notes
    -----
    Intervals are by the jackknife (`genreflow.evaluation.intervals`). Of more than `PARTS` groups, as many equal parts
    are left out in turn (Kott 2001, The delete-a-group jackknife, Journal of Official Statistics 17). Where a tag has
    no positives or negatives without a group, its area there is that of chance: the group is all that is known of the
    tag. The interval of a tag is NaN if fewer than `FEWEST` groups have it, or lack it.
    """
    items = _distinct(rounds)
    number, names = pd.factorize(items.track_id if groups is None else groups.loc[items.track_id].to_numpy())
    parts = min(len(names), PARTS) if intervals else 0
    part_of = pd.Series(number % max(parts, 1), index=items.track_id)
    part_of = part_of[~part_of.index.duplicated()]
    values = _nan_mean(np.stack([_jackknifed(each, part_of.loc[each.track_id].to_numpy(), parts) for each in rounds]))
    low, high = np.full((2, *values.shape[1:]), np.nan)
    if parts >= 2:
        units = np.minimum(*((cluster_sums(has, number) > 0).sum(axis=0) for has in (items.tags, ~items.tags)))
        is_known = units >= FEWEST
        units, is_known = np.append(units, max(units, default=0)), np.append(is_known, is_known.any())
        low, high = jackknife_interval(values[0], values[1:], units=units[:, None])
        low[~is_known] = high[~is_known] = np.nan
    scored, positives = _scored(items), items.tags.sum(axis=0)
    table = pd.DataFrame(
        {
            "tag": [*items.classes, MACRO],
            "items": np.append(np.full(len(positives), len(items)), len(items) * scored.sum()),
            "positives": np.append(positives, positives[scored].sum()),
        }
    )
    table["base_rate"] = table["positives"] / table["items"].where(table["items"] > 0)
    for column, name in enumerate(("roc_auc", "pr_auc")):
        table[name], table[f"{name}_low"], table[f"{name}_high"] = (part[:, column] for part in (values[0], low, high))
    return table[list(AREAS)]


def tags_table(*rounds: TagPredictions) -> pd.DataFrame:
    """Return ``tag, precision, recall, f1`` at threshold 0.5, a row per tag: means over rounds of predictions."""
    tables = [_decided(each) for each in rounds]
    return pd.DataFrame({"tag": rounds[0].classes}).join(sum(tables[1:], start=tables[0]) / len(tables))


def _decided(predictions: TagPredictions) -> pd.DataFrame:
    cells = zip(predictions.tags.T, predictions.proba.T > THRESHOLD, strict=True)
    rows = [_scores(has, predicted)[["precision", "recall", "f1"]].iloc[1] for has, predicted in cells]
    return pd.DataFrame(rows).reset_index(drop=True)


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
    roc, pr = _jackknifed(items, np.zeros(len(items), int), 0)[0, -1]
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


def _jackknifed(items: TagPredictions, part_of: np.ndarray, parts: int) -> np.ndarray:
    """Return the areas (ROC, PR) of each tag and their mean, float64 [1 + parts, K + 1, 2].

    The first row is of all items, the others are without those of each part; `part_of` is int [n].
    """
    single = np.array([areas(*cells, part_of, parts) for cells in zip(items.tags.T, items.proba.T, strict=True)])
    chance = np.stack([np.full(len(single), 0.5), items.tags.mean(axis=0) if len(items) else np.zeros(len(single))], 1)
    is_lost = np.isnan(single) & ~np.isnan(single[..., :1])
    single = np.where(is_lost, chance[..., None], single)
    return np.concatenate([single, _nan_mean(single)[None]]).transpose(2, 0, 1)


def _nan_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis of what is not NaN; NaN where all is."""
    is_defined = ~np.isnan(values)
    number = is_defined.sum(axis=0)
    total = np.where(is_defined, values, 0).sum(axis=0)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def _distinct(rounds: Sequence[TagPredictions]) -> TagPredictions:
    """Return the items of all rounds, each once."""
    if len(rounds) == 1:
        return rounds[0]
    pooled = {
        name: np.concatenate([getattr(each, name) for each in rounds])
        for name in ("track_id", "segment", "tags", "proba")
    }
    first = ~pd.MultiIndex.from_arrays([pooled["track_id"], pooled["segment"]]).duplicated()
    return replace(rounds[0], **{name: values[first] for name, values in pooled.items()})


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
