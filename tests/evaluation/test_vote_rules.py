"""Every rule by which slices decide a track, and who wins a tie."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import noisy, predictions

from genreflow.evaluation.predictions import Predictions, from_frame
from genreflow.evaluation.votes import RULES, maximum, weighted


def test_the_four_rules_can_all_differ():
    """Class 0 has the surest slice, 1 the most votes, 2 the largest mean; weights make 3 of few sure slices."""
    output = predictions(
        [("x", 0, row) for row in (
            [0.80, 0.00, 0.20, 0.00], [0.00, 0.34, 0.33, 0.33], [0.00, 0.34, 0.33, 0.33], [0.00, 0.34, 0.33, 0.33],
            [0.00, 0.00, 0.48, 0.52], [0.00, 0.00, 0.45, 0.55],
        )],
        classes="abcd",
    )  # fmt: skip
    assert {name: rule(output).predicted.item() for name, rule in RULES.items()} == {
        "majority": 1, "mean": 2, "maximum": 0, "weighted": 3,
    }  # fmt: skip


def test_maximum_by_hand():
    result = maximum(predictions([("x", 0, [0.7, 0.2, 0.1]), ("x", 0, [0.1, 0.8, 0.1])])).iloc[0]
    assert (result.predicted, result.share, result.runner_up, result.runner_up_share) == (1, 0.8, 0, 0.7)
    assert result[["p0", "p1", "p2"]].tolist() == pytest.approx([0.4, 0.5, 0.1])


def test_weighted_by_hand():
    """0.9 for class 0 against 0.5 + 0.6 for class 1."""
    output = predictions([("x", 0, [0.9, 0.1, 0]), ("x", 0, [0.5, 0.5, 0]), ("x", 0, [0.4, 0.6, 0])])
    result = weighted(output).iloc[0]
    assert (result.predicted, result.runner_up) == (0, 1)
    assert (result.share, result.runner_up_share) == pytest.approx((1.4 / 2.0, 0.6 / 2.0))


def test_a_tied_maximum_goes_to_the_larger_mean_and_then_to_the_first_class():
    assert maximum(predictions([("x", 0, [0.8, 0.2, 0]), ("x", 0, [0.1, 0.8, 0.1])])).predicted.item() == 1
    assert maximum(predictions([("x", 0, [0.2, 0.0, 0.8]), ("x", 0, [0.8, 0.0, 0.2])])).predicted.item() == 0


def test_a_tied_weight_goes_to_the_larger_mean_and_then_to_the_first_class():
    assert weighted(predictions([("x", 0, [0.6, 0.3, 0.1]), ("x", 0, [0.0, 0.6, 0.4])])).predicted.item() == 1
    assert weighted(predictions([("x", 0, [0.0, 0.2, 0.8]), ("x", 0, [0.0, 0.8, 0.2])])).predicted.item() == 1


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_no_slices_are_no_tracks(rule):
    output = from_frame(pd.DataFrame(columns=["track_id", "slice", "label", "p0", "p1"]), ["a", "b"])
    assert len(rule(output)) == 0


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_of_one_slice_all_rules_are_that_slice(rule):
    output = noisy(np.random.default_rng(0), tracks=30, slices=1)
    np.testing.assert_array_equal(rule(output).predicted, output.predicted)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 9), st.sampled_from([2, 4, 100]))
def test_properties(seed, tracks, slices, grain):
    """All rules return one table, whatever the order of rows; coarse probabilities (`grain`) make ties common."""
    rng = np.random.default_rng(seed)
    raw = noisy(rng, tracks=tracks, slices=slices)
    proba = rng.multinomial(grain, np.ones(3) / 3, size=len(raw)) / grain
    output = Predictions(raw.track_id, raw.segment, raw.label, proba, raw.classes)
    order = rng.permutation(len(output))
    shuffled = Predictions(
        output.track_id[order], output.segment[order], output.label[order], output.proba[order], output.classes
    )
    tables = {name: rule(output) for name, rule in RULES.items()}
    for name, result in tables.items():
        pd.testing.assert_frame_equal(RULES[name](shuffled), result)
        assert list(result) == list(tables["majority"])
        assert result.track_id.is_monotonic_increasing and result.track_id.is_unique
        assert (result.segments == slices).all() and (result.predicted != result.runner_up).all()
        assert (result.share >= result.runner_up_share - 1e-9).all()
        assert name == "maximum" or (result.share + result.runner_up_share <= 1 + 1e-9).all()
        np.testing.assert_allclose(result[["p0", "p1", "p2"]].sum(axis=1), 1)
        pd.testing.assert_frame_equal(result[["p0", "p1", "p2"]], tables["mean"][["p0", "p1", "p2"]])
    np.testing.assert_allclose(tables["mean"].share, tables["mean"][["p0", "p1", "p2"]].max(axis=1))
    # A share of votes is a whole number of slices, and no class has more votes than the winner.
    votes = pd.crosstab(output.track_id, output.predicted).max(axis=1)
    np.testing.assert_allclose(tables["majority"].share * slices, votes)
    largest = pd.DataFrame(output.proba).groupby(output.track_id).max().max(axis=1)
    np.testing.assert_allclose(tables["maximum"].share, largest)
    weight = pd.Series(output.proba.max(axis=1))
    votes = pd.crosstab(output.track_id, output.predicted, values=weight, aggfunc="sum").max(axis=1)
    np.testing.assert_allclose(tables["weighted"].share, votes / weight.groupby(output.track_id).sum())
