"""Intervals are as wide as the number of independent tracks makes them, and cover what they promise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import noisy
from scipy.stats import binomtest

from genreflow.evaluation.intervals import accuracy_interval, exact_interval, ratio, resampled
from genreflow.evaluation.votes import majority


def test_of_independent_tracks_is_as_wide_as_theory_says():
    """Standard error of a share p of n: sqrt(p (1 - p) / n)."""
    correct = np.arange(900) < 600
    low, high = accuracy_interval(correct, np.arange(900))
    theory = 1.96 * np.sqrt(2 / 9 / 900)
    assert (high - low) / 2 == pytest.approx(theory, rel=0.03)
    assert (low + high) / 2 == pytest.approx(2 / 3, abs=0.003)


def test_of_slices_is_that_of_their_tracks_and_much_wider_than_slices_taken_as_independent():
    """Slices that are right or wrong track by track: sqrt(30) = 5.5 times wider."""
    output = noisy(np.random.default_rng(0), tracks=100, slices=30)
    low, high = accuracy_interval(output.correct, output.track_id)
    naive_low, naive_high = accuracy_interval(output.correct, np.arange(len(output)))
    assert (high - low) / (naive_high - naive_low) == pytest.approx(np.sqrt(30), rel=0.1)


def test_of_grouped_tracks_is_wider_than_of_tracks_on_their_own():
    correct = np.repeat(np.arange(40) % 2 == 0, 10)
    narrow = np.diff(accuracy_interval(correct, np.arange(400)))
    wide = np.diff(accuracy_interval(correct, np.repeat(np.arange(40), 10)))
    assert wide / narrow == pytest.approx(np.sqrt(10), rel=0.1)


def test_drawing_kinds_of_clusters_is_the_same_as_drawing_clusters():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 6, size=50)
    hits = rng.binomial(sizes, 0.6)
    picks = rng.integers(50, size=(10_000, 50))
    plain = hits[picks].sum(axis=1) / sizes[picks].sum(axis=1)
    kinds, counts = np.unique(np.column_stack([hits, sizes]), axis=0, return_counts=True)
    ours = resampled(lambda drawn: ratio(drawn @ kinds), counts)
    quantiles = [0.025, 0.25, 0.5, 0.75, 0.975]
    np.testing.assert_allclose(np.quantile(ours, quantiles), np.quantile(plain, quantiles), atol=0.008)


def test_on_shuffled_labels_contains_chance_in_93_percent_of_200_data_sets():
    contained = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        output = noisy(rng, tracks=300, slices=3, skill=0.6)
        tracks = majority(output)
        correct = tracks["predicted"].to_numpy() == rng.permutation(tracks["label"])
        low, high = accuracy_interval(correct, tracks["track_id"], seed=seed)
        contained += low <= 1 / 3 <= high
    assert contained >= 0.93 * 200


@pytest.mark.parametrize(("correct", "total"), [(43, 51), (0, 9), (9, 9), (1, 2)])
def test_the_exact_interval_is_that_of_clopper_and_pearson(correct, total):
    expected = binomtest(correct, total).proportion_ci(method="exact")
    assert exact_interval(correct, total) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("right", "expected"), [(True, exact_interval(20, 20)), (False, exact_interval(0, 20))])
def test_all_right_or_all_wrong_is_not_certainty(right, expected):
    assert accuracy_interval(np.full(200, right), np.repeat(np.arange(20), 10)) == expected


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
    assert np.isnan(low) or 0 <= low <= high <= 1
