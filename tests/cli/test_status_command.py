"""`genreflow status` compares what is planned with what is on disk, and writes nothing."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from resealing import write_facts

from genreflow.cli import main
from genreflow.config.load import read_yaml
from genreflow.datasets import catalog
from genreflow.plan.make import make_plan
from genreflow.store.hdf5 import write_shard
from genreflow.store.parquet import Header, read_header, read_table, write_table
from genreflow.training.callbacks import Progress

HOME = Path(__file__).parents[2]
CONFIG = "studies: [mine.yaml]\ndatasets:\n  mine: {layout: folders, path: music}\nlimits: {shard_size: 4}\n"
STUDY = """\
dataset: mine
inputs:
  slices: {segments: {kind: midpoint, count: 2}}
  samples: {front_end: {kind: waveform, sample_rate: 16000}, segments: {kind: split, count: 2}}
folds: {count: 3}
models: {psytrance_cnn: {input: slices}, psytrance_crnn: {input: slices}}
experiments: {pooling: {model: psytrance_cnn, vary: {pool: [mean, max]}}}
"""
NOBODY = "a-machine-of-another-name"


class Work:
    """A user's folder, and what a run would leave there."""

    def __init__(self):
        for number in range(12):
            path = Path("music", "ab"[number % 2], f"{number}.mp3")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes([number]))
        Path("my.yaml").write_text(CONFIG)
        Path("mine.yaml").write_text(STUDY)

    def catalog(self):
        self.plan = make_plan({**read_yaml(HOME / "config.yaml"), **read_yaml("my.yaml")}, home=HOME, refresh=True)
        self.study, self.dataset = self.plan.studies["mine"], self.plan.datasets["mine"]

    def end(self, model, setting, fold, *, seconds, status="finished", resumed=False, key=None):
        """Write the facts of a run that has ended."""
        path = Path("results/mine/runs", model, setting, f"fold-{fold}", "run.json")
        path.parent.mkdir(parents=True)
        facts = {
            "key": key or self.study.keys.run(model, setting),
            "status": status,
            "resumed": resumed,
            "seconds": {"total": seconds},
        }
        write_facts(path.parent, **facts)

    def note(self, model, setting, fold, **changes):
        """Write what a run tells of itself while it goes on, by default one of this process."""
        path = Path("logs/mine/train_run", model, setting, f"fold-{fold}.progress.json")
        progress = Progress(20, 10, file=path, terminal=None, name=model)
        progress.on_step_end(3, 5)
        progress.on_epoch_end({"epoch": 4, "loss": 0.4321, "accuracy": 0.875, "seconds": 1.0})
        message = json.loads(path.read_text())
        path.write_text(json.dumps(message | {"left": None} | changes))


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Work()


@pytest.fixture
def status(work, capsys):
    """Return a function that asks for the status; nothing may be written by that."""

    def tree():
        return {path: path.stat().st_mtime_ns for path in Path.cwd().rglob("*")}

    def ask(*options, code=0):
        before = tree()
        capsys.readouterr()
        assert main(["status", "--configfile", "my.yaml", *options]) == code
        assert tree() == before
        printed = capsys.readouterr().out
        return json.loads(printed) if "--json" in options else printed

    return ask


def runs(message, **target):
    """Return the runs of the only study that have these values."""
    return [run for run in message["studies"][0]["runs"] if target.items() <= run.items()]


def test_before_anything_ran_nothing_is_known_and_the_music_is_not_looked_at(status):
    Path("music").rename("elsewhere")
    assert "nothing yet" in status()
    message = status("--json")
    assert message == {
        "schema": "genreflow/status/1",
        "units": {"took": "s", "left": "s", "seconds": "s"},
        "datasets": {},
        "studies": [{"name": "mine", "dataset": "mine", "is_cataloged": False, "runs": [], "last_complete": None}],
        "damaged": [],
        "live_run": None,
        "left": None,
    }


def test_one_time_left_is_that_of_the_whole_run(work, status):
    work.catalog()
    before = status("--json")["left"]
    for fold in "123":
        work.end("psytrance_crnn", "base", fold, seconds=100)
    after = status("--json")["left"]
    assert 0 < after < before
    assert "Time left of a run of all that is missing: about " in status()


def test_the_time_left_of_a_live_run_is_what_it_reports(work, status):
    work.catalog()
    Path(".snakemake").mkdir()
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    Path(".snakemake/genreflow.lock").write_text(json.dumps(owner))
    Path("logs").mkdir(exist_ok=True)
    Path("logs/progress.json").write_text(json.dumps({"left": 1000.0, "told_at": time.time() - 100}))
    assert 880 < status("--json")["left"] <= 900
    assert "Time left of the live run: about 15 min." in status()


def test_a_run_is_alive_before_its_first_epoch(work, status, monkeypatch):
    note = Path(".snakemake/genreflow.lock")
    note.parent.mkdir()
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
    note.write_text(json.dumps(owner))
    assert f"A run is alive: process {os.getpid()} on {owner['host']} since " in status()
    assert status("--json")["live_run"] == owner
    for change in ({"pid": 2**22 + 1}, {"since": 1.0}, {"host": NOBODY}):
        note.write_text(json.dumps(owner | change))
        assert "alive" not in status()
    note.write_text("{")
    assert "alive" not in status()


def test_one_study_without_a_catalog_does_not_hide_another(work, status):
    work.catalog()
    Path("other.yaml").write_text("dataset: psytrance\n")
    Path("my.yaml").write_text(CONFIG.replace("[mine.yaml]", "[other.yaml, mine.yaml]"))
    other, own = status("--json")["studies"]
    assert (other["name"], other["is_cataloged"]) == ("other", False)
    assert (own["name"], len(own["runs"])) == ("mine", len(work.study.runs))


def test_a_catalog_of_another_version_is_as_good_as_none(work, status):
    work.catalog()
    path = Path("results/mine/catalog.parquet")
    table, header = read_table(path, catalog.KIND), read_header(path)
    write_table(path, table.drop(["tags"]), replace(header, version=catalog.VERSION - 1))
    assert "nothing yet" in status()


def test_what_is_to_be_predicted_does_not_matter(work, status):
    work.catalog()
    Path("my.yaml").write_text(CONFIG + "predict: {study: mine, files: [not/there/yet.mp3]}\n")
    assert len(status("--json")["studies"][0]["runs"]) == len(work.study.runs)


def test_shards_count_when_they_are_those_of_the_plan(work, status):
    work.catalog()
    shards, table = work.dataset.shards, pd.DataFrame({"a": [1]})
    assert len(shards) > 2
    for shard in shards:
        write_table(f"results/mine/audio/{shard}.parquet", table, Header("audio", work.dataset.audio_keys[shard]))
    slices, samples = sorted(work.dataset.inputs.values(), key=lambda plan: plan.suffix, reverse=True)
    write_table(slices.shard(shards[0]), table, Header("slices", slices.shard_keys[shards[0]]))
    write_table(slices.shard(shards[1]), table, Header("slices", "of other settings"))
    write_shard(samples.shard(shards[0]), {"a": np.zeros(1)}, Header("slices", samples.shard_keys[shards[0]]))
    Path(samples.shard(shards[1])).write_bytes(b"cut off")
    result = status("--json", code=5)
    message = {stage["name"]: (stage["done"], stage["shards"]) for stage in result["datasets"]["mine"]}
    n = len(shards)
    assert message == {"audio": (n, n), slices.folder: (1, n), samples.folder: (1, n)}
    assert len(result["damaged"]) == 1 and f"{samples.shard(shards[1])} is damaged" in result["damaged"][0]
    assert f"{n} of {n} shards" in status(code=5)


def test_runs_by_state(work, status):
    work.catalog()
    work.end("psytrance_cnn", "pool=mean", 1, seconds=100)
    work.end("psytrance_cnn", "pool=mean", 2, seconds=9, status="diverged")
    work.end("psytrance_cnn", "pool=mean", 3, seconds=1, key="of other settings")
    work.note("psytrance_cnn", "pool=max", 1)
    message = status("--json")
    states = [(run["setting"], run["fold"], run["state"]) for run in runs(message, model="psytrance_cnn")]
    expected = {("pool=mean", "1"): "finished", ("pool=mean", "2"): "diverged", ("pool=max", "1"): "running"}
    assert states == [(setting, fold, expected.get((setting, fold), "waiting")) for setting, fold, _ in states]
    assert len(states) == len({run.path for run in work.study.runs if run.model == "psytrance_cnn"})
    [row] = [line for line in status().splitlines() if line.startswith("  psytrance_cnn ")]
    assert row.split()[1:5] == ["1", "1", "1", str(len(states) - 3)]
    assert "running: psytrance_cnn pool=max fold 1, epoch 4 of 20, loss 0.4321, accuracy 0.8750" in status()


def test_what_is_left_is_measured_on_the_nearest_finished_runs(work, status):
    work.catalog()
    work.end("psytrance_cnn", "pool=mean", 1, seconds=100)
    work.end("psytrance_cnn", "pool=mean", 2, seconds=200)
    work.end("psytrance_cnn", "pool=max", 1, seconds=600)
    work.end("psytrance_cnn", "pool=max", 2, seconds=5, status="diverged")
    message = status("--json")
    assert [run["left"] for run in runs(message, setting="pool=mean", state="waiting")] == [150]
    assert [run["left"] for run in runs(message, setting="pool=max", state="waiting")] == [600]
    assert {run["left"] for run in runs(message, model="psytrance_crnn")} == {None}
    [row] = [line for line in status().splitlines() if line.startswith("  psytrance_crnn")]
    assert row.endswith("unknown")


def test_a_run_that_was_interrupted_is_no_measure(work, status):
    work.catalog()
    work.end("psytrance_cnn", "pool=mean", 1, seconds=1, resumed=True)
    assert {run["left"] for run in runs(status("--json"), model="psytrance_cnn")} == {None}
    work.end("psytrance_cnn", "pool=mean", 2, seconds=100)
    assert [run["left"] for run in runs(status("--json"), setting="pool=mean", state="waiting")] == [100]


def test_a_setting_without_a_finished_run_takes_what_others_of_its_model_took(work, status):
    work.catalog()
    work.end("psytrance_cnn", "pool=mean", 1, seconds=100)
    work.end("psytrance_cnn", "pool=mean", 2, seconds=200)
    assert {run["left"] for run in runs(status("--json"), setting="pool=max")} == {150}


def test_a_running_run_knows_best_what_it_still_takes(work, status):
    work.catalog()
    work.note("psytrance_cnn", "pool=mean", 1, left=500.0, told_at=time.time() - 100)
    [run] = runs(status("--json"), state="running")
    assert run["left"] == pytest.approx(400, abs=20)


def test_one_that_does_not_know_yet_takes_what_the_others_took(work, status):
    work.catalog()
    work.end("psytrance_cnn", "pool=mean", 1, seconds=1_000)
    work.note("psytrance_cnn", "pool=mean", 2, left=None, seconds=300.0, told_at=time.time() - 100)
    [run] = runs(status("--json"), state="running")
    assert run["left"] == pytest.approx(600, abs=20)


def test_a_run_whose_process_is_gone_was_stopped(work, status):
    work.catalog()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    work.note("psytrance_cnn", "pool=mean", 1, pid=gone.pid)
    [run] = runs(status("--json"), setting="pool=mean", fold="1")
    assert run["state"] == "waiting"
    assert "stopped: psytrance_cnn pool=mean fold 1, epoch 4 of 20" in status()


def test_a_process_that_has_ended_and_was_not_asked_for_its_result_is_gone(work, status):
    work.catalog()
    ended = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    ended.stdout.read()  # until it ends
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    work.note("psytrance_cnn", "pool=mean", 1, pid=ended.pid)
    assert runs(status("--json"), state="running") == []
    ended.wait()


def test_a_process_that_was_given_the_number_of_an_older_one_is_not_the_run(work, status):
    work.catalog()
    work.note("psytrance_cnn", "pool=mean", 1, pid=os.getpid(), started_at=1.0)
    assert runs(status("--json"), state="running") == []


@pytest.mark.parametrize(("silent", "state"), [(60, "running"), (3_600, "waiting")])
def test_a_run_on_another_machine_is_believed_while_it_is_heard_of(work, status, silent, state):
    work.catalog()
    work.note("psytrance_cnn", "pool=mean", 1, host=NOBODY, told_at=time.time() - silent)
    [run] = runs(status("--json"), setting="pool=mean", fold="1")
    assert run["state"] == state
    assert f"on {NOBODY}" in status()


def test_a_finished_run_is_finished_whatever_its_last_note_says(work, status):
    work.catalog()
    work.note("psytrance_cnn", "pool=mean", 1)
    work.end("psytrance_cnn", "pool=mean", 1, seconds=10)
    assert "running:" not in status()


def test_a_note_that_cannot_be_read_is_passed_over(work, status):
    work.catalog()
    path = Path("logs/mine/train_run/psytrance_cnn/pool=mean/fold-1.progress.json")
    for content in ("", "[]", "{"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        assert len(runs(status("--json"), state="waiting")) == len(work.study.runs)


def test_a_run_whose_facts_are_damaged_or_forged_waits_to_be_made_again(work, status, capsys):
    work.catalog()
    work.end("psytrance_cnn", "pool=mean", 1, seconds=100)
    path = Path("results/mine/runs/psytrance_cnn/pool=mean/fold-1/run.json")
    forged = path.read_text().replace("100", "1")
    for content in ("", "[]", "{", forged):
        path.write_text(content)
        message = status("--json", code=5)
        assert len(runs(message, state="waiting")) == len(work.study.runs)
        assert [f"{path} is damaged" in sentence for sentence in message["damaged"]] == [True]
    assert main(["status", "--configfile", "my.yaml"]) == 5
    message = capsys.readouterr().err
    assert (
        f"{path} is damaged (its seal is broken" in message
        and "`genreflow verify --repair` makes damaged products again" in message
    )


def test_columns_stand_below_each_other(work, status):
    work.catalog()
    lines = status().splitlines()
    [header] = [line for line in lines if "diverged" in line]
    rows = [line for line in lines if line.startswith(("  psytrance_cnn", "  psytrance_crnn"))]
    assert len(rows) == 2
    for name in ("finished", "diverged", "running", "waiting"):
        end = header.index(name) + len(name)
        assert all(row[end - 1].isdigit() and row[end] == " " for row in rows)


def test_mistakes_in_the_settings_are_told(work, capsys):
    Path("mine.yaml").write_text(STUDY.replace("folds:", "fold:"))
    assert main(["status", "--configfile", "my.yaml"]) == 2
    assert "Did you mean 'folds'?" in capsys.readouterr().err


def test_a_study_that_trains_nothing(work, status):
    Path("mine.yaml").write_text("dataset: mine\ninputs: {slices: {}}\nmodels: {}\n")
    work.catalog()
    assert "trains nothing" in status()


def test_the_last_line_says_what_comes_next(work, capsys):
    assert main(["status", "--configfile", "my.yaml"]) == 0
    assert capsys.readouterr().err == "0 of 0 runs have ended. Next: genreflow run --configfile my.yaml\n"
