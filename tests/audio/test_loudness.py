import av
import numpy as np
import pyloudnorm
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import RATE, synthesize

from genreflow.audio.loudness import integrated_loudness, k_weighting, true_peak


def sine(frequency, level, *, seconds=5.0, rate=48_000, phase=0.0):
    axis = np.arange(round(seconds * rate)) / rate
    return (10 ** (level / 20) * np.sin(2 * np.pi * frequency * axis + phase)).astype(np.float32)


def ffmpeg_loudness(samples, rate):
    """Integrated loudness by FFmpeg's ebur128 filter (mono as one channel)."""
    layout = "mono" if samples.ndim == 1 else "stereo"
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="flt", layout=layout)
    meter, sink = graph.add("ebur128", "metadata=1:framelog=quiet"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    graph.push(frame)
    graph.push(None)
    loudness = None
    while True:
        try:
            loudness = float(graph.pull().metadata["lavfi.r128.I"])
        except (av.error.BlockingIOError, av.error.EOFError):
            return loudness


def test_the_filter_is_that_of_bs_1770_4_at_48_khz():
    """ITU-R BS.1770-4, tables 1 and 2."""
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    high_pass = [1.0, -2.0, 1.0, 1, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(k_weighting(48_000), [shelf, high_pass], atol=1e-8)


# EBU Tech 3341, cases 1 to 5: seconds and peak level (dBFS) of the parts of a stereo sine, and what it reads (LUFS).
TECH_3341 = [
    ([(20, -23)], -23.0),
    ([(20, -33)], -33.0),
    ([(10, -36), (60, -23), (10, -36)], -23.0),
    ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23.0),
    ([(20, -26), (20.1, -20), (20, -26)], -23.0),
]


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("hertz", [997, 1000])
@pytest.mark.parametrize(("parts", "loudness"), TECH_3341)
def test_ebu_tech_3341(parts, loudness, hertz, rate):
    tone = np.concatenate([sine(hertz, level, rate=rate, seconds=seconds) for seconds, level in parts])
    stereo = np.stack([tone, tone], axis=1)
    assert integrated_loudness(stereo, rate) == pytest.approx(loudness, abs=0.1)
    assert integrated_loudness(stereo, rate) == pytest.approx(
        pyloudnorm.Meter(rate).integrated_loudness(stereo), abs=0.1
    )


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_mono_signal_is_one_channel(rate):
    """The convention for the mono files made here: a full-scale sine reads -3.01 LUFS (BS.1770-4, annex 1).

    Played on two loudspeakers it is 3.01 LU louder, as the same signal in two channels.
    """
    tone = sine(997, 0.0, rate=rate)
    assert integrated_loudness(tone, rate) == pytest.approx(-3.01, abs=0.02)
    both = integrated_loudness(np.stack([tone, tone], axis=1), rate)
    assert both - integrated_loudness(tone, rate) == pytest.approx(3.01, abs=0.01)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_agrees_with_two_other_meters(rate, channels):
    music = np.squeeze(synthesize(6, rate=rate, channels=channels))
    loudness = integrated_loudness(music, rate)
    assert loudness == pytest.approx(pyloudnorm.Meter(rate).integrated_loudness(music), abs=0.1)
    assert loudness == pytest.approx(ffmpeg_loudness(music, rate), abs=0.1)


@settings(max_examples=20)
@given(gain=st.floats(-30, 20))
def test_gain_moves_loudness_and_peak_alike(gain):
    music = synthesize(1, channels=1)[:, 0]
    louder = music * np.float32(10 ** (gain / 20))
    assert integrated_loudness(louder, RATE) - integrated_loudness(music, RATE) == pytest.approx(gain, abs=1e-3)
    assert true_peak(louder) - true_peak(music) == pytest.approx(gain, abs=1e-3)


@pytest.mark.parametrize("samples", [np.zeros(RATE), sine(997, -80, rate=RATE), sine(997, 0, seconds=0.39, rate=RATE)])
def test_nothing_to_measure_is_minus_infinity(samples):
    assert integrated_loudness(samples.astype(np.float32), RATE) == -np.inf


def test_silence_and_nothing_have_no_peak():
    assert true_peak(np.zeros(100, np.float32)) == true_peak(np.zeros(0, np.float32)) == -np.inf


@pytest.mark.parametrize("divisor", [3, 4, 5, 6, 8, 100])
@pytest.mark.parametrize("phase", [0.0, 45.0, 60.0])
def test_peaks_between_samples_are_found(divisor, phase):
    """EBU Tech 3341, cases 15 to 19, allow +0.2 and -0.4 dB."""
    tone = sine(48_000 / divisor, -6.0, phase=np.deg2rad(phase)) * np.hanning(240_000).astype(np.float32)
    assert -0.4 <= true_peak(tone) + 6.0 <= 0.2


@pytest.mark.parametrize("seed", range(5))
def test_true_peak_agrees_with_an_oversampled_signal(seed):
    music = synthesize(2, channels=1, seed=seed)[:, 0]
    oversampled = np.abs(soxr.resample(music, 1, 4, quality="VHQ"))
    highest = max(oversampled.max(), np.abs(music).max())
    assert true_peak(music) == pytest.approx(20 * np.log10(highest), abs=0.1)


def test_true_peak_sees_the_end_of_a_long_signal():
    samples = np.zeros(200_001, np.float32)
    samples[-1] = -0.5
    assert true_peak(samples) == pytest.approx(20 * np.log10(0.5), abs=0.3)
