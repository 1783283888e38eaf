"""Which of two settings is better, if these tracks can tell.

Two settings that judged the same tracks are compared on them in pairs: a track that both get right, or both wrong,
says nothing about which is better. Three things are asked.

*How large is the difference?* Its 95 % interval is by the paired bootstrap over groups of tracks (percentiles: the
difference is nearly symmetric, and where few tracks differ a BCa interval is the narrower and the wronger).

*Could it be chance?* Were the settings equal, their answers to any group of tracks might as well be swapped. The
p-value is the share of 10,000 random swaps with a difference as large (approximate randomisation: Noreen 1989,
Computer-intensive methods for testing hypotheses; of single tracks it is McNemar's exact test). It holds for any
number of tracks, unlike one read off the bootstrap.

*Does it hold from fold to fold?* The corrected resampled t-test allows for folds that share training tracks
(Nadeau and Bengio 2003, Inference for the generalization error, Machine Learning 52).

Whoever looks at many pairs finds differences by chance; p-values are corrected for that (Holm 1979).
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from genreflow.errors import Problems
from genreflow.evaluation.intervals import RESAMPLES, cluster_sums, percentile_interval, ratio, resampled

SIGNIFICANCE = 0.05
ITEMS = ("setting", "track_id", "group", "correct")
FOLDS = ("setting", "fold", "accuracy", "train", "test")
PAIRS = (
    "a", "b", "tracks", "groups", "left_out", "accuracy_a", "accuracy_b", "difference", "low", "high", "p", "p_holm",
    "folds", "fold_difference", "fold_low", "fold_high", "fold_t", "fold_p", "fold_p_holm", "is_significant", "verdict",
)  # fmt: skip


def pairs_table(
    items: pd.DataFrame, folds: pd.DataFrame | None = None, *, axis: str = "", seed: int = 0
) -> pd.DataFrame:
    """Return a row a pair of the settings of an experiment, `PAIRS`, in the order in which settings first appear.

    Parameters
    ----------
    items
        A row a judged track, `ITEMS`: `setting` is the value as people know it, `group` what was drawn (the track
        itself, where no group is known), `correct` bool. With several repeats (seeds) a row a track and repeat.
    folds
        A row a fold of a setting, `FOLDS`: slice accuracy, and numbers of training and test tracks. Repeats of a fold
        are averaged first: they are tested on the same tracks.
    axis
        What the settings differ in, for the verdict; nothing, where they are names of models.

    Returns
    -------
    `difference` is that of track accuracy, a minus b, on the `tracks` that both judged (`left_out` were judged by one
    alone); `fold_difference` that of slice accuracy, mean over folds. ``p_holm, fold_p_holm`` are corrected for all
    pairs of the table. `is_significant`: `p_holm` is below 0.05 and the interval does not include 0.
    """
    if problems := list(_problems(items, folds)):
        raise Problems("The settings cannot be compared:", problems)
    judged = {str(name): rows for name, rows in items.groupby("setting", sort=False)}
    rows = []
    for a, b in combinations(judged, 2):
        row = {"a": a, "b": b} | track_difference(judged[a], judged[b], seed=seed)
        if folds is not None:
            named = folds["setting"].astype(str)
            row |= fold_difference(folds[named == a], folds[named == b])
        rows.append(row)
    table = pd.DataFrame(rows, columns=[name for name in PAIRS if name not in ("is_significant", "verdict")])
    table["p_holm"], table["fold_p_holm"] = holm(table["p"]), holm(table["fold_p"])
    table["is_significant"] = (table["p_holm"] < SIGNIFICANCE) & ((table["low"] > 0) | (table["high"] < 0))
    table["verdict"] = [verdict(row, axis=axis, pairs=len(table)) for row in table.to_dict("records")]
    return table[list(PAIRS)]


def track_difference(a: pd.DataFrame, b: pd.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Return how two settings differ on the tracks that both judged.

    Parameters
    ----------
    a, b
        ``track_id, group, correct``, a row a track, or a track and repeat.

    Returns
    -------
    ``tracks, groups, left_out, accuracy_a, accuracy_b, difference, low, high, p``; the last three are NaN where there
    are fewer than two groups.
    """
    ids = a["track_id"].unique(), b["track_id"].unique()
    both = np.intersect1d(*ids)
    a, b = (rows[rows["track_id"].isin(both)] for rows in (a, b))
    sums = _paired_sums(a, b)
    accuracy_a, accuracy_b = ratio(sums.sum(axis=0)[:2]), ratio(sums.sum(axis=0)[2:])
    low, high, p = np.nan, np.nan, np.nan
    if len(sums) >= 2:
        kinds, counts = np.unique(sums, axis=0, return_counts=True)
        low, high = percentile_interval(resampled(lambda drawn: _difference(drawn @ kinds), counts, seed=seed))
        p = permutation_test(sums[:, 0] / sums[:, 1].sum() - sums[:, 2] / sums[:, 3].sum(), seed=seed)
    return {
        "tracks": len(both),
        "groups": len(sums),
        "left_out": len(np.union1d(*ids)) - len(both),
        "accuracy_a": float(accuracy_a),
        "accuracy_b": float(accuracy_b),
        "difference": float(accuracy_a - accuracy_b),
        "low": low,
        "high": high,
        "p": p,
    }


def permutation_test(differences: np.ndarray, *, seed: int = 0, swaps: int = RESAMPLES) -> float:
    """Return the two-sided p-value of a sum of differences [clusters], were the sign of each as likely the other.

    It is at least 1 / (`swaps` + 1), and never below the exact one by more than chance.
    """
    sizes, counts = np.unique(np.abs(differences).round(12), return_counts=True)
    positive = np.random.default_rng(seed).binomial(counts, 0.5, size=(swaps, len(sizes)))
    sums = (2 * positive - counts) @ sizes
    return float((1 + np.count_nonzero(np.abs(sums) >= abs(differences.sum()) - 1e-9)) / (swaps + 1))


def fold_difference(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, float]:
    """Return how two settings differ over the folds that both finished: ``fold, accuracy, train, test`` each.

    Returns
    -------
    ``folds, fold_difference, fold_low, fold_high, fold_t, fold_p``: the mean of the differences, its interval and its
    test (`corrected_t_test`).
    """
    a, b = (rows.groupby("fold", sort=True)[["accuracy", "train", "test"]].mean() for rows in (a, b))
    both = a.index.intersection(b.index)
    differences = (a.loc[both, "accuracy"] - b.loc[both, "accuracy"]).to_numpy(float)
    share = float((a.loc[both, "test"] / a.loc[both, "train"]).mean()) if len(both) else np.nan
    t, p, low, high = corrected_t_test(differences, share)
    mean = float(differences.mean()) if len(both) else np.nan
    return {
        "folds": len(both),
        "fold_difference": mean,
        "fold_low": low,
        "fold_high": high,
        "fold_t": t,
        "fold_p": p,
    }


def corrected_t_test(differences: np.ndarray, test_share: float) -> tuple[float, float, float, float]:
    """Return t, its two-sided p-value, and the 95 % interval of the mean of the folds' differences [k].

    Parameters
    ----------
    test_share
        Test items per training item of a fold: 1 / (k - 1) for all of k folds. At 0 this is the plain paired t-test,
        which takes folds as independent and finds differences far too often.

    Returns
    -------
    NaN where there are fewer than two folds. Folds that all differ by the same have no spread to judge by: t is
    infinite then, and 0 if they do not differ at all.
    """
    k = len(differences)
    if k < 2:
        return (np.nan,) * 4
    mean = differences.mean()
    error = np.sqrt((1 / k + test_share) * differences.var(ddof=1))
    t = mean / error if error > 0 else np.copysign(np.inf, mean) if mean else 0.0
    margin = stats.t.ppf(1 - SIGNIFICANCE / 2, k - 1) * error
    return float(t), float(2 * stats.t.sf(abs(t), k - 1)), float(mean - margin), float(mean + margin)


def holm(p: Iterable[float]) -> np.ndarray:
    """Return p-values corrected for how many there are (Holm 1979), float64; NaN stays and does not count."""
    p = np.asarray(list(p), float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    corrected = np.full(len(p), np.nan)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return corrected


def verdict(pair: Mapping[str, Any], *, axis: str = "", pairs: int = 1) -> str:
    """Return what a row of `pairs_table` says, in a sentence; `pairs` is how many it was corrected for."""
    a, b = pair["a"], pair["b"]
    prefix = f"{axis} " if axis else ""
    if np.isnan(pair["p"]):
        return f"{prefix}{a} and {b} cannot be compared: they judged fewer than two groups of tracks together."
    tracks = _count(pair["tracks"], "track")
    if pair["groups"] < pair["tracks"]:
        tracks += f" of {_count(pair['groups'], 'group')}"
    low, high = pair["low"], pair["high"]
    if not pair["is_significant"]:
        numbers = _numbers(pair["difference"], low, high)
        doubt = ""
        if low > 0 or high < 0:
            doubt = f", but p {pair['p_holm']:.2f}" + (f" corrected for {pairs} pairs" if pairs > 1 else "")
        return f"{prefix}{a} and {b} cannot be told apart on {tracks} ({numbers}{doubt})."
    if pair["difference"] < 0:
        a, b, low, high = b, a, -high, -low
    return f"{prefix}{a} is better than {b} on {tracks} ({_numbers(abs(pair['difference']), low, high)})."


def _paired_sums(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray:
    """Return, of each group, how many of a's items are right, how many there are, and the same of b's."""
    hits = np.concatenate([a["correct"].to_numpy(float), b["correct"].to_numpy(float)])
    is_a = np.arange(len(hits)) < len(a)
    values = np.column_stack([hits * is_a, is_a, hits * ~is_a, ~is_a])
    return cluster_sums(values, pd.concat([a["group"], b["group"]]).to_numpy())


def _difference(sums: np.ndarray) -> np.ndarray:
    return ratio(sums[..., :2]) - ratio(sums[..., 2:])


def _problems(items: pd.DataFrame, folds: pd.DataFrame | None) -> Iterable[str]:
    for what, frame, wanted in (("items", items, ITEMS), ("folds", folds, FOLDS)):
        if frame is not None and (missing := [name for name in wanted if name not in frame]):
            yield f"the {what} have no column {', '.join(missing)}"
    if {"track_id", "group"} <= {*items} and (items.groupby("track_id")["group"].nunique() > 1).any():
        yield "a track is of one group in one row and of another in the next"


def _numbers(difference: float, low: float, high: float) -> str:
    return f"difference {100 * difference:.1f} points, 95 % interval {100 * low:.1f} to {100 * high:.1f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
