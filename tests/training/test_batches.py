import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.errors import UserError
from genreflow.training.batches import balanced_batches

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


def test_batches_depend_on_the_seed_and_the_epoch_only():
    targets = targets_of([40, 40])

    def draw(epoch, seed):
        return balanced_batches(targets, n_classes=2, batch=10, steps=4, epoch=epoch, seed=seed)

    np.testing.assert_array_equal(draw(1, 5), draw(1, 5))
    assert (draw(0, 5) != draw(1, 5)).any()
    assert (draw(0, 5) != draw(0, 6)).any()


def test_a_batch_smaller_than_the_number_of_classes_is_refused():
    with pytest.raises(UserError, match="Set `batch` to 3 or more"):
        balanced_batches(np.array([0, 1, 2]), n_classes=3, batch=2, steps=1, epoch=0, seed=0)


def test_a_class_without_slices_is_refused():
    with pytest.raises(UserError, match="Class 2 of 3 has no slice"):
        balanced_batches(np.array([0, 2]), n_classes=3, batch=3, steps=1, epoch=0, seed=0)
