"""One verdict knows the audits: a leak, or a trivial answer that is as good, changes the sentence."""

import pandas as pd
import pytest

from genreflow.evaluation.headline import headline
from genreflow.evaluation.verdict import MOST_COMMON, verdict_on
from genreflow.folds.leakage import COLUMNS

FACTS = {"accuracy": 0.83, "low": 0.78, "high": 0.88, "baseline": 0.2}


def audit(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def encoding(what, share, verdict):
    return "encoding", "all", what, int(100 * share), share, verdict, f"The {what} predicts."


def copies(verdict="leak"):
    return "duplicates", "1", "recording", 3, 0.1, verdict, "Fold 1: 3 of 30 tested tracks are copies."


@pytest.mark.parametrize(
    ("checks", "standing", "words"),
    [
        ((), "sound", "Always predicting the most common class gives 20.0 %; the whole interval lies above"),
        ((copies("ok"),), "sound", "has learned to distinguish classes"),
        (
            (copies(),),
            "leaky",
            "too high by an unknown amount: 1 check found a leak from training to tested tracks",
        ),
        (
            (encoding("bandwidth_hz", 0.79, "leak"),),
            "doubtful",
            "The bandwidth of the file alone gives 79.0 %, which is as good: the model may have learned the bandwidth",
        ),
        ((encoding("codec", 0.65, "leak"),), "doubtful", "far more than chance: the model may have learned the codec"),
        ((encoding("codec", 0.35, "note"),), "sound", "The codec of the file alone gives 35.0 %; the whole interval"),
        ((encoding("codec", 0.25, "ok"),), "sound", "Always predicting"),
        ((copies(), encoding("codec", 0.9, "leak")), "leaky", "too high"),
    ],
)
def test_what_the_audits_found_changes_it(checks, standing, words):
    verdict = verdict_on(FACTS, audit(*checks))
    assert verdict.standing == standing
    assert words in verdict.sentence


def test_the_best_trivial_answer_is_the_baseline_and_has_its_name():
    verdict = verdict_on(FACTS, audit(encoding("codec", 0.5, "note"), encoding("level", 0.6, "note")))
    assert (verdict.baseline, verdict.baseline_name) == (0.6, "level after normalization")
    assert verdict_on(FACTS, None).baseline_name == MOST_COMMON


def test_without_an_accuracy_there_is_nothing_to_judge():
    assert verdict_on({"accuracy": None, "low": None, "high": None, "baseline": None}, audit()).standing == "open"


def test_the_first_sentence_of_a_report_says_it():
    row = dict.fromkeys(("track_majority", "track_mean"), 0.83) | {
        "track_majority_low": 0.78, "track_majority_high": 0.88, "track_mean_low": 0.78, "track_mean_high": 0.88,
        "roc_auc": None, "tracks": 100, "groups": 50, "slices": 900, "baseline": 0.2, "folds": 5,
        "rounds": 1, "diverged": 0, "slice_accuracy": 0.7, "slice_low": 0.6, "slice_high": 0.8,
    }  # fmt: skip
    files = pd.DataFrame({"tracks": [50, 50], "quarantined": 0, "accepted": 50, "warned": 0, "slices": 450})
    content = headline(files, row, audit(encoding("bandwidth_hz", 0.79, "leak")))
    assert content["standing"] == "doubtful"
    assert "in 2 classes, but the bandwidth of the file alone gives 79.0 %." in content["sentences"][0]
    content = headline(files, row, audit(copies()))
    assert ", but tested tracks are known from training: copies of them are trained on." in content["sentences"][0]
    assert "was not trained on it" not in content["sentences"][0]
    tags = row | {"roc_auc": 0.8, "roc_auc_low": 0.7, "roc_auc_high": 0.9, "pr_auc": 0.4, "pr_auc_low": 0.3}
    content = headline(files, tags | {"pr_auc_high": 0.5, "track_majority": None}, audit(copies()), divided=3)
    assert "not trained on, but tested tracks are known from training: copies" in content["sentences"][0]
    assert "The tracks belong to 50 groups, and 3 of all groups are on both sides of a fold" in " ".join(
        content["sentences"]
    )
