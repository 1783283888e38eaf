import numpy as np
import pytest
import soxr
from scipy.signal import butter, sosfilt
from sounds import RATE, synthesize, write_audio

from genreflow.audio.decode import decode
from genreflow.audio.levels import bandwidth
from genreflow.audio.normalize import normalize
from genreflow.config.audio import AudioSettings, QualityThresholds


def noise(seconds: float = 4, rate: int = RATE) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))).astype(np.float32)


@pytest.mark.parametrize(("rate", "kbits"), [(44_100, 128), (48_000, 128)])
def test_the_low_pass_of_an_mp3(tmp_path, rate, kbits):
    """LAME cuts at 17 kHz at 128 kb/s constant bit rate, at 16 kHz in joint stereo of 44.1 kHz."""
    level = 1 - (kbits - 8) / (320 - 8)
    samples = np.stack([noise(rate=rate), noise(rate=rate)], axis=1)
    path = write_audio(tmp_path / "x.mp3", samples, rate, compression_level=level, bitrate_mode="CONSTANT")
    decoded = decode(path, max_seconds=60, thresholds=QualityThresholds())
    assert 15_500 < bandwidth(decoded.mono, decoded.rate) < 17_500


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 32_000])
@pytest.mark.parametrize("level", [0.0, -30.0])
def test_a_file_that_was_upsampled(rate, level):
    """Whatever its own rate says, and however quiet it is; stored with 16 bits."""
    upsampled = soxr.resample(noise(rate=rate), rate, RATE, quality="HQ") * 10 ** (level / 20)
    stored = np.round(upsampled * 2**15) / 2**15
    assert 0.88 * rate / 2 < bandwidth(stored.astype(np.float32), RATE) < 1.02 * rate / 2


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
def test_all_of_the_spectrum(rate):
    assert bandwidth(noise(rate=rate), rate) > 0.99 * rate / 2


@pytest.mark.parametrize("hertz", [20, 100, 1000, 10_000])
def test_a_tone(hertz):
    tone = (0.5 * np.sin(2 * np.pi * hertz * np.arange(3 * RATE) / RATE)).astype(np.float32)
    assert hertz <= bandwidth(tone, RATE) < hertz + 100


def test_treble_is_no_lack_of_bandwidth():
    high = sosfilt(butter(8, 10_000, "high", fs=RATE, output="sos"), noise()).astype(np.float32)
    assert bandwidth(high, RATE) > 21_500


def test_gain_does_not_matter():
    low = soxr.resample(noise(rate=16_000), 16_000, RATE, quality="HQ")
    values = [bandwidth((low * 10 ** (level / 20)).astype(np.float32), RATE) for level in (0, -10, 20)]
    assert max(values) - min(values) < 100


@pytest.mark.parametrize("frames", [1, 10, 5000])
def test_silence_and_short_signals(frames):
    assert bandwidth(np.zeros(frames, np.float32), RATE) == 0
    assert bandwidth(noise()[:frames], RATE) <= RATE / 2


def test_it_is_that_of_the_source(tmp_path):
    path = write_audio(tmp_path / "x.wav", synthesize(2, rate=22_050), 22_050)
    assert 10_000 < normalize(path, tmp_path / "o.ogg", AudioSettings(), serial=0).bandwidth_hz <= 11_025
