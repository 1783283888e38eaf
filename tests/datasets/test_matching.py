"""Fingerprints of one recording match, also of an edited one; those of other music do not."""

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from genreflow.audio.fingerprint import fingerprint
from genreflow.datasets.matching import find_matches
from genreflow.synthetic.corpus import plan, render

RATE = 44_100


def random_words(seed: int, length: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**32, length, dtype=np.uint32)


@pytest.fixture(scope="module")
def songs() -> list[np.ndarray]:
    """Four songs of 22 s, mono, two of an album each."""
    tracks = plan(tracks_per_class=2, seconds=20, seed=11, corpus="genres")
    return [render(track).mean(axis=1) for track in tracks if track.label in ("country", "jazz")]


@pytest.mark.parametrize("percent", [-2, -1, 1, 2])
def test_songs_at_another_speed_match_and_no_others(songs, percent):
    changed = [soxr.resample(song, RATE * (1 + percent / 100), RATE) for song in songs]
    matches = find_matches([fingerprint(song, RATE) for song in songs + changed])
    assert {(match.a, match.b) for match in matches} == {(i, i + len(songs)) for i in range(len(songs))}


def test_pieces_that_share_ten_seconds_match_and_no_others(songs):
    pieces = [song[begin * RATE : (begin + 15) * RATE] for song in songs for begin in (0, 5)]
    matches = list(find_matches([fingerprint(piece, RATE) for piece in pieces]))
    assert {(match.a, match.b) for match in matches} == {(i, i + 1) for i in range(0, len(pieces), 2)}
    assert all(match.lag == 40 for match in matches)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 140))
def test_any_sixty_words_in_common_match_with_their_lag(seed, lag):
    words = random_words(seed)
    (match,) = find_matches([words, np.concatenate([words[lag:], random_words(seed + 10**7, lag)])])
    assert (match.a, match.b, match.lag) == (0, 1, lag)


@pytest.mark.parametrize("tempo", [0.972, 0.988, 1.004, 1.029])
def test_a_copy_at_another_tempo_is_aligned_to_its_end(tempo):
    """Two minutes of levels that move slowly, as those of music do."""
    smooth = gaussian_filter1d(np.random.default_rng(0).standard_normal((900, 16)), 4, axis=0)
    ranges = np.searchsorted(np.quantile(smooth, [0.25, 0.5, 0.75]), smooth)
    words = np.array([0, 1, 3, 2], np.uint32)[ranges] @ (np.uint32(4) ** np.arange(16, dtype=np.uint32))
    places = np.rint(np.arange(780 / tempo) * tempo).astype(int)
    (match,) = find_matches([words, words[100 + places]])
    assert match.lag == pytest.approx(100, abs=3)
    assert match.similarity > 0.85


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 200), max_size=6), st.integers(0, 100))
def test_other_words_never_match(lengths, seed):
    assert not list(find_matches([random_words(seed + 1000 * i, length) for i, length in enumerate(lengths)]))
