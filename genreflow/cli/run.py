"""`genreflow run`: Snakemake, after taking over from a run that died, and with meaningful exit codes.

A killed Snakemake leaves its lock behind, and its jobs run on as orphans. Two signs show whether a run is alive: a file
lock that the system releases with its process, and the list of processes, which also holds a plain `snakemake`.
"""

import argparse
import fcntl
import importlib.util
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from genreflow.cli import snakemake_call
from genreflow.cli.clock_skew import bring_to_present
from genreflow.cli.console import info
from genreflow.cli.endings import failed, stopped
from genreflow.cli.places import SNAKEFILE, NoProject, find_place
from genreflow.errors import Exit, UserError
from genreflow.plan.staleness import REBUILD_STALE
from genreflow.project import history, layout
from genreflow.repair import missing_stages, put_back, restore_mtimes, sweep
from genreflow.shutdown import is_job, signals_passed_on, stop
from genreflow.store.atomic import MAPPED, TEMPORARY_SUFFIX
from genreflow.store.text import count
from genreflow.store.walk import check_folder, files_below
from genreflow.store.writable import temporary_folder

SNAKEMAKE = (sys.executable, "-m", "genreflow.cli.snakemake_call")
_ASKING = {"-h", "--help", "-v", "--version"}
_CLOCKS_S = 2.0  # difference between the start of a process and the time that it noted itself


class BusyError(UserError):
    """Another run works in the same folder."""

    exit_code = Exit.BUSY


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: those of Snakemake."""
    parser.description = "All arguments are Snakemake's; `snakemake --help` lists them."


def run(options: argparse.Namespace) -> int:
    """Run Snakemake in this process once no other run holds the folder; return the exit code.

    It works in the folder of the project, by its settings, unless the arguments name others.

    Raises
    ------
    BusyError
        When a live run works there; the message has its process, host and start.
    UserError
        When there is no project and no other settings, or a file of settings cannot be read.
    """
    return run_snakemake(in_project(options.rest), options.rest)


def run_snakemake(words: Sequence[str], typed: Sequence[str] | None = None) -> int:
    """Run Snakemake with these arguments as `run` does; `typed` are those that the user gave, if these are others."""
    arguments = _with_snakefile(words)
    try:
        parser, snakemake_options = snakemake_call.parsed(arguments)
    except SystemExit as end:
        return _code(end) and Exit.INPUT
    folder = Path(snakemake_options.directory or "").resolve()
    executes_jobs = snakemake_call.executes_jobs(snakemake_options)
    began = time.time()
    with _remaking_stale(), signals_passed_on() as signals:
        try:
            with snakemake_call.lasting_output() as withheld:
                if snakemake_call.only_reads(snakemake_options):
                    check_places(folder)
                else:
                    _, command = claimed(arguments, folder, takes_over=executes_jobs)
                    if executes_jobs:
                        _mend(folder, command)
                code = snakemake_call.call(parser, snakemake_options)
        except SystemExit as end:
            code = _code(end)
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
    return _ended(code, signals, folder, began, withheld, words if typed is None else typed)


def repair(arguments: Sequence[str]) -> int:
    """Make the products again that were set aside in the folder of these arguments; return the exit code."""
    began = time.time()
    with _remaking_stale(), signals_passed_on() as signals, snakemake_call.lasting_output() as withheld:
        folder, command = claimed(arguments)
        code = _mend(folder, command)
        put_back(folder / "results")
    return _ended(code, signals, folder, began, withheld, arguments)


@contextmanager
def _remaking_stale() -> Iterator[None]:
    """Let Snakemake remake stale products that it has no record of (`genreflow.plan.staleness.force_stale`)."""
    os.environ[REBUILD_STALE] = "1"
    try:
        yield
    finally:
        del os.environ[REBUILD_STALE]


def claimed(arguments: Sequence[str], folder: Path | None = None, *, takes_over: bool = True) -> tuple[Path, list[str]]:
    """Lock the folder that Snakemake will work in for this process; return it and Snakemake's whole command.

    The folder is that of the arguments by default. Processes of a run that died there are stopped, and its lock is
    removed, if this run `takes_over`.

    Raises
    ------
    BusyError
        When a live run works there; the message has its process, host and start.
    OSError
        When nothing can be written there, or no temporary file anywhere.
    """
    folder = working_folder(arguments) if folder is None else folder
    temporary_folder()
    if importlib.util.find_spec("snakemake") is None:
        raise UserError("snakemake is not installed beside genreflow. `genreflow doctor` names what is missing.")
    check_places(folder)
    command = [*SNAKEMAKE, *_with_snakefile(arguments)]
    _hold(folder)
    if takes_over:
        _stop_unlocking(folder)
    for process in _snakemakes(folder):
        raise BusyError(
            f"snakemake (process {process.pid}) works in {folder} since {clock(process.create_time())}. "
            "Wait for it, or stop it first."
        )
    if takes_over and any((folder / ".snakemake" / "locks").glob("*")):
        _stop_orphans(folder)
        info("genreflow: the last run here died; taking over from it.")
        subprocess.run([*command, "--unlock"], check=False, capture_output=True)
    return folder, command


def check_places(folder: Path) -> None:
    """Raise NoFolder if results, logs or records cannot lie in a folder, because a file or a dead link is there."""
    for name in (layout.RESULTS, ".snakemake", layout.LOGS):
        check_folder(folder / name)


def live_run(folder: Path) -> Mapping[str, Any] | None:
    """Return ``pid, host, since`` of the run that works in a folder; None if none does. Nothing is locked or written.

    A run on another host counts as alive as long as its note is there and Snakemake's lock is.
    """
    for process in _snakemakes(folder):
        return {"pid": process.pid, "host": socket.gethostname(), "since": process.create_time()}
    try:
        owner = json.loads((folder / ".snakemake" / "genreflow.lock").read_bytes())
        if owner["host"] != socket.gethostname():
            return owner if any((folder / ".snakemake" / "locks").glob("*")) else None
        is_alive = psutil.Process(owner["pid"]).create_time() <= owner["since"] + _CLOCKS_S
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return owner if is_alive else None


def _with_snakefile(arguments: Sequence[str]) -> list[str]:
    """Return Snakemake's arguments with the Snakefile of this project, unless they or their folder have one."""
    known = _known(arguments)
    has_own = "snakefile" in known or (working_folder(arguments) / "Snakefile").exists()
    return [*arguments, *([] if has_own else ["--snakefile", str(SNAKEFILE)])]


def _code(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _ended(
    code: int, signals: Sequence[int], folder: Path, began: float, withheld: Sequence[str], arguments: Sequence[str]
) -> int:
    """Return the exit code of a run that Snakemake ended with `code`, and print the remedy after a failure."""
    if code == 0:
        return Exit.OK
    command = shlex.join(["genreflow", "run", *arguments])
    with suppress(OSError):  # nobody reads a terminal that was closed
        return stopped(signals, command) or failed(folder, began, command, withheld, code=code)
    return Exit.HUNG_UP


def command_of(arguments: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Return Snakemake's command with absolute paths and no targets, and the configuration files."""
    known = _known(arguments)
    configfiles = [Path(name).resolve() for name in known.pop("configfile", [])]
    known.pop("directory", None)
    snakefile = Path(known.pop("snakefile", SNAKEFILE)).resolve()
    command = [*SNAKEMAKE, "--snakefile", str(snakefile), *_spelt(known)]
    return [*command, "--configfile", *map(str, configfiles)] if configfiles else command, configfiles


def _mend(folder: Path, command: Sequence[str]) -> int:
    """Make the set-aside products again by themselves, so that products made from them stay current."""
    _sweep(folder / "results")
    if future := bring_to_present(folder / "results"):
        info(f"genreflow: {count(future, 'product')} had times in the future, which were corrected.")
    code = 0
    for missing in missing_stages(folder / "results"):
        kinds = ", ".join(sorted({product.parent.name for product in missing}))
        info(f"genreflow: making {count(len(missing), 'damaged product')} again ({kinds}).")
        targets = [str(product.relative_to(folder)) for product in missing]
        arguments = _spelt(_known(command[len(SNAKEMAKE) :]))
        made = subprocess.run([*SNAKEMAKE, *targets, *arguments], check=False)
        restore_mtimes(missing)
        code = code or made.returncode
    sweep(folder / "results")
    return code


def in_project(arguments: Sequence[str]) -> list[str]:
    """Return Snakemake's arguments with the folder and the file of the project, if there is one.

    Raises
    ------
    UserError
        When there is none and the arguments name no other settings, or a file of settings cannot be read.
    """
    if _ASKING & set(arguments):
        return list(arguments)
    known = _known(arguments)
    if missing := [name for name in known.get("configfile", []) if not Path(name).exists()]:
        absent = " ".join(f"{name} does not exist." for name in missing)
        raise UserError(f"{absent} Every word after --configfile is a file: put targets first.")
    try:
        place = find_place(known.get("configfile", []), known.get("config", []), known.get("directory", ""))
    except NoProject:
        snakefile = known.get("snakefile", working_folder(arguments) / "Snakefile")
        if Path(snakefile).exists() and Path(snakefile).resolve() != SNAKEFILE:  # a workflow of the user's
            return list(arguments)
        raise
    place.config().raise_faults()
    if not place.is_project:
        return list(arguments)
    if place.folder != Path.cwd():
        info(f"genreflow: working in {place.folder}.")
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="*")
    parser.add_argument("--directory", "-d")
    _, others = parser.parse_known_args(list(arguments))
    return ["--configfile", *map(str, place.configfiles), "--directory", str(place.folder), *others]


def entries_of(arguments: Sequence[str]) -> list[str]:
    """Return the entries of `--config` in Snakemake's arguments."""
    return list(_known(arguments).get("config", []))


def _spelt(known: Mapping[str, str | list[str]]) -> list[str]:
    spelt: list[str] = []
    for name, value in known.items():
        spelt += [f"--{name.replace('_', '-')}", *([value] if isinstance(value, str) else value)]
    return spelt


def _known(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of Snakemake that apply to any target."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for names in (("--cores", "-c"), ("--jobs", "-j"), ("--profile",), ("--workflow-profile",), ("--executor", "-e")):
        parser.add_argument(*names, nargs="?")
    for names in (("--directory", "-d"), ("--snakefile", "-s"), ("--conda-prefix",)):
        parser.add_argument(*names, nargs="?")
    for names in (("--configfile", "--configfiles"), ("--config", "-C"), ("--resources", "--res")):
        parser.add_argument(*names, nargs="*")
    parser.add_argument("--software-deployment-method", "--sdm", nargs="*")
    known, _ = parser.parse_known_args(list(arguments))
    return {name: value for name, value in vars(known).items() if value is not None}


def working_folder(arguments: Sequence[str]) -> Path:
    """Return the folder that Snakemake works in with these arguments."""
    return Path(_known(arguments).get("directory", "")).resolve()


def _hold(folder: Path) -> None:
    """Lock the folder for the lifetime of this process."""
    path = folder / ".snakemake" / "genreflow.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = json.loads(os.read(descriptor, 4096) or b"{}")
        raise BusyError(
            f"a run works in {folder}: process {owner.get('pid', '?')} on {owner.get('host', '?')} "
            f"since {clock(owner.get('since', 0))}. Wait for it, or stop it first."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(
        descriptor, json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}).encode(), 0
    )
    os.set_inheritable(descriptor, True)


def _snakemakes(folder: Path) -> Iterator[psutil.Process]:
    """Yield the live Snakemake processes that work in `folder`, except this one."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process, words in _processes_in(folder):
        if process.pid not in own and _is_snakemake(words):
            yield process


def _is_snakemake(words: Sequence[str]) -> bool:
    return any(Path(word).name == "snakemake" or word == SNAKEMAKE[-1] for word in words[:3])


def _stop_unlocking(folder: Path) -> None:
    """Stop a Snakemake that only unlocks, left by a run that died while taking over; a live one holds the folder."""
    stop([process for process, words in _processes_in(folder) if _is_snakemake(words) and "--unlock" in words])


def _stop_orphans(folder: Path) -> None:
    """Stop jobs that outlived their snakemake, so that no product is written twice."""
    stop([process for process, _ in _processes_in(folder) if is_job(process)])


def _sweep(results: Path) -> None:
    """Remove temporary files of interrupted writes; nobody writes now but jobs elsewhere that no run waits for."""
    for path in list(files_below(results)):
        if (path.name.startswith(".") and path.suffix == TEMPORARY_SUFFIX) or path.name.startswith(MAPPED):
            path.unlink(missing_ok=True)
    history.sweep(results)


def _processes_in(folder: Path) -> Iterator[tuple[psutil.Process, list[str]]]:
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if words and Path(process.cwd()) == folder.resolve():
                yield process, words
        except (psutil.Error, OSError):
            continue


def clock(seconds: float) -> str:
    """Return a time of day with its date."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
