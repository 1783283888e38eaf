"""Checkpoints: a run that was killed goes on where it was, to the very weights that it would have had."""

import hashlib
import io
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from genreflow.store.atomic import write_bytes
from genreflow.store.runs import run_name

LAST, PREVIOUS = ".checkpoint", ".checkpoint-previous"
# Of the time of a training, at most so much goes into writing checkpoints.
_SHARE = 0.02


class Checkpoints:
    """The last checkpoint of a run and the one before it, hidden beside the run's products.

    A checkpoint is tensors, numbers and text, preceded by their SHA-256: torch's own format returns flipped bits
    silently. What does not bear the run's name and key, or is damaged, is as if it were not there.

    Parameters
    ----------
    folder
        Of the run.
    key
        Of the run.
    """

    def __init__(self, folder: str | os.PathLike, key: str) -> None:
        self._last, self._previous = Path(folder, LAST), Path(folder, PREVIOUS)
        self._key = f"{run_name(folder)} {key}"  # folds of a setting have one key
        self._due = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next one: they are the rarer the longer one takes to write."""
        return time.monotonic() >= self._due

    def save(self, state: dict[str, Any]) -> None:
        """Write a state; the one before it stays until the next."""
        begin = time.monotonic()
        buffer = io.BytesIO()
        torch.save({"key": self._key, "state": state}, buffer)
        content = buffer.getvalue()
        # There is none at first, nor where a job that its cluster has started twice has just moved it away.
        with suppress(FileNotFoundError):
            self._last.replace(self._previous)
        write_bytes(self._last, hashlib.sha256(content).digest() + content)
        self._due = time.monotonic() + (time.monotonic() - begin) / _SHARE

    def load(self) -> dict[str, Any] | None:
        """Return the newest sound state of this run, its tensors on the CPU; None if there is none."""
        for path in (self._last, self._previous):
            found = self._read(path)
            if found is not None:
                return found
        return None

    def clear(self) -> None:
        """Remove them, once the run is done."""
        for path in (self._last, self._previous):
            path.unlink(missing_ok=True)

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            content = memoryview(path.read_bytes())
        except OSError:
            return None
        if hashlib.sha256(content[32:]).digest() != bytes(content[:32]):
            return None
        found = torch.load(io.BytesIO(content[32:]), map_location="cpu", weights_only=True)
        return found["state"] if found["key"] == self._key else None
