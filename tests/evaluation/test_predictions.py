"""Predictions are checked once, at the door."""

import numpy as np
import pandas as pd
import pytest
from made_up import predictions, take_tracks

from genreflow.errors import UserError
from genreflow.evaluation.predictions import from_frame, pool

GOOD = pd.DataFrame(
    {
        "track_id": ["x", "x", "y"],
        "slice": [0, 1, 0],
        "label": ["b", "b", "a"],
        "p0": [0.4, 0.1, 1],
        "p1": [0.6, 0.9, 0],
    }
)


def test_labels_become_numbers_in_the_order_of_the_classes():
    result = from_frame(GOOD, ["a", "b"])
    assert result.label.tolist() == [1, 1, 0] and result.predicted.tolist() == [1, 1, 0] and result.correct.all()


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("p0", [0.4, 0.1, 0.9], "do not sum to 1"),
        ("p0", [0.4, 0.1, np.nan], "negative or not finite"),
        ("p0", [0.4, 0.1, np.inf], "negative or not finite"),
        ("p0", [-0.4, 0.1, 1], "negative"),
        ("label", ["b", "b", "z"], "1 label not among the classes a, b"),
        ("label", ["b", "a", "a"], "different labels"),
        ("slice", [1, 1, 0], "slice 1 of track x"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_a_reason(column, values, complaint):
    with pytest.raises(UserError, match=complaint):
        from_frame(GOOD.assign(**{column: values}), ["a", "b"])


def test_rounding_of_float32_or_bfloat16_is_not_refused():
    from_frame(GOOD.assign(p0=GOOD.p0 + 9e-4), ["a", "b"])


def test_a_missing_column_is_named():
    with pytest.raises(UserError, match="p2 is missing"):
        from_frame(GOOD, ["a", "b", "c"])


def test_a_single_class_is_refused():
    with pytest.raises(UserError, match="two classes"):
        predictions([("x", 0, [1.0])], classes=["a"])


def test_parts_of_one_table_pool_to_the_whole_and_overlapping_ones_are_refused():
    whole = from_frame(GOOD, ["a", "b"])
    again = pool([take_tracks(whole, {"x"}), take_tracks(whole, {"y"})])
    assert again.track_id.tolist() == ["x", "x", "y"] and (again.proba == whole.proba).all()
    with pytest.raises(UserError, match="more than once"):
        pool([whole, take_tracks(whole, {"x"})])


def test_parts_with_other_classes_are_refused():
    with pytest.raises(UserError, match="classes differ"):
        pool([from_frame(GOOD, ["a", "b"]), from_frame(GOOD, ["b", "a"])])
