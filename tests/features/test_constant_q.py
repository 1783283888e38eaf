"""Constant-Q magnitudes are librosa's, whose wavelets are cut to 99 % of their spectra."""

import librosa
import numpy as np
import pytest
from musical_sounds import RATE, music, noise, sweep, tone

from genreflow.features.constant_q import BINS, OCTAVES, constant_q


def librosa_constant_q(samples, rate, hop, tuning):
    bins = {"n_bins": OCTAVES * BINS, "bins_per_octave": BINS}
    return np.abs(librosa.cqt(samples, sr=rate, hop_length=hop, tuning=tuning, **bins)).T


@pytest.mark.parametrize("signal", [noise, sweep, music])
@pytest.mark.parametrize("tuning", [0.0, -0.37])
def test_magnitudes_within_a_hundredth(signal, tuning):
    expected = librosa_constant_q(signal(), RATE, 512, tuning)
    found = constant_q(signal(), RATE, 512, tuning)
    assert found.dtype == np.float32
    assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)
    for octave in range(OCTAVES):
        bins = slice(octave * BINS, (octave + 1) * BINS)
        off = np.linalg.norm(found[:, bins] - expected[:, bins]) / np.linalg.norm(expected[:, bins])
        # Most where there is almost nothing: the music has no tones in the first octave.
        assert off < 0.05, octave


@pytest.mark.parametrize(("rate", "hop"), [(16_000, 256), (44_100, 512), (22_050, 320)])
def test_other_rates_and_hops(rate, hop):
    expected, found = librosa_constant_q(music(), rate, hop, 0.1), constant_q(music(), rate, hop, 0.1)
    # librosa starts from a lower rate where it can, which changes all magnitudes alike.
    expected *= np.linalg.norm(found) / np.linalg.norm(expected)
    assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)


@pytest.mark.parametrize("b", [0, 35, 36, 100, 215, 251])
def test_a_tone_is_loudest_in_its_bin(b):
    response = constant_q(tone(librosa.note_to_hz("C1") * 2 ** (b / BINS)), RATE, 512, 0.0)
    assert np.all(response[20:-20].argmax(axis=1) == b)


@pytest.mark.parametrize("hz", [5_500, 7_000, 9_000, 10_500])
def test_what_lies_above_all_bins_does_not_fold_onto_them(hz):
    samples = tone(hz) * np.hanning(3 * RATE).astype(np.float32)
    loudest = constant_q(tone(2_000), RATE, 512, 0.0).max()
    assert constant_q(samples, RATE, 512, 0.0).max() < 10 ** (-80 / 20) * loudest


def test_what_it_cannot_do_is_said():
    with pytest.raises(ValueError, match="multiple of 64"):
        constant_q(noise(), RATE, 441, 0.0)
    with pytest.raises(ValueError, match="12800 is needed"):
        constant_q(noise(), 8_000, 512, 0.0)
