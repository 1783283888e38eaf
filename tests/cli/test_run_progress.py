"""The panel and the lines of a run in progress."""

import io
import logging
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest
from rich.console import Console

from genreflow.cli import run_display
from genreflow.cli.progress import STAGE_OF, Facts, Normalizing, Stage, Training, ended, minute_line, panel, stage_line
from genreflow.cli.run_display import display_for
from genreflow.cli.run_view import RunView, is_wanted
from genreflow.project.layout import LOG

FACTS = Facts(
    seconds=200.0,
    stages=[
        Stage("audio", 8, 8),
        Stage("slices", 3, 8, running=2),
        Stage("training", 0, 12),
        Stage("figures", 1, 9, 0, 1),
    ],
    shards=[Normalizing("demo shard s00", 5, 16, 3.4)],
    trainings=[
        Training("demo psytrance_cnn pool=maxmean fold 1", 3, 6, 1.2345, 0.5, 0.6124, 70.0),
        Training("demo psytrance_cnn pool=maxmean fold final", 1, 6, 1.2345, 0.5),
    ],
    left=400.0,
    quarantined=3,
    failed=1,
)
NARROW = """\
audio     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   8 of 8  done
slices    ━━━━━━━━━━━━━━━┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈   3 of 8  2 running
training  ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈  0 of 12  waiting
figures   ━━━━┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈   1 of 9  1 failed
  demo shard s00: track 5 of 16, 3.4 min of audio a second
  demo psytrance_cnn pool=maxmean fold 1
    epoch 3 of 6, loss 1.234, validation accuracy 0.612, 70 s left
  demo psytrance_cnn pool=maxmean fold final
    epoch 1 of 6, loss 1.234, training accuracy 0.500
12 of 37 jobs done in 3 min, about 7 min left, 1 job failed, 3 tracks
quarantined
"""
WIDE = """\
audio     ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━   8 of 8  done
slices    ━━━━━━━━━━━━━━━┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈   3 of 8  2 running
training  ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈  0 of 12  waiting
figures   ━━━━┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈   1 of 9  1 failed
  demo shard s00: track 5 of 16, 3.4 min of audio a second
  demo psytrance_cnn pool=maxmean fold 1: epoch 3 of 6, loss 1.234, validation accuracy 0.612, 70 s left
  demo psytrance_cnn pool=maxmean fold final: epoch 1 of 6, loss 1.234, training accuracy 0.500
12 of 37 jobs done in 3 min, about 7 min left, 1 job failed, 3 tracks quarantined
"""


def drawn(width, rows=50):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(panel(FACTS, rows))
    return "".join(f"{line.rstrip()}\n" for line in console.export_text().splitlines())


@pytest.mark.parametrize(("width", "expected"), [(80, NARROW), (140, WIDE)])
def test_the_panel_fits_the_terminal(width, expected):
    assert drawn(width) == expected


def test_a_low_terminal_shows_fewer_jobs():
    lines = drawn(140, rows=10).splitlines()
    assert lines[4:] == [WIDE.splitlines()[4], "  and 2 more", WIDE.splitlines()[-1]]


def test_every_rule_that_writes_a_log_belongs_to_a_stage():
    assert set(LOG) <= set(STAGE_OF)


def test_lines_say_what_the_panel_shows():
    whole = "12 of 37 jobs done in 3 min, about 7 min left, 1 job failed, 3 tracks quarantined"
    assert stage_line(FACTS.stages[0], FACTS) == f"audio: 8 of 8 done. Run: {whole}"
    assert minute_line(FACTS) == (
        f"Run: {whole}; Running: slices 3 of 8; demo shard s00: track 5 of 16, 3.4 min of audio a second; "
        "demo psytrance_cnn pool=maxmean fold 1: epoch 3 of 6, loss 1.234, validation accuracy 0.612, 70 s left; "
        "demo psytrance_cnn pool=maxmean fold final: epoch 1 of 6, loss 1.234, training accuracy 0.500"
    )


@pytest.fixture
def view(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    view = RunView()
    yield view
    view.end_display()


def test_without_a_terminal_a_line_is_printed_when_a_stage_has_ended(view, capsys):
    view.begin({"cut_slices": 2, "draw_figure": 1, "all": 1, "total": 4})
    view.machine(2, 0)
    for number, rule in enumerate(("cut_slices", "cut_slices", "draw_figure")):
        view.start(number, rule, f"logs/x/{rule}/{number}.log", 1, 0)
        view.finish(number)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("slices: 2 of 2 done. Run: 2 of 3 jobs done in 0 s, about ")
    assert second == "figures: 1 of 1 done. Run: 3 of 3 jobs done in 0 s"


@pytest.mark.parametrize(
    ("message", "level", "is_shown"),
    [
        ("Building DAG of jobs...", logging.INFO, False),
        ("Select jobs to execute...", logging.INFO, False),
        ("Nothing to be done (all requested files are present and up to date).", logging.INFO, True),
        ("Missing files after 5 seconds.", logging.WARNING, True),
        ("MissingInputException in rule x", logging.ERROR, True),
        ("RuleException:\nCalledProcessError in file folds.smk, line 7:", logging.ERROR, False),
        ("WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR, False),
    ],
)
def test_of_snakemakes_messages_those_are_shown_that_people_need(view, capsys, message, level, is_shown):
    view.message(message, level)
    assert capsys.readouterr().err == (f"{message}\n" if is_shown else "")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--cores", "2"], True), (["--cores", "2", "--quiet"], False), (["-n"], False), (["--summary"], False),
     (["--quiet", "host", "--cores", "1"], False)],
)  # fmt: skip
def test_who_asks_for_snakemakes_own_output_gets_it(monkeypatch, arguments, expected):
    monkeypatch.setattr("sys.argv", ["snakemake", *arguments])
    assert is_wanted() is expected


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm", "CI": "true"}])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch, variables):
    monkeypatch.setattr("os.isatty", lambda _: True)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert type(display_for(lambda: FACTS)).__name__ == "Lines"


_PANEL = """
import subprocess, sys, time
from genreflow.cli.progress import Facts, Stage
from genreflow.cli.run_display import Panel

shown = Panel(lambda: Facts(1.0, [Stage("audio", 1, 2)], left=9.0))
shown.start()
subprocess.run([sys.executable, "-c", "print('a line of a job')"], check=True)
shown.message("a message of Snakemake")
time.sleep(0.7)
print("the rest of a line", end="", flush=True)
shown.close()
print("the closing lines")
"""


def test_what_is_printed_during_a_run_appears_above_the_panel_and_the_end_below_it():
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", _PANEL], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    printed = b""
    with suppress(OSError):  # the terminal is closed
        while part := os.read(master, 65536):
            printed += part
    assert process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode()).replace("\r", "")
    for once in ("a line of a job\n", "a message of Snakemake\n", "the rest of a line\n"):
        assert text.count(once) == 1
    assert text.index("the rest of a line") < text.rindex("audio  ━")
    assert text.endswith("\n1 of 2 jobs done in 1 s\nthe closing lines\n")
    assert printed.count(b"\x1b[?25l") == printed.count(b"\x1b[?25h") == 1  # the cursor is shown again


def test_a_fault_of_the_display_is_reported_once_and_ends_nothing(view, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr(run_display, "_fault", "")
    for text in ("first", "second"):
        with run_display.harmless():
            raise RuntimeError(text)
    [report] = (tmp_path / "logs/bugs").iterdir()
    assert "RuntimeError: first" in report.read_text()
    view.close()
    assert f"Please report it with {report.relative_to(tmp_path)}." in capsys.readouterr().err


def test_nothing_is_running_when_a_run_has_ended():
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(panel(ended(FACTS)))
    text = console.export_text()
    assert "running" not in text and "left" not in text and "epoch" not in text and "12 of 37 jobs done" in text
