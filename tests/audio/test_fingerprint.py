"""Fingerprints: copies of a recording have nearly the same words, other recordings have others."""

import io

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genreflow.audio.fingerprint import MOST_SECONDS, WORDS_PER_SECOND, fingerprint, from_text, to_text
from genreflow.synthetic.corpus import plan, render

RATE = 44_100


@pytest.fixture(scope="module")
def tracks() -> list[np.ndarray]:
    """Ten tracks of 12 s, mono: two of one album in each of five classes."""
    return [render(track).mean(axis=1) for track in plan(tracks_per_class=2, seconds=12, seed=3)]


def wrong_bits(a: np.ndarray, b: np.ndarray) -> float:
    n = min(len(a), len(b))
    return np.bitwise_count(a[:n] ^ b[:n]).mean() / 32


def as_mp3(mono: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    soundfile.write(buffer, mono, RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.8)
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32")[0]


COPIES = {
    "mp3": lambda mono: (as_mp3(mono), RATE),
    "22,050 Hz": lambda mono: (soxr.resample(mono, RATE, 22_050), 22_050),
    "48,000 Hz": lambda mono: (soxr.resample(mono, RATE, 48_000), 48_000),
    "16 bit": lambda mono: (np.round(mono * 32_767).astype(np.float32) / 32_767, RATE),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_has_nearly_the_same_words(tracks, copy):
    for mono in tracks:
        assert wrong_bits(fingerprint(mono, RATE), fingerprint(*COPIES[copy](mono))) < 0.05


@settings(max_examples=10)
@given(st.integers(-12, 6))
def test_the_level_changes_nothing(tracks, doublings):
    quiet = tracks[0] * np.float32(2.0**doublings)
    assert np.array_equal(fingerprint(tracks[0], RATE), fingerprint(quiet, RATE))


@pytest.mark.parametrize("words", [16, 16.5], ids=["whole words", "half a word more"])
def test_a_cut_copy_has_the_later_words(tracks, words):
    cut = round(words / WORDS_PER_SECOND * RATE)
    for mono in tracks:
        assert wrong_bits(fingerprint(mono, RATE)[16:], fingerprint(mono[cut:], RATE)) < 0.1


def test_other_tracks_have_other_words(tracks):
    """Even those of one album, made of like sounds."""
    prints = [fingerprint(mono, RATE) for mono in tracks]
    assert min(wrong_bits(a, b) for i, a in enumerate(prints) for b in prints[:i]) > 0.25


def test_every_bit_is_set_about_as_often_as_not(tracks):
    words = np.concatenate([fingerprint(mono, RATE) for mono in tracks])
    set_bits = [(words >> np.uint32(bit) & 1).mean() for bit in range(32)]
    assert min(set_bits) > 0.2 and max(set_bits) < 0.8


def test_only_the_middle_counts():
    noise = np.random.default_rng(0).standard_normal(150 * 8_000).astype(np.float32)
    middle = noise[15 * 8_000 : 135 * 8_000]
    assert np.array_equal(fingerprint(noise, 8_000), fingerprint(middle, 8_000))
    assert len(fingerprint(noise, 8_000)) == pytest.approx(MOST_SECONDS * WORDS_PER_SECOND, rel=0.03)


def test_silence_is_one_word_again_and_again():
    words = fingerprint(np.zeros(10 * RATE, np.float32), RATE)
    assert len(words) > 50 and len(set(words)) == 1


@pytest.mark.parametrize("seconds", [0, 0.1, 1, 2.7])
def test_what_is_too_short_has_no_words(seconds):
    assert len(fingerprint(np.ones(round(seconds * RATE), np.float32), RATE)) == 0


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 192_000])
def test_three_seconds_are_enough_at_any_rate(rate):
    words = fingerprint(np.random.default_rng(0).standard_normal(3 * rate).astype(np.float32), rate)
    assert words.dtype == np.uint32 and len(words) == 3


@given(arrays(np.uint32, st.integers(0, 50)))
def test_text_gives_the_words_back(words):
    assert np.array_equal(from_text(to_text(words)), words)


def test_text_is_the_same_on_every_machine():
    """Base64 of 01 00 00 00 ff ff ff ff."""
    assert to_text(np.array([1, 2**32 - 1], np.uint32)) == "AQAAAP////8="


@pytest.mark.parametrize("text", ["AQAAAP///w==", "not base64!", "é"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="not a fingerprint"):
        from_text(text)
