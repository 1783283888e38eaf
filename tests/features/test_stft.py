"""Magnitude spectrograms are those of the definition, and have the frames that the studies state."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.config.inputs import MusicMaps, Stft
from genreflow.features.front_end import FrontEnd

FEATURE_MAPS = Stft()
TAGGING = Stft(sample_rate=16_000, n_fft=1_024, hop=1_024, window="hann", centered=True, magnitude="log1p")


def stft_magnitude(samples: np.ndarray, settings: Stft) -> np.ndarray:
    return FrontEnd.of(settings).transform(samples)


def music(n: int = 66_150) -> np.ndarray:
    t = np.arange(n) / 22_050
    rng = np.random.default_rng(0)
    pulse = rng.normal(0, 0.1, n) * np.exp(-20 * (t % 0.4))
    return (0.3 * np.sin(2 * np.pi * 220 * t) + 0.1 * np.sin(2 * np.pi * 3_000 * t) + pulse).astype(np.float32)


def reference(samples: np.ndarray, settings: Stft) -> np.ndarray:
    """The definition, frame by frame in double precision."""
    samples = samples.astype(np.float64)
    if settings.centered:
        samples = np.concatenate([np.zeros(settings.n_fft // 2), samples, np.zeros(settings.n_fft // 2)])
    turn = 2 * np.pi * np.arange(settings.n_fft) / settings.n_fft
    a = {"hamming": 0.54, "hann": 0.5}[settings.window]
    window = a - (1 - a) * np.cos(turn)
    starts = range(0, len(samples) - settings.n_fft + 1, settings.hop)
    spectrum = [np.abs(np.fft.rfft(window * samples[start : start + settings.n_fft])) for start in starts]
    return np.log(1 + np.array(spectrum).T) if settings.magnitude == "log1p" else np.array(spectrum).T


@pytest.mark.parametrize("settings", [FEATURE_MAPS, TAGGING, Stft(n_fft=512, hop=100, centered=True)])
def test_the_definition(settings):
    expected = reference(music(), settings)
    result = stft_magnitude(music(), settings)
    assert result.dtype == np.float32
    assert result.shape == expected.shape
    assert np.all(np.abs(result - expected) <= 1e-5 * expected.max(axis=0))


@pytest.mark.parametrize(
    ("n", "settings", "frames"),
    [
        (66_150, FEATURE_MAPS, 128),  # feature_maps study, section 3
        (66_150, Stft(centered=True), 130),
        (464_000, TAGGING, 454),  # tagging study
        (464_000, TAGGING.model_copy(update={"centered": False}), 453),
        (1_023, FEATURE_MAPS, 0),
        (1_024, FEATURE_MAPS, 1),
    ],
)
def test_frames_of_the_studies(n, settings, frames):
    assert FrontEnd.of(settings).frame_count(n) == frames


def test_shapes_of_the_studies():
    assert stft_magnitude(music(), FEATURE_MAPS).shape == (513, 128)
    assert stft_magnitude(music(464_000), TAGGING).shape == (513, 454)


@given(n=st.integers(64, 3_000), hop=st.integers(1, 64), n_fft=st.integers(64, 100), centered=st.booleans())
def test_there_are_as_many_frames_as_counted(n, hop, n_fft, centered):
    settings = Stft(n_fft=n_fft, hop=hop, centered=centered)
    count = FrontEnd.of(settings).frame_count(n)
    if count:
        assert stft_magnitude(np.zeros(n, np.float32), settings).shape == (1 + n_fft // 2, count)
    else:
        assert n < n_fft and not centered


@given(first=st.integers(0, 60), count=st.integers(1, 40), centered=st.booleans())
def test_a_span_gives_the_frames_of_the_whole(first, count, centered):
    settings = Stft(centered=centered)
    start, stop = FrontEnd.of(settings).frame_span(first, count)
    excerpt = np.pad(music(), 1_024)[start + 1_024 : stop + 1_024]
    whole = stft_magnitude(music(), settings)[:, first : first + count]
    np.testing.assert_allclose(FrontEnd.of(settings).compute(excerpt), whole, rtol=0, atol=1e-4)


def test_music_maps_have_the_frames_that_lie_inside():
    assert [FrontEnd.of(MusicMaps()).frame_count(n) for n in (0, 1_023, 1_024, 66_150)] == [0, 0, 1, 128]
    assert FrontEnd.of(MusicMaps()).frame_span(3, 128) == (3 * 512, 3 * 512 + 127 * 512 + 1_024)


def test_silence_is_zero():
    assert not stft_magnitude(np.zeros(4_096, np.float32), TAGGING).any()


def test_less_than_a_frame_is_refused():
    with pytest.raises(ValueError):
        stft_magnitude(np.zeros(1_000, np.float32), FEATURE_MAPS)
