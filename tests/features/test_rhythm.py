"""Beats and onsets are found where they are; librosa is the peer."""

import librosa
import numpy as np
import pytest
from musical_sounds import music, noise, sweep

from genreflow.features.rhythm import (
    beat_frames,
    beat_tempo,
    frame_rate,
    mean_autocorrelation,
    onset_envelope,
    onset_frames,
    tempo,
)
from genreflow.synthetic.corpus import plan
from genreflow.synthetic.performance import Sequencer, perform


def beats_of(samples: np.ndarray, rate: int) -> np.ndarray:
    return beat_frames(onset_envelope(samples, rate), rate) / frame_rate(rate)


def tempo_of(samples: np.ndarray, rate: int) -> float:
    return beat_tempo(onset_envelope(samples, rate), rate)


def agreement(result: np.ndarray, expected: np.ndarray, tolerance: float = 0.07) -> float:
    """F-measure of two ascending lists of times, s: each may be matched once, within the tolerance (MIREX: 70 ms)."""
    matched, i, j = 0, 0, 0
    while i < len(result) and j < len(expected):
        if abs(result[i] - expected[j]) <= tolerance:
            matched, i, j = matched + 1, i + 1, j + 1
        elif result[i] < expected[j]:
            i += 1
        else:
            j += 1
    return 2 * matched / max(1, len(result) + len(expected))


def kicks(bpm: float, rate: int, seconds: float = 30.0, hiss: float = 0.003) -> tuple[np.ndarray, np.ndarray]:
    """A kick drum on every beat over a little noise, and the times of the beats."""
    t = np.arange(int(0.2 * rate)) / rate
    kick = np.exp(-30 * t) * np.sin(2 * np.pi * np.cumsum(50 + 150 * np.exp(-40 * t)) / rate)
    samples = np.random.default_rng(0).normal(0, hiss, round(seconds * rate))
    beats = np.arange(0.5, seconds - 0.5, 60 / bpm)
    for beat in beats:
        begin = round(beat * rate)
        samples[begin : begin + len(kick)] += kick
    return samples.astype(np.float32), beats


def clicks(bpm: float, rate: int, seconds: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """Bursts of a hundredth of a second in silence."""
    beats = np.arange(0.5, seconds - 0.5, 60 / bpm)
    samples = np.zeros(round(seconds * rate), np.float32)
    burst = np.random.default_rng(0).normal(0, 0.3, rate // 100)
    for beat in beats:
        samples[round(beat * rate) :][: len(burst)] = burst
    return samples, beats


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
@pytest.mark.parametrize("bpm", [90, 111.7, 120, 138, 145, 150])
@pytest.mark.parametrize("sound", [kicks, clicks])
def test_beats_of_a_steady_pulse(sound, bpm, rate):
    samples, expected = sound(bpm, rate)
    assert tempo_of(samples, rate) == pytest.approx(bpm, rel=0.02)  # a lag of whole frames
    result = beats_of(samples, rate)
    assert agreement(result, expected) >= 0.95
    # Within a frame of an envelope, on the mean.
    nearest = expected[np.abs(result[:, np.newaxis] - expected).argmin(axis=1)]
    assert abs(np.median(result - nearest)) <= 1 / frame_rate(rate)


def test_beats_follow_a_tempo_that_drifts():
    rate, beats = 22_050, [0.5]
    while beats[-1] < 38:
        beats.append(beats[-1] + 60 / (118 + 6 * beats[-1] / 40))
    samples = np.random.default_rng(0).normal(0, 0.002, 40 * rate).astype(np.float32)
    for beat in beats:
        samples[round(beat * rate) :][:200] += 0.5
    assert agreement(beats_of(samples, rate), np.array(beats)) >= 0.95


def test_onsets_of_kicks():
    samples, expected = kicks(100, 22_050)
    envelope = onset_envelope(samples, 22_050)
    result = onset_frames(envelope, 22_050) / frame_rate(22_050)
    assert agreement(result, expected, 0.05) >= 0.95


def test_denser_music_has_more_onsets():
    counts = [len(onset_frames(onset_envelope(kicks(bpm, 22_050)[0], 22_050), 22_050)) for bpm in (60, 120, 240)]
    assert counts[0] < 0.7 * counts[1] < 0.49 * counts[2]


@pytest.mark.parametrize("samples", [np.zeros(220_500, np.float32), np.zeros(10, np.float32)])
def test_silence_has_no_rhythm(samples):
    envelope = onset_envelope(samples, 22_050)
    assert not envelope.any()
    assert tempo(envelope, 22_050, 256) == 0
    assert len(beat_frames(envelope, 22_050)) == 0
    assert len(onset_frames(envelope, 22_050)) == 0


def test_beats_end_where_the_music_ends():
    samples, expected = kicks(120, 22_050, hiss=0)
    result = beats_of(np.pad(samples, 10 * 22_050), 22_050)
    assert result[0] > 10 and result[-1] < 10 + expected[-1] + 0.1


def test_an_envelope_has_a_value_for_each_frame():
    for n in (1, 511, 512, 513, 100_000):
        envelope = onset_envelope(np.ones(n, np.float32), 44_100)
        assert envelope.shape == (1 + n // 512,)
        assert envelope.dtype == np.float32


@pytest.fixture(scope="module")
def tracks():
    """Synthetic techno and dark psytrance: samples and times of the beats."""
    result = []
    for track in plan(tracks_per_class=2, seconds=30, seed=1):
        if track.label in ("dark", "techno"):
            samples = perform(track.recipe).mean(axis=1).astype(np.float32)
            beat = Sequencer(track.recipe).bar / 4 / 44_100
            result.append((samples, np.arange(0, 30, beat)))
    return result


@pytest.mark.end_to_end
def test_beats_of_synthetic_tracks_are_found_as_well_as_librosa_finds_them(tracks):
    own, peer = [], []
    for samples, expected in tracks:
        own.append(agreement(beats_of(samples, 44_100), expected))
        resampled = librosa.resample(samples, orig_sr=44_100, target_sr=22_050)
        peer.append(agreement(librosa.beat.beat_track(y=resampled, sr=22_050, units="time")[1], expected))
    assert np.mean(own) >= 0.95
    assert np.mean(own) >= np.mean(peer) - 0.02


@pytest.mark.parametrize("signal", [noise, sweep, music, lambda: music(15), lambda: music(1)])
@pytest.mark.parametrize("hop", [512, 256])
def test_the_tempo_is_that_of_librosa(signal, hop):
    envelope = librosa.onset.onset_strength(y=signal(), sr=22_050, hop_length=hop)
    expected = librosa.feature.tempo(onset_envelope=envelope, sr=22_050, hop_length=hop).item()
    assert tempo(envelope, 22_050, hop) == pytest.approx(expected)


@pytest.mark.parametrize("length", [344, 345])
def test_the_mean_autocorrelation_is_that_of_the_tempogram(length):
    envelope = librosa.onset.onset_strength(y=music(), sr=22_050)
    expected = librosa.feature.tempogram(onset_envelope=envelope, sr=22_050, win_length=length).mean(axis=1)
    np.testing.assert_allclose(mean_autocorrelation(envelope, length), expected, rtol=0, atol=1e-5)


def test_a_hop_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="too long for a tempo"):
        tempo(np.ones(20, np.float32), 8_000, 65_536)
