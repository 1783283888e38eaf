"""The frame around the work of one rule: a log, progress lines, and mistakes told in plain words."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from genreflow.errors import UserError


@contextmanager
def job(log: str | Path) -> Iterator[Callable[[str], None]]:
    """Send what is printed to `log`; yield a function for lines that belong on the terminal as well.

    A `UserError` ends the process with its text alone; any other error leaves its traceback in the log.
    """
    terminal = sys.stderr
    start = time.monotonic()
    with open(log, "w", encoding="utf-8", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):

        def say(line: str) -> None:
            print(line, file=file)
            print(line, file=terminal, flush=True)

        try:
            yield say
        except UserError as error:
            print(error, file=file)
            raise SystemExit(1) from None
        except Exception:
            import traceback

            traceback.print_exc(file=file)
            raise SystemExit(1) from None
        print(f"done in {time.monotonic() - start:.1f} s", file=file)
