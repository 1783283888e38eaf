import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.training.sampling import (
    balanced_batches,
    epoch_batches,
    philox,
    repeats,
    shuffled_batches,
    uniform,
    weighted_batches,
)

sizes = st.lists(st.integers(1, 23), min_size=2, max_size=6)


def targets_of(sizes):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))


@given(sizes=sizes, batch=st.integers(6, 40), steps=st.integers(1, 8), epoch=st.integers(0, 3))
def test_every_batch_has_equally_many_of_each_class(sizes, batch, steps, epoch):
    targets = targets_of(sizes)
    batches = balanced_batches(targets, n_classes=len(sizes), batch=batch, steps=steps, epoch=epoch, seed=1)
    each = batch // len(sizes)
    assert batches.shape == (steps, each * len(sizes))
    for row in batches:
        assert np.bincount(targets[row], minlength=len(sizes)).tolist() == [each] * len(sizes)


@given(sizes=sizes, batch=st.integers(6, 40), steps=st.integers(1, 8), seed=st.integers(0, 2**32))
def test_no_slice_comes_again_before_all_of_its_class_have_come_over_all_epochs(sizes, batch, steps, seed):
    targets = targets_of(sizes)
    order = np.concatenate(
        [
            balanced_batches(targets, n_classes=len(sizes), batch=batch, steps=steps, epoch=epoch, seed=seed).ravel()
            for epoch in range(3)
        ]
    )
    for label, size in enumerate(sizes):
        drawn = order[targets[order] == label]
        for start in range(0, len(drawn), size):
            once = drawn[start : start + size]
            assert len(set(once)) == len(once)


def test_a_batch_smaller_than_the_number_of_classes_is_refused():
    with pytest.raises(UserError, match="Set `batch` to 3 or more"):
        balanced_batches(np.array([0, 1, 2]), n_classes=3, batch=2, steps=1, epoch=0, seed=0)


@pytest.mark.parametrize("way", [balanced_batches, weighted_batches])
def test_a_class_without_slices_is_refused(way):
    number = "n_classes" if way is balanced_batches else "n_outputs"
    with pytest.raises(UserError, match="Class 2 of 3 has no slice"):
        way(np.array([0, 2]), batch=3, steps=1, epoch=0, seed=0, **{number: 3})


@given(n=st.integers(1, 60), batch=st.integers(1, 25), epoch=st.integers(0, 3), seed=st.integers(0, 2**70))
def test_one_pass_is_every_slice_once_and_no_batch_of_a_single_one(n, batch, epoch, seed):
    steps = math.ceil(n / batch)
    batches = shuffled_batches(n, batch=batch, steps=steps, epoch=epoch, seed=seed)
    assert sorted(np.concatenate(batches)) == list(range(n))
    *full, last = batches
    assert {len(each) for each in full} <= {batch}
    assert len(last) <= batch + 1
    if batch > 1 and n > 1:
        assert all(len(each) > 1 for each in batches)
        assert len(batches) == steps - (n > batch and n % batch == 1)
    assert all(each.dtype == np.int64 for each in batches)


def test_the_last_batch_of_a_pass_is_what_is_left():
    """15,244 clips in batches of 16 are 953 steps (Won et al. 2020: 190,600 in 200 epochs)."""
    batches = shuffled_batches(15_244, batch=16, steps=953, epoch=0, seed=0)
    assert [len(batches), len(batches[-2]), len(batches[-1])] == [953, 16, 12]


def test_a_single_slice_that_is_left_joins_the_batch_before_it():
    assert [len(each) for each in shuffled_batches(33, batch=16, steps=3, epoch=0, seed=0)] == [16, 17]


@given(n=st.integers(1, 40), batch=st.integers(1, 15), steps=st.integers(1, 12), seed=st.integers(0, 2**32))
def test_any_other_number_of_steps_is_cut_from_one_stream_over_all_epochs(n, batch, steps, seed):
    if steps == math.ceil(n / batch):
        steps += 1
    epochs = [shuffled_batches(n, batch=batch, steps=steps, epoch=epoch, seed=seed) for epoch in range(3)]
    assert all(np.shape(batches) == (steps, batch) for batches in epochs)
    order = np.concatenate([np.concatenate(batches) for batches in epochs])
    for start in range(0, len(order), n):
        once = order[start : start + n]
        assert len(set(once)) == len(once)


@given(sizes=sizes, epoch=st.integers(0, 3))
def test_weighted_batches_are_as_many_and_as_large_as_wanted(sizes, epoch):
    targets = targets_of(sizes)
    batches = weighted_batches(targets, n_outputs=len(sizes), batch=7, steps=5, epoch=epoch, seed=1)
    assert batches.shape == (5, 7)
    assert batches.min() >= 0
    assert batches.max() < len(targets)


def shares(targets, **size):
    drawn = weighted_batches(targets, batch=1_000, steps=200, epoch=0, seed=3, **size).ravel()
    return np.bincount(drawn, minlength=len(targets)) / drawn.size


def test_all_classes_are_equally_likely_and_so_are_the_slices_of_each():
    targets = np.repeat([0, 1, 2], [2, 20, 78])
    result = shares(targets, n_outputs=3)
    # 200,000 draws: five standard errors of a share of 1/3 are 0.0053.
    np.testing.assert_allclose(np.bincount(targets, weights=result), 1 / 3, atol=0.0053)
    np.testing.assert_allclose(result[:2], 1 / 6, atol=0.0042)


def test_a_slice_is_as_likely_as_its_tags_are_rare_on_average():
    tags = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=bool)
    weights = np.array([1 / 4, (1 / 4 + 1) / 2, 1 / 4, 1 / 4, 1 / 2, 1 / 2])  # none of the tags: one in two
    np.testing.assert_allclose(shares(tags, n_outputs=3), weights / weights.sum(), atol=0.005)


@pytest.mark.parametrize("sampling", ["balanced", "shuffled", "weighted"])
def test_batches_depend_on_the_seed_and_the_epoch_only(sampling):
    targets = targets_of([40, 40])

    def drawn(epoch, seed):
        settings = TrainingSettings(sampling=sampling, batch=10, seed=seed)
        return np.stack(epoch_batches(settings, targets, n_outputs=2, steps=4, epoch=epoch))

    assert drawn(0, 5).shape == (4, 10)
    np.testing.assert_array_equal(drawn(1, 5), drawn(1, 5))
    assert (drawn(0, 5) != drawn(1, 5)).any()
    assert (drawn(0, 5) != drawn(0, 6)).any()


def test_batches_are_the_same_on_every_machine():
    """Written down from the first run; numpy keeps the streams of its bit generators."""
    targets = np.arange(12) % 3

    def drawn(sampling):
        settings = TrainingSettings(sampling=sampling, batch=6, seed=2)
        return [batch.tolist() for batch in epoch_batches(settings, targets, n_outputs=3, steps=1, epoch=4)]

    assert drawn("balanced") == [[0, 3, 10, 4, 2, 5]]
    assert drawn("shuffled") == [[3, 9, 11, 4, 0, 1]]
    assert drawn("weighted") == [[6, 7, 3, 11, 7, 7]]


def test_tags_can_be_shuffled_and_weighted_but_not_balanced():
    tags = np.eye(4, dtype=bool)
    for sampling in ("shuffled", "weighted"):
        batches = epoch_batches(TrainingSettings(sampling=sampling, batch=2), tags, n_outputs=4, steps=3, epoch=0)
        assert [len(batch) for batch in batches] == [2, 2, 2]
    with pytest.raises(UserError, match=r"have tags\. Set `sampling` to shuffled or weighted"):
        epoch_batches(TrainingSettings(batch=4), tags, n_outputs=4, steps=3, epoch=0)


@pytest.mark.parametrize("sampling", ["balanced", "shuffled", "weighted"])
def test_no_slices_at_all_are_refused(sampling):
    with pytest.raises(UserError, match="no slices to train on"):
        epoch_batches(TrainingSettings(sampling=sampling), np.array([], int), n_outputs=2, steps=1, epoch=0)


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=6))
def test_repeats_count_what_came_before_in_the_epoch(batches):
    result = repeats([np.array(batch) for batch in batches])
    seen = []
    for batch, counts in zip(batches, result, strict=True):
        for number, count in zip(batch, counts, strict=True):
            assert count == seen.count(number)
            seen.append(number)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_is_that_of_its_authors(counter, key, words):
    """Known answers of Random123 for philox4x32 with 10 rounds."""
    result = philox([np.array([word], np.uint64) for word in counter], key)
    assert " ".join(f"{word:08x}" for word in result[:, 0]) == words


def test_numbers_of_slices_are_uniform_and_independent():
    numbers = uniform("crop", np.arange(20_000), seed=4, epoch=2)
    assert numbers.shape == (4, 20_000)
    for row in numbers:
        # Largest distance from the uniform distribution; beyond 1.95 / sqrt(n) lies one in a thousand.
        steps = np.arange(1, 20_001) / 20_000
        assert np.abs(np.sort(row) - steps).max() < 1.95 / math.sqrt(20_000)
    off_diagonal = np.corrcoef(numbers)[~np.eye(4, dtype=bool)]
    assert np.abs(off_diagonal).max() < 4 / math.sqrt(20_000)


def test_numbers_of_a_slice_do_not_depend_on_what_else_is_asked_for():
    slices = np.array([7, 3, 2**31])
    together = uniform("gain", slices, seed=1, epoch=0)
    np.testing.assert_array_equal(together[:, [1]], uniform("gain", slices[[1]], seed=1, epoch=0))
    others = [
        uniform("gain", slices, seed=2, epoch=0),
        uniform("gain", slices, seed=2**64 + 1, epoch=0),
        uniform("gain", slices, seed=1, epoch=1),
        uniform("noise", slices, seed=1, epoch=0),
        uniform("gain", slices, seed=1, epoch=0, repeats=np.array([1, 1, 1])),
    ]
    assert all((other != together).all() for other in others)
