"""The psytrance study as the study file asks for it (models.md-independent facts of the text and its code)."""

from pathlib import Path

import pytest

from genreflow.config.load import read_yaml
from genreflow.plan.make import make_plan

HOME = Path(__file__).parents[2]


@pytest.fixture
def study(tmp_path, monkeypatch):
    for label in ("dark", "downtempo", "fullon", "goa", "techno"):
        for number in range(30):
            path = tmp_path / "music" / label / f"{number}.mp3"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{label} {number}".encode())
    monkeypatch.chdir(tmp_path)
    config = read_yaml(HOME / "config.yaml")
    config |= {"studies": ["psytrance"], "datasets": {"psytrance": {"layout": "folders", "path": "music"}}}
    return make_plan(config, home=HOME, refresh=True).studies["psytrance"]


PUBLISHED = ("dropout", "optimizer", "pooling")


def test_ten_published_bars_are_eight_settings_and_forty_runs(study):
    experiments = [study.settings.experiments[name] for name in PUBLISHED]
    bars = [setting for experiment in experiments for _, setting in study.resolver.of_experiment(experiment)]
    assert len(bars) == 10
    assert {setting.protocol for setting in bars} == {"files"}
    assert len(names := {setting.name for setting in bars}) == 8
    assert len([run for run in study.runs if run.setting in names]) == 40


def test_the_final_model_is_the_setting_that_all_experiments_share_with_albums_apart(study):
    shared = study.resolver.resolve("psytrance_cnn", {})
    assert (shared.training.optimizer, *shared.options.values()) == ("adam", "maxmean", 0.2, "time", 1.0)
    assert study.final.axes == {**shared.axes, "protocol": "albums"}
    assert study.facts["headline"]["setting"] == study.final.name
    assert [run.setting for run in study.runs if run.fold == "final"] == [study.final.name]


def test_training_is_the_published_one(study):
    training = study.final.training
    assert (training.batch, training.epochs, training.steps_per_epoch) == (300, 20, 92)
    assert (training.optimizer, training.schedule, training.learning_rate) == ("adam", "constant", None)


def test_a_slice_is_as_long_as_the_text_says(study):
    plan = study.inputs["slices"]
    mel, segments = plan.settings.front_end, plan.settings.segments
    assert segments.frames * mel.hop / mel.sample_rate == 2.56
    assert (mel.n_mels, segments.frames, segments.count) == (128, 128, 30)


def test_every_published_bar_has_its_number(study):
    import pandas as pd

    [path] = [path for path in study.published if path.stem == "psytrance_folds"]
    known = set(zip(*pd.read_csv(path, dtype=str)[["experiment", "value"]].to_numpy().T, strict=True))
    message = study.facts["experiments"]
    ours = {(name, value) for name in PUBLISHED for value, *_ in message[name]["values"]}
    assert ours == known


def test_settings_with_the_same_values_share_their_runs_whatever_their_order(study):
    one = study.resolver.resolve("psytrance_cnn", {"dropout": 0.5, "pool": "max"})
    other = study.resolver.resolve("psytrance_cnn", {"pool": "max", "dropout": 0.5})
    assert one == other
    assert one.name == "dropout=0.5,input=slices,optimizer=adam,orient=time,pool=max,protocol=files"


def test_what_the_final_model_sets_is_its_own_and_not_that_of_the_folds(study):
    changed = study.settings.model_copy(update={"final": {"epochs": 50}})
    other = type(study)(study.name, changed, study.datasets, study.published)
    assert other.final.training.epochs == 50
    for run in other.runs:
        epochs = other.job(run.model_setting).spec.training.epochs
        assert epochs == (50 if run.fold == "final" else 20)


def test_the_report_looks_at_the_input_that_its_setting_is_fed(study):
    backwards = dict(reversed(study.settings.inputs.items()))
    changed = study.settings.model_copy(update={"inputs": backwards})
    other = type(study)(study.name, changed, study.datasets, study.published)
    assert next(iter(other.inputs)) != "slices"
    assert other.inputs["slices"].index == other.main_input.index
    assert len(other.indexes) == len(backwards)
