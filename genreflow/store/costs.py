"""The outcome and cost of jobs: a line for each attempt beside its log, ``<log>.cost.jsonl``.

These files are not products: the content of a product does not depend on when and where it is made.
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
# Libraries that the content of products may depend on.
_LIBRARIES = (
    "genreflow", "numpy", "scipy", "pandas", "pyarrow", "h5py", "av", "soundfile", "soxr", "torch", "matplotlib",
)  # fmt: skip


class JobFailure(SystemExit):
    """The end of a job that failed, with its exit code and the reason in words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code)
        self.reason = reason


@contextmanager
def recorded(log: str | os.PathLike, since: float) -> Iterator[None]:
    """Record how a job that began at `since` (Unix time) ended, how long it took, where and with which libraries.

    A job that is killed leaves no record. A record that cannot be written is left out.
    """
    code, reason = 1, dict[str, str]()
    try:
        yield
        code = 0
    except JobFailure as end:
        code, reason = int(str(end.code)), {"reason": end.reason}
        raise
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
        raise
    finally:
        now = time.time()
        line: dict[str, Any] = {"ended": now, "seconds": round(now - since, 3), "done": code == 0, "exit_code": code}
        line |= reason | _environment()
        line[SEAL] = seal(line)
        with suppress(OSError), open(_beside(log), "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def attempts(log: str | os.PathLike) -> list[dict[str, Any]]:
    """Return the records of the job with this log, the first attempt first.

    Each has ``ended, seconds, done, exit_code, machine, system, versions``, and ``reason`` if it failed. Lines that
    are not as they were written are left out, such as one that a crash has cut short.
    """
    try:
        lines = _beside(log).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    records = []
    for line in lines:
        with suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict) and record.get(SEAL) == seal(record):
                records.append(record)
    return records


def last_exit_code(log: Path) -> int | None:
    """Return the exit code of the last attempt of the job with this log; None if it was killed.

    The record of an attempt is written after the last line of its log, so a log that is newer has none.
    """
    records = attempts(log)
    if not records or _beside(log).stat().st_mtime_ns < log.stat().st_mtime_ns:
        return None
    return records[-1].get("exit_code", int(not records[-1]["done"]))


def _environment() -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {"machine": platform.node(), "system": platform.platform(), "versions": versions}


def _beside(log: str | os.PathLike) -> Path:
    return Path(log).with_suffix(SUFFIX)
