"""What a track is refused or doubted for, each with its code, by files that are made to be so."""

import os
import struct

import numpy as np
import pytest
from sounds import RATE, judged, synthesize, write_audio

from genreflow.config.audio import AudioSettings, QualityThresholds


def music(seconds: float = 2, **options) -> np.ndarray:
    return synthesize(seconds, **options)


def with_gap(samples: np.ndarray, start: float, seconds: float) -> np.ndarray:
    samples = samples.copy()
    samples[round(start * RATE) : round((start + seconds) * RATE)] = 0
    return samples


def clicks(count: int) -> np.ndarray:
    samples = np.zeros((2 * RATE, 2))
    samples[np.linspace(1000, len(samples) - 1000, count).astype(int)] = 0.9
    return samples


def sine(hertz: float) -> np.ndarray:
    tone = 0.5 * np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE)
    return np.stack([tone, tone], axis=1)


LEFT_ONLY = np.array([1, 0])


@pytest.mark.parametrize(
    ("samples", "codes"),
    [
        (music(), ""),
        (music() + 0.4, "W_DC"),
        (music(4) * 100, "W_OVER_FS"),
        (music(4) * 2.2, ""),  # as loud as decoders of lossy codecs get
        (np.clip(music() * 4, -1, 1), "W_CLIPPED"),
        (np.clip(music() * 4, -1, 1) * 0.7, ""),  # no clipping of this file
        (music() * LEFT_ONLY, "W_ONE_SIDED"),
        (music() * LEFT_ONLY[::-1] + 1e-4 * music(), "W_ONE_SIDED"),
        (music()[:, :1] * (1, -1.02), "W_PHASE"),
        (music()[:, :1] * (1, -0.5), ""),
        (music()[:, :1] * (1, 1), ""),
        (np.concatenate([np.zeros((5 * RATE, 2)), music()]), "W_LEAD_SILENCE"),
        (np.concatenate([1e-5 * music(5), music()]), "W_LEAD_SILENCE"),
        (np.concatenate([np.zeros((4 * RATE, 2)), music()]), ""),
        (with_gap(music(), 1, 0.55), "W_DROPOUT"),
        (with_gap(music(), 1, 0.45), ""),
        (with_gap(music(), 1, 1), ""),  # silence behind the music is none
        (sine(20), "W_NO_BANDWIDTH"),
        (sine(440), ""),
        (music() * 5e-3, "W_GAIN_LIMITED"),
        (clicks(1), "Q_SILENT"),
        (clicks(5), "Q_SILENT"),
        (1e-4 * np.random.default_rng(0).standard_normal((RATE, 2)), "Q_BELOW_GATE"),
        (np.zeros((0, 2)), "Q_NO_AUDIO"),
    ],
)
def test_signals(tmp_path, samples, codes):
    path = write_audio(tmp_path / "x.wav", np.asarray(samples, np.float32), subtype="FLOAT")
    assert [code for code in judged(path).split() if code != "W_PEAK_LIMITED"] == codes.split()


@pytest.mark.parametrize(
    ("rate", "codes"),
    [
        (3_999, "Q_RATE"),
        (4_000, "W_BANDLIMITED"),
        (32_000, "W_BANDLIMITED"),
        (37_800, ""),
        (44_101, ""),
        (768_001, "Q_RATE"),
    ],
)
def test_rates(tmp_path, rate, codes):
    assert judged(write_audio(tmp_path / "x.wav", music(1.2, rate=rate, channels=1), rate)) == codes


@pytest.mark.parametrize(
    ("suffix", "subtype"), [("wav", "PCM_U8"), ("aiff", "PCM_S8"), ("flac", "PCM_S8"), ("au", "PCM_S8")]
)
def test_eight_bits(tmp_path, suffix, subtype):
    assert judged(write_audio(tmp_path / f"x.{suffix}", music(), subtype=subtype)) == "W_LOW_BITDEPTH"


@pytest.mark.parametrize("channels", [3, 6, 32])
def test_many_channels(tmp_path, channels):
    assert judged(write_audio(tmp_path / "x.wav", music(1.2, channels=channels))) == "W_MULTICHANNEL"


EXACT = ["wav", "rf64", "w64", "aiff", "au", "caf", "flac", "mp3"]


def cut(tmp_path, kind: str, share: float):
    options = {"format": "RF64"} if kind == "rf64" else {}
    path = write_audio(tmp_path / ("x.wav" if kind == "rf64" else f"x.{kind}"), music(6), **options)
    os.truncate(path, round(share * path.stat().st_size))
    return path


@pytest.mark.parametrize("subtype", [None, "FLOAT", "IMA_ADPCM", "MS_ADPCM", "ULAW"])
def test_half_a_wav_of_any_coding(tmp_path, subtype):
    path = write_audio(tmp_path / "x.wav", music(6), subtype=subtype)
    assert judged(path) == ""
    os.truncate(path, path.stat().st_size // 2)
    assert judged(path) == "Q_TRUNCATED"


@pytest.mark.parametrize("kind", EXACT)
def test_half_a_file_is_known_to_be_half_where_the_length_is_declared(tmp_path, kind):
    assert judged(cut(tmp_path, kind, 0.5)) == "Q_TRUNCATED"


@pytest.mark.parametrize("kind", EXACT)
def test_a_little_less_than_a_file(tmp_path, kind):
    assert judged(cut(tmp_path, kind, 0.94)) == "W_TRUNCATED"


@pytest.mark.parametrize("kind", [*EXACT, "ogg"])
def test_a_whole_file(tmp_path, kind):
    assert judged(cut(tmp_path, kind, 1)) == ""


@pytest.mark.parametrize("kind", EXACT[:-1])
def test_the_last_byte(tmp_path, kind):
    path = cut(tmp_path, kind, 1)
    os.truncate(path, path.stat().st_size - 1)
    assert judged(path) == "W_TRUNCATED"


def wav(tmp_path, *, data_size: int, riff_size: int | None = None, keep: float = 1):
    """A WAV file of three seconds that claims `data_size` bytes of samples."""
    content = write_audio(tmp_path / "whole.wav", music(3)).read_bytes()
    samples = content[44:]
    riff_size = len(content) - 8 if riff_size is None else riff_size
    path = tmp_path / "x.wav"
    header = b"RIFF" + struct.pack("<I", riff_size) + content[8:40] + struct.pack("<I", data_size)
    path.write_bytes(header + samples[: round(keep * len(samples))])
    return path


FULL = 3 * RATE * 4


def test_a_wav_that_was_never_finished_is_taken_as_it_is(tmp_path):
    for size in (0, 0xFFFFFFFF):
        assert judged(wav(tmp_path, data_size=size, riff_size=size)) == ""
    assert judged(wav(tmp_path, data_size=0)) == "W_HEADER"  # whoever wrote the one size knew the other


def test_a_data_size_that_the_outermost_header_contradicts_is_not_believed(tmp_path):
    """A file that was cut off lacks bytes by both of its headers; one that only lies about its samples does not."""
    assert judged(wav(tmp_path, data_size=3 * FULL)) == "W_HEADER"
    assert judged(wav(tmp_path, data_size=3 * FULL, riff_size=3 * FULL + 36)) == "Q_TRUNCATED"
    assert judged(wav(tmp_path, data_size=FULL, keep=0.5)) == "Q_TRUNCATED"


def test_damage_amid_flac_is_noticed(tmp_path):
    path = write_audio(tmp_path / "x.flac", music(20))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert judged(path) == "W_DECODE_ERRORS"
    for place in range(len(content) // 2, len(content) - 9000, 9000):
        content[place] ^= 1
    path.write_bytes(content)
    assert judged(path) == "Q_DECODE_ERRORS"


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_the_checksum_of_flac(tmp_path, subtype):
    path = write_audio(tmp_path / "x.flac", music(), subtype=subtype)
    content = bytearray(path.read_bytes())
    assert "W_FLAC_MD5" not in judged(path)
    content[26] ^= 1  # the first byte of the MD5 in STREAMINFO
    path.write_bytes(content)
    assert "W_FLAC_MD5" in judged(path)
    content[26:42] = bytes(16)  # not set
    path.write_bytes(content)
    assert "W_FLAC_MD5" not in judged(path)


@pytest.mark.parametrize("total", [0, 2**36 - 1, 4 * RATE])
def test_flac_with_its_checksum_is_whole_whatever_its_header_says_of_its_length(tmp_path, total):
    path = write_audio(tmp_path / "x.flac", music())
    content = bytearray(path.read_bytes())
    word = int.from_bytes(content[18:26], "big") >> 36 << 36 | total
    content[18:26] = word.to_bytes(8, "big")
    path.write_bytes(content)
    assert judged(path) == ""


def test_every_threshold_can_be_set(tmp_path):
    path = write_audio(tmp_path / "x.wav", music() + np.float32(0.4))
    for thresholds, code in [
        (QualityThresholds(dc=0.5), ""),
        (QualityThresholds(max_rate=40_000), "Q_RATE"),
        (QualityThresholds(max_channels=1), "Q_CONTAINER"),
        (QualityThresholds(max_file_gb=1e-6), "Q_TOO_BIG"),
        (QualityThresholds(silence=-60.0, dc=0.5), ""),
        (QualityThresholds(encoder_snr=60.0), "Q_ENCODER"),
    ]:
        assert judged(path, AudioSettings(thresholds=thresholds)).replace("W_PEAK_LIMITED", "").strip() == code
