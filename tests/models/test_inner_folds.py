"""Options are chosen by tracks that were not trained on, and by no group on both sides."""

import numpy as np
import pytest

from genreflow.models import registry
from genreflow.models.estimator import FitData
from genreflow.models.inner_folds import best, held_out, thinned


def data(n=60, each=3, targets=None):
    groups = np.arange(n) // each
    targets = groups % 3 if targets is None else targets
    return FitData(np.arange(n, dtype=np.float32)[:, None], targets, groups // 2, groups, seed=0, threads=1)


def of_targets(given, share):
    """Return probabilities of which a share lies on the true class of each segment, by its number."""
    probabilities = np.full((60, 3), (1 - share) / 2)
    probabilities[np.arange(60), given.targets] = share
    return probabilities


def test_the_candidate_that_predicts_held_out_tracks_best_is_chosen():
    given = data()

    def predict(train, segments):
        assert not {*train.arrays[:, 0]} & {*segments[:, 0]}
        rows = segments[:, 0].astype(int)
        assert not {*train.groups} & {*given.groups[rows]}
        return [of_targets(given, share)[rows] for share in candidates]

    candidates = [0.3, 0.9, 0.6]
    assert best(candidates, given, predict, usual=0.5) == 0.9


def test_probabilities_are_averaged_over_the_segments_of_a_track():
    """Right in two of three segments, and sure of it, is worse than always fairly sure; by the mean, less so."""
    given = data()

    def predict(_, segments):
        rows = segments[:, 0].astype(int)
        sure = of_targets(given, 0.999)[rows]
        sure[rows % 3 == 0] = np.roll(sure[rows % 3 == 0], 1, axis=1)
        return [of_targets(given, 0.5)[rows], sure]

    assert best(["doubtful", "sure"], given, predict, usual="") == "sure"


def test_a_single_track_leaves_nothing_to_choose_by():
    given = data(3)
    assert best([1, 2], given, lambda *_: [np.full((3, 3), 1 / 3)] * 2, usual=2) == 2


def test_a_class_of_one_group_is_not_counted_where_it_was_not_trained_on():
    targets = np.zeros(60, int)
    targets[:6] = 1
    given = data(targets=targets)

    def predict(_, segments):
        return [np.tile([[0.6, 0.2, 0.2]], (len(segments), 1)), np.tile([[0.7, 0.2, 0.1]], (len(segments), 1))]

    assert best([1, 2], given, predict, usual=1) == 2


def test_tagged_groups_are_divided_too():
    tags = np.arange(60)[:, None] // 6 % 2 == [0, 1]
    splits = held_out(tags, np.arange(60) // 6, 5)
    assert sorted(np.concatenate([out for _, out in splits])) == list(range(60))


def test_of_many_segments_some_of_every_track_remain():
    given = thinned(data(600, each=10), 150)
    assert len(given.arrays) == 150
    assert len(set(given.tracks)) == 60


@pytest.mark.parametrize("noise", [0.1, 6.0])
def test_a_probe_is_the_more_regularized_the_noisier_its_tracks_are(noise):
    rng = np.random.default_rng(0)
    tracks = np.repeat(np.arange(60), 4)
    targets = tracks % 3
    arrays = np.eye(3, 40)[targets] * 3
    arrays = (arrays + noise * rng.normal(size=(60, 40))[tracks] + 0.1 * rng.normal(size=(240, 40))).astype("f4")
    probe = registry.build("probe", 3, input_shape=(40,))
    probe.fit(arrays, targets, groups=tracks, seed=0, threads=1)
    assert (probe.chosen["C"] >= 0.1) == (noise < 1)
