"""Watching a run: a bar on the terminal, a line an epoch in the log, and a small file for other processes."""

import json
import math
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from genreflow.store.text import rough_duration

_BAR_EVERY, _FILE_EVERY = 0.5, 3.0  # seconds
_WIDTH = 20


class Progress:
    """How far a run has come, told while it goes on. A terminal or file that fails never ends the run.

    To be closed when the run has ended, well or not, which removes its file: a file that is there is that of a run
    that goes on, or was killed.

    Parameters
    ----------
    total_epochs, steps_per_epoch
        What lies ahead, at most.
    file
        Receives one JSON object, replaced as a whole every few seconds: ``name, epoch, epochs, step, steps, loss,
        watched, watching`` (the name of what is watched), ``seconds`` since the start, ``left`` (the estimate of the
        seconds left), ``pid, host, started_at, told_at`` (Unix time). What is not known yet is null.
    terminal
        Receives the bar, if it is one.
    name
        What is being trained.
    watched
        The column of the history that is shown beside the loss.
    """

    def __init__(
        self,
        total_epochs: int,
        steps_per_epoch: int,
        *,
        file: Path | None,
        terminal: TextIO | None,
        name: str,
        watched: str = "accuracy",
    ) -> None:
        self.epochs, self.steps, self.name, self.watched = total_epochs, steps_per_epoch, name, watched
        self._file, self._bar = file, _Bar(terminal)
        self._done = 1, 0
        self._row: Mapping[str, float] = {}
        self._start, self._started_at = time.monotonic(), time.time()
        self._first: tuple[float, int] | None = None
        self._bar_due = self._file_due = self._due = self._start
        self._tell()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def step(self, epoch: int, step: int) -> None:
        """Note that so many steps of an epoch are done, both counted from 1."""
        self._done = epoch, step
        now = time.monotonic()
        if self._first is None:
            self._first = now, self._total
        if now >= self._due:
            self._tell()

    def epoch(self, row: Mapping[str, float]) -> None:
        """Note an epoch that is complete, by its row of the history, and print its line."""
        self._done, self._row = (int(row["epoch"]), self.steps), row
        self._bar.show("")
        print(self._line())
        self._bar_due = self._file_due = self._start
        self._tell()

    def close(self) -> None:
        """Wipe the bar and remove the file."""
        self._bar.show("")
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)

    @property
    def left(self) -> float | None:
        """Seconds until the end of the last epoch at the pace since the first step, which is often slow by itself."""
        if self._first is None or self._total <= self._first[1]:
            return None
        since, before = self._first
        pace = (time.monotonic() - since) / (self._total - before)
        return pace * (self.epochs * self.steps - self._total)

    @property
    def _total(self) -> int:
        """Steps of the whole run that are done."""
        epoch, step = self._done
        return (epoch - 1) * self.steps + step

    def _tell(self) -> None:
        now = time.monotonic()
        if now >= self._bar_due:
            self._bar_due = now + _BAR_EVERY
            self._bar.show(self._told())
        if now >= self._file_due:
            self._file_due = now + _FILE_EVERY
            self._write()
        self._due = min(self._bar_due, self._file_due)

    def _told(self) -> str:
        bar = "#" * round(_WIDTH * self._total / (self.epochs * self.steps))
        words = [f"epoch {self._done[0]} of {self.epochs}", *self._values()]
        if self.left is not None:
            words.append(f"{rough_duration(self.left)} left")
        return f"[{bar:-<{_WIDTH}}] {', '.join(words)}: {self.name}"

    def _line(self) -> str:
        words = [*self._values(), f"{self._row['seconds']:.1f} s"]
        if self.left and self._done[0] < self.epochs:
            words.append(f"{rough_duration(self.left)} left")
        return f"epoch {self._done[0]} of {self.epochs}: {', '.join(words)}"

    def _values(self) -> list[str]:
        values = {name: self._value(name) for name in ("loss", self.watched)}
        return [f"{name.replace('_', ' ')} {value:.4f}" for name, value in values.items() if value is not None]

    def _value(self, name: str) -> float | None:
        value = self._row.get(name)
        return None if value is None or not math.isfinite(value) else float(value)

    def _write(self) -> None:
        if self._file is None:
            return
        told = {
            "name": self.name,
            "epoch": self._done[0],
            "epochs": self.epochs,
            "step": self._done[1],
            "steps": self.steps,
            "loss": self._value("loss"),
            "watched": self._value(self.watched),
            "watching": self.watched,
            "seconds": time.monotonic() - self._start,
            "left": self.left,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started_at": self._started_at,
            "told_at": time.time(),
        }
        # Not by `store.atomic`, which waits for the disk: this need not outlive a crash of the machine.
        aside = self._file.with_name(f".{self._file.name}.tmp")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(told), encoding="utf-8")
            aside.replace(self._file)


class _Bar:
    """One line of a terminal; nothing where there is none."""

    def __init__(self, terminal: TextIO | None) -> None:
        self.terminal = terminal if terminal is not None and terminal.isatty() else None

    def show(self, text: str) -> None:
        """Replace the line. The cursor stays at its beginning, so that any other output takes its place."""
        if self.terminal is None:
            return
        try:
            self.terminal.write(f"{text[: _columns(self.terminal) - 1]}\x1b[K\r")
            self.terminal.flush()
        except (OSError, ValueError):  # it was closed, and the run goes on without
            self.terminal = None


def _columns(terminal: TextIO) -> int:
    try:
        return os.get_terminal_size(terminal.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
