"""From slices to tracks."""

import pytest
from made_up import predictions

from genreflow.evaluation.votes import majority, mean_probability


def test_the_rules_differ_where_few_slices_are_sure_and_many_are_not():
    output = predictions([("x", 0, [1.0, 0, 0]), ("x", 0, [0.4, 0.6, 0]), ("x", 0, [0.4, 0.6, 0])])
    by_votes, by_mean = majority(output).iloc[0], mean_probability(output).iloc[0]
    assert (by_votes.predicted, by_votes.runner_up) == (1, 0)
    assert (by_votes.share, by_votes.runner_up_share) == pytest.approx((2 / 3, 1 / 3))
    assert (by_mean.predicted, by_mean.runner_up) == (0, 1)
    assert (by_mean.share, by_mean.runner_up_share) == pytest.approx((0.6, 0.4))
    assert by_votes.segments == 3 and by_votes[["p0", "p1", "p2"]].tolist() == pytest.approx([0.6, 0.4, 0])


def test_a_tied_vote_goes_to_the_larger_mean_probability():
    output = predictions([("x", 0, [0.6, 0.4, 0]), ("x", 0, [0.1, 0.9, 0])])
    assert majority(output).loc[0, ["predicted", "share", "runner_up", "runner_up_share"]].tolist() == [1, 0.5, 0, 0.5]


def test_a_tied_mean_goes_to_more_votes():
    output = predictions([("x", 0, [0.2, 0.8, 0]), ("x", 0, [0.6, 0.4, 0]), ("x", 0, [0.7, 0.3, 0])])
    assert mean_probability(output).predicted.item() == 0


def test_what_is_equal_in_everything_goes_to_the_first_class():
    output = predictions([("x", 2, [0.2, 0.3, 0.5]), ("x", 2, [0.2, 0.5, 0.3])])
    assert majority(output).predicted.item() == mean_probability(output).predicted.item() == 1


def test_the_runner_up_of_a_unanimous_vote_is_the_next_in_mean_probability():
    assert majority(predictions([("x", 0, [0.7, 0.1, 0.2])])).runner_up.item() == 2
