"""Showing a run in progress: a live panel on a terminal, and lines where there is none."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from genreflow.cli.exits import write_bug_report
from genreflow.cli.progress import Facts, Stage, ended, minute_line, panel, stage_line
from genreflow.store.text import sanitize

_REFRESH_S, _LOOK_S = 0.5, 2.0
_LINE_S = 55.0  # a line at least once a minute
_DRAIN_S = 2.0
_UNKNOWN_SIZE = os.terminal_size((80, 24))


_fault = ""  # of the display, in a sentence


@contextmanager
def harmless() -> Iterator[None]:
    """Let no fault of the display end a run or hold up its jobs. The first one is reported, see `fault`."""
    global _fault
    try:
        yield
    except Exception as error:
        if not _fault:
            report = write_bug_report(error)
            _fault = f"The display of this run had a fault, the run itself did not. Please report it with {report}."


def fault() -> str:
    """Return a sentence on the first fault of the display; empty if it had none."""
    return _fault


class Lines:
    """Prints a line when a stage ends, and one a minute."""

    def __init__(self, look: Callable[[], Facts], stream: TextIO | None = None) -> None:
        self._look, self._stream = look, stream
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Begin to print."""
        self._last = time.monotonic()
        self._thread.start()

    def message(self, text: str) -> None:
        """Print a message."""
        with self._lock, suppress(OSError, ValueError):
            print(sanitize(text), file=self._stream or sys.stderr, flush=True)

    def stage_ended(self, stage: Stage) -> None:
        """Print the line of a stage that has ended."""
        self._last = time.monotonic()
        self.message(stage_line(stage, self._look()))

    def close(self) -> None:
        """Stop printing."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=_DRAIN_S)

    def _follow(self) -> None:
        while not self._closed.wait(_LOOK_S):
            with harmless():
                facts = self._look()
                if time.monotonic() >= self._last + _LINE_S:
                    self._last = time.monotonic()
                    self.message(minute_line(facts))


class Panel:
    """Keeps a panel at the bottom of the terminal; what this process and its jobs print appears above it.

    Jobs inherit standard output and error, which therefore lead into a pipe while the panel is shown.
    """

    def __init__(self, look: Callable[[], Facts]) -> None:
        self._look = look
        self._closed, self._lock = threading.Event(), threading.Lock()
        self._kept: dict[int, int] = {}  # file descriptor -> a copy of it
        self._console: Console | None = None
        self._live: Live | None = None
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Show the panel."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._kept = {number: os.dup(number) for number in (1, 2) if os.isatty(number)}
        reader, writer = os.pipe()
        for number in self._kept:
            os.dup2(writer, number)
        os.close(writer)
        self._terminal = os.fdopen(os.dup(self._kept[2]), "w", encoding="utf-8", errors="replace")
        self._console = Console(file=self._terminal, force_terminal=True, highlight=False, legacy_windows=False)
        self._resize()
        self._live = Live(
            self._drawn(), console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False,
            vertical_overflow="crop",
        )  # fmt: skip
        self._live.start(refresh=True)
        for target, arguments in ((self._pass_on, (reader,)), (self._follow, ())):
            thread = threading.Thread(target=target, args=arguments, daemon=True)
            thread.start()
            self._threads.append(thread)

    def message(self, text: str) -> None:
        """Print a message above the panel."""
        self._above(Text(sanitize(text)))

    def stage_ended(self, stage: Stage) -> None:
        """Do nothing: the panel shows it."""

    def close(self) -> None:
        """Show the panel a last time, and give the terminal back."""
        if self._closed.is_set() or self._live is None:
            return
        self._closed.set()
        with suppress(ValueError, OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        for number, copy in self._kept.items():
            os.dup2(copy, number)
            os.close(copy)
        for thread in self._threads:
            thread.join(timeout=_DRAIN_S)
        with self._lock, suppress(OSError):
            assert self._console is not None
            self._live.update(panel(ended(self._look()), self._console.height), refresh=True)
            self._live.stop()
        with suppress(OSError):
            self._terminal.close()

    def _follow(self) -> None:
        while not self._closed.wait(_REFRESH_S):
            with self._lock, harmless():
                self._resize()
                assert self._live is not None
                self._live.update(self._drawn(), refresh=True)

    def _pass_on(self, reader: int) -> None:
        """Print above the panel what arrives in the pipe, until all who might write have closed it."""
        with open(reader, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                self._above(Text.from_ansi(line.rstrip("\n").rpartition("\r")[2]))

    def _above(self, text: Text) -> None:
        with self._lock, harmless():  # jobs would wait for ever to be read
            assert self._console is not None
            self._console.print(text, soft_wrap=True)

    def _drawn(self) -> RenderableType:
        assert self._console is not None
        return panel(self._look(), self._console.height)

    def _resize(self) -> None:
        assert self._console is not None
        with suppress(OSError):
            size = os.get_terminal_size(self._terminal.fileno())
            self._console.size = size if min(size) > 0 else _UNKNOWN_SIZE


def display_for(look: Callable[[], Facts]) -> Any:
    """Return a panel if standard error is a terminal that can show one, else lines."""
    is_live = os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI")
    return Panel(look) if is_live else Lines(look)
