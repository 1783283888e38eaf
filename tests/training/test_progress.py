"""Progress of a run: its file, the bar and the lines of the log."""

import errno
import io
import json
import os
import socket
import time

import numpy as np
import pytest

from genreflow.store.text import rough_duration
from genreflow.training import callbacks as module
from genreflow.training.callbacks import Progress


class Terminal(io.StringIO):
    """A stream that is a terminal for the bar."""

    def isatty(self):
        return True

    @property
    def lines(self):
        """The successive texts of its line."""
        return self.getvalue().replace("\x1b[K", "").split("\r")[:-1]


class Clock:
    """A clock that tests set."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock)
    return clock


@pytest.fixture
def file(tmp_path):
    return tmp_path / "logs" / "fold-1.progress.json"


def report(file=None, terminal=None, epochs=4, steps=10, **options):
    return Progress(epochs, steps, file=file, terminal=terminal, name="psytrance_cnn base fold 1", **options)


def go(progress, clock, epoch, steps, seconds):
    """Take so many steps, each of so many seconds."""
    for step in range(1, steps + 1):
        clock.now += seconds
        progress.on_step_end(epoch, step)


def row(epoch, **values):
    return {"epoch": epoch, "steps": 10, "loss": 0.5, "accuracy": 0.75, "seconds": 12.3} | values


def test_the_file_is_there_from_the_beginning_and_gone_after_the_end(file):
    with report(file):
        status = json.loads(file.read_text())
    assert (status["epoch"], status["epochs"], status["step"], status["steps"]) == (1, 4, 0, 10)
    assert status["loss"] is status["watched"] is status["left"] is None
    assert (status["pid"], status["host"]) == (os.getpid(), socket.gethostname())
    assert status["started_at"] == pytest.approx(time.time(), abs=60)
    assert list(file.parent.iterdir()) == []


def test_the_file_is_gone_when_the_run_fails(file):
    with pytest.raises(ZeroDivisionError), report(file):
        _ = 1 / 0
    assert not file.exists()


def test_the_file_has_the_last_epoch_and_the_step(file, clock, capsys):
    progress = report(file, monitor="validation_accuracy")
    go(progress, clock, 1, 10, 2.0)
    progress.on_epoch_end(row(1, loss=np.float32(0.25), validation_accuracy=0.5))
    go(progress, clock, 2, 6, 2.0)
    status = json.loads(file.read_text())
    assert (status["epoch"], status["step"], status["loss"]) == (2, 6, 0.25)
    assert (status["watching"], status["watched"]) == ("validation_accuracy", 0.5)
    assert status["seconds"] == 32


def test_a_complete_epoch_is_reported_at_once(file, clock, capsys):
    terminal = Terminal()
    progress = report(file, terminal)
    progress.on_epoch_end(row(1))
    assert json.loads(file.read_text())["loss"] == 0.5
    assert "loss 0.5000" in terminal.lines[-1]


def test_the_file_is_written_every_few_seconds_and_not_every_step(file, clock, monkeypatch):
    written = []
    replace = type(file).replace
    monkeypatch.setattr(type(file), "replace", lambda *paths: written.append(clock.now) or replace(*paths))
    go(report(file, steps=10_000), clock, 1, 10_000, 0.01)
    assert 20 <= len(written) <= 51
    assert min(np.diff(written)) >= 2


def test_a_disk_that_fills_up_leaves_the_last_whole_file(file, clock, monkeypatch):
    def half(path, text, **_):
        path.write_bytes(text.encode()[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    progress = report(file)
    monkeypatch.setattr(type(file), "write_text", half)
    go(progress, clock, 1, 10, 60.0)
    assert json.loads(file.read_text())["step"] == 0


def test_the_time_left_is_estimated_by_the_pace_after_the_first_step(clock):
    progress = report(epochs=2)
    clock.now += 100  # in which the network was compiled
    progress.on_step_end(1, 1)
    assert progress.seconds_left is None
    for step in range(2, 6):
        clock.now += 3
        progress.on_step_end(1, step)
    assert progress.seconds_left == pytest.approx(15 * 3)


def test_the_pace_of_a_resumed_run_is_measured_from_there(clock):
    progress = report(epochs=10)
    go(progress, clock, 6, 10, 2.0)
    assert progress.seconds_left == pytest.approx(40 * 2)


def test_an_epoch_is_a_line_of_the_log(clock, capsys):
    progress = report(epochs=2)
    go(progress, clock, 1, 10, 60.0)
    progress.on_epoch_end(row(1))
    go(progress, clock, 2, 10, 60.0)
    progress.on_epoch_end(row(2))
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1 of 2: loss 0.5000, accuracy 0.7500, 12.3 s, 10 min left",
        "epoch 2 of 2: loss 0.5000, accuracy 0.7500, 12.3 s",
    ]


def test_an_estimator_has_a_line_as_well(capsys):
    report(epochs=1, steps=1).on_epoch_end(row(1))
    assert capsys.readouterr().out == "epoch 1 of 1: loss 0.5000, accuracy 0.7500, 12.3 s\n"


def test_missing_values_are_left_out(file, capsys):
    report(file).on_epoch_end(row(1, loss=float("nan"), accuracy=None))
    assert capsys.readouterr().out == "epoch 1 of 4: 12.3 s\n"
    assert json.loads(file.read_text())["loss"] is None


def test_the_bar(clock, capsys):
    terminal = Terminal()
    progress = report(terminal=terminal)
    assert terminal.lines[-1] == f"[{'-' * 20}] epoch 1 of 4: psytrance_cnn base fold 1"
    go(progress, clock, 1, 10, 60.0)
    progress.on_epoch_end(row(1))
    go(progress, clock, 2, 10, 60.0)
    bar = f"[{'#' * 10}{'-' * 10}] epoch 2 of 4, loss 0.5000, accuracy 0.7500, 20 min left: psytrance_cnn base fold 1"
    assert terminal.lines[-1] == bar[:79]
    progress.close()
    assert terminal.lines[-1] == ""


def test_the_bar_never_leaves_its_line(clock, capsys):
    terminal = Terminal()
    with Progress(3, 5, file=None, terminal=terminal, name="x" * 200) as progress:
        go(progress, clock, 1, 5, 1.0)
        progress.on_epoch_end(row(1))
    assert "\n" not in terminal.getvalue()
    assert max(map(len, terminal.lines)) < 80


def test_a_bar_is_drawn_on_a_terminal_only(clock):
    pipe = io.StringIO()
    with report(terminal=pipe) as progress:
        go(progress, clock, 1, 10, 60.0)
    assert pipe.getvalue() == ""


def test_a_terminal_that_is_gone_and_a_disk_that_is_full_do_not_end_the_run(tmp_path, clock, capsys):
    (tmp_path / "logs").write_text("no folder")
    terminal = Terminal()
    with report(tmp_path / "logs" / "progress.json", terminal) as progress:
        terminal.close()
        go(progress, clock, 1, 10, 60.0)
        progress.on_epoch_end(row(1))
    assert capsys.readouterr().out.startswith("epoch 1 of 4")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (1200, "20 min"), (5400, "1.5 h"), (180_000, "50.0 h")],
)
def test_lengths_of_time(seconds, text):
    assert rough_duration(seconds) == text
