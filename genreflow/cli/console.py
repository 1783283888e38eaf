"""Output of commands: progress, errors and the last line on standard error; rows of tables for JSON."""

import json
import math
import shlex
import sys
from collections.abc import Mapping
from os import PathLike
from typing import Any

from genreflow.store.text import sanitize, sanitize_name

_unfinished = False  # whether the cursor is behind a line of progress


def progress(text: str) -> None:
    """Show the progress of a command on a terminal, replacing the line shown before."""
    global _unfinished
    if not sys.stderr.isatty():
        return
    _unfinished = True
    print(f"\r{sanitize_name(text)}", end="", file=sys.stderr, flush=True)


def end_progress() -> None:
    """Go to a new line below the progress shown so far."""
    global _unfinished
    if _unfinished:
        print(file=sys.stderr, flush=True)
    _unfinished = False


def info(text: str) -> None:
    """Print a line, below the progress shown so far."""
    end_progress()
    print(sanitize(text), file=sys.stderr)


def print_result(done: str, *, following: str = "") -> None:
    """Print the last line of a command: the outcome, the path of the result, and the next command."""
    info(f"{done} Next: {following}" if following else done)


def print_json(kind: str, values: Mapping[str, Any], **units: str) -> None:
    """Print an object for programs.

    Parameters
    ----------
    kind
        What it is, mostly the command: the key ``schema`` is ``genreflow/<kind>/1``. The number grows when a key is
        renamed or removed.
    values
        Its other keys. NaN becomes null, and what JSON does not know becomes text.
    units
        Key of a number -> its unit, the key ``units``.
    """
    object_ = {"schema": f"genreflow/{kind}/1", "units": units, **values}
    print(json.dumps(_without_nan(object_), indent=2, allow_nan=False, default=str))


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def quoted(path: str | PathLike) -> str:
    """Return a path as it is typed into a shell."""
    return shlex.quote(sanitize(str(path)))


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a table for JSON: plain values, None for NaN."""
    values = {name: value.item() if hasattr(value, "item") else value for name, value in row.items()}
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
