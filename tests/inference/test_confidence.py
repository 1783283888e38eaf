import json

import numpy as np
import pandas as pd
import pytest
from little_model import write_predictions, write_run

from genreflow.errors import UserError
from genreflow.inference import confidence

THREE = ("a", "b", "c")


def proba_of(n, seed=0, *, sharpness=1.0, k=3):
    """Return probabilities [n, k] and labels drawn by them, then made too sure by `sharpness`: its inverse mends it."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.full(k, 0.6), n)
    label = (rng.random((n, 1)) > honest.cumsum(axis=1)).sum(axis=1).clip(max=k - 1)
    sure = honest.clip(1e-9) ** sharpness
    return sure / sure.sum(axis=1, keepdims=True), [THREE[number] for number in label]


def calibration_of(folder):
    return confidence.of_model(folder, json.loads((folder / "run.json").read_text()))


@pytest.fixture
def place(tmp_path, halves):
    def make(fold, **changes):
        return write_run(tmp_path / "runs/halves/base" / f"fold-{fold}", classes=THREE, **changes)

    return make


def test_the_temperature_undoes_too_much_confidence(place):
    folder = place("1")
    write_predictions(folder, *proba_of(3_000, sharpness=2.5), classes=THREE)
    assert calibration_of(folder).temperature == pytest.approx(2.5, rel=0.1)


def test_of_a_hundred_answers_with_a_chance_of_80_percent_about_80_are_right(place):
    folder = place("1")
    write_predictions(folder, *proba_of(2_000, sharpness=3), classes=THREE)
    result = calibration_of(folder)
    means, labels = proba_of(4_000, seed=5, sharpness=3)
    mended = result.probabilities(means)
    chosen = (mended.max(axis=1) > 0.75) & (mended.max(axis=1) < 0.85)
    right = mended.argmax(axis=1) == np.array([THREE.index(label) for label in labels])
    assert right[chosen].mean() == pytest.approx(0.8, abs=0.06)


def test_it_answers_only_what_is_more_likely_right_than_wrong(place):
    folder = place("1")
    write_predictions(folder, *proba_of(2_000), classes=THREE)
    result = calibration_of(folder)
    assert result.abstain_below == 0.5
    assert result.right > 0.7 and 0.3 < result.answered < 1


def test_an_answer_is_worth_more_than_the_commonest_class(place):
    folder = place("1")
    means = np.array([[0.95, 0.03, 0.02]] * 780 + [[0.1, 0.85, 0.05]] * 180 + [[0.5, 0.4, 0.1]] * 40)
    write_predictions(folder, means, ["a"] * 780 + ["b"] * 180 + ["a", "b"] * 20, classes=THREE)
    assert calibration_of(folder).abstain_below == pytest.approx(0.8)


def test_no_record_however_good_makes_certain(place):
    folder = place("1")
    write_predictions(folder, [[0.9, 0.05, 0.05]] * 30, ["a"] * 30, classes=THREE)
    assert calibration_of(folder).probabilities(np.array([[0.99, 0.005, 0.005]])).max() == 31 / 32


def test_the_other_folds_of_the_setting_bear_witness(place):
    folder = place("final")
    write_predictions(folder, *proba_of(15), role="holdout", classes=THREE)
    for fold, prefix in (("1", "u"), ("2", "v")):
        write_predictions(place(fold), *proba_of(20), classes=THREE, prefix=prefix)
    result = calibration_of(folder)
    assert result.tracks == 55
    assert result.source == "55 held-out tracks of fold-final, fold-1, fold-2"


@pytest.mark.parametrize(
    ("fold", "changes"),
    [
        ("1r2", {}),
        ("1", {"status": "diverged"}),
        ("1", {"options": {"other": 1}}),
        ("1", {"audio": {"loudness": -23}}),
    ],
)
def test_runs_that_are_others_do_not(place, fold, changes):
    folder = place("final")
    write_predictions(folder, *proba_of(30), role="holdout", classes=THREE)
    write_predictions(place(fold, **changes), *proba_of(40), classes=THREE, prefix="u")
    assert calibration_of(folder).tracks == 30


def test_a_track_counts_once(place):
    folder = place("1")
    write_predictions(folder, *proba_of(30), classes=THREE)
    write_predictions(place("2"), *proba_of(50), classes=THREE)
    assert calibration_of(folder).tracks == 50


def test_validation_tracks_stand_in_where_there_are_no_others(place):
    folder = place("final")
    write_predictions(folder, *proba_of(40), role="validation", classes=THREE)
    assert calibration_of(folder).source == "40 validation tracks of fold-final"


def test_of_too_few_tracks_nothing_is_made(place):
    folder = place("1")
    assert calibration_of(folder) is None
    write_predictions(folder, *proba_of(confidence.FEWEST - 1), classes=THREE)
    assert calibration_of(folder) is None


def test_training_tracks_are_no_witnesses(place):
    folder = place("1")
    write_predictions(folder, *proba_of(100), role="train", classes=THREE)
    assert calibration_of(folder) is None


def test_each_tag_has_the_threshold_of_its_largest_f1(place):
    folder = place("1", tags=True)
    rng = np.random.default_rng(0)
    has = rng.random((400, 3)) < (0.5, 0.1, 0.005)
    centers = np.array([[0.3, 0.05, 0.2], [0.7, 0.15, 0.8]])
    proba = np.where(has, centers[1], centers[0]) + rng.normal(0, 0.02, has.shape)
    tags = [[name for name, yes in zip(THREE, row, strict=True) if yes] for row in has]
    write_predictions(folder, proba.clip(0, 1), tags, classes=THREE, tags=True)
    result = calibration_of(folder)
    assert 0.4 < result.thresholds[0] < 0.65
    assert 0.08 < result.thresholds[1] < 0.13
    assert result.thresholds[2] == 0.5  # two tracks have it
    assert result.right > 0.95


def test_the_precision_of_tags_is_counted_on_other_tracks_than_thresholds_are_chosen_on(place):
    """Probabilities that tell nothing of tags that a sixth of the tracks have: a sixth of the tags given are right."""
    folder, rng = place("1", tags=True), np.random.default_rng(0)
    has = rng.random((60, 3)) < 0.16
    tags = [[name for name, yes in zip(THREE, row, strict=True) if yes] for row in has]
    right = []
    for seed in range(40):
        proba = np.random.default_rng(seed).random(has.shape)
        write_predictions(folder, proba, tags, classes=THREE, tags=True)
        right.append(calibration_of(folder).right)
    assert np.nanmean(right) == pytest.approx(has.mean(), abs=0.02)


def test_answers_of_classes_are_counted_on_other_tracks_than_the_temperature_is_fitted_to(place, monkeypatch):
    """Five times to four of five parts, for the count, and once to all, for use."""
    folder = place("1")
    write_predictions(folder, *proba_of(200), classes=THREE)
    seen = []
    monkeypatch.setattr(confidence, "fit_temperature", lambda _, label: seen.append(len(label)) or 1.0)
    calibration_of(folder)
    assert sorted(seen) == [160] * 5 + [200]


def test_tracks_of_a_group_are_in_one_part():
    tracks = np.array([f"t{number}" for number in range(60)], object)
    groups = pd.Series([f"g{number // 6}" for number in range(60)], index=tracks)
    parts = confidence._parts(tracks, groups)
    assert (parts.reshape(10, 6) == parts[::6, None]).all() and set(parts) == set(range(confidence.PARTS))
    assert np.bincount(confidence._parts(tracks, groups.iloc[:0])).tolist() == [12] * 5


def test_what_is_written_is_read_and_what_is_not_is_refused(place):
    folder = place("1")
    write_predictions(folder, *proba_of(50), classes=THREE)
    result = calibration_of(folder)
    assert confidence.from_facts(json.loads(json.dumps(result.facts()))) == result
    with pytest.raises(UserError, match="calibration is damaged"):
        confidence.from_facts({"temperature": 1.0})
