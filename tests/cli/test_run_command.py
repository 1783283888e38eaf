"""`genreflow run` is snakemake, with exit codes that say what happened."""

import re
import signal
import subprocess
import sys
import time

import pytest
import snakemake
from project import Project

from genreflow.cli import main
from genreflow.cli.run import _ended, working_folder

GENREFLOW = ("genreflow", "run")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    return tmp_path


def test_snakemake_takes_the_arguments(here, capsys):
    assert main(["run", "--version"]) == 0
    assert capsys.readouterr().out.strip() == snakemake.__version__


def test_what_snakemake_does_not_take_is_bad_input(here, capsys):
    assert main(["run", "--no-such-option", "--config", "studies=[demo]"]) == 2
    assert "genreflow: run: unrecognized arguments: --no-such-option" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "signals", "expected"),
    [(0, b"", 0), (0, bytes([signal.SIGINT]), 0), (1, b"", 2), (1, bytes([signal.SIGINT]), 130),
     (1, bytes([signal.SIGTERM]), 143), (1, bytes([signal.SIGCHLD]), 2)],
)  # fmt: skip
def test_how_a_run_ends(here, capsys, code, signals, expected):
    assert _ended(code, signals, here, 0, [], []) == expected


@pytest.mark.parametrize(
    ("message", "expected"), [("[Errno 5] Input/output error: 'x'", 5), ("[Errno 2] No such file", 2)]
)
def test_what_the_machine_does_to_snakemake_itself_is_told_as_that(here, message, expected):
    log = here / ".snakemake/log/now.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"WorkflowError: Error recording metadata for finished job ({message})\n")
    assert _ended(1, b"", here, 0, [], []) == expected


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [([], "."), (["--cores", "2"], "."), (["-d", "work"], "work"), (["-n", "--directory=work"], "work")],
)
def test_the_folder_is_that_of_snakemake(here, arguments, folder):
    assert working_folder(arguments) == (here / folder).resolve()


@pytest.mark.slow
def test_too_many_refused_tracks_have_a_code_of_their_own(tmp_path):
    project = Project.make(tmp_path / "project")
    for number in range(3):
        (project.work / "music/low" / f"page-{number}.mp3").write_text("<html>")
    code, printed = project.run("--cores", "2", front=GENREFLOW)
    assert code == 4, printed
    assert printed.splitlines()[-1].startswith(
        "Too many tracks were refused, so nothing was trained: results/quarantine.csv lists each with the reason."
    )
    assert "Too many tracks were quarantined" in printed
    assert not re.search("RuleException|CalledProcessError|trap |Error in rule", printed), printed
    assert (project.work / "results/quarantine.csv").exists() and not (project.work / "results/tiny/runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_stops_a_run_is_told_how_to_go_on(tmp_path, number, expected):
    project = Project.make(tmp_path / "project")
    process = project.start("--cores", "2", front=GENREFLOW)
    deadline = time.monotonic() + 120
    while not list(project.work.glob("results/tiny/audio/s*.parquet")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    try:
        printed, _ = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == expected, printed
    kept, command = printed.splitlines()[-2:]
    assert kept.startswith("Stopped. Finished products are kept")
    assert command.startswith("Next: genreflow run --cores 2 ")
