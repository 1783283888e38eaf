"""Tuning, chroma and tonal centroid are librosa's."""

import librosa
import numpy as np
import pytest
from musical_sounds import RATE, SEMITONE, music, noise, sweep, tone

from genreflow.config.inputs import Descriptors
from genreflow.features import tonality
from genreflow.features.short_time import ShortTime

signals = pytest.mark.parametrize("signal", [noise, sweep, music])


def of(samples):
    return ShortTime(samples, Descriptors())


def energy(samples):
    return tonality.constant_q_energy(of(samples))


@signals
@pytest.mark.parametrize("resolution", [12, 36])
def test_tuning(signal, resolution):
    sound = of(signal())
    expected = librosa.estimate_tuning(y=signal(), sr=RATE, bins_per_octave=resolution)
    assert tonality.estimate_tuning(sound.magnitude, sound.bin_hz, resolution) == pytest.approx(expected)


def test_tuning_of_tones_a_third_of_a_semitone_sharp():
    sound = of(sum(tone(440 * SEMITONE ** (step + 0.33)) for step in (-7, 0, 4, 9)))
    assert tonality.estimate_tuning(sound.power, sound.bin_hz, 12) == pytest.approx(0.33, abs=0.03)


@signals
def test_chroma_of_power_spectra(signal):
    expected = librosa.feature.chroma_stft(y=signal(), sr=RATE)
    np.testing.assert_allclose(tonality.chroma_stft(of(signal())).T, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("own", "oracle"),
    [
        (tonality.chroma_cqt, librosa.feature.chroma_cqt),
        (tonality.chroma_cens, librosa.feature.chroma_cens),
        (tonality.tonnetz, librosa.feature.tonnetz),
    ],
)
def test_features_of_the_constant_q_spectrum_within_a_hundredth(own, oracle):
    found, expected = own(energy(music())).T, oracle(y=music(), sr=RATE)
    assert found.shape == expected.shape
    # A frame that is nearly silent, and an energy near one of the steps of CENS, may come out differently.
    assert np.mean(np.abs(found - expected) > 0.02) < 0.02
    np.testing.assert_allclose(found.mean(axis=1), expected.mean(axis=1), rtol=0, atol=0.01)


@signals
def test_chroma_and_tonal_centroid_follow_exactly_from_the_same_energy(signal):
    classes = energy(signal())
    np.testing.assert_allclose(tonality.tonnetz(classes).T, librosa.feature.tonnetz(chroma=classes.T), atol=1e-5)
    # With a bin for each class, librosa takes the energy as it is.
    given = {"C": classes.T, "bins_per_octave": 12, "n_chroma": 12}
    np.testing.assert_allclose(tonality.chroma_cqt(classes).T, librosa.feature.chroma_cqt(**given), atol=1e-5)
    np.testing.assert_allclose(tonality.chroma_cens(classes).T, librosa.feature.chroma_cens(**given), atol=1e-5)


@pytest.mark.parametrize("note", range(12))
def test_a_note_is_its_own_class(note):
    samples = tone(librosa.note_to_hz("C4") * SEMITONE**note)
    for chroma in (tonality.chroma_stft(of(samples)), tonality.chroma_cqt(energy(samples))):
        assert np.all(chroma[5:-5].argmax(axis=1) == note)
