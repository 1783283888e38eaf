"""Segments lie where the studies cut, inside the track, and depend on nothing but the track and the settings."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genreflow.config.inputs import (
    FRONT_ENDS,
    SEGMENTS,
    AvoidBreaks,
    Beats,
    Chunks,
    InputSettings,
    LogMel,
    Midpoint,
    MusicMaps,
    Onsets,
    Random,
    RandomOffset,
    Sliding,
    Split,
    Stft,
    Waveform,
    Whole,
)
from genreflow.features.front_end import FrontEnd
from genreflow.features.segments import (
    avoid_breaks,
    beats,
    draw,
    frame_powers,
    frames_of_segments,
    midpoint,
    onsets,
    peak_normalized,
    segment_starts,
)
from genreflow.features.shapes import (
    least_samples,
    needed_seconds,
    padded_samples,
    segment_frames,
    segment_samples,
)

TRACK = "00c0ffee00c0ffee"
WON = LogMel(sample_rate=16_000, n_fft=512, hop=256, mel="htk", padding="reflect")

midpoints = st.builds(Midpoint, frames=st.integers(1, 500), count=st.integers(1, 60))


def unheard() -> np.ndarray:
    raise AssertionError("this cutting has no need of the music")


def starts(seconds: float, segments, front_end=None, track_id: str = TRACK) -> np.ndarray:
    """Start times, s, in a track of that length."""
    front_end = front_end or Waveform(sample_rate=22_050)
    settings = InputSettings(front_end=front_end, segments=segments)
    n = round(seconds * front_end.sample_rate)
    return segment_starts(n, settings, track_id=track_id, samples=unheard) / front_end.sample_rate


# Midpoint


@given(n_frames=st.integers(0, 100_000), settings=midpoints)
def test_segments_lie_inside_the_track_and_follow_each_other(n_frames, settings):
    starts = midpoint(n_frames, settings)
    assert np.all(starts >= 0)
    assert np.all(starts + settings.frames <= n_frames)
    assert np.all(np.diff(starts) == settings.frames)


@given(n_frames=st.integers(0, 100_000), settings=midpoints)
def test_there_are_as_many_as_wanted_or_as_fit(n_frames, settings):
    assert len(midpoint(n_frames, settings)) == min(settings.count, n_frames // settings.frames)


@given(n_frames=st.integers(1, 100_000), settings=midpoints)
def test_what_is_left_out_is_the_same_either_side_within_a_frame(n_frames, settings):
    starts = midpoint(n_frames, settings)
    if len(starts):
        before, after = starts[0], n_frames - (starts[-1] + settings.frames)
        assert 0 <= after - before <= 1


def test_a_clip_of_thirty_seconds_gives_eleven():
    starts = midpoint(FrontEnd.of(LogMel()).frame_count(30 * 44_100), Midpoint())
    assert len(starts) == 11
    assert starts[0] == (1501 - 11 * 128) // 2


def test_a_long_track_gives_thirty_around_its_middle():
    starts = midpoint(FrontEnd.of(LogMel()).frame_count(300 * 44_100), Midpoint())
    assert len(starts) == 30
    assert abs((starts[0] + starts[-1] + 128) / 2 * 882 / 44_100 - 150) <= 0.02


# What all have in common


@pytest.mark.parametrize("kind", [kind for kind in SEGMENTS if kind not in ("beats", "onsets", "avoid_breaks")])
@given(n=st.integers(0, 4_000_000), seed=st.integers(0, 2**64 - 1))
def test_every_segment_lies_inside_the_track(kind, n, seed):
    front_end = Stft() if kind == "midpoint" else Waveform(sample_rate=22_050)
    settings = InputSettings(front_end=front_end, segments=SEGMENTS[kind]())
    result = segment_starts(n, settings, track_id=f"{seed:016x}", samples=unheard)
    assert result.dtype == np.int64
    assert len(result) <= settings.segments.count
    assert np.all(np.diff(result) > 0)
    end = n + min(0.02 * needed_seconds(settings), 0.1) * 22_050  # so much may be padded
    if kind == "midpoint":
        assert np.all(result * 512 + 127 * 512 + 1_024 <= end)
    else:
        assert np.all(result >= 0) and np.all(result + segment_samples(settings) <= end)


@pytest.mark.parametrize("kind", SEGMENTS)
def test_a_long_track_gives_what_is_wanted_and_a_short_one_nothing(kind):
    rng = np.random.default_rng(0)
    settings = InputSettings(front_end=Stft(sample_rate=8_000), segments=SEGMENTS[kind]())
    # A pulse of two beats a second under noise.
    long = rng.normal(0, 0.1, 8_000 * 400).astype(np.float32) * (1 + 9 * (np.arange(8_000 * 400) % 4_000 < 400))
    result = segment_starts(len(long), settings, track_id=TRACK, samples=lambda: long)
    assert len(result) == settings.segments.count
    short = long[: least_samples(settings) - 1]
    assert len(segment_starts(len(short), settings, track_id=TRACK, samples=lambda: short)) == 0


@pytest.mark.parametrize(
    ("front_end", "seconds", "frames"),
    [
        (Stft(), 3.0, 128),
        (MusicMaps(), 3.0, 128),
        (LogMel(sample_rate=22_050, hop=512), 30.0, 1_292),
        (WON, 29.0, 1_813),
        (WON, 3.6905625, 231),
        (Stft(sample_rate=16_000, hop=1_024, window="hann", centered=True), 29.0, 454),
    ],
)
def test_frames_of_a_segment(front_end, seconds, frames):
    settings = InputSettings(front_end=front_end, segments=Whole(seconds=seconds))
    assert segment_frames(settings) == frames
    assert segment_frames(InputSettings(front_end=front_end, segments=Midpoint(frames=77))) == 77


def test_every_front_end_has_a_length_of_segments():
    for kind in [kind for name, kind in FRONT_ENDS.items() if name != "embedding"]:  # whose rate is its network's
        settings = InputSettings(front_end=kind(sample_rate=16_000), segments=Whole())
        assert segment_samples(settings) == 464_000
        assert needed_seconds(settings) == 29
    assert needed_seconds(InputSettings()) == 2.56


# In seconds


@given(seconds=st.floats(30, 400), seed=st.integers(0, 2**64 - 1))
def test_a_random_offset_is_a_whole_second_between_15_and_120(seconds, seed):
    (start,) = starts(seconds, RandomOffset(), track_id=f"{seed:016x}")
    assert start == round(start)
    assert 0 <= start <= min(120, seconds - 30)
    assert start >= min(15, int(seconds - 30))


def test_random_offsets_reach_every_second_evenly():
    result = [starts(200, RandomOffset(), track_id=f"{i:x}").item() for i in range(5_000)]
    seconds, counts = np.unique(result, return_counts=True)
    assert seconds.tolist() == list(range(15, 121))
    assert counts.std() < 2 * np.sqrt(5_000 / 106)


def test_draws_depend_on_the_track_and_the_seed_and_nothing_else():
    offsets = [starts(200, RandomOffset(seed=seed), track_id=track).item() for seed in (0, 1) for track in ("a1", "b2")]
    again = [starts(200, RandomOffset(seed=seed), track_id=track).item() for seed in (0, 1) for track in ("a1", "b2")]
    assert offsets == again
    assert len(set(offsets)) > 1
    assert draw("ff", 0).random() != draw("fe", 0).random()


@pytest.mark.parametrize(
    ("n", "count"), [(660_000, 18), (661_500, 18), (675_808, 18), (600_000, 17), (66_149, 1), (64_826, 0)]
)
def test_sliding_gives_the_eighteen_clips_of_a_gtzan_song(n, count):
    result = starts(n / 22_050, Sliding())
    assert result.tolist() == [1.5 * i for i in range(count)]


def test_sliding_without_a_limit_would_give_nineteen_in_thirty_seconds():
    assert len(starts(30, Sliding(count=100))) == 19


@pytest.mark.parametrize("n", [660_000, 661_500, 661_794, 675_808])
def test_split_gives_ten_segments_of_any_gtzan_song(n):
    # 660,000 samples are the shortest: ten times 3 s are 661,500.
    result = np.rint(starts(n / 22_050, Split()) * 22_050).astype(int)
    assert len(result) == 10
    assert result[0] == 0 and result[-1] == n - 66_150
    assert np.ptp(np.diff(result)) <= 1
    assert np.all(np.diff(result) >= 0.99 * 66_150)


def test_thirty_seconds_are_split_into_ten_times_three():
    assert starts(30, Split()).tolist() == [3.0 * i for i in range(10)]


@given(n=st.integers(0, 1_000_000), count=st.integers(1, 12), overlap=st.sampled_from([0.0, 0.01, 0.5]))
def test_parts_of_a_split_overlap_no_more_than_allowed(n, count, overlap):
    settings = InputSettings(front_end=Waveform(sample_rate=8_000), segments=Split(count=count, overlap=overlap))
    result = segment_starts(n, settings, track_id=TRACK, samples=unheard)
    assert np.all(np.diff(result) >= int((1 - overlap) * 24_000))
    if n >= 24_000 and padded_samples(n, settings) == n:
        assert len(result) == min(count, 1 + int((n - 24_000) / ((1 - overlap) * 24_000) + 1e-9))


def test_random_segments_cover_the_track():
    result = starts(180, Random())
    assert len(result) == 100
    assert result[0] < 10 and result[-1] > 167
    assert not np.array_equal(result, starts(180, Random(seed=1)))
    assert not np.array_equal(result, starts(180, Random(), track_id="00"))


def test_whole_is_the_beginning():
    assert starts(29.1, Whole(), Waveform()).tolist() == [0]
    assert starts(29, Whole(), Waveform()).tolist() == [0]
    assert starts(28.91, Whole(), Waveform()).tolist() == [0]  # 0.1 s is padded
    assert starts(28.89, Whole(), Waveform()).tolist() == []
    assert starts(28.99, Whole(tolerance=0), Waveform()).tolist() == []


def test_chunks_are_those_of_won():
    n, length = 465_600, 59_049
    settings = InputSettings(front_end=Waveform(), segments=Chunks(seconds=3.6905625))
    assert segment_samples(settings) == length
    result = segment_starts(n, settings, track_id=TRACK, samples=unheard)
    assert result.tolist() == [i * ((n - length) // 16) for i in range(16)]
    # Sixteen windows of 29 s in 29.1 s are a hundred samples apart.
    assert np.diff(starts(29.1, Chunks(seconds=29.0), Waveform()) * 16_000).tolist() == [100] * 15
    assert starts(29, Chunks(seconds=29.0), Waveform()).tolist() == [0]


# Music maps are cut from those of the whole


@given(n=st.integers(66_150, 2_000_000), start=st.integers(0, 2_000_000))
def test_frames_of_a_segment_are_the_nearest_that_exist(n, start):
    assume(start + 66_150 <= n)
    settings = InputSettings(front_end=MusicMaps(), segments=Sliding())
    (first,) = frames_of_segments(np.array([start]), n, settings)
    assert abs(first * 512 - start) <= 512
    assert first >= 0
    assert (first + 127) * 512 + 1_024 <= n


def test_frames_of_the_eighteen_clips():
    settings = InputSettings(front_end=MusicMaps(), segments=Sliding())
    first = frames_of_segments(np.arange(18) * 33_075, 660_000, settings)
    # 1.5 s are 64.6 hops.
    assert first[:4].tolist() == [0, 65, 129, 194]
    assert np.all(np.abs(first * 512 - np.arange(18) * 33_075) <= 256)


# Informed by the music


@given(
    n_frames=st.integers(0, 8_000),
    period=st.floats(5, 200),
    phase=st.floats(0, 1),
    frames=st.integers(1, 300),
    count=st.integers(1, 40),
)
def test_segments_on_beats_start_on_beats_and_never_overlap(n_frames, period, phase, frames, count):
    result = np.rint(np.arange(phase * period, n_frames, period)).astype(np.int64)
    settings = Beats(frames=frames, count=count)
    starts = beats(n_frames, result, settings)
    assert set(starts.tolist()) <= set(result.tolist())
    assert np.all(np.diff(starts) >= frames)
    assert len(starts) <= count
    assert np.all(starts + frames <= n_frames)
    # Gaps are shorter than a beat.
    assert np.all(np.diff(starts) <= np.ceil(frames + period + 1))


def test_segments_on_beats_are_around_the_middle_and_as_many_as_wanted():
    # 145 BPM: beats every 20.69 frames of 20 ms, segments of 128 start every seventh.
    n_frames = 15_001
    result = np.rint(np.arange(5, n_frames, 20.69)).astype(np.int64)
    starts = beats(n_frames, result, Beats())
    assert len(starts) == 30
    assert abs((starts[0] + starts[-1] + 128) / 2 - n_frames / 2) < 128
    assert np.all(np.isin(np.diff(starts), [144, 145]))


def test_where_segments_are_whole_numbers_of_beats_they_are_within_half_a_beat_of_the_midpoints():
    result = np.arange(3, 15_001, 32)
    assert np.abs(beats(15_001, result, Beats()) - midpoint(15_001, Midpoint())).max() <= 16


def test_without_beats_no_segment_starts_on_one():
    assert len(beats(15_001, np.empty(0, np.int64), Beats())) == 0


@given(
    n_frames=st.integers(0, 26),
    result=st.sets(st.integers(0, 25)),
    frames=st.integers(1, 7),
    count=st.integers(1, 4),
)
def test_no_other_segments_hold_more_onsets(n_frames, result, frames, count):
    result = np.array(sorted(frame for frame in result if frame < n_frames), np.int64)

    def held(starts):
        return sum(np.count_nonzero((result >= start) & (result < start + frames)) for start in starts)

    starts = onsets(n_frames, result, Onsets(frames=frames, count=count))
    assert len(starts) == min(count, n_frames // frames)
    assert np.all(np.diff(starts) >= frames)
    assert np.all(starts + frames <= n_frames)
    rivals = combinations(range(max(0, n_frames - frames + 1)), len(starts))
    apart = (rival for rival in rivals if np.all(np.diff(rival) >= frames))
    assert held(starts) == max(map(held, apart), default=0)


def test_among_equals_onsets_prefer_the_middle():
    assert onsets(1_000, np.arange(1_000), Onsets(frames=100, count=2)).tolist() == [400, 500]


@given(n_frames=st.integers(0, 20_000), frames=st.integers(1, 300), count=st.integers(1, 40))
def test_steady_music_is_cut_as_by_midpoint(n_frames, frames, count):
    settings = AvoidBreaks(frames=frames, count=count)
    powers = np.random.default_rng(0).uniform(0.9, 1.1, n_frames).astype(np.float32)
    assert avoid_breaks(powers, settings).tolist() == midpoint(n_frames, settings).tolist()


def test_a_break_in_the_middle_is_passed_over():
    powers = np.ones(15_001, np.float32)
    powers[7_000:8_000] = 0.1
    starts = avoid_breaks(powers, AvoidBreaks())
    assert len(starts) == 30
    touched = [powers[start : start + 128].mean() for start in starts]
    assert min(touched) >= 10**-0.6
    assert np.all(np.diff(starts) >= 128)
    assert np.all(np.diff(starts)[[*range(14), *range(15, 29)]] == 128)
    # The grid is that of the midpoints.
    assert set((starts - midpoint(15_001, Midpoint())[0]) % 128) == {0}


def test_powers_of_frames():
    samples = np.concatenate([np.full(10, 2.0), np.zeros(10), np.full(5, 1.0)]).astype(np.float32)
    assert frame_powers(samples, 10, 4).tolist() == [4, 0, 0.5, 0]
    assert frame_powers(samples, 10, 2).tolist() == [4, 0]


def test_informed_segments_of_music():
    """A kick at 120 BPM that pauses from 20 to 40 s of 60, at 16 kHz in frames of 16 ms."""
    rate, hop = 16_000, 256
    t = np.arange(60 * rate) / rate
    rng = np.random.default_rng(0)
    kick = np.sin(2 * np.pi * 60 * t) * np.exp(-15 * (t % 0.5))
    samples = (np.where((t < 20) | (t > 40), kick, 0.05 * kick) + rng.normal(0, 1e-3, len(t))).astype(np.float32)

    def seconds(segments):
        settings = InputSettings(front_end=WON, segments=segments)
        return segment_starts(len(samples), settings, track_id=TRACK, samples=lambda: samples) * hop / rate

    on_beats = seconds(Beats(frames=150, count=10))
    assert len(on_beats) == 10
    assert np.abs(on_beats * 2 - np.rint(on_beats * 2)).max() / 2 <= 0.04
    loud = seconds(AvoidBreaks(frames=150, count=10))
    assert len(loud) == 10
    assert not np.any((loud > 19) & (loud < 39.5))


def test_peaks_become_one_and_silence_stays():
    samples = np.array([[0.1, -0.5, 0.25], [0, 0, 0]], np.float32)
    result = peak_normalized(samples)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [[0.2, -1, 0.5], [0, 0, 0]])
