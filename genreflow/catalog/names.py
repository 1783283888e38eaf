"""File names as text."""

import os
import unicodedata


def printable(path: bytes) -> str:
    """Return `path` as text that any terminal, CSV or page can show: odd bytes become U+FFFD, controls escapes."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return "".join(c if unicodedata.category(c)[0] != "C" else c.encode("unicode_escape").decode() for c in text)


def label_of(name: bytes) -> str:
    """Return the class that a folder name stands for: printable, NFC, without surrounding blanks."""
    return unicodedata.normalize("NFC", printable(name)).strip()
