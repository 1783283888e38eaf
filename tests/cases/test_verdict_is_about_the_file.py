"""A verdict is about the bytes of a file: not about a clock, a suspended process, or a worker that something killed."""

import importlib
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import soundfile
from project import RATE, Project, tone
from sounds import cataloged, synthesize, write_audio

from genreflow.audio import workers
from genreflow.audio.ingest import ingest, unsettled, write
from genreflow.audio.workers import Died, TimedOut, run_confined
from genreflow.config.audio import AudioSettings
from genreflow.errors import MachineProblems
from genreflow.plan.unsettled import retry_unsettled
from genreflow.store.parquet import read_header

module = importlib.import_module("genreflow.audio.ingest")
LIMIT = 2.0  # seconds of processor time, or of waiting without any


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    return [cataloged(write_audio(folder / f"{seed}.wav", synthesize(1.0, seed=seed)), f"t{seed}") for seed in range(3)]


def run(tracks, folder, **options):
    settings = {"audio_folder": folder, "settings": AudioSettings(), "stage_key": "k", "timeout": LIMIT}
    return ingest(tracks, **settings | options)


def verdicts(table):
    return {row["track_id"]: row["reason"] if row["verdict"] == "quarantine" else "" for row in table.to_pylist()}


def before_normalizing(monkeypatch, action, *names):
    """Call `action` in the worker before one of these tracks is normalized, or any."""
    normalize = module.normalize

    def disturbed(path, *args, **options):
        if not names or Path(os.fsdecode(path)).name in names:
            action()
        return normalize(path, *args, **options)

    monkeypatch.setattr(module, "normalize", disturbed)


def noted(path, action):
    """Return an action that leaves a mark each time."""

    def marked():
        with open(path, "a") as file:
            file.write("x")
        action()

    return marked


def suspend():
    """Stop this process; a helper lets it go on after longer than the limit."""
    subprocess.Popen(["sh", "-c", f"sleep {1.5 * LIMIT}; kill -CONT {os.getpid()}"])
    os.kill(os.getpid(), signal.SIGSTOP)


def test_a_suspended_worker_is_waited_for(tmp_path, tracks, monkeypatch):
    before_normalizing(monkeypatch, noted(tmp_path / "tried", suspend), "1.wav")
    assert verdicts(run(tracks, tmp_path / "out", workers=2)) == {"t0": "", "t1": "", "t2": ""}
    assert (tmp_path / "tried").read_text() == "x"


@pytest.mark.parametrize("clock", ["time", "monotonic"])
def test_a_clock_that_jumps_does_not_matter(tmp_path, tracks, monkeypatch, clock):
    """As when the time is set, or this very process has slept with the machine."""
    real, start = getattr(time, clock), getattr(time, clock)()
    monkeypatch.setattr(time, clock, lambda: start + 1e5 * (real() - start))
    before_normalizing(monkeypatch, lambda: time.sleep(0.3))
    assert verdicts(run(tracks, tmp_path / "out")) == {"t0": "", "t1": "", "t2": ""}


def test_workers_that_are_killed_again_and_again_cost_no_good_track(tmp_path, tracks, monkeypatch):
    """Each track loses its first worker, and one track every one."""

    def killed_at_first():
        mark = tmp_path / f"{time.monotonic_ns()}.mark"
        if len(list(tmp_path.glob("*.mark"))) < 2:
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    before_normalizing(monkeypatch, killed_at_first, "0.wav", "2.wav")
    before_normalizing(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGKILL), "1.wav")
    assert verdicts(run(tracks, tmp_path / "out", workers=2)) == {"t0": "", "t1": "Q_MACHINE", "t2": ""}


def test_a_worker_that_is_killed_between_two_tasks_costs_nothing():
    results = {}
    for task, result in run_confined(os.getpid, dict.fromkeys(range(4), ()), workers=1, timeout=LIMIT, memory_gb=1.0):
        results[task] = result
        os.kill(result.value, signal.SIGKILL)
        while psutil.Process(result.value).status() != psutil.STATUS_ZOMBIE:
            pass
    assert [results[n].error for n in range(4)] == [None] * 4
    assert len({result.value for result in results.values()}) == 4


def burn():
    while True:
        pass


def rest():
    time.sleep(600)


@pytest.mark.parametrize("action", [burn, rest])
def test_a_limit_counts_work_and_waiting(action):
    tasks = {1: (), 2: ()}
    outcomes = dict(run_confined(action, tasks, workers=2, timeout=0.3, memory_gb=1.0))
    assert [type(outcomes[n].error) for n in tasks] == [TimedOut, TimedOut]


def test_a_timeout_counts_when_it_is_one_alone_too(tmp_path, tracks, monkeypatch):
    before_normalizing(monkeypatch, noted(tmp_path / "tried", burn), "1.wav")
    table = run(tracks, tmp_path / "out", workers=2, timeout=1.0)
    assert verdicts(table) == {"t0": "", "t1": "Q_DECODER_TIMEOUT", "t2": ""}
    assert (tmp_path / "tried").read_text() == "xx"
    assert unsettled(table) == {"t1"}


def test_a_worker_that_ends_otherwise_says_how():
    [(_, result)] = run_confined(os._exit, {0: (7,)}, workers=1, timeout=LIMIT, memory_gb=1.0)
    assert isinstance(result.error, Died)
    assert result.error.exit_code == 7


def test_many_unjudged_tracks_are_the_fault_of_the_machine_and_end_the_run(tmp_path, tracks, monkeypatch):
    many = [tracks[0] | {"track_id": f"m{n}"} for n in range(12)]
    kill = noted(tmp_path / "tried", lambda: os.kill(os.getpid(), signal.SIGKILL))
    before_normalizing(monkeypatch, kill)
    with pytest.raises(MachineProblems, match="The machine did not let many tracks be decoded") as error:
        run(many, tmp_path / "out")
    assert error.value.exit_code == 5
    assert len(error.value.problems) == 3  # it does not go on to the last track
    assert len((tmp_path / "tried").read_text()) == 6


def test_that_no_process_can_be_started_is_no_verdict(tmp_path, tracks, monkeypatch):
    def fail():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(workers._FORK, "Process", lambda **_: type("Process", (), {"start": staticmethod(fail)}))
    with pytest.raises(BlockingIOError):
        run(tracks, tmp_path / "out")


class Plan:
    """As much of a plan as is asked here."""

    def __init__(self, shard_key="key"):
        self.datasets = {"music": self}
        self.settings = self
        self.limits = type("Limits", (), {"track_timeout": LIMIT, "track_memory_gb": 4.0})
        self.name, self.audio, self.ogg_key, self.audio_keys = "music", AudioSettings(), "k", {"s": shard_key}


def test_the_next_run_judges_them_again_and_touches_only_what_changes(tmp_path, tracks, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("genreflow.plan.unsettled.tracks_of_shard", lambda *_: tracks)
    path = Path("results/music/audio/s.parquet")
    with monkeypatch.context() as patch:
        before_normalizing(patch, noted(tmp_path / "tried", lambda: os.kill(os.getpid(), signal.SIGKILL)), "1.wav")
        assert write(path, run(tracks, path.parent), "key", AudioSettings()) == 1
        os.utime(path, ns=(1, 1))
        retry_unsettled(Plan())  # no better
        assert (tmp_path / "tried").read_text() == "xxxx"
        assert path.stat().st_mtime_ns == 1
    retry_unsettled(Plan("other"))  # a table that its job makes anew
    assert path.stat().st_mtime_ns == 1
    retry_unsettled(Plan())
    assert path.stat().st_mtime_ns > 1
    assert verdicts(pq.read_table(path)) == {"t0": "", "t1": "", "t2": ""}
    assert read_header(path).key == "key"
    assert read_header(path).facts == {"unsettled": 0, "settings": AudioSettings().model_dump(mode="json")}
    monkeypatch.setattr(module, "ingest", None)  # would fail
    retry_unsettled(Plan())


@pytest.mark.slow
def test_a_run_with_more_memory_accepts_what_one_with_less_could_not_judge(tmp_path):
    project = Project.make(tmp_path, tracks_per_class=2)
    soundfile.write(project.work / "music/low/long.wav", np.tile(tone(3), 110), RATE)
    project.edit("my.yaml", "limits: {", "limits: {track_memory_gb: 0.06, ")

    def ingested():
        code, printed = project.run("audio", "--cores", "1", front=("genreflow", "run"))
        assert code == 0, printed
        tables = sorted((project.work / "results/tiny/audio").glob("*.parquet"))
        reasons = [reason for path in tables for reason in pq.read_table(path)["reason"].to_pylist()]
        return reasons.count("Q_MEMORY"), [path.stat().st_mtime_ns for path in tables], printed

    first = ingested()
    again = ingested()
    assert (first[0], again[0]) == (1, 1)
    assert again[1] == first[1]
    assert "retrying 1 track" in again[2]
    project.edit("my.yaml", "track_memory_gb: 0.06, ", "")
    assert ingested()[0] == 0
    assert "trying" not in ingested()[2]
