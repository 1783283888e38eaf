"""Instruments are band-limited, finite and at the pitch they are asked for; loops have no seam."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.synthetic import synth

RATE = synth.RATE


def spectrum(sound):
    return np.abs(np.fft.rfft(sound)), np.fft.rfftfreq(sound.shape[-1], 1 / RATE)


def test_concert_pitch():
    assert synth.hertz(69) == 440
    assert synth.hertz(81) == 880


@given(note=st.integers(24, 96), cutoff=st.floats(100, 8_000), resonance=st.floats(0.7, 8), shape=st.floats(0, 1))
@settings(max_examples=30)
def test_a_tone_has_energy_at_its_harmonics_and_none_above_14_khz(note, cutoff, resonance, shape):
    sound = synth.tone(note, RATE, shape=shape, cutoff=cutoff, resonance=resonance, sweep=1, decay_s=2)
    magnitude, frequencies = spectrum(sound * np.hanning(RATE))
    power = magnitude**2
    nearest = np.abs(frequencies / synth.hertz(note) - np.round(frequencies / synth.hertz(note)))
    at_harmonics = nearest * synth.hertz(note) < 6
    assert power[at_harmonics].sum() > 0.98 * power.sum()
    assert power[frequencies > 14_100].sum() < 1e-4 * power.sum()


def test_a_kick_falls_to_its_pitch():
    sound = synth.kick(pitch=50, sweep=8, decay_s=0.3, click=0)
    crossings = np.flatnonzero(np.diff(np.signbit(sound)))
    periods = np.diff(crossings)
    assert periods[0] < periods[-1]
    assert RATE / (2 * periods[-1]) == pytest.approx(50, rel=0.1)


def test_what_overhangs_a_loop_comes_in_at_its_beginning():
    loop = synth.place(10, [(8, 2.0, np.arange(1, 5, dtype=np.float32))])
    np.testing.assert_array_equal(loop, [6, 8, 0, 0, 0, 0, 0, 0, 2, 4])


def test_a_pad_repeats_without_a_seam():
    loop = synth.pad(2 * RATE, [48, 55], np.random.default_rng(0), width=0.3, cutoff=1_000)
    steps = np.abs(np.diff(loop, axis=1, append=loop[:, :1]))
    assert steps[:, -1].max() <= steps[:, :-1].max()


def test_a_pad_sounds_its_notes():
    magnitude, frequencies = spectrum(synth.pad(2 * RATE, [57], np.random.default_rng(0), width=0.2, cutoff=500))
    assert frequencies[magnitude.max(axis=0).argmax()] == pytest.approx(220, rel=0.02)


def test_a_band_keeps_its_middle():
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    before, frequencies = spectrum(noise)
    after, _ = spectrum(synth.band(noise, 500, 2_000))
    gain = after / before
    assert gain[np.searchsorted(frequencies, 1_000)] > 0.6
    assert gain[np.searchsorted(frequencies, 50)] < 0.02
    assert gain[np.searchsorted(frequencies, 16_000)] < 0.02


def test_a_dry_untilted_finish_changes_nothing():
    loop = np.random.default_rng(0).standard_normal(4_096).astype(np.float32)
    finished = synth.finish(loop, np.random.default_rng(1), wet=0, seconds=1, tilt=0)
    np.testing.assert_allclose(finished, np.stack([loop, loop]), atol=1e-4)


def test_a_tilt_is_in_decibels_an_octave():
    impulse = np.zeros(RATE, np.float32)
    impulse[0] = 1
    magnitude, _ = spectrum(synth.finish(impulse, np.random.default_rng(0), wet=0, seconds=1, tilt=2)[0])
    assert 20 * np.log10(magnitude[1_600] / magnitude[800]) == pytest.approx(2, abs=0.01)
    assert magnitude[800] == pytest.approx(1, abs=1e-3)
