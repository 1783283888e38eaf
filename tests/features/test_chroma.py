"""Pitch classes are those of MIRtoolbox, keys those of Gómez and Krumhansl, tuning and tonal centroids librosa's."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from musical_sounds import RATE, SEMITONE, music, noise, sweep, tone

from genreflow.config.inputs import Descriptors
from genreflow.features.chroma import (
    PROFILES,
    estimate_tuning,
    harmonic_change,
    key_clarity,
    key_strengths,
    pitch_class_weights,
)
from genreflow.features.descriptor_sets import ShortTime

C, G, A, F_SHARP = 0, 7, 9, 6
CHROMAS = arrays(np.float64, 12, elements=st.floats(0, 1, allow_subnormal=False))


def triad(root: int, third: int = 4) -> np.ndarray:
    return np.isin(np.arange(12), np.add(root, [0, third, 7]) % 12).astype(float)


@pytest.mark.parametrize(("profiles", "correlation"), [("krumhansl", 0.8338), ("gomez", 0.8330)])
def test_a_c_major_triad_is_in_c_major(profiles, correlation):
    assert key_strengths(triad(C), profiles).argmax() == C
    assert key_clarity(triad(C), profiles) == pytest.approx(correlation, abs=5e-5)


@pytest.mark.parametrize("profiles", PROFILES)
@pytest.mark.parametrize("place", range(24))
def test_a_profile_is_in_its_own_key(profiles, place):
    chroma = np.roll(PROFILES[profiles][place // 12], place % 12)
    strengths = key_strengths(chroma, profiles)
    assert strengths.argmax() == place
    assert strengths[place] == pytest.approx(1)


@given(CHROMAS, st.integers(0, 11), st.floats(1e-3, 1e3), st.sampled_from(sorted(PROFILES)))
def test_clarity_is_a_correlation_that_no_transposition_or_gain_changes(chroma, steps, gain, profiles):
    clarity = key_clarity(chroma, profiles)
    assert 0 <= clarity <= 1 + 1e-12
    assert key_clarity(gain * np.roll(chroma, steps), profiles) == pytest.approx(clarity, abs=1e-4)


def test_strengths_are_pearson_correlations():
    chroma = np.random.default_rng(0).random(12)
    for place, strength in enumerate(key_strengths(chroma, "gomez")):
        profile = np.roll(PROFILES["gomez"][place // 12], place % 12)
        assert strength == pytest.approx(np.corrcoef(chroma, profile)[0, 1])


@pytest.mark.parametrize("level", [0, 1, 1e-20, 3e7])
def test_a_flat_chroma_is_in_no_key(level):
    assert np.all(key_strengths(np.full((2, 12), level), "gomez") == 0)


def test_related_chords_are_near_and_distant_ones_are_far():
    chords = np.stack([triad(C), triad(G), triad(C), triad(A, 3), triad(C), triad(F_SHARP)])
    np.testing.assert_allclose(harmonic_change(chords), [0, 1.2134, 1.2134, 0.7993, 0.7993, 1.9700], atol=5e-5)


def test_a_change_from_or_to_silence_is_none():
    chords = np.stack([triad(C), np.zeros(12), np.zeros(12), triad(G), triad(G), triad(C)])
    np.testing.assert_allclose(harmonic_change(chords), [0, 0, 0, 0, 0, 1.2134], atol=5e-5)
    assert harmonic_change(triad(C)[np.newaxis]).tolist() == [0]


@given(st.integers(64, 4_096), st.sampled_from([8_000, 22_050, 44_100]))
def test_a_bin_counts_for_one_pitch_class_if_it_lies_in_range(n_fft, rate):
    weights = pitch_class_weights(n_fft, rate)
    hz = np.fft.rfftfreq(n_fft, 1 / rate)
    assert weights.shape == (len(hz), 12)
    assert np.array_equal((weights > 0).sum(axis=1), (hz >= 100) & (hz <= 6_400))


def test_a_pure_tone_is_its_own_pitch_class():
    weights = pitch_class_weights(132_300, RATE)
    hz = np.fft.rfftfreq(132_300, 1 / RATE)
    for midi in range(44, 110):
        tone = np.argmin(np.abs(hz - 440 * 2 ** ((midi - 69) / 12)))
        assert weights[tone].argmax() == midi % 12


def test_a_bin_belongs_to_the_note_that_is_nearest_in_hertz():
    weights = pitch_class_weights(220_500, RATE)  # bins of 0.1 Hz
    a, b_flat = 440.0, 440 * 2 ** (1 / 12)
    bins = np.arange(4_401, round(10 * b_flat))
    nearest = np.where(np.abs(bins / 10 - a) < np.abs(bins / 10 - b_flat), 9, 10)
    assert np.array_equal(weights[bins].argmax(axis=1), nearest)


def test_a_spectrum_without_notes_has_a_flat_chroma():
    chroma = np.ones(66_151) @ pitch_class_weights(132_300, RATE)
    np.testing.assert_allclose(chroma, 6, rtol=2e-4)  # six octaves


def test_a_note_weighs_the_same_in_any_octave():
    weights = pitch_class_weights(132_300, RATE)
    hz = np.fft.rfftfreq(132_300, 1 / RATE)
    half = (1 + 2 ** (1 / 12)) / 2  # the way to the note above
    low, high = ((hz > f / 2 ** (1 / 12) * half) & (hz < f * half) for f in (220, 3_520))
    assert weights[low, A].sum() == pytest.approx(1, rel=1e-5)
    assert weights[high, A].sum() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("signal", [noise, sweep, music])
@pytest.mark.parametrize("resolution", [12, 36])
def test_tuning(signal, resolution):
    sound = ShortTime(signal(), Descriptors())
    expected = librosa.estimate_tuning(y=signal(), sr=RATE, bins_per_octave=resolution)
    assert estimate_tuning(sound.magnitude, sound.bin_hz, resolution) == pytest.approx(expected)


def test_tuning_of_tones_a_third_of_a_semitone_sharp():
    sound = ShortTime(sum(tone(440 * SEMITONE ** (step + 0.33)) for step in (-7, 0, 4, 9)), Descriptors())
    assert estimate_tuning(sound.power, sound.bin_hz, 12) == pytest.approx(0.33, abs=0.03)
