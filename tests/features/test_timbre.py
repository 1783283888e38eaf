"""Features of timbre are librosa's, frame by frame."""

import librosa
import numpy as np
import pytest
from musical_sounds import RATE, music, noise, sweep, tone

from genreflow.config.inputs import Descriptors
from genreflow.features import timbre
from genreflow.features.short_time import ShortTime

SETTINGS = Descriptors()
OTHER = Descriptors(sample_rate=16_000, n_fft=1024, hop=256)
BIN_HZ = RATE / SETTINGS.n_fft
signals = pytest.mark.parametrize("signal", [noise, sweep, music])


def of(samples, settings=SETTINGS):
    return ShortTime(samples, settings)


@signals
def test_zero_crossing_rate(signal):
    expected = librosa.feature.zero_crossing_rate(signal())
    np.testing.assert_allclose(timbre.zero_crossing_rate(of(signal())).T, expected, rtol=1e-6)


@signals
def test_rms(signal):
    expected = librosa.feature.rms(y=signal())
    np.testing.assert_allclose(timbre.rms(of(signal())).T, expected, rtol=1e-5, atol=1e-8)


@signals
def test_centroid(signal):
    expected = librosa.feature.spectral_centroid(y=signal(), sr=RATE)
    np.testing.assert_allclose(timbre.centroid(of(signal())).T, expected, rtol=1e-4)


@signals
def test_bandwidth(signal):
    expected = librosa.feature.spectral_bandwidth(y=signal(), sr=RATE)
    np.testing.assert_allclose(timbre.bandwidth(of(signal())).T, expected, rtol=1e-4)


@signals
def test_rolloff_is_the_same_bin_but_for_rounding(signal):
    off = np.abs(timbre.rolloff(of(signal())).T - librosa.feature.spectral_rolloff(y=signal(), sr=RATE))
    assert off.max() < 1.01 * BIN_HZ
    assert np.mean(off > 1e-2) < 0.01


@signals
def test_contrast(signal):
    expected = librosa.feature.spectral_contrast(y=signal(), sr=RATE)
    np.testing.assert_allclose(timbre.contrast(of(signal())).T, expected, rtol=0, atol=1e-3)


@signals
def test_mfcc(signal):
    expected = librosa.feature.mfcc(y=signal(), sr=RATE)
    np.testing.assert_allclose(timbre.mfcc(of(signal())).T, expected, rtol=0, atol=1e-3)


def test_other_frames_than_the_default():
    samples, frames = music(), {"n_fft": 1024, "hop_length": 256}
    sound = of(samples, OTHER)
    for found, feature in (
        (timbre.mfcc, librosa.feature.mfcc),
        (timbre.centroid, librosa.feature.spectral_centroid),
        (timbre.contrast, librosa.feature.spectral_contrast),
    ):
        np.testing.assert_allclose(found(sound).T, feature(y=samples, sr=16_000, **frames), rtol=1e-4, atol=1e-3)
    expected = librosa.feature.zero_crossing_rate(samples, frame_length=1024, hop_length=256)
    np.testing.assert_allclose(timbre.zero_crossing_rate(sound).T, expected, rtol=1e-6)


def test_a_tone_is_where_it_is():
    inside = slice(3, -3)  # frames that see no end of the tone
    sound = of(tone(1000))
    np.testing.assert_allclose(timbre.centroid(sound)[inside], 1000, atol=1)
    np.testing.assert_allclose(timbre.rolloff(sound)[inside], 1000, atol=2 * BIN_HZ)
    np.testing.assert_allclose(timbre.zero_crossing_rate(sound)[inside], 2 * 1000 / RATE, atol=1 / 2048)
    np.testing.assert_allclose(timbre.rms(sound)[inside], 0.5 / np.sqrt(2), rtol=1e-3)


@pytest.mark.parametrize("settings", [Descriptors(sample_rate=12_000), Descriptors(n_fft=64, hop=64)])
def test_contrast_needs_all_its_bands(settings):
    with pytest.raises(ValueError, match="contrast needs"):
        timbre.contrast(of(noise(), settings))
