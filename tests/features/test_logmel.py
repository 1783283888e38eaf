"""Log-mel spectrograms are librosa's, or torchaudio's."""

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import chirp, sawtooth

from genreflow.config.inputs import LogMel
from genreflow.config.load import read_yaml
from genreflow.features.front_end import FrontEnd
from genreflow.features.mel import log_mel, mel_filter_bank

RATE = 44_100
AS_WRITTEN = LogMel(n_fft=2_048)
AS_CODED = LogMel(n_fft=2_048, hop=512, fmax=12_000.0, decibels="double_log", scale="frame_minmax")
# western8 and genre_mood: librosa's defaults of 2020, in decibels below the loudest.
BELOW_THE_LOUDEST = LogMel(sample_rate=22_050, hop=512, padding="reflect", reference="max", top_db=80.0)
# Won et al. 2020: torchaudio's defaults at 16 kHz, with 96 or 128 bands.
WON_96, WON_128 = (
    LogMel(sample_rate=16_000, n_fft=512, hop=256, n_mels=n_mels, mel="htk", padding="reflect") for n_mels in (96, 128)
)


def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)


def sweep() -> np.ndarray:
    t = np.arange(3 * RATE) / RATE
    return (chirp(t, 40, 3, 18_000, "logarithmic") * 0.5).astype(np.float32)


def music() -> np.ndarray:
    """A chord of saw-teeth over a pulse of noise bursts, with a silence in the middle."""
    t = np.arange(3 * RATE) / RATE
    chord = sum(sawtooth(2 * np.pi * f * t) for f in (110, 138.6, 164.8)) * 0.1
    pulse = noise() * np.exp(-20 * (t % 0.4))
    return ((chord + pulse) * (np.abs(t - 1.5) > 0.2)).astype(np.float32)


def librosa_power(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    return librosa.feature.melspectrogram(
        y=samples,
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        hop_length=settings.hop,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.fmax,
        center=True,
        pad_mode={"zeros": "constant", "reflect": "reflect"}[settings.padding],
    )


@pytest.mark.parametrize("signal", [noise, sweep, music])
def test_the_text_of_the_study_is_power_to_db(signal):
    samples = signal()
    expected = librosa.power_to_db(librosa_power(samples, AS_WRITTEN), ref=1.0, amin=1e-10, top_db=None)
    result = log_mel(samples, AS_WRITTEN)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("signal", [noise, sweep, music])
def test_the_code_of_the_study_is_amplitude_to_db_of_power_scaled_by_frame(signal):
    samples = signal()
    level = librosa.amplitude_to_db(librosa_power(samples, AS_CODED), ref=1.0, amin=1e-5, top_db=80)
    unscaled = log_mel(samples, AS_CODED.model_copy(update={"scale": "none"}))
    np.testing.assert_allclose(unscaled, level, rtol=0, atol=1e-3)
    low, high = level.min(axis=0), level.max(axis=0)
    flat = high == low
    expected = np.where(flat, 0, (level - low) / np.where(flat, 1, high - low))
    np.testing.assert_allclose(log_mel(samples, AS_CODED), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("signal", [noise, sweep, music])
def test_western8_and_genre_mood_are_power_to_db_below_the_loudest(signal):
    samples = signal()
    expected = librosa.power_to_db(librosa_power(samples, BELOW_THE_LOUDEST), ref=np.max)
    result = log_mel(samples, BELOW_THE_LOUDEST)
    assert result.max() == 0
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-3)


def torchaudio_level(samples: np.ndarray, n_mels: int) -> np.ndarray:
    """MelSpectrogram(16000, n_fft=512, f_max=8000, n_mels) and AmplitudeToDB(), as documented, frame by frame."""
    padded = np.pad(samples.astype(np.float64), 256, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    starts = range(0, len(padded) - 511, 256)
    power = np.array([np.abs(np.fft.rfft(window * padded[start : start + 512])) ** 2 for start in starts]).T
    mels = np.linspace(0, 2595 * np.log10(1 + 8_000 / 700), n_mels + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    filters = np.zeros((n_mels, 257))
    for band, (low, center, high) in enumerate(zip(corners[:-2], corners[1:-1], corners[2:], strict=True)):
        for place, hz in enumerate(np.linspace(0, 8_000, 257)):
            filters[band, place] = max(0, min((hz - low) / (center - low), (high - hz) / (high - center)))
    return 10 * np.log10(np.maximum(filters @ power, 1e-10))


@pytest.mark.parametrize("settings", [WON_96, WON_128])
@pytest.mark.parametrize("signal", [noise, sweep, music])
def test_htk_is_torchaudio(signal, settings):
    samples = signal()[:48_000]
    result = log_mel(samples, settings)
    assert result.shape == (settings.n_mels, 188)
    np.testing.assert_allclose(result, torchaudio_level(samples, settings.n_mels), rtol=0, atol=1e-3)


def test_one_of_the_128_htk_filters_lies_between_two_bins():
    empty = ~mel_filter_bank(WON_128).any(axis=1)
    assert empty.sum() == 1
    np.testing.assert_allclose(log_mel(noise(), WON_128)[empty], -100, rtol=1e-6)
    assert mel_filter_bank(WON_96).any(axis=1).all()


def test_htk_filters_have_a_height_of_one():
    fine = LogMel(sample_rate=16_000, n_fft=65_536, hop=256, n_mels=96, mel="htk")
    np.testing.assert_allclose(mel_filter_bank(fine).max(axis=1), 1, atol=0.01)


def test_without_decibels_it_is_the_mel_power():
    settings = AS_WRITTEN.model_copy(update={"decibels": "none"})
    expected = librosa_power(music(), settings)
    np.testing.assert_allclose(log_mel(music(), settings), expected, rtol=1e-4, atol=1e-7 * expected.max())


def test_a_range_hangs_from_the_loudest_and_not_from_the_reference():
    level = log_mel(music(), LogMel(n_fft=2_048, top_db=30.0))
    assert level.max() - level.min() == pytest.approx(30, abs=1e-4)
    assert level.max() == log_mel(music(), AS_WRITTEN).max()


@pytest.mark.parametrize(
    "settings", [AS_WRITTEN, AS_CODED, LogMel(sample_rate=16_000, n_fft=512, hop=256, n_mels=40, fmin=50.0)]
)
def test_filters_are_slaney_with_unit_area(settings):
    expected = librosa.filters.mel(
        sr=settings.sample_rate,
        n_fft=settings.n_fft,
        n_mels=settings.n_mels,
        fmin=settings.fmin,
        fmax=settings.fmax,
        htk=False,
        norm="slaney",
    )
    np.testing.assert_allclose(mel_filter_bank(settings), expected, rtol=1e-5, atol=1e-8)


def test_silence_is_the_floor():
    np.testing.assert_allclose(log_mel(np.zeros(RATE, np.float32), AS_WRITTEN), -100, rtol=1e-6)
    assert np.all(log_mel(np.zeros(RATE, np.float32), AS_CODED) == 0)


@given(n=st.integers(1, 20_000), hop=st.integers(1, 300), n_fft=st.integers(64, 301))
def test_frame_count_is_the_number_of_centers_inside_the_track(n, hop, n_fft):
    settings = LogMel(sample_rate=8_000, n_fft=n_fft, hop=min(hop, n_fft), n_mels=8)
    assert log_mel(np.zeros(n, np.float32), settings).shape == (8, FrontEnd.of(settings).frame_count(n))


def test_frames_of_thirty_seconds():
    assert FrontEnd.of(AS_WRITTEN).frame_count(30 * RATE) == 1501


@pytest.mark.parametrize(
    ("n", "settings", "frames"),
    [
        (661_500, BELOW_THE_LOUDEST, 1292),  # western8, 30 s; 15 s; 10 s
        (330_750, BELOW_THE_LOUDEST, 646),
        (220_500, BELOW_THE_LOUDEST, 431),
        (66_150, BELOW_THE_LOUDEST, 130),  # genre_mood
        (464_000, WON_96, 1813),  # fcn, crnn
        (48_000, WON_96, 188),  # musicnn
        (59_049, WON_128, 231),  # short-chunk
        (80_000, WON_128, 313),  # harmonic
        (240_000, WON_128, 938),  # self-attention
    ],
)
def test_frames_of_the_studies(n, settings, frames):
    assert FrontEnd.of(settings).frame_count(n) == frames


@given(first=st.integers(0, 100), count=st.integers(1, 40))
def test_a_span_gives_the_frames_of_the_whole_track(first, count):
    samples = noise()
    start, stop = FrontEnd.of(AS_WRITTEN).frame_span(first, count)
    padded = np.pad(samples, 4096)[start + 4096 : stop + 4096]
    whole = log_mel(samples, AS_WRITTEN)[:, first : first + count]
    np.testing.assert_allclose(FrontEnd.of(AS_WRITTEN).compute(padded), whole, rtol=0, atol=1e-4)


def test_decibels_below_128_survive_float16_within_a_thirty_second():
    level = log_mel(sweep(), AS_WRITTEN)
    assert np.abs(level).max() < 128
    assert np.abs(level.astype(np.float16).astype(np.float32) - level).max() <= 1 / 32


def test_studies_below_the_loudest_have_the_range_of_librosa(pytestconfig):
    """`librosa.power_to_db(ref=np.max)` cuts at 80 dB, its default; only a value that is set cuts here."""
    front_ends = [
        LogMel.model_validate(each["front_end"])
        for study in (pytestconfig.rootpath / "studies").glob("*.yaml")
        for each in read_yaml(study).get("inputs", {}).values()
        if each.get("front_end", {}).get("reference") == "max"
    ]
    assert len(front_ends) >= 5
    for settings in front_ends:
        rate, n_fft, hop = settings.sample_rate, settings.n_fft, settings.hop
        power = librosa.feature.melspectrogram(y=music(), sr=rate, n_fft=n_fft, hop_length=hop)
        ours, theirs = log_mel(music(), settings), librosa.power_to_db(power, ref=np.max)
        assert ours.min() == pytest.approx(-80, abs=1e-3)
        np.testing.assert_allclose(ours[:, 4:-4], theirs[:, 4:-4], atol=0.02)
