"""All folds of a setting in one job: the same products, and no reason to train what is there."""

import os
import signal
import time

import pytest

pytestmark = pytest.mark.end_to_end

ALL = ("my.yaml", "device: cpu}", "device: cpu, folds_per_job: all}")


def test_what_was_trained_one_by_one_is_not_trained_again(project):
    project.edit(*ALL)
    assert project.jobs() == {}


def test_folds_trained_in_one_job_are_those_of_as_many_even_if_it_is_killed(built, project):
    project.edit(*ALL)
    for path in sorted((project.work / "results/tiny/runs").rglob("run.json")):
        path.unlink()
    assert project.jobs()["train_folds_tiny_0"] == 2
    waiting = project.work / "results/tiny/runs/psytrance_cnn/pool=mean/.fold-1/run.json"
    process = project.start("--cores", "1")
    until = time.monotonic() + 240
    while not waiting.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert waiting.exists()
    made = waiting.read_bytes()  # which tells how long it took
    code, printed = project.run("--cores", "2", front=("genreflow", "run"))
    assert code == 0, printed
    assert (waiting.parents[1] / "fold-1/run.json").read_bytes() == made
    assert project.hashes() == built.hashes()
    assert not list((project.work / "results").rglob(".fold-*"))
    assert project.jobs() == {}
