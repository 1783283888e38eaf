"""Two points in time are compared on the tracks that both judged, whatever their folds and groups are."""

import numpy as np
import pandas as pd
import pytest

from genreflow.evaluation.changes import Point, changes
from genreflow.evaluation.comparisons import track_difference


def point(right, *, first=0, groups=None, labels="ab", repeats=1, settings=None):
    """Return a point whose tracks, from a number on, were judged right or wrong."""
    ids = [f"t{first + number:03d}" for number in range(len(right))]
    true = [labels[number % len(labels)] for number in range(len(right))]
    answers = pd.DataFrame(
        {
            "track_id": ids,
            "title": ids,
            "group": ids if groups is None else groups,
            "fold": [str(1 + number % 3) for number in range(len(right))],
            "true": true,
            "predicted_majority": [label if each else "z" for label, each in zip(true, right, strict=True)],
            "correct": right,
        }
    )
    rounds = pd.concat([answers.assign(repeat=number) for number in range(repeats)], ignore_index=True)
    return Point("mine", "cnn base", pd.Series(true, index=ids), rounds, settings or {})


def test_tracks_are_compared_with_themselves():
    before, after = point([True] * 6 + [False] * 6), point([False] + [True] * 9, first=2)
    changed = changes(before, after)
    assert (list(changed.removed), list(changed.added)) == (["t000", "t001"], [])
    assert list(changed.newly_wrong["track_id"]) == ["t002"]
    assert list(changed.newly_right["track_id"]) == ["t006", "t008", "t010", "t007", "t009", "t011"]  # by class
    assert changed.judged["tracks"] == 10
    assert (changed.judged["accuracy_b"], changed.judged["accuracy_a"]) == pytest.approx((0.4, 0.9))


def test_the_interval_is_that_of_paired_tracks():
    rng = np.random.default_rng(0)
    was, now = rng.random(60) < 0.5, rng.random(60) < 0.7
    changed = changes(point(was), point(now))
    _, test = track_difference(point(now).answers, point(was).answers)
    assert (changed.judged["low"], changed.judged["high"]) == test.interval(0.05)
    assert changed.judged["difference"] == pytest.approx(now.mean() - was.mean())


def test_tracks_that_were_in_one_group_at_either_time_count_as_one():
    was = point([True] * 8, groups=[0, 0, 1, 1, 2, 2, 3, 3])
    now = point([True] * 7 + [False], groups=[5, 5, 5, 5, 6, 7, 8, 9])
    assert changes(was, now).judged["groups"] == 3


def test_few_groups_have_no_interval():
    changed = changes(point([True] * 4), point([True] * 3 + [False]))
    assert changed.judged["low"] is None
    assert "without an interval, as these are fewer than 6 groups" in changed.sentences[0]


def test_repeated_trainings_count_in_the_accuracy_and_the_first_in_the_lists():
    changed = changes(point([True] * 8, repeats=3), point([True] * 7 + [False], repeats=3))
    assert changed.judged["repeats"] == 3 and len(changed.newly_wrong) == 1
    assert "counted on the first training of each fold" in changed.sentences[1]


def test_nothing_in_common_is_said():
    changed = changes(point([True] * 3), point([True] * 3, first=9))
    assert changed.sentences[0] == "No track was judged both times, so the accuracies cannot be compared."


def test_equal_answers_and_other_labels_are_said():
    changed = changes(point([True] * 8), point([True] * 8, labels="ba"))
    assert changed.relabeled == 8
    assert "8 tracks have another label now." in changed.sentences
    assert changed.causes == ["8 labels changed"]
    same = changes(point([True] * 8), point([True] * 8))
    assert same.sentences[0].startswith("No answer changed for the 8 tracks judged both times")
    assert same.causes == []


def test_settings_and_classes_that_changed_are_named():
    then = {"training": {"batch": 6, "decay": 0.1}, "title": "A"}
    now = {"training": {"batch": 8}, "title": "A", "repeats": 3}
    changed = changes(point([True] * 8, settings=then), point([True] * 8, labels="abc", settings=now))
    assert changed.causes == [
        "4 labels changed",
        "new: c",
        "training.batch 8 (was 6)",
        "training.decay is gone",
        "repeats 3 is new",
    ]
    assert changes(point([True]), point([True], settings=now)).settings == []  # unknown is not changed


def test_a_clear_improvement_and_a_clear_decline_are_called_so():
    poor, good = [False] * 30 + [True] * 10, [True] * 40
    assert "an improvement" in changes(point(poor), point(good)).sentences[0]
    assert "a decline" in changes(point(good), point(poor)).sentences[0]
    assert "which may be chance" in changes(point(good), point([False] + [True] * 39)).sentences[0]
