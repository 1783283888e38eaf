"""Comparison of two settings on the tracks that both predicted.

A track that both settings predict correctly, or both wrongly, carries no information about which is better, so tracks
are compared in pairs. Three questions are answered.

*How large is the difference?* Its 95 % interval is a paired bootstrap over groups of tracks. Percentiles are used
because the difference is nearly symmetric; where few tracks differ, a BCa interval is narrower and less accurate.

*Could it be chance?* If the settings were equal, their answers for any group of tracks could be exchanged. The p-value
is the share of 10,000 random exchanges with at least this difference (approximate randomization: Noreen 1989,
Computer-intensive methods for testing hypotheses; for single tracks it equals McNemar's exact test). It is valid for
any number of tracks, which a p-value read off the bootstrap is not.

*Is it consistent across folds?* The corrected resampled t-test allows for folds that share training tracks (Nadeau and
Bengio 2003, Inference for the generalization error, Machine Learning 52).

Many comparisons find differences by chance, so p-values are corrected for their number (Holm 1979).
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from genreflow.errors import Problems
from genreflow.evaluation.intervals import RESAMPLES, cluster_sums, percentile_interval, ratio, resampled
from genreflow.store.text import count

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
    """Return the comparison of each pair of settings of an experiment, `PAIRS`, in order of first appearance.

    Parameters
    ----------
    items
        A row per predicted track, `ITEMS`: `setting` is the displayed value, `group` the independent unit (the track
        itself if no group is known), `correct` bool. With several repeats (seeds), a row per track and repeat.
    folds
        A row per fold of a setting, `FOLDS`: slice accuracy, and numbers of training and test tracks. Repeats of a fold
        are averaged first because they are tested on the same tracks.
    axis
        Name of the varied option, for the verdict; empty if settings are names of models.

    Returns
    -------
    `difference` is that of track accuracy, a minus b, on the `tracks` that both predicted (`left_out` counts those that
    only one predicted); `fold_difference` is that of slice accuracy, mean over folds. ``p_holm, fold_p_holm`` are
    corrected for all pairs of the table. `is_significant` requires that `p_holm` is below 0.05 and that the interval
    excludes 0.
    """
    if problems := list(_problems(items, folds)):
        raise Problems("The settings cannot be compared:", problems)
    by_setting = {str(name): rows for name, rows in items.groupby("setting", sort=False)}
    rows = []
    for a, b in combinations(by_setting, 2):
        row = {"a": a, "b": b} | track_difference(by_setting[a], by_setting[b], seed=seed)
        if folds is not None:
            settings = folds["setting"].astype(str)
            row |= fold_difference(folds[settings == a], folds[settings == b])
        rows.append(row)
    table = pd.DataFrame(rows, columns=[name for name in PAIRS if name not in ("is_significant", "verdict")])
    table["p_holm"], table["fold_p_holm"] = holm(table["p"]), holm(table["fold_p"])
    table["is_significant"] = (table["p_holm"] < SIGNIFICANCE) & ((table["low"] > 0) | (table["high"] < 0))
    table["verdict"] = [verdict(row, axis=axis, pairs=len(table)) for row in table.to_dict("records")]
    return table[list(PAIRS)]


def track_difference(a: pd.DataFrame, b: pd.DataFrame, *, seed: int = 0) -> dict[str, Any]:
    """Return the difference of two settings on the tracks that both predicted.

    Parameters
    ----------
    a, b
        ``track_id, group, correct``, a row per track, or per track and repeat.

    Returns
    -------
    ``tracks, groups, left_out, accuracy_a, accuracy_b, difference, low, high, p``; the last three are NaN with fewer
    than two groups.
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


def permutation_test(differences: np.ndarray, *, seed: int = 0, permutations: int = RESAMPLES) -> float:
    """Return the two-sided p-value of a sum of differences [clusters] under random signs.

    It is at least 1 / (`permutations` + 1). The signs of differences of equal size are one binomial draw, so that
    thousands of tracks cost no more than a few.
    """
    sizes, counts = np.unique(np.abs(differences).round(12), return_counts=True)
    positive = np.random.default_rng(seed).binomial(counts, 0.5, size=(permutations, len(sizes)))
    sums = (2 * positive - counts) @ sizes
    return float((1 + np.count_nonzero(np.abs(sums) >= abs(differences.sum()) - 1e-9)) / (permutations + 1))


def fold_difference(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, float]:
    """Return the difference of two settings over the folds that both finished.

    Parameters
    ----------
    a, b
        ``fold, accuracy, train, test``, a row per fold and repeat.

    Returns
    -------
    ``folds, fold_difference, fold_low, fold_high, fold_t, fold_p``: the mean difference, its interval and its test
    (`corrected_t_test`).
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
    """Return t, its two-sided p-value, and the 95 % interval of the mean of differences over folds [k].

    Parameters
    ----------
    test_share
        Test items per training item of a fold: 1 / (k - 1) for k folds. 0 gives the plain paired t-test, which treats
        folds as independent and finds differences far too often.

    Returns
    -------
    NaN with fewer than two folds. If all differences are equal, there is no spread: t is infinite, or 0 if they are 0.
    """
    from scipy import stats  # takes longer to load than all modules that the Snakefile needs

    k = len(differences)
    if k < 2:
        return (np.nan,) * 4
    mean = differences.mean()
    error = np.sqrt((1 / k + test_share) * differences.var(ddof=1))
    t = mean / error if error > 0 else np.copysign(np.inf, mean) if mean else 0.0
    margin = stats.t.ppf(1 - SIGNIFICANCE / 2, k - 1) * error
    return float(t), float(2 * stats.t.sf(abs(t), k - 1)), float(mean - margin), float(mean + margin)


def holm(p: Iterable[float]) -> np.ndarray:
    """Return p-values corrected for their number (Holm 1979), float64; NaN stays NaN and does not count."""
    p = np.asarray(list(p), float)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    corrected = np.full(len(p), np.nan)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return corrected


def verdict(pair: Mapping[str, Any], *, axis: str = "", pairs: int = 1) -> str:
    """Return a row of `pairs_table` as a sentence; `pairs` is the number of pairs that p was corrected for."""
    a, b = pair["a"], pair["b"]
    prefix = f"{axis} " if axis else ""
    if np.isnan(pair["p"]):
        return f"{prefix}{a} and {b} cannot be compared: they share fewer than two groups of test tracks."
    tracks = count(pair["tracks"], "track")
    if pair["groups"] < pair["tracks"]:
        tracks += f" in {count(pair['groups'], 'group')}"
    low, high = pair["low"], pair["high"]
    if not pair["is_significant"]:
        numbers = _numbers(pair["difference"], low, high)
        doubt = ""
        if low > 0 or high < 0:
            doubt = f", p = {pair['p_holm']:.2f}" + (f" corrected for {pairs} pairs" if pairs > 1 else "")
        return f"{prefix}{a} and {b} do not differ significantly on {tracks} ({numbers}{doubt})."
    if pair["difference"] < 0:
        a, b, low, high = b, a, -high, -low
    return f"{prefix}{a} is better than {b} on {tracks} ({_numbers(abs(pair['difference']), low, high)})."


def _paired_sums(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray:
    """Return the correct items of a, the items of a, and the same for b, of each group, float64 [groups, 4]."""
    hits = np.concatenate([a["correct"].to_numpy(float), b["correct"].to_numpy(float)])
    is_a = np.arange(len(hits)) < len(a)
    values = np.column_stack([hits * is_a, is_a, hits * ~is_a, ~is_a])
    return cluster_sums(values, pd.concat([a["group"], b["group"]]).to_numpy())


def _difference(sums: np.ndarray) -> np.ndarray:
    return ratio(sums[..., :2]) - ratio(sums[..., 2:])


def _problems(items: pd.DataFrame, folds: pd.DataFrame | None) -> Iterable[str]:
    for name, frame, columns in (("items", items, ITEMS), ("folds", folds, FOLDS)):
        if frame is not None and (missing := [column for column in columns if column not in frame]):
            yield f"the {name} have no column {', '.join(missing)}"
    if {"track_id", "group"} <= {*items} and (items.groupby("track_id")["group"].nunique() > 1).any():
        yield "a track has different groups in different rows"


def _numbers(difference: float, low: float, high: float) -> str:
    return f"difference {100 * difference:.1f} points, 95 % interval {100 * low:.1f} to {100 * high:.1f}"
