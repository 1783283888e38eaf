"""What is said on standard error: progress, mistakes, the last line of a command; and names that are safe to show."""

import shlex
import sys
from os import PathLike

from genreflow.store.text import sanitize, sanitize_name

_unfinished = False  # whether the cursor stands behind a line of progress


def progress(text: str) -> None:
    """Show how far a command has come, in place of what it showed before."""
    global _unfinished
    _unfinished = True
    print(f"\r{sanitize_name(text)}", end="", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Print a line, below the progress shown so far."""
    global _unfinished
    print(f"\n{shown(text)}" if _unfinished else shown(text), file=sys.stderr)
    _unfinished = False


def close(done: str, *, following: str = "") -> None:
    """Print the last line of a command: what happened, where the result is, and what may come next."""
    say(f"{done} Next: {following}" if following else done)


def shown(text: str) -> str:
    """Return text that any terminal can show: odd bytes become U+FFFD, controls other than ends of lines escapes."""
    return sanitize(_decoded(text))


def quoted(path: str | PathLike) -> str:
    """Return a path as it is typed into a shell."""
    return shlex.quote(shown(str(path)))


def _decoded(text: str) -> str:
    """Return text in which the bytes of a file name that are no UTF-8 have become U+FFFD."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # halves of surrogate pairs, which are in no file name
        return text
