"""An update that is interrupted costs no good result: the last complete ones serve until it is finished."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from project import Project

pytestmark = pytest.mark.end_to_end

GENREFLOW = ("genreflow", "run")
PAGE = "results/tiny/report/index.html"
RUN = "results/tiny/runs/psytrance_cnn/pool=mean/fold-final"
# Stage -> its products. A stage has begun when one of them is new, or gone to be made again.
STAGES = {
    "audio": "audio/s*.parquet",
    "slices": "slices/*/s*.parquet",
    "folds": "protocols/*/folds.parquet",
    "train": "runs/*/*/fold-*/run.json",
    "evaluate": "tables/*.parquet",
    "report": "report*/index.html",
}


@pytest.fixture(scope="module")
def updated(built: Project, tmp_path_factory, worker_id) -> Project:
    """The built project after an update that nothing disturbed."""
    shared = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    folder = shared / "updated"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            project = built.copy(folder)
            add_album(project)
            code, printed = project.run("--cores", "2", front=GENREFLOW)
            assert code == 0, printed
            (folder / "done").touch()
    return Project(folder)


def add_album(project: Project) -> None:
    project.add_track("low/new 1.wav", 50)
    project.add_track("high/new 2.wav", 51)


def stop_in(project: Project, stage: str, stop: signal.Signals) -> None:
    """Start a run and stop it in a stage: its main process by force, or all of it as Ctrl-C does."""
    folder = project.work / "results/tiny"
    before = products(folder, stage)
    process = project.start("--cores", "2", front=GENREFLOW)
    deadline = time.monotonic() + 600
    while products(folder, stage) == before:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (os.kill if stop == signal.SIGKILL else os.killpg)(process.pid, stop)
    process.communicate()


def products(folder: Path, stage: str) -> dict[str, int]:
    found = {}
    for path in folder.glob(STAGES[stage]):
        try:
            found[str(path)] = path.stat().st_ino
        except FileNotFoundError:
            continue
    return found


def printed_by(project: Project, *words: str) -> tuple[str, str]:
    """Run a command, which must succeed; return its standard output and standard error."""
    command = [str(Path(sys.executable).with_name("genreflow")), *words]
    environment = {**os.environ, "PYTHONPATH": str(project.home)}
    ended = subprocess.run(command, cwd=project.work, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr


def answers(project: Project) -> list[dict[str, float]]:
    """Return what the final model says of a track."""
    out, _ = printed_by(project, "predict", RUN, "music/low/0.wav", "--json", "--cores", "1")
    return [track["probabilities"] for track in json.loads(out)["tracks"]]


@pytest.mark.parametrize(
    ("stages", "stop"),
    [
        pytest.param(["train"], signal.SIGKILL, id="killed in training"),
        pytest.param(list(STAGES), signal.SIGKILL, id="killed in every stage", marks=pytest.mark.slow),
        pytest.param(list(STAGES), signal.SIGINT, id="interrupted in every stage", marks=pytest.mark.slow),
    ],
)
def test_an_update_that_is_stopped(project, updated, stages, stop):
    page, expected = (project.work / PAGE).read_bytes(), answers(project)
    add_album(project)
    for stage in stages:
        stop_in(project, stage, stop)
        [entry] = (project.work / "results/tiny/history").glob("2*")
        assert (entry / "report/index.html").read_bytes() == page
        # A setting of which all runs are new serves by itself.
        assert answers(project) == (answers(updated) if stage in ("evaluate", "report") else expected)
        other = str((entry / "runs/psytrance_cnn/pool=max").relative_to(project.work))
        out, err = printed_by(project, "compare", "tiny", other, "--json")
        assert json.loads(out)["metrics"]["tracks"] == {"A": 8, "B": 8}
        # Until the folds are replaced the study itself is what it was.
        assert ("its last complete results" in err) == (stage not in ("audio", "slices"))
    code, printed = project.run("--cores", "2", front=GENREFLOW)
    assert code == 0, printed
    assert project.hashes() == updated.hashes()
    assert project.jobs() == {}
    for each in (project, updated):
        text = (each.work / PAGE).read_text()
        assert "Since last time" in text and "2 tracks were added." in text
    out, err = printed_by(project, "compare", "tiny")
    assert "2 tracks were added." in out and "last complete" not in err
