"""Intervals that respect what was drawn: tracks, or groups of tracks, and never slices.

Slices of a track are alike, and so are tracks of an album. An interval that resamples slices as if each were a
new observation is several times too narrow. So clusters (artists, groups, tracks) are drawn with replacement, as
many as there are, and a draw is told by how often it holds each: int [draws, clusters]. A statistic is a function
of that. Clusters of which the same is known are interchangeable; taken together as one *kind* they make draws of
thousands of clusters cheap, and change nothing in the distribution.

Intervals are bias-corrected and accelerated (BCa): Efron 1987, Better bootstrap confidence intervals, Journal of
the American Statistical Association 82; the acceleration is by the jackknife over clusters. Of simulated accuracies
they contain the true one in 95 % of runs, of fewer than twenty unlike groups in some 92 %: few groups are few.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from scipy.stats import beta

RESAMPLES = 10_000
CONFIDENCE = 0.95
TAILS = np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])

Interval = tuple[float, float]
Statistic = Callable[[np.ndarray], np.ndarray]

_AT_ONCE = 256
_UNDEFINED = 0.1


def accuracy_interval(correct: np.ndarray, cluster: np.ndarray, *, seed: int = 0) -> Interval:
    """Return the 95 % interval of an accuracy, by the bootstrap over clusters (BCa, 10,000 resamples).

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
    sums = cluster_sums(np.column_stack([correct, np.ones(len(correct))]), cluster)
    right, total = sums.sum(axis=0)
    if len(sums) >= 2 and right in (0, total):
        return exact_interval(len(sums) if right else 0, len(sums))
    low, high = bca_interval_of_sums(sums, ratio, seed=seed)
    return float(low), float(high)


def bca_interval_of_sums(
    sums: np.ndarray, statistic: Statistic, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of what depends on sums over clusters alone, such as a ratio of two.

    Parameters
    ----------
    sums
        What each cluster adds, numbers [clusters, d]: hits and items, say, or the cells of a confusion matrix.
    statistic
        From sums float64 [draws, d] to float64 [draws, ...]; NaN where it has no value.

    Returns
    -------
    low, high
        As `bca_interval` returns them.
    """
    kinds, counts = np.unique(sums, axis=0, return_counts=True)
    return bca_interval(_of_sums(statistic, kinds), counts, seed=seed, resamples=resamples)


def bca_interval(
    statistic: Statistic, counts: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % interval of anything that a sample of clusters gives.

    Parameters
    ----------
    statistic
        From draws, int [draws, kinds], to float64 [draws, ...]; NaN where it has no value. A metric takes how
        often an item's cluster was drawn as the item's weight.
    counts
        How many clusters of each kind there are, int [kinds]: ones, where each is a kind of its own.

    Returns
    -------
    low, high
        float64 of the statistic's own shape. NaN where there are fewer than two clusters, where the statistic has no
        value, and where it has none in more than a tenth of the draws; fewer such draws are left out.
    """
    observed = statistic(counts[None])[0]
    if counts.sum() < 2:
        return np.full_like(observed, np.nan)[()], np.full_like(observed, np.nan)[()]
    draws = resampled(statistic, counts, seed=seed, resamples=resamples)
    without = _evaluated(statistic, _leave_one_out(counts))
    ends = [_bca(draws[:, *place], observed[place], without[:, *place], counts) for place in np.ndindex(observed.shape)]
    low, high = np.reshape(ends, (*observed.shape, 2)).T
    return low.T[()], high.T[()]


def resampled(statistic: Statistic, counts: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Return the statistic in each draw of as many clusters as there are, float64 [resamples, ...].

    Arguments are those of `bca_interval`.
    """
    rng, total = np.random.default_rng(seed), counts.sum()
    sizes = (min(_AT_ONCE, resamples - start) for start in range(0, resamples, _AT_ONCE))
    return _evaluated(statistic, (rng.multinomial(total, counts / total, size=size) for size in sizes))


def percentile_interval(draws: np.ndarray) -> Interval:
    """Return the middle 95 % of some draws, float64 [n]."""
    low, high = np.quantile(draws, TAILS)
    return float(low), float(high)


def bootstrap(hits: np.ndarray, sizes: np.ndarray, *, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Return the accuracy in each of `resamples` draws, with replacement, of as many clusters as there are.

    `hits` of the `sizes` items of each cluster are right, int [clusters].
    """
    kinds, counts = np.unique(np.column_stack([hits, sizes]), axis=0, return_counts=True)
    return resampled(_of_sums(ratio, kinds), counts, seed=seed, resamples=resamples)


def exact_interval(correct: int, total: int) -> Interval:
    """Return the 95 % interval of a share of independent items (Clopper and Pearson 1934); NaN if there are none."""
    if total == 0:
        return np.nan, np.nan
    low = beta.ppf(TAILS[0], correct, total - correct + 1) if correct else 0.0
    high = beta.ppf(TAILS[1], correct + 1, total - correct) if correct < total else 1.0
    return float(low), float(high)


def cluster_sums(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Return the sums of some values [n, d] over the items of each cluster [n], float64 [clusters, d]."""
    return pd.DataFrame(values, dtype=float).groupby(np.asarray(cluster)).sum().to_numpy()


def ratio(sums: np.ndarray) -> np.ndarray:
    """Return the first of two sums [..., 2] as a share of the second; NaN of nothing."""
    part, whole = sums[..., 0], sums[..., 1]
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _of_sums(statistic: Statistic, kinds: np.ndarray) -> Statistic:
    # As floats, of which matrix products are fast; counts stay exact.
    kinds = kinds.astype(float)
    return lambda drawn: statistic(drawn.astype(float) @ kinds)


def _leave_one_out(counts: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the clusters without one of each kind, so many kinds at once."""
    for start in range(0, len(counts), _AT_ONCE):
        kinds = np.arange(start, min(start + _AT_ONCE, len(counts)))
        without = np.tile(counts, (len(kinds), 1))
        without[np.arange(len(kinds)), kinds] -= 1
        yield without


def _evaluated(statistic: Statistic, draws: Iterator[np.ndarray]) -> np.ndarray:
    return np.concatenate([statistic(drawn) for drawn in draws])


def _bca(draws: np.ndarray, observed: float, without: np.ndarray, counts: np.ndarray) -> Interval:
    defined = ~np.isnan(draws)
    if np.isnan(observed) or defined.mean() < 1 - _UNDEFINED:
        return np.nan, np.nan
    draws = draws[defined]
    # Rounded, so that a draw equal to what was observed is that whatever the last bit of a sum.
    below = (1 - np.sign((draws - observed).round(12)).mean()) / 2
    # Never infinite: no more can be said than that it is rarer than one draw in so many.
    bias = ndtri(np.clip(below, 0.5 / RESAMPLES, 1 - 0.5 / RESAMPLES))
    z = bias + ndtri(TAILS)
    shares = ndtr(bias + z / (1 - _acceleration(without, counts) * z))
    low, high = np.quantile(draws, shares)
    return float(low), float(high)


def _acceleration(without: np.ndarray, counts: np.ndarray) -> float:
    """Return a sixth of the skewness of the jackknife's influences; it is never more than a sixth."""
    counts = np.where(np.isnan(without), 0, counts)
    influence = np.average(np.nan_to_num(without), weights=counts) - np.nan_to_num(without)
    spread = (counts * influence**2).sum()
    return (counts * influence**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
