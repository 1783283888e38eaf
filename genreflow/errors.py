"""Errors that a user can act on, and the exit codes that commands and jobs end with."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

_LONGEST_WORD = 200  # characters; comparing two words takes the product of their lengths


class Exit(IntEnum):
    """Exit codes; they do not change."""

    OK = 0
    BUG = 1
    INPUT = 2
    BUSY = 3
    QUARANTINE = 4
    MACHINE = 5
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143
    UNREAD = 141


class UserError(Exception):
    """A mistake the user can correct. The message names the fault, its place and the remedy; no traceback is shown."""

    exit_code: ClassVar[Exit] = Exit.INPUT


class Damaged(UserError):
    """A product is not as it was written; the pipeline can remake it.

    Parameters
    ----------
    path
        The file.
    reason
        How the damage was noticed.
    remedy
        What to do, for a file that the pipeline does not make; otherwise empty.
    """

    exit_code = Exit.MACHINE

    def __init__(self, path: str | os.PathLike, reason: object, remedy: str = "") -> None:
        self.path, self.remedy = Path(path), remedy
        super().__init__(f"{path} is damaged ({reason}).")


class MachineError(UserError):
    """The machine does not allow something: disk, memory, permissions."""

    exit_code = Exit.MACHINE


class NoFolder(MachineError):
    """Where the pipeline has a folder there is a file, or a link that leads nowhere."""


class Problems(UserError):
    """Several problems found in one pass, shown together.

    Parameters
    ----------
    title
        What was checked.
    problems
        One sentence each, naming the file, row or key.
    limit
        Upper bound of the number of problems shown; the others are counted.
    """

    def __init__(self, title: str, problems: Iterable[str], *, limit: int = 50) -> None:
        self.problems = list(problems)
        lines = [f"  - {problem}" for problem in self.problems[:limit]]
        if len(self.problems) > limit:
            lines.append(f"  … and {len(self.problems) - limit:,} more.")
        super().__init__("\n".join([title, *lines]))


class MachineProblems(Problems):
    """Several things that the machine does not allow."""

    exit_code = Exit.MACHINE


class TooManyRefused(Problems):
    """More tracks were quarantined than the limits allow."""

    exit_code = Exit.QUARANTINE


class Gathering:
    """Collects the user errors of several steps, to be raised together."""

    def __init__(self, errors: Iterable[UserError] = ()) -> None:
        self.errors = list(errors)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Collect a `UserError` of the enclosed lines and go on after them."""
        try:
            yield
        except UserError as error:
            self.errors.append(error)

    def raise_any(self) -> None:
        """Raise the collected error; if there are several, one with all messages, each once."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise UserError("\n".join(dict.fromkeys(str(error) for error in self.errors)))


_MACHINE_CAUSES = {
    "The disk is full": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    "Nothing may be written there": (errno.EROFS,),
    "There is no permission": (errno.EACCES, errno.EPERM),
    "The disk, or the way to it, reports an error": (errno.EIO, errno.ESTALE, errno.ENXIO, errno.ETIMEDOUT),
    "There is not enough memory": (errno.ENOMEM,),
    "No further process can be started": (errno.EAGAIN,),
}


def machine_message(error: BaseException) -> str | None:
    """Return a sentence on the limit of the machine that was met; None for an error with another cause."""
    number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
    for cause, numbers in _MACHINE_CAUSES.items():
        if number in numbers:
            reason = str(error) or type(error).__name__
            return f"{cause}: {reason}. Put that right and run the same command again: what is finished stays."
    return None


def exit_code_of(error: BaseException) -> Exit:
    """Return the exit code of a job that an error ends."""
    if isinstance(error, UserError):
        return error.exit_code
    return Exit.BUG if machine_message(error) is None else Exit.MACHINE


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return `` Did you mean 'x'?`` for the closest known word, whatever its case, or an empty string."""
    if len(str(word)) > _LONGEST_WORD:
        return ""
    names = {str(name).casefold(): str(name) for name in known}
    close = get_close_matches(str(word).casefold(), names, n=1, cutoff=cutoff)
    return f" Did you mean {names[close[0]]!r}?" if close else ""
