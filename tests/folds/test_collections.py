"""Folds that leave one collection out: what is tested, what is trained on, and what is refused."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.config.folds import FoldSettings
from genreflow.errors import UserError
from genreflow.folds.assign import assign

LEFT_OUT = FoldSettings(scheme="leave_one_collection_out")


def tracks_of(rows):
    """Return tracks from collection, label and group."""
    return pd.DataFrame(
        [(f"{number:03}", label, group, split) for number, (split, label, group) in enumerate(rows)],
        columns=["track_id", "label", "group", "split"],
    )


def collection(name, labels="ab", n=4):
    return [(name, label, f"{name}/{label}{number}") for label in labels for number in range(n)]


def test_each_collection_is_tested_once_and_the_final_model_trains_on_all():
    folds = assign(tracks_of(collection("y") + collection("x") + collection("z")), LEFT_OUT)
    tested = folds[folds["role"] == "test"].groupby("fold")["group"].agg(lambda groups: {each[0] for each in groups})
    assert tested.to_dict() == {"1": {"x"}, "2": {"y"}, "3": {"z"}}
    assert (folds[folds["fold"] == "final"]["role"] == "train").all()
    assert folds.groupby("fold").size().eq(24).all()


def test_tracks_of_a_group_in_two_collections_are_trained_on_and_never_tested():
    shared = [("x", "a", "artist:both"), ("y", "b", "artist:both")]
    folds = assign(tracks_of(collection("x") + collection("y") + shared), LEFT_OUT)
    both = folds[folds["group"] == "artist:both"]
    assert set(both["role"]) == {"train"} and both.groupby("fold").size().to_dict() == {"1": 1, "2": 1, "final": 2}


def test_classes_of_a_single_collection_are_left_out():
    folds = assign(tracks_of(collection("x", "abc") + collection("y", "abd") + collection("z", "bc")), LEFT_OUT)
    assert set(folds["label"]) == {"a", "b", "c"}


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("abc"), st.integers(0, 12)), min_size=6, max_size=60))
@pytest.mark.end_to_end
def test_no_group_is_on_two_sides_and_no_tested_class_is_untrained(rows):
    tracks = tracks_of([(split, label, f"g{group}") for split, label, group in rows])
    try:
        folds = assign(tracks, LEFT_OUT)
    except UserError:
        return
    for _, fold in folds.groupby("fold"):
        trained = fold["role"] == "train"
        assert not set(fold[trained]["group"]) & set(fold[~trained]["group"])
        assert set(fold[~trained]["label"]) <= set(fold[trained]["label"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (collection("x"), "needs tracks of several collections"),
        (collection("x", "ab") + collection("y", "bc"), "fewer than two classes in common .*x: a, b; y: b, c"),
        (collection("x") + collection("y") + collection("z", "q"), "No other collection has the classes of z"),
    ],
)
def test_what_cannot_be_left_out_is_refused_with_the_reason(rows, message):
    with pytest.raises(UserError, match=message):
        assign(tracks_of(rows), LEFT_OUT)


def test_a_holdout_beside_it_is_refused():
    with pytest.raises(ValueError, match="holds out collections, and nothing else"):
        FoldSettings(scheme="leave_one_collection_out", holdout=5)
