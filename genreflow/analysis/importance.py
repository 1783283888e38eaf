"""Features that predict the tags of a clip: loudness, tempo, pitch and timbre.

The tagging study took these from the Echo Nest features that come with MagnaTagATune, and judged them by the
coefficients of linear regressions. Here they are computed from the audio: loudness is that of the recording (EBU R128,
LUFS), tempo, pitch and timbre are the means over the clip of `Descriptors`: its tempo (beats a minute), twelve chroma
(C first, the set ``means25`` has one number) and the first twelve MFCC. A set without one of these has no such row.

Coefficients depend on units: chroma lie between 0 and 1 and MFCC reach hundreds, so that the raw coefficients of timbre
are small whatever it tells. So each comes raw and standardized, and beside them what a random forest loses when a
feature is shuffled.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor

from genreflow.analysis.clips import Clip, Source, drawn
from genreflow.store.digest import digest

IMPORTANCES = [
    "input", "tag", "group", "feature", "raw_coefficient", "coefficient", "standard_error", "auc_drop", "auc_drop_sd",
]  # fmt: skip
GROUPS = ("loudness", "tempo", "pitch", "timbre")
SCORES = ["input", "tag", "clips", "bearers", "r2", *(f"r2_drop_{group}" for group in GROUPS), "auc"]
PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
TIMBRES = 12
# Of the random forest: clips it is grown and judged on, one in four groups of them for judging.
MOST_CLIPS, HELD_OUT = 5_000, 4
TREES, LEAF, SHUFFLES = 100, 5, 5


class Importances:
    """Features of each clip, and their weight for each tag.

    Parameters
    ----------
    source
        An input of descriptors.
    index
        A row a track: ``track_id, lufs, group``.
    marked
        See `genreflow.analysis.tags.membership`.
    seed
        Of the forest.
    """

    def __init__(self, source: Source, index: pd.DataFrame, marked: pd.DataFrame, *, seed: int) -> None:
        self.source, self.index, self.marked, self.seed = source, index, marked, seed
        self.columns = dict(_columns(source.front_end.rows()))
        self.rows: dict[str, np.ndarray] = {}

    def add(self, clip: Clip) -> None:
        """Add a clip to the statistics."""
        self.rows[clip.track_id] = clip.array.mean(axis=0, dtype=np.float64)[list(self.columns.values())]

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return `IMPORTANCES` as ``importances`` and `SCORES` as ``importance_scores``.

        ``importances``, a row a tag and feature: the ``raw_coefficient`` of a linear regression of 0 and 1 (a unit of
        the feature), the standardized ``coefficient`` with its ``standard_error``, and the mean and deviation over
        shuffles of the ``auc_drop`` of a random forest on clips of other groups than it was grown on.

        ``importance_scores``, a row a tag: how many of the ``clips`` bear it, the share ``r2`` of its variance that
        the regression explains and what that loses without a group of features, and the forest's ``auc``.

        NaN is what cannot be told: for tags that no clip bears, or every one, features that never vary, and fewer clips
        than the regression needs.
        """
        features = self.features()
        if features.empty:
            return {}
        values, borne = features.to_numpy(), self.marked.loc[features.index].to_numpy(float)
        groups = np.array([feature.partition("_")[0] for feature in features.columns])
        fitted = regression(values, borne)
        auc, drops = self._forest(features, borne)
        tags = np.array(self.marked.columns, dtype=object)
        column, row = np.indices((len(tags), len(groups))).reshape(2, -1)
        importances = {
            "tag": tags[column],
            "group": groups[row],
            "feature": features.columns.to_numpy()[row],
            "raw_coefficient": fitted.raw.T.ravel(),
            "coefficient": fitted.standardized.T.ravel(),
            "standard_error": fitted.error.T.ravel(),
            "auc_drop": drops.mean(axis=0).T.ravel(),
            "auc_drop_sd": drops.std(axis=0).T.ravel(),
        }
        scores = {"tag": tags, "clips": len(values), "bearers": borne.sum(axis=0).astype(int), "r2": fitted.r2}
        for group in GROUPS:
            others = regression(values[:, groups != group], borne)
            scores[f"r2_drop_{group}"] = fitted.r2 - others.r2 if (groups == group).any() else np.nan
        return {
            "importances": pd.DataFrame(importances).assign(input=self.source.name)[IMPORTANCES],
            "importance_scores": pd.DataFrame(scores | {"auc": auc}).assign(input=self.source.name)[SCORES],
        }

    def features(self) -> pd.DataFrame:
        """Return the features of each clip of which all are known: a row a track, a column a feature."""
        features = pd.DataFrame.from_dict(self.rows, orient="index", columns=list(self.columns)).sort_index()
        loudness = self.index.set_index("track_id")["lufs"].reindex(features.index).astype(float)
        if loudness.notna().any():
            features.insert(0, "loudness", loudness)
        return features.dropna()

    def _forest(self, features: pd.DataFrame, borne: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Grow and judge a forest on clips of different groups, copies and albums being together."""
        group = self.index.set_index("track_id")["group"].reindex(features.index)
        group = group.where(group.notna() & (group != ""), features.index.to_series())
        is_held = np.array([int(digest(self.seed, str(name)), 16) % HELD_OUT == 0 for name in group])
        some = features.index.isin(drawn(features.index, MOST_CLIPS, self.seed))
        return forest(features.to_numpy()[some], borne[some], is_held[some], seed=self.seed)


class Regression(NamedTuple):
    """Linear regressions of several targets: float64 ``[features, targets]``, and ``r2`` ``[targets]``."""

    raw: np.ndarray
    standardized: np.ndarray
    error: np.ndarray
    r2: np.ndarray


def regression(values: np.ndarray, targets: np.ndarray) -> Regression:
    """Fit targets [n, k] by features [n, d] with least squares, an intercept among them.

    ``standardized`` are the coefficients where all features and targets have deviation 1, ``error`` are their standard
    errors. NaN where a feature or a target never varies, and all over where ``n < d + 2``.
    """
    deviations, spreads = values.std(axis=0), targets.std(axis=0)
    varies = deviations > 1e-9 * (1 + np.abs(values.mean(axis=0)))
    shape, degrees = (values.shape[1], targets.shape[1]), len(values) - varies.sum() - 1
    nothing = np.full(shape, np.nan)
    if degrees < 1:
        return Regression(nothing, nothing, nothing, np.full(shape[1], np.nan))
    with np.errstate(invalid="ignore", divide="ignore"):
        predictors = ((values - values.mean(axis=0)) / deviations)[:, varies]
        scaled = (targets - targets.mean(axis=0)) / np.where(spreads > 0, spreads, np.nan)
    inverse = np.linalg.pinv(predictors.T @ predictors, hermitian=True)
    coefficients = inverse @ (predictors.T @ scaled)
    residue = np.square(scaled - predictors @ coefficients).sum(axis=0)
    standardized, error = nothing.copy(), nothing.copy()
    standardized[varies] = coefficients
    error[varies] = np.sqrt(np.outer(np.diag(inverse), residue / degrees))
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = standardized * spreads / deviations[:, np.newaxis]
    return Regression(raw, standardized, error, 1 - residue / len(values))


def forest(values: np.ndarray, borne: np.ndarray, is_held: np.ndarray, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Grow one random forest for all tags, and measure its loss when a feature is shuffled.

    Parameters
    ----------
    values
        Features ``[n, d]``.
    borne
        0 or 1, float ``[n, k]``.
    is_held
        Which clips are to judge it, bool ``[n]``; it is grown on the others.

    Returns
    -------
    auc
        Area under the ROC curve of each tag, float64 ``[k]``; NaN for tags that none or all of the judging clips bear.
    drops
        What it loses, float64 ``[SHUFFLES, d, k]``.
    """
    drops = np.full((SHUFFLES, values.shape[1], borne.shape[1]), np.nan)
    if is_held.all() or not is_held.any():
        return drops[0, 0], drops
    trees = RandomForestRegressor(TREES, min_samples_leaf=LEAF, max_features="sqrt", random_state=seed, n_jobs=1)
    # Of 0 and 1, squared error splits as Gini impurity does, and one forest serves all tags.
    trees.fit(values[~is_held], borne[~is_held].squeeze())
    held, true = values[is_held], borne[is_held] > 0
    auc = roc_auc(true, trees.predict(held).reshape(true.shape))
    rng = np.random.default_rng(seed)
    for shuffle, feature in np.ndindex(drops.shape[:2]):
        shuffled = held.copy()
        shuffled[:, feature] = rng.permutation(shuffled[:, feature])
        drops[shuffle, feature] = auc - roc_auc(true, trees.predict(shuffled).reshape(true.shape))
    return auc, drops


def roc_auc(true: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of each column of bool [n, k] and scores [n, k]; NaN without both kinds."""
    positive, negative = true.sum(axis=0), (~true).sum(axis=0)
    ranks = (rankdata(scores, axis=0) * true).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (ranks - positive * (positive + 1) / 2) / (positive * negative)


def _columns(given: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield feature and place of those descriptors that stand for tempo, pitch and timbre, however a set names them."""
    columns_of = {"tempo": ["tempo"], "pitch": ["chroma_stft_mean"]}
    for number, name in enumerate(PITCHES, start=1):
        columns_of[f"pitch_{name}"] = [f"chroma_stft_{number:02d}_mean", f"chroma_stft_mean_{number:02d}"]
    for number in range(1, TIMBRES + 1):
        columns_of[f"timbre_{number:02d}"] = [f"mfcc_{number:02d}_mean", f"mfcc_mean_{number:02d}"]
    for feature, spellings in columns_of.items():
        yield from ((feature, given.index(name)) for name in spellings if name in given)
