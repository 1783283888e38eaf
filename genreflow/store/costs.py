"""What jobs took, and where and with which libraries they ran: a line for each attempt, beside its log.

They are no products: what a product holds must be the same whenever it is made.
"""

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from genreflow.store.sealed import SEAL, seal

SUFFIX = ".cost.jsonl"
# What the content of products may depend on.
_LIBRARIES = (
    "genreflow",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "h5py",
    "av",
    "soundfile",
    "soxr",
    "torch",
    "matplotlib",
)


@contextmanager
def recorded(log: str | os.PathLike, since: float) -> Iterator[None]:
    """Record how long a job took that began at `since` (seconds since 1970), whether it was done, where and with what.

    A job that is killed leaves no record; one whose record cannot be written goes on without.
    """
    is_done = False
    try:
        yield
        is_done = True
    finally:
        line = {"ended": time.time(), "seconds": round(time.time() - since, 3), "done": is_done} | _where()
        line[SEAL] = seal(line)
        with suppress(OSError), open(_beside(log), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def attempts(log: str | os.PathLike) -> list[dict[str, Any]]:
    """Return what is on record of the job with this log, the first attempt first.

    Of each ``ended, seconds, done``, and ``machine, system, versions``. A line that is not as it was written is left
    out, such as one that a crash has cut short.
    """
    try:
        lines = _beside(log).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError):
            attempt = json.loads(line)
            if isinstance(attempt, dict) and attempt.get(SEAL) == seal(attempt):
                found.append(attempt)
    return found


def _where() -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {"machine": platform.node(), "system": platform.platform(), "versions": versions}


def _beside(log: str | os.PathLike) -> Path:
    return Path(log).with_suffix(SUFFIX)
