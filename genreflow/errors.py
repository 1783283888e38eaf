"""Errors that a user can act on."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

_LONGEST_WORD = 200  # characters; comparing two words takes the product of their lengths


class UserError(Exception):
    """Something the user can put right: what is wrong, where, and what to do. Shown without a traceback."""


class Damaged(UserError):
    """A product of the pipeline is not as it was written; it can be made again.

    Parameters
    ----------
    path
        The file.
    why
        How it was noticed.
    remedy
        A sentence on what to do, of a file that the pipeline does not make again; empty of all others.
    """

    def __init__(self, path: str | os.PathLike, why: object, remedy: str = "") -> None:
        self.path, self.remedy = Path(path), remedy
        super().__init__(f"{path} is damaged ({why}).")


class MachineError(UserError):
    """The machine does not allow it, as far as a library tells: a sentence that says so, and what to do."""

    exit_code = 5


class NoFolder(MachineError):
    """A file, or a link that leads nowhere, is where the pipeline has a folder: the machine is not as it was."""


# How messages begin of what the machine does not allow, and the numbers of these errors.
MACHINE_SAYS = {
    "The disk is full": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    "Nothing may be written there": (errno.EROFS,),
    "There is no permission": (errno.EACCES, errno.EPERM),
    "The disk, or the way to it, reports an error": (errno.EIO, errno.ESTALE, errno.ENXIO, errno.ETIMEDOUT),
    "There is not enough memory": (errno.ENOMEM,),
    "No further process can be started": (errno.EAGAIN,),
    "The machine did not let many tracks be decoded": (),
}


def of_the_machine(error: BaseException) -> str | None:
    """Return in plain words what the machine does not allow; None of an error that is not the machine's."""
    number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
    for what, numbers in MACHINE_SAYS.items():
        if number in numbers:
            why = str(error) or type(error).__name__
            return f"{what}: {why}. Put that right and run the same command again: what is finished stays."
    return None


class Problems(UserError):
    """Several user errors found in one pass, shown together.

    Parameters
    ----------
    title
        What was being checked.
    problems
        One sentence each, naming the place (file, row, key).
    limit
        So many are shown; of the others, how many there are.
    """

    def __init__(self, title: str, problems: Iterable[str], *, limit: int = 50) -> None:
        self.problems = list(problems)
        lines = [f"  - {problem}" for problem in self.problems[:limit]]
        if len(self.problems) > limit:
            lines.append(f"  … and {len(self.problems) - limit:,} more.")
        super().__init__("\n".join([title, *lines]))


class MachineProblems(Problems):
    """Several things that the machine does not allow, shown together; the first line begins as in `MACHINE_SAYS`."""

    exit_code = 5


class Gathering:
    """The user errors of several steps, to be raised together."""

    def __init__(self, errors: Iterable[UserError] = ()) -> None:
        self.errors = list(errors)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Keep a `UserError` of the enclosed lines and go on after them."""
        try:
            yield
        except UserError as error:
            self.errors.append(error)

    def raise_any(self) -> None:
        """Raise what was kept: the error itself, or one with the texts of all, each once."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise UserError("\n".join(dict.fromkeys(str(error) for error in self.errors)))


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return `` Did you mean 'x'?`` for the closest known word, whatever its case, or an empty string."""
    if len(str(word)) > _LONGEST_WORD:
        return ""
    names = {str(name).casefold(): str(name) for name in known}
    close = get_close_matches(str(word).casefold(), names, n=1, cutoff=cutoff)
    return f" Did you mean {names[close[0]]!r}?" if close else ""
