"""Atomic writes: a file is there in full or not at all."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TEMPORARY_SUFFIX = ".tmp"
# Prefix of files that are only memory-mapped, and remade when they are missing.
MAPPED = ".mapped-"


@contextmanager
def atomic_write(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` when the block succeeds.

    The file is flushed to disk before the rename and the folder after it, so a crash at any moment leaves the old file
    or the new one. If two processes write the same path, the last rename wins.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=TEMPORARY_SUFFIX, prefix=".", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _make_like_a_plain_file(temporary)
        flush(temporary)
        temporary.replace(path)
        flush(path.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Write `content`, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def write_report(path: Path, facts: Mapping[str, Any]) -> None:
    """Replace a JSON file as a whole, if that is possible.

    It does not wait for the disk: the progress of a job need not survive a crash of the machine.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(path)


def waiting_place(folder: Path) -> Path:
    """Return the hidden folder in which files wait until all files of `folder` are there."""
    return folder.with_name(f".{folder.name}")


def _make_like_a_plain_file(path: Path) -> None:
    # mkstemp makes files private; in a shared results folder they need the mode that open() would set.
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


def flush(path: str | bytes | os.PathLike) -> None:
    """Let a file or folder reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
