"""Intervals that respect what was drawn: tracks, or groups of tracks, and never slices.

Slices of a track are alike, and so are tracks of an album. An interval that resamples slices as if each were a
new observation is several times too narrow.
"""

import numpy as np
import pandas as pd
from scipy.stats import beta

RESAMPLES = 10_000
CONFIDENCE = 0.95

Interval = tuple[float, float]


def accuracy_interval(correct: np.ndarray, cluster: np.ndarray, *, seed: int = 0) -> Interval:
    """Return the 95 % interval of an accuracy, by the bootstrap over clusters (percentile method).

    Parameters
    ----------
    correct
        Whether each item (slice or track) is right, bool [n].
    cluster
        The unit that each item was drawn with: its track or, if known, its group [n].

    Returns
    -------
    low, high
        NaN where there are fewer than two clusters. If all items are right, or all wrong, no resample could
        tell; the exact interval over as many clusters is given then.
    """
    hits, sizes = pd.Series(correct, dtype=int).groupby(np.asarray(cluster)).agg(["sum", "size"]).to_numpy().T
    if len(hits) < 2:
        return np.nan, np.nan
    if hits.sum() in (0, sizes.sum()):
        return exact_interval(len(hits) if hits.sum() else 0, len(hits))
    accuracies = bootstrap(hits, sizes, seed=seed)
    low, high = np.quantile(accuracies, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def bootstrap(hits: np.ndarray, sizes: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Return the accuracy in each of `resamples` draws, with replacement, of as many clusters as there are.

    `hits` of the `sizes` items of each cluster are right, int [clusters].
    """
    # Clusters with the same numbers are interchangeable, so it is enough to draw how many of each kind there
    # are: the same distribution as drawing clusters one by one, at a cost that hardly grows with their number.
    kinds, counts = np.unique(np.column_stack([hits, sizes]), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), size=resamples)
    right, total = (drawn @ kinds).T
    return right / total


def exact_interval(correct: int, total: int) -> Interval:
    """Return the 95 % interval of a share of independent items (Clopper and Pearson 1934); NaN if there are none."""
    if total == 0:
        return np.nan, np.nan
    tail = (1 - CONFIDENCE) / 2
    low = beta.ppf(tail, correct, total - correct + 1) if correct else 0.0
    high = beta.ppf(1 - tail, correct + 1, total - correct) if correct < total else 1.0
    return float(low), float(high)
