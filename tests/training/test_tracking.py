"""Trackers follow a training, go on where it went on, and never end it."""

import struct
import sys
import types

import numpy as np
import pytest
from tensorboardX.event_file_writer import time as writer_time
from tensorboardX.proto.event_pb2 import Event, SessionLog

from genreflow.config.checked import checked
from genreflow.config.study import StudySettings
from genreflow.config.training import TRACKERS
from genreflow.plan.study_checks import study_problems
from genreflow.training.tracking import TrackedRun, Tracking


def events(path):
    """Return the messages of an event file: length, checksum, message, checksum of each record."""
    content, result = path.read_bytes(), []
    while content:
        (length,) = struct.unpack_from("<Q", content)
        result.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return result


def scalars(folder):
    """Return {tag: {step: value}} of the event files in a folder, the oldest first, as TensorBoard does."""
    result = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        first, *others = events(path)
        assert first.file_version == "brain.Event:2"
        for event in others:
            if event.session_log.status == SessionLog.START:  # earlier points from this step on are dropped
                result = {tag: {step: v for step, v in old.items() if step < event.step} for tag, old in result.items()}
            for value in event.summary.value:
                result.setdefault(value.tag, {})[event.step] = value.simple_value
    return result


def write(folder, *rows):
    follow(TrackedRun("tensorboard", folder, "a study", "a run"), *rows)


def follow(run, *rows):
    with Tracking(run) as tracking:
        for row in rows:
            tracking.on_epoch_end(row)


def test_a_history_is_written_as_scalars_by_epoch(tmp_path):
    measured = {"accuracy": 0.75, "learning_rate": 0.25, "seconds": 3, "validation_accuracy": 0.5}
    rows = [{"epoch": epoch, "steps": 15, "loss": np.float32(0.5 / epoch), **measured} for epoch in (1, 2)]
    write(tmp_path / "fold-1", *rows)
    assert scalars(tmp_path / "fold-1") == {
        "training/loss": {1: 0.5, 2: 0.25},
        "training/accuracy": {1: 0.75, 2: 0.75},
        "training/learning_rate": {1: 0.25, 2: 0.25},
        "training/seconds": {1: 3, 2: 3},
        "validation/accuracy": {1: 0.5, 2: 0.5},
    }


def test_missing_values_are_left_out(tmp_path):
    write(tmp_path, {"epoch": 1, "loss": float("nan"), "accuracy": 0.5, "validation_loss": None})
    assert scalars(tmp_path) == {"training/accuracy": {1: 0.5}}


@pytest.fixture
def clock(monkeypatch):
    """Times of attempts, one after another: TensorBoard orders files by the time in their names."""
    times = [1_700_000_000]
    monkeypatch.setattr(writer_time, "time", lambda: times[-1])
    return times


def attempt(folder, epochs, clock, loss):
    clock.append(clock[-1] + 100)
    write(folder, *({"epoch": epoch, "loss": loss} for epoch in epochs))


def test_a_run_that_starts_afresh_replaces_earlier_files(tmp_path, clock):
    (tmp_path / "notes.txt").write_text("of the user")
    attempt(tmp_path, [1, 2, 3], clock, loss=0.5)
    attempt(tmp_path, [1, 2], clock, loss=0.25)
    assert scalars(tmp_path) == {"training/loss": {1: 0.25, 2: 0.25}}
    assert (tmp_path / "notes.txt").exists()


def test_a_resumed_run_adds_to_earlier_files_and_writes_no_point_twice(tmp_path, clock):
    attempt(tmp_path, [1, 2, 3], clock, loss=0.5)
    attempt(tmp_path, [3, 4], clock, loss=0.25)
    assert scalars(tmp_path) == {"training/loss": {1: 0.5, 2: 0.5, 3: 0.25, 4: 0.25}}


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_missing_package_is_named_before_anything_runs(monkeypatch, tracker):
    monkeypatch.setattr("genreflow.plan.study_checks.find_spec", lambda _: None)
    study = {"dataset": "music", "models": {"psytrance_cnn": {}}, "training": {"tracking": tracker}}
    problems = list(study_problems(checked(StudySettings, study), most_runs=100))
    assert [each for each in problems if f"pip install {TRACKERS[tracker].package}" in each] == problems != []


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_tracker_that_fails_ends_no_training(monkeypatch, tmp_path, capsys, tracker):
    monkeypatch.setitem(sys.modules, TRACKERS[tracker].module, None)
    follow(TrackedRun(tracker, tmp_path / "a/b/c", "a study", "a run"), *rows_of(1, 2))
    assert capsys.readouterr().out.count(f"tracking: {tracker} failed, and the training goes on without it") == 1


def rows_of(*epochs):
    return [{"epoch": epoch, "loss": 1 / epoch} for epoch in epochs]


class PretendedClient:
    """As much of `mlflow.MlflowClient` as is used; runs are kept in the class, as in a store."""

    runs, values = {}, {}

    def __init__(self, uri):
        self.uri = uri

    def get_experiment_by_name(self, name):
        return types.SimpleNamespace(experiment_id=name)

    def search_runs(self, *_):
        return [types.SimpleNamespace(info=types.SimpleNamespace(run_id=each)) for each in self.runs]

    def create_run(self, experiment, run_name):
        number = f"run-{len(self.values)}"
        self.runs[number], self.values[number] = (self.uri, experiment, run_name), []
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=number))

    def delete_run(self, number):
        del self.runs[number]

    def log_param(self, _number, _name, value):
        assert isinstance(value, str)

    def log_metric(self, number, name, value, step):
        self.values[number].append((name, value, step))

    def set_terminated(self, number):
        assert number in self.runs


@pytest.fixture
def mlflow(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(PretendedClient, "runs", {})
    monkeypatch.setattr(PretendedClient, "values", {})
    monkeypatch.setitem(sys.modules, "mlflow", types.SimpleNamespace(MlflowClient=PretendedClient))
    return PretendedClient


def test_mlflow_gets_each_epoch_once_however_often_a_run_is_resumed(tmp_path, mlflow):
    run = TrackedRun("mlflow", tmp_path / "train_run/model/base/fold-1", "study", "model/base/fold-1", {"batch": 64})
    follow(run, *rows_of(1, 2, 3))
    follow(run, *rows_of(2, 3, 4))  # the checkpoint was of the first epoch
    assert list(mlflow.runs.values()) == [((tmp_path / "train_run/mlruns").as_uri(), "study", "model/base/fold-1")]
    assert mlflow.values["run-0"] == [("training/loss", 1 / epoch, epoch) for epoch in (1, 2, 3, 4)]


def test_mlflow_gets_a_new_run_for_one_that_starts_afresh(tmp_path, mlflow):
    run = TrackedRun("mlflow", tmp_path / "train_run/model/base/fold-1", "study", "model/base/fold-1")
    follow(run, *rows_of(1, 2, 3))
    follow(run, *rows_of(1, 2))
    assert list(mlflow.runs) == ["run-1"]
    assert len(mlflow.values["run-1"]) == 2


@pytest.fixture
def wandb(monkeypatch):
    """As much of wandb as is used; a list of what was opened and logged."""
    done = []

    class Run:
        def log(self, values, step):
            done.append((values, step))

        def finish(self):
            done.append("finished")

    def init(**given):
        assert given["mode"] == "offline"
        done.append(given)
        return Run()

    module = types.SimpleNamespace(init=init, Settings=dict)
    monkeypatch.setitem(sys.modules, "wandb", module)
    return done


def test_wandb_is_offline_and_a_resumed_run_has_the_same_number(tmp_path, wandb):
    run = TrackedRun("wandb-offline", tmp_path / "train_run/model/base/fold-1", "study", "model/base/fold-1")
    follow(run, *rows_of(1, 2))
    follow(run, *rows_of(2, 3))
    follow(run, *rows_of(1))
    first, resumed, afresh = (each["id"] for each in wandb if isinstance(each, dict))
    assert first == resumed != afresh
    assert {each["dir"] for each in wandb if isinstance(each, dict)} == {str(tmp_path / "train_run")}
    assert [each[1] for each in wandb if isinstance(each, tuple)] == [1, 2, 3, 1]
    assert wandb[-1] == "finished"
