"""`genreflow run`: snakemake, after taking over from a run that died, and with exit codes that say what happened.

Snakemake leaves its lock behind when it is killed, and its jobs run on as orphans. Whether a run is alive is
decided here by two signs: a file lock that the system releases with the process that holds it, and the list of
processes, in which a plain `snakemake` shows as well.
"""

import argparse
import fcntl
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from genreflow.cli import snakemake_call
from genreflow.cli.clock_skew import bring_to_present
from genreflow.cli.console import info, print_result
from genreflow.config.layers import load_config
from genreflow.errors import Exit, UserError, machine_message
from genreflow.plan.staleness import REBUILD_STALE
from genreflow.project import layout
from genreflow.repair import missing_stages, put_back, restore_mtimes, sweep
from genreflow.shutdown import is_job, signals_passed_on, stop
from genreflow.store import costs
from genreflow.store.atomic import MAPPED, TEMPORARY_SUFFIX
from genreflow.store.walk import check_folder, files_below
from genreflow.store.writable import temporary_folder

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"
SNAKEMAKE = (sys.executable, "-m", "snakemake")
# The exit code of a run in which jobs failed: the first of these that any job ended with.
_BY_URGENCY = (Exit.MACHINE, Exit.BUG, Exit.QUARANTINE, Exit.INPUT)
# Snakemake reports its own failures as text alone, in .snakemake/log.
_KILLED = re.compile(r"died with <Signals\.SIGKILL")
_ERROR = re.compile(r"\[Errno (\d+)\]")
_NOTICED = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}


class BusyError(UserError):
    """Another run works in the same folder."""

    exit_code = Exit.BUSY


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes: whatever snakemake does."""
    parser.description = "All arguments are snakemake's; `snakemake --help` lists them."


def run(options: argparse.Namespace) -> int:
    """Run `snakemake` in this process, once no other run holds the folder; return what became of it.

    Raises
    ------
    BusyError
        When a live run works there; it says which process, where and since when.
    """
    arguments = _with_snakefile(options.rest)
    try:
        parser, asked = snakemake_call.parsed(arguments)
    except SystemExit as end:
        return _code(end)
    folder = Path(asked.directory or "").resolve()
    executes_jobs = snakemake_call.executes_jobs(asked)
    began = time.time()
    os.environ[REBUILD_STALE] = "1"
    with signals_passed_on() as signals:
        try:
            _, command = claimed(arguments, folder, takes_over=executes_jobs)
            if executes_jobs:
                _mend(folder, command)
            code = snakemake_call.call(parser, asked)
        except SystemExit as end:
            code = _code(end)
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
    return _ended(code, signals, folder, began)


def repair(arguments: Sequence[str]) -> int:
    """Make the products again that were put aside in the folder of these arguments; return what became of it."""
    began = time.time()
    os.environ[REBUILD_STALE] = "1"
    with signals_passed_on() as signals:
        folder, command = claimed(arguments)
        code = _mend(folder, command)
        put_back(folder / "results")
    return _ended(code, signals, folder, began)


def claimed(arguments: Sequence[str], folder: Path | None = None, *, takes_over: bool = True) -> tuple[Path, list[str]]:
    """Return the folder that snakemake will work in, now held by this process, and snakemake's whole command.

    The folder is that of the arguments, if not given. What a run that died there has left is stopped and unlocked, if
    this run `takes_over`.

    Raises
    ------
    BusyError
        When a live run works there; it says which process, where and since when.
    OSError
        When nothing can be written there, or no temporary file anywhere.
    """
    folder = working_folder(arguments) if folder is None else folder
    _check_configfiles(arguments)
    temporary_folder()
    if importlib.util.find_spec("snakemake") is None:
        raise UserError("snakemake is not installed beside genreflow. `make install` installs both.")
    for name in ("results", ".snakemake", "logs"):
        check_folder(folder / name)
    command = [*SNAKEMAKE, *_with_snakefile(arguments)]
    _hold(folder)
    if takes_over:
        _stop_unlocking(folder)
    for process in _snakemakes(folder):
        raise BusyError(
            f"snakemake (process {process.pid}) works in {folder} since {_clock(process.create_time())}. "
            "Wait for it, or stop it first."
        )
    if takes_over and any((folder / ".snakemake" / "locks").glob("*")):
        _stop_orphans(folder)
        info("genreflow: the last run here died; taking over from it.")
        subprocess.run([*command, "--unlock"], check=False, capture_output=True)
    return folder, command


def _with_snakefile(arguments: Sequence[str]) -> list[str]:
    """Return snakemake's arguments with the Snakefile of this project, where they and their folder have none."""
    known = _known(arguments)
    has_own = "snakefile" in known or (working_folder(arguments) / "Snakefile").exists()
    return [*arguments, *([] if has_own else ["--snakefile", str(SNAKEFILE)])]


def exit_code_of_jobs(logs: Path, since: float) -> Exit | None:
    """Return the exit code for the jobs that failed since a moment (Unix time); None if no job left one.

    A job that was killed leaves none: it counts as stopped by the machine.
    """
    codes = {costs.last_exit_code(log) for log in _recent_logs(logs, since)}
    codes = {Exit.MACHINE if code is None else code for code in codes}
    return next((code for code in _BY_URGENCY if code in codes), None)


def _recent_logs(folder: Path, since: float) -> list[Path]:
    return sorted(log for log in files_below(folder) if log.suffix == ".log" and log.stat().st_mtime >= since)


def _code(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _ended(code: int, signals: Sequence[int], folder: Path, began: float) -> int:
    """Return the exit code of a run that snakemake ended with `code`, and tell what may be done where it failed."""
    if code == 0:
        return Exit.OK
    if stops := [number for number in signals if number in _NOTICED]:
        print_result("Stopped; what is finished stays.", following="the same command again, which goes on from there")
        return _NOTICED[stops[0]]
    logs = folder / layout.LOGS
    reason = Exit.MACHINE if code == Exit.MACHINE else exit_code_of_jobs(logs, began)
    own_logs = _recent_logs(folder / ".snakemake/log", began)
    own = "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in own_logs)
    if reason is None and any(machine_message(OSError(int(number), "")) for number in _ERROR.findall(own)):
        reason = Exit.MACHINE
    killed = [log for log in _recent_logs(logs, began) if costs.last_exit_code(log) is None]
    # A job that is killed as it ends has recorded that it was done.
    if killed or _KILLED.search(own):
        where = ", ".join(str(log.relative_to(folder)) for log in killed)
        info(f"A job was killed, as the system does when memory runs out{where and f' ({where})'}.")
        reason = reason or Exit.MACHINE
    match reason:
        case Exit.QUARANTINE:
            print_result(
                "Too many tracks were refused, so nothing was trained: results/quarantine.csv names each, and why.",
                following="mend or remove these files, or raise the limit in your settings, as in"
                " `limits: {max_quarantine: 0.2}` for 20%",
            )
        case Exit.MACHINE:
            done = "Stopped by the disk, memory or permissions, as said above; what is finished stays."
            print_result(done, following="genreflow doctor, then the same command again")
        case Exit.BUG:
            print_result(
                "A job failed; what is finished stays. The logs named above have the whole story: please report it."
            )
        case Exit.INPUT:
            print_result("A job could not go on; what it says is above. What is finished stays.")
    return Exit.INPUT if reason is None else reason


def command_of(arguments: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Return snakemake's command for another folder, with whole paths, without targets; and the files of settings."""
    known = _known(arguments)
    configfiles = [Path(name).resolve() for name in known.pop("configfile", [])]
    known.pop("directory", None)
    snakefile = Path(known.pop("snakefile", SNAKEFILE)).resolve()
    command = [*SNAKEMAKE, "--snakefile", str(snakefile), *_spelt(known)]
    return [*command, "--configfile", *map(str, configfiles)] if configfiles else command, configfiles


def _mend(folder: Path, command: Sequence[str]) -> int:
    """Make what was put aside again by itself, so that nothing that was made from it before has to be."""
    _sweep(folder / "results")
    if future := bring_to_present(folder / "results"):
        info(
            f"genreflow: {future:,} products had times in the future, as after a clock that jumped; now they have not."
        )
    code = 0
    for missing in missing_stages(folder / "results"):
        info(f"genreflow: making again what was damaged: {len(missing)} of {_products(missing)}.")
        targets = [str(product.relative_to(folder)) for product in missing]
        made = subprocess.run([*SNAKEMAKE, *targets, *_without_targets(command[len(SNAKEMAKE) :])], check=False)
        restore_mtimes(missing)
        code = code or made.returncode
    sweep(folder / "results")
    return code


def _products(missing: Sequence[Path]) -> str:
    return ", ".join(sorted({product.parent.name for product in missing}))


def _check_configfiles(arguments: Sequence[str]) -> None:
    """Refuse settings that are not there or no YAML; of which snakemake would tell in a traceback."""
    files = [Path(name) for name in _known(arguments).get("configfile", [])]
    for missing in (file for file in files if not file.exists()):
        raise UserError(
            f"{missing} does not exist. All that follows --configfile is taken for files: a target goes first."
        )
    load_config(SNAKEFILE.parent, files, entries_of(arguments)).raise_faults()


def entries_of(arguments: Sequence[str]) -> list[str]:
    """Return what snakemake's arguments give with `--config`."""
    return list(_known(arguments).get("config", []))


def _without_targets(arguments: Sequence[str]) -> list[str]:
    """Return those of snakemake's arguments that say where it works, with which settings and on what."""
    return _spelt(_known(arguments))


def _spelt(known: Mapping[str, str | list[str]]) -> list[str]:
    spelt: list[str] = []
    for name, value in known.items():
        spelt += [f"--{name.replace('_', '-')}", *([value] if isinstance(value, str) else value)]
    return spelt


def _known(arguments: Sequence[str]) -> dict[str, str | list[str]]:
    """Return the arguments of snakemake that hold for whatever it makes."""
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
    """Return the folder that snakemake would work in with these arguments."""
    return Path(_known(arguments).get("directory", "")).resolve()


def _hold(folder: Path) -> None:
    """Take the folder's lock for as long as this process, and the snakemake it becomes, lives."""
    path = folder / ".snakemake" / "genreflow.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = json.loads(os.read(descriptor, 4096) or b"{}")
        raise BusyError(
            f"a run works in {folder}: process {owner.get('pid', '?')} on {owner.get('host', '?')} "
            f"since {_clock(owner.get('since', 0))}. Wait for it, or stop it first."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(
        descriptor, json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}).encode(), 0
    )
    os.set_inheritable(descriptor, True)


def _snakemakes(folder: Path) -> Iterator[psutil.Process]:
    """Yield the live snakemake processes that work in `folder`, this one apart."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process, words in _processes_in(folder):
        if process.pid not in mine and _is_snakemake(words):
            yield process


def _is_snakemake(words: Sequence[str]) -> bool:
    return any(Path(word).name == "snakemake" for word in words[:3])


def _stop_unlocking(folder: Path) -> None:
    """Stop a snakemake that only unlocks, left by a run that died as it took over; a live one would hold the folder."""
    stop([process for process, words in _processes_in(folder) if _is_snakemake(words) and "--unlock" in words])


def _stop_orphans(folder: Path) -> None:
    """Stop jobs that outlived their snakemake, so that no product is written twice."""
    stop([process for process, _ in _processes_in(folder) if is_job(process)])


def _sweep(results: Path) -> None:
    """Remove what interrupted writes have left. No one is writing now, but for jobs elsewhere that no run waits for."""
    for path in list(files_below(results)):
        if (path.name.startswith(".") and path.suffix == TEMPORARY_SUFFIX) or path.name.startswith(MAPPED):
            path.unlink(missing_ok=True)


def _processes_in(folder: Path) -> Iterator[tuple[psutil.Process, list[str]]]:
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if words and Path(process.cwd()) == folder.resolve():
                yield process, words
        except (psutil.Error, OSError):
            continue


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
