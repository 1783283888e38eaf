"""Snakemake's terminal may be closed, and Snakemake ends with the run that started it."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from genreflow.cli.snakemake_call import lasting_output

# A child that works for a minute, started as `genreflow run` starts Snakemake to make damaged products again.
_CHILD = """
import pathlib, sys, time
from genreflow.cli import snakemake_call
snakemake_call.parsed = lambda arguments: (None, None)
snakemake_call.call = lambda parser, options: pathlib.Path("works").touch() or time.sleep(60) or 0
snakemake_call.main()
"""
_PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_CHILD!r}])"


def test_messages_to_a_closed_pipe_go_nowhere(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with lasting_output():
            for _ in range(3):
                print("a message", file=sys.stderr, flush=True)
        os.write(stream.fileno(), b"of a job that is started later")


@pytest.mark.parametrize(
    "message",
    [
        "[Mon Nov 30 00:00:00 2026]\nError in rule assign_folds:\n    shell: trap '' INT; python",
        "\x1b[31m[Mon Nov 30 00:00:00 2026]\nError in rule assign_folds:\x1b[0m",
        "RuleException:\nCalledProcessError in file folds.smk, line 7:",
        "Exiting because a job execution failed. Look above for error messages",
        "WorkflowError:\nAt least one job did not complete successfully.",
    ],
)
def test_messages_about_failed_jobs_are_withheld(capsys, message):
    with lasting_output() as withheld:
        sys.stderr.write(message)
        sys.stderr.write("\n")
        print("MissingInputException in rule x", file=sys.stderr)
    assert withheld == [message]
    assert capsys.readouterr().err == "MissingInputException in rule x\n"


def test_snakemake_ends_with_a_killed_run(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], cwd=tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "works").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        children = psutil.Process(parent.pid).children()
    finally:
        parent.kill()
        parent.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert children and not alive


@pytest.mark.parametrize("colored", ["", "\x1b[31m"])
def test_a_word_that_is_no_target_is_named_in_a_sentence(capsys, colored):
    with lasting_output() as withheld:
        sys.stderr.write(
            f"{colored}MissingRuleException:\nNo rule to produce reprot (if you use input functions make sure that "
            "they don't raise unexpected exceptions)."
        )
    assert withheld == [] and capsys.readouterr().err.startswith("genreflow: run: there is no target reprot. ")
