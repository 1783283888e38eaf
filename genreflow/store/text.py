"""Text for people: names that are safe to print, counted nouns, lists of names and durations.

Names and titles come from strangers' files, and a terminal obeys the control sequences that it is sent.
"""

import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import SupportsIndex, TextIO

# They join letters of Persian and parts of emoji, and do nothing to a terminal.
_JOINERS = "\u200c\u200d"
# Marks that change the direction of what follows, up to the end of a paragraph, are of the kind Cf.
_LINES = ("Zl", "Zp")
_LONGEST_NAME = 60  # characters of a plain name


def sanitize(text: object) -> str:
    r"""Return text that any terminal, log, CSV file or page can show; ends of lines stay.

    Escape sequences, other controls, marks of direction and invisible characters become what Python writes for them
    (``\x1b``, ``\u202e``), and halves of surrogate pairs U+FFFD. See CWE-150 and CWE-1007.
    """
    text = str(text)
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def sanitize_name(name: str) -> str:
    r"""Return the same in one line: an end of a line becomes ``\n``."""
    return sanitize(name).replace("\n", "\\n")


def printable(text: object) -> str:
    """Return `text` with each control, direction-changing or unpaired character replaced by U+FFFD."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))


def count(n: SupportsIndex, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 track``, ``30,000 tracks``; give `plural` where adding an s is wrong."""
    return f"{int(n):,} {noun if int(n) == 1 else plural or noun + 's'}"


def listing(names: Iterable[object], most: int = 5) -> str:
    """Return names for a sentence: the first `most`, then how many more there are."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def plain_name(file: str) -> str:
    """Return the name of a file, without its suffix and without characters that a file name should not have."""
    return re.sub(r"[^\w.-]+", "_", PurePath(file).stem)[:_LONGEST_NAME].strip("_.") or "track"


def rough_bytes(size: int) -> str:
    """Return a size in the unit that suits it: ``0 B``, ``12 kB``, ``3.5 GB``."""
    for unit, bytes_of_unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_of_unit:
            return f"{size / bytes_of_unit:.3g} {unit}"
    return f"{size:,} B"


def rough_duration(seconds: float) -> str:
    """Return a duration in the unit that suits it: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Sanitized(io.TextIOBase):
    """A text stream to which nothing is written but sanitized text; everything else goes to the stream behind it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text and return its length."""
        self._stream.write(sanitize(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def fileno(self) -> int:
        """Return its file descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only in io.TextIOBase as well; typeshed differs
        """Its encoding."""
        return self._stream.encoding


class Unmarked(dict):
    """A mapping whose text has no ``<``: Snakemake's own report puts parameters of rules into a script as they are."""

    def __repr__(self) -> str:
        return sanitize(super().__repr__().replace("<", r"\x3c"))


def _shown(char: str) -> str:
    kind = unicodedata.category(char)
    if char == "\n" or char in _JOINERS or not (kind[0] == "C" or kind in _LINES):
        return char
    return "\N{REPLACEMENT CHARACTER}" if kind == "Cs" else char.encode("unicode_escape").decode()


def titled(text: object, titles: Mapping[str, str]) -> str:
    """Return a name, or several separated by commas, with the titles of those that have one.

    >>> titled("net_music, no_energy", {"no_energy": "without energy"})
    'net_music, without energy'
    """
    whole = str(text)
    return titles.get(whole) or ", ".join(titles.get(part, part) for part in whole.split(", "))
