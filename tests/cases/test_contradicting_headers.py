"""Headers that contradict themselves, and MP3 audio that is not the one that was encoded, do not go unnoticed."""

import os
import struct

import contradictions
import numpy as np
import pytest
from recordings import RATE, base, coded, music, sound_file
from surgery import chunk, id3, id3_text, mp3_frames, rewritten, riff, without_xing

from genreflow.audio import container
from genreflow.audio.decode import decode
from genreflow.audio.mpeg import crc16
from genreflow.audio.probing import probe
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import QualityThresholds

SECONDS = 0.6
FRAMES = round(SECONDS * RATE)


@pytest.fixture
def judged(tmp_path):
    """Return a function: content of a file -> its codes, and its samples if they are used."""

    def judge(content):
        path = tmp_path / "sound"
        path.write_bytes(content)
        try:
            decoded = decode(os.fsencode(path), max_seconds=60, thresholds=QualityThresholds())
        except RejectedTrack as refused:
            return refused.reason, None
        return " ".join(caution.reason for caution in decoded.warnings), decoded.mono

    return judge


HARMLESS = {
    "block size": ("wav", (32, "<H", 6)),
    "block size unset": ("wav", (32, "<H", 0)),
    "bytes a second": ("wav", (28, "<I", 123_457)),
    "both unset": ("wav", (28, "<I", 0), (32, "<H", 0)),
    "frames of AIFF": ("aiff", (22, ">I", FRAMES + 7)),
}


@pytest.mark.parametrize("lie", HARMLESS.values(), ids=HARMLESS)
def test_where_the_other_claims_outvote_one_the_samples_are_the_right_ones(judged, lie):
    kind, *numbers = lie
    whole = base(kind, SECONDS)
    codes, samples = judged(rewritten(whole, *numbers))
    assert codes == "W_HEADER"
    assert np.array_equal(samples, judged(whole)[1])


MISREAD = {
    "channels of WAV": ("wav", (22, "<H", 1)),
    "bits of WAV": ("wav", (34, "<H", 8)),
    "rate of WAV": ("wav", (24, "<I", RATE // 2)),
    "a bit of the rate": ("wav", (24, "<I", RATE ^ 2)),
    "channels and block size": ("wav", (22, "<H", 1), (32, "<H", 2)),
    "channels of Wave64": ("w64", (66, "<H", 1)),
    "channels of AIFF": ("aiff", (20, ">H", 4)),
    "bits of AIFF": ("aiff", (26, ">H", 32)),
    "size of AU": ("au", (8, ">I", 4 * FRAMES - 1)),
    "place of the samples of AU": ("au", (4, ">I", 20)),
}


@pytest.mark.parametrize("lie", MISREAD.values(), ids=MISREAD)
def test_where_it_is_open_which_claim_is_true_the_file_is_refused(judged, lie, tmp_path):
    kind, *numbers = lie
    content = rewritten(base(kind, SECONDS), *numbers)
    assert judged(content)[0] == "Q_HEADER"
    (tmp_path / "sound").write_bytes(content)
    with pytest.raises(RejectedTrack, match="contradicts itself"):  # without decoding too
        probe(os.fsencode(tmp_path / "sound"), thresholds=QualityThresholds(), max_seconds=60)


@pytest.mark.parametrize(("valid", "bits"), [(24, 32), (20, 32), (20, 24), (16, 32), (12, 16)])
def test_samples_of_fewer_bits_than_their_words_are_read_as_they_are(judged, valid, bits):
    """FFmpeg by itself makes noise of them."""
    samples = music(SECONDS)
    words = (samples * 2.0**31).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 4 - bits // 8 :]
    size = bits // 4
    guid = struct.pack("<HIH", valid, 3, 1) + contradictions.LINEAR_GUID
    form = struct.pack("<HHIIHHH", 0xFFFE, 2, RATE, size * RATE, size, bits, 22) + guid
    codes, mono = judged(riff(chunk(b"fmt ", form), chunk(b"data", words.tobytes())))
    assert codes == ""
    assert np.allclose(mono, samples.mean(axis=1), atol=1e-4)


def test_streams_that_leave_sizes_open_are_no_contradiction(judged):
    wav = base("wav", SECONDS)
    open_ended = rewritten(wav, (4, "<I", 0xFFFFFFFF), (40, "<I", 0xFFFFFFFF))
    never_filled_in = rewritten(wav, (4, "<I", 0), (40, "<I", 0))
    au = rewritten(base("au", SECONDS), (8, ">I", 0xFFFFFFFF))
    assert [judged(content)[0] for content in (open_ended, never_filled_in, au)] == ["", "", ""]


def test_none_of_the_detectable_changes_goes_unnoticed(monkeypatch):
    result = contradictions.run(400, seed=7, flips=21)
    assert result.detectable > 200
    assert not result.silent, result
    assert (result.flips_found, result.flips) == (21, 21)
    monkeypatch.setattr(container, "check_header", lambda *_: [])
    assert len(contradictions.run(100, seed=7, flips=0).silent) > 10


def test_what_is_changed_is_sound_before(judged):
    for _, oracle, content in contradictions.seeds():
        assert oracle(content).agrees
        assert judged(content)[0] == ""


# --------------------------------------------------------------------------- MP3


def test_the_crc_is_the_one_that_others_compute():
    assert crc16(b"123456789") == 0xBB3D
    content = np.random.default_rng(0).bytes(10_000)
    register = 0
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0xA001 if register & 1 else register >> 1
    assert crc16(content) == crc16(content[5_000:], crc16(content[:5_000])) == register


def mp3s():
    return {
        "LAME": base("mp3", SECONDS),
        "LAME, variable": sound_file(music(SECONDS), "mp3", bitrate_mode="VARIABLE", compression_level=0.5),
        "LAME, mono": sound_file(music(SECONDS, channels=1), "mp3"),
        "FFmpeg": coded(music(SECONDS), "libmp3lame", "mp3"),
    }


@pytest.mark.parametrize("encoder", mp3s())
def test_the_checksum_of_any_encoder_notices_one_bit(judged, encoder):
    content = mp3s()[encoder]
    assert judged(content)[0] == ""
    assert judged(rewritten(content, (len(content) - 200, "B", content[-200] ^ 8)))[0] == "W_LAME_CRC"


def test_tags_around_the_audio_do_not_matter(judged):
    content = base("mp3", SECONDS)
    assert judged(id3(id3_text(b"TIT2", "Song")) + content + b"TAG" + bytes(125))[0] == ""


def test_a_tag_that_is_damaged_itself_says_nothing(judged):
    content = base("mp3", SECONDS)
    place = content.index(b"LAME") + 32  # the checksum of the music
    assert judged(rewritten(content, (place, ">H", 0xBEEF)))[0] == ""
    assert judged(without_xing(content))[0] == ""


def test_a_lost_frame_is_noticed(judged):
    frames = mp3_frames(base("mp3", SECONDS))
    assert "W_LAME_CRC" not in judged(b"".join(frames[:-1]))[0]  # not all is there: a matter of length
    swapped = [*frames[:8], frames[9], frames[8], *frames[10:]]
    assert "W_LAME_CRC" in judged(b"".join(swapped))[0]
