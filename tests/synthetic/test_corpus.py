"""The synthetic corpus: deterministic, well-formed, five kinds that can be told apart but not too easily."""

import json

import numpy as np
import pytest
import soundfile
from scipy.fft import irfft, rfft
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genreflow.config.inputs import LogMel
from genreflow.features.mel import log_mel
from genreflow.synthetic.corpus import FORMATS, plan, render, write
from genreflow.synthetic.subgenres import SUBGENRES

TEMPO = {"dark": (148, 160), "downtempo": (80, 120), "fullon": (142, 148), "goa": (140, 149), "techno": (115, 130)}


@pytest.fixture(scope="module")
def corpus():
    tracks = plan(tracks_per_class=8, seconds=10, seed=3)
    return [(track, render(track)) for track in tracks]


def test_every_class_and_format_is_there():
    tracks = plan(tracks_per_class=9, seconds=35, seed=1)
    assert {label: sum(t.label == label for t in tracks) for label in SUBGENRES} == dict.fromkeys(TEMPO, 9)
    for label in SUBGENRES:
        assert {t.path.rsplit(".")[-1] for t in tracks if t.label == label} == set(FORMATS)
    assert len({t.path for t in tracks}) == len(tracks)
    assert "goa/album-02/track-07.ogg" in {t.path for t in tracks}


def test_a_group_is_an_album_folder_of_at_most_four_tracks():
    tracks = plan(tracks_per_class=9, seconds=35, seed=1)
    groups = [t.group for t in tracks]
    assert all(t.path.startswith(f"{t.group}/") and t.group.startswith(f"{t.label}/") for t in tracks)
    assert sorted({groups.count(group) for group in groups}) == [1, 4]


def test_a_plan_depends_on_its_seed_alone():
    first = plan(tracks_per_class=5, seconds=20, seed=7)
    assert first == plan(tracks_per_class=5, seconds=20, seed=7)
    assert first != plan(tracks_per_class=5, seconds=20, seed=8)
    assert len({json.dumps(track.recipe) for track in first}) == len(first)


def test_a_larger_corpus_contains_the_smaller_one():
    small, large = (plan(tracks_per_class=n, seconds=20, seed=7) for n in (3, 8))
    assert {t.path: t.recipe for t in small}.items() <= {t.path: t.recipe for t in large}.items()


def test_a_recipe_survives_json_and_determines_the_sound():
    track = plan(tracks_per_class=1, seconds=6, seed=2)[3]
    again = type(track)(track.path, track.label, track.group, json.loads(json.dumps(track.recipe)))
    np.testing.assert_array_equal(render(track), render(again))


def test_tempo_is_the_sub_genre_s():
    for track in plan(tracks_per_class=40, seconds=20, seed=5):
        low, high = TEMPO[track.label]
        assert low <= track.recipe["bpm"] <= high


def test_tracks_of_an_album_are_closer_in_sound_than_those_of_another():
    tracks = plan(tracks_per_class=40, seconds=20, seed=5)
    cutoff = np.array([t.recipe["bass"]["cutoff"] for t in tracks if t.label == "goa"]).reshape(10, 4)
    assert cutoff.std(axis=1).mean() < 0.8 * cutoff.std()


@pytest.mark.end_to_end
def test_sound_is_stereo_of_the_length_asked_for_and_below_full_scale(corpus):
    for track, samples in corpus:
        assert samples.dtype == np.float32
        assert samples.shape == (round(track.recipe["seconds"] * 44_100), 2)
        assert np.isfinite(samples).all()
        assert 0.5 < np.abs(samples).max() < 1
        assert not np.array_equal(samples[:, 0], samples[:, 1])
        seconds = samples[: len(samples) // 44_100 * 44_100].reshape(-1, 44_100 * 2)
        assert seconds.std(axis=1).min() > 1e-3, "a second of silence"


@pytest.mark.end_to_end
@pytest.mark.parametrize("label", ["dark", "techno"])
def test_the_beat_can_be_heard(corpus, label):
    """The kick's onsets repeat with the tempo of the recipe."""
    track, samples = next(pair for pair in corpus if pair[0].label == label)
    hop = 441
    low = LogMel(hop=hop, n_mels=32, fmax=2_000.0)
    flux = np.maximum(np.diff(log_mel(samples.mean(axis=1), low), axis=1), 0).sum(axis=0)
    flux -= flux.mean()
    correlation = irfft(np.abs(rfft(flux, 2 * len(flux))) ** 2)[: len(flux)]
    # A beat between 90 and 180 a minute.
    lags = np.arange(round(60 / 180 * 100), round(60 / 90 * 100) + 1)
    beat = lags[correlation[lags].argmax()]
    assert 60 * 100 / beat == pytest.approx(track.recipe["bpm"], rel=0.02)


@pytest.mark.end_to_end
def test_a_linear_model_on_the_mean_spectrum_is_well_above_chance_and_below_perfect(corpus):
    spectra = []
    for _, samples in corpus:
        mono = samples.mean(axis=1)
        spectra.append(log_mel(mono * (0.1 / mono.std()), LogMel()).mean(axis=1))
    labels = [track.label for track, _ in corpus]
    albums = [track.group for track, _ in corpus]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2_000))
    accuracy = cross_val_score(model, np.array(spectra), labels, groups=albums, cv=GroupKFold(2)).mean()
    assert 0.4 < accuracy < 0.95


@pytest.mark.parametrize("number", range(len(FORMATS)))
def test_a_written_track_is_its_sound_and_the_same_bytes_again(tmp_path, number):
    track = plan(tracks_per_class=4, seconds=5, seed=4)[number]
    path = write(track, tmp_path / "a")
    assert path == tmp_path / "a" / track.path
    assert path.read_bytes() == write(track, tmp_path / "b").read_bytes()
    assert {p.suffix for p in path.parent.iterdir()} == {f".{track.recipe['format']}"}

    samples, rate = soundfile.read(path)
    assert rate == 44_100
    expected = render(track)
    # MP3 adds its coder's delay; there the length alone is compared.
    if path.suffix == ".mp3":
        assert abs(len(samples) - len(expected)) < 3_000
    else:
        assert len(samples) == len(expected)
        assert np.corrcoef(samples[:, 0], expected[:, 0])[0, 1] > 0.97
