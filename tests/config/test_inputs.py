"""Inputs are read by their kinds, and what makes no sense is refused with the numbers that disagree."""

import pytest

from genreflow.config.inputs import FRONT_ENDS, SEGMENTS, InputSettings, LogMel, Midpoint, Sliding, Stft
from genreflow.config.load import settings_from
from genreflow.errors import Problems
from genreflow.store.digest import digest

IN_FRAMES = {"midpoint", "beats", "onsets", "avoid_breaks"}


def read(**values):
    return settings_from(InputSettings, values, "study")


def test_without_kinds_it_is_log_mel_around_the_midpoint():
    assert read() == InputSettings()
    given = read(front_end={"hop": 512}, segments={"count": 2})
    assert given.front_end == LogMel(hop=512)
    assert given.segments == Midpoint(count=2)


def test_kinds_choose():
    given = read(front_end={"kind": "stft"}, segments={"kind": "sliding", "count": 3})
    assert given.front_end == Stft()
    assert given.segments == Sliding(count=3)


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize("segments", SEGMENTS)
def test_all_that_goes_together_is_accepted_and_survives_json(front_end, segments):
    values = {"front_end": {"kind": front_end}, "segments": {"kind": segments}}
    if segments in IN_FRAMES and front_end in ("waveform", "descriptors", "embedding"):
        with pytest.raises(Problems, match=f"{segments} counts in frames, and {front_end} has none"):
            read(**values)
        return
    given = read(**values)
    assert InputSettings.model_validate(given.model_dump(mode="json")) == given
    assert (given.front_end.kind, given.segments.kind) == (front_end, segments)
    assert given.segments.count >= 1


def test_what_differs_has_another_digest():
    inputs = [
        read(),
        read(peak=True, segments={"kind": "whole"}),
        read(segments={"kind": "whole"}),
        read(standardize="band"),
        read(front_end={"mel": "htk"}),
        read(front_end={"padding": "reflect"}),
        read(front_end={"top_db": 80.0}),
        read(front_end={"reference": "max"}),
        read(segments={"kind": "beats"}),
        read(segments={"kind": "onsets"}),
    ]
    assert len({digest(given) for given in inputs}) == len(inputs)


def test_doubled_decibels_have_a_range_of_80_unless_told_otherwise():
    assert LogMel(decibels="double_log").top_db == 80
    assert LogMel(decibels="double_log", top_db=60.0).top_db == 60
    assert LogMel(decibels="double_log", top_db=None).top_db is None
    assert LogMel().top_db is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"front_end": {"kind": "logmell"}}, "front_end: kind 'logmell' is none of logmel, stft"),
        ({"segments": {"kind": 3}}, "segments: kind 3 is none of midpoint"),
        ({"segments": ["midpoint"]}, "segments: .* is not a mapping"),
        ({"front_end": None}, "front_end: None is not a mapping"),
        ({"front_end": {"kind": "stft", "n_mels": 3}}, r"front_end\.n_mels: this key is not known"),
        ({"front_end": {"hop": -1}}, r"front_end\.hop: .* found -1"),
        ({"front_end": {"kind": "stft", "hop": 2048}}, "hop 2048 is longer than n_fft 1024"),
        ({"front_end": {"kind": "maps", "hop": 2048}}, "hop 2048 is longer than n_fft 1024"),
        ({"front_end": {"kind": "descriptors", "hop": 4096}}, "hop 4096 is longer than n_fft 2048"),
        ({"front_end": {"n_mels": 256, "n_fft": 256, "hop": 64}}, "n_mels 256 is more than half of n_fft 256"),
        ({"front_end": {"fmax": 30_000.0}}, r"fmax 30000 Hz is above half the sample rate \(22050 Hz\)"),
        ({"front_end": {"fmin": 9_000.0, "fmax": 8_000.0}}, "fmin 9000 Hz is not below fmax 8000 Hz"),
        ({"front_end": {"decibels": "none", "reference": "max"}}, "reference and top_db are decibels"),
        ({"segments": {"kind": "sliding", "hop": 4.0}}, "hop 4 s is longer than a segment of 3 s"),
        ({"segments": {"kind": "random_offset", "latest": 10}}, "earliest 15 s is after latest 10 s"),
        ({"segments": {"kind": "whole", "seconds": 0.01}}, "0.01 s is 441 samples, fewer than n_fft 4096"),
        ({"peak": True}, "peak is of each segment's samples, and midpoint cuts the spectrogram"),
        (
            {"front_end": {"kind": "waveform"}, "segments": {"kind": "whole"}, "standardize": "band"},
            "waveform has no bands",
        ),
    ],
)
def test_impossible_inputs_are_refused(values, message):
    with pytest.raises(Problems, match=message):
        read(**values)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(Problems) as error:
        read(front_end={"hop": 0, "n_fft": "many"}, segments={"count": 0, "framse": 3})
    assert len(error.value.problems) == 4
    assert "segments.framse: this key is not known. Did you mean 'frames'?" in error.value.problems


@pytest.mark.parametrize(("rate", "n_fft", "hop"), [(44_100, 4096, 882), (22_050, 2048, 441), (48_000, 4096, 960)])
def test_frames_of_a_log_mel_follow_the_rate(rate, n_fft, hop):
    """A window of some 93 ms every 20 ms, unless something else is given."""
    settings = LogMel(sample_rate=rate)
    assert (settings.n_fft, settings.hop) == (n_fft, hop)
    assert (LogMel(sample_rate=rate, n_fft=512, hop=256).n_fft, LogMel(sample_rate=rate, hop=256).hop) == (512, 256)
