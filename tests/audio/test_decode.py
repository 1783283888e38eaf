import os

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sounds import RATE, synthesize, write_audio

from genreflow.audio import decode as decode_module
from genreflow.audio.decode import Decoded
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import QualityThresholds


def decode(path, **options) -> Decoded:
    return decode_module.decode(path, **({"max_seconds": 60, "thresholds": QualityThresholds()} | options))


def refusal(path, **options) -> str:
    with pytest.raises(RejectedTrack) as refused:
        decode(path, **options)
    assert refused.value.message.endswith(".")
    return refused.value.reason


def write_m4a(path, samples):
    with av.open(str(path), "w") as media:
        stream = media.add_stream("aac", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = RATE, 0
        resampler = av.AudioResampler(format="fltp", frame_size=1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            media.mux(stream.encode(part))
        media.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("suffix", "subtype", "error"),
    [
        ("wav", "PCM_U8", 2**-7),
        ("wav", "PCM_16", 2**-15),
        ("wav", "PCM_24", 2**-23),
        ("wav", "PCM_32", 2**-23),
        ("wav", "FLOAT", 0),
        ("wav", "DOUBLE", 0),
        ("flac", "PCM_16", 2**-15),
        ("flac", "PCM_24", 2**-23),
        ("aiff", "PCM_16", 2**-15),
        ("au", "PCM_16", 2**-15),
    ],
)
def test_lossless_formats_come_back_at_full_scale_one(tmp_path, music, suffix, subtype, error):
    path = write_audio(tmp_path / f"x.{suffix}", music, subtype=subtype)
    decoded = decode(bytes(path))
    assert (decoded.mono.dtype, decoded.mono.shape, decoded.rate) == (np.float32, music[:, 0].shape, RATE)
    assert (decoded.container, decoded.channels, decoded.errors) == (suffix, 2, 0)
    assert not decoded.cut
    assert not decoded.ends_early
    assert np.abs(decoded.mono - music.mean(axis=1)).max() <= error + 1e-7
    for channel in range(2):
        alone = decode(bytes(path), channel=channel).mono
        assert np.abs(alone - music[:, channel]).max() <= error


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_lossy_formats_keep_length_and_sound(tmp_path, music, suffix):
    decoded = decode(write_audio(tmp_path / f"x.{suffix}", music))
    assert decoded.mono.shape == music[:, 0].shape
    assert np.corrcoef(decoded.mono, music.mean(axis=1))[0, 1] > 0.97


def test_m4a(tmp_path, music):
    decoded = decode(write_m4a(tmp_path / "x.m4a", music))
    assert (decoded.container, decoded.codec) == ("mp4", "aac")
    assert decoded.seconds == pytest.approx(4, abs=0.05)
    assert np.corrcoef(decoded.mono[: len(music)], music.mean(axis=1))[0, 1] > 0.9


@pytest.mark.parametrize("channels", [1, 6, 7, 8, 9, 32])
@pytest.mark.parametrize("suffix", ["wav", "ogg"])
def test_any_number_of_channels(tmp_path, channels, suffix):
    samples = synthesize(0.5, channels=channels)
    path = write_audio(tmp_path / f"x.{suffix}", samples)
    decoded = decode(path)
    assert decoded.channels == channels
    assert len(decoded.mono) == pytest.approx(len(samples), abs=128)
    if suffix == "wav":
        for channel in range(channels):
            assert np.abs(decode(path, channel=channel).mono - samples[:, channel]).max() <= 2**-15


def test_the_low_frequency_channel_is_no_part_of_the_mean(tmp_path):
    samples = synthesize(0.5, channels=6)
    samples[:, 3] = 0.4  # of 5.1
    decoded = decode(write_audio(tmp_path / "x.wav", samples, format="WAVEX"))
    assert np.abs(decoded.mono - np.delete(samples, 3, axis=1).mean(axis=1)).max() <= 2**-14


def test_more_channels_than_music_has(tmp_path):
    path = write_audio(tmp_path / "x.wav", synthesize(0.5, channels=33))
    assert refusal(path) == "Q_CONTAINER"


def test_no_more_is_decoded_than_wanted(tmp_path, music):
    path = write_audio(tmp_path / "x.flac", music)
    decoded = decode(path, max_seconds=1.5)
    assert (len(decoded.mono), decoded.cut) == (1.5 * RATE, True)
    assert decoded.checksum is None
    assert not decode(path, max_seconds=4).cut


def test_memory_is_bounded(tmp_path, music, monkeypatch):
    monkeypatch.setattr(decode_module, "MAX_FRAMES", RATE)
    decoded = decode(write_audio(tmp_path / "x.flac", music))
    assert (len(decoded.mono), decoded.cut) == (RATE, True)


def test_the_name_of_a_file_says_nothing(tmp_path, music):
    source = write_audio(tmp_path / "x.mp3", music)
    for name in (b"x.wav", b"http:x.wav", b"concat:a|b", b"\xff\xfe\n.flac", b"noname"):
        path = os.path.join(os.fsencode(tmp_path), name)
        os.link(source, path) if not os.path.exists(path) else None
        assert decode(path).container == "mp3"


RANDOM = np.random.default_rng(2).bytes(40_000)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Q_EMPTY"),
        (b"la la la, this is no music\n" * 100, "Q_NOT_AUDIO"),
        (b"  <!DOCTYPE html><html>404</html>", "Q_NOT_AUDIO"),
        (b"\x89PNG\r\n\x1a\n" + RANDOM, "Q_NOT_AUDIO"),
        (b"\x7fELF\x02\x01\x01" + RANDOM, "Q_NOT_AUDIO"),
        (b"PK\x03\x04" + RANDOM, "Q_NOT_AUDIO"),
        (RANDOM, "Q_NOT_AUDIO"),
        (bytes(10_000), "Q_NOT_AUDIO"),
        (b"ID3" + RANDOM, "Q_NO_AUDIO"),
        (b"\xff\xfb\x90\x64" + RANDOM, "Q_NOT_AUDIO"),
        (b"fLaC" + RANDOM, "Q_CONTAINER"),
        (b"OggS" + RANDOM, "Q_CONTAINER"),
        (b"\x00\x00\x00\x18ftypM4A " + RANDOM, "Q_CONTAINER"),
        (b"ffconcat version 1.0\nfile good.wav\n", "Q_NOT_AUDIO"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\ngood.wav\n", "Q_NOT_AUDIO"),
    ],
)
@pytest.mark.parametrize("suffix", ["mp3", "wav", "flac", "au"])
def test_what_is_not_audio_is_refused_whatever_its_name(tmp_path, music, content, reason, suffix):
    write_audio(tmp_path / "good.wav", music[:1000])
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    assert refusal(path) == reason


def test_what_is_not_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp3")
    (tmp_path / "folder.mp3").mkdir()
    (tmp_path / "link.mp3").symlink_to(tmp_path / "nowhere.mp3")
    for name in ("pipe.mp3", "folder.mp3", "link.mp3"):
        assert refusal(tmp_path / name) == "Q_NOT_FILE"
    assert refusal(tmp_path / "nowhere.mp3") == "Q_GONE"
    assert refusal(bytes(tmp_path) + b"/x\0.mp3") == "Q_CONTAINER"


def test_no_permission(tmp_path, music, monkeypatch):
    path = write_audio(tmp_path / "x.wav", music)

    def denied(*_):
        raise PermissionError

    monkeypatch.setattr(decode_module, "open", denied, raising=False)
    assert refusal(path) == "Q_PERMISSION"


def test_a_header_without_audio(tmp_path):
    assert refusal(write_audio(tmp_path / "x.wav", np.empty((0, 2), np.float32))) == "Q_NO_AUDIO"


def test_a_file_that_changes_while_it_is_read(tmp_path, music, monkeypatch):
    path = write_audio(tmp_path / "x.wav", music)
    probe = decode_module.probe_container

    def touching(file, **options):
        os.utime(path, ns=(0, 0))
        return probe(file, **options)

    monkeypatch.setattr(decode_module, "probe_container", touching)
    assert refusal(path) == "Q_CHANGED"


def test_damage_amid_a_file_is_counted_not_fatal(tmp_path, music):
    path = write_m4a(tmp_path / "x.m4a", music)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = RANDOM[:3000]
    path.write_bytes(content)
    decoded = decode(path)
    assert decoded.errors > 0
    assert len(decoded.mono) > RATE


def test_a_change_of_format_keeps_the_first_part(tmp_path, music):
    first = write_audio(tmp_path / "a.mp3", music)
    second = write_audio(tmp_path / "b.mp3", synthesize(2, rate=22_050, channels=1), 22_050)
    path = tmp_path / "x.mp3"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    decoded = decode(path)
    assert decoded.channels == 2
    assert decoded.seconds == pytest.approx(4, abs=0.1)
    assert [caution.reason for caution in decoded.warnings] == ["W_FORMAT_CHANGE"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(["wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64"]),
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=20)), max_size=8),
    keep=st.floats(0, 1),
)
def test_damaged_files_are_decoded_or_refused(tmp_path, suffix, damage, keep):
    path = write_audio(tmp_path / f"x.{suffix}", synthesize(0.3))
    content = bytearray(path.read_bytes())
    for place, replacement in damage:
        start = int(place * len(content))
        content[start : start + len(replacement)] = replacement
    path.write_bytes(content[: int(keep * len(content))])
    try:
        decoded = decode(path, max_seconds=5)
    except RejectedTrack as refused:
        assert refused.reason.startswith("Q_")
    else:
        assert 0 < len(decoded.mono) == decoded.levels.frames <= 5 * decoded.rate


def test_soundfile_agrees(tmp_path, music):
    path = write_audio(tmp_path / "x.ogg", music)
    assert np.abs(decode(path).mono - soundfile.read(path)[0].mean(axis=1)).max() < 1e-5
