"""Cells of a table that hold several tags: ``a; b``, ``a, b``, ``a|b``, or a list such as ``['a', 'b']``."""

import re
from collections.abc import Collection, Sequence

from genreflow.datasets.labels import tidy
from genreflow.store.text import count

USUAL = ";"
_IN_QUESTION = {",": "comma", "|": "bar"}  # they are also part of names, such as `Folk, World, & Country`
_QUOTED = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_BRACKETS = {"[": "]", "(": ")", "{": "}"}


def split_tags(cell: str, separator: str | None) -> tuple[str, ...]:
    """Return the tags of a cell; ``separator`` is the usual one if None, and lists are read with any.

    Examples
    --------
    >>> split_tags("rock; loud", None), split_tags("rock|loud", "|"), split_tags("['rock', 'loud']", None)
    (('rock', ' loud'), ('rock', 'loud'), ('rock', 'loud'))
    """
    listed = _list_of(cell)
    tags = cell.split(separator or USUAL) if listed is None else listed
    return tuple(filter(str.strip, tags))


def looks_like_several(label: str) -> bool:
    """Return whether a label is a list, or holds a sign that names hardly ever have."""
    return USUAL in label or "|" in label or _list_of(label) is not None


def separator_problem(rows: Sequence[tuple[int, str]], known: Collection[str]) -> str | None:
    """Return why the separator must be given: cells hold a sign that may separate tags; None if none does.

    Parameters
    ----------
    rows
        Line and cell.
    known
        Tags that the settings name.
    """
    for sign, name in _IN_QUESTION.items():
        doubtful = [
            (line, cell)
            for line, cell in rows
            if _list_of(cell) is None and any(sign in tag and tidy(tag) not in known for tag in split_tags(cell, None))
        ]
        if doubtful:
            line, cell = doubtful[0]
            return (
                f"{count(len(doubtful), 'cell')} of `tags` with a {name}, such as {cell.strip()!r} in row {line}. Set "
                f"`separator: '{sign}'` if it separates tags, or `separator: '{USUAL}'` if it is part of a name."
            )
    return None


def separator_notice(cells: Sequence[str], separator: str | None) -> str | None:
    """Return how the cells with several tags were read; None if there are none."""
    several = [cell for cell in cells if len(split_tags(cell, separator)) > 1]
    lists = sum(_list_of(cell) is not None for cell in several)
    kinds = [f"separated by {separator or USUAL!r}"] * (lists < len(several)) + ["in lists"] * (lists > 0)
    return f"{count(len(several), 'row')} with several tags, {' or '.join(kinds)}" if several else None


def _list_of(cell: str) -> list[str] | None:
    """Return the items of a cell that is a list, as Python, JSON and NumPy print them; None if it is none."""
    text = cell.strip()
    if len(text) < 2 or _BRACKETS.get(text[0]) != text[-1]:
        return None
    inner = text[1:-1]
    quoted = [re.sub(r"\\(.)", r"\1", one or other) for one, other in _QUOTED.findall(inner)]
    between = _QUOTED.sub("", inner)
    if quoted:
        return None if between.strip(", \t\n") else quoted
    return inner.split(",") if text[0] == "[" and not set(inner) & set("[]") else None
