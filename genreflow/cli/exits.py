"""Exit codes of commands, and the sentence for an error that ends one."""

import errno
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from genreflow import __version__
from genreflow.cli.console import info, print_json
from genreflow.errors import Damaged, Exit, MachineError, UserError
from genreflow.store.text import sanitize
from genreflow.store.writable import temporary_folder

MEANINGS = {
    Exit.OK: "success",
    Exit.BUG: "a bug of genreflow; the message names the file with the traceback",
    Exit.INPUT: "something is wrong with the input: files, settings, models",
    Exit.BUSY: "another run works in the same folder",
    Exit.QUARANTINE: "more tracks were refused than the limits allow; all else is done",
    Exit.MACHINE: "disk, memory, permission, or damaged products",
    Exit.INTERRUPTED: "interrupted; 128 + n: ended by signal n",
}
DEBUG = "GENREFLOW_DEBUG"
REPAIR = "`genreflow verify --repair` makes damaged products again."

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_LONGEST = 300  # characters of a message of a library


def table() -> str:
    """Return the exit codes and their meanings, a line each."""
    return "\n".join(["exit codes:", *(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())])


def guarded(action: Callable[[], int], *, as_json: bool = False) -> int:
    """Return the exit code of `action`, or print why it failed and return the code of its error.

    A `UserError` is printed as it is. The traceback of any other error goes to a file, and with ``GENREFLOW_DEBUG=1``
    to the terminal as well. `as_json` prints the error as an object as well, for the program that reads the output.
    """
    try:
        code = action()
        sys.stdout.flush()
        return int(code)
    except BrokenPipeError:  # the reader of the output has closed it
        _forget_output()
        return Exit.UNREAD
    except (Exception, KeyboardInterrupt) as error:
        sentence, code = _explained(error)
        info(f"genreflow: {sentence}")
        if as_json:
            print_json("error", {"error": sentence, "exit_code": int(code)})
        return code


def _explained(error: BaseException) -> tuple[str, int]:
    """Return why a command failed, and its exit code."""
    match error:
        case Damaged():
            return f"{error} {error.remedy or _remedy(error.path)}", error.exit_code
        case UserError():
            return str(error), error.exit_code
        case KeyboardInterrupt():
            return "interrupted.", Exit.INTERRUPTED
        case MemoryError():
            return "there is not enough memory for this. Close other programs, or use fewer --cores.", Exit.MACHINE
        case ModuleNotFoundError() if not (error.name or "genreflow").startswith("genreflow"):
            return (
                f"the package {error.name!r} is not installed. `genreflow doctor` lists missing packages.",
                Exit.INPUT,
            )
        case OSError() if error.errno is not None:
            return _of_the_machine(error), Exit.MACHINE
    return _bug(error), Exit.BUG


def _remedy(path: Path) -> str:
    """Return the remedy for a damaged file: the pipeline remakes only those below results/."""
    if path.absolute().is_relative_to(Path("results").absolute()):
        return REPAIR
    return (
        "It is outside the results folder here, so `genreflow verify --repair` cannot make it again: take a fresh copy"
        " of the folder, or repair the original where it was made."
    )


def _of_the_machine(error: OSError) -> str:
    path = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    if error.errno in _FULL:
        return f"{path}the disk is full. Make room and run the same command again."
    if error.errno in _FORBIDDEN:
        return f"{path}there is no permission. Choose another path, or change the permissions."
    return f"{path}{(error.strerror or str(error)).lower()}. Is the path right?"


def _bug(error: BaseException) -> str:
    """Return the sentence on an error that is ours; write its report."""
    if os.environ.get(DEBUG) == "1":
        print(sanitize("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    message = sanitize(f"{type(error).__name__}: {error}".splitlines()[0])[:_LONGEST]
    report = write_bug_report(error)
    where = f" with {report}" if report else ""
    return f"this is a bug of genreflow ({message}). Please report it{where}."


def write_bug_report(error: BaseException) -> Path | None:
    """Write the report of a bug below logs/ if that exists, else below the folder for temporary files; return its path.

    Only its owner can read it, because it holds paths and values.
    """
    system = f"genreflow {__version__}, Python {platform.python_version()}, {platform.platform()}"
    text = f"{' '.join(sys.argv)}\n{system}\n{''.join(traceback.format_exception(error))}"
    name = f"genreflow-bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (lambda: _owned(Path("logs", "bugs")), _private_folder):
        with suppress(OSError, MachineError):
            path = folder() / name
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(sanitize(text))
            return path
    return None


def _owned(folder: Path) -> Path:
    """Return a folder, made if its parent exists, that only its owner can open."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _private_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="genreflow-", dir=temporary_folder()))


def _forget_output() -> None:
    """Send buffered output to nowhere, so that Python does not complain about the closed pipe at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
