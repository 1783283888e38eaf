"""File names as text."""

import os
import unicodedata
from collections.abc import Iterable

from genreflow.store.text import sanitize_name


def printable(path: bytes) -> str:
    """Return `path` as text that any terminal, CSV or page can show: odd bytes become U+FFFD, controls escapes."""
    return sanitize_name(os.fsencode(path).decode("utf-8", "replace"))


def reading(path: bytes) -> str:
    """Return what a person reads: NFC, odd bytes as U+FFFD. Names that read the same may differ in their bytes."""
    return unicodedata.normalize("NFC", path.decode("utf-8", "replace"))


def few(names: Iterable[str], most: int = 5) -> str:
    """Return names for a sentence: the first `most`, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def count(n: int, noun: str, plural: str = "") -> str:
    """Return a number and what is counted: ``1 track``, ``30,000 tracks``; `plural` where an s does not make it."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
