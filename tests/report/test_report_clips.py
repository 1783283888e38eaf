"""Excerpts are the sound of the track where they say, and only those that are wanted stay."""

import io

import numpy as np
import pytest
import soundfile

from genreflow.audio.vorbis import write_ogg
from genreflow.errors import Damaged
from genreflow.report.clips import FADE_S, Clip, check_clip, cut_clip, write_clips

RATE = 22_050


@pytest.fixture
def track(tmp_path):
    """A tone whose pitch rises by 100 Hz a second, from 300 Hz on, for 20 s."""
    time = np.arange(20 * RATE) / RATE
    samples = 0.4 * np.sin(2 * np.pi * (300 * time + 50 * time**2))
    write_ogg(tmp_path / "track.ogg", samples.astype(np.float32), RATE, quality=6, serial=1)
    return tmp_path / "track.ogg"


def pitch(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * RATE / len(samples)


def samples_of(clip):
    samples, rate = soundfile.read(io.BytesIO(cut_clip(clip)))
    assert rate == RATE
    return samples


def test_it_is_the_track_from_where_it_begins(track):
    samples = samples_of(Clip(track, 7.0, 4.0))
    assert len(samples) == 4 * RATE
    assert pitch(samples[: RATE // 2]) == pytest.approx(300 + 100 * 7.25, abs=30)
    assert pitch(samples[-RATE // 2 :]) == pytest.approx(300 + 100 * 10.75, abs=30)


def test_its_ends_are_faded(track):
    samples, edge = samples_of(Clip(track, 7.0, 4.0)), round(FADE_S * RATE / 8)
    assert np.abs(samples[:edge]).max() < 0.1 and np.abs(samples[-edge:]).max() < 0.1
    assert np.abs(samples[4 * edge : -4 * edge]).max() > 0.35


@pytest.mark.parametrize(("begin", "seconds"), [(19.0, 4.0), (0.0, 60.0)])
def test_beyond_the_end_it_is_moved_or_cut(track, begin, seconds):
    assert len(samples_of(Clip(track, begin, seconds))) == min(seconds, 20) * RATE


def test_the_same_excerpt_has_the_same_bytes_and_name(track):
    clip = Clip(track, 7.0, 4.0)
    assert cut_clip(clip) == cut_clip(clip)
    assert clip.key == Clip(track, 7.0, 4.0).key != Clip(track, 7.5, 4.0).key


@pytest.mark.parametrize("rate", [44_100, 22_050, 10_000])
def test_it_is_mp3_whatever_the_rate_of_the_track(tmp_path, rate):
    write_ogg(tmp_path / "odd.ogg", np.zeros(2 * rate, np.float32), rate, quality=3, serial=1)
    file = soundfile.info(io.BytesIO(cut_clip(Clip(tmp_path / "odd.ogg", 0.0, 1.0))))
    assert (file.format, file.duration) == ("MP3", 1.0)


def test_a_changed_excerpt_is_noticed_and_cut_again(track, tmp_path):
    (name,) = write_clips([clip := Clip(track, 1.0, 2.0)], tmp_path / "media")
    path = tmp_path / "media" / name
    check_clip(path)
    sound = path.read_bytes()
    path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(Damaged):
        check_clip(path)
    assert list(write_clips([clip], path.parent)) == [name] and path.read_bytes() == sound


def test_of_a_damaged_track_there_is_none(track):
    content = bytearray(track.read_bytes())
    content[len(content) // 2] ^= 1
    track.write_bytes(content)
    with pytest.raises(Damaged, match="not sound"):
        cut_clip(Clip(track, 0.0, 4.0))


def test_what_is_there_is_not_cut_again_and_what_is_not_wanted_goes(track, tmp_path):
    folder, clips = tmp_path / "media", [Clip(track, begin, 2.0) for begin in (1.0, 2.0, 3.0)]
    names = list(write_clips(clips, folder))
    (folder / "figure.svg").write_text("<svg/>")
    times = {name: (folder / name).stat().st_mtime_ns for name in names}
    assert list(write_clips(clips[1:], folder)) == names[1:]
    assert {path.name for path in folder.iterdir()} == {*names[1:], "figure.svg"}
    assert {name: (folder / name).stat().st_mtime_ns for name in names[1:]} == {n: times[n] for n in names[1:]}
