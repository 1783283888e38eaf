import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genreflow.errors import UserError
from genreflow.training.loader import SliceLoader, random_crops, window_starts

CPU = torch.device("cpu")
ROWS = [np.array([3, 1]), np.array([0, 4, 4]), np.array([2])]


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
    loader = SliceLoader(mapped(tmp_path / "slices", values) if is_mapped else values, CPU)
    result = list(loader.batches(ROWS))
    assert [batch.dtype for batch in result] == [torch.float32] * 3
    for batch, rows in zip(result, ROWS, strict=True):
        np.testing.assert_allclose(batch.numpy(), values[rows].astype(np.float32) / scale)
    assert list(loader.batches([])) == []


def test_an_error_of_the_reading_thread_is_raised_where_batches_are_used(tmp_path):
    loader = SliceLoader(mapped(tmp_path / "slices", arrays("float16")), CPU)
    batches = loader.batches([np.array([0]), np.array([99])])
    next(batches)
    with pytest.raises(IndexError):
        next(batches)


def test_reading_ends_when_nobody_wants_more(tmp_path):
    before = threading.active_count()
    batches = SliceLoader(mapped(tmp_path / "slices", arrays("float16")), CPU).batches([np.array([0])] * 1_000)
    next(batches)
    assert threading.active_count() == before + 1
    [thread] = [each for each in threading.enumerate() if each is not threading.main_thread() and each.daemon][-1:]
    batches.close()
    thread.join(timeout=5)
    assert not thread.is_alive()


def ramps(slices, n, bands=None):
    """Return slices whose values tell slice, band and time."""
    time = torch.arange(n) + 1_000 * torch.from_numpy(slices)[:, None]
    return time if bands is None else time[:, None] + 1_000_000 * torch.arange(bands)[:, None]


@given(
    b=st.integers(1, 6),
    n=st.integers(1, 50),
    data=st.data(),
    bands=st.none() | st.integers(1, 4),
    dtype=st.sampled_from([torch.float32, torch.float16, torch.int64]),
)
def test_a_crop_is_a_stretch_of_its_own_slice(b, n, data, bands, dtype):
    length = data.draw(st.integers(1, n))
    slices = np.arange(b)
    whole = (ramps(slices, n, bands) % 2_048).to(dtype)
    crops = random_crops(whole, slices, length, seed=0, epoch=1)
    assert crops.dtype == dtype
    assert crops.shape == (*whole.shape[:-1], length)
    for slice_, crop in zip(whole, crops, strict=True):
        windows = slice_.unfold(-1, length, 1).movedim(-2, 0)
        assert any(torch.equal(window, crop) for window in windows)


def starts(slices, *, n=100, length=60, seed=0, epoch=0, **more):
    crops = random_crops(ramps(slices, n), slices, length, seed=seed, epoch=epoch, **more)
    return (crops[:, 0] % 1_000).numpy()


def test_crops_begin_anywhere_with_equal_probability_both_ends_included():
    result = starts(np.arange(41_000))
    counts = np.bincount(result, minlength=41)
    assert len(counts) == 41
    # 1,000 expected at each of 41 places; chi squared of 40 degrees exceeds 73.4 once in a thousand.
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 73.4


def test_a_crop_depends_on_slice_epoch_and_seed_and_on_nothing_else_in_the_batch():
    slices = np.arange(50)
    one = starts(slices)
    np.testing.assert_array_equal(starts(slices[::-1].copy()), one[::-1])
    np.testing.assert_array_equal(starts(slices[10:20]), one[10:20])
    assert (starts(slices, epoch=1) != one).mean() > 0.8
    assert (starts(slices, seed=1) != one).mean() > 0.8


def test_a_slice_that_comes_again_can_be_cropped_elsewhere():
    slices = np.zeros(50, int)
    assert len(set(starts(slices))) == 1
    assert len(set(starts(slices, repeats=np.arange(50)))) > 20


def test_a_crop_of_the_whole_slice_is_the_slice():
    whole = ramps(np.arange(3), 10)
    assert random_crops(whole, np.arange(3), 10, seed=0, epoch=0) is whole


def test_a_crop_longer_than_the_slice_is_refused():
    with pytest.raises(UserError, match=r"crop of 60,000 is longer than a slice, which has 59,049\. Set `crop` to"):
        window_starts(59_049, 60_000, 16)
    with pytest.raises(UserError, match="longer than a slice"):
        random_crops(torch.zeros(1, 9), np.array([0]), 10, seed=0, epoch=0)


@pytest.mark.parametrize(
    ("n", "length", "step"),
    [(465_984, 59_049, 25_433), (465_984, 464_000, 124), (128, 128, 0), (130, 128, 0)],
)
def test_windows_are_those_of_won_2020(n, length, step):
    """Offsets i floor((len - L) / 16); 465,984 samples are 29.124 s at 16 kHz, the length of a clip."""
    assert window_starts(n, length, 16) == [i * step for i in range(16)]


@given(n=st.integers(1, 500), data=st.data(), windows=st.integers(1, 20))
def test_windows_lie_within_the_slice(n, data, windows):
    length = data.draw(st.integers(1, n))
    result = window_starts(n, length, windows)
    assert len(result) == windows
    assert result[0] == 0
    assert max(result) + length <= n
