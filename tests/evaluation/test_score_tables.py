"""Every metric, calibration, tags and comparisons of runs; fusions judged as one model; repeats and random draws."""

import numpy as np
import pandas as pd
import pytest
from made_up import CLASSES, PUBLISHED

from genreflow.evaluation import score_tables, tables
from genreflow.evaluation.fusion import fused_runs
from genreflow.evaluation.published import published_metrics

FOLDS = ("1", "2", "3")
NOTHING = published_metrics({}, [], None)
PLAN = [{"model": "cnn", "setting": setting, "protocol": "standard"} for setting in ("dropout=0.2", "dropout=0.5")]


@pytest.fixture
def runs(make_run):
    return [
        make_run(setting, fold, skill)
        for setting, skill in (("dropout=0.2", 0.9), ("dropout=0.5", 0.4))
        for fold in FOLDS
    ]


def watched(run, folds):
    """A run that has also predicted ten slices of three of its training tracks, as validation."""
    output = run["predictions"]
    tracks = folds[(folds.fold == run["fold"]) & (folds.role == "train")].head(3)
    rows = [
        {"track_id": row.track_id, "label": row.label, "role": "validation", "slice": number, "start_s": 0.0,
         **dict(zip(("p0", "p1", "p2"), np.where(np.arange(3) == CLASSES.index(row.label), 0.6, 0.2), strict=True))}
        for row in tracks.itertuples() for number in range(10)
    ]  # fmt: skip
    return run | {"predictions": pd.concat([output, pd.DataFrame(rows)], ignore_index=True)}


def tagged(run):
    """A run that knows the tags a, b and c instead, of which every track has its class and one more."""
    output = run["predictions"]
    return run | {
        "info": run["info"] | {"tags": True},
        "predictions": output.assign(tags=[sorted({label, "c"}) for label in output["label"]]).drop(columns="label"),
    }


def test_every_metric_has_a_row_and_agrees_with_the_settings(runs, folds):
    result = score_tables.scores_table(runs, NOTHING)
    assert tuple(result.columns) == score_tables.SCORES
    values = result[result.setting == "dropout=0.2"].set_index("metric").value
    ours = tables.settings_table(runs, folds).set_index("setting").loc["dropout=0.2"]
    assert values["track_accuracy_majority"] == pytest.approx(ours.track_majority)
    assert values["track_accuracy_mean"] == pytest.approx(ours.track_mean)
    assert {"slice_ece", "slice_brier", "track_macro_f1", "slice_roc_auc"} <= set(values.index)
    assert "temperature" not in values.index


def test_metrics_that_no_experiment_compares_stand_beside_the_published_ones(runs):
    settings = [
        {
            "model": "cnn",
            "setting": "dropout=0.2",
            "network": "western8_cnn",
            "original": True,
            "values": {"seconds": 30},
        }
    ]
    experiments = {"models": {"values": [("cnn", "cnn", "dropout=0.2")]}}
    known = published_metrics(experiments, settings, pd.read_csv(PUBLISHED / "western8_scores.csv"))
    assert known.to_dict("records") == [
        {"model": "cnn", "setting": "dropout=0.2", "metric": "track_class_index_mse", "published": 4.664}
    ]
    result = score_tables.scores_table(runs, known)
    assert result.published.notna().sum() == 1
    others = [settings[0] | {"network": "nobody's"}]
    unknown = published_metrics(experiments, others, pd.read_csv(PUBLISHED / "western8_scores.csv"))
    assert unknown.empty and list(unknown.columns) == list(known.columns)


def test_temperatures_are_fitted_to_validation_slices(runs, folds):
    judged = [watched(run, folds) for run in runs]
    before, after = (score_tables.calibration_table(each) for each in (runs, judged))
    assert set(before.state) == {"before"} and set(after.state) == {"before", "after"}
    assert (after[after.state == "after"].temperature != 1).all()
    assert (after.groupby(["setting", "state"])["count"].sum() == 340).all()
    assert tables.settings_table(judged, folds).validation_accuracy.eq(1).all()


def test_tags_have_areas_and_no_accuracy(runs, folds):
    judged = [tagged(run) for run in runs]
    row = tables.settings_table(judged, folds).iloc[0]
    assert (
        np.isnan(row.track_majority) and 0.5 < row.roc_auc <= 1 and row.roc_auc_low <= row.roc_auc <= row.roc_auc_high
    )
    assert (row.tracks, row.slices) == (34, 340)
    assert tables.confusion_table(judged).empty and tables.tracks_table(judged, folds, pd.Series()).empty
    result = score_tables.tags_table(judged, folds)
    assert result[result.setting == "dropout=0.2"].tag.tolist() == ["a", "b", "c", "(macro)"]
    assert set(score_tables.curves_table(judged).tag) == {"a", "b"}
    metrics = score_tables.scores_table(judged, NOTHING).metric
    assert "track_roc_auc_macro" in set(metrics) and "tags_without_negatives: c" in set(metrics)
    assert score_tables.calibration_table(judged).empty
    trained = tables.runs_table(judged)
    assert trained.slice_accuracy.isna().all() and trained.test_slices.notna().all()


def test_values_of_an_experiment_are_compared_in_pairs(runs, folds, titles):
    experiments = {
        "dropout": {
            "title": "",
            "axis": "dropout",
            "values": [("0.2", "cnn", "dropout=0.2"), ("0.5", "cnn", "dropout=0.5")],
        },
        "alone": {"title": "", "axis": "dropout", "values": [("0.2", "cnn", "dropout=0.2")]},
    }
    trained, tracks = tables.runs_table(runs), tables.tracks_table(runs, folds, titles)
    result = score_tables.comparisons_table(experiments, PLAN, trained, tracks)
    assert tuple(result.columns) == score_tables.COMPARISONS and len(result) == 1
    [pair] = result.itertuples()
    assert (pair.a, pair.b, pair.tracks, pair.is_significant) == ("0.2", "0.5", 34, True)
    settings = tables.settings_table(runs, folds).set_index("setting").track_majority
    assert pair.difference == pytest.approx(settings["dropout=0.2"] - settings["dropout=0.5"])


FUSION = {
    "model": "both", "setting": "base", "protocol": "standard", "rule": "mean",
    "members": [("cnn", "dropout=0.2"), ("cnn", "dropout=0.5")],
}  # fmt: skip


class TestFusion:
    def test_is_the_mean_of_its_members_and_judged_like_them(self, runs, folds):
        fused = fused_runs(runs, [FUSION])
        assert [run["fold"] for run in fused] == list(FOLDS)
        first, second, own = (
            run["predictions"].query("role == 'test'").sort_values(["track_id", "slice"]).p1.to_numpy()
            for run in (runs[0], runs[3], fused[0])
        )
        np.testing.assert_allclose(own, (first + second) / 2)
        row = tables.settings_table([*runs, *fused], folds).set_index("model").loc["both"]
        assert row.tracks == 34 and 0 < row.track_majority < 1

    def test_has_diverged_where_a_member_has(self, make_run, runs, folds):
        broken = [*runs[:5], make_run("dropout=0.5", "3", status="diverged")]
        row = tables.settings_table(fused_runs(broken, [FUSION]), folds).iloc[0]
        assert (row.folds, row.diverged) == (3, 1)

    def test_stacking_learns_from_validation_slices(self, runs, folds):
        judged = [watched(run, folds) for run in runs]
        fused = fused_runs(judged, [FUSION | {"rule": "stacking"}])
        assert set(fused[0]["predictions"].role) == {"test"}
        proba = fused[0]["predictions"][["p0", "p1", "p2"]].to_numpy()
        np.testing.assert_allclose(proba.sum(axis=1), 1)

    @pytest.mark.parametrize("rule", ["mean", "stacking"])
    def test_works_for_tags(self, runs, folds, rule):
        tagged_runs = [tagged(watched(run, folds)) for run in runs]
        fused = fused_runs(tagged_runs, [FUSION | {"rule": rule}])
        first = fused[0]["predictions"]
        assert first["tags"].str.len().between(1, 2).all() and first[["p0", "p1", "p2"]].to_numpy().max() <= 1
        row = tables.settings_table([*tagged_runs, *fused], folds).set_index("model").loc["both"]
        assert row.tracks == 34 and 0.5 < row.roc_auc <= 1
        assert set(score_tables.tags_table(fused, folds)["model"]) == {"both"}


def test_repeats_are_averaged_and_their_spread_is_told(make_run, folds):
    once = [make_run(fold=fold) for fold in FOLDS]
    again = [make_run(fold=fold, skill=0.5) | {"repeat": 1, "round": "1"} for fold in FOLDS]
    one, two, both = (tables.settings_table(each, folds).iloc[0] for each in (once, again, once + again))
    assert both.track_majority == pytest.approx((one.track_majority + two.track_majority) / 2)
    assert both.repeat_sd == pytest.approx(abs(one.track_majority - two.track_majority) / np.sqrt(2))
    assert (both.tracks, both.slices, both.folds, both.rounds) == (34, 340, 6, 2)
    assert np.isnan(one.repeat_sd)


@pytest.mark.parametrize("name", ["slice", "track_majority", "track_mean"])
def test_an_interval_over_repeats_is_that_of_the_value_beside_it(make_run, folds, name):
    """Repeats of unequal size, as where a fold diverged: the middle of the log odds is the value itself."""
    runs = [make_run(fold=fold) for fold in FOLDS]
    runs += [make_run(fold=fold, skill=0.3) | {"repeat": 1, "round": "1"} for fold in FOLDS[:2]]
    row = tables.settings_table(runs, folds).iloc[0]
    value = row["slice_accuracy" if name == "slice" else name]
    odds = np.log([share / (1 - share) for share in (row[f"{name}_low"], value, row[f"{name}_high"])])
    assert odds[1] == pytest.approx((odds[0] + odds[2]) / 2)


def test_areas_over_repeats_are_the_same_in_all_tables(make_run, folds):
    runs = [make_run(fold=fold) for fold in FOLDS]
    runs += [make_run(fold=fold, skill=0.4) | {"repeat": 1, "round": "1"} for fold in FOLDS]
    runs = [tagged(run) for run in runs]
    row = tables.settings_table(runs, folds).iloc[0]
    of_tags = score_tables.tags_table(runs, folds).iloc[-1]
    for column in ("roc_auc", "roc_auc_low", "roc_auc_high", "pr_auc", "pr_auc_low", "pr_auc_high"):
        assert row[column] == of_tags[column]
    scores = score_tables.scores_table(runs, NOTHING).set_index("metric").value
    assert row.roc_auc == pytest.approx(scores["track_roc_auc_macro"])
    assert row.pr_auc == pytest.approx(scores["track_pr_auc_macro"])
    odds = np.log([share / (1 - share) for share in (row.roc_auc_low, row.roc_auc, row.roc_auc_high)])
    assert odds[1] == pytest.approx((odds[0] + odds[2]) / 2)


def test_random_draws_may_test_a_track_more_than_once(make_run, folds):
    """Each draw is a round of its own."""
    draws = [
        make_run(fold="1", skill=skill) | {"fold": str(number), "round": f"0 {number}"}
        for number, skill in enumerate((0.9, 0.5))
    ]
    row = tables.settings_table(draws, folds).iloc[0]
    assert row.tracks < 34 and row.folds == 2 and row.repeat_sd > 0


class TestQuestions:
    """One comparison layer: the same two settings have one verdict, whoever asks."""

    @pytest.fixture
    def study(self):
        """Four settings of one model, two of them under two protocols, on 40 tracks in 10 groups."""
        rng = np.random.default_rng(0)
        skill = {"x=1": 0.9, "x=2": 0.7, "x=3": 0.5, "x=4": 0.5}
        plan, tracks = [], []
        for protocol in ("random", "apart"):
            for setting, share in skill.items() if protocol == "random" else [("x=1", 0.7), ("x=2", 0.5)]:
                name = f"{setting},protocol={protocol}"
                plan.append(
                    {"model": "cnn", "setting": name, "protocol": protocol, "values": {"x": setting[2:]}}
                    | {"original": True}
                )
                plan[-1]["values"] |= {"protocol": protocol, "tracks": len(protocol)}
                tracks.append(
                    pd.DataFrame(
                        {"model": "cnn", "setting": name, "protocol": protocol, "fold": "1", "repeat": 0}
                        | {"track_id": [f"t{number}" for number in range(40)], "correct": rng.random(40) < share}
                        | {"group": [f"g{number // 4}" for number in range(40)]}
                    )
                )
        runs = pd.DataFrame([dict(zip(("model", "setting"), ("cnn", each["setting"]), strict=True)) for each in plan])
        runs = runs.assign(fold="1", repeat=0, slice_accuracy=0.5, train_tracks=80, test_tracks=40)
        return plan, runs, pd.concat(tracks, ignore_index=True)

    @staticmethod
    def experiment(values, protocols=("random",), axis="x", **more):
        settings = [(f"x={value},protocol={protocol}", value, protocol) for value in values for protocol in protocols]
        named = [(f"{value}, {protocol}" if len(protocols) > 1 else value, "cnn", name)
                 for name, value, protocol in settings]  # fmt: skip
        return {"title": "", "axis": axis, "values": named} | more

    def compared(self, study, **experiments):
        return score_tables.comparisons_table(experiments, *study)

    def test_a_pair_has_one_verdict_in_all_experiments_whichever_comes_first(self, study):
        few, many = self.experiment("31"), self.experiment("1234")
        table = self.compared(study, few=few, many=many)
        one = table[table["experiment"] == "few"].iloc[0]
        other = table[(table["experiment"] == "many") & (table["a"] == "1") & (table["b"] == "3")].iloc[0]
        assert (one["a"], one["b"]) == ("3", "1")
        assert one[["p", "p_holm", "is_significant"]].tolist() == other[["p", "p_holm", "is_significant"]].tolist()
        assert (one["low"], one["high"], one["difference"]) == (-other["high"], -other["low"], -other["difference"])
        alone = self.compared(study, few=few).iloc[0]
        assert alone["p"] == one["p"] and alone["p_holm"] < one["p_holm"]  # the strictest of all questions
        assert "corrected for 6 pairs" in one["verdict"] and "pairs" not in alone["verdict"]

    def test_with_a_reference_only_its_own_pairs_are_tested_and_corrected_for(self, study):
        given = self.experiment("1234", references=[("cnn", "x=2,protocol=random")])
        table = self.compared(study, left_out=given)
        table = table[table["experiment"] == "left_out"]
        assert table[["a", "b"]].to_numpy().tolist() == [["1", "2"], ["2", "3"], ["2", "4"]]
        assert "corrected for 3 pairs" in table["verdict"].iloc[0]

    def test_protocols_are_compared_wherever_they_can_be_paired(self, study):
        both = self.experiment("12", ("random", "apart"), "x, protocol")
        table = self.compared(study, systems=both, dropout=self.experiment("12"))
        everywhere = table[table["experiment"] == ""]
        assert everywhere[["a", "b"]].to_numpy().tolist() == [
            [f"cnn, x={value}, protocol=random", f"cnn, x={value}, protocol=apart"] for value in "12"
        ]
        between = table[(table["experiment"] == "systems") & (table["protocol"] == "")]
        assert between[["a", "b"]].to_numpy().tolist() == [[f"{x}, random", f"{x}, apart"] for x in "12"]
        assert between["p_holm"].tolist() == everywhere["p_holm"].tolist()
        within = table[(table["experiment"] == "systems") & (table["protocol"] != "")]
        assert within["protocol"].tolist() == ["random", "apart"]
