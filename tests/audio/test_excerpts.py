"""A part of a track read at any rate is that part of the whole."""

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.audio.excerpts import Track
from genreflow.audio.vorbis import read_ogg, write_ogg
from genreflow.errors import UserError

STORED, SECONDS = 44_100, 7
RATES = [8_000, 16_000, 22_050, 44_100, 48_000]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("excerpts") / "noise.ogg"
    noise = np.random.default_rng(0).normal(0, 0.2, STORED * SECONDS + 17).astype(np.float32)
    write_ogg(path, noise, STORED, quality=6, serial=1)
    return path


@pytest.fixture(scope="module")
def wholes(path):
    samples = read_ogg(path)
    return {rate: soxr.resample(samples, STORED, rate, quality="HQ") if rate != STORED else samples for rate in RATES}


@given(rate=st.sampled_from(RATES), place=st.floats(0, 1), seconds=st.floats(0.001, 3))
@settings(max_examples=40)
def test_a_part_is_that_part_of_the_whole(path, wholes, rate, place, seconds):
    track = Track.open(path, rate)
    start = int(place * track.n_samples)
    stop = min(track.n_samples, start + round(seconds * rate))
    np.testing.assert_allclose(track.read(start, stop), wholes[rate][start:stop], rtol=0, atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_beyond_the_ends_there_are_zeros(path, wholes, rate):
    track = Track.open(path, rate)
    assert abs(track.n_samples - len(wholes[rate])) <= 1
    read = track.read(-5, track.n_samples + 7)
    assert not read[:5].any() and not read[-7:].any()
    np.testing.assert_allclose(read[5:-7], wholes[rate][: track.n_samples], rtol=0, atol=1e-5)
    assert not track.read(track.n_samples + 1, track.n_samples + 4).any()
    assert track.seconds == pytest.approx(SECONDS, abs=1e-3)


def test_a_file_that_ends_early_is_said_to_be_damaged(path, tmp_path):
    track = Track.open(path, 16_000)
    cut = tmp_path / "cut.ogg"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="damaged"):
        Track(cut, track.rate, track.stored_rate, track.stored_frames).read()
