"""A run in progress: its events go to the tracker, and what people should see to the display."""

import logging
import re
import shlex
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from genreflow.cli.console import info
from genreflow.cli.endings import failed, stopped
from genreflow.cli.run_display import display_for, fault
from genreflow.cli.run_tracker import RunTracker
from genreflow.cli.snakemake_call import JOB_FAILURE, process_executes_jobs, withheld_messages
from genreflow.shutdown import signals_received

# Messages without a level of their own that are of use; the rest is Snakemake's account of itself.
_USEFUL = re.compile(r"Nothing to be done|Trying to restart job|Unlocked")
_STOPPING = re.compile(r"Terminating processes on user request|Will exit after finishing")
_QUIET = re.compile(r"--quiet(=|$)|-q")
_LAST_EVENT_S = 2.0

_current: "RunView | None" = None


class RunView:
    """What the logger of a run does, without Snakemake. Under plain `snakemake` it also prints how a run ended."""

    def __init__(self) -> None:
        global _current
        self._tracker = RunTracker()
        self._display = display_for(self._tracker.facts)
        self._began, self._has_begun, self._has_closed = time.time(), False, False
        self._is_done = threading.Event()
        self._withheld: list[str] = []
        _current = self
        if withheld_messages() is None:
            sys.excepthook = _excepthook

    def begin(self, counts: Mapping[str, int]) -> None:
        """Take the number of jobs of each rule, and begin to show them."""
        self._tracker.begin(counts)
        if not self._has_begun:
            self._has_begun = True
            self._display.start()

    def machine(self, cores: int | None, gpus: int) -> None:
        """Take the number of cores and of jobs that may use the GPU at once, as far as this event has them."""
        self._tracker.machine(cores, gpus)

    def start(self, number: int, rule: str, log: str, threads: int, gpus: int) -> None:
        """Take the beginning of a job."""
        self._tracker.start(number, rule, log, threads, gpus)

    def finish(self, number: int) -> None:
        """Take the end of a job that succeeded."""
        if (name := self._tracker.finish(number)) is not None:
            self._display.stage_ended(self._tracker.stage(name))
        if self._tracker.is_done:
            self._is_done.set()

    def fail(self, number: int) -> None:
        """Take the failure of a job; jobs that are stopped fail, too."""
        if not signals_received():
            self._tracker.fail(number)

    def message(self, text: str, level: int) -> None:
        """Show a message of Snakemake, if it says something to people."""
        if _STOPPING.match(text):
            self._display.message("Stopping: running jobs write their checkpoints.")
        elif JOB_FAILURE.match(text) or signals_received():  # jobs that are stopped fail in many ways
            self._withheld.append(text)
        elif level >= logging.WARNING or _USEFUL.search(text):
            self._display.message(text)

    def end_display(self) -> None:
        """End the display, once the last job has been counted if the run ended well."""
        if not signals_received() and not self._tracker.has_failures:
            self._is_done.wait(_LAST_EVENT_S)
        self._display.close()

    def close(self) -> None:
        """End the display, and print how a run ended that did not end well, unless `genreflow run` does that."""
        if self._has_closed:
            return
        self._has_closed = True
        self._display.close()
        self._tracker.close()
        if sentence := fault():
            info(sentence)
        messages = withheld_messages()
        if messages is not None:
            messages += self._withheld
        elif self._has_begun:
            _print_ending(self._began, self._withheld, has_failed=self._tracker.has_failures)


def is_wanted() -> bool:
    """Return whether this process runs jobs and its user has not asked for Snakemake's messages by `--quiet`."""
    return process_executes_jobs() and not any(map(_QUIET.match, sys.argv[1:]))


def end_display() -> None:
    """End the display of the run of this process, before its closing lines."""
    if _current is not None:
        _current.end_display()


def _print_ending(began: float, withheld: list[str], *, has_failed: bool) -> None:
    command = shlex.join(["snakemake", *sys.argv[1:]])
    with suppress(OSError):  # nobody reads a terminal that was closed
        if stopped(signals_received(), command) is None and has_failed:
            failed(Path.cwd(), began, command, withheld)


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print how to go on after Ctrl-C that reached Snakemake where it does not expect it."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    elif _current is not None and not _current._has_closed:
        _current._has_closed = True
        _current._display.close()
        _print_ending(0.0, [], has_failed=False)
