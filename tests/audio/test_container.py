"""What a file is by its bytes: tags, junk, pieces and boxes before and around its audio."""

import io
import struct

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sounds import RATE, judged, synthesize, write_audio

from genreflow.audio import ogg
from genreflow.audio.bytesource import Excerpt
from genreflow.audio.container import extension_warning
from genreflow.audio.decode import decode
from genreflow.audio.vorbis import with_serial
from genreflow.config.audio import AudioSettings, QualityThresholds

JUNK = np.random.default_rng(3).bytes(64_000)


def id3(content: bytes, *, size: int | None = None) -> bytes:
    size = len(content) if size is None else size
    return b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + content


def sound_file(tmp_path, suffix: str, seconds: float = 2, **options) -> bytes:
    rate, channels = options.pop("rate", RATE), options.pop("channels", 2)
    samples = synthesize(seconds, rate=rate, channels=channels, seed=options.pop("seed", 0))
    return write_audio(tmp_path / f"made.{suffix}", samples, rate, **options).read_bytes()


def stored(tmp_path, content: bytes, suffix: str):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    return path


def length(path) -> int:
    return len(decode(path, max_seconds=60, thresholds=QualityThresholds()).mono)


@pytest.mark.parametrize(
    ("before", "code"),
    [
        (b"", ""),
        (id3(bytes(5000)), ""),
        (id3(bytes(5000)) + id3(bytes(100)), ""),
        (id3(JUNK), ""),
        (id3(bytes(5000), size=2**28 - 1), "W_TAG"),
        (id3(bytes(5000), size=100), "W_TAG"),
        (JUNK, "W_LEADING_JUNK"),
        (bytes(2_000_000), "W_LEADING_JUNK"),
        (b"\xff\xfb\x90\x64" + JUNK, "W_LEADING_JUNK"),
    ],
)
def test_what_comes_before_an_mp3_is_passed_over_and_costs_no_sample(tmp_path, before, code):
    mp3 = sound_file(tmp_path, "mp3")
    path = stored(tmp_path, before + mp3, "mp3")
    assert judged(path) == code
    assert length(path) == 2 * RATE


def test_junk_is_searched_only_so_far(tmp_path):
    path = stored(tmp_path, bytes(2_000_000) + sound_file(tmp_path, "mp3"), "mp3")
    assert judged(path, AudioSettings(thresholds=QualityThresholds(junk_mb=1.0))) == "Q_NOT_AUDIO"


@pytest.mark.parametrize("suffix", ["flac", "wav"])
def test_a_tag_before_other_formats(tmp_path, suffix):
    content = id3(bytes(1000)) + sound_file(tmp_path, suffix)
    assert judged(stored(tmp_path, content, suffix)) == ""


def test_a_tag_alone(tmp_path):
    assert judged(stored(tmp_path, id3(bytes(5000)), "mp3")) == "Q_NO_AUDIO"


@pytest.mark.parametrize("text", ["la la " * 100, "<html><p>404</p></html>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_in_any_encoding(tmp_path, text, encoding):
    assert judged(stored(tmp_path, text.encode(encoding), "mp3")) == "Q_NOT_AUDIO"


def test_tags_of_a_flac_file_are_never_read(tmp_path):
    """FFmpeg takes minutes for so many: it compares each with all before."""
    flac = sound_file(tmp_path, "flac")
    comments = b"".join(struct.pack("<I", 8) + b"K%06d=" % number for number in range(100_000))
    block = struct.pack("<I", 0) + struct.pack("<I", 100_000) + comments
    content = flac[:4] + bytes([0]) + flac[5:42] + b"\x84" + len(block).to_bytes(3, "big") + block
    audio = flac.index(b"\xff\xf8", 42)
    path = stored(tmp_path, content + flac[audio:], "flac")
    assert judged(path) == ""
    assert length(path) == 2 * RATE


def test_two_mp3s_in_one(tmp_path):
    first = sound_file(tmp_path, "mp3")
    assert judged(stored(tmp_path, first + sound_file(tmp_path, "mp3", seed=1), "mp3")) == ""
    other = sound_file(tmp_path, "mp3", rate=22_050, channels=1)
    path = stored(tmp_path, first + other, "mp3")
    assert judged(path) == "W_FORMAT_CHANGE"
    assert length(path) == pytest.approx(2 * RATE, abs=0.1 * RATE)
    short = sound_file(tmp_path, "mp3", seconds=0.5)
    assert judged(stored(tmp_path, short + other, "mp3")) == "Q_TOO_SHORT"


def ogg_file(tmp_path, serial: int, **options) -> bytes:
    return with_serial(sound_file(tmp_path, "ogg", **options), serial)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_files_in_one(tmp_path, subtype):
    form = {"rate": 48_000, "subtype": subtype}
    first = ogg_file(tmp_path, 1, **form)
    path = stored(tmp_path, first + ogg_file(tmp_path, 2, seed=1, **form), "ogg")
    assert judged(path) == ""
    assert length(path) == pytest.approx(4 * 48_000, abs=1000)
    mono = stored(tmp_path, first + ogg_file(tmp_path, 2, channels=1, **form), "ogg")
    assert judged(mono) == "W_FORMAT_CHANGE"
    assert length(mono) == pytest.approx(2 * 48_000, abs=1000)


def pages(content: bytes) -> list[bytes]:
    result = list(ogg.pages(io.BytesIO(content)))
    return [content[page.start : page.start + 27 + len(page.segments) + len(page.body)] for page in result]


def scanned(content: bytes) -> ogg.Streams:
    return ogg.scan_pages(io.BytesIO(content))


def test_lost_and_damaged_pages(tmp_path):
    content = ogg_file(tmp_path, 1, seconds=20)
    parts = pages(content)
    assert b"".join(parts) == content
    assert scanned(content) == ogg.Streams(gaps=0, links=[0], has_audio=True, ended=True)
    middle = len(parts) // 2
    assert scanned(b"".join(parts[:-1])) == ogg.Streams(gaps=0, links=[0], has_audio=True, ended=False)
    lost = b"".join([*parts[:middle], *parts[middle + 1 :]])
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    foreign = b"".join([*parts[:middle], b"no page", *parts[middle:]])
    for bad in (lost, bytes(damaged), foreign):
        assert (scanned(bad).gaps, scanned(bad).ended) == (1, True)
        assert judged(stored(tmp_path, bad, "ogg")).startswith("W_GAP")
    assert judged(stored(tmp_path, b"".join(parts[:-1]), "ogg")) == "W_NO_EOS"
    assert judged(stored(tmp_path, content[: len(content) // 2], "ogg")) == "W_NO_EOS"


def test_ogg_without_audio(tmp_path):
    first, *rest = pages(ogg_file(tmp_path, 1))
    assert judged(stored(tmp_path, first.replace(b"\x01vorbis", b"\x01garble") + b"".join(rest), "ogg")) == "Q_NO_AUDIO"


def write_mp4(path, *, tracks: int = 1, codec: str = "alac", **muxing):
    with av.open(str(path), "w", format="ipod" if tracks == 1 else "mp4", options=muxing) as media:
        streams = [media.add_stream(codec, rate=RATE, layout="stereo") for _ in range(tracks)]
        for number, stream in enumerate(streams):
            stream.codec_context.open(strict=False)
            samples = np.ascontiguousarray(synthesize(2, seed=number).T)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = RATE, 0
            context = stream.codec_context
            resampler = av.AudioResampler(format=context.format, frame_size=context.frame_size)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                media.mux(stream.encode(part))
            media.mux(stream.encode(None))
    return path.read_bytes()


def test_mp4(tmp_path):
    path = tmp_path / "x.m4a"
    content = write_mp4(path)
    assert judged(path) == ""
    assert judged(stored(tmp_path, content[: len(content) // 2], "m4a")) == "Q_TRUNCATED"
    assert judged(stored(tmp_path, content[:-1], "m4a")) == "W_TRUNCATED"
    assert judged(stored(tmp_path, content.replace(b"moov", b"free"), "m4a")) == "Q_CONTAINER"
    fast = write_mp4(path, movflags="faststart")
    assert judged(stored(tmp_path, fast[: len(fast) // 2], "m4a")) == "Q_TRUNCATED"
    write_mp4(path, tracks=2)
    assert judged(path) == "W_MULTI_STREAM"


def box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), name) + content


@pytest.mark.parametrize(
    ("entry", "refused"),
    [(box(b"enca"), True), (box(b"drms", bytes(28), box(b"sinf")), True), (box(b"drms", bytes(28)), False)],
)
def test_encrypted_mp4(tmp_path, entry, refused):
    tables = box(b"stbl", box(b"stsd", bytes(8), entry))
    index = box(b"moov", box(b"mvhd"), box(b"trak", box(b"mdia", box(b"minf", tables))))
    code = judged(stored(tmp_path, box(b"ftyp", b"M4A ") + index + box(b"mdat"), "m4a"))
    assert code.startswith("Q_")
    assert (code == "Q_ENCRYPTED") == refused


def aiff_with_rate(tmp_path, rate: bytes) -> bytes:
    content = bytearray(sound_file(tmp_path, "aiff"))
    place = content.index(b"COMM") + 16
    content[place : place + 10] = rate
    return bytes(content)


@pytest.mark.parametrize(
    "rate", [bytes(10), b"\x7f\xff" + b"\xff" * 8, b"\xc0\x0e\xac\x44" + bytes(6), b"\x45" + b"\xff" * 9]
)
def test_impossible_rates_of_aiff(tmp_path, rate):
    assert judged(stored(tmp_path, aiff_with_rate(tmp_path, rate), "aiff")) == "Q_RATE"


@pytest.mark.parametrize(
    ("place", "value", "code"),
    [
        (22, 0, "Q_CONTAINER"),  # channels
        (22, 65_535, "Q_CONTAINER"),
        (34, 0, "Q_CONTAINER"),  # bits
        (34, 7, "Q_CONTAINER"),
        (34, 13, "Q_CONTAINER"),
        (20, 0x9999, "Q_CONTAINER"),  # coding
        (32, 0, "W_HEADER"),  # block alignment
    ],
)
def test_lies_of_wav_headers(tmp_path, place, value, code):
    content = bytearray(sound_file(tmp_path, "wav"))
    struct.pack_into("<H", content, place, value)
    assert judged(stored(tmp_path, bytes(content), "wav")) == code


@pytest.mark.parametrize(
    ("name", "container", "odd"),
    [
        ("x.mp3", "mp3", False),
        ("x.MP3", "mp3", False),
        ("x.wav", "mp3", True),
        ("x.mp3.wav", "mp3", True),
        ("x", "mp3", True),
        ("x.opus", "ogg", False),
        (b"\xff.m4a", "mp4", False),
        ("x.<b>\n", "flac", True),
    ],
)
def test_names_of_another_container(name, container, odd):
    warnings = extension_warning(name, container)
    assert [warning.reason for warning in warnings] == ["W_EXTENSION"] * odd
    assert all(warning.message.isprintable() and "<" not in warning.message for warning in warnings)


@given(
    content=st.binary(max_size=60),
    header=st.binary(max_size=8),
    bounds=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    steps=st.lists(st.tuples(st.sampled_from("srce"), st.integers(0, 30)), max_size=12),
)
def test_an_excerpt_reads_like_a_file_of_its_own(content, header, bounds, steps):
    start, stop = sorted(min(bound, len(content)) for bound in bounds)
    excerpt, plain = Excerpt(io.BytesIO(content), start, stop, header=header), io.BytesIO(header + content[start:stop])
    for kind, number in steps:
        if kind == "r":
            result = excerpt.read(number)
            assert result == plain.read(len(result))
            assert result or not number or not plain.read(1)
        elif kind == "s":
            assert excerpt.seek(number) == plain.seek(number)
        elif kind == "c":
            assert excerpt.seek(number, io.SEEK_CUR) == plain.seek(number, io.SEEK_CUR)
        else:
            assert excerpt.seek(0, io.SEEK_END) == plain.seek(0, io.SEEK_END)
        assert excerpt.tell() == plain.tell()
