"""The tables of a study, from a list of runs."""

import numpy as np
import pandas as pd
import pytest
from made_up import CLASSES, PUBLISHED

from genreflow.evaluation import dataset_tables, tables
from genreflow.evaluation.published import published_table
from genreflow.evaluation.runs import divided_groups, with_known_groups

FOLDS = ("1", "2", "3")
EMPTY = {
    "runs_table": tables.RUNS,
    "settings_table": tables.SETTINGS,
    "confusion_table": tables.CONFUSION,
    "classes_table": tables.CLASSES,
}


@pytest.fixture
def runs(make_run):
    """Two settings in three folds, one fold of which diverged, and a final model."""
    good = [make_run(fold=fold) for fold in FOLDS]
    other = [make_run("dropout=0.5", fold, skill=0.4, status=status) for fold, status in
             zip(FOLDS, ["finished", "diverged", "finished"], strict=True)]  # fmt: skip
    return [*good, *other, make_run(fold="final")]


def test_runs_have_their_own_test_tracks_and_diverged_ones_no_accuracy(runs, folds):
    result = tables.runs_table(runs)
    assert tuple(result.columns) == tables.RUNS and len(result) == 7
    assert result.test_tracks[:3].sum() == 34
    assert result.train_tracks[0] + result.test_tracks[0] == 34
    diverged = result[result.status == "diverged"]
    assert len(diverged) == 1 and diverged.filter(like="accuracy").isna().all(axis=None)
    final = result[result.fold == "final"].iloc[0]
    assert (final.train_tracks, final.test_tracks, final.test_slices) == (34, 6, 60)
    assert (final.train_accuracy, final.epochs, final.seconds, final.device) == (0.7, 2, 12.5, "cpu")


def test_predictions_on_tracks_of_another_role_do_not_count(make_run, folds):
    """Runs may predict the holdout and validation tracks, too; the role says which tracks judge them."""
    run = make_run(fold="1")
    assert set(folds[(folds.fold == "1") & (folds.role == "holdout")].track_id) <= set(run["predictions"].track_id)
    tested = set(folds[(folds.fold == "1") & (folds.role == "test")].track_id)
    assert tables.runs_table([run]).test_tracks.item() == len(tested)


def test_settings_pool_their_folds_and_count_what_diverged(runs, folds):
    result = tables.settings_table(runs, folds).set_index("setting")
    good, other = result.loc["dropout=0.2"], result.loc["dropout=0.5"]
    assert (good.folds, good.diverged, good.tracks, good.slices) == (3, 0, 34, 340)
    assert (other.folds, other.diverged) == (3, 1) and other.tracks < 34
    per_fold = tables.runs_table(runs).query("setting == 'dropout=0.2' and fold != 'final'")
    assert good.slice_accuracy == pytest.approx(per_fold.slice_accuracy.mean())
    assert good.slice_fold_sd == pytest.approx(per_fold.slice_accuracy.std())
    assert good.track_majority == pytest.approx(
        np.average(per_fold.track_accuracy_majority, weights=per_fold.test_tracks)
    )
    for name in ("slice", "track_majority", "track_mean"):
        middle = good["slice_accuracy" if name == "slice" else name]
        assert good[f"{name}_low"] < middle < good[f"{name}_high"]
    assert good.groups < good.tracks
    assert 1 / 3 <= good.baseline < 0.4 and good.train_accuracy == pytest.approx(0.7)
    assert good.batch_sd > 0


def test_settings_do_not_depend_on_the_order_of_runs_or_rows(runs, folds):
    shuffled = [run | {"predictions": run["predictions"].sample(frac=1, random_state=0)} for run in runs]
    pd.testing.assert_frame_equal(tables.settings_table(shuffled, folds), tables.settings_table(runs, folds))


def test_a_setting_that_diverged_in_every_fold_keeps_its_row(make_run, folds):
    runs = [make_run(fold=fold, status="diverged") for fold in FOLDS]
    row = tables.settings_table(runs, folds).iloc[0]
    assert (row.folds, row.diverged) == (3, 3) and row.drop(
        ["model", "setting", "protocol", "folds", "diverged"]
    ).isna().all()
    assert tables.confusion_table(runs).empty and tables.classes_table(runs).empty


def experiment_of(original=True):
    """An experiment over dropout, and what the plan tells of its settings."""
    values = [("0.2", "cnn", "dropout=0.2"), ("0.5", "cnn", "dropout=0.5"), ("0.9", "cnn", "dropout=0.9")]
    settings = [
        {
            "model": model,
            "setting": setting,
            "protocol": "standard",
            "network": "psytrance_cnn",
            "original": original,
            "values": {"dropout": float(value), "pool": "maxmean"},
        }
        for value, model, setting in values
    ]
    return {"dropout": {"title": "Dropout", "axis": "dropout", "values": values}}, settings


def test_experiments_stand_beside_the_published_numbers(runs, folds):
    scores = pd.read_csv(PUBLISHED / "psytrance_scores.csv")
    experiments, settings = experiment_of()
    ours = tables.settings_table(runs, folds)
    result = tables.experiments_table(experiments, ours, published_table(experiments, settings, scores))
    assert tuple(result.columns) == tables.EXPERIMENTS
    assert result.value.tolist() == ["0.2", "0.5", "0.9"]
    first, second, unknown = result.itertuples()
    assert (first.published_mean, first.published_sd, first.published_train) == (0.6942, 0.1241, 0.8149)
    assert second.published_mean == 0.6649 and np.isnan(first.published_track)
    assert first.difference == pytest.approx(first.slice_accuracy - 0.6942)
    assert np.isnan(unknown.slice_accuracy) and np.isnan(unknown.published_mean)


@pytest.mark.parametrize("case", ["nothing", "another protocol"])
def test_published_numbers_stand_beside_nothing_else(runs, folds, case):
    experiments, settings = experiment_of(original=case == "nothing")
    scores = None if case == "nothing" else pd.read_csv(PUBLISHED / "psytrance_scores.csv")
    known = published_table(experiments, settings, scores)
    result = tables.experiments_table(experiments, tables.settings_table(runs, folds), known)
    assert tuple(result.columns) == tables.EXPERIMENTS and result.published_mean.isna().all()


def test_history_has_every_epoch_of_every_run(runs):
    result = tables.history_table(runs)
    assert tuple(result.columns) == tables.HISTORY
    assert len(result) == 6 * 2 and result.groupby(["setting", "fold"]).size().max() == 2


def test_confusion_and_classes_count_slices_and_tracks(runs, folds):
    cells, classes = tables.confusion_table(runs), tables.classes_table(runs)
    assert tuple(cells.columns) == tables.CONFUSION and tuple(classes.columns) == tables.CLASSES
    for level, total in [("slice", 340), ("track", 34)]:
        square = cells[(cells.level == level) & (cells.setting == "dropout=0.2")]
        support = classes[(classes.level == level) & (classes.setting == "dropout=0.2")].set_index("class").support
        assert len(square) == 9 and square["count"].sum() == support.sum() == total
        pd.testing.assert_series_equal(square.groupby("true")["count"].sum(), support, check_names=False)
        assert square.groupby("true").share.sum().to_numpy() == pytest.approx(1)


def test_tracks_are_tested_once_a_setting_and_carry_their_titles(runs, folds, index, titles):
    result = tables.tracks_table(runs, folds, titles)
    assert tuple(result.columns) == tables.TRACKS and "final" not in set(result.fold)
    assert result.groupby("setting").track_id.nunique()["dropout=0.2"] == 34
    assert not result.duplicated(["setting", "track_id"]).any()
    assert (result.title == result.track_id + ".wav").all()
    assert (result.correct == (result.true == result.predicted_majority)).all() and (result.slices == 10).all()
    labels = index.set_index("track_id").label
    assert (result.true.to_numpy() == labels.loc[result.track_id].to_numpy()).all()


class TestHoldout:
    def test_is_judged_by_the_final_model_alone(self, runs, folds, titles):
        result = tables.holdout_table(runs, folds, titles)
        assert len(result) == 6 and set(result.fold) == {"final"}

    def test_sums_up_to_tracks_right_by_either_rule_beside_the_published(self, runs, folds, titles):
        holdout = tables.holdout_table(runs, folds, titles)
        published = pd.read_csv(PUBLISHED / "psytrance_holdout.csv")
        row = tables.holdout_summary(holdout, published).iloc[0]
        assert row.tracks == 6 and row.majority_correct == holdout.correct.sum()
        assert row.majority_low <= row.majority <= row.majority_high
        assert (row.published_correct, row.published_tracks) == (43, 51)
        assert row.interval == "jackknife over groups"

    def test_of_ungrouped_tracks_has_the_exact_interval(self, runs, folds, titles):
        alone = tables.holdout_table(runs, folds.assign(group=folds.track_id), titles).assign(true="a")
        alone["predicted_majority"] = ["a"] * 5 + ["b"]
        row = tables.holdout_summary(alone).iloc[0]
        assert row.interval == "exact, over tracks" and np.isnan(row.published)
        assert (row.majority_low, row.majority_high) == pytest.approx((0.359, 0.996), abs=5e-4)

    def test_confusion_has_all_classes(self, runs, folds, titles):
        holdout = tables.holdout_table(runs, folds, titles)
        cells = tables.holdout_confusion(holdout, CLASSES)
        assert len(cells) == 9 and cells["count"].sum() == 6 and set(cells.level) == {"holdout"}

    def test_may_be_empty_or_diverged(self, make_run, folds, titles):
        for runs in ([], [make_run(fold="final", status="diverged")]):
            holdout = tables.holdout_table(runs, folds, titles)
            assert tuple(holdout.columns) == tables.TRACKS and holdout.empty
            assert tuple(tables.holdout_summary(holdout).columns) == tables.HOLDOUT
            assert tables.holdout_confusion(holdout, CLASSES).empty


def test_the_audit_conserves_files(index):
    ignored = {"a": 3, "": 2}
    result = dataset_tables.audit_table(index, ignored).set_index("class")
    assert result.ignored.to_dict() == {dataset_tables.NO_CLASS: 2, "a": 3, "b": 0, "c": 0}
    result = result.drop(dataset_tables.NO_CLASS)
    assert (result.tracks == result.accepted + result.warned + result.quarantined).all()
    assert result.tracks.sum() == len(index)
    assert (result.quarantined.to_dict(), result.warned.sum()) == ({"a": 0, "b": 1, "c": 1}, 1)
    assert result.slices.sum() == 400 and result.hours.sum() == pytest.approx(40 * 90 / 3600)
    assert result.groups.tolist() == [7, 7, 7]


def test_warnings_are_counted_by_reason_each_with_its_own_sentence(index):
    first, second = index.index[index["verdict"] != "quarantine"][:2]
    index.loc[:, ["verdict", "reason", "message"]] = "accept", "", ""
    index.loc[first, ["verdict", "reason", "message"]] = "warn", "W_LONG W_DC", "It is 3.5 h long. It has an offset."
    index.loc[second, ["verdict", "reason", "message"]] = "warn", "W_DC", "It has an offset."
    result = dataset_tables.warnings_table(index).set_index("reason")
    assert result["tracks"].to_dict() == {"W_DC": 2, "W_LONG": 1} and list(result.index) == ["W_DC", "W_LONG"]
    assert result.loc["W_LONG", "message"] == "It is 3.5 h long."
    assert result.loc["W_DC", "message"] == "It has an offset."


@pytest.mark.parametrize("name", EMPTY)
def test_no_runs_make_empty_tables_with_all_columns(name, folds):
    result = getattr(tables, name)([], *([folds] if name == "settings_table" else []))
    assert tuple(result.columns) == EMPTY[name] and result.empty


def test_no_runs_make_empty_history_tracks_and_experiments(folds, index, titles):
    assert tables.history_table([]).empty and tables.tracks_table([], folds, titles).empty
    assert tables.experiments_table({}, tables.settings_table([], folds), published_table({}, [], None)).empty
    assert dataset_tables.audit_table(index.iloc[:0], {}).empty


def test_published_numbers_of_the_psytrance_study_agree_with_each_other():
    """Means are those of their folds; the shared run is the same in all three experiments."""
    published = pd.read_csv(PUBLISHED / "psytrance_folds.csv")
    folds = published.filter(regex=r"^fold_\d$")
    assert len(published) == 10 and folds.shape == (10, 5)
    np.testing.assert_allclose(folds.mean(axis=1), published["mean"], atol=1.1e-4)
    shared = published[published.value.isin(["0.2", "adam", "maxmean"])]
    assert (
        len(shared) == 3 and len(shared.drop(columns=["experiment", "axis", "value", "source"]).drop_duplicates()) == 1
    )
    curves = pd.read_csv(PUBLISHED / "psytrance_curves.csv")
    last = curves[curves.epoch == 20].merge(published, on=["experiment", "value"])
    assert len(last) == 10
    np.testing.assert_allclose(last.train_accuracy_x, last.train_accuracy_y, atol=6e-4)


def test_known_albums_cluster_intervals_also_where_the_protocol_ignores_them(runs, folds):
    alone = folds.assign(group=folds["track_id"])
    known = folds.drop_duplicates("track_id").set_index("track_id")["group"]
    clustered = with_known_groups(alone, known)
    assert clustered["group"].tolist() == folds["group"].tolist()
    of = {name: tables.settings_table(runs, each).iloc[0] for name, each in (("no", alone), ("yes", clustered))}
    assert of["yes"].groups < of["no"].groups == of["no"].tracks
    assert of["yes"].track_majority == of["no"].track_majority
    assert of["yes"].track_majority_low != of["no"].track_majority_low
    partly = with_known_groups(alone, known.iloc[:5])
    assert (partly["group"] == partly["track_id"]).mean() > 0.5


def test_groups_on_both_sides_of_a_fold_are_counted(folds):
    assert divided_groups(folds, "standard") == 0
    mixed = folds.assign(group="g")
    assert divided_groups(mixed, "standard") == 1
    assert divided_groups(folds.assign(group=folds["track_id"]), "standard") == 0
