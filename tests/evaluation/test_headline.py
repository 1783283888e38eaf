"""The conclusion in words: with its level, its interval, its baseline, and what was left out."""

import json

import numpy as np
import pandas as pd
import pytest

from genreflow.evaluation import dataset_tables, tables
from genreflow.evaluation.headline import headline, holdout_sentences

AUDIT = pd.DataFrame(
    [("a", 21, 7, 20, 0, 1, 0, 200, 3, 0.5), ("b", 21, 7, 19, 1, 1, 0, 200, 0, 0.5)], columns=list(dataset_tables.AUDIT)
)
ROW = dict.fromkeys(tables.SETTINGS, np.nan) | {
    "folds": 5, "diverged": 0, "tracks": 40, "groups": 14, "slices": 400, "slice_accuracy": 0.65, "slice_low": 0.55,
    "slice_high": 0.74, "track_majority": 0.75, "track_majority_low": 0.6, "track_majority_high": 0.86,
    "baseline": 0.5, "rounds": 1,
}  # fmt: skip


def words(**changes):
    return " ".join(headline(AUDIT, ROW | changes)["sentences"])


def test_says_the_level_the_interval_the_baseline_the_tracks_and_the_quarantined():
    output = words()
    assert "The track accuracy by majority vote is 75.0 % (95 % interval 60.0 to 86.0 %)" in output
    assert "for 40 tracks in 2 classes" in output
    assert "most common class gives 50.0 %; the whole interval lies above" in output
    assert "slice accuracy is 65.0 % (95 % interval 55.0 to 74.0 %), for 400 slices of these tracks" in output
    assert "14 groups" in output
    assert "2 of 42 files (4.8 %) are quarantined" in output
    assert "diverged" not in output


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"track_majority_low": 0.45}, "do not show that the model has learned anything"),
        ({"track_majority_low": 0.5}, "do not show"),
        ({"track_majority_low": 0.2, "track_majority_high": 0.4}, "worse than this baseline"),
        ({"track_majority_low": np.nan, "track_majority_high": np.nan}, "too few tracks to decide"),
        ({"diverged": 1}, "1 of 5 folds diverged and is excluded"),
        ({"groups": 40}, "too optimistic"),
    ],
)
def test_does_not_claim_more_than_the_numbers_show(changes, expected):
    assert expected in words(**changes)


def test_a_mean_over_repeats_is_called_one():
    assert "mean over" not in words()
    assert "the mean over 3 rounds of runs, and its interval is that of the mean" in words(rounds=3)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (None, "No model was evaluated"),
        (dict.fromkeys(tables.SETTINGS, np.nan) | {"folds": 5, "diverged": 5}, "diverged in all 5 folds"),
        (dict.fromkeys(tables.SETTINGS, np.nan) | {"folds": 5, "diverged": 0}, "No test track"),
    ],
)
def test_of_nothing_is_honest(row, expected):
    result = headline(AUDIT, row)
    assert expected in result["sentences"][0]
    assert result["accuracy"] is None and (result["tracks"], result["slices"]) == (40, 400)


def test_is_plain_json_also_when_the_row_comes_from_a_table(make_run, folds, index):
    settings = tables.settings_table([make_run(fold=fold) for fold in "123"], folds)
    result = headline(dataset_tables.audit_table(index, {}), settings.iloc[0])
    again = json.loads(json.dumps(result, allow_nan=False))
    assert again == result and again["level"] == "track" and again["tracks"] == 34


def test_of_an_empty_dataset():
    assert headline(AUDIT.iloc[:0])["sentences"][-1] == "The dataset has no files."


def test_the_holdout_is_told_in_tracks_beside_the_published():
    """43 of 51 with its exact interval (Trostanovsky 2018, final model)."""
    row = dict.fromkeys(tables.HOLDOUT, np.nan) | {
        "tracks": 51, "majority_correct": 43, "majority": 43 / 51, "majority_low": 0.714, "majority_high": 0.930,
        "mean_correct": 44, "mean": 44 / 51, "mean_low": 0.737, "mean_high": 0.943,
    }  # fmt: skip
    output = holdout_sentences(row)
    assert "43 of 51 holdout tracks correctly: 84.3 % (95 % interval 71.4 to 93.0 %)" in output[0] and len(output) == 2
    row |= {"published": 43 / 51, "published_correct": 43, "published_tracks": 51}
    assert "The study reports 43 of 51 (84.3 %)" in holdout_sentences(row)[2]
