"""The exit code of the command as the shell sees it: one of each, and what is said."""

import errno
import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from genreflow.cli import exits, main, models
from genreflow.cli.endings import exit_code_of_jobs
from genreflow.cli.exits import Exit
from genreflow.datasets.index import check_losses
from genreflow.errors import Damaged, UserError
from genreflow.job import job

GENREFLOW = str(Path(sys.executable).with_name("genreflow"))


def genreflow(*arguments, **options):
    return subprocess.run([GENREFLOW, *arguments], capture_output=True, text=True, check=False, **options)


def write_music(folder, sounds, *, bad):
    """Write two classes of eight tracks, the first `bad` of which are none."""
    for number, sound in enumerate(sounds):
        path = Path(folder, "ab"[number % 2], f"{number}.wav")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"<html>" if number < bad else sound)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Eight recordings: copies of one in two classes would be refused."""
    import numpy as np
    import soundfile

    path = tmp_path_factory.mktemp("sound") / "sound.wav"
    contents = []
    for seed in range(8):
        soundfile.write(path, 0.1 * np.random.default_rng(seed).normal(size=24_000), 8_000)
        contents.append(path.read_bytes())
    return contents


def test_ok(tmp_path):
    done = genreflow("--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bug_is_told_in_a_sentence_and_kept_whole(tmp_path):
    (tmp_path / "logs").mkdir()
    program = "import sys; from genreflow.cli import main, models; del models.table; sys.exit(main(['models']))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    [kept] = (tmp_path / "logs/bugs").iterdir()
    assert "NameError: name 'table' is not defined" in line and f"logs/bugs/{kept.name}" in line and "report" in line
    story = kept.read_text()
    assert "Traceback (most recent call last)" in story and "genreflow/cli/models.py" in story


def test_bad_input(tmp_path):
    done = genreflow("statsu", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "genreflow: unknown command 'statsu'. Did you mean 'status'? `genreflow --help` lists all commands.\n"
    )


def test_busy(tmp_path):
    lock = tmp_path / ".snakemake" / "genreflow.lock"
    lock.parent.mkdir()
    lock.write_text('{"host": "here", "pid": 4711, "since": 0}')
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = genreflow("run", "--cores", "1", "--config", "studies=[demo]", cwd=tmp_path)
    assert done.returncode == 3
    assert "process 4711 on here" in done.stderr and "Traceback" not in done.stderr


def test_more_is_refused_than_the_limit_allows(tmp_path, sounds):
    write_music(tmp_path / "music", sounds, bad=3)
    done = genreflow("check", "music", cwd=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "3 of 8 files looked at (5 of them decoded) will be refused" in done.stdout
    assert "limits.max_quarantine" in done.stderr.splitlines()[-1]


def test_a_few_refused_files_are_within_the_limit(tmp_path, sounds, capsys):
    write_music(tmp_path / "music", sounds, bad=2)
    assert main(["check", str(tmp_path / "music")]) == 2


def test_a_full_disk(tmp_path):
    """A limit on the size of files is to a program what a full disk is."""
    done = genreflow(
        "synthesize", "music", "--tracks-per-class", "1", "--seconds", "3", cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )  # fmt: skip
    assert done.returncode == 5, done.stderr
    assert "Is the disk full?" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_interrupted(tmp_path):
    process = subprocess.Popen(
        [GENREFLOW, "synthesize", "music", "--seconds", "3"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        # A test run in the background ignores Ctrl-C, and what it starts would do so too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("music/*/*/*")) and time.monotonic() < deadline:  # until the first track is written
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    message = process.stderr.read().decode()
    assert process.wait(timeout=30) == 130
    assert message.splitlines()[-1] == "genreflow: interrupted." and "Traceback" not in message


def test_whoever_reads_no_further_is_not_told_of_it(tmp_path):
    process = subprocess.Popen(
        [GENREFLOW, "models", "random_forest"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.wait(timeout=60) == 141
    assert process.stderr.read() == b""


@contextmanager
def raising(monkeypatch, error):
    def broken(*_):
        raise error

    monkeypatch.setattr(models, "table", broken)
    yield


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UserError("Do that instead."), 2, "genreflow: Do that instead."),
        (
            Damaged("results/a.parquet", "a page is wrong"),
            5,
            "`genreflow verify --repair` makes damaged products again.",
        ),
        (Damaged("copy/model.safetensors", "a byte is wrong"), 5, "take a fresh copy of the folder"),
        (PermissionError(errno.EACCES, "Permission denied", "a.csv"), 5, "a.csv: there is no permission."),
        (OSError(errno.EROFS, "Read-only file system", "a.csv"), 5, "a.csv: there is no permission."),
        (OSError(errno.ENOSPC, "No space left on device", "a.csv"), 5, "a.csv: the disk is full."),
        (MemoryError(), 5, "there is not enough memory"),
        (ModuleNotFoundError("No module named 'captum'", name="captum"), 2, "the package 'captum' is not installed."),
        (ModuleNotFoundError("No module named 'genreflow.x'", name="genreflow.x"), 1, "this is a bug"),
        (OSError("a library has no number for this"), 1, "this is a bug"),
        (KeyError("lost"), 1, "KeyError: 'lost'"),
        (UserError("a name with \x1b[31m in it,\nand \udcff."), 2, r"a name with \x1b[31m in it,"),
    ],
)
def test_what_an_error_comes_to(tmp_path, monkeypatch, capsys, error, code, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exits, "temporary_folder", lambda: tmp_path)
    with raising(monkeypatch, error):
        assert main(["models"]) == code
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err
    assert len(list(tmp_path.iterdir())) == (code == 1)


def test_where_nothing_can_be_kept_a_bug_is_told_all_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exits, "temporary_folder", lambda: tmp_path / "gone")
    with raising(monkeypatch, KeyError("lost")):
        assert main(["models"]) == 1
    assert capsys.readouterr().err.endswith("(KeyError: 'lost'). Please report it.\n")


def test_who_wants_to_see_the_traceback_does(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENREFLOW_DEBUG", "1")
    monkeypatch.setattr(exits, "temporary_folder", lambda: tmp_path)
    with raising(monkeypatch, KeyError("lost")):
        assert main(["models"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def fail(log, error):
    with pytest.raises(SystemExit), job(log):
        raise error


def too_many():
    index = pd.DataFrame({"verdict": ["quarantine"] * 5, "reason": "Q_EMPTY", "label": "a"})
    try:
        check_losses(index, most=0.05, most_of_a_class=0.2)
    except UserError as error:
        return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (too_many(), Exit.QUARANTINE),
        (OSError(errno.ENOSPC, "No space left on device", "a.ogg"), Exit.MACHINE),
        (PermissionError(errno.EACCES, "Permission denied", "a.ogg"), Exit.MACHINE),
        (KeyError("lost"), Exit.BUG),
        (UserError("This cannot be trained."), Exit.INPUT),
    ],
)
def test_a_run_ends_with_the_code_of_what_its_jobs_said(tmp_path, capsys, error, code):
    fail(tmp_path / "failed.log", error)
    with job(tmp_path / "done.log"):
        print("KeyError: of another story")
    assert exit_code_of_jobs(tmp_path, 0) == code


def test_a_damaged_product_is_a_matter_of_the_machine(tmp_path, capsys):
    (tmp_path / "a.parquet").touch()
    fail(tmp_path / "failed.log", Damaged(tmp_path / "a.parquet", "a page is wrong"))
    assert exit_code_of_jobs(tmp_path, 0) == Exit.MACHINE


def test_of_several_reasons_that_counts_which_is_to_be_mended_first(tmp_path, capsys):
    fail(tmp_path / "1.log", too_many())
    fail(tmp_path / "2.log", KeyError("lost"))
    assert exit_code_of_jobs(tmp_path, 0) == Exit.BUG
    fail(tmp_path / "3.log", OSError(errno.ENOSPC, "No space left on device"))
    assert exit_code_of_jobs(tmp_path, 0) == Exit.MACHINE


def test_a_job_without_a_record_was_killed(tmp_path):
    (tmp_path / "killed.log").write_text("")
    assert exit_code_of_jobs(tmp_path, 0) == Exit.MACHINE


def test_a_record_of_an_earlier_attempt_is_not_that_of_a_killed_one(tmp_path):
    log = tmp_path / "killed.log"
    with job(log):
        pass
    assert exit_code_of_jobs(tmp_path, 0) is None
    later = log.stat().st_mtime + 10
    os.utime(log, (later, later))
    assert exit_code_of_jobs(tmp_path, 0) == Exit.MACHINE


def test_logs_of_an_earlier_run_tell_nothing(tmp_path, capsys):
    fail(tmp_path / "old.log", KeyError("lost"))
    os.utime(tmp_path / "old.log", (1, 1))
    assert exit_code_of_jobs(tmp_path, 100) is None
