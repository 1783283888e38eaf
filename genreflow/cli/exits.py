"""How a command ends: its exit code, and one sentence where it cannot go on."""

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
from genreflow.cli.console import info
from genreflow.errors import Damaged, Exit, MachineError, UserError
from genreflow.store.text import sanitize
from genreflow.store.writable import temporary_folder

MEANINGS = {
    Exit.OK: "all went well",
    Exit.BUG: "a bug of genreflow; it says where the whole story is",
    Exit.INPUT: "something is wrong with what was asked for: files, settings, models",
    Exit.BUSY: "another run works in the same folder",
    Exit.QUARANTINE: "all else is done, but more tracks were refused than the limits allow",
    Exit.MACHINE: "the machine does not allow it: disk, memory, permission, damaged products",
    Exit.INTERRUPTED: "interrupted; 128 + n: ended by signal n",
}
DEBUG = "GENREFLOW_DEBUG"
REPAIR = "`genreflow verify --repair` makes again what is damaged."

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_LONGEST = 300  # characters of what a library says


def table() -> str:
    """Return the exit codes and their meanings, a line each."""
    return "\n".join(["exit codes:", *(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())])


def guarded(action: Callable[[], int]) -> int:
    """Return what `action` returns, or tell why it could not go on and return the code of that.

    What the user can put right is told in its own words. Of anything else the traceback goes to a file, and with
    ``GENREFLOW_DEBUG=1`` to the terminal as well.
    """
    try:
        code = action()
        sys.stdout.flush()
        return int(code)
    except Damaged as error:
        return _told(f"{error} {error.remedy or REPAIR}", Exit.MACHINE)
    except UserError as error:
        return _told(str(error), error.exit_code)
    except BrokenPipeError:  # whoever read the output has seen enough
        _forget_output()
        return Exit.UNREAD
    except KeyboardInterrupt:
        return _told("interrupted.", Exit.INTERRUPTED)
    except MemoryError:
        return _told("there is not enough memory for this. Close other programs, or use fewer --cores.", Exit.MACHINE)
    except ModuleNotFoundError as error:
        if (error.name or "genreflow").startswith("genreflow"):
            return _bug(error)
        sentence = f"the package {error.name!r} is not installed. `genreflow doctor` tells what is missing."
        return _told(sentence, Exit.INPUT)
    except OSError as error:
        return _bug(error) if error.errno is None else _told(_of_the_machine(error), Exit.MACHINE)
    except Exception as error:
        return _bug(error)


def _told(sentence: str, code: Exit) -> Exit:
    info(f"genreflow: {sentence}")
    return code


def _of_the_machine(error: OSError) -> str:
    place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    if error.errno in _FULL:
        return f"{place}the disk is full. Make room and run the same command again."
    if error.errno in _FORBIDDEN:
        return f"{place}there is no permission. Choose another place, or change who may read and write there."
    said = (error.strerror or str(error)).lower()
    return f"{place}{said}. Is the path right? Choose another place."


def _bug(error: BaseException) -> Exit:
    story = "".join(traceback.format_exception(error))
    if os.environ.get(DEBUG) == "1":
        print(sanitize(story), end="", file=sys.stderr)
    said = sanitize(f"{type(error).__name__}: {error}".splitlines()[0])[:_LONGEST]
    kept = _keep(f"genreflow {__version__}, Python {platform.python_version()}, {platform.platform()}\n{story}")
    where = f"; the whole story is in {kept}" if kept else ""
    return _told(f"this is a bug of genreflow, not of yours ({said}). Please report it{where}.", Exit.BUG)


def _keep(story: str) -> Path | None:
    """Write the story of a bug below logs/, where there is one, or else below the folder for temporary files.

    It names paths, and shows values: it is its owner's alone.
    """
    name = f"genreflow-bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for folder in (lambda: _only_mine(Path("logs", "bugs")), _private_folder):
        with suppress(OSError, MachineError):
            path = folder() / name
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(sanitize(f"{' '.join(sys.argv)}\n{story}"))
            return path
    return None


def _only_mine(folder: Path) -> Path:
    """Return a folder, which is made where its parent is there, that nobody else can look into."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


def _private_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="genreflow-", dir=temporary_folder()))


def _forget_output() -> None:
    """Let what is still to be flushed go nowhere, so that Python does not complain as it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
