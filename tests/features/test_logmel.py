"""Log-mel spectrograms are librosa's."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import chirp, sawtooth

from genreflow.config.inputs import LogMel
from genreflow.features.logmel import frame_count, frame_span, log_mel, log_mel_of_frames, mel_filter_bank

RATE = 44_100
AS_WRITTEN = LogMel()
AS_CODED = LogMel(hop=512, fmax=12_000.0, decibels="doubled", scale="frame_minmax")


def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)


def sweep() -> np.ndarray:
    t = np.arange(3 * RATE) / RATE
    return (chirp(t, 40, 3, 18_000, "logarithmic") * 0.5).astype(np.float32)


def music() -> np.ndarray:
    """A chord of saw-teeth over a pulse of noise bursts, with a silence in the middle."""
    t = np.arange(3 * RATE) / RATE
    chord = sum(sawtooth(2 * np.pi * f * t) for f in (110, 138.6, 164.8)) * 0.1
    pulse = noise() * np.exp(-20 * (t % 0.4))
    return ((chord + pulse) * (np.abs(t - 1.5) > 0.2)).astype(np.float32)


def librosa_power(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    return librosa.feature.melspectrogram(
        y=samples,
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        hop_length=settings.hop,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.fmax,
        center=True,
        pad_mode="constant",
    )


@pytest.mark.parametrize("signal", [noise, sweep, music])
def test_the_text_of_the_study_is_power_to_db(signal):
    samples = signal()
    expected = librosa.power_to_db(librosa_power(samples, AS_WRITTEN), ref=1.0, amin=1e-10, top_db=None)
    found = log_mel(samples, AS_WRITTEN)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("signal", [noise, sweep, music])
def test_the_code_of_the_study_is_amplitude_to_db_of_power_scaled_by_frame(signal):
    samples = signal()
    level = librosa.amplitude_to_db(librosa_power(samples, AS_CODED), ref=1.0, amin=1e-5, top_db=80)
    unscaled = log_mel(samples, AS_CODED.model_copy(update={"scale": "none"}))
    np.testing.assert_allclose(unscaled, level, rtol=0, atol=1e-3)
    low, high = level.min(axis=0), level.max(axis=0)
    flat = high == low
    expected = np.where(flat, 0, (level - low) / np.where(flat, 1, high - low))
    np.testing.assert_allclose(log_mel(samples, AS_CODED), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "settings", [AS_WRITTEN, AS_CODED, LogMel(sample_rate=16_000, n_fft=512, hop=256, n_mels=40, fmin=50.0)]
)
def test_filters_are_slaney_with_unit_area(settings):
    expected = librosa.filters.mel(
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.fmax,
        htk=False,
        norm="slaney",
    )
    np.testing.assert_allclose(mel_filter_bank(settings), expected, rtol=1e-5, atol=1e-8)


def test_silence_is_the_floor():
    np.testing.assert_allclose(log_mel(np.zeros(RATE, np.float32), AS_WRITTEN), -100, rtol=1e-6)
    assert np.all(log_mel(np.zeros(RATE, np.float32), AS_CODED) == 0)


@given(n=st.integers(1, 20_000), hop=st.integers(1, 300), n_fft=st.integers(64, 301))
def test_frame_count_is_the_number_of_centres_inside_the_track(n, hop, n_fft):
    settings = LogMel(sample_rate=8_000, n_fft=n_fft, hop=min(hop, n_fft), n_mels=8)
    assert log_mel(np.zeros(n, np.float32), settings).shape == (8, frame_count(n, settings))


def test_frames_of_thirty_seconds():
    assert frame_count(30 * RATE, AS_WRITTEN) == 1501
    assert frame_count(661_500, LogMel(sample_rate=22_050, hop=512)) == 1292  # Giamatti & Smith 2020


@given(first=st.integers(0, 100), count=st.integers(1, 40))
def test_a_span_gives_the_frames_of_the_whole_track(first, count):
    samples = noise()
    start, stop = frame_span(first, count, AS_WRITTEN)
    padded = np.pad(samples, 4096)[start + 4096 : stop + 4096]
    whole = log_mel(samples, AS_WRITTEN)[:, first : first + count]
    np.testing.assert_allclose(log_mel_of_frames(padded, AS_WRITTEN), whole, rtol=0, atol=1e-4)


def test_decibels_below_128_survive_float16_within_a_thirty_second():
    level = log_mel(sweep(), AS_WRITTEN)
    assert np.abs(level).max() < 128
    assert np.abs(level.astype(np.float16).astype(np.float32) - level).max() <= 1 / 32
