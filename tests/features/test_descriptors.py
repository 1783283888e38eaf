"""Descriptors: 25, 36, 132 or 518 numbers that sum up a segment, by librosa's features, and always finite."""

import subprocess
import sys

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from musical_sounds import RATE, music, noise, seconds, sweep, tone
from pydantic import ValidationError
from scipy import stats

from genreflow.config.inputs import Descriptors
from genreflow.features.descriptor_sets import ShortTime
from genreflow.features.front_end import FrontEnd

SETS = {"means25": 25, "means36": 36, "texture": 132, "full": 518}
N_FFT = Descriptors().n_fft
sets = pytest.mark.parametrize("which", SETS)


def describe(samples, settings) -> np.ndarray:
    return FrontEnd.of(settings).transform(samples)


def described(samples, which) -> dict[str, float]:
    settings = Descriptors(set=which)
    return dict(zip(FrontEnd.of(settings).rows(), describe(samples, settings).tolist(), strict=True))


@sets
def test_as_many_numbers_as_names(which):
    settings = Descriptors(set=which)
    result = describe(noise(), settings)
    assert result.dtype == np.float32
    assert result.shape == (SETS[which],) == (len(set(FrontEnd.of(settings).rows())),)


def test_means_are_those_of_librosa():
    samples = music()
    result = described(samples, "means36")
    expected = {
        "zcr_mean": librosa.feature.zero_crossing_rate(samples).mean(),
        "spectral_centroid_mean": librosa.feature.spectral_centroid(y=samples, sr=RATE).mean(),
        "spectral_rolloff_mean": librosa.feature.spectral_rolloff(y=samples, sr=RATE).mean(),
        "tempo": librosa.feature.tempo(y=samples, sr=RATE).item(),
    }
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, rel=1e-4), name
    for number, value in enumerate(librosa.feature.mfcc(y=samples, sr=RATE).mean(axis=1), start=1):
        assert result[f"mfcc_{number:02d}_mean"] == pytest.approx(value, abs=1e-3)
    for number, value in enumerate(librosa.feature.chroma_stft(y=samples, sr=RATE).mean(axis=1), start=1):
        assert result[f"chroma_stft_{number:02d}_mean"] == pytest.approx(value, abs=1e-4)


def test_twenty_five_have_one_chroma_for_twelve():
    one, twelve = described(music(), "means25"), described(music(), "means36")
    classes = [name for name in twelve if name.startswith("chroma_stft_")]
    assert len(classes) == 12
    assert one.pop("chroma_stft_mean") == pytest.approx(np.mean([twelve.pop(name) for name in classes]))
    assert list(one.items()) == list(twelve.items())


# Each feature with librosa's function, and how far from it the statistics may be.
FEATURES = {
    "chroma_cens": (librosa.feature.chroma_cens, 1e-3),
    "chroma_cqt": (librosa.feature.chroma_cqt, 1e-3),
    "chroma_stft": (librosa.feature.chroma_stft, 1e-3),
    "mfcc": (librosa.feature.mfcc, 1e-3),
    "rmse": (lambda y, **_: librosa.feature.rms(y=y), 1e-4),
    "spectral_bandwidth": (librosa.feature.spectral_bandwidth, 0.1),
    "spectral_centroid": (librosa.feature.spectral_centroid, 0.1),
    "spectral_contrast": (librosa.feature.spectral_contrast, 1e-3),
    "spectral_rolloff": (librosa.feature.spectral_rolloff, 1.0),
    "tonnetz": (librosa.feature.tonnetz, 1e-3),
    "zcr": (lambda y, **_: librosa.feature.zero_crossing_rate(y), 1e-4),
}
# Those of the texture set that the full set has not.
OTHERS = {
    "mfcc_delta": (lambda y, sr: librosa.feature.delta(librosa.feature.mfcc(y=y, sr=sr), mode="nearest"), 1e-3),
    "spectral_flatness": (lambda y, **_: librosa.feature.spectral_flatness(y=y), 1e-4),
    "onset_strength": (lambda y, sr: librosa.onset.onset_strength(y=y, sr=sr)[np.newaxis], 1e-3),
}
STATISTICS = {
    "kurtosis": stats.kurtosis,
    "max": np.max,
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "skew": stats.skew,
    "std": np.std,
}


@pytest.mark.parametrize("signal", [music, noise, sweep])
def test_statistics_are_those_of_scipy_over_the_features_of_librosa(signal):
    samples = signal()
    result = described(samples, "full")
    for feature, (oracle, tolerance) in FEATURES.items():
        curves = oracle(y=samples, sr=RATE).astype(np.float64)
        for statistic, function in STATISTICS.items():
            for number, value in enumerate(function(curves, axis=1), start=1):
                name = f"{feature}_{statistic}_{number:02d}"
                if np.ptp(curves[number - 1]) < 1e-5 and statistic in ("kurtosis", "skew"):
                    continue  # the shape of rounding
                close = min(tolerance, 1e-2) if statistic in ("kurtosis", "skew") else tolerance
                assert result[name] == pytest.approx(value, abs=close), name


def test_texture_is_means_and_deviations_over_the_features_of_librosa():
    samples = music()
    result = described(samples, "texture")
    for feature, (oracle, tolerance) in {**FEATURES, **OTHERS}.items():
        for statistic in ("mean", "std") if f"{feature}_mean_01" in result else ():
            for number, value in enumerate(STATISTICS[statistic](oracle(y=samples, sr=RATE), axis=1), start=1):
                name = f"{feature}_{statistic}_{number:02d}"
                assert result.pop(name) == pytest.approx(value, abs=tolerance), name
    assert not result


@pytest.mark.parametrize("signal", [noise, sweep, music])
@pytest.mark.parametrize("feature", [*FEATURES, *OTHERS])
def test_features_are_those_of_librosa_frame_by_frame(feature, signal):
    result, expected = (
        ShortTime(signal(), Descriptors()).feature(feature),
        (FEATURES | OTHERS)[feature][0](y=signal(), sr=RATE),
    )
    assert result.shape == expected.shape
    if feature == "spectral_rolloff":  # rounding can move it by a bin
        off = np.abs(result - expected)
        assert off.max() < 1.01 * RATE / N_FFT and np.mean(off > 1e-2) < 0.01
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3 if expected.max() > 1 else 1e-4)


@pytest.mark.parametrize("feature", ["mfcc", "spectral_centroid", "spectral_contrast", "chroma_cqt", "tonnetz"])
def test_other_frames_than_the_default(feature):
    samples, frames = music(), {"hop_length": 256} | ({} if feature in ("chroma_cqt", "tonnetz") else {"n_fft": 1024})
    result = ShortTime(samples, Descriptors(sample_rate=16_000, n_fft=1024, hop=256)).feature(feature)
    if "n_fft" in frames:
        np.testing.assert_allclose(result, FEATURES[feature][0](y=samples, sr=16_000, **frames), rtol=1e-4, atol=1e-3)
    assert result.shape[1] == 1 + len(samples) // 256


def test_a_tone_is_where_it_is():
    inside = slice(3, -3)  # frames that see no end of the tone
    sound = ShortTime(tone(1000), Descriptors())
    np.testing.assert_allclose(sound.spectral_centroid()[inside], 1000, atol=1)
    np.testing.assert_allclose(sound.spectral_rolloff()[inside], 1000, atol=2 * RATE / N_FFT)
    np.testing.assert_allclose(sound.zcr()[inside], 2 * 1000 / RATE, atol=1 / 2048)
    np.testing.assert_allclose(sound.rmse()[inside], 0.5 / np.sqrt(2), rtol=1e-3)


@pytest.mark.parametrize("note", range(0, 12, 3))
def test_a_note_is_its_own_class(note):
    sound = ShortTime(tone(librosa.note_to_hz("C4") * 2 ** (note / 12)), Descriptors())
    for chroma in (sound.chroma_stft(), sound.chroma_cqt()):
        assert np.all(chroma[:, 5:-5].argmax(axis=0) == note)


@pytest.mark.parametrize("values", [{"sample_rate": 12_000}, {"n_fft": 64, "hop": 64}])
def test_the_full_set_needs_all_its_bands(values):
    with pytest.raises(ValidationError, match="set: full needs"):
        Descriptors(set="full", **values)


def test_names_are_those_of_fma():
    """Order and spelling of features.csv (Defferrard et al., 2017)."""
    full = FrontEnd.of(Descriptors(set="full")).rows()
    assert full == sorted(full)
    assert full[0] == "chroma_cens_kurtosis_01"
    assert full[-1] == "zcr_std_01"
    assert {name.rsplit("_", 2)[0] for name in full} == set(FEATURES)
    assert "mfcc_03_mean" in FrontEnd.of(Descriptors()).rows()


@st.composite
def odd_segments(draw):
    n = draw(st.integers(N_FFT, 6 * N_FFT))
    level = draw(st.sampled_from([0.0, 1e-30, 1e-12, 1e-5, 0.5, 1.0, -1.0]))
    samples = np.full(n, level if draw(st.booleans()) else 0, np.float32)
    kind = draw(st.sampled_from(["constant", "impulse", "step", "square", "noise", "tone"]))
    place = draw(st.integers(0, n - 1))
    if kind == "impulse":
        samples[place] += level
    elif kind == "step":
        samples[place:] = -level
    elif kind == "square":
        samples[:: 1 + place % 500] = level
    elif kind == "noise":
        samples += level * np.random.default_rng(place).normal(size=n).astype(np.float32)
    elif kind == "tone":
        samples += level * np.sin(np.arange(n) * (1 + place) / n * np.pi).astype(np.float32)
    return samples


@pytest.mark.end_to_end
@sets
@given(samples=odd_segments())
def test_finite_whatever_the_segment(which, samples):
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        assert np.isfinite(describe(samples, Descriptors(set=which))).all()


@given(gain=st.floats(0.1, 10), start=st.integers(0, 3 * RATE))
def test_loudness_changes_neither_zcr_nor_spectrum_nor_chroma_nor_tempo(gain, start):
    samples = music()[start : start + 2 * RATE]
    quiet, loud = described(samples, "means36"), described(samples * np.float32(gain), "means36")
    for name, value in quiet.items():
        if not name.startswith("mfcc"):
            # Rounding can move the roll-off of a frame by a bin.
            off = 0.2 if name.startswith("spectral_rolloff") else 1e-4
            assert loud[name] == pytest.approx(value, rel=1e-4, abs=off), name


def test_silence_is_zeros_and_the_floor_of_mfcc():
    for which in SETS:
        for name, value in described(np.zeros(3 * RATE, np.float32), which).items():
            floor = name.startswith("mfcc") and "01" in name
            floor = floor and not {"std", "skew", "kurtosis", "delta"} & set(name.split("_"))
            expected = -100 * np.sqrt(128) if floor else float(name == "spectral_flatness_mean_01")
            assert value == pytest.approx(expected, abs=1e-3), name


def test_what_never_changes_has_no_shape():
    """A steady tone's loudest pitch class is 1 in each frame."""
    result = described((0.5 * np.sin(2 * np.pi * 440 * seconds(3))).astype(np.float32), "full")
    steady = {name: value for name, value in result.items() if name.startswith("chroma_stft") and name.endswith("10")}
    assert steady["chroma_stft_mean_10"] == 1
    assert steady["chroma_stft_std_10"] == steady["chroma_stft_skew_10"] == steady["chroma_stft_kurtosis_10"] == 0


@sets
@pytest.mark.parametrize("shape", [(0,), (N_FFT - 1,), (2, 4 * N_FFT)])
def test_less_than_a_frame_is_refused(which, shape):
    with pytest.raises(ValueError, match="at least one frame"):
        describe(np.zeros(shape, np.float32), Descriptors(set=which))


def test_librosa_is_loaded_by_no_more_than_needs_it():
    """A plan, and the front-ends of spectrograms and waveforms, do without: importing it takes more than a second."""
    code = (
        "import sys, numpy as np; from genreflow.config.inputs import FRONT_ENDS; "
        "from genreflow.features.front_end import FrontEnd; import genreflow.plan.studies; "
        "import genreflow.embeddings.front_end; "
        "shapes = [FrontEnd.of(kind()).shape(3) for name, kind in FRONT_ENDS.items() if name != 'embedding']; "
        "assert not {'librosa', 'scipy.signal', 'torch'} & set(sys.modules), 1; "
        "[FrontEnd.of(FRONT_ENDS[k]()).transform(np.ones(4096, np.float32)) for k in ('logmel', 'stft', 'waveform')]; "
        "sys.exit('librosa' in sys.modules or 'numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
