"""Segments lie around the middle, inside the track, one after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genreflow.config.inputs import LogMel, Midpoint
from genreflow.features.logmel import frame_count
from genreflow.features.segments import midpoint

midpoints = st.builds(Midpoint, frames=st.integers(1, 500), count=st.integers(1, 60))


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
    starts = midpoint(frame_count(30 * 44_100, LogMel()), Midpoint())
    assert len(starts) == 11
    assert starts[0] == (1501 - 11 * 128) // 2


def test_a_long_track_gives_thirty_around_its_middle():
    starts = midpoint(frame_count(300 * 44_100, LogMel()), Midpoint())
    assert len(starts) == 30
    assert abs((starts[0] + starts[-1] + 128) / 2 * 882 / 44_100 - 150) <= 0.02
