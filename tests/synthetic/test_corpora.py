"""Moods, genres and tagged clips: deterministic, well-formed, and learnable, but not from one trivial feature."""

import hashlib
import json
from collections import Counter

import numpy as np
import pytest
from learnable import features, linear_model
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.datasets.scan import list_dataset as find
from genreflow.datasets.scan import refresh
from genreflow.store.digest import digest
from genreflow.synthetic.corpus import CORPORA, FORMATS, plan, render, write
from genreflow.synthetic.tags import FAMILIES, FOLDERS, SPLITS, TAGS, folder_of, tags_of

NEW = ("genres", "western", "moods", "tags")


@pytest.mark.parametrize(
    ("corpus", "expected"),
    [
        ("subgenres", "921692802f962d15"),
        ("genres", "b70f8a0263a71103"),
        ("western", "277d9daaea8ba889"),
        ("moods", "84c47d3259db8e32"),
        ("tags", "e3666286e0c55c8a"),
    ],
)
def test_a_corpus_has_not_changed(corpus, expected):
    """Recipes as they were when the corpus was new: digest of the plan of 24 tracks a class."""
    tracks = plan(tracks_per_class=24, seconds=35.0, seed=0, corpus=corpus)
    assert digest([(t.path, t.label, t.group, t.recipe, t.tags, t.split) for t in tracks]) == expected


@pytest.mark.parametrize("corpus", NEW)
def test_a_larger_corpus_contains_the_smaller_one(corpus):
    small, large = (plan(tracks_per_class=n, seconds=20, seed=7, corpus=corpus) for n in (3, 8))
    assert {t.path: t for t in small}.items() <= {t.path: t for t in large}.items()
    assert small != plan(tracks_per_class=3, seconds=20, seed=8, corpus=corpus)
    assert len({t.path for t in large}) == len({json.dumps(t.recipe) for t in large}) == len(large)


@pytest.mark.parametrize("corpus", NEW)
def test_formats_betray_no_kind(corpus):
    tracks = plan(tracks_per_class=8, seconds=20, seed=7, corpus=corpus)
    kinds = Counter((track.group.split("/")[0], track.recipe["format"]) for track in tracks)
    assert kinds == {(kind, suffix): 2 for kind in CORPORA[corpus].kinds for suffix in FORMATS}


@pytest.mark.end_to_end
@pytest.mark.parametrize("corpus", NEW)
def test_every_kind_sounds(corpus):
    tracks = plan(tracks_per_class=1, seconds=12, seed=2, corpus=corpus)
    sounds = [render(track) for track in tracks]
    assert len({hashlib.sha256(sound).digest() for sound in sounds}) == len(tracks)
    for track, sound in zip(tracks, sounds, strict=True):
        assert sound.dtype == np.float32
        assert sound.shape == (12 * 44_100, 2)
        assert np.isfinite(sound).all()
        assert 0.5 < np.abs(sound).max() < 1
        assert not np.array_equal(sound[:, 0], sound[:, 1])
        assert sound.reshape(-1, 44_100 * 2).std(axis=1).min() > 1e-3, f"a second of silence in {track.path}"


@pytest.mark.parametrize("corpus", NEW)
def test_a_recipe_survives_json_and_determines_the_file(tmp_path, corpus):
    for track in plan(tracks_per_class=4, seconds=4, seed=2, corpus=corpus)[4:8]:
        again = type(track)(**{**vars(track), "recipe": json.loads(json.dumps(track.recipe))})
        first, second = write(track, tmp_path / "a"), write(again, tmp_path / "b")
        assert first == tmp_path / "a" / track.path
        assert first.read_bytes() == second.read_bytes()


def test_moods_are_four_quadrants_in_class_and_album_folders():
    tracks = plan(tracks_per_class=6, seconds=20, seed=1, corpus="moods")
    assert Counter(track.label for track in tracks) == dict.fromkeys(["Q1", "Q2", "Q3", "Q4"], 6)
    assert all(track.path.startswith(f"{track.group}/") for track in tracks)
    assert tracks[5].path == "Q1/album-02/track-06.mp3"


def test_arousal_and_valence_are_in_the_recipes_with_some_overlap():
    tracks = plan(tracks_per_class=40, seconds=20, seed=1, corpus="moods")
    by_mood = {mood: [track.recipe for track in tracks if track.label == mood] for mood in ("Q1", "Q2", "Q3", "Q4")}
    tempo = {mood: [recipe["bpm"] for recipe in recipes] for mood, recipes in by_mood.items()}
    bright_modes = {"major", "mixolydian", "lydian"}
    cheer = {mood: np.mean([recipe["mode"] in bright_modes for recipe in recipes]) for mood, recipes in by_mood.items()}
    for lively in ("Q1", "Q2"):
        for still in ("Q3", "Q4"):
            assert np.mean(tempo[lively]) > np.mean(tempo[still]) + 25
    assert min(tempo["Q1"]) < max(tempo["Q4"])
    assert min(cheer["Q1"], cheer["Q4"]) > 0.8 > 0.2 > max(cheer["Q2"], cheer["Q3"])
    leads = [{recipe["parts"][0]["instrument"] for recipe in recipes} for recipes in by_mood.values()]
    assert len(set.intersection(*leads)) >= 4, "the instrument tells nothing"


@pytest.mark.end_to_end
def test_moods_can_be_learnt_but_not_from_one_feature():
    tracks = plan(tracks_per_class=16, seconds=8, seed=1, corpus="moods")
    x, y = features(tracks), np.array([track.label for track in tracks])
    albums = [track.group for track in tracks]
    accuracy = np.mean(cross_val_predict(linear_model(), x, y, groups=albums, cv=GroupKFold(4)) == y)
    single = [
        np.mean(cross_val_predict(linear_model(), x[:, [place]], y, groups=albums, cv=GroupKFold(3)) == y)
        for place in range(0, x.shape[1], 32)
    ]
    assert 0.45 < accuracy < 0.9
    assert max(single) < accuracy


def test_tagged_clips_have_several_tags_of_many_and_no_label():
    tracks = plan(tracks_per_class=24, seconds=20, seed=1, corpus="tags")
    assert len(tracks) == 240
    assert {track.label for track in tracks} == {""}
    counts = Counter(tag for track in tracks for tag in track.tags)
    assert set(counts) <= set(TAGS)
    assert sum(count >= 10 for count in counts.values()) >= 20
    sizes = [len(track.tags) for track in tracks]
    assert min(sizes) >= 1
    assert 3 < np.mean(sizes) < 8


def test_tags_follow_from_what_is_played():
    for track in plan(tracks_per_class=30, seconds=20, seed=1, corpus="tags"):
        played = {part["instrument"] for part in track.recipe["parts"]}
        for tag in {"guitar", "piano", "flute", "sitar", "harpsichord", "harp", "choir"} & set(track.tags):
            assert any(tag in instrument for instrument in played)
        assert not ("drums" in track.tags and all(part["role"] != "drums" for part in track.recipe["parts"]))
        assert not ({"fast", "slow"} <= set(track.tags) or {"loud", "quiet"} <= set(track.tags))
        assert not ("vocal" in track.tags and "no vocals" in track.tags)
        assert not ("solo" in track.tags and len(played) > 1)
        assert list(track.tags) == [tag for tag in TAGS if tag in track.tags]


def test_listeners_forget_some_tags_but_not_all():
    recipe = plan(tracks_per_class=1, seconds=20, seed=1, corpus="tags")[0].recipe
    given = [tags_of(recipe, np.random.default_rng(seed)) for seed in range(200)]
    everything = max(given, key=len)
    assert {tag for tags in given for tag in tags} == set(everything)
    assert np.mean([len(tags) for tags in given]) == pytest.approx(0.85 * len(everything), rel=0.05)


def test_tags_occur_together_as_in_music():
    tracks = plan(tracks_per_class=60, seconds=20, seed=1, corpus="tags")

    def share(tag, other):
        those = [track for track in tracks if other in track.tags]
        return sum(tag in track.tags for track in those) / len(those)

    assert share("electronic", "techno") > 0.7 > 0.1 > share("electronic", "opera")
    assert share("drums", "rock") > 0.7
    assert share("classical", "harpsichord") > 0.6


def test_the_split_goes_by_folders_as_that_of_magnatagatune():
    tracks = plan(tracks_per_class=32, seconds=20, seed=1, corpus="tags")
    assert all(track.split == SPLITS[track.path[0]] and track.path[1] == "/" for track in tracks)
    assert Counter(track.split for track in tracks) == {"train": 240, "valid": 20, "test": 60}
    folders = {track.group: track.path[0] for track in tracks}
    assert Counter(folders.values()) == dict.fromkeys(FOLDERS, 10)
    assert all(folders[track.group] == track.path[0] for track in tracks)


def test_even_the_smallest_corpus_has_all_three_parts():
    assert {SPLITS[folder_of(family, 0)] for family in FAMILIES} == {"train", "valid", "test"}


@pytest.mark.end_to_end
def test_tags_can_be_learnt():
    tracks = plan(tracks_per_class=8, seconds=6, seed=3, corpus="tags")
    x, albums = features(tracks), [track.group for track in tracks]
    counts = Counter(tag for track in tracks for tag in track.tags)
    scores = []
    for tag in [tag for tag, count in counts.items() if count >= 12]:
        y = np.array([tag in track.tags for track in tracks])
        belief = cross_val_predict(linear_model(), x, y, groups=albums, cv=GroupKFold(4), method="predict_proba")
        scores.append(roc_auc_score(y, belief[:, 1]))
    assert len(scores) >= 8
    assert 0.7 < np.mean(scores) < 0.99


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_catalog_knows_what_will_be_made(tmp_path, corpus):
    settings = Synthetic(layout="synthetic", corpus=corpus, tracks_per_class=2, seconds=5.0)
    tracks = plan(tracks_per_class=2, seconds=5.0, seed=0, corpus=corpus)
    result = find(settings)
    assert [(t.path.decode(), t.label, t.tags, t.split, t.group) for t in result.tracks] == [
        (t.path, t.label, t.tags, t.split, t.group) for t in tracks
    ]
    table = refresh(settings, tmp_path / "catalog.parquet", raw=tmp_path / "raw")
    assert set(table["sha256"].to_pylist()) == {digest(track.recipe, length=64) for track in tracks}
