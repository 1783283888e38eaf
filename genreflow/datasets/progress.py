"""Progress of a stage whose shards are made by separate processes, and of one such shard."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from genreflow.errors import UserError
from genreflow.store.atomic import write_report, write_text
from genreflow.store.parquet import read_header
from genreflow.store.text import rough_duration


def expect(note: Path, folder: Path, keys: Mapping[str, str]) -> None:
    """Note how many shards in `folder` will have to be made: those whose product does not have its key (shard -> key).

    To be called before any of them is made.
    """
    todo = sum(not _is_current(folder / f"{shard}.parquet", key) for shard, key in keys.items())
    write_text(note, json.dumps({"since": time.time(), "shards": todo}))


def standing(note: Path, folder: Path) -> str:
    """Return how many of the expected shards have been made, and the time left: ``3 of 12, 4 min left``."""
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    done = sum(path.stat().st_mtime >= noted["since"] for path in folder.glob("*.parquet"))
    left = noted["shards"] - done
    if left <= 0 or not done:
        return f"{done} of {max(done, noted['shards'])}"
    return f"{done} of {noted['shards']}, {rough_duration((time.time() - noted['since']) / done * left)} left"


_INTERVAL_S = 1.0  # between two reports of a shard


class ShardProgress:
    """Reports the progress of a shard of audio in a file that is replaced as a whole.

    It holds ``name, tracks, done, quarantined, audio_seconds, seconds`` since the start, ``left`` (estimated seconds
    left, null before the first track) and ``told_at`` (Unix time).
    """

    def __init__(self, file: Path, name: str, tracks: int) -> None:
        self._file, self._name, self._tracks = file, name, tracks
        self._start, self._due = time.monotonic(), 0.0
        self._done, self._quarantined, self._audio_s = 0, 0, 0.0
        self._write()

    def add(self, row: Mapping[str, Any]) -> None:
        """Take the row of a finished track, and print it."""
        print(row["track_id"], row["verdict"], row["reason"], row["message"] or "")
        self._done += 1
        self._quarantined += row["verdict"] == "quarantine"
        self._audio_s += row["seconds"] or 0.0
        if time.monotonic() >= self._due:
            self._write()

    def _write(self) -> None:
        self._due = time.monotonic() + _INTERVAL_S
        seconds = time.monotonic() - self._start
        status = {
            "name": self._name,
            "tracks": self._tracks,
            "done": self._done,
            "quarantined": self._quarantined,
            "audio_seconds": self._audio_s,
            "seconds": seconds,
            "left": seconds / self._done * (self._tracks - self._done) if self._done else None,
            "told_at": time.time(),
        }
        write_report(self._file, status)


@contextmanager
def shard_progress(file: Path, name: str, tracks: int) -> Iterator[ShardProgress]:
    """Report the progress of a shard in a file, which is removed at its end."""
    try:
        yield ShardProgress(file, name, tracks)
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _is_current(path: Path, key: str) -> bool:
    try:
        return read_header(path).key == key
    except UserError:
        return False
