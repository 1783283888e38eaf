import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.audio.levels import LevelMeter

RATE = 1000  # steps of ten frames


def levels_of(channels: np.ndarray, *, block: int = 40):
    channels = np.ascontiguousarray(channels, np.float32)
    meter = LevelMeter(len(channels), RATE)
    for start in range(0, channels.shape[1], meter.block_frames(block)):
        part = channels[:, start : start + meter.block_frames(block)]
        meter.add(part, part.mean(axis=0))
    return meter.read()


@settings(max_examples=50)
@given(seed=st.integers(0, 99), channels=st.integers(1, 5), frames=st.integers(1, 500), block=st.integers(1, 600))
def test_statistics_do_not_depend_on_blocks(seed, channels, frames, block):
    samples = np.random.default_rng(seed).normal(0.1, 0.3, (channels, frames)).astype(np.float32)
    samples[:, frames // 3 : frames // 2] = 0
    levels = levels_of(samples, block=block)
    exact = samples.astype(float)
    assert levels.frames == frames
    np.testing.assert_array_equal(levels.low, samples.min(axis=1))
    np.testing.assert_array_equal(levels.high, samples.max(axis=1))
    np.testing.assert_allclose(levels.mean, exact.mean(axis=1), atol=1e-6)
    accuracy = 1e-3 * np.abs(exact).max()  # a difference of squares, in float32 within a block
    np.testing.assert_allclose(levels.rms, exact.std(axis=1), atol=accuracy)
    assert levels.mono_rms == pytest.approx(exact.mean(axis=0).std(), abs=accuracy)
    steps = np.split(exact, range(10, frames, 10), axis=1)
    np.testing.assert_allclose(levels.envelope, [np.ptp(step, axis=1).max() / 2 for step in steps], rtol=1e-5)
    np.testing.assert_array_equal(levels.zero, [not step.any() for step in steps])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (1, 55), (1, 99)])
def test_what_is_not_finite_shows(value, place):
    samples = np.ones((2, 100), np.float32)
    samples[place] = value
    levels = levels_of(samples)
    assert not (np.isfinite(levels.low).all() and np.isfinite(levels.high).all())


def test_flat_tops():
    wave = np.array([0, 0.5, 1, 1, 1, 0.5, -1, -1, -1, -1], np.float32)  # 7 of 10
    short = np.array([0, 0.5, 1, 1, 0, 0.5, -1, -1, 0, 1], np.float32)
    low = 0.7 * wave
    assert levels_of([np.tile(wave, 20), np.tile(low, 20)]).clipped == 0.7
    assert levels_of([np.tile(short, 20), np.tile(low, 20)]).clipped == 0
    assert levels_of([np.ones(100)]).clipped == 1


def test_swing_ignores_an_offset():
    levels = levels_of([np.full(100, 0.9), np.tile([0.5, 0.7], 50)])
    assert levels.swing == pytest.approx(0.1)
    assert levels.peak == pytest.approx(0.9)
