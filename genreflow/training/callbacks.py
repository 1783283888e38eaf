"""Callbacks of the training loop: progress on the terminal, in the log and in a file; SIGTERM."""

import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from genreflow.store.atomic import write_report
from genreflow.store.text import rough_duration

if TYPE_CHECKING:
    from genreflow.training.tracking import TrackedRun

_BAR_INTERVAL, _FILE_INTERVAL = 0.5, 3.0  # seconds
_BAR_WIDTH = 20


class Callback:
    """Follows a training: a subclass overrides the methods that it needs."""

    def __enter__(self) -> "Callback":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def on_step_end(self, epoch: int, step: int) -> None:
        """Handle the end of a step, both counted from 1."""

    def on_epoch_end(self, row: Mapping[str, Any]) -> None:
        """Handle the end of an epoch, given its row of the history (`genreflow.training.loop.HISTORY`)."""

    def close(self) -> None:
        """Release the resources of the callback."""


@dataclass(frozen=True)
class ProgressTargets:
    """Where a run reports its progress.

    Attributes
    ----------
    name
        Name of the run.
    file
        See `Progress`.
    terminal
        See `Progress`.
    tracked
        How a tracker shows the run; None without a tracker.
    following
        Number of runs after it in the same job.
    """

    name: str = ""
    file: Path | None = None
    terminal: TextIO | None = None
    tracked: "TrackedRun | None" = None
    following: int = 0


class Progress(Callback):
    """Reports the progress of a run. A terminal or file that fails never ends the run.

    `close` removes the file, however the run ended: a file that exists belongs to a run that is running or was killed.

    Parameters
    ----------
    total_epochs, steps_per_epoch
        Number of epochs, and of steps in each, at most.
    file
        Receives one JSON object, replaced as a whole every few seconds: ``name, epoch, epochs, step, steps, loss,
        watched, watching`` (the name of the monitored column), ``accuracy, validation_accuracy``, ``seconds`` since
        the start, ``left`` (estimated seconds left), ``following`` (number of runs after it in the same job),
        ``pid, host, started_at, told_at`` (Unix time). A value that is not known yet is null.
    terminal
        Receives the bar, if it is a terminal.
    name, following
        Name of the run, and number of runs after it in the same job.
    monitor
        Column of the history that is shown beside the loss.
    """

    def __init__(
        self,
        total_epochs: int,
        steps_per_epoch: int,
        *,
        file: Path | None,
        terminal: TextIO | None,
        name: str,
        monitor: str = "accuracy",
        following: int = 0,
    ) -> None:
        self.epochs, self.steps, self.name, self.monitor = total_epochs, steps_per_epoch, name, monitor
        self._file, self._bar, self._following = file, _StatusLine(terminal), following
        self._position = 1, 0  # epoch, step
        self._row: Mapping[str, float] = {}
        self._start, self._started_at = time.monotonic(), time.time()
        self._first: tuple[float, int] | None = None
        self._bar_due = self._file_due = self._due = self._start
        self._report()

    def on_step_end(self, epoch: int, step: int) -> None:
        """Update the bar and the file, if they are due."""
        self._position = epoch, step
        now = time.monotonic()
        if self._first is None:
            self._first = now, self._steps_done
        if now >= self._due:
            self._report()

    def on_epoch_end(self, row: Mapping[str, Any]) -> None:
        """Print a line about the epoch, and update the bar and the file."""
        self._position, self._row = (int(row["epoch"]), self.steps), row
        self._bar.show("")
        print(self._epoch_line())
        self._bar_due = self._file_due = self._start
        self._report()

    def close(self) -> None:
        """Clear the bar and remove the file."""
        self._bar.show("")
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds left, at the pace since the first step, which is often slow by itself."""
        if self._first is None or self._steps_done <= self._first[1]:
            return None
        since, before = self._first
        pace = (time.monotonic() - since) / (self._steps_done - before)
        return pace * (self.epochs * self.steps - self._steps_done)

    @property
    def _steps_done(self) -> int:
        epoch, step = self._position
        return (epoch - 1) * self.steps + step

    def _report(self) -> None:
        now = time.monotonic()
        if now >= self._bar_due:
            self._bar_due = now + _BAR_INTERVAL
            self._bar.show(self._bar_text())
        if now >= self._file_due:
            self._file_due = now + _FILE_INTERVAL
            self._write()
        self._due = min(self._bar_due, self._file_due)

    def _bar_text(self) -> str:
        bar = "#" * round(_BAR_WIDTH * self._steps_done / (self.epochs * self.steps))
        parts = [f"epoch {self._position[0]} of {self.epochs}", *self._metrics()]
        if self.seconds_left is not None:
            parts.append(f"{rough_duration(self.seconds_left)} left")
        return f"[{bar:-<{_BAR_WIDTH}}] {', '.join(parts)}: {self.name}"

    def _epoch_line(self) -> str:
        parts = [*self._metrics(), f"{self._row['seconds']:.1f} s"]
        if self.seconds_left and self._position[0] < self.epochs:
            parts.append(f"{rough_duration(self.seconds_left)} left")
        return f"epoch {self._position[0]} of {self.epochs}: {', '.join(parts)}"

    def _metrics(self) -> list[str]:
        values = {name: self._value(name) for name in ("loss", self.monitor)}
        return [f"{name.replace('_', ' ')} {value:.4f}" for name, value in values.items() if value is not None]

    def _value(self, name: str) -> float | None:
        value = self._row.get(name)
        return None if value is None or not math.isfinite(value) else float(value)

    def _write(self) -> None:
        if self._file is None:
            return
        status = {
            "name": self.name,
            "epoch": self._position[0],
            "epochs": self.epochs,
            "step": self._position[1],
            "steps": self.steps,
            "loss": self._value("loss"),
            "watched": self._value(self.monitor),
            "watching": self.monitor,
            "accuracy": self._value("accuracy"),
            "validation_accuracy": self._value("validation_accuracy"),
            "following": self._following,
            "seconds": time.monotonic() - self._start,
            "left": self.seconds_left,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started_at": self._started_at,
            "told_at": time.time(),
        }
        write_report(self._file, status)


class _StatusLine:
    """One line of a terminal; nothing where there is none.

    rich's live display is no substitute: it moves the cursor over the lines it drew, and Snakemake and parallel jobs
    print to the same terminal in between.
    """

    def __init__(self, terminal: TextIO | None) -> None:
        self.terminal = terminal if terminal is not None and terminal.isatty() else None

    def show(self, text: str) -> None:
        """Replace the line. The cursor stays at its beginning, so that any other output takes its place."""
        if self.terminal is None:
            return
        try:
            self.terminal.write(f"{text[: _columns(self.terminal) - 1]}\x1b[K\r")
            self.terminal.flush()
        except (OSError, ValueError):  # the terminal was closed, and the run continues without
            self.terminal = None


def _columns(terminal: TextIO) -> int:
    try:
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


@contextmanager
def catch_sigterm() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether SIGTERM has arrived within the block, which SIGTERM no longer ends.

    Batch systems and `genreflow run` stop jobs with SIGTERM. Outside the main thread, where Python cannot handle
    signals, the function always returns False.
    """
    received = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield received.is_set
        return
    before = signal.signal(signal.SIGTERM, lambda *_: received.set())
    try:
        yield received.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
