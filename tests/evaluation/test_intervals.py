"""Intervals are as wide as the number of independent tracks makes them, and as theory says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import noisy
from scipy import special, stats

from genreflow.evaluation.intervals import (
    accuracy_interval,
    cluster_sums,
    degrees_of_freedom,
    exact_interval,
    jackknife_interval,
)


def test_of_independent_tracks_is_as_wide_as_theory_says():
    """Standard error of a share p of n: sqrt(p (1 - p) / n)."""
    correct = np.arange(900) < 600
    low, high = accuracy_interval(correct, np.arange(900))
    theory = 1.96 * np.sqrt(2 / 9 / 900)
    assert (high - low) / 2 == pytest.approx(theory, rel=0.01)
    assert (low + high) / 2 == pytest.approx(2 / 3, abs=0.003)


def test_of_slices_is_that_of_their_tracks_and_much_wider_than_slices_taken_as_independent():
    """Slices that are right or wrong track by track: sqrt(30) = 5.5 times wider."""
    output = noisy(np.random.default_rng(0), tracks=100, slices=30)
    low, high = accuracy_interval(output.correct, output.track_id)
    naive_low, naive_high = accuracy_interval(output.correct, np.arange(len(output)))
    assert (high - low) / (naive_high - naive_low) == pytest.approx(np.sqrt(30), rel=0.05)


def test_of_grouped_tracks_is_wider_than_of_tracks_on_their_own():
    correct = np.repeat(np.arange(40) % 2 == 0, 10)
    narrow = np.diff(accuracy_interval(correct, np.arange(400)))
    wide = np.diff(accuracy_interval(correct, np.repeat(np.arange(40), 10)))
    assert wide / narrow == pytest.approx(np.sqrt(10), rel=0.1)


def test_leaves_out_every_group_in_turn():
    """The error is written out, group by group; the ends are those of the log odds with Student's t."""
    rng = np.random.default_rng(3)
    group, hard = rng.integers(12, size=90), rng.random(12)
    correct = rng.random(90) > 0.8 * hard[group]
    without = np.array([correct[group != left_out].mean() for left_out in range(12)])
    error = np.sqrt(11 / 12 * ((without - without.mean()) ** 2).sum())
    share = correct.mean()
    margin = stats.t.ppf(0.975, degrees_of_freedom(without)) * error / (share * (1 - share))
    expected = special.expit(special.logit(share) + margin * np.array([-1, 1]))
    assert accuracy_interval(correct, group) == pytest.approx(tuple(expected))


def test_of_weighted_items_is_that_of_their_weighted_mean():
    """Twice the weight is as good as twice the item."""
    rng = np.random.default_rng(4)
    group, correct, weight = rng.integers(20, size=300), rng.random(300) < 0.6, rng.integers(1, 4, size=300)
    again = accuracy_interval(correct.repeat(weight), group.repeat(weight))
    assert accuracy_interval(correct, group, weight) == pytest.approx(again, abs=1e-9)
    assert accuracy_interval(correct, group, weight / 7) == pytest.approx(again)


def test_degrees_of_freedom_are_those_of_a_normal_sample_and_fewer_where_few_clusters_decide():
    rng = np.random.default_rng(0)
    assert degrees_of_freedom(rng.normal(size=(4_000, 3))) == pytest.approx(np.full(3, 3_999), rel=0.15)
    two_of_fifty = np.array([1.0, -1.0] + [0.0] * 48)
    assert degrees_of_freedom(two_of_fifty) == pytest.approx(2 * 50 / (25 - 47 / 49))
    assert degrees_of_freedom(np.zeros(9)) == 8


def test_the_degrees_of_freedom_are_those_of_the_spread_of_variances():
    """Of Laplace's distribution, of kurtosis 6 and no skewness: 2 / (relative variance of the sample variance)."""
    values = np.random.default_rng(0).laplace(size=(30, 20_000))
    variances = values.var(axis=0, ddof=1)
    expected = 2 * 30 / (6 - 27 / 29)
    assert 2 * variances.mean() ** 2 / variances.var() == pytest.approx(expected, rel=0.1)
    assert degrees_of_freedom(np.random.default_rng(1).laplace(size=40_000)) == pytest.approx(2 * 4e4 / 5, rel=0.1)


def test_one_error_of_forty_tracks_leaves_a_wide_but_useful_interval():
    low, high = accuracy_interval(np.arange(40) > 0, np.arange(40))
    exact_low, exact_high = exact_interval(39, 40)
    assert 0.65 < low < exact_low and high == pytest.approx(exact_high, abs=0.003)


def test_scores_of_any_shape_have_their_intervals_at_once():
    without = np.random.default_rng(0).uniform(0.6, 0.7, size=(9, 2, 3))
    low, high = jackknife_interval(np.full((2, 3), 0.65), without)
    for index in np.ndindex(2, 3):
        alone = jackknife_interval(np.array(0.65), without[:, *index])
        np.testing.assert_allclose((low[index], high[index]), alone)


@pytest.mark.parametrize(("correct", "total"), [(43, 51), (0, 9), (9, 9), (1, 2)])
def test_the_exact_interval_is_that_of_clopper_and_pearson(correct, total):
    expected = stats.binomtest(correct, total).proportion_ci(method="exact")
    assert exact_interval(correct, total) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("right", "expected"), [(True, exact_interval(20, 20)), (False, exact_interval(0, 20))])
def test_all_right_or_all_wrong_is_not_certainty(right, expected):
    assert accuracy_interval(np.full(200, right), np.repeat(np.arange(20), 10)) == pytest.approx(expected)


def test_groups_that_are_equally_good_by_chance_are_not_certainty():
    """Two groups, half of each right: no narrower than of forty independent tracks."""
    low, high = accuracy_interval(np.arange(40) % 2 == 0, np.arange(40) // 20)
    assert high - low > 2 * 1.96 * np.sqrt(0.25 / 40)


@pytest.mark.parametrize("items", [0, 5])
def test_there_is_no_interval_of_fewer_than_two_clusters(items):
    assert np.isnan(accuracy_interval(np.arange(items) % 2 == 0, ["one"] * items)).all()
    assert np.isnan(exact_interval(0, 0)).all()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30), st.randoms())
def test_contains_the_accuracy_of_nothing_outside_0_to_1_and_does_not_depend_on_order(items, random):
    correct, cluster = (np.array(column) for column in zip(*items, strict=True))
    low, high = accuracy_interval(correct, cluster)
    order = list(range(len(items)))
    random.shuffle(order)
    np.testing.assert_equal(accuracy_interval(correct[order], cluster[order]), (low, high))
    assert np.isnan(low) or 0 <= low <= correct.mean() <= high <= 1


def test_sums_of_clusters():
    assert cluster_sums(np.array([[1, 2], [3, 4], [5, 6]]), np.array(["b", "a", "b"])).tolist() == [[3, 4], [6, 8]]
