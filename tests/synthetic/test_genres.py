"""The stand-ins for GTZAN and western8: the genres' names, tempi and sounds; swing; how well they can be learnt."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learnable import features, linear_model
from scipy.fft import irfft, rfft
from sklearn.model_selection import GroupKFold, cross_val_predict

from genreflow.config.inputs import LogMel
from genreflow.datasets.layouts import gtzan
from genreflow.features.mel import log_mel
from genreflow.synthetic.corpus import plan, render
from genreflow.synthetic.ensemble import Note, Score
from genreflow.synthetic.genres import GENRES, GTZAN, WESTERN

CORPORA = {"genres": GTZAN, "western": WESTERN}


@pytest.fixture(scope="module")
def sounds():
    """Two tracks of every genre."""
    tracks = plan(tracks_per_class=2, seconds=12, seed=3, corpus="genres")
    tracks += [t for t in plan(tracks_per_class=2, seconds=12, seed=3, corpus="western") if t.label not in GTZAN]
    return [(track, render(track).mean(axis=1)) for track in tracks]


def test_ten_are_those_of_gtzan_and_eight_those_of_western8():
    assert GTZAN == gtzan.GENRES
    assert WESTERN == ("classical", "country", "dance", "hiphop", "jazz", "pop", "rnb", "rock")
    assert set(GTZAN) | set(WESTERN) == set(GENRES)


@pytest.mark.parametrize("corpus", CORPORA)
def test_tracks_are_in_class_and_album_folders_four_to_an_album(corpus):
    tracks = plan(tracks_per_class=8, seconds=20, seed=1, corpus=corpus)
    assert Counter(track.label for track in tracks) == dict.fromkeys(CORPORA[corpus], 8)
    assert set(Counter(track.group for track in tracks).values()) == {4}
    assert all(track.path.startswith(f"{track.label}/album-0") for track in tracks)
    assert {(track.tags, track.split) for track in tracks} == {(None, None)}


def test_a_genre_of_both_corpora_has_the_same_tracks():
    ten, eight = (
        {track.path: track.recipe for track in plan(tracks_per_class=4, seconds=20, seed=1, corpus=corpus)}
        for corpus in CORPORA
    )
    shared = set(GTZAN) & set(WESTERN)
    assert len(ten.keys() & eight.keys()) == 4 * len(shared) == 24
    assert all(ten[path] == eight[path] for path in ten.keys() & eight.keys())


@pytest.mark.parametrize("corpus", CORPORA)
def test_no_tempo_and_no_player_gives_a_genre_away(corpus):
    tracks = plan(tracks_per_class=40, seconds=20, seed=1, corpus=corpus)
    for label in CORPORA[corpus]:
        own = [track.recipe for track in tracks if track.label == label]
        others = [track.recipe for track in tracks if track.label != label]
        bpm = np.array([recipe["bpm"] for recipe in own])
        assert min(r["bpm"] for r in others) < np.median(bpm) < max(r["bpm"] for r in others)
        leads = {recipe["parts"][0]["instrument"] for recipe in own}
        assert leads & {recipe["parts"][0]["instrument"] for recipe in others}, label


def test_tempi_are_in_order():
    tracks = plan(tracks_per_class=40, seconds=20, seed=1, corpus="genres")
    tempo = {label: np.mean([track.recipe["bpm"] for track in tracks if track.label == label]) for label in GTZAN}
    assert tempo["reggae"] < tempo["hiphop"] < tempo["disco"] < tempo["metal"]


@pytest.mark.end_to_end
@pytest.mark.parametrize("label", ["disco", "dance", "hiphop", "metal", "rock"])
def test_the_beat_can_be_heard(sounds, label):
    """Onsets repeat with the beat of the recipe, or with two beats."""
    for track, mono in sounds:
        if track.label == label:
            flux = np.maximum(np.diff(log_mel(mono, LogMel(hop=441, n_mels=64)), axis=1), 0).sum(axis=0)
            flux -= flux.mean()
            correlation = irfft(np.abs(rfft(flux, 2 * len(flux))) ** 2)[: len(flux)]
            lags = np.arange(25, 150)  # of 10 ms
            beats = lags[correlation[lags].argmax()] / 100 * track.recipe["bpm"] / 60
            assert beats == pytest.approx(round(beats), rel=0.03) and round(beats) in (1, 2)


@pytest.mark.end_to_end
def test_what_is_in_front_can_be_heard(sounds):
    """Share of the power below 120 Hz and above 8 kHz, dB, mean of the tracks of a genre."""
    low, high = {}, {}
    for track, mono in sounds:
        power, frequencies = np.abs(rfft(mono)) ** 2, np.fft.rfftfreq(len(mono), 1 / 44_100)
        for result, part in ((low, frequencies < 120), (high, frequencies > 8_000)):
            result.setdefault(track.label, []).append(10 * np.log10(power[part].sum() / power.sum() + 1e-9))
    low, high = ({label: np.mean(shares) for label, shares in result.items()} for result in (low, high))
    assert min(low["hiphop"], low["reggae"], low["rnb"], low["dance"]) > max(low["country"], low["classical"])
    assert min(high["disco"], high["dance"]) > max(high["reggae"], high["hiphop"], high["blues"])
    assert low["classical"] == min(low.values()), "it has no drums"


def learnt(tracks, x, C):
    """Accuracy of a linear model on tracks of albums that it has not seen."""
    y, albums = np.array([track.label for track in tracks]), [track.group for track in tracks]
    return np.mean(cross_val_predict(linear_model(C), x, y, groups=albums, cv=GroupKFold(3)) == y)


@pytest.mark.end_to_end
def test_genres_can_be_learnt_but_not_from_one_feature():
    tracks = plan(tracks_per_class=12, seconds=5, seed=1, corpus="western")
    x = features(tracks)
    accuracy = learnt(tracks, x, C=0.1)
    assert 0.45 < accuracy < 0.9
    assert max(learnt(tracks, x[:, [band]], C=0.1) for band in range(0, 256, 32)) < 0.75 * accuracy


@pytest.mark.slow
@pytest.mark.parametrize("corpus", CORPORA)
def test_of_ten_albums_a_genre_a_linear_model_of_the_mean_spectrum_learns_two_thirds(corpus):
    tracks = plan(tracks_per_class=40, seconds=8, seed=2, corpus=corpus)
    assert 0.6 < learnt(tracks, features(tracks)[:, :128], C=1.0) < 0.8


class TestSwing:
    @staticmethod
    def score(swing):
        recipe = {"mode": "major", "bpm": 120, "seed": 0, "root": 60}
        return Score(recipe if swing is None else recipe | {"swing": swing})

    def test_none_is_the_straight_grid(self):
        straight, none = self.score(0.0), self.score(None)
        places = [straight.position(Note(step, 1, 0)) for step in range(64)]
        assert places == [none.position(Note(step, 1, 0)) for step in range(64)]
        assert places == [step * straight.bar // 16 for step in range(64)]

    def test_two_thirds_are_triplets(self):
        score = self.score(2 / 3)
        assert score.position(Note(2, 1, 0)) == pytest.approx(score.bar / 4 * 2 / 3, abs=1)

    @given(swing=st.floats(0, 1))
    def test_beats_stay_and_no_step_overtakes_another(self, swing):
        score = self.score(swing)
        places = [score.position(Note(step, 1, 0)) for step in range(64)]
        assert places == sorted(set(places))
        assert places[::4] == [beat * score.bar // 4 for beat in range(16)]
