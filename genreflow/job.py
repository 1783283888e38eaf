"""The frame of a job: its log, its lines on the terminal, and its exit code."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import psutil

from genreflow.errors import Damaged, UserError, exit_code_of, machine_message
from genreflow.project.shipped import import_folder, is_installed
from genreflow.repair import set_aside_damaged
from genreflow.store.costs import JobFailure, recorded
from genreflow.store.text import Sanitized, sanitize


def let_jobs_import(*, isolated: bool = False) -> None:
    """Make the package importable in the processes that jobs run in.

    With `isolated`, these have an environment of their own (conda). They must not see the other packages beside an
    installed genreflow, so a folder in ``.snakemake`` links to it alone.
    """
    folder = import_folder()
    if is_installed():
        if not isolated:
            return
        folder = Path(".snakemake/genreflow").absolute()
        folder.mkdir(parents=True, exist_ok=True)
        link = folder / "genreflow"
        if link.resolve() != import_folder() / "genreflow":  # of another installation
            link.unlink(missing_ok=True)
        with suppress(FileExistsError):
            link.symlink_to(import_folder() / "genreflow")
    known = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [known])])


@contextmanager
def job(log: str | Path) -> Iterator[Callable[[str], None]]:
    """Redirect the output of a job to `log`; yield a function that prints a line on the terminal as well.

    A job that fails ends its process with the exit code of its error, which is also recorded beside the log with the
    time it took (`genreflow.store.costs`). A `UserError` and what the machine does not allow are reported in a
    sentence; of any other error the traceback goes to the log. A damaged product is set aside, so that the next run
    remakes it.
    """
    terminal = sys.stderr
    start = time.monotonic()
    with (
        recorded(log, since=psutil.Process().create_time()),
        open(log, "w", encoding="utf-8", buffering=1) as raw,
        redirect_stdout(Sanitized(raw)) as file,
        redirect_stderr(file),
    ):

        def info(line: str) -> None:
            print(line, file=file)
            with suppress(OSError):  # nobody reads the terminal any more; the job goes on
                print(sanitize(line), file=terminal, flush=True)

        try:
            yield info
        except Exception as error:
            reason = _report(error, log)
            info(reason)
            print(f"failed after {time.monotonic() - start:.1f} s", file=file)
            raise JobFailure(int(exit_code_of(error)), sanitize(reason)) from None
        print(f"done in {time.monotonic() - start:.1f} s", file=file)


def _report(error: Exception, log: str | Path) -> str:
    """Return why a job cannot go on; set aside a damaged product, and print the traceback of an unexpected error."""
    if isinstance(error, Damaged) and not error.remedy:
        gone = " and ".join(map(str, set_aside_damaged(error.path)))
        return f"{error} {gone} will be made again: run the same command once more."
    if isinstance(error, UserError):
        return f"{error} {getattr(error, 'remedy', '')}".rstrip()
    traceback.print_exc()
    return machine_message(error) or f"{type(error).__name__}: {error} (the traceback is in {log})"
