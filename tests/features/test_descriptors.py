"""Descriptors: 25, 36 or 518 numbers that sum up a segment, by librosa's features, and always finite."""

import subprocess
import sys

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from musical_sounds import RATE, music, noise, seconds
from scipy import stats

from genreflow.config.inputs import Descriptors
from genreflow.features.descriptor_sets import describe, names

SETS = {"means25": 25, "means36": 36, "full": 518}
N_FFT = Descriptors().n_fft
sets = pytest.mark.parametrize("which", SETS)


def described(samples, which) -> dict[str, float]:
    settings = Descriptors(set=which)
    return dict(zip(names(settings), describe(samples, settings).tolist(), strict=True))


@sets
def test_as_many_numbers_as_names(which):
    settings = Descriptors(set=which)
    found = describe(noise(), settings)
    assert found.dtype == np.float32
    assert found.shape == (SETS[which],) == (len(set(names(settings))),)


def test_means_are_those_of_librosa():
    samples = music()
    found = described(samples, "means36")
    expected = {
        "zcr_mean": librosa.feature.zero_crossing_rate(samples).mean(),
        "spectral_centroid_mean": librosa.feature.spectral_centroid(y=samples, sr=RATE).mean(),
        "spectral_rolloff_mean": librosa.feature.spectral_rolloff(y=samples, sr=RATE).mean(),
        "tempo": librosa.feature.tempo(y=samples, sr=RATE).item(),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name
    for number, value in enumerate(librosa.feature.mfcc(y=samples, sr=RATE).mean(axis=1), start=1):
        assert found[f"mfcc_{number:02d}_mean"] == pytest.approx(value, abs=1e-3)
    for number, value in enumerate(librosa.feature.chroma_stft(y=samples, sr=RATE).mean(axis=1), start=1):
        assert found[f"chroma_stft_{number:02d}_mean"] == pytest.approx(value, abs=1e-4)


def test_twenty_five_have_one_chroma_for_twelve():
    one, twelve = described(music(), "means25"), described(music(), "means36")
    classes = [name for name in twelve if name.startswith("chroma_stft_")]
    assert len(classes) == 12
    assert one.pop("chroma_stft_mean") == pytest.approx(np.mean([twelve.pop(name) for name in classes]))
    assert list(one.items()) == list(twelve.items())


FEATURES = {
    # The constant-Q features are librosa's within a hundredth only (test_tonality): here, of these, the mean.
    "chroma_cens": (librosa.feature.chroma_cens, 0.01, ["mean"]),
    "chroma_cqt": (librosa.feature.chroma_cqt, 0.01, ["mean", "std", "median"]),
    "tonnetz": (librosa.feature.tonnetz, 0.01, ["mean", "std", "median"]),
    "chroma_stft": (librosa.feature.chroma_stft, 1e-3, None),
    "mfcc": (librosa.feature.mfcc, 1e-3, None),
    "rmse": (lambda y, **_: librosa.feature.rms(y=y), 1e-4, None),
    "spectral_bandwidth": (librosa.feature.spectral_bandwidth, 0.1, None),
    "spectral_centroid": (librosa.feature.spectral_centroid, 0.1, None),
    "spectral_contrast": (librosa.feature.spectral_contrast, 1e-3, None),
    "spectral_rolloff": (librosa.feature.spectral_rolloff, 1.0, None),
    "zcr": (lambda y, **_: librosa.feature.zero_crossing_rate(y), 1e-4, None),
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


def test_statistics_are_those_of_scipy_over_the_features_of_librosa():
    samples = music()
    found = described(samples, "full")
    for feature, (oracle, tolerance, compared) in FEATURES.items():
        curves = oracle(y=samples, sr=RATE).astype(np.float64)
        for statistic in compared or STATISTICS:
            for number, value in enumerate(STATISTICS[statistic](curves, axis=1), start=1):
                name = f"{feature}_{statistic}_{number:02d}"
                close = min(tolerance, 1e-2) if statistic in ("kurtosis", "skew") else tolerance
                assert found[name] == pytest.approx(value, abs=close), name


def test_names_are_those_of_fma():
    """Order and spelling of features.csv (Defferrard et al., 2017)."""
    full = names(Descriptors(set="full"))
    assert full == sorted(full)
    assert full[0] == "chroma_cens_kurtosis_01"
    assert full[-1] == "zcr_std_01"
    assert {name.rsplit("_", 2)[0] for name in full} == set(FEATURES)
    assert "mfcc_03_mean" in names(Descriptors())


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
            floor = name.startswith("mfcc") and "01" in name and not {"std", "skew", "kurtosis"} & set(name.split("_"))
            assert value == pytest.approx(-100 * np.sqrt(128) if floor else 0, abs=1e-3), name


def test_what_never_changes_has_no_shape():
    """A steady tone's loudest pitch class is 1 in each frame."""
    found = described((0.5 * np.sin(2 * np.pi * 440 * seconds(3))).astype(np.float32), "full")
    steady = {name: value for name, value in found.items() if name.startswith("chroma_stft") and name.endswith("10")}
    assert steady["chroma_stft_mean_10"] == 1
    assert steady["chroma_stft_std_10"] == steady["chroma_stft_skew_10"] == steady["chroma_stft_kurtosis_10"] == 0


@sets
@pytest.mark.parametrize("shape", [(0,), (N_FFT - 1,), (2, 4 * N_FFT)])
def test_less_than_a_frame_is_refused(which, shape):
    with pytest.raises(ValueError, match="at least one frame"):
        describe(np.zeros(shape, np.float32), Descriptors(set=which))


def test_librosa_is_not_loaded():
    code = (
        "import sys, numpy as np; from genreflow.config.inputs import Descriptors; "
        "from genreflow.features.descriptor_sets import describe; "
        "[describe(np.ones(4096, np.float32), Descriptors(set=s)) for s in ('means25', 'means36', 'full')]; "
        "sys.exit('librosa' in sys.modules or 'numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
