"""Which labels are doubted: those that are wrong, and few others."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from genreflow.evaluation import score_tables, tables
from genreflow.evaluation.label_issues import LABEL_ISSUES, MIN_SCORE, find_label_issues, label_issues_table
from genreflow.evaluation.out_of_fold import out_of_fold
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, VALIDATION

SLICES = 3
NO_PAIRS = pd.DataFrame(columns=["a", "b", "kind", "similarity", "offset_s"])
WHOLE = {"scheme": "stratified", "unit": "track", "group": True}
HEADLINE = {"model": "cnn", "setting": "base", "protocol": "standard"}


def study_of(headline=HEADLINE, **folds):
    return {"headline": headline, "protocols": {"standard": {"folds": WHOLE | folds}}, "checked": []}


def made_up(rng, *, items, classes, skill, wrong=0.0):
    """Posterior probabilities of a model that tells classes apart so well, true classes, and labels wrong in part."""
    true = np.arange(items) % classes
    score = rng.normal(size=(items, classes))
    score[np.arange(items), true] += skill
    flipped = rng.permutation(items) < round(wrong * items)
    label = np.where(flipped, (true + rng.integers(1, classes, items)) % classes, true)
    return softmax(skill * score, axis=1), true, label


def run_of(proba, label, *, fold="1", role=TEST, status="finished", first=0, tags=False, watched=None, **place):
    """A run that judges tracks t<first>, …; `label` are numbers, or of tags a bool matrix."""
    proba, names = np.asarray(proba, float), [f"c{k}" for k in range(np.shape(proba)[1])]
    rows = []
    for part, at, start in ((proba, role, first), (proba if watched is None else watched, VALIDATION, 10_000)):
        for number, row in enumerate(part) if at != VALIDATION or watched is not None else ():
            what = [n for n, yes in zip(names, label[number], strict=True) if yes] if tags else names[label[number]]
            rows += [(f"t{start + number:05d}", k, at, what, *row) for k in range(SLICES)]
    columns = ["track_id", "slice", "role", "tags" if tags else "label", *(f"p{k}" for k in range(len(names)))]
    return {
        **HEADLINE,
        "fold": fold,
        "repeat": 0,
        "round": "0",
        "info": {
            "status": status, "classes": names, "tags": tags, "device": "cpu", "seconds": {"total": 1.0},
            "kept_epoch": 1, "dataset": {"tracks": {"train": 1}},
        },
        "history": pd.DataFrame(columns=["epoch", "accuracy"]),
        "predictions": pd.DataFrame(rows, columns=columns),
        **place,
    }  # fmt: skip


def suspected(runs, *, study=None, pairs=NO_PAIRS, labels=None, verdicts=None):
    """The suspects of runs, whose tracks each are a group of their own."""
    tracks = pd.concat([run["predictions"] for run in runs])["track_id"].unique() if runs else sorted(labels)
    labels = labels or {}
    index = pd.DataFrame(
        {
            "track_id": tracks,
            "title": [f"{track}.wav" for track in tracks],
            "label": [labels.get(track, "") for track in tracks],
            "tags": None,
            "verdict": [(verdicts or {}).get(track, "accept") for track in tracks],
        }
    )
    folds = pd.DataFrame({"track_id": tracks, "group": tracks, "protocol": "standard"})
    return label_issues_table(
        study or study_of(),
        runs,
        settings=tables.settings_table(runs, folds),
        areas=score_tables.tags_table(runs, folds),
        index=index,
        pairs=pairs,
    )


def test_a_label_that_a_listener_has_checked_is_not_suspect():
    proba = np.array([[0.96, 0.04]] * 20 + [[0.04, 0.96]] * 20)
    proba[3], proba[25] = [0.01, 0.99], [0.97, 0.03]
    runs = [run_of(proba, np.repeat([0, 1], 20))]
    assert suspected(runs)[0]["track_id"].tolist() == ["t00003", "t00025"]
    result, sentences = suspected(runs, study=study_of() | {"checked": ["t00003"]})
    assert result["track_id"].tolist() == ["t00025"]
    assert sentences[0].startswith("1 of 40 tracks has a suspect label")
    assert "1 more track is not listed, because a listener has checked the label." in sentences


@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.integers(200, 600))
def test_labels_that_were_flipped_come_first(seed, classes, items):
    rng = np.random.default_rng(seed)
    proba, true, label = made_up(rng, items=items, classes=classes, skill=6, wrong=0.05)
    result = find_label_issues(proba, label).sort_values("score", ascending=False).head((true != label).sum())
    assert (true != label)[result["item"]].mean() >= 0.8
    assert (result["suggested"] == true[result["item"]]).mean() >= 0.8
    assert len(result) >= 0.5 * (true != label).sum()


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.floats(0, 6))
def test_of_right_labels_few_are_doubted_however_weak_the_model(seed, classes, skill):
    proba, _, label = made_up(np.random.default_rng(seed), items=400, classes=classes, skill=skill)
    assert len(find_label_issues(proba, label)) <= 0.15 * len(label)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 60))
def test_a_doubt_is_one_and_does_not_depend_on_the_order(seed, classes, items):
    rng = np.random.default_rng(seed)
    proba, label = rng.dirichlet(np.full(classes, 0.3), items), rng.integers(0, classes, items)
    result = find_label_issues(proba, label)
    assert (result["suggested"] != label[result["item"]]).all()
    assert result["score"].between(MIN_SCORE, 1).all() and result["right"].between(0, 1).all()
    order = rng.permutation(items)
    again = find_label_issues(proba[order], label[order])
    again["item"] = order[again["item"]]
    pd.testing.assert_frame_equal(again.sort_values("item", ignore_index=True), result)


def test_what_is_said_of_a_suspect_can_be_counted():
    # Three tracks of each class, the last of which the model takes for the other.
    proba = [[0.9, 0.1]] * 9 + [[0.1, 0.9]] + [[0.1, 0.9]] * 10
    result = find_label_issues(np.array(proba), np.repeat([0, 1], 10))
    assert result[["item", "suggested", "alike"]].to_numpy().tolist() == [[9, 1, 11]]
    assert result[["right", "usual"]].to_numpy()[0] == pytest.approx([10 / 11, 0.5])
    assert result["score"].item() == pytest.approx((0.9 - 0.1) * (10 / 11 - 0.5) / 0.5)


def test_suspects_are_told_in_a_sentence_the_surest_first():
    proba = np.array([[0.96, 0.04]] * 20 + [[0.04, 0.96]] * 20)
    label = np.repeat([0, 1], 20)
    proba[3], proba[25] = [0.01, 0.99], [0.97, 0.03]
    result, message = suspected([run_of(proba[::2], label[::2]), run_of(proba[1::2], label[1::2], fold="2", first=20)])
    assert tuple(result.columns) == LABEL_ISSUES
    assert result["track_id"].tolist() == ["t00021", "t00032"] and result["title"].tolist() == [
        "t00021.wav",
        "t00032.wav",
    ]
    assert result[["kind", "label", "suggested"]].to_numpy().tolist() == [["label", "c0", "c1"], ["label", "c1", "c0"]]
    assert result["score"].is_monotonic_decreasing
    row = result.iloc[0]
    assert f"gives {100 * row.probability:.0f} % to 'c1' and {100 * row.label_probability:.0f} % to its" in row.reason
    assert row.reason.endswith("labeled 'c1', and 50 % of all tracks.") and row.settings == 0
    assert message[0].startswith("2 of 40 tracks have a suspect label, by a model that was not trained on the track.")


def test_a_model_that_is_no_better_than_the_commonest_class_doubts_nothing():
    rng = np.random.default_rng(0)
    proba = np.eye(2)[rng.integers(0, 2, 60)] * 0.98 + 0.01
    result, message = suspected([run_of(proba, rng.integers(0, 2, 60))])
    assert result.empty and tuple(result.columns) == LABEL_ISSUES
    assert "not shown to be better than always predicting the most common class" in message[0]


@pytest.mark.parametrize("case", ["nothing trained", "diverged", "segments divided"])
def test_without_a_word_of_a_model_that_did_not_know_the_track_nothing_is_doubted(case):
    proba, label = np.eye(2)[[0] * 19 + [1] * 21] * 0.98 + 0.01, np.repeat([0, 1], 20)
    run = run_of(proba, label, status="diverged" if case == "diverged" else "finished")
    study = study_of(**({"unit": "segment", "scheme": "random"} if case == "segments divided" else {}))
    if case == "nothing trained":
        study, run = study_of(headline=None), run
    result, message = suspected([run], study=study)
    assert result.empty
    assert message[0].startswith("No model" if case == "nothing trained" else "No track has out-of-fold predictions")


def test_the_holdout_is_doubted_by_the_final_model():
    proba, label = np.eye(2)[[0] * 20 + [1] * 20] * 0.98 + 0.01, np.repeat([0, 1], 20)
    final = run_of([[0.01, 0.99]], [0], fold=FINAL, role=HOLDOUT, first=500)
    result, message = suspected([final, run_of(proba, label)])
    assert result["track_id"].tolist() == ["t00500"] and message[0].startswith("1 of 41 tracks has a suspect label")


def test_other_settings_are_asked_whether_they_agree():
    proba, label = np.eye(3)[np.arange(60) % 3] * 0.97 + 0.01, np.arange(60) % 3
    label[0] = 1
    same, other = run_of(proba, label, model="same"), proba.copy()
    other[0] = [0.1, 0.2, 0.7]
    runs = [
        run_of(proba, label),
        same,
        run_of(other, label, model="other"),
        run_of(proba[30:], label[30:], model="far"),
    ]
    runs[-1]["predictions"] = runs[-1]["predictions"].assign(track_id=lambda frame: "x" + frame["track_id"])
    runs.append(run_of(proba, label, model="lost", status="diverged"))
    result, _ = suspected(runs)
    assert result[["track_id", "settings", "agree"]].to_numpy().tolist() == [["t00000", 2, 1]]
    assert result["reason"].item().endswith(" Other settings that agree: 1 of 2.")


def test_probabilities_are_tempered_by_other_tracks_and_never_made_surer():
    label = np.arange(40) % 2
    sure = np.eye(2)[label] * 0.998 + 0.001
    often_wrong = sure.copy()
    often_wrong[::4] = often_wrong[::4, ::-1]
    first, second = run_of(sure, label), run_of(often_wrong, label, fold="2", first=40)
    output = out_of_fold([first, second])
    alone = out_of_fold([first])
    assert alone.temperature == 1 and alone.proba == pytest.approx(sure)
    assert output.proba[:40].max() < 0.9 and output.proba[40:] == pytest.approx(often_wrong)
    assert (output.proba.argmax(axis=1) == np.concatenate([sure, often_wrong]).argmax(axis=1)).all()
    watched = out_of_fold([run_of(sure, label, watched=often_wrong)])
    assert watched.temperature > 1 and len(watched.track_id) == 40


def test_a_track_that_was_judged_several_times_has_the_mean():
    label = [0, 1]
    runs = [run_of([[p, 1 - p], [0.2, 0.8]], label, fold=fold) for fold, p in (("1", 0.9), ("2", 0.5))]
    assert out_of_fold(runs, calibrated=False).proba == pytest.approx(np.array([[0.7, 0.3], [0.2, 0.8]]))


def test_of_tags_presence_and_absence_are_doubted_one_by_one():
    rng = np.random.default_rng(1)
    tags = np.stack([np.arange(60) % 2 == 0, np.arange(60) % 3 == 0, rng.random(60) < 0.5], axis=1)
    proba = np.where(tags, 0.95, 0.05)
    proba[:, 2] = rng.random(60)  # of which the model knows nothing
    lacking, wrong = tags.copy(), 6
    lacking[wrong, 0], lacking[1, 1] = False, True
    result, message = suspected([run_of(proba, lacking, tags=True)])
    output = {tuple(row) for row in result[["track_id", "label", "suggested"]].to_numpy()}
    assert output == {("t00006", "not c0", "c0"), ("t00001", "c1", "not c1")}
    assert message[0].startswith("2 of 60 tracks have a suspect tag") and "checked 2 of 3 tags" in message[1]


def test_copies_of_different_classes_come_before_doubts_and_these_before_other_copies():
    proba, label = np.eye(2)[[0] * 19 + [1] * 21] * 0.98 + 0.01, np.repeat([0, 1], 20)
    pairs = pd.DataFrame(
        [
            ("t00001", "t00002", "bytes", 1.0, 0.0),
            ("t00003", "t00030", "recording", 0.93, 0.5),
            ("t00004", "t00005", "samples", 1.0, 0.0),
            ("t00006", "elsewhere", "bytes", 1.0, 0.0),
        ],
        columns=NO_PAIRS.columns,
    )
    labels = {f"t{number:05d}": f"c{k}" for number, k in enumerate(label)}
    refused = {"t00003": "quarantine", "t00030": "quarantine", "t00004": "quarantine"}
    result, message = suspected([run_of(proba, label)], pairs=pairs, labels=labels, verdicts=refused)
    assert result["kind"].tolist() == ["conflict", "label", "copy", "copy"]
    conflict, _, copy, other = result.itertuples()
    assert (conflict.label, conflict.suggested, conflict.other_title) == ("c0", "c1", "t00030.wav")
    assert conflict.reason == (
        "It is the same recording as t00030.wav (93 % of the bits of their fingerprints agree), which is labeled "
        "'c1': one of the labels is wrong. Neither is used."
    )
    assert copy.reason == "It has the same bytes as t00002.wav. Both are used, always on one side of a fold."
    assert other.reason.endswith("Only one of them is used.") and other.suggested == ""
    assert message[-1] == "3 pairs of tracks are the same recording, 1 with different labels."
    parted, _ = suspected([run_of(proba, label)], pairs=pairs, labels=labels, study=study_of(group=False))
    assert parted["reason"].iloc[-1].endswith("Both are used, not always on one side of a fold.")


def test_copies_are_found_where_nothing_is_trained():
    pairs = pd.DataFrame([("a", "b", "bytes", 1.0, 0.0)], columns=NO_PAIRS.columns)
    result, _ = suspected([], study=study_of(headline=None), pairs=pairs, labels={"a": "x", "b": "y"})
    assert result["kind"].tolist() == ["conflict"]
