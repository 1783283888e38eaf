import errno
import hashlib
import subprocess
import sys

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import RATE, synthesize

from genreflow.audio.vorbis import (
    CHUNK_FRAMES,
    OggReader,
    encode_ogg,
    ogg_comment,
    ogg_frames,
    ogg_rate,
    read_ogg,
    with_serial,
    write_ogg,
)
from genreflow.errors import Damaged

TEN_MINUTES = 600 * RATE


def crc_by_definition(page: bytes) -> int:
    """RFC 3533: polynomial 0x04c11db7, most significant bit first, initial value and final xor 0."""
    register = 0
    for byte in page:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register & 0x80000000 else 0)) & 0xFFFFFFFF
    return register


def pages(ogg: bytes):
    start = 0
    while start < len(ogg):
        assert ogg[start : start + 4] == b"OggS"
        end = start + 27 + ogg[start + 26] + sum(ogg[start + 27 : start + 27 + ogg[start + 26]])
        yield ogg[start:end]
        start = end


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    """Ten minutes: libvorbis dies of less than one when it is written at once."""
    path = tmp_path_factory.mktemp("vorbis") / "long.ogg"
    samples = np.tile(synthesize(10, channels=1)[:, 0], 60)
    write_ogg(path, samples, RATE, quality=2, serial=1)
    return path, samples


def test_ten_minutes_are_written_and_read(long_file):
    path, samples = long_file
    decoded = read_ogg(path)
    assert (decoded.dtype, len(decoded), ogg_frames(path)) == (np.float32, TEN_MINUTES, TEN_MINUTES)
    assert np.corrcoef(decoded[::7], samples[::7])[0, 1] > 0.97


def test_a_partial_read_is_a_slice_of_the_whole(long_file):
    path, _ = long_file
    whole = read_ogg(path)
    for start in np.random.default_rng(0).integers(0, TEN_MINUTES - 5000, 40):
        np.testing.assert_array_equal(read_ogg(path, start=int(start), frames=5000), whole[start : start + 5000])


@pytest.mark.parametrize("silence", [0, 20 * RATE])
@pytest.mark.parametrize("frames", [2 * RATE, 20 * RATE, 20 * RATE + 77])
def test_a_partial_read_is_exact_in_the_last_page_too(tmp_path, frames, silence):
    samples = np.pad(synthesize(frames / RATE, channels=1)[:, 0], (0, silence))
    write_ogg(tmp_path / "x.ogg", samples, RATE, quality=6, serial=1)
    whole = read_ogg(tmp_path / "x.ogg")
    for back in (10, 100, 1000, 7723, 30_000, 80_000):
        start = len(samples) - back
        np.testing.assert_array_equal(read_ogg(tmp_path / "x.ogg", start=start), whole[start:])
        np.testing.assert_array_equal(read_ogg(tmp_path / "x.ogg", start=start, frames=10), whole[start:][:10])
    assert len(read_ogg(tmp_path / "x.ogg", start=len(samples) - 10, frames=100)) == 10
    for start in np.random.default_rng(0).integers(0, len(samples), 30):
        part = read_ogg(tmp_path / "x.ogg", start=int(start), frames=64)
        np.testing.assert_array_equal(part, whole[start : start + 64])


def test_two_processes_write_the_same_bytes(tmp_path):
    program = (
        "import sys, numpy as np; from genreflow.audio.vorbis import write_ogg;"
        "x = np.random.default_rng(0).standard_normal(300_000).astype('float32') * 0.1;"
        "write_ogg(sys.argv[1], x, 44100, quality=6, serial=77, comment='hello')"
    )
    for name in ("a.ogg", "b.ogg"):
        subprocess.run([sys.executable, "-c", program, tmp_path / name], check=True)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.ogg", "b.ogg"))
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    assert ogg_comment(tmp_path / "a.ogg") == "hello"


def test_serial_and_checksums_of_every_page():
    ogg = encode_ogg(synthesize(3), RATE, quality=6, serial=0xDEADBEEF)
    seen = list(pages(ogg))
    assert len(seen) > 3
    for page in seen:
        assert int.from_bytes(page[14:18], "little") == 0xDEADBEEF
        assert int.from_bytes(page[22:26], "little") == crc_by_definition(page[:22] + bytes(4) + page[26:])


def test_both_decoders_accept_the_file(tmp_path, music):
    write_ogg(tmp_path / "x.ogg", music, RATE, quality=6, serial=5)
    with av.open(str(tmp_path / "x.ogg")) as media:
        by_ffmpeg = np.concatenate([frame.to_ndarray() for frame in media.decode(audio=0)], axis=1).T
    by_soundfile = soundfile.read(tmp_path / "x.ogg", dtype="float32")[0]
    assert by_ffmpeg.shape == by_soundfile.shape == music.shape
    assert np.abs(by_ffmpeg - by_soundfile).max() < 1e-5


@settings(max_examples=25)
@given(serial=st.integers(0, 2**32 - 1), other=st.integers(0, 2**32 - 1))
def test_a_serial_can_be_replaced_and_put_back(serial, other):
    ogg = encode_ogg(np.zeros(2000, np.float32), RATE, quality=3, serial=serial)
    assert with_serial(with_serial(ogg, other), serial) == ogg


@settings(max_examples=15)
@given(frames=st.one_of(st.integers(1, 300), st.integers(CHUNK_FRAMES - 2, CHUNK_FRAMES + 2)))
def test_the_length_is_kept(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("length") / "x.ogg"
    write_ogg(path, np.full(frames, 0.1, np.float32), RATE, quality=3, serial=0)
    assert ogg_frames(path) == len(read_ogg(path)) == frames


def test_better_quality_is_larger(music):
    sizes = [len(encode_ogg(music, RATE, quality=quality, serial=0)) for quality in (-1, 0, 4, 10)]
    assert sizes == sorted(sizes)
    assert sizes[1] < sizes[2] < sizes[3]


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    with pytest.raises(soundfile.SoundFileError):
        write_ogg(tmp_path / "x.ogg", np.zeros(10, np.float32), -5, quality=6, serial=0)
    assert list(tmp_path.iterdir()) == []


def test_reads_of_one_reader_do_not_disturb_each_other():
    samples = synthesize(20, channels=1)[:, 0]
    reader = OggReader(encode_ogg(samples, RATE, quality=6, serial=1))
    whole = reader.read()
    for start in np.random.default_rng(0).integers(0, len(samples) - 8_192, 100):
        assert np.array_equal(reader.read(start, 8_192), whole[start : start + 8_192]), start


@pytest.mark.parametrize("look_at", [read_ogg, ogg_frames, ogg_rate, ogg_comment])
def test_a_file_that_the_system_does_not_let_be_opened_is_told_with_the_systems_reason(tmp_path, look_at):
    with pytest.raises(Damaged, match=r"x\.ogg is damaged \(it is missing\)"):
        look_at(tmp_path / "x.ogg")
    (tmp_path / "loop.ogg").symlink_to("loop.ogg")
    with pytest.raises(OSError, match="symbolic links") as error:
        look_at(tmp_path / "loop.ogg")
    assert error.value.errno == errno.ELOOP


def test_an_error_of_the_disk_while_reading_is_told_as_one(tmp_path, monkeypatch):
    write_ogg(tmp_path / "x.ogg", np.zeros(1_000, np.float32), RATE, quality=2, serial=1)

    def failing(*_, **__):
        raise soundfile.LibsndfileError(2)

    monkeypatch.setattr(soundfile.SoundFile, "read", failing)
    with pytest.raises(OSError) as error:
        read_ogg(tmp_path / "x.ogg")
    assert error.value.errno == errno.EIO
