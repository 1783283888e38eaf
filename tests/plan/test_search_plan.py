"""A search in a study file: its trials, what they follow from, and what is refused before anything runs."""

from pathlib import Path

import pytest
import soundfile

from genreflow.errors import UserError
from genreflow.plan.make import make_plan
from genreflow.plan.study_files import search_files, trial_files
from genreflow.project import layout

HOME = Path(__file__).parents[2]
SPACE = "{learning_rate: {low: 1e-4, high: 1e-2, log: true}, dropout: [0.1, 0.5]}"


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in ("goa", "dark"):
        for number in range(6):
            path = tmp_path / "music" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, [0.1 * number] * 100, 8000)
    return tmp_path


def planned(search="trials: 5", space=SPACE, rest="", model="psytrance_cnn", folds="{count: 2}"):
    text = f"dataset: music\nfolds: {folds}\nmodels: {{{model}: {{}}}}\n{rest}\n"
    Path("tune.yaml").write_text(text + f"search: {{{search}, space: {space}}}\n")
    config = {"studies": ["tune.yaml"], "datasets": {"music": {"layout": "folders", "path": "music"}}}
    return make_plan(config, home=HOME, refresh=True, writes=False).studies["tune"]


def test_every_fold_and_the_final_model_have_a_search_of_their_own(work):
    study = planned()
    assert study.search.folds == ["1", "2", "final"]
    assert len(trial_files(study)) == study.search.n_trials == 15
    assert search_files(study, layout.BEST)[-1] == "results/tune/search/psytrance_cnn/fold-final/best.json"
    assert study.final == study.resolver.searched == study.headline
    assert {run.setting for run in study.runs} == {"base", "search"}
    assert study.settings_pattern("standard") == "psytrance_cnn/base"
    assert study.n_runs == 2 * 2 + 1 + 15


def test_a_final_model_of_other_settings_needs_no_search(work):
    study = planned(rest="final: {dropout: 0.3}")
    assert study.search.folds == ["1", "2"] and not study.final.is_searched


@pytest.mark.parametrize(("parallel", "trial", "before"), [(1, 0, []), (1, 3, [2]), (2, 1, []), (3, 7, [2, 3, 4])])
def test_a_trial_waits_for_the_last_that_it_follows_from(work, parallel, trial, before):
    study = planned(f"trials: 9, parallel: {parallel}")
    names = [int(Path(path).stem) for path in study.search.before("1", f"{trial:04}")]
    assert names == before
    reached = set(names)  # and through these for all before them
    while more := {int(Path(p).stem) for n in reached for p in study.search.before("1", f"{n:04}")} - reached:
        reached |= more
    assert reached == set(range(trial - parallel + 1))


def test_more_trials_keep_the_finished_ones_and_another_space_does_not(work):
    few, many = planned("trials: 5"), planned("trials: 9")
    assert few.keys.trials == many.keys.trials and few.keys.best != many.keys.best
    assert few.keys.run("psytrance_cnn", "base") == many.keys.run("psytrance_cnn", "base")
    assert few.keys.trials != planned("trials: 5, folds: 2").keys.trials
    assert few.keys.trials != planned(space="{dropout: [0.1, 0.5]}").keys.trials


def test_the_specification_holds_the_space_as_numbers_or_values(work):
    spec = planned().search.spec
    rate, dropout = spec.space
    assert (rate.section, rate.low, rate.high, rate.log, rate.is_whole) == ("training", 1e-4, 1e-2, True, False)
    assert (dropout.section, dropout.values) == ("options", [0.1, 0.5])
    assert spec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"space": "{}"}, "search.space: it is empty; give a setting"),
        ({"space": "{droput: [0.1, 0.5]}"}, "search.space.droput: psytrance_cnn has no such option"),
        ({"space": "{droput: [0.1, 0.5]}"}, "Did you mean 'dropout'?"),
        ({"space": "{dropout: {low: 0.1, high: 1.5}}"}, "search.space.dropout: 1.5 is not a number from 0 up to"),
        ({"space": "{dropout: [0.1, 2]}"}, "search.space.dropout: 2 is not a number"),
        ({"space": "{dropout: [0.1]}"}, "search.space.dropout: give two or more values, each once."),
        ({"space": "{dropout: 0.1}"}, "search.space.dropout: this must be `key: value` pairs"),
        ({"space": "{learning_rate: {low: 0.1, high: 0.01}}"}, "low must be less than high"),
        ({"space": "{learning_rate: {low: 0, high: 0.01, log: true}}"}, "there is no logarithm of low, 0"),
        ({"space": "{learning_rate: {low: 0.1, high: 1000}}"}, "search.space.learning_rate"),
        ({"space": "{batch: {low: 1.5, high: 4}}"}, "low and high must be whole numbers"),
        ({"space": "{pool: {low: 1, high: 4}}"}, "its values are no numbers"),
        ({"space": "{seed: [1, 2]}"}, "search.space.seed: it cannot be searched for"),
        ({"space": "{input: [a, b]}"}, "only options and training settings are searched for"),
        ({"search": "model: nothing"}, "search.model: 'nothing' is not among the models"),
        ({"search": "metric: roc_auc"}, "roc_auc is of tags"),
        ({"search": "metric: accuracy"}, "search.metric"),
        ({"search": "folds: 5"}, "5 inner folds need as many groups of each class"),
        ({"search": "trials: 0"}, "search.trials"),
        ({"search": "trials: 9999"}, "limits.max_runs is 2,000"),
        ({"folds": "{scheme: random, unit: segment, group: false}"}, "cannot be divided again"),
    ],
)
def test_what_cannot_be_searched_is_a_sentence_and_nothing_is_written(work, arguments, sentence):
    with pytest.raises(UserError) as caught:
        planned(**arguments)
    assert sentence in str(caught.value)
    assert not Path("results").exists()


def test_an_estimator_has_options_only(work):
    rest = "inputs: {slices: {front_end: {kind: descriptors}, segments: {kind: sliding}}}"
    with pytest.raises(UserError, match="svm is fitted at once, so training settings change nothing"):
        planned(model="svm", rest=rest, space="{batch: [2, 4]}")


def test_a_missing_optuna_is_named(work, monkeypatch):
    monkeypatch.setattr("genreflow.plan.study_checks.find_spec", lambda _: None)
    with pytest.raises(UserError, match="needs the package optuna, which is not installed: pip install optuna"):
        planned()
