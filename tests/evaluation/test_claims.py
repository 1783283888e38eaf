"""What a published study claims, beside our results."""

import numpy as np
import pandas as pd
import pytest
from made_up import PUBLISHED

from genreflow.evaluation import claims
from genreflow.evaluation.claims import CLAIMS, NOT_REPRODUCED, OPEN, REPRODUCED, Value, claims_table, judged, summary
from genreflow.evaluation.intervals import accuracy_interval
from genreflow.evaluation.registry import NOTHING
from genreflow.evaluation.study import TABLES

FACTS = {"network": "cnn", "original": True, "protocol": "files"}
STUDY = {
    "protocols": {"files": {"standin": False}},
    "settings": [
        FACTS | {"model": "cnn", "setting": f"dropout={value}", "values": {"dropout": value}} for value in (0.2, 0.8)
    ],
    "experiments": {"dropout": {"values": [(value, "cnn", f"dropout={value}") for value in (0.2, 0.8)]}},
}
SCORES = pd.DataFrame(
    [
        ("0.2", "test", 1000, 0.70),
        ("0.8", "test", 1000, 0.90),
        ("0.2", "train", np.nan, 0.80),
    ],
    columns=["value", "role", "n", "score"],
).assign(
    item="Table 1", experiment="dropout", model="cnn", axis="dropout", level="slice", metric="accuracy", low=np.nan,
    high=np.nan, sd=np.nan, source="S",
)  # fmt: skip
SETTINGS = pd.DataFrame(
    {
        "model": "cnn", "setting": ["dropout=0.2", "dropout=0.8"], "slice_accuracy": [0.69, 0.60],
        "slice_low": [0.66, 0.57], "slice_high": [0.72, 0.63], "train_accuracy": [0.9, 0.8],
    }
)  # fmt: skip
TEXT = ["item", "claim", "experiment", "value", "than", "metric", "least", "most", "source", "remark"]


def tables(difference=0.09, low=0.02, high=0.16, is_significant=True):
    pair = {"experiment": "dropout", "a": "0.2", "b": "0.8", "difference": difference, "low": low, "high": high}
    return {
        "settings": SETTINGS, "comparisons": pd.DataFrame([pair | {"is_significant": is_significant}]),
        "scores": pd.DataFrame(columns=["model", "setting", "metric", "value"]), "holdout": pd.DataFrame(),
        "history": pd.DataFrame(columns=["model", "setting"]),
    }  # fmt: skip


def text(**row):
    return {"claims": pd.DataFrame([dict.fromkeys(TEXT, "") | {"claim": "it is better"} | row], columns=TEXT)}


def test_every_published_number_is_a_row_with_ours_beside_it():
    result = claims_table(STUDY, {"scores": SCORES}, tables())
    assert list(result.columns) == list(CLAIMS) and len(result) == len(SCORES)
    assert list(result["ours"]) == [0.69, 0.60, 0.9]
    assert list(result["verdict"]) == [REPRODUCED, NOT_REPRODUCED, OPEN]
    assert list(result["why"]) == ["the intervals overlap", "ours is lower", "ours has no interval"]
    assert summary(result) == ["3 claims of the study: 1 reproduced, 1 not reproduced, 1 cannot be judged here."]


def test_synthetic_music_and_other_protocols_judge_nothing_but_show_ours():
    synthetic = STUDY | {"protocols": {"files": {"standin": True}}}
    result = claims_table(synthetic, {"scores": SCORES} | text(experiment="dropout", value="0.2", than="*"), tables())
    assert set(result["verdict"]) == {OPEN} and result["ours"].notna().all()
    assert set(result["why"].str.contains("on synthetic music")) == {True}
    other = STUDY | {"settings": [facts | {"original": False} for facts in STUDY["settings"]]}
    assert set(claims_table(other, {"scores": SCORES}, tables())["why"]) == {"under another protocol"}


def test_a_number_of_no_setting_is_not_measured():
    result = claims_table(STUDY | {"settings": []}, {"scores": SCORES}, tables())
    assert set(result["why"]) == {"no setting here measures it"} and result["ours"].isna().all()


@pytest.mark.parametrize(
    ("pair", "verdict"),
    [
        ((0.09, 0.02, 0.16, True), REPRODUCED),
        ((0.01, -0.04, 0.06, False), OPEN),
        ((-0.09, -0.16, -0.02, True), NOT_REPRODUCED),
    ],
)
@pytest.mark.parametrize(("value", "than"), [("0.2", "*"), ("0.2", "0.8"), ("0.2|0.3", "0.*")])
def test_a_difference_is_judged_by_the_test_of_the_pair(pair, verdict, value, than):
    row = claims_table(STUDY, text(experiment="dropout", value=value, than=than), tables(*pair)).iloc[0]
    assert (row["verdict"], row["ours"], row["low"]) == (verdict, pair[0], pair[1])


def test_the_other_side_of_a_pair_has_the_other_sign():
    row = claims_table(STUDY, text(experiment="dropout", value="0.8", than="*"), tables()).iloc[0]
    assert (row["verdict"], row["ours"], row["low"], row["high"]) == (NOT_REPRODUCED, -0.09, -0.16, -0.02)


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"most": "0.8"}, REPRODUCED),
        ({"most": "0.7"}, OPEN),
        ({"most": "0.5"}, NOT_REPRODUCED),
        ({"least": "0.5"}, REPRODUCED),
    ],
)
def test_a_bound_holds_for_all_settings_of_an_experiment(bound, verdict):
    given = text(experiment="dropout", metric="slice_accuracy", **bound)
    assert claims_table(STUDY, given, tables()).iloc[0]["verdict"] == verdict


def test_what_no_test_decides_says_why():
    row = claims_table(STUDY, text(remark="its music is private"), tables()).iloc[0]
    assert (row["verdict"], row["why"]) == (OPEN, "its music is private")


def test_two_intervals_that_overlap_agree():
    assert judged(Value(0.5, 0.4, 0.6), Value(0.65, 0.55, 0.75))[0] == REPRODUCED
    assert judged(Value(0.5), Value(0.65, 0.55, 0.75)) == (NOT_REPRODUCED, "ours is higher")
    assert judged(Value(np.nan, 0.6, 0.68), Value(0.5, 0.4, 0.59))[0] == NOT_REPRODUCED
    assert claims.summary(pd.DataFrame(columns=CLAIMS)) == []


def test_a_published_bound_is_shown_and_all_settings_are_judged_by_it():
    rows = SCORES.iloc[:1].assign(axis=np.nan, value=np.nan, score=np.nan, n=np.nan)
    row = claims_table(STUDY, {"scores": rows.assign(high=0.75)}, tables()).iloc[0]
    assert (row["claim"], row["verdict"], row["ours"]) == (
        "cnn, every setting: accuracy, test slices", REPRODUCED, 0.69,
    )  # fmt: skip
    shown = [column.format(*row[list(column.keys)]) for column in claims.TABLES[0].shown]
    assert shown[2] == "at most 75.0" and shown[3] == "69.0 [66.0, 72.0]"
    assert claims_table(STUDY, {"scores": rows.assign(high=0.7)}, tables()).iloc[0]["verdict"] == OPEN
    assert claims_table(STUDY, {"scores": rows.assign(low=0.7)}, tables()).iloc[0]["verdict"] == NOT_REPRODUCED


def test_no_row_of_a_published_study_stands_without_a_number():
    for name in ("psytrance", "western8", "genre_mood", "tagging", "feature_maps"):
        scores = pd.read_csv(PUBLISHED / f"{name}_scores.csv", keep_default_na=False, na_values=[""])
        table = claims_table(STUDY, {"scores": scores}, tables() | {"holdout": pd.DataFrame()})
        published = claims.TABLES[0].shown[2]
        shown = [published.format(*row) for row in table[list(published.keys)].itertuples(index=False)]
        assert NOTHING not in shown, name


def test_areas_are_fractions_and_accuracies_are_percent():
    ours = claims.TABLES[0].shown[3]
    assert ours.format(0.873, 0.851, 0.892, "area") == "0.873 [0.851, 0.892]"
    assert ours.format(0.873, 0.851, 0.892, "%") == "87.3 [85.1, 89.2]"
    every = [column for table in TABLES.values() for column in table.shown if "AUC" in column.heading]
    assert every and not any("%" in column.heading for column in every)
    assert {column.format(0.9, *[0.8] * (len(column.keys) - 1))[:5] for column in every} == {"0.900"}


def test_the_holdout_is_judged_by_its_groups():
    row = SCORES.iloc[:1].assign(role="holdout", level="track", n=51)
    tracks = {"predicted_majority": ["a"] * 9 + ["b"], "predicted_mean": "a", "true": "a"}
    names = dict.fromkeys(("model", "setting", "protocol"), "")
    holdout = pd.DataFrame(names | tracks | {"group": ["g", "h"] * 5, "track_id": list("0123456789")})
    row = claims_table(STUDY, {"scores": row}, tables() | {"holdout": holdout}).iloc[0]
    assert row["ours"] == 0.9 and row["low"] == accuracy_interval(np.arange(10) < 9, holdout["group"])[0]
