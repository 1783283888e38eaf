"""Other collections: what counts, what is left out, and what is concluded."""

import numpy as np
import pandas as pd
import pytest

from genreflow.evaluation.cross_dataset import (
    JUDGED,
    KNOWN,
    OTHER_CLASS,
    REFUSED,
    TRACKS,
    Inside,
    by_class,
    difference_interval,
    sentences,
    summary,
)
from genreflow.evaluation.verdict import beats_chance

CLASSES = ("goa", "dark", "chill")


def tracks_of(*rows):
    """Return tracks from label, predicted, fate and whether the model answered."""
    table = [
        (
            f"{number:02}",
            f"{label}/{number}",
            label,
            f"{number:02}",
            fate,
            predicted,
            "",
            0.8,
            answered,
            0.5,
            3,
            30.0,
            "",
        )
        for number, (label, predicted, fate, answered) in enumerate(rows)
    ]
    return pd.DataFrame(table, columns=list(TRACKS))


def judged(right, wrong, label="goa"):
    other = "dark" if label == "goa" else "goa"
    return [(label, label, JUDGED, True)] * right + [(label, other, JUDGED, True)] * wrong


def row_of(rows, inside=None):
    return summary(tracks_of(*rows), CLASSES, inside or Inside(), dataset="other")


def test_counts_the_judged_and_leaves_the_others_out():
    rows = judged(6, 2) + judged(4, 4, "dark")
    rows += (
        [("goa", "goa", KNOWN, True)] * 3 + [("polka", "goa", OTHER_CLASS, True)] * 2 + [("goa", "", REFUSED, False)]
    )
    row = row_of(rows)
    assert (row["tracks"], row["correct"], row["accuracy"]) == (16, 10, 10 / 16)
    assert (row["known"], row["other_class"], row["refused"]) == (3, 2, 1)
    assert (row["only_here"], row["only_there"]) == ("chill", "polka")
    assert row["baseline"] == 0.5 and row["accuracy_low"] < 10 / 16 < row["accuracy_high"]


def test_abstaining_is_told_apart_from_being_wrong():
    rows = [("goa", "goa", JUDGED, True)] * 3 + [("goa", "dark", JUDGED, False)] * 5
    row = row_of(rows)
    assert row["accuracy"] == 3 / 8 and row["answered"] == 3 / 8 and row["right"] == 1
    assert "abstains on 62.5 % of these tracks; 100.0 % of its other answers are right" in " ".join(sentences(row))


def test_a_drop_is_named_only_where_the_interval_shows_one():
    shown = row_of(judged(10, 30) + judged(10, 30, "dark"), Inside(0.9, 0.85, 0.94))
    assert shown["drop"] == pytest.approx(0.65) and shown["drop_low"] > 0.5
    assert "65.0 points less" in " ".join(sentences(shown))
    unclear = row_of(judged(4, 1) + judged(4, 1, "dark"), Inside(0.85, 0.7, 0.95))
    assert "do not show a drop" in " ".join(sentences(unclear))
    assert "within its own collection" not in " ".join(sentences(row_of(judged(4, 1))))


def test_no_better_than_chance_is_said_first_and_decides_the_standing():
    good, bad = row_of(judged(19, 1) + judged(18, 2, "dark")), row_of(judged(10, 10) + judged(10, 10, "dark"))
    assert beats_chance(good) and not beats_chance(bad)
    assert "not shown to be better" in sentences(bad)[0] and "not shown" not in sentences(good)[0]


def test_what_is_left_out_is_said_with_the_remedy():
    text = " ".join(sentences(row_of([("polka", "goa", OTHER_CLASS, True), ("goa", "goa", KNOWN, True)])))
    assert "no track could be judged" in text and "labels.aliases" in text and "polka" in text
    assert "1 track of «other» is also in the training collection, and was left out." in text


def test_by_class_has_the_classes_of_both_sides():
    rows = by_class(tracks_of(*judged(3, 1), *judged(1, 3, "dark")), CLASSES, Inside(classes={"goa": 0.9}), dataset="x")
    assert [(row["class"], row["tracks"], row["accuracy"]) for row in rows] == [("goa", 4, 0.75), ("dark", 4, 0.25)]
    assert rows[0]["drop"] == pytest.approx(0.15) and np.isnan(rows[1]["drop"])


def test_difference_interval_is_that_of_newcombe():
    """56/70 against 48/80, Wilson intervals: 0.0524 to 0.3339 (Newcombe 1998, Table II, method 10)."""
    low, high = difference_interval((0.8, 0.6920, 0.8769), (0.6, 0.4904, 0.7004))
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=3e-4)
    assert np.isnan(difference_interval((0.8, np.nan, np.nan), (0.6, 0.5, 0.7))).all()


def test_answers_that_claim_what_they_hold_have_a_small_calibration_error():
    honest = row_of(judged(16, 4) + judged(16, 4, "dark"))  # probability 0.8, right in 80 %
    boastful = row_of(judged(4, 16) + judged(4, 16, "dark"))
    assert honest["ece"] < 1e-9 and boastful["ece"] == pytest.approx(0.6)
