import errno
import os
from pathlib import Path

import pytest

from genreflow import job as job_module
from genreflow.errors import UserError
from genreflow.job import job


def test_a_mistake_ends_the_job_with_its_text_alone(tmp_path, capfd):
    with pytest.raises(SystemExit) as end, job(tmp_path / "log"):
        raise UserError("The folder is empty.")
    assert end.value.code == 2
    assert capfd.readouterr().err == "The folder is empty.\n"
    output, ended = (tmp_path / "log").read_text().splitlines()
    assert output == "The folder is empty." and ended.startswith("failed after")


def test_a_fault_leaves_its_traceback_in_the_log_and_a_line_on_the_terminal(tmp_path, capfd):
    with pytest.raises(SystemExit), job(tmp_path / "log"):
        raise ValueError("odd")
    message = capfd.readouterr().err
    assert message.startswith("ValueError: odd") and str(tmp_path / "log") in message and "Traceback" not in message
    assert "Traceback" in (tmp_path / "log").read_text()


def test_a_full_disk_is_said_to_be_full(tmp_path, capfd):
    with pytest.raises(SystemExit) as end, job(tmp_path / "log"):
        raise OSError(errno.ENOSPC, "No space left on device", "results/model.safetensors")
    assert end.value.code == 5
    message = capfd.readouterr().err
    assert (
        message.startswith("The disk is full") and "model.safetensors" in message and "run the same command" in message
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EIO, "Input/output error", "a.ogg"), "The disk, or the way to it, reports an error: "),
        (OSError(errno.EROFS, "Read-only file system", "a.ogg"), "Nothing may be written there: "),
        (PermissionError(errno.EACCES, "Permission denied", "a.ogg"), "There is no permission: "),
        (MemoryError(), "There is not enough memory: MemoryError. "),
    ],
)
def test_what_the_machine_does_not_allow_is_told_in_plain_words(tmp_path, capfd, error, message):
    with pytest.raises(SystemExit), job(tmp_path / "log"):
        raise error
    printed = capfd.readouterr().err
    assert printed.startswith(message) and "the traceback is in" not in printed
    assert "Traceback" in (tmp_path / "log").read_text()


def test_what_is_printed_goes_to_the_log_and_what_is_said_to_both(tmp_path, capfd):
    with job(tmp_path / "log") as info:
        print("a detail")
        info("a line")
    assert capfd.readouterr().err == "a line\n"
    log = (tmp_path / "log").read_text().splitlines()
    assert log[:2] == ["a detail", "a line"] and log[2].startswith("done in")


@pytest.mark.parametrize("isolated", [False, True])
def test_jobs_of_an_installed_package_see_it_alone(tmp_path, monkeypatch, isolated):
    """Under conda, the other packages beside it would take the place of those of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "before")
    monkeypatch.setattr(job_module, "is_installed", lambda: True)
    for _ in range(2):  # the second run finds the folder
        job_module.let_jobs_import(isolated=isolated)
    *folders, before = os.environ["PYTHONPATH"].split(os.pathsep)
    assert before == "before"
    if isolated:
        [folder] = set(folders)
        assert os.listdir(folder) == ["genreflow"] and Path(folder).is_relative_to(tmp_path)
        assert Path(folder, "genreflow/job.py").samefile(job_module.__file__)
    else:
        assert folders == [] and os.listdir(tmp_path) == []


def test_jobs_import_the_package_of_a_checkout(monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    job_module.let_jobs_import()
    assert (Path(os.environ["PYTHONPATH"]) / "genreflow/job.py").samefile(job_module.__file__)
