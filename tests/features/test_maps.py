"""The eight maps are their definitions, frame by frame, and never NaN."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import find_peaks, sawtooth

from genreflow.config.inputs import MUSIC_MAPS, InputSettings, MusicMaps
from genreflow.features import chroma
from genreflow.features.front_end import FrontEnd
from genreflow.features.maps import UNITS, dissonance, prominent_peaks, roughness
from genreflow.features.shapes import segment_shape

RATE, N, HOP = 22_050, 1_024, 512
STUDY = MusicMaps()
HAMMING = np.hamming(N)
ENERGY, ZCR, BRIGHTNESS, FLATNESS, ENTROPY, ROUGHNESS, CLARITY, CHANGE = range(8)


def music_maps(samples: np.ndarray, settings: MusicMaps) -> np.ndarray:
    return FrontEnd.of(settings).transform(samples)


def noise(seconds: float = 3.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)


def tones(*hz: float, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * f * t) for f in hz).astype(np.float32)


@cache
def music() -> np.ndarray:
    """Eight seconds of chords of saw-teeth over bursts of noise, with a silence in the middle."""
    t = np.arange(8 * RATE) / RATE
    chords = [(110, 138.6, 164.8), (146.8, 185, 220), (123.5, 155.6, 185), (98, 123.5, 146.8)]
    voices = np.stack([sum(sawtooth(2 * np.pi * f * t) for f in chord) for chord in chords])
    played = voices[(t // 2).astype(int), np.arange(len(t))]
    return ((0.1 * played + noise(8) * np.exp(-20 * (t % 0.4))) * (np.abs(t - 5) > 0.3)).astype(np.float32)


def in_double_precision(samples: np.ndarray) -> np.ndarray:
    """The first six maps in plain float64, one frame after another."""
    hz = np.fft.rfftfreq(N, 1 / RATE)
    maps = np.zeros((6, 1 + (len(samples) - N) // HOP))
    for frame, column in enumerate(maps.T):
        x = samples[frame * HOP : frame * HOP + N].astype(np.float64)
        if not x.any():
            continue
        X = np.abs(np.fft.rfft(HAMMING * x))
        p = X / X.sum()
        column[ENERGY] = (x**2).mean()
        column[ZCR] = ((x[1:] < 0) != (x[:-1] < 0)).sum() / N * RATE / 2
        column[BRIGHTNESS] = X[hz > 1_500].sum() / X.sum()
        column[FLATNESS] = np.exp(np.log(X**2 + 1e-10).mean()) / ((X**2).mean() + 1e-10)
        column[ENTROPY] = -(p * np.log(p + 1e-12)).sum() / np.log(513)
        column[ROUGHNESS] = roughness_of(X)
    return maps


def roughness_of(X: np.ndarray) -> float:
    peaks, _ = find_peaks(X, prominence=0.01 * (X.max() - X.min()))
    peaks = np.sort(peaks[np.argsort(X[peaks])[-100:]])
    if len(peaks) < 2:
        return 0.0
    a, b, c = np.polyfit([-1, 0, 1], X[peaks + np.array([[-1], [0], [1]])], 2)
    hz, height = (peaks - b / (2 * a)) * RATE / N, c - b**2 / (4 * a)
    low, high = np.triu_indices(len(peaks), 1)
    x = 0.24 / (0.0207 * hz[low] + 18.96) * (hz[high] - hz[low])
    return float(np.mean(height[low] * height[high] * (np.exp(-3.51 * x) - np.exp(-5.75 * x))))


@pytest.mark.parametrize(
    "signal", [noise(1), music()[: 2 * RATE], tones(440, 466, 3_000)], ids=["noise", "music", "tones"]
)
def test_maps_are_their_definitions_in_double_precision(signal):
    result, expected = music_maps(signal, STUDY), in_double_precision(signal)
    assert result.dtype == np.float32
    assert result.shape == (8, expected.shape[1])
    for name, row, reference in zip(MUSIC_MAPS, result, expected, strict=False):
        np.testing.assert_allclose(row, reference, rtol=1e-3, atol=1e-6 * reference.max(), err_msg=name)


def test_a_sine_of_1_khz():
    sine = tones(1_000)[:N]
    maps = music_maps(sine, STUDY)[:, 0]
    assert maps[ENERGY] == pytest.approx(0.5005, abs=5e-5)
    assert maps[ZCR] == pytest.approx(990.5, abs=0.05)
    assert maps[ENTROPY] == pytest.approx(0.3340, abs=5e-5)
    assert maps[FLATNESS] == pytest.approx(2.51e-5, abs=1e-7)
    assert maps[BRIGHTNESS] == pytest.approx(0.0467, abs=5e-5)
    assert music_maps(sine, MusicMaps(brightness_hz=500))[BRIGHTNESS, 0] == pytest.approx(0.9771, abs=5e-5)
    assert maps[ROUGHNESS] == 0
    assert maps[CHANGE] == 0


def test_white_noise():
    maps = music_maps(noise((400 * HOP + N) / RATE), STUDY).mean(axis=1)
    assert maps[ENTROPY] == pytest.approx(0.978, abs=1e-3)
    assert maps[FLATNESS] == pytest.approx(0.560, abs=5e-3)
    assert maps[BRIGHTNESS] == pytest.approx(0.8639, abs=1e-3)
    assert 2 * maps[ZCR] / RATE == pytest.approx(0.5, abs=5e-3)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(440, 466.1638, 0.179736), (440, 440, 0), (440, 660, 0.001336), (1_000, 1_050, 0.170197)],
)
def test_the_curve_of_plomp_and_levelt(low, high, expected):
    assert dissonance(low, high) == pytest.approx(expected, abs=5e-7)


def test_two_tones_are_roughest_a_quarter_of_a_critical_band_apart():
    distance = np.arange(0, 300, 0.01)
    curve = dissonance(440.0, 440 + distance)
    assert distance[curve.argmax()] == pytest.approx(25.77, abs=0.01)
    assert curve.max() == pytest.approx(0.179756, abs=5e-7)


def test_roughness_of_two_tones_is_the_curve_between_them_times_their_magnitudes():
    samples = tones(1_000, 1_120)[:N]
    magnitude = np.abs(np.fft.rfft(samples * HAMMING)).astype(np.float32)[np.newaxis]
    expected = (N / 2 * 0.54) ** 2 * dissonance(1_000, 1_120)  # a tone's magnitude is half the window's sum
    assert roughness(magnitude, RATE / N)[0] == pytest.approx(expected, rel=0.15)
    assert np.all(music_maps(tones(1_000, 1_120), STUDY)[ROUGHNESS] > music_maps(tones(1_000, 1_500), STUDY)[ROUGHNESS])


SPECTRA = st.one_of(
    arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(3, 40)), elements=st.integers(0, 5)),
    arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(3, 80)), elements=st.floats(0, 1e3, width=32)),
)


@given(SPECTRA)
@settings(max_examples=300)
def test_peaks_are_those_of_scipy(spectra):
    for spectrum, result in zip(spectra, prominent_peaks(spectra), strict=True):
        exact = spectrum.astype(np.float64)
        least = max(0.01 * (exact.max() - exact.min()), 1e-5 * exact.max())
        _, expected = find_peaks(exact, prominence=least, plateau_size=1)
        assert np.flatnonzero(result).tolist() == expected["left_edges"].tolist()


def test_low_peaks_between_high_ones_count_by_their_prominence():
    spectrum = np.zeros((1, 60), np.float32)
    spectrum[0, 10:51] = 50
    spectrum[0, [12, 30, 48]] = 100
    spectrum[0, 20], spectrum[0, 40] = 50.9, 51.1  # 1 % of the range is 1
    assert np.flatnonzero(prominent_peaks(spectrum)).tolist() == [12, 30, 40, 48]


def test_only_the_hundred_highest_peaks_are_rough():
    spectrum = np.random.default_rng(1).random((1, 513)).astype(np.float32)
    assert prominent_peaks(spectrum).sum() > 130
    assert roughness(spectrum, RATE / N)[0] == pytest.approx(roughness_of(spectrum[0].astype(np.float64)), rel=1e-5)


def test_a_click_is_not_rough_with_rounding():
    click = np.zeros(N, np.float32)
    click[N // 2 + 3] = 0.8
    maps = music_maps(click, STUDY)[:, 0]
    assert maps[ROUGHNESS] == 0
    assert maps[FLATNESS] == pytest.approx(1, abs=1e-4)
    assert maps[ENTROPY] == pytest.approx(1, abs=1e-4)


def test_brightness_above_15_khz_is_exactly_zero_and_said_to_be():
    literal = MusicMaps(brightness_hz=15_000)
    maps = music_maps(music(), literal)
    assert np.all(maps[BRIGHTNESS] == 0)
    assert not np.signbit(maps[BRIGHTNESS]).any()
    (remark,) = FrontEnd.of(literal).remarks()
    assert "15,000 Hz" in remark
    assert "11,025 Hz" in remark
    assert FrontEnd.of(STUDY).remarks() == []


@given(st.floats(100, 30_000), st.sampled_from([8_000, 22_050, 44_100]))
@settings(max_examples=30)
def test_brightness_of_noise_is_zero_exactly_when_a_remark_says_so(cut_off, rate):
    maps = music_maps(noise(0.1), MusicMaps(sample_rate=rate, brightness_hz=cut_off))
    assert np.all(maps[BRIGHTNESS] == 0) == bool(
        FrontEnd.of(MusicMaps(sample_rate=rate, brightness_hz=cut_off)).remarks()
    )


def test_three_seconds_are_128_frames():
    assert FrontEnd.of(STUDY).frame_count(66_150) == 128
    assert music_maps(noise(3), STUDY).shape == (8, 128)


@given(n=st.integers(0, 20_000), n_fft=st.integers(64, 2_000), overlap=st.floats(0, 0.99))
def test_frames_lie_inside_the_excerpt(n, n_fft, overlap):
    hop = max(1, round(n_fft * (1 - overlap)))
    starts = [start for start in range(0, n, hop) if start + n_fft <= n]
    assert FrontEnd.of(MusicMaps(n_fft=n_fft, hop=hop)).frame_count(n) == len(starts)


@pytest.mark.parametrize("n_fft", [64, 1_023, 32_768])
@pytest.mark.parametrize("chroma_window", ["frame", "long"])
def test_a_frame_may_be_of_any_length(n_fft, chroma_window):
    maps = music_maps(noise(2), MusicMaps(n_fft=n_fft, hop=n_fft // 2, chroma=chroma_window))
    assert maps.shape == (8, 1 + (2 * RATE - n_fft) // (n_fft // 2))
    assert maps[BRIGHTNESS].mean() == pytest.approx(0.8639, abs=0.02)
    assert np.isfinite(maps).all()


def test_an_excerpt_shorter_than_a_frame_is_an_error():
    with pytest.raises(ValueError, match="1023 samples are shorter than one frame of 1024"):
        music_maps(noise()[: N - 1], STUDY)


@pytest.mark.parametrize("chroma_window", ["frame", "long"])
@pytest.mark.parametrize("level", [0, 1e-6])
def test_silence_is_zero(level, chroma_window):
    assert np.all(music_maps(level * noise(7), MusicMaps(chroma=chroma_window)) == 0)


def test_a_silent_frame_within_music_is_zero_but_keeps_the_key_around_it():
    samples = music()
    maps = music_maps(samples, STUDY)
    silent = np.array([not samples[f * HOP : f * HOP + N].any() for f in range(maps.shape[1])])
    assert silent.sum() > 20
    assert np.all(maps[:, silent][[*range(6), CHANGE]] == 0)
    assert np.all(maps[CLARITY, silent] > 0.5)
    assert np.all(maps[ENERGY, ~silent] > 0)


STRANGE = {
    "constant": np.ones(RATE, np.float32),
    "click": np.eye(1, RATE, 5_000, dtype=np.float32)[0],
    "square": np.sign(tones(300)),
    "denormal": np.full(RATE, 1e-40, np.float32),
    "faint": 3e-5 * np.sign(noise(1)),
    "alternating": np.resize(np.float32([1, -1]), RATE),
    "half silent": noise(1) * (np.arange(RATE) > RATE // 2),
}


@pytest.mark.parametrize("chroma_window", ["frame", "long"])
@pytest.mark.parametrize("name", STRANGE)
def test_no_sound_gives_nan_or_a_share_above_one(name, chroma_window):
    maps = music_maps(STRANGE[name].astype(np.float32), MusicMaps(chroma=chroma_window))
    assert np.isfinite(maps).all()
    assert maps.min() >= 0
    assert maps[[BRIGHTNESS, FLATNESS, ENTROPY, CLARITY]].max() <= 1 + 1e-5


@pytest.mark.parametrize("start", [1, 77])
def test_a_frame_is_the_same_wherever_the_excerpt_begins(start):
    whole, part = music_maps(music(), STUDY), music_maps(music()[start * HOP :], STUDY)
    np.testing.assert_allclose(part[:CLARITY], whole[:CLARITY, start:], rtol=1e-5)
    np.testing.assert_allclose(part[CHANGE, 1:], whole[CHANGE, start + 1 :], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("gain", [0.03, 0.5])
def test_only_energy_and_roughness_hear_the_volume(gain):
    loud, soft = music_maps(music(), STUDY), music_maps(np.float32(gain) * music(), STUDY)
    for row, power in ((ENERGY, 2), (ROUGHNESS, 2), (ZCR, 0), (BRIGHTNESS, 0), (ENTROPY, 0), (CLARITY, 0), (CHANGE, 0)):
        np.testing.assert_allclose(soft[row], loud[row] * gain**power, rtol=1e-3, atol=1e-5, err_msg=MUSIC_MAPS[row])


def test_thirty_seconds_have_nine_keys_and_a_frame_takes_that_of_the_nearest_center():
    t = np.arange(30 * RATE) / RATE
    glide = np.sin(2 * np.pi * (200 * t + 10 * t**2)).astype(np.float32)
    result = music_maps(glide, STUDY)[CLARITY]
    windows = [glide[start : start + 6 * RATE] for start in range(0, 24 * RATE + 1, 3 * RATE)]
    assert len(windows) == 9
    clarity = np.array([clarity_of(window) for window in windows])
    assert len(np.unique(clarity.round(3))) == 9
    seconds = (np.arange(len(result)) * HOP + N / 2) / RATE
    nearest = np.abs(seconds[:, np.newaxis] - np.arange(3, 28, 3)).argmin(axis=1)
    np.testing.assert_allclose(result, clarity[nearest], atol=1e-4)


@pytest.mark.parametrize("seconds", [0.05, 2.9, 5.99])
def test_an_excerpt_shorter_than_six_seconds_is_one_window(seconds):
    samples = music()[: int(seconds * RATE)]
    np.testing.assert_allclose(music_maps(samples, STUDY)[CLARITY], clarity_of(samples), atol=1e-4)


def clarity_of(samples: np.ndarray, profiles: str = "gomez") -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hamming(len(samples))))
    return float(chroma.key_clarity(spectrum @ chroma.pitch_class_weights(len(samples), RATE), profiles))


def test_key_clarity_tells_a_scale_from_noise_with_either_profiles():
    scale = tones(261.63, 293.66, 329.63, 392.0, 440.0, seconds=6)
    for profiles in ("gomez", "krumhansl"):
        settings_ = MusicMaps(profiles=profiles)
        assert music_maps(scale, settings_)[CLARITY, 0] > 0.8
        assert music_maps(scale, settings_)[CLARITY, 0] == pytest.approx(clarity_of(scale, profiles), abs=1e-4)
        assert music_maps(noise(6), settings_)[CLARITY, 0] < 0.7


def test_harmony_changes_when_the_chord_does():
    change = music_maps(np.append(tones(523.25, 659.26, 783.99), tones(369.99, 466.16, 554.37)), STUDY)[CHANGE]
    assert abs(change.argmax() - RATE / HOP) <= 2
    assert change.max() > 10 * np.median(change)


def test_the_long_chroma_hears_a_semitone_in_the_bass_at_the_same_time():
    bass = np.append(tones(138.59, seconds=2), tones(130.81, seconds=2))
    short, long = (music_maps(bass, MusicMaps(chroma=window))[CHANGE] for window in ("frame", "long"))
    assert len(short) == len(long)
    times = (np.arange(len(long)) * HOP + N / 2) / RATE
    inside = (times > 0.5) & (times < 3.5)
    assert np.average(times[inside], weights=long[inside]) == pytest.approx(2, abs=0.05)
    assert long[inside].sum() > 1
    assert long[inside][np.abs(times[inside] - 2) > 0.45].max() < 0.01


def test_every_map_has_a_unit():
    assert len(MUSIC_MAPS) == len(set(MUSIC_MAPS)) == 8
    assert tuple(UNITS) == MUSIC_MAPS
    assert all(UNITS.values())


@pytest.mark.parametrize("name", MUSIC_MAPS)
def test_a_map_that_is_left_out_leaves_the_others_as_they_are(name):
    noise = np.random.default_rng(0).normal(size=3 * 22_050).astype(np.float32) / 10
    fewer = MusicMaps(without=name)
    kept = [place for place, each in enumerate(MUSIC_MAPS) if each != name]
    np.testing.assert_array_equal(music_maps(noise, fewer), music_maps(noise, MusicMaps())[kept])
    assert FrontEnd.of(fewer).rows() == [each for each in MUSIC_MAPS if each != name]
    segments = {"kind": "sliding", "seconds": 3.0}
    assert segment_shape(InputSettings(front_end=fewer, segments=segments)) == (7, 128)


def test_for_early_fusion_the_magnitudes_stand_below_the_maps():
    samples = np.random.default_rng(0).normal(0, 0.1, 22_050).astype(np.float32)
    plain, both = (
        FrontEnd.of(InputSettings(front_end={"kind": "maps", "spectrum": spectrum}).front_end)
        for spectrum in (False, True)
    )
    stft = FrontEnd.of(InputSettings(front_end={"kind": "stft", "n_fft": 1024, "hop": 512}).front_end)
    result = both.compute(samples)
    np.testing.assert_array_equal(result[:8], plain.compute(samples))
    assert result.shape == (8 + 513, plain.compute(samples).shape[1]) and len(both.rows()) == 521
    # The window of the maps is symmetric, as MATLAB's, and that of spectra periodic.
    assert np.corrcoef(result[8:].ravel(), stft.compute(samples).ravel())[0, 1] > 0.9
    assert both.display(result).values.shape[0] == 8
