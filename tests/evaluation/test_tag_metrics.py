"""Tags: checked at the door, judged as scikit-learn does, and what cannot be judged is named."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sklearn_metrics

from genreflow.errors import UserError
from genreflow.evaluation import metrics, tags
from genreflow.evaluation.tags import TagPredictions, from_frame, of_tracks

NAMES = ("guitar", "piano", "vocal")
GOOD = pd.DataFrame(
    {
        "track_id": ["x", "x", "y"],
        "slice": [0, 1, 0],
        "tags": [["vocal", "guitar"], ["guitar", "vocal"], []],
        "p0": [0.9, 0.5, 0.2],
        "p1": [0.1, 0.3, 0.2],
        "p2": [1, 1, 0],
    }
)


def made_up(rng, *, tracks=80, slices=2, base_rates=(0.5, 0.3, 0.1), skill=0.3):
    has = np.repeat(rng.random((tracks, len(base_rates))) < base_rates, slices, axis=0)
    return TagPredictions(
        np.repeat(np.array([f"t{i:05d}" for i in range(tracks)], object), slices),
        np.tile(np.arange(slices), tracks),
        has,
        np.clip(rng.random(has.shape) + skill * (2 * has - 1), 0, 1).round(2),
        tuple(f"tag{number}" for number in range(len(base_rates))),
    )


def alone(has, proba, classes=None):
    """Predictions of one slice a track."""
    has, proba = np.atleast_2d(np.array(has, bool)), np.atleast_2d(np.array(proba, float))
    ids = np.array([f"t{i:05d}" for i in range(len(has))], object)
    return TagPredictions(ids, np.zeros(len(has), int), has, proba, classes or NAMES[: has.shape[1]])


class TestAtTheDoor:
    def test_tags_become_columns_in_the_order_of_the_classes(self):
        result = from_frame(GOOD, NAMES)
        assert result.tags.tolist() == [[True, False, True], [True, False, True], [False, False, False]]
        assert result.proba[0].tolist() == [0.9, 0.1, 1] and len(result) == 3

    def test_tags_as_parquet_gives_them(self):
        of_arrays = GOOD.assign(tags=[np.array(tags, object) for tags in GOOD.tags])
        assert (from_frame(of_arrays, NAMES).tags == from_frame(GOOD, NAMES).tags).all()

    def test_the_index_of_the_frame_does_not_matter(self):
        result = from_frame(GOOD.set_axis([7, 7, 3]), NAMES)
        assert (result.tags == from_frame(GOOD, NAMES).tags).all()

    @pytest.mark.parametrize(
        ("column", "values", "complaint"),
        [
            ("p0", [1.1, 0.5, 0.2], "1 slice with probabilities that are not numbers from 0 to 1"),
            ("p0", [-0.1, 0.5, np.nan], "2 slices"),
            ("tags", [["vocal"], ["guitar"], []], "one track have different tags, the first is x"),
            ("tags", [["flute"], ["flute", "harp"], []], "was not trained on: flute, harp"),
            ("slice", [1, 1, 0], "slice 1 of track x"),
        ],
    )
    def test_what_cannot_be_evaluated_is_refused_with_a_reason(self, column, values, complaint):
        with pytest.raises(UserError, match=complaint):
            from_frame(GOOD.assign(**{column: values}), NAMES)

    def test_a_missing_column_is_named(self):
        with pytest.raises(UserError, match="p3 is missing"):
            from_frame(GOOD, (*NAMES, "flute"))

    def test_a_tag_named_twice_is_refused(self):
        with pytest.raises(UserError, match="more than once: vocal"):
            alone([[1, 0]], [[1, 0]], classes=("vocal", "vocal"))

    def test_arrays_that_do_not_fit_are_refused(self):
        with pytest.raises(UserError, match="do not fit 1 slices and 2 tags"):
            alone([[1, 0, 1]], [[1, 0]], classes=("vocal", "guitar"))

    def test_probabilities_of_a_slice_need_not_sum_to_one(self):
        alone([[1, 1]], [[0.9, 0.9]])


class TestOfTracks:
    def test_is_the_mean_over_slices(self):
        result = of_tracks(from_frame(GOOD.iloc[[2, 1, 0]], NAMES))
        assert result.track_id.tolist() == ["x", "y"] and result.segment.tolist() == [0, 0]
        np.testing.assert_allclose(result.proba, [[0.7, 0.2, 1], [0.2, 0.2, 0]])
        assert result.tags.tolist() == [[True, False, True], [False, False, False]]

    @given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9))
    def test_does_not_depend_on_the_order_of_rows(self, seed, tracks, slices):
        rng = np.random.default_rng(seed)
        output = made_up(rng, tracks=tracks, slices=slices)
        order = rng.permutation(len(output))
        shuffled = TagPredictions(
            output.track_id[order], output.segment[order], output.tags[order], output.proba[order], output.classes
        )
        assert (of_tracks(output).proba == of_tracks(shuffled).proba).all()
        np.testing.assert_allclose(of_tracks(output).proba, output.proba.reshape(tracks, slices, -1).mean(axis=1))


class TestEvaluate:
    def test_agrees_with_scikit_learn(self):
        output = made_up(np.random.default_rng(0))
        result = tags.evaluate(output)
        for level, items in (("slice", output), ("track", of_tracks(output))):
            yes, true = (items.proba > 0.5).ravel(), items.tags.ravel()
            expected = {
                f"{name}_{average}": score(items.tags, items.proba, average=average)
                for name, score in (
                    ("roc_auc", sklearn_metrics.roc_auc_score),
                    ("pr_auc", sklearn_metrics.average_precision_score),
                )
                for average in ("macro", "micro")
            } | {
                "binary_accuracy": sklearn_metrics.accuracy_score(true, yes),
                "precision_0": sklearn_metrics.precision_score(true, yes, pos_label=False),
                "recall_0": sklearn_metrics.recall_score(true, yes, pos_label=False),
                "precision_1": sklearn_metrics.precision_score(true, yes),
                "recall_1": sklearn_metrics.recall_score(true, yes),
                "base_rate": true.mean(),
                "all_zero_accuracy": sklearn_metrics.accuracy_score(true, np.zeros(len(true))),
                "pr_auc_chance": items.tags.mean(axis=0).mean(),
            }
            assert {name: result[f"{level}_{name}"] for name in expected} == pytest.approx(expected)

    def test_a_model_that_never_says_yes_is_that_of_the_tagging_study(self):
        """Neacsu-Miclea 2023, b-LSTM: accuracy .8062, class 0 precision .8062 and recall 1; 19.38 % are positive."""
        has = np.zeros((10_000, 1), bool)
        has[:1938] = True
        result = tags.evaluate(alone(has, np.full(has.shape, 0.3)))
        names = ("binary_accuracy", "precision_0", "recall_0", "precision_1", "recall_1", "all_zero_accuracy")
        assert [result[f"track_{name}"] for name in names] == pytest.approx([0.8062, 0.8062, 1, 0, 0, 0.8062])
        assert result["track_base_rate"] == pytest.approx(0.1938)

    def test_tags_without_positives_or_negatives_are_named_and_in_no_mean(self):
        """Of three tags only guitar can be ranked; it is ranked perfectly."""
        output = alone([[1, 0, 1], [0, 0, 1]], [[0.9, 0.1, 0.2], [0.2, 0.7, 0.8]])
        result = tags.evaluate(output)
        assert result["tags_without_positives"] == ("piano",) and result["tags_without_negatives"] == ("vocal",)
        assert result["track_roc_auc_macro"] == result["track_pr_auc_macro"] == 1
        assert result["track_pr_auc_chance"] == 0.5 and result["tags"] == 3
        table = tags.areas_table(output, intervals=False).set_index("tag")
        assert table.loc[["piano", "vocal"], ["roc_auc", "pr_auc"]].isna().all(axis=None)
        assert set(tags.curves_table(output)["tag"]) == {"guitar"}

    def test_a_probability_of_a_half_is_no_yes(self):
        assert tags.evaluate(alone([[1], [0]], [[0.5], [0.5]]))["track_recall_1"] == 0

    def test_nothing_is_not_an_error(self):
        nothing = from_frame(GOOD.iloc[:0], NAMES)
        result = tags.evaluate(nothing)
        assert result["tracks"] == result["slices"] == 0 and result["tags_without_positives"] == NAMES
        assert np.isnan([value for name, value in result.items() if name.startswith(("slice_", "track_"))]).all()
        assert len(tags.areas_table(nothing)) == 4 and len(tags.curves_table(nothing)) == 0
        assert len(tags.tags_table(nothing)) == 3


def test_tags_table_agrees_with_scikit_learn():
    output = made_up(np.random.default_rng(1))
    result = tags.tags_table(output)
    expected = sklearn_metrics.precision_recall_fscore_support(output.tags, output.proba > 0.5)
    np.testing.assert_allclose(result[["precision", "recall", "f1"]].to_numpy().T, expected[:3])


class TestAreasTable:
    def test_tags_are_those_of_scikit_learn_and_the_last_row_is_their_mean(self):
        output = of_tracks(made_up(np.random.default_rng(2)))
        table = tags.areas_table(output, intervals=False)
        assert tuple(table) == tags.AREAS and table["tag"].tolist() == [*output.classes, tags.MACRO]
        expected = sklearn_metrics.roc_auc_score(output.tags, output.proba, average=None)
        np.testing.assert_allclose(table["roc_auc"], [*expected, expected.mean()])
        expected = sklearn_metrics.average_precision_score(output.tags, output.proba, average=None)
        np.testing.assert_allclose(table["pr_auc"], [*expected, expected.mean()])
        assert table["positives"].tolist() == [*output.tags.sum(axis=0), output.tags.sum()]
        np.testing.assert_allclose(table["base_rate"], [*output.tags.mean(axis=0), output.tags.mean()])
        assert table["roc_auc_low"].isna().all()

    def test_the_interval_of_average_precision_is_near_that_of_the_bootstrap_where_tracks_are_many(self):
        output = of_tracks(made_up(np.random.default_rng(3), tracks=200, slices=1, base_rates=(0.5, 0.3), skill=0.1))
        row = tags.areas_table(output).iloc[-1]
        low, high = stats.bootstrap(
            [np.arange(len(output))],
            lambda rows: sklearn_metrics.average_precision_score(output.tags[rows], output.proba[rows]),
            n_resamples=150,
            vectorized=False,
            method="percentile",
            rng=np.random.default_rng(0),
        ).confidence_interval
        assert row.pr_auc_high - row.pr_auc_low == pytest.approx(high - low, rel=0.2)
        assert row.pr_auc_low < row.pr_auc < row.pr_auc_high

    def test_the_error_is_that_of_clustered_areas(self):
        """Obuchowski 1997, Nonparametric analysis of clustered ROC curve data: within a tenth, of 60 groups."""
        rng = np.random.default_rng(7)
        group, level = np.repeat(np.arange(60), 6), np.repeat(rng.normal(size=60), 6)
        has = rng.random(360) < 0.4
        score = rng.normal(size=360) + level + has
        output = alone(has[:, None], 1 / (1 + np.exp(-score))[:, None])
        row = tags.areas_table(output, groups=pd.Series(group, index=output.track_id)).iloc[0]
        wins = (score[has][:, None] > score[~has]).astype(float)
        area = wins.mean()
        of_positive = pd.Series(wins.mean(axis=1) - area).groupby(group[has]).sum().reindex(range(60), fill_value=0)
        of_negative = pd.Series(wins.mean(axis=0) - area).groupby(group[~has]).sum().reindex(range(60), fill_value=0)
        influence = of_positive / has.sum() + of_negative / (~has).sum()
        error = np.sqrt(60 / 59 * (influence**2).sum())
        width = np.log(row.roc_auc_high / (1 - row.roc_auc_high)) - np.log(row.roc_auc_low / (1 - row.roc_auc_low))
        assert width * area * (1 - area) / 2 / 2.0 == pytest.approx(error, rel=0.1)

    def test_tracks_of_a_group_are_left_out_together(self):
        """Ten tracks of a group that are all alike: sqrt(10) times wider than of tracks on their own."""
        rng = np.random.default_rng(4)
        has, proba = rng.random((60, 2)) < 0.4, rng.random((60, 2))
        output = alone(np.repeat(has, 10, axis=0), np.repeat(np.clip(proba + 0.2 * has, 0, 1), 10, axis=0))
        groups = pd.Series(np.repeat(np.arange(60), 10), index=output.track_id)
        wide, narrow = (tags.areas_table(output, groups=known).iloc[-1] for known in (groups, None))
        for name in ("roc_auc", "pr_auc"):
            ratio = (wide[f"{name}_high"] - wide[f"{name}_low"]) / (narrow[f"{name}_high"] - narrow[f"{name}_low"])
            assert ratio == pytest.approx(np.sqrt(10), rel=0.15)

    def test_value_and_interval_of_several_rounds_are_those_of_their_mean(self):
        """The same round twice changes nothing; of two rounds, groups are left out of both."""
        one, other = (of_tracks(made_up(np.random.default_rng(6), skill=skill)) for skill in (0.3, 0.1))
        table = tags.areas_table(one)
        pd.testing.assert_frame_equal(tags.areas_table(one, one), table)
        both, second = tags.areas_table(one, other), tags.areas_table(other)
        for name in ("roc_auc", "pr_auc"):
            np.testing.assert_allclose(both[name], (table[name] + second[name]) / 2)
            assert ((both[f"{name}_low"] < both[name]) & (both[name] < both[f"{name}_high"])).all()

    def test_a_tag_of_too_few_groups_has_no_interval_and_makes_that_of_the_mean_no_narrower(self):
        output = made_up(np.random.default_rng(5), slices=1, base_rates=(0.5, 0.4))
        rare = np.arange(len(output)) == 0
        has, proba = np.column_stack([output.tags, rare]), np.column_stack([output.proba, output.proba[:, 0]])
        table = tags.areas_table(alone(has, proba)).set_index("tag")
        assert np.isfinite(table.loc["vocal", "roc_auc"]) and np.isnan(table.loc["vocal", "roc_auc_low"])
        assert table.loc[["guitar", "piano", tags.MACRO], ["roc_auc_low", "pr_auc_high"]].notna().all(axis=None)
        width = table.roc_auc_high - table.roc_auc_low
        assert width[tags.MACRO] > width[["guitar", "piano"]].mean() / 2

    def test_a_perfect_area_of_few_groups_is_not_certainty(self):
        has = np.arange(30) < 4
        row = tags.areas_table(alone(has[:, None], np.where(has, 0.9, 0.1)[:, None])).iloc[0]
        assert row.roc_auc == row.roc_auc_high == 1 and row.roc_auc_low == pytest.approx(0.025 ** (1 / 4))

    def test_many_tracks_are_left_out_in_parts(self):
        """2,000 tracks in 200 parts: the width of all 2,000 left out in turn."""
        rng = np.random.default_rng(9)
        has = rng.random((2_000, 1)) < 0.2
        output = alone(has, np.clip(rng.random(has.shape) * 0.8 + 0.2 * has, 0, 1))
        row = tags.areas_table(output).iloc[0]
        influence = row.roc_auc - metrics.areas(has[:, 0], output.proba[:, 0], np.arange(2_000), 2_000)[0][1:]
        error = np.sqrt((influence**2).sum())
        scale = row.roc_auc * (1 - row.roc_auc)
        width = np.log(row.roc_auc_high / (1 - row.roc_auc_high)) - np.log(row.roc_auc_low / (1 - row.roc_auc_low))
        assert width * scale / (2 * 1.97) == pytest.approx(error, rel=0.12)


class TestCurves:
    def test_short_ones_are_those_of_scikit_learn(self):
        output = alone([[1], [0], [1], [0], [1]], [[0.9], [0.8], [0.8], [0.3], [0.1]])
        table = tags.curves_table(output).set_index("curve")
        false, true, threshold = sklearn_metrics.roc_curve(output.tags, output.proba, drop_intermediate=False)
        np.testing.assert_allclose(table.loc["roc", ["x", "y", "threshold"]].T, [false, true, threshold])
        precision, recall, threshold = sklearn_metrics.precision_recall_curve(output.tags, output.proba)
        np.testing.assert_allclose(table.loc["pr", ["x", "y"]].T, [recall[::-1], precision[::-1]])
        np.testing.assert_allclose(table.loc["pr", "threshold"], [np.inf, *threshold[::-1]])

    def test_long_ones_are_thinned_and_keep_their_ends_and_area(self):
        rng = np.random.default_rng(0)
        has = rng.random((4000, 2)) < 0.2
        output = alone(has, np.clip(0.5 * rng.random(has.shape) + 0.3 * has, 0, 1))
        table = tags.curves_table(output)
        areas = tags.areas_table(output, intervals=False).set_index("tag")
        assert tuple(table) == tags.CURVES
        for (tag, curve), points in table.groupby(["tag", "curve"]):
            assert 150 < len(points) <= tags.POINTS
            ends = points[["x", "y"]].iloc[[0, -1]].to_numpy().tolist()
            last = [1, 1] if curve == "roc" else [1, pytest.approx(areas.loc[tag, "base_rate"])]
            assert ends == [[0, 0 if curve == "roc" else 1], last]
            area = np.trapezoid(points.y, points.x)
            assert area == pytest.approx(areas.loc[tag, f"{curve}_auc"], abs=0.004)

    @settings(max_examples=30)
    @given(st.integers(0, 2**32), st.integers(2, 30), st.integers(3, 20))
    def test_properties(self, seed, tracks, points):
        output = made_up(np.random.default_rng(seed), tracks=tracks, slices=1)
        for (_, curve), rows in tags.curves_table(output, points=points).groupby(["tag", "curve"]):
            assert 2 <= len(rows) <= points
            assert rows.x.is_monotonic_increasing and rows.threshold.is_monotonic_decreasing
            assert curve == "pr" or rows.y.is_monotonic_increasing
            assert rows[["x", "y"]].stack().between(0, 1).all()


def test_intervals_contain_their_estimate_whatever_the_tags():
    """Also of rare tags, of few groups, and of the mean over repeats."""
    rng = np.random.default_rng(0)
    for tracks, groups, rounds in itertools.product((12, 60, 300), (4, 12), (1, 3)):
        has = rng.random((tracks, 6)) < [0.02, 0.05, 0.1, 0.3, 0.6, 0.95]
        names = np.array([f"t{number:03}" for number in range(tracks)], object)
        parts = [
            TagPredictions(names, np.zeros(tracks, int), has, np.clip(0.3 * has + 0.7 * rng.random(has.shape), 0, 1),
                           tuple("abcdef"))
            for _ in range(rounds)
        ]  # fmt: skip
        table = tags.areas_table(*parts, groups=pd.Series(rng.integers(groups, size=tracks), names))
        for area in ("roc_auc", "pr_auc"):
            known = table[table[f"{area}_low"].notna()]
            assert ((known[f"{area}_low"] <= known[area]) & (known[area] <= known[f"{area}_high"])).all()
            assert len(known)
