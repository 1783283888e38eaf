"""File names as text."""

import os
import unicodedata
from collections.abc import Iterable

# They join letters of Persian and parts of emoji, and do nothing to a terminal.
_JOINERS = "\u200c\u200d"


def printable(path: bytes) -> str:
    """Return `path` as text that any terminal, CSV or page can show: odd bytes become U+FFFD, controls escapes."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


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


def _shown(char: str) -> str:
    kind = unicodedata.category(char)
    hidden = kind[0] == "C" or kind in ("Zl", "Zp")
    return char.encode("unicode_escape").decode() if hidden and char not in _JOINERS else char
