"""The frame around the work of one rule: a log, progress lines, and mistakes told in plain words."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import psutil

from genreflow.errors import Damaged, UserError, of_the_machine
from genreflow.repair import set_aside_damaged
from genreflow.store.costs import recorded
from genreflow.store.text import Sanitized, sanitize

FAILED = "failed after"


def let_jobs_import_from(home: Path) -> None:
    """Make the package in `home` importable in the processes, and under conda the environments, that jobs run in."""
    known = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(home), *filter(None, [known])])


@contextmanager
def job(log: str | Path) -> Iterator[Callable[[str], None]]:
    """Send what is printed to `log`; yield a function for lines that belong on the terminal as well.

    A `UserError` ends the process with its text alone, and so does what the machine does not allow; of any other error
    the traceback goes to the log. A damaged product is put aside, so that the next run makes it again. A log whose last
    line says neither that the job is done nor that it failed is of one that was killed. What the process took from its
    start is recorded beside the log.
    """
    terminal = sys.stderr
    start = time.monotonic()
    with (
        recorded(log, since=psutil.Process().create_time()),
        open(log, "w", encoding="utf-8", buffering=1) as raw,
        redirect_stdout(Sanitized(raw)) as file,
        redirect_stderr(file),
    ):

        def say(line: str) -> None:
            print(line, file=file)
            print(sanitize(line), file=terminal, flush=True)

        try:
            yield say
        except Exception as error:
            _tell(error, say, log)
            print(f"{FAILED} {time.monotonic() - start:.1f} s", file=file)
            raise SystemExit(1) from None
        print(f"done in {time.monotonic() - start:.1f} s", file=file)


def _tell(error: Exception, say: Callable[[str], None], log: str | Path) -> None:
    """Say why a job cannot go on; what is damaged is put aside."""
    if isinstance(error, Damaged) and not error.remedy:
        gone = set_aside_damaged(error.path)
        say(f"{error} {' and '.join(map(str, gone))} will be made again: run the same command once more.")
        return
    if isinstance(error, UserError):
        say(f"{error} {getattr(error, 'remedy', '')}".rstrip())
        return
    traceback.print_exc()
    say(of_the_machine(error) or f"{type(error).__name__}: {error} (the whole story is in {log})")
