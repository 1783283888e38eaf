"""Comparison of two settings on the tracks that both predicted.

A track that both settings predict correctly, or both wrongly, carries no information about which is better, so tracks
are compared in pairs. Two questions are answered.

*Could the difference be chance?* If the settings were equal, their answers for any group of tracks could be exchanged.
The p-value is the share of 10,000 random exchanges with at least this difference (approximate randomization: Noreen
1989, Computer-intensive methods for testing hypotheses; for single tracks it equals McNemar's exact test). The interval
inverts this test: it holds the differences that the test does not reject. Its ends are quantiles of the differences on
random subsets of the groups (Hartigan 1969, Using subsample values as typical values, Journal of the American
Statistical Association 64), so p-value and interval can never contradict each other. Many comparisons find differences
by chance, so p-values are corrected for the number of pairs that answer one question (Holm 1979), which is smaller
where all values are compared with a reference only. A pair that is part of several questions has the strictest of their
corrections, so that two settings have one verdict. The interval of a pair has the level that this correction leaves to
it.

Another training of the same setting gives another accuracy (Bouthillier et al. 2021, Accounting for variance in machine
learning benchmarks, MLSys 3). Where all folds were trained repeatedly, each exchange also gets a random error of the
training: Student's t with the variance between repeats and its degrees of freedom, as in the solution of Behrens and
Fisher to the problem of two variances (Robinson 1976, Properties of Student's t and of the Behrens-Fisher solution to
the two means problem, Annals of Statistics 4). Without repeats the conclusion is about these runs alone.

*Is it consistent across folds?* The corrected resampled t-test allows for folds that share training tracks (Nadeau and
Bengio 2003, Inference for the generalization error, Machine Learning 52).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from genreflow.errors import Problems
from genreflow.evaluation.intervals import cluster_sums, ratio
from genreflow.store.text import count, titled

SIGNIFICANCE = 0.05
EXCHANGES = 10_000
FEWEST = 6  # groups, at least: of five, 2 of 32 exchanges reach any difference, so p is at least 0.06
ITEMS = ("setting", "track_id", "group", "fold", "repeat", "correct")
FOLDS = ("setting", "fold", "accuracy", "train", "test")
_SINGLE = (
    "Settings were trained once on a single split: another training of the same setting may differ by more than these "
    "intervals. Set `repeats` in the study file to 3 or more, and the intervals include it."
)
PAIRS = (
    "a", "b", "tracks", "groups", "left_out", "repeats", "runs", "accuracy_a", "accuracy_b", "difference",
    "training_error", "low", "high", "p", "p_holm", "folds", "fold_difference", "fold_low", "fold_high", "fold_t",
    "fold_p", "fold_p_holm", "is_significant", "verdict",
)  # fmt: skip


@dataclass(frozen=True)
class Exchange:
    """The test of a difference by random exchanges, for any supposed difference.

    Attributes
    ----------
    lower, upper
        Ends of the range of supposed differences under which an exchange gives at least the deviation that was
        observed, float64 [exchanges], sorted: `lower` up, `upper` down. Every range contains the observed difference.
    p
        Two-sided p-value of no difference; at least 1 / (exchanges + 1).
    """

    lower: np.ndarray
    upper: np.ndarray
    p: float

    def interval(self, level: float) -> tuple[float, float]:
        """Return the differences that are not rejected at a level of significance, within -1 to 1.

        The interval excludes 0 exactly if `p` is below the level.
        """
        # A difference is rejected if fewer exchanges than these reach it, themselves counted as one more.
        most = int(np.ceil(level * (len(self.lower) + 1) - 1 - 1e-9))
        if most < 1:
            return -1.0, 1.0
        return max(-1.0, float(self.lower[most - 1])), min(1.0, float(self.upper[most - 1]))

    def swapped(self) -> "Exchange":
        """Return the test of the opposite difference."""
        return Exchange(-self.upper, -self.lower, self.p)


@dataclass(frozen=True)
class Question:
    """The pairs that answer one question; their p-values are corrected together.

    Attributes
    ----------
    pairs
        The two settings of each pair, by the keys of `Comparer`.
    names
        Displayed value of each setting.
    axis
        Name of the varied option, for the verdict; empty if settings are names of models.
    """

    pairs: Sequence[tuple[str, str]]
    names: Mapping[str, str]
    axis: str = ""


@dataclass(frozen=True)
class Comparer:
    """Compares settings in pairs, each pair once, however many questions ask for it.

    Attributes
    ----------
    items, folds
        As for `pairs_table`; `setting` is a key.
    seed
        Seed of the exchanges.
    titles
        Names of displayed values in verdicts.
    """

    items: pd.DataFrame
    folds: pd.DataFrame | None = None
    seed: int = 0
    titles: Mapping[str, str] = field(default_factory=dict)

    def answers(self, questions: Sequence[Question]) -> pd.DataFrame:
        """Return a row per question and pair: `PAIRS` and ``question``, its number; `a` and `b` are displayed values.

        Pairs without common tracks are left out.
        """
        if problems := list(_problems(self.items, self.folds)):
            raise Problems("The settings cannot be compared:", problems)
        compared: dict[frozenset[str], tuple[str, dict[str, Any], Exchange | None]] = {}
        rows, tests, axes = [], [], []
        for number, question in enumerate(questions):
            for a, b in question.pairs:
                pair = frozenset((a, b))
                if pair not in compared:
                    compared[pair] = (a, *self._compare(a, b))
                first, facts, test = compared[pair]
                if not facts["tracks"]:
                    continue
                if first != a:
                    facts, test = _swapped(facts), test.swapped() if test else None
                names = {"a": question.names[a], "b": question.names[b]}
                rows.append({"question": number, "pair": pair} | names | facts)
                tests.append(test)
                axes.append(question.axis)
        columns = ["question", "pair", *(name for name in PAIRS if name not in ("is_significant", "verdict"))]
        return _corrected(pd.DataFrame(rows, columns=columns), tests, axes, self.titles)

    @cached_property
    def _by_setting(self) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
        """The items and the folds of each setting."""
        frames = self.items, self.items.head(0) if self.folds is None else self.folds
        items, folds = ({str(key): rows for key, rows in frame.groupby("setting", sort=False)} for frame in frames)
        return items, folds

    def _compare(self, a: str, b: str) -> tuple[dict[str, Any], Exchange | None]:
        items, folds = self._by_setting
        facts, test = track_difference(items[a], items[b], seed=self.seed)
        if self.folds is not None:
            none = self.folds.head(0)
            facts |= fold_difference(folds.get(a, none), folds.get(b, none))
        return facts, test


def pairs_table(
    items: pd.DataFrame,
    folds: pd.DataFrame | None = None,
    *,
    axis: str = "",
    seed: int = 0,
    reference: str | None = None,
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
    reference
        Setting that all others are compared with; None compares each with each.

    Returns
    -------
    `difference` is that of track accuracy, a minus b, on the `tracks` that both predicted (`left_out` counts those that
    only one predicted); `fold_difference` is that of slice accuracy, mean over folds. ``p_holm, fold_p_holm`` are
    corrected for all pairs of the table. ``low, high`` is the interval at the level that the correction leaves to the
    pair, 0.05 p / p_holm, so that it excludes 0 exactly if `p_holm` is below 0.05; `is_significant` says so.
    `training_error` is the standard error of the difference by chance of the training; NaN if not all folds have
    `repeats` of 2 or more.
    """
    comparer = Comparer(items, folds, seed)
    keys = [str(key) for key in dict.fromkeys(items["setting"])] if "setting" in items else []
    question = Question(paired(keys, reference), dict(zip(keys, keys, strict=True)), axis)
    return comparer.answers([question])[list(PAIRS)]


def paired(keys: Iterable[str], reference: str | None = None) -> list[tuple[str, str]]:
    """Return the pairs of keys, in their order; with a reference, only those of the reference and another key."""
    return [pair for pair in combinations(keys, 2) if reference is None or reference in pair]


def _corrected(
    table: pd.DataFrame, tests: Sequence[Exchange | None], axes: Sequence[str], titles: Mapping[str, str]
) -> pd.DataFrame:
    """Return pairs with p-values corrected per question, intervals of that level, and verdicts."""
    for name in ("p", "fold_p"):
        own = [holm(rows[name]) for _, rows in table.groupby("question", sort=False)]
        table[f"{name}_holm"] = np.concatenate(own) if own else np.empty(0)
    # Of the questions that share a pair, the one that corrects it most decides.
    sizes = table.groupby("question")["pair"].transform("size")
    order = table.assign(pairs=sizes).sort_values(["p_holm", "pairs"], ascending=False, kind="stable")
    strictest = order.drop_duplicates("pair").set_index("pair")
    table["p_holm"] = table["pair"].map(strictest["p_holm"]).astype(float)
    table["fold_p_holm"] = table.groupby("pair")["fold_p_holm"].transform("max").astype(float)
    levels = SIGNIFICANCE * table["p"] / table["p_holm"]
    ends = [test.interval(level) if test else (np.nan, np.nan) for test, level in zip(tests, levels, strict=True)]
    table[["low", "high"]] = np.reshape(ends, (-1, 2))
    table["is_significant"] = (table["low"] > 0) | (table["high"] < 0)
    numbers = table["pair"].map(strictest["pairs"])
    table["verdict"] = [
        verdict(row | {side: titled(row[side], titles) for side in ("a", "b")}, axis=axis, pairs=int(pairs))
        for row, axis, pairs in zip(table.to_dict("records"), axes, numbers, strict=True)
    ]
    return table.drop(columns="pair")


def _swapped(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a pair as those of b and a."""
    others = {"accuracy_a": "accuracy_b", "accuracy_b": "accuracy_a"}
    swapped = {name: facts[others.get(name, name)] for name in facts}
    for name in ("difference", "fold_difference", "fold_t"):
        if name in facts:
            swapped[name] = -facts[name]
    if "fold_low" in facts:
        swapped |= {"fold_low": -facts["fold_high"], "fold_high": -facts["fold_low"]}
    return swapped


def track_difference(a: pd.DataFrame, b: pd.DataFrame, *, seed: int = 0) -> tuple[dict[str, Any], Exchange | None]:
    """Return the difference of two settings on the tracks that both predicted, and its test.

    Parameters
    ----------
    a, b
        ``track_id, group, fold, repeat, correct``, a row per track, or per track and repeat.

    Returns
    -------
    ``tracks, groups, left_out, repeats, runs, accuracy_a, accuracy_b, difference, training_error, p`` and the test;
    with fewer than `FEWEST` groups, p is NaN and there is no test. `runs` is the number of runs of the setting that has
    fewest.
    """
    ids = a["track_id"].unique(), b["track_id"].unique()
    both = np.intersect1d(*ids)
    a, b = (rows[rows["track_id"].isin(both)] for rows in (a, b))
    sums = _paired_sums(a, b)
    totals = sums.sum(axis=0)
    accuracy_a, accuracy_b = ratio(totals[:2]), ratio(totals[2:])
    repeats = min(_repeats(a), _repeats(b))
    error, freedom = training_error(a, b) if repeats > 1 else (np.nan, np.nan)
    test = None
    if len(sums) >= FEWEST:
        shares = sums / totals[[1, 1, 3, 3]]
        difference, weight = shares[:, 0] - shares[:, 2], (shares[:, 1] + shares[:, 3]) / 2
        test = exchange_test(difference, weight, error=np.nan_to_num(error), freedom=freedom, seed=seed)
    return {
        "tracks": len(both),
        "groups": len(sums),
        "left_out": len(np.union1d(*ids)) - len(both),
        "repeats": repeats,
        "runs": min(len(rows[["fold", "repeat"]].drop_duplicates()) for rows in (a, b)),
        "accuracy_a": float(accuracy_a),
        "accuracy_b": float(accuracy_b),
        "difference": float(accuracy_a - accuracy_b),
        "training_error": error,
        "p": test.p if test else np.nan,
    }, test


def exchange_test(
    difference: np.ndarray,
    weight: np.ndarray,
    *,
    error: float = 0.0,
    freedom: float = np.nan,
    seed: int = 0,
    exchanges: int = EXCHANGES,
) -> Exchange:
    """Return the test of a sum of differences by random exchanges of clusters.

    Under a supposed difference d, cluster i deviates by difference[i] - d weight[i]. An exchange gives random signs to
    these deviations and adds a random error. It reaches the observed deviation for all d between two ends, where both
    are equal: twice the part of the exchanged clusters less the error, and twice the part of the others plus the error,
    each as a share of twice their weight.

    Parameters
    ----------
    difference, weight
        Contribution of each cluster to the difference, and its share of all items, float64 [clusters].
    error, freedom
        Standard error of the sum by other causes, and its degrees of freedom; none by default.
    exchanges
        Number of random exchanges. Those of equal clusters are one binomial draw, so that thousands of tracks cost no
        more than a few.
    """
    rng = np.random.default_rng(seed)
    kinds, counts = np.unique(np.column_stack([difference, weight]).round(12), axis=0, return_counts=True)
    exchanged = rng.binomial(counts, 0.5, size=(exchanges, len(kinds)))
    other = (counts - exchanged) @ kinds
    part = exchanged @ kinds
    noise = error * rng.standard_t(freedom, exchanges) if error > 0 else np.zeros(exchanges)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(2 * part[:, 0] - noise) / (2 * part[:, 1]), (2 * other[:, 0] + noise) / (2 * other[:, 1])])
    is_all = np.isnan(ends).any(axis=0)  # nothing or everything exchanged, without error: reached for every d
    # Rounded, so that an exchange that equals the observed difference does so whatever the last bit of a sum.
    lower, upper = ends.min(axis=0).round(12), ends.max(axis=0).round(12)
    lower[is_all], upper[is_all] = -np.inf, np.inf
    reached = np.count_nonzero((lower <= 0) & (upper >= 0))
    return Exchange(np.sort(lower), np.sort(upper)[::-1], float((1 + reached) / (exchanges + 1)))


def training_error(a: pd.DataFrame, b: pd.DataFrame) -> tuple[float, float]:
    """Return the standard error of a difference by chance of the training, and its degrees of freedom.

    The variance of the accuracy of a fold over its repeats is that of one training; folds and settings are trained
    independently, so their variances add up, and their degrees of freedom are joined after Satterthwaite 1946 (An
    approximate distribution of estimates of variance components, Biometrics Bulletin 2). Chance in single tracks is in
    this error and in the exchange of groups, so the test is somewhat too strict.

    Parameters
    ----------
    a, b
        ``fold, repeat, correct``, a row per track and repeat; at least two repeats of each fold.
    """
    variances, freedoms = [], []
    for rows in (a, b):
        runs = rows.groupby(["fold", "repeat"])["correct"].agg(["mean", "size"]).reset_index()
        folds = runs.groupby("fold").agg(variance=("mean", "var"), repeats=("mean", "size"), items=("size", "sum"))
        variances.append((folds["items"] / len(rows)) ** 2 * folds["variance"] / folds["repeats"])
        freedoms.append(folds["repeats"] - 1)
    variance, freedom = pd.concat(variances).to_numpy(float), pd.concat(freedoms).to_numpy(float)
    total = float(variance.sum())
    return float(np.sqrt(total)), float(total**2 / (variance**2 / freedom).sum()) if total > 0 else np.inf


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
        return f"{prefix}{a} and {b} cannot be compared: they share fewer than {FEWEST} groups of test tracks."
    tracks = count(pair["tracks"], "track")
    if pair["groups"] < pair["tracks"]:
        tracks += f" in {count(pair['groups'], 'group')}"
    low, high = pair["low"], pair["high"]
    causes = [f"{pairs} pairs"] if pairs > 1 else []
    where = f"on {'a single run of each' if pair['runs'] == 1 else 'these runs'} and {tracks}"
    if pair["repeats"] > 1:
        causes.append(f"the chance of {pair['repeats']} trainings each")
        where = f"on {tracks}"
    corrected = f" corrected for {' and '.join(causes)}," if causes else ""
    if not pair["is_significant"]:
        numbers = _numbers(pair["difference"], low, high, corrected)
        return f"{prefix}{a} and {b} do not differ significantly {where} ({numbers})."
    if pair["difference"] < 0:
        a, b, low, high = b, a, -high, -low
    return f"{prefix}{a} is better than {b} {where} ({_numbers(abs(pair['difference']), low, high, corrected)})."


def warnings(pairs: pd.DataFrame) -> list[str]:
    """Return a sentence on the limits of `pairs_table` where a setting was trained once; else nothing."""
    return [_SINGLE] if len(pairs) and (pairs["runs"] == 1).any() else []


def _repeats(rows: pd.DataFrame) -> int:
    """Return how often each fold was trained; of the fold that was trained least."""
    return int(rows.groupby("fold")["repeat"].nunique().min()) if len(rows) else 0


def _paired_sums(a: pd.DataFrame, b: pd.DataFrame) -> np.ndarray:
    """Return the correct items of a, the items of a, and the same for b, of each group, float64 [groups, 4]."""
    hits = np.concatenate([a["correct"].to_numpy(float), b["correct"].to_numpy(float)])
    is_a = np.arange(len(hits)) < len(a)
    values = np.column_stack([hits * is_a, is_a, hits * ~is_a, ~is_a])
    return cluster_sums(values, pd.concat([a["group"], b["group"]]).to_numpy())


def _problems(items: pd.DataFrame, folds: pd.DataFrame | None) -> Iterable[str]:
    for name, frame, columns in (("items", items, ITEMS), ("folds", folds, FOLDS)):
        if frame is not None and (missing := [column for column in columns if column not in frame]):
            yield f"the {name} have no column {', '.join(missing)}"
    if {"track_id", "group"} <= {*items} and (items.groupby("track_id")["group"].nunique() > 1).any():
        yield "a track has different groups in different rows"


def _numbers(difference: float, low: float, high: float, corrected: str) -> str:
    interval = f"95 % interval{corrected} {100 * low:.1f} to {100 * high:.1f}"
    return f"difference {100 * difference:.1f} points, {interval}"
