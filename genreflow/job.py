"""The frame around the work of one rule: a log, progress lines, and mistakes told in plain words."""

import errno
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import psutil

from genreflow.errors import Damaged, UserError
from genreflow.repair import put_aside
from genreflow.store.costs import recorded

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def let_jobs_import_from(home: Path) -> None:
    """Make the package in `home` importable in the processes, and under conda the environments, that jobs run in."""
    known = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(home), *filter(None, [known])])


@contextmanager
def job(log: str | Path) -> Iterator[Callable[[str], None]]:
    """Send what is printed to `log`; yield a function for lines that belong on the terminal as well.

    A `UserError` ends the process with its text alone, and so does a full disk; of any other error the traceback goes
    to the log. A damaged product is put aside, so that the next run makes it again. What the process took from its
    start is recorded beside the log.
    """
    terminal = sys.stderr
    start = time.monotonic()
    with (
        recorded(log, since=psutil.Process().create_time()),
        open(log, "w", encoding="utf-8", buffering=1) as file,
        redirect_stdout(file),
        redirect_stderr(file),
    ):

        def say(line: str) -> None:
            print(line, file=file)
            print(line, file=terminal, flush=True)

        try:
            yield say
        except Damaged as error:
            gone = put_aside(error.path)
            say(f"{error} {' and '.join(map(str, gone))} will be made again: run the same command once more.")
            raise SystemExit(1) from None
        except UserError as error:
            say(str(error))
            raise SystemExit(1) from None
        except Exception as error:
            traceback.print_exc(file=file)
            if isinstance(error, OSError) and error.errno in _FULL:
                say(f"The disk is full: {error}. Make room and run the same command again: what is finished stays.")
                raise SystemExit(1) from None
            print(f"{type(error).__name__}: {error} (the whole story is in {log})", file=terminal, flush=True)
            raise SystemExit(1) from None
        print(f"done in {time.monotonic() - start:.1f} s", file=file)
