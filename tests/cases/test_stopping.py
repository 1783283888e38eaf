"""SIGTERM and Ctrl-C reach the jobs: these write their checkpoints and all processes end; the same command goes on."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from genreflow.cli.run import claimed
from genreflow.shutdown import is_job, stop

pytestmark = pytest.mark.end_to_end

RUN = "results/tiny/runs/psytrance_cnn/pool=max/fold-1"
GENREFLOW, SNAKEMAKE = ("genreflow", "run"), ("snakemake",)


def wait_until(is_so, process):
    deadline = time.monotonic() + 300
    while not is_so():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def lasting(built, tmp_path):
    """A project in which a training lasts."""
    project = built.copy(tmp_path / "project")
    project.edit("tiny.yaml", "epochs: 1", "epochs: 100000")
    return project


def stopped(project, front, number, group=False):
    """Stop a training once it has a checkpoint; return how the run ended, what it printed, and who outlived it."""
    process = project.start(f"{RUN}/run.json", "--cores", "1", front=front)
    checkpoint = project.work / RUN / ".checkpoint"
    try:
        wait_until(checkpoint.exists, process)
        family = psutil.Process(process.pid).children(recursive=True)
        assert any(map(is_job, family))
        (os.killpg if group else os.kill)(process.pid, number)
        printed, _ = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=0)
    assert checkpoint.exists()
    return process.returncode, printed, alive


@pytest.mark.parametrize(
    ("front", "number", "group", "expected"),
    [
        (GENREFLOW, signal.SIGTERM, False, 143),
        (SNAKEMAKE, signal.SIGHUP, True, 1),
        pytest.param(GENREFLOW, signal.SIGHUP, True, 129, marks=pytest.mark.slow),
        pytest.param(GENREFLOW, signal.SIGINT, True, 130, marks=pytest.mark.slow),
        pytest.param(SNAKEMAKE, signal.SIGTERM, False, 1, marks=pytest.mark.slow),
        pytest.param(SNAKEMAKE, signal.SIGINT, True, 1, marks=pytest.mark.slow),
        pytest.param(GENREFLOW, signal.SIGTERM, True, 143, marks=pytest.mark.slow),
        pytest.param(GENREFLOW, signal.SIGINT, False, 130, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_stopped_ends_with_its_jobs(lasting, front, number, group, expected):
    code, printed, alive = stopped(lasting, front, number, group)
    assert code == expected, printed
    assert alive == []
    assert "Traceback" not in printed
    assert "RuleException" not in printed and "WorkflowError" not in printed
    kept, command = printed.splitlines()[-2:]
    assert kept == "Stopped. Finished products are kept, and trainings resume from their last checkpoints."
    assert command.startswith(f"Next: {' '.join(front)} {RUN}/run.json --cores 1")


@pytest.mark.slow
def test_the_same_command_then_ends_in_the_weights_of_a_run_that_nothing_disturbed(built, tmp_path):
    project = built.copy(tmp_path / "project")
    project.edit("tiny.yaml", "epochs: 1", "epochs: 200")
    undisturbed = project.copy(tmp_path / "undisturbed")
    code, printed, _ = stopped(project, GENREFLOW, signal.SIGTERM)
    assert code == 143, printed
    for each in (project, undisturbed):
        code, printed = each.run(f"{RUN}/run.json", "--cores", "1", front=GENREFLOW)
        assert code == 0, printed
    again, anew = ((each.work / RUN / "model.safetensors").read_bytes() for each in (project, undisturbed))
    assert again == anew
    assert '"resumed": 1' in (project.work / RUN / "run.json").read_text()
    assert not list((project.work / RUN).glob(".*"))


def sleeper(folder, name, body, *words):
    """Start a script that works in a folder, and return its process once it says that it does."""
    script = folder / name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(f"import signal, subprocess, sys, time\n{body}\nprint('ready', flush=True)\ntime.sleep(300)\n")
    process = subprocess.Popen([sys.executable, script, *words], cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_snakemake_that_unlocks_for_a_run_that_died_is_stopped(tmp_path):
    process = sleeper(tmp_path, "bin/snakemake", "", "--unlock")
    claimed(["--directory", str(tmp_path)])
    assert process.poll() is not None


def test_jobs_that_do_not_end_are_killed_and_their_workers_with_them(tmp_path):
    worker = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])"
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    job = sleeper(tmp_path, ".snakemake/scripts/a.py", f"{deaf}\n{worker}")
    family = psutil.Process(job.pid).children(recursive=True)
    assert len(family) == 1 and is_job(psutil.Process(job.pid))
    stop([psutil.Process(job.pid)], patience=0.2)
    assert job.wait(timeout=60) == -signal.SIGKILL
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []
