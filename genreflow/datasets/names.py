"""File names as text."""

import os
import unicodedata

from genreflow.store.text import sanitize_name


def printable(path: bytes) -> str:
    """Return `path` as text that any terminal, CSV or page can show: odd bytes become U+FFFD, controls escapes."""
    return sanitize_name(os.fsencode(path).decode("utf-8", "replace"))


def reading(path: bytes) -> str:
    """Return the reading of a name: NFC, with U+FFFD for odd bytes. Names with one reading may differ in bytes."""
    return unicodedata.normalize("NFC", path.decode("utf-8", "replace"))
