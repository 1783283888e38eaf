"""A run in progress: its events go to the tracker, and what people should see to the display."""

import logging
import re
import sys
import threading
from collections.abc import Mapping

from genreflow.cli.run_display import display_for
from genreflow.cli.run_tracker import RunTracker
from genreflow.cli.snakemake_call import JOB_FAILURE, process_executes_jobs

# Messages without a level of their own that are of use; the rest is Snakemake's account of itself.
_USEFUL = re.compile(r"Nothing to be done|Trying to restart job|Unlock")
_QUIET = re.compile(r"--quiet(=|$)|-q")
_LAST_EVENT_S = 2.0

_current: "RunView | None" = None


class RunView:
    """What the logger of a run does, without Snakemake."""

    def __init__(self) -> None:
        global _current
        self._tracker = RunTracker()
        self._display = display_for(self._tracker.facts)
        self._has_begun, self._ended = False, threading.Event()
        _current = self

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
        if self._tracker.facts().is_done:
            self._ended.set()

    def fail(self, number: int) -> None:
        """Take the failure of a job."""
        self._tracker.fail(number)

    def message(self, text: str, level: int) -> None:
        """Show a message of Snakemake, if it says something to people."""
        if JOB_FAILURE.match(text) or (level < logging.WARNING and not _USEFUL.search(text)):
            return
        self._display.message(text)

    def close(self, *, waits: bool = False) -> None:
        """End the display; with `waits` once the last job has been counted."""
        if waits:
            self._ended.wait(_LAST_EVENT_S)
        self._display.close()


def is_wanted() -> bool:
    """Return whether this process runs jobs and its user has not asked for Snakemake's messages by `--quiet`."""
    return process_executes_jobs() and not any(map(_QUIET.match, sys.argv[1:]))


def end_display() -> None:
    """End the display of the run of this process, before its closing lines."""
    if _current is not None:
        _current.close(waits=True)
