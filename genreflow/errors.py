"""Errors that a user can act on."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can put right: what is wrong, where, and what to do. Shown without a traceback."""


class Problems(UserError):
    """Several user errors found in one pass, shown together.

    Parameters
    ----------
    title
        What was being checked.
    problems
        One sentence each, naming the place (file, row, key).
    """

    def __init__(self, title: str, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join([title, *(f"  - {problem}" for problem in self.problems)]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known word, or an empty string."""
    close = get_close_matches(str(word), [str(k) for k in known], n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
