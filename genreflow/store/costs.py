"""What jobs took: a line for each attempt, beside its log.

They are no products: what a product holds must be the same whenever it is made.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SUFFIX = ".cost.jsonl"


@contextmanager
def recorded(log: str | os.PathLike, since: float) -> Iterator[None]:
    """Record how long a job took that began at `since` (seconds since 1970), and whether it was done.

    A job that is killed leaves no record; one whose record cannot be written goes on without.
    """
    is_done = False
    try:
        yield
        is_done = True
    finally:
        line = {"ended": time.time(), "seconds": round(time.time() - since, 3), "done": is_done}
        with suppress(OSError), open(_beside(log), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def attempts(log: str | os.PathLike) -> list[dict[str, Any]]:
    """Return what is on record of the job with this log: ``ended, seconds, done`` of each attempt, the first first."""
    try:
        lines = _beside(log).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError):  # a line that a crash has cut short
            found.append(json.loads(line))
    return found


def _beside(log: str | os.PathLike) -> Path:
    return Path(log).with_suffix(SUFFIX)
