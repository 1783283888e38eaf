"""What a file of music says of itself: the digests of its bytes and of its audio, and its tags.

Files are read in confined workers, so that one that crashes or hangs FFmpeg costs nothing but its tags.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genreflow.datasets.catalog import MISSING
from genreflow.store.digest import digest, file_sha256

LARGEST_HASHED = 32 * 10**9  # bytes; no music is larger, and a sparse file of a terabyte would be read for an hour
FileTags = Mapping[str, Sequence[str]]
Stamp = tuple[int, int, int]
_TIMEOUT, _MEMORY_GB = 120.0, 2.0  # of a file
_MOST_WORKERS = 8
_PROGRESS_S = 5.0
_UNREAD = "unread"
_FEW = 4  # files that one worker reads as fast as several


@dataclass(frozen=True)
class FileFacts:
    """The facts of a file.

    Attributes
    ----------
    sha256
        SHA-256 of its bytes; ``missing``, or a word that begins so, where they cannot be read.
    packets
        SHA-256 of its audio without tags, see `genreflow.audio.packets`; empty where that cannot be read; None if the
        file has the expected bytes, so that it was not asked.
    tags
        Its tags, see `genreflow.audio.tags`; likewise.
    """

    sha256: str
    packets: str | None = ""
    tags: FileTags | None = field(default_factory=dict)


@dataclass(frozen=True)
class Unread:
    """A file to be examined, its size in bytes, its digest if that is known, and the digest that it had before."""

    path: bytes
    size: int
    sha256: str | None = None
    expected: str | None = None


def as_text(tags: FileTags) -> str:
    """Return tags as a catalog holds them."""
    return json.dumps(tags, ensure_ascii=False)


def stamp_of(path: bytes) -> Stamp:
    """Return size, modification and change time of a file, by which it is known unread; -1 bytes if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return -1, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def examine(files: Sequence[Unread]) -> list[FileFacts]:
    """Return the facts of files, in their order."""
    facts: list[FileFacts] = [FileFacts("")] * len(files)
    total = sum(max(0, file.size) for file in files) / 1e9
    for place, result in _in_workers(_facts, files, f"new files read ({total:.1f} GB in all)"):
        facts[place] = result or FileFacts(files[place].sha256 or hash_of(files[place].path))
    return facts


# Tags that this process has read: a command lists the same dataset several times.
_READ: dict[tuple[bytes, Stamp], str] = {}


class TagReader:
    """Reads the tags of files, each file once; tags that an earlier catalog holds are not read again.

    Parameters
    ----------
    known
        Real path and stamp of a file -> its tags, as `as_text` writes them.
    """

    def __init__(self, known: Mapping[tuple[bytes, Stamp], str] | None = None) -> None:
        self._known = dict(known or {})
        self._real_roots: dict[bytes, bytes] = {}

    def read(self, root: bytes, paths: Sequence[bytes]) -> dict[bytes, FileTags]:
        """Return path -> tags of files below a root; no tags of one that cannot be read."""
        keys = {path: self._key(root, path) for path in paths}
        todo = [path for path, key in keys.items() if key not in self._known and key not in _READ]
        for place, tags in _in_workers(_tags, [keys[path][0] for path in todo], "files looked at for their tags"):
            _READ[keys[todo[place]]] = as_text(tags or {})
        self._known |= {key: _READ[key] for key in keys.values() if key in _READ}
        return {path: json.loads(self._known[key]) for path, key in keys.items()}

    def known(self, root: bytes, path: bytes, stamp: Stamp) -> str | None:
        """Return the tags of a file that has been read, as text; else None."""
        return self._known.get((self._real(root, path), stamp)) if self._known else None

    def _key(self, root: bytes, path: bytes) -> tuple[bytes, Stamp]:
        real = self._real(root, path)
        return real, stamp_of(real)

    def _real(self, root: bytes, path: bytes) -> bytes:
        if root not in self._real_roots:
            self._real_roots[root] = os.path.realpath(root)
        return os.path.normpath(os.path.join(self._real_roots[root], path))


def _in_workers(
    function: Callable[[Any], Any], files: Sequence[Any], activity: str
) -> Iterator[tuple[int, Any | None]]:
    """Yield position and result of each file, None where its worker failed; print the progress."""
    if not files:
        return
    from genreflow.audio.workers import run_confined  # here, as a run without new files needs none

    count = 1 if len(files) <= _FEW else min(_MOST_WORKERS, os.cpu_count() or 1)
    start = shown = time.monotonic()
    tasks = {place: (file,) for place, file in enumerate(files)}
    with closing(run_confined(function, tasks, workers=count, timeout=_TIMEOUT, memory_gb=_MEMORY_GB)) as results:
        for done, (place, result) in enumerate(results, 1):
            yield place, result.value
            now = time.monotonic()
            if now - shown > _PROGRESS_S:
                shown = now
                left = (now - start) / done * (len(files) - done)
                print(f"catalog: {done:,} of {len(files):,} {activity}, {left:.0f} s left", file=sys.stderr)


def _facts(file: Unread) -> FileFacts:
    from genreflow.audio.packets import packets_sha256

    sha256 = file.sha256 or hash_of(file.path)
    if sha256.startswith((MISSING, _UNREAD)):
        return FileFacts(sha256)
    if sha256 == file.expected:
        return FileFacts(sha256, None, None)
    return FileFacts(sha256, packets_sha256(file.path), _tags(file.path))


def _tags(path: bytes) -> FileTags:
    from genreflow.audio.tags import read_tags

    return read_tags(path)


def hash_of(path: bytes) -> str:
    """Return the SHA-256 of a file's bytes; a word that says why where they are not read."""
    try:
        if not Path(os.fsdecode(path)).is_file():
            return MISSING
        status = os.stat(path)
        if status.st_size > LARGEST_HASHED:
            return f"{_UNREAD}-{digest(status.st_size, status.st_mtime_ns)}"
        return file_sha256(path)
    except OSError as error:
        return f"{MISSING}-{digest(error.errno)}"
