"""Tempo is librosa's."""

import librosa
import numpy as np
import pytest
from musical_sounds import RATE, clicks, music, noise, sweep

from genreflow.config.inputs import Descriptors
from genreflow.features.short_time import ShortTime
from genreflow.features.tempo import mean_autocorrelation, onset_strength, tempo

SETTINGS = Descriptors()
HOP = SETTINGS.hop


def of(samples, settings=SETTINGS):
    return ShortTime(samples, settings)


@pytest.mark.parametrize("signal", [noise, sweep, music, lambda: music(15), lambda: music(1)])
def test_the_tempo_is_the_same(signal):
    expected = librosa.onset.onset_strength(y=signal(), sr=RATE)
    np.testing.assert_allclose(onset_strength(of(signal())), expected, rtol=0, atol=1e-3)
    assert tempo(of(signal())) == pytest.approx(librosa.feature.tempo(y=signal(), sr=RATE).item())


def test_the_mean_autocorrelation_is_that_of_the_tempogram():
    envelope = onset_strength(of(music()))
    expected = librosa.feature.tempogram(onset_envelope=envelope, sr=RATE, win_length=344).mean(axis=1)
    np.testing.assert_allclose(mean_autocorrelation(envelope, 344), expected, rtol=0, atol=1e-5)


def test_other_frames_than_the_default():
    settings = Descriptors(n_fft=1024, hop=256)
    envelope = librosa.onset.onset_strength(y=music(), sr=RATE, n_fft=1024, hop_length=256)
    expected = librosa.feature.tempo(onset_envelope=envelope, sr=RATE, hop_length=256).item()
    assert tempo(of(music(), settings)) == pytest.approx(expected)


@pytest.mark.parametrize("period", [18, 22, 26])
def test_clicks_have_their_tempo(period):
    assert tempo(of(clicks(period * HOP))) == pytest.approx(60 * RATE / (period * HOP))


def test_no_onsets_no_tempo():
    assert tempo(of(np.zeros(5 * RATE, np.float32))) == 0


def test_a_hop_that_is_too_long_is_refused():
    settings = Descriptors(sample_rate=8_000, n_fft=65_536, hop=65_536)
    with pytest.raises(ValueError, match="too long for a tempo"):
        tempo(of(noise(), settings))
