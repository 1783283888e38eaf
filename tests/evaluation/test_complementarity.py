"""Who is right when: the errors of two fused models."""

import pandas as pd
import pytest

from genreflow.evaluation.complementarity import ALL, COMPLEMENTARITY, complementarity_table

FUSION = {"model": "fusion", "setting": "f", "protocol": "p", "members": [("a", "s"), ("b", "s")]}
RIGHT = {"a": [1, 1, 0, 0, 1, 0], "b": [1, 0, 1, 0, 1, 0], "fusion": [1, 1, 1, 0, 1, 1]}


@pytest.fixture
def tracks():
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "model": model, "setting": "f" if model == "fusion" else "s", "fold": "1", "repeat": 0,
                    "track_id": list("uvwxyz"), "true": ["jazz"] * 4 + ["rock"] * 2, "correct": right,
                }
            )
            for model, right in RIGHT.items()
        ]
    )  # fmt: skip


def test_tracks_are_counted_by_who_is_right(tracks):
    table = complementarity_table([FUSION], tracks).set_index("class")
    counts = table[["tracks", "both", "only_first", "only_second", "neither"]]
    assert counts.loc[ALL].tolist() == [6, 2, 1, 1, 2]
    assert counts.loc["rock"].tolist() == [2, 1, 0, 0, 1]
    assert (table.loc[ALL, "either"], table.loc[ALL, "fused"]) == pytest.approx((4 / 6, 5 / 6))
    assert (table.loc[ALL, "fused_of_one"], table.loc[ALL, "fused_of_none"]) == (1.0, 0.5)
    assert table.loc[ALL, "yule_q"] == pytest.approx((2 * 2 - 1) / (2 * 2 + 1))


def test_models_that_err_alike_have_a_q_of_one(tracks):
    same = [FUSION | {"members": [("a", "s"), ("a", "s")]}]
    assert complementarity_table(same, tracks)["yule_q"].iloc[0] == 1


def test_fusions_of_more_models_are_left_out(tracks):
    more = FUSION | {"members": [("a", "s"), ("b", "s"), ("a", "s")]}
    empty = complementarity_table([more], tracks)
    assert empty.empty and list(empty.columns) == list(COMPLEMENTARITY)
