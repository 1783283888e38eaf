"""Checkpoints: a run that was killed resumes, and ends in the same weights as an undisturbed one."""

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
# Share of the training time, at most, that writing checkpoints takes.
_SHARE = 0.02


class Checkpoints:
    """The last two checkpoints of a run, hidden beside its products.

    A checkpoint is torch's format preceded by its SHA-256, because torch loads flipped bits silently. Files that are
    damaged, or have another run's name or key, are ignored.

    Parameters
    ----------
    folder, key
        Folder and key of the run.
    """

    def __init__(self, folder: str | os.PathLike[str], key: str) -> None:
        self._last, self._previous = Path(folder, LAST), Path(folder, PREVIOUS)
        self._key = f"{run_name(folder)} {key}"  # the folds of a setting share a key
        self._due = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for the next one: the longer one takes to write, the rarer they are."""
        return time.monotonic() >= self._due

    def save(self, state: dict[str, Any]) -> None:
        """Write a state, and keep the one before it."""
        begin = time.monotonic()
        buffer = io.BytesIO()
        torch.save({"key": self._key, "state": state}, buffer)
        content = buffer.getvalue()
        # It does not exist at first, nor if a second start of the job by a cluster has just moved it.
        with suppress(FileNotFoundError):
            self._last.replace(self._previous)
        write_bytes(self._last, hashlib.sha256(content).digest() + content)
        self._due = time.monotonic() + (time.monotonic() - begin) / _SHARE

    def load(self) -> dict[str, Any] | None:
        """Return the newest undamaged state of this run, with tensors on the CPU; None if there is none."""
        states = (self._read(path) for path in (self._last, self._previous))
        return next((state for state in states if state is not None), None)

    def clear(self) -> None:
        """Delete them, once the run is done."""
        for path in (self._last, self._previous):
            path.unlink(missing_ok=True)

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            content = memoryview(path.read_bytes())
        except OSError:
            return None
        if hashlib.sha256(content[32:]).digest() != bytes(content[:32]):
            return None
        saved = torch.load(io.BytesIO(content[32:]), map_location="cpu", weights_only=True)
        return saved["state"] if saved["key"] == self._key else None
