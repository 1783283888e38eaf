"""From slices to tracks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import noisy, predictions

from genreflow.evaluation.predictions import Predictions, from_frame
from genreflow.evaluation.votes import majority, mean_probability


def test_the_rules_differ_where_few_slices_are_sure_and_many_are_not():
    said = predictions([("x", 0, [1.0, 0, 0]), ("x", 0, [0.4, 0.6, 0]), ("x", 0, [0.4, 0.6, 0])])
    by_votes, by_mean = majority(said).iloc[0], mean_probability(said).iloc[0]
    assert (by_votes.predicted, by_votes.runner_up) == (1, 0)
    assert (by_votes.share, by_votes.runner_up_share) == pytest.approx((2 / 3, 1 / 3))
    assert (by_mean.predicted, by_mean.runner_up) == (0, 1)
    assert (by_mean.share, by_mean.runner_up_share) == pytest.approx((0.6, 0.4))
    assert by_votes.segments == 3 and by_votes[["p0", "p1", "p2"]].tolist() == pytest.approx([0.6, 0.4, 0])


def test_a_tied_vote_goes_to_the_larger_mean_probability():
    said = predictions([("x", 0, [0.6, 0.4, 0]), ("x", 0, [0.1, 0.9, 0])])
    assert majority(said).loc[0, ["predicted", "share", "runner_up", "runner_up_share"]].tolist() == [1, 0.5, 0, 0.5]


def test_a_tied_mean_goes_to_more_votes():
    said = predictions([("x", 0, [0.2, 0.8, 0]), ("x", 0, [0.6, 0.4, 0]), ("x", 0, [0.7, 0.3, 0])])
    assert mean_probability(said).predicted.item() == 0


def test_what_is_equal_in_everything_goes_to_the_first_class():
    said = predictions([("x", 2, [0.2, 0.3, 0.5]), ("x", 2, [0.2, 0.5, 0.3])])
    assert majority(said).predicted.item() == mean_probability(said).predicted.item() == 1


def test_the_runner_up_of_a_unanimous_vote_is_the_next_in_mean_probability():
    assert majority(predictions([("x", 0, [0.7, 0.1, 0.2])])).runner_up.item() == 2


def test_no_slices_are_no_tracks():
    said = from_frame(pd.DataFrame(columns=["track_id", "slice", "label", "p0", "p1"]), ["a", "b"])
    assert len(majority(said)) == len(mean_probability(said)) == 0


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 9), st.sampled_from([2, 4, 100]))
def test_properties(seed, tracks, slices, grain):
    """Coarse probabilities (`grain`) make ties common."""
    rng = np.random.default_rng(seed)
    raw = noisy(rng, tracks=tracks, slices=slices)
    proba = rng.multinomial(grain, np.ones(3) / 3, size=len(raw)) / grain
    said = Predictions(raw.track_id, raw.segment, raw.label, proba, raw.classes)
    order = rng.permutation(len(said))
    shuffled = Predictions(
        said.track_id[order], said.segment[order], said.label[order], said.proba[order], said.classes
    )
    for rule in (majority, mean_probability):
        found = rule(said)
        pd.testing.assert_frame_equal(rule(shuffled), found)
        assert found.track_id.is_monotonic_increasing and found.track_id.is_unique
        assert (found.segments == slices).all() and (found.predicted != found.runner_up).all()
        assert (found.share >= found.runner_up_share - 1e-9).all()
        assert (found.share + found.runner_up_share <= 1 + 1e-9).all()
        np.testing.assert_allclose(found[["p0", "p1", "p2"]].sum(axis=1), 1)
    np.testing.assert_allclose(mean_probability(said).share, found[["p0", "p1", "p2"]].max(axis=1))
    # A share of votes is a whole number of slices, and no class has more votes than the winner.
    votes = pd.crosstab(said.track_id, said.predicted).max(axis=1)
    np.testing.assert_allclose(majority(said).share * slices, votes)
