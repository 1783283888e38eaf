"""The time that a run still takes."""

import csv
import time
from collections import Counter
from pathlib import Path

import pytest

from genreflow.cli import run_tracker
from genreflow.cli.run_tracker import RunTracker
from genreflow.cli.time_left import Costs, Job, RunningJob, time_left
from genreflow.store.costs import recorded

# Runs on two busy cores, of a study of eight tracks and of the demo: every job with its log, threads, GPUs, begin and
# end in seconds.
RECORDED = {
    name: list(csv.DictReader((Path(__file__).parent / f"recorded_{name}.csv").open(encoding="utf-8")))
    for name in ("tiny", "demo")
}


def training(fold, model="cnn/base"):
    return Job("train_run", f"logs/demo/train_run/{model}/fold-{fold}.log")


def test_alike_jobs_count_more_than_others():
    measured = Costs()
    measured.add(training(1), 100.0)
    measured.add(training(1, "forest/base"), 2.0)
    assert measured.expected(training(2)) == 100.0
    assert measured.expected(training(2, "forest/depth=3")) == 2.0
    assert measured.expected(training(2, "mlp/base")) == 51.0
    assert measured.expected(Job("draw_figure", "logs/demo/draw_figure/a.log")) is None


def test_jobs_share_the_machine():
    measured = Costs()
    measured.add(Job("draw_figure", "logs/demo/draw_figure/a.log"), 10.0)
    figures = [Job("draw_figure", f"logs/demo/draw_figure/{number}.log", share=0.5) for number in range(6)]
    assert time_left(figures, [], measured) == 30.0
    assert time_left(figures[:1], [], measured) == 10.0


def test_a_running_training_says_itself_how_long_it_will_take_and_others_take_as_long():
    running = [RunningJob(training(1), seconds=60.0, left=40.0)]
    assert time_left([training(2), training(3)], running, Costs()) == 240.0


def test_the_last_run_says_what_jobs_take(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = Path("logs/demo/draw_figure/a.log")
    log.parent.mkdir(parents=True)
    with recorded(log, since=time.time() - 12):
        pass
    measured = Costs()
    measured.recall(Job("draw_figure", str(log)))
    assert measured.expected(Job("draw_figure", "logs/demo/draw_figure/b.log")) == pytest.approx(12, abs=1)


@pytest.mark.parametrize("share", [1 / 3, 1 / 2, 2 / 3, 0.9])
@pytest.mark.parametrize("name", RECORDED)
def test_of_a_recorded_run_the_estimate_is_within_a_factor_of_two_after_a_third(name, share, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = RECORDED[name]
    jobs = [(row["rule"], row["log"], float(row["began"]), float(row["ended"])) for row in rows]
    monkeypatch.setattr(run_tracker, "_expected", [(rule, log) for rule, log, *_ in jobs])
    now, end = 0.0, max(ended for *_, ended in jobs)
    tracker = RunTracker(clock=lambda: now)
    tracker.begin(Counter(rule for rule, *_ in jobs))
    tracker.machine(2, 1)
    events = sorted((time, place) for place, job in enumerate(jobs) for time in job[2:])
    begun = set()
    for now, place in events:
        if now > share * end:
            break
        if place not in begun:
            begun.add(place)
            tracker.start(place, *jobs[place][:2], threads=int(rows[place]["threads"]), gpus=int(rows[place]["gpus"]))
        else:
            tracker.finish(place)
    now = share * end
    assert 0.5 <= tracker.facts().left / (end - now) <= 2.0
