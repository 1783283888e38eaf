"""A search for settings: what a trial sees and follows from, what ends it early, and which one is the best."""

import numpy as np
import pytest
from small_study import ENTRY

from genreflow.config.folds import FoldSettings
from genreflow.errors import Damaged, UserError
from genreflow.models.entry import Number
from genreflow.models.registry import MODELS
from genreflow.project.specs import Dimension, SearchSpec
from genreflow.store.parquet import Header, read_frame, write_table
from genreflow.store.sealed import read_sealed, write_sealed
from genreflow.training import search
from genreflow.training.search import inner_folds, run_trial, track_scores, write_best
from genreflow.training.trials import choose, found_setting, with_values

FED = {"front_end": {"kind": "logmel", "hop": 882, "n_mels": 8}, "segments": {"kind": "midpoint", "frames": 6}}
RATE = Dimension("learning_rate", "training", None, 1e-4, 0.1, True)
BATCH = Dimension("batch", "training", [6, 9, 12])


@pytest.fixture
def searched(study, tiny):
    """Return a search on fold 1 of the small study, two inner folds, and its fold table."""
    arguments = study.arguments(tiny, "unused", input=FED)
    spec = SearchSpec(
        arguments["spec"], [RATE, BATCH], "track_accuracy", parallel=1, prune=True, seed=3,
        inner=FoldSettings(count=2, seed=3),
    )  # fmt: skip
    table, facts = inner_folds(study.folds, study.index, "1", spec)
    write_table(study.folder / "inner.parquet", table, Header("folds", facts=facts))
    return spec


@pytest.fixture
def run(study, searched):
    """Return a function that runs trials of a search in a folder, and returns their values."""

    def trials(numbers, place="trials", spec=searched):
        folder = study.folder / place
        folder.mkdir(exist_ok=True)
        for number in numbers:
            run_trial(
                spec, number, fold="1", key="k", path=folder / f"{number:04}.json", shards=study.shards,
                index=study.index, folds=study.folder / "inner.parquet", threads=1, device="cpu",
            )  # fmt: skip
        return [read_sealed(path) for path in sorted(folder.glob("*.json"))]

    return trials


def without_times(trials):
    return [{name: value for name, value in trial.items() if name not in ("seconds", "seal")} for trial in trials]


def changed(spec, **changes):
    return SearchSpec(**vars(spec) | changes)


def test_inner_folds_divide_the_training_tracks_and_no_others(study, searched):
    outer = read_frame(study.folds, "folds")
    training = outer[(outer["fold"] == "1") & (outer["role"] == "train")]
    inner = read_frame(study.folder / "inner.parquet", "folds")
    assert set(inner["track_id"]) == set(training["track_id"])
    for _, rows in inner.groupby("fold"):
        assert set(rows.loc[rows["role"] == "test", "group"]).isdisjoint(rows.loc[rows["role"] == "train", "group"])


def test_a_trial_reads_no_test_track_of_its_fold(study, run, monkeypatch):
    read = []
    load = search.SliceReader.read

    def recorded(self, shards, tracks, *others):
        read.extend(tracks["track_id"])
        return load(self, shards, tracks, *others)

    monkeypatch.setattr(search.SliceReader, "read", recorded)
    run([0])
    outer = read_frame(study.folds, "folds")
    tested = outer.loc[(outer["fold"] == "1") & (outer["role"] == "test"), "track_id"]
    held_out = outer.loc[outer["role"] == "holdout", "track_id"]
    assert read and not set(read) & {*tested, *held_out}


def test_the_first_trial_has_the_values_of_the_study(run, searched):
    [first] = run([0])
    given = searched.training.training
    assert first["values"] == {"learning_rate": given.learning_rate, "batch": given.batch}
    assert (first["status"], len(first["folds"]), len(first["steps"])) == ("complete", 2, 2 * given.epochs)
    assert first["score"] == pytest.approx(np.mean([each["track_accuracy"] for each in first["folds"]]))


@pytest.mark.end_to_end
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(run, study):
    """Whatever was going on when it was killed left nothing: only finished trials count."""
    whole = run(range(12), "whole")
    for part in (range(3), range(3, 8), range(8, 12)):
        (study.folder / "killed").mkdir(exist_ok=True)
        (study.folder / "killed" / ".half-written.tmp").write_text("{")
        killed = run(part, "killed")
    assert without_times(killed) == without_times(whole)
    assert len({str(trial["values"]) for trial in whole}) > 8


def test_a_trial_follows_from_those_before_its_parallel_ones_alone(run, searched, study):
    spec = changed(searched, parallel=3)
    one = run(range(12), "one", spec)
    for number in (10, 11):  # begun before the ninth was finished, and in another order
        (study.folder / "one" / f"{number:04}.json").unlink()
    (study.folder / "one" / "0009.json").unlink()
    other = run([9, 10, 11], "one", spec)
    assert without_times(one) == without_times(other)


def test_a_trial_that_is_worse_than_the_median_ends_early(run, searched, study, monkeypatch):
    run(range(6))
    monkeypatch.setattr(search, "_scores", lambda *_: {"track_accuracy": 0.0, "log_loss": 1.0})
    *_, last = run([6])
    assert last["status"] == "pruned" and last["score"] is None
    assert len(last["steps"]) < 2 * searched.training.training.epochs


def test_values_that_diverge_or_contradict_each_other_are_recorded(run, searched):
    wild = Dimension("optimizer", "training", ["sgd", "adam"])
    spec = changed(searched, space=[Dimension("learning_rate", "training", [100.0]), wild], prune=False)
    trials = run(range(4), spec=spec)
    assert "diverged" in {trial["status"] for trial in trials}
    spec = changed(searched, space=[wild, Dimension("momentum", "training", [0.9])])
    statuses = {trial["values"]["optimizer"]: trial["status"] for trial in run(range(5), "other", spec)}
    assert statuses["adam"] == "invalid"


def test_the_best_is_chosen_by_score_then_log_loss_and_its_values_are_trained_with(run, searched, study):
    trials = run(range(4))
    paths = [study.folder / "trials" / f"{number:04}.json" for number in range(4)]
    places = {name: study.folder / name for name in ("best", "table", "journal")}
    best = write_best(searched, paths, fold="1", trial_key="k", key="b", **places)
    ranks = [(trial["score"], -trial["log_loss"]) for trial in trials]
    assert best["number"] == ranks.index(max(ranks))
    spec = found_setting(searched.training, places["best"], "b")
    assert (spec.training.learning_rate, spec.training.batch) == tuple(best["values"].values())
    table = read_frame(places["table"], "trials")
    assert table["trial"].tolist() == [0, 1, 2, 3]
    with pytest.raises(Damaged):
        found_setting(searched.training, places["best"], "another")


def test_the_journal_is_read_by_optuna(run, searched, study):
    import optuna

    run(range(2))
    places = {name: study.folder / name for name in ("best", "table", "journal")}
    paths = [study.folder / "trials" / f"{number:04}.json" for number in range(2)]
    write_best(searched, paths, fold="1", trial_key="k", key="b", **places)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(places["journal"])))
    [loaded] = optuna.study.get_all_study_summaries(storage)
    assert loaded.n_trials == 2


def test_without_a_complete_trial_there_is_no_best(searched):
    with pytest.raises(UserError, match=r"none of 2 trials is complete \(diverged, invalid\)"):
        choose(searched, [{"status": "diverged"}, {"status": "invalid"}])


def test_options_and_training_settings_are_put_where_they_belong(searched, monkeypatch):
    entry = type(ENTRY)(**{name: getattr(ENTRY, name) for name in ENTRY.__dataclass_fields__} | {
        "options": {"dropout": Number(0.2, 0, 1, "")}
    })  # fmt: skip
    monkeypatch.setitem(MODELS, "tiny", entry)
    spec = type(searched.training)(**vars(searched.training) | {"options": {"dropout": 0.2}})
    with pytest.raises(UserError, match="crop: 9 is longer than a segment of 6"):
        with_values(spec, {"crop": 9})
    found = with_values(spec, {"dropout": 0.5, "epochs": 7})
    assert (found.options, found.training.epochs) == ({"dropout": 0.5}, 7)


def test_tracks_are_scored_as_the_evaluation_does():
    from genreflow.evaluation import metrics
    from genreflow.evaluation.predictions import Predictions

    rng = np.random.default_rng(0)
    track = np.repeat(np.arange(40), 4)
    label = np.repeat(rng.integers(0, 3, 40), 4)
    proba = rng.dirichlet(np.ones(3), len(track))
    scores = track_scores(proba, label, track, 3)
    names = np.array([f"{number:02}" for number in track], object)
    expected = metrics.evaluate(Predictions(names, np.tile(np.arange(4), 40), label, proba, ("a", "b", "c")))
    assert scores["track_accuracy"] == expected["track_accuracy_majority"]
    assert scores["slice_accuracy"] == expected["slice_accuracy"]


def test_tags_are_searched_by_the_area_under_the_curve(study, tiny):
    study.write_tagged()
    spec = study.arguments(tiny, "unused", input=FED)["spec"]
    training = spec.training.model_copy(update={"sampling": "shuffled"})
    spec = SearchSpec(
        type(spec)(**vars(spec) | {"training": training}), [RATE], "roc_auc", 1, False, 0, FoldSettings(count=2)
    )
    table, facts = inner_folds(study.folds, study.index, "2", spec)
    write_table(study.folder / "inner.parquet", table, Header("folds", facts=facts))
    result = run_trial(
        spec, 0, fold="2", key="k", path=study.folder / "0000.json", shards=study.shards, index=study.index,
        folds=study.folder / "inner.parquet", threads=1, device="cpu",
    )  # fmt: skip
    assert 0 <= result["score"] <= 1


def test_a_trial_of_another_search_is_refused(run, study):
    run([0])
    write_sealed(study.folder / "trials/0000.json", {"kind": "trial", "key": "other"})
    with pytest.raises(Damaged, match="a trial of another search"):
        run([1])
