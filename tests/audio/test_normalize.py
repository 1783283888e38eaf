import io
import os

import numpy as np
import pyloudnorm
import pytest
import soundfile
import soxr
from sounds import RATE, synthesize, write_audio

from genreflow.audio.loudness import true_peak
from genreflow.audio.normalize import normalize, stored_record
from genreflow.audio.verdict import RejectedTrack
from genreflow.audio.vorbis import ogg_frames, read_ogg
from genreflow.config.audio import AudioSettings

SETTINGS = AudioSettings()


def loudness_of(path) -> float:
    return pyloudnorm.Meter(RATE).integrated_loudness(read_ogg(path))


def peak_of(path) -> float:
    return 20 * np.log10(np.abs(soxr.resample(read_ogg(path), 1, 4, quality="VHQ")).max())


def dense(seconds: float = 5) -> np.ndarray:
    """Music whose peaks are low against its loudness, so that no ceiling stands in the way."""
    return (0.8 * np.tanh(4 * synthesize(seconds))).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg"])
def test_loudness_is_reached(tmp_path, suffix):
    ogg = tmp_path / "out.ogg"
    record = normalize(write_audio(tmp_path / f"x.{suffix}", dense()), ogg, SETTINGS, serial=1)
    assert (record.verdict, record.reason, record.message) == ("accept", "", "")
    assert loudness_of(ogg) == pytest.approx(-23, abs=0.2)
    assert record.lufs + record.gain_db == pytest.approx(-23, abs=1e-6)
    assert (record.channels, record.source_rate, record.frames) == (2, RATE, ogg_frames(ogg))


def test_the_ceiling_caps_the_gain(tmp_path):
    quiet = synthesize(6) * np.float32(0.02)
    quiet[::RATE] *= 20  # clicks
    ogg = tmp_path / "out.ogg"
    record = normalize(write_audio(tmp_path / "x.wav", quiet, subtype="FLOAT"), ogg, SETTINGS, serial=1)
    assert record.peak_limited
    assert (record.verdict, record.reason) == ("accept", "W_PEAK_LIMITED")
    assert loudness_of(ogg) < -23.5
    assert -3 < peak_of(ogg) <= -1


@pytest.mark.parametrize("quality", [-1.0, 2.0, 6.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_written_file_keeps_below_the_ceiling(tmp_path, quality, seed):
    rng = np.random.default_rng(seed)
    noise = np.clip(rng.standard_normal(12 * 32_000) * np.linspace(0.1, 1, 12 * 32_000), -1, 1)
    settings = AudioSettings(quality=quality, loudness=-5.0)
    source = write_audio(tmp_path / "x.wav", noise.astype(np.float32), 32_000, subtype="FLOAT")
    record = normalize(source, tmp_path / "out.ogg", settings, serial=1)
    assert record.peak_limited
    assert true_peak(read_ogg(tmp_path / "out.ogg")) <= -1
    assert peak_of(tmp_path / "out.ogg") <= -1 + 0.1  # what two interpolators may differ by


def test_resampling_and_mean_of_the_channels(tmp_path):
    axis = np.arange(96_000) / 48_000
    left, right = 0.5 * np.sin(2 * np.pi * 500 * axis), 0.25 * np.sin(2 * np.pi * 2000 * axis)
    samples = np.stack([left, right], axis=1).astype(np.float32)
    source = write_audio(tmp_path / "x.wav", samples + np.float32(0.1), 48_000, subtype="FLOAT")
    record = normalize(source, tmp_path / "out.ogg", SETTINGS, serial=1)
    assert (record.frames, record.source_rate, record.seconds) == (2 * RATE, 48_000, 2.0)
    written = read_ogg(tmp_path / "out.ogg") * 10 ** (-record.gain_db / 20)
    axis = np.arange(2 * RATE) / RATE
    expected = 0.25 * np.sin(2 * np.pi * 500 * axis) + 0.125 * np.sin(2 * np.pi * 2000 * axis)
    assert np.sqrt(np.mean((written - expected)[2000:-2000] ** 2)) < 0.01
    assert abs(written.mean()) < 1e-3


@pytest.mark.parametrize("factor", [-1.0, -0.95])
def test_channels_that_cancel(tmp_path, factor):
    mono = dense()[:, 0]
    samples = np.stack([factor * mono, mono], axis=1)
    source = write_audio(tmp_path / "x.flac", samples.astype(np.float32))
    record = normalize(source, tmp_path / "out.ogg", SETTINGS, serial=1)
    assert (record.verdict, record.reason) == ("warn", "W_PHASE")
    assert abs(np.corrcoef(read_ogg(tmp_path / "out.ogg"), mono)[0, 1]) > 0.97


def spoiled(value):
    samples = dense(2)
    samples[1000] = value
    return samples


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (spoiled(np.nan), "Q_NONFINITE"),
        (spoiled(-np.inf), "Q_NONFINITE"),
        (spoiled(-1e30), "Q_RANGE"),
        (np.zeros((2 * RATE, 2)), "Q_SILENT"),
        (np.full((2 * RATE, 2), 0.3), "Q_SILENT"),
        (dense(2) * 1e-30, "Q_SILENT"),
        (dense(2) * 3e-5, "Q_BELOW_GATE"),
        (dense(0.9), "Q_TOO_SHORT"),
        (dense(1)[:1], "Q_TOO_SHORT"),
    ],
)
def test_unusable_audio_is_refused_and_nothing_is_written(tmp_path, samples, reason):
    source = write_audio(tmp_path / "x.wav", samples.astype(np.float32), subtype="FLOAT")
    with pytest.raises(RejectedTrack) as refused:
        normalize(source, tmp_path / "out" / "out.ogg", SETTINGS, serial=1)
    assert refused.value.reason == reason
    assert not (tmp_path / "out").exists()


def test_of_a_long_track_the_first_part_is_used(tmp_path):
    settings = AudioSettings(max_minutes=0.05)
    record = normalize(write_audio(tmp_path / "x.mp3", dense()), tmp_path / "out.ogg", settings, serial=1)
    assert (record.verdict, record.reason, record.seconds) == ("accept", "W_LONG", 3.0)


def test_high_rates_are_resampled_before_they_are_encoded(tmp_path):
    samples = synthesize(1.5, rate=384_000)
    source = write_audio(tmp_path / "x.wav", samples, 384_000)
    assert normalize(source, tmp_path / "out.ogg", SETTINGS, serial=1).frames == 1.5 * RATE


def test_the_same_file_gives_the_same_bytes(tmp_path):
    source = write_audio(tmp_path / "x.mp3", synthesize(3))
    for name in ("a.ogg", "b.ogg"):
        normalize(source, tmp_path / name, SETTINGS, serial=9)
    assert (tmp_path / "a.ogg").read_bytes() == (tmp_path / "b.ogg").read_bytes()


def test_the_record_travels_in_the_file(tmp_path):
    ogg = tmp_path / "out.ogg"
    record = normalize(write_audio(tmp_path / "x.mp3", synthesize(3)), ogg, SETTINGS, serial=9)
    assert stored_record(ogg) == record


def test_no_record_is_taken_from_what_is_not_a_whole_file_of_ours(tmp_path):
    assert stored_record(tmp_path / "nothing.ogg") is None
    assert stored_record(write_audio(tmp_path / "foreign.ogg", synthesize(1))) is None
    ogg = tmp_path / "out.ogg"
    normalize(write_audio(tmp_path / "x.wav", dense()), ogg, SETTINGS, serial=9)
    for size in (ogg.stat().st_size - 1, ogg.stat().st_size // 2, 100, 0):
        os.truncate(ogg, size)
        assert stored_record(ogg) is None


def test_soundfile_reads_what_was_written(tmp_path):
    ogg = tmp_path / "out.ogg"
    normalize(write_audio(tmp_path / "x.wav", dense()), ogg, SETTINGS, serial=9)
    info = soundfile.info(io.BytesIO(ogg.read_bytes()))
    assert (info.format, info.subtype, info.channels, info.samplerate) == ("OGG", "VORBIS", 1, RATE)
