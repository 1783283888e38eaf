"""`genreflow run`: snakemake, after taking over from a run that died.

Snakemake leaves its lock behind when it is killed, and its jobs run on as orphans. Whether a run is alive is
decided here by two signs: a file lock that the system releases with the process that holds it, and the list of
processes, in which a plain `snakemake` shows as well.
"""

import argparse
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from genreflow.errors import UserError
from genreflow.repair import give_back_times, missing_stages, sweep
from genreflow.store.atomic import MAPPED, TEMPORARY_SUFFIX

SNAKEFILE = Path(__file__).parents[2] / "Snakefile"
_PATIENCE_S = 5


class BusyError(UserError):
    """Another run works in the same folder."""

    exit_code = 3


def run(arguments: Sequence[str]) -> int:
    """Become `snakemake` with these arguments, once no other run holds the folder.

    Raises
    ------
    BusyError
        When a live run works there; it says which process, where and since when.
    """
    folder, command = _claimed(arguments)
    if not _is_dry(arguments):
        _mend(folder, command)
    sys.stdout.flush()
    os.execv(command[0], command)


def repair(arguments: Sequence[str]) -> int:
    """Make the products again that were put aside in the folder of these arguments; return snakemake's exit code."""
    return _mend(*_claimed(arguments))


def _claimed(arguments: Sequence[str]) -> tuple[Path, list[str]]:
    """Return the folder, now held by this process, and the whole command."""
    folder = working_folder(arguments)
    command = [_snakemake(), *arguments]
    if not _names_snakefile(arguments) and not (folder / "Snakefile").exists():
        command += ["--snakefile", str(SNAKEFILE)]
    _hold(folder)
    for process in _snakemakes(folder):
        raise BusyError(
            f"snakemake (process {process.pid}) works in {folder} since {_clock(process.create_time())}. "
            "Wait for it, or stop it first."
        )
    if any((folder / ".snakemake" / "locks").glob("*")):
        _stop_orphans(folder)
        _sweep(folder / "results")
        print("genreflow: the last run here died; taking over from it.", file=sys.stderr)
        subprocess.run([*command, "--unlock"], check=False, capture_output=True)
    return folder, command


def _mend(folder: Path, command: Sequence[str]) -> int:
    """Make what was put aside again by itself, so that nothing that was made from it before has to be."""
    code = 0
    for missing in missing_stages(folder / "results"):
        print(f"genreflow: making again what was damaged: {len(missing)} of {_products(missing)}.", file=sys.stderr)
        targets = [str(product.relative_to(folder)) for product in missing]
        made = subprocess.run([command[0], *targets, *_without_targets(command[1:])], check=False)
        give_back_times(missing)
        code = code or made.returncode
    sweep(folder / "results")
    return code


def _products(missing: Sequence[Path]) -> str:
    return ", ".join(sorted({product.parent.name for product in missing}))


def _without_targets(arguments: Sequence[str]) -> list[str]:
    """Return those of snakemake's arguments that say where it works, with which settings and on what."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for names in (("--cores", "-c"), ("--jobs", "-j"), ("--profile",), ("--workflow-profile",), ("--executor", "-e")):
        parser.add_argument(*names)
    for names in (("--directory", "-d"), ("--snakefile", "-s"), ("--conda-prefix",)):
        parser.add_argument(*names)
    for names in (("--configfile", "--configfiles"), ("--config", "-C"), ("--resources", "--res")):
        parser.add_argument(*names, nargs="+")
    parser.add_argument("--software-deployment-method", "--sdm", nargs="+")
    known, _ = parser.parse_known_args(list(arguments))
    kept: list[str] = []
    for name, value in vars(known).items():
        if value is not None:
            kept += [f"--{name.replace('_', '-')}", *([value] if isinstance(value, str) else value)]
    return kept


def _is_dry(arguments: Sequence[str]) -> bool:
    return any(argument in ("-n", "--dry-run", "--dryrun", "--unlock", "--help", "-h") for argument in arguments)


def working_folder(arguments: Sequence[str]) -> Path:
    """Return the folder that snakemake would work in with these arguments."""
    for option, value in zip(arguments, [*arguments[1:], ""], strict=True):
        if option in ("--directory", "-d"):
            return Path(value).resolve()
        if option.startswith("--directory="):
            return Path(option.split("=", 1)[1]).resolve()
    return Path.cwd()


def _names_snakefile(arguments: Sequence[str]) -> bool:
    return any(argument in ("-s", "--snakefile") or argument.startswith("--snakefile=") for argument in arguments)


def _snakemake() -> str:
    beside = Path(sys.executable).with_name("snakemake")
    found = str(beside) if beside.exists() else shutil.which("snakemake")
    if found is None:
        raise UserError("snakemake is not installed beside genreflow. `make install` installs both.")
    return found


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
        if process.pid not in mine and any(Path(word).name == "snakemake" for word in words[:3]):
            yield process


def _stop_orphans(folder: Path) -> None:
    """Stop jobs that outlived their snakemake, so that no product is written twice."""
    orphans = [
        process for process, words in _processes_in(folder) if any("/.snakemake/scripts/" in word for word in words)
    ]
    for process in orphans:
        process.terminate()
    _, alive = psutil.wait_procs(orphans, timeout=_PATIENCE_S)
    for process in alive:
        process.kill()


def _sweep(results: Path) -> None:
    """Remove what interrupted writes have left; no one is writing now."""
    for pattern in (f".*{TEMPORARY_SUFFIX}", f"{MAPPED}*"):
        for path in results.rglob(pattern):
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
