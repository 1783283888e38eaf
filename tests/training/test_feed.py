import threading

import numpy as np
import pytest
import torch

from genreflow.training.feed import Feed

CPU = torch.device("cpu")
PLACES = [np.array([3, 1]), np.array([0, 4, 4]), np.array([2])]


def arrays(dtype):
    return (np.arange(5 * 3 * 4).reshape(5, 3, 4) * 10).astype(dtype)


def mapped(path, values):
    file = np.memmap(path, values.dtype, "w+", shape=values.shape)
    file[:] = values
    return np.memmap(path, values.dtype, "c", shape=values.shape)


@pytest.mark.parametrize(("dtype", "scale"), [("float16", 1), ("float32", 1), ("int16", 32_767)])
@pytest.mark.parametrize("is_mapped", [False, True])
def test_batches_are_the_slices_asked_for_in_that_order(tmp_path, dtype, scale, is_mapped):
    values = arrays(dtype)
    feed = Feed(mapped(tmp_path / "slices", values) if is_mapped else values, CPU)
    found = list(feed.batches(PLACES))
    assert [batch.dtype for batch in found] == [torch.float32] * 3
    for batch, places in zip(found, PLACES, strict=True):
        np.testing.assert_allclose(batch.numpy(), values[places].astype(np.float32) / scale)
    assert list(feed.batches([])) == []


def test_an_error_of_the_reading_thread_is_raised_where_batches_are_used(tmp_path):
    feed = Feed(mapped(tmp_path / "slices", arrays("float16")), CPU)
    batches = feed.batches([np.array([0]), np.array([99])])
    next(batches)
    with pytest.raises(IndexError):
        next(batches)


def test_reading_ends_when_nobody_wants_more(tmp_path):
    before = threading.active_count()
    batches = Feed(mapped(tmp_path / "slices", arrays("float16")), CPU).batches([np.array([0])] * 1_000)
    next(batches)
    assert threading.active_count() == before + 1
    [thread] = [each for each in threading.enumerate() if each is not threading.main_thread() and each.daemon][-1:]
    batches.close()
    thread.join(timeout=5)
    assert not thread.is_alive()
