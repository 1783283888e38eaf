"""Every fault in every stage: what the run says of it, and whether the same command then ends as if nothing had been.

A cell takes a tiny project that is built up to its stage, runs the stage under the fault, lifts the fault and runs the
same command again. It is green if the first run ends in a plain message, or goes on unharmed, and the second in the
very files of a run that nothing disturbed. When a fault strikes is drawn at random from the moments at which that run
uses its files; `--seed` names the draw.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import soundfile
from built import STAGES, Base, Stage, contents, differences, prepare
from project import RATE, tone

RUN, VERIFY = ("genreflow", "run"), ("genreflow", "verify", "--deep")
SHIM = Path(__file__).with_name("shim.c")
DAY_S = 86_400
PATIENCE_S = 300
EVERY_USE = "orcwsn"
MACHINE, BUSY = 5, 3
COLORS = ("green", "red", "cannot be", "not run")
NOT_RUN = 77
_UNTOLD = re.compile(r"Traceback \(most recent|the traceback is in|please report")


class CannotBe(Exception):
    """There is no such cell: the stage cannot meet the fault; the text says why."""


class NotRun(Exception):
    """The machine does not allow the fault to be made; the text says why."""


class Red(Exception):
    """A promise is broken; the text says which."""


@dataclass
class Cell:
    """A project of its own that is built up to a stage, and the command that makes the stage."""

    base: Base
    folder: Path
    rng: random.Random

    def __post_init__(self) -> None:
        self.project = self.base.project.copy(self.folder / "project")
        self.control = self.folder / "fault"
        self.control.mkdir()

    @property
    def stage(self) -> Stage:
        """The stage."""
        return self.base.stage

    def start(self, **fault: object) -> subprocess.Popen:
        """Start the command, under a fault if one is given."""
        process = self.project.start(*self.base.targets, "--cores", "1", front=RUN, also=self._environment(fault))
        (self.control / "head").write_text(f"{process.pid}\n")
        return process

    def run(self, **fault: object) -> tuple[int, str]:
        """Run the command to its end; return its exit code and what it printed."""
        return ended(self.start(**fault))

    def moment(self, ops: str = EVERY_USE, who: str = "") -> dict[str, object]:
        """Draw one of the moments at which the undisturbed stage uses its files."""
        who = who or self.stage.who
        fit = [moment for moment in self.base.moments if moment.op in ops and moment.who in who]
        check(fit, "the undisturbed stage has no such moment: it was not watched")
        return {"ops": ops, "who": who, "at": self.rng.randint(1, len(fit))}

    def stopped(self) -> tuple[subprocess.Popen, int]:
        """Start the command and wait until it stands still at some moment; return it, and who stands still."""
        process = self.start(act="stop", **self.moment())
        at = self.control / "at"
        deadline = time.monotonic() + PATIENCE_S
        while not (at.exists() and at.read_text().endswith("\n") and stands_still(int(at.read_text()))):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Red(f"it did not come to the moment: {last_line(ended(process)[1])}")
            time.sleep(0.05)
        return process, int(at.read_text())

    def again(self, **fault: object) -> None:
        """See that the same command now ends well, in the products of an undisturbed run and nothing else."""
        code, printed = self.run(**fault)
        check(code == 0, f"the same command ended with {code}: {last_line(printed)}")
        check(not (problem := self.base.problem(self.project)), problem)

    def any_input(self) -> Path:
        """Return one of the files that the stage reads."""
        return self.rng.choice(sorted(self.project.work.glob(self.stage.reads)))

    def _environment(self, fault: Mapping[str, object]) -> dict[str, str]:
        if not fault:
            return {}
        (self.control / "at").unlink(missing_ok=True)
        (self.control / "count").write_bytes(bytes(8))
        (self.control / "moments").write_text("")
        settings = {"folder": self.control, "who": self.stage.who, "paths": self.base.watched, **fault}
        return {
            "LD_PRELOAD": str(self.base.shim),
            **{f"FAULT_{key.upper()}": str(value) for key, value in settings.items()},
        }


def check(is_so: object, otherwise: str) -> None:
    """Raise `Red` if a promise is broken."""
    if not is_so:
        raise Red(otherwise)


def stands_still(pid: int) -> bool:
    """Tell whether a process has been stopped."""
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Wait for a run; return its exit code and what it printed."""
    try:
        printed, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Red(f"it hung for {PATIENCE_S} s") from None
    return process.returncode, printed


def last_line(printed: str) -> str:
    """Return what a run said last."""
    lines = [line for line in printed.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "nothing"


def clear(outcome: tuple[int, str], *codes: int, saying: str = "") -> str:
    """See that a run failed as it should, or went on; return which."""
    code, printed = outcome
    if code == 0:
        return "went on"
    untold = _UNTOLD.search(printed)
    check(not untold, f"it is not told in plain words: {untold and printed[untold.start() :][:200]!r}")
    check(code in codes, f"ended with {code}, not {' or '.join(map(str, codes))}: {last_line(printed)}")
    check(re.search(saying, printed), f"it does not say {saying!r}: {last_line(printed)}")
    return f"ended with {code}"


# The faults.


def killed(act: str) -> Callable[[Cell], str]:
    """A SIGKILL at any moment."""

    def strike(cell: Cell) -> str:
        if act == "job" and cell.stage.who == "head":
            raise CannotBe("no job makes it")
        code, printed = cell.run(act=f"kill-{act}", **cell.moment(who=cell.stage.who.split()[0]))
        check(code != 0, "it was not killed")
        message = clear((code, printed), MACHINE, saying="was killed, as") if act == "job" else f"signal {-code}"
        cell.again()
        return message

    return strike


def worker_killed(cell: Cell) -> str:
    """The kernel kills a worker of a job, as it does when memory runs out."""
    if "worker" not in cell.stage.who:
        raise CannotBe("it has no workers")
    message = clear(cell.run(act="kill-job", **cell.moment(who="worker")), MACHINE)
    cell.again()
    return message


def starved(cell: Cell) -> str:
    """The memory runs out, and the kernel kills who asks for more."""
    with memory_group() as group:
        code, printed = cell.run(act="starve", group=group, **cell.moment())
    message = "signal 9" if code == -signal.SIGKILL else clear((code, printed), MACHINE, saying="memory runs out")
    cell.again()
    return message


def disk_full(cell: Cell) -> str:
    """The results folder is a file system with less room than the stage needs."""
    with mounted(cell) as (results, remount):
        remount(f"size={used_bytes(results) + 4096 * cell.rng.randint(0, cell.base.pages // 2)}")
        message = clear(cell.run(), MACHINE, saying="disk is full")
        check(message != "went on", "it found room")
        remount("size=2g")
        cell.again()
    return message


def read_only(cell: Cell) -> str:
    """The results folder may be read alone."""
    with mounted(cell) as (_, remount):
        remount("ro")
        message = clear(cell.run(), MACHINE, saying="[Rr]ead-only")
        check(message != "went on", "it wrote")
        remount("rw")
        cell.again()
    return message


def error_5(ops: str) -> Callable[[Cell], str]:
    """The disk reports errors from some moment on."""

    def strike(cell: Cell) -> str:
        message = clear(cell.run(act=5, sticks=1, **cell.moment(ops)), MACHINE, saying="[Ii]nput/output error")
        cell.again()
        return message

    return strike


def two_runs(cell: Cell) -> str:
    """A second run while the first is at any moment."""
    process, stopped = cell.stopped()
    try:
        code, printed = cell.run()
        check(code == BUSY, f"the second run ended with {code}: {last_line(printed)}")
        check(f"process {process.pid} " in printed, f"it does not name the process: {last_line(printed)}")
    finally:
        os.kill(stopped, signal.SIGCONT)
    code, printed = ended(process)
    check(code == 0, f"the first run ended with {code}: {last_line(printed)}")
    check(not (problem := cell.base.problem(cell.project)), problem)
    return "second: 3"


def clock_back(cell: Cell) -> str:
    """Killed, and before the next run the clock jumps a day back: all that is there is of tomorrow."""
    check(cell.run(act="kill-both", **cell.moment(who=cell.stage.who.split()[0]))[0] != 0, "it was not killed")
    for path in cell.project.work.rglob("*"):
        if path.is_file() and not path.is_symlink():
            stamp = path.stat()
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + DAY_S * 10**9))
    cell.again()
    return "went on"


def clock_forward(cell: Cell) -> str:
    """Killed, and in the next run the clock goes more than a year fast."""
    check(cell.run(act="kill-both", **cell.moment(who=cell.stage.who.split()[0]))[0] != 0, "it was not killed")
    cell.again(clock=400 * DAY_S)
    cell.again()
    return "went on"


def input_changed(cell: Cell) -> str:
    """While the stage runs, a file that it reads becomes another: a track of the same size, half of a product."""
    path = cell.any_input()
    stamp, content = path.stat(), path.read_bytes()

    def change() -> None:
        if path.suffix == ".wav":
            soundfile.write(path, tone(99), RATE)
        else:
            os.truncate(path, len(content) // 2)

    return _meddled(cell, change, lambda: _put_back(path, content, stamp))


def input_deleted(cell: Cell) -> str:
    """While the stage runs, a file that it reads is deleted. A track comes back; what a rule names does not."""
    path = cell.any_input()
    stamp, content = path.stat(), path.read_bytes()
    is_track = path.suffix in (".wav", ".ogg")
    return _meddled(cell, path.unlink, (lambda: _put_back(path, content, stamp)) if is_track else lambda: None)


def _put_back(path: Path, content: bytes, stamp: os.stat_result) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def _meddled(cell: Cell, meddle: Callable[[], None], mend: Callable[[], None]) -> str:
    process, stopped = cell.stopped()
    try:
        meddle()
    finally:
        os.kill(stopped, signal.SIGCONT)
    message = clear(ended(process), 2, MACHINE)
    mend()
    cell.again()
    return message


def bit_flip(cell: Cell) -> str:
    """One bit of each kind of product of the stage, anywhere in it."""
    kinds = cell.base.kinds
    if cell.stage.name == "catalog":
        raise CannotBe("it is brought up to date by every run")
    check(kinds, "the stage has made nothing")
    cell.project = cell.base.whole.copy(cell.folder / "whole")
    flipped = [cell.project.work / "results" / cell.rng.choice(names) for names in kinds.values()]
    for path in flipped:
        flip(path, cell.rng)
    code, printed = cell.project.run("--cores", "1", front=VERIFY)
    check(code == MACHINE, f"verify ended with {code}: {last_line(printed)}")
    unseen = [path.name for path in flipped if str(path.relative_to(cell.project.work)) not in printed]
    check(not unseen, f"not found: {', '.join(unseen)}")
    code, printed = cell.project.run("--repair", "--cores", "1", front=VERIFY)
    check(code == 0, f"verify --repair ended with {code}: {last_line(printed)}")
    check(not (problem := differences(contents(cell.base.whole), cell.project)), problem)
    return f"found {len(flipped)} of {len(flipped)}"


def flip(path: Path, rng: random.Random) -> None:
    """Change one bit of a file, as a disk would: its size and times stay."""
    stamp, content = path.stat(), bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    _put_back(path, bytes(content), stamp)


@contextmanager
def mounted(cell: Cell) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """Make the results folder a file system of its own; yield it, and what mounts it anew with other options."""
    results, aside = cell.project.work / "results", cell.folder / "aside"
    if os.geteuid() != 0:
        raise NotRun("it takes root to mount")
    results.rename(aside)
    results.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "none", results], capture_output=True).returncode:
        raise NotRun("this machine lets nothing be mounted")
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", results], check=True)
        yield results, lambda options: _run_quietly("mount", "-o", f"remount,{options}", str(results))
    finally:
        _run_quietly("umount", "-l", str(results))


@contextmanager
def memory_group() -> Iterator[Path]:
    """Yield a control group whose processes get no memory."""
    old = Path("/sys/fs/cgroup/memory")
    group = (old if old.is_dir() else old.parent) / f"genreflow-{os.getpid()}-{threading.get_ident()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if old.is_dir() else "memory.max")).write_text(str(1 << 20))
    except OSError:
        raise NotRun("this machine lets no control group be made") from None
    try:
        yield group
    finally:
        while (group / "cgroup.procs").read_text():
            time.sleep(0.05)
        group.rmdir()


def _run_quietly(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def used_bytes(folder: Path) -> int:
    """Return the room that is taken on the file system of a folder."""
    room = os.statvfs(folder)
    return (room.f_blocks - room.f_bfree) * room.f_frsize


FAULTS: dict[str, Callable[[Cell], str]] = {
    "job killed": killed("job"),
    "snakemake killed": killed("head"),
    "both killed": killed("both"),
    "worker killed": worker_killed,
    "memory runs out": starved,
    "disk full": disk_full,
    "read-only": read_only,
    "EIO reading": error_5("or"),
    "EIO writing": error_5("cwsn"),
    "bit flip": bit_flip,
    "two runs": two_runs,
    "clock back": clock_back,
    "clock forward": clock_forward,
    "input changed": input_changed,
    "input deleted": input_deleted,
}


@dataclass(frozen=True)
class Outcome:
    """What became of a cell: green, red, cannot be, or not run; and in a few words."""

    fault: str
    stage: str
    color: str
    message: str
    seconds: float


def outcome(base: Base, fault: str, folder: Path, seed: int) -> Outcome:
    """Run a cell."""
    began = time.monotonic()
    place = folder / f"{fault}-{base.stage.name}".replace(" ", "-")
    place.mkdir()
    try:
        message, color = FAULTS[fault](Cell(base, place, random.Random(f"{seed} {fault} {base.stage.name}"))), "green"
    except Red as error:
        message, color = str(error), "red"
    except CannotBe as error:
        message, color = str(error), "cannot be"
    except NotRun as error:
        message, color = str(error), "not run"
    except Exception as error:  # of the harness itself; the other cells go on
        message, color = f"{type(error).__name__}: {error}", "red"
    if color != "red":
        shutil.rmtree(place)
    return Outcome(fault, base.stage.name, color, message, time.monotonic() - began)


def as_markdown(outcomes: list[Outcome], stages: list[str]) -> str:
    """Return a row a fault and a column a stage."""
    actual = {(each.fault, each.stage): each for each in outcomes}
    faults = [fault for fault in FAULTS if any(each.fault == fault for each in outcomes)]
    rows = [["fault", *stages], ["---"] * (len(stages) + 1)]
    rows += [[fault, *(_shown(actual.get((fault, stage))) for stage in stages)] for fault in faults]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _shown(cell: Outcome | None) -> str:
    if cell is None or cell.color == "cannot be":
        return "–"
    return {"green": cell.message, "not run": "not run"}.get(cell.color, "**RED**")


def main() -> int:
    """Run the matrix; return 1 if any cell is red, or else 77 if the machine did not allow all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="names the moments at which faults strike")
    parser.add_argument("--stage", action="append", choices=[stage.name for stage in STAGES], help="this one only")
    parser.add_argument("--fault", action="append", choices=list(FAULTS), help="this one only")
    parser.add_argument("--beside", type=int, default=os.cpu_count(), help="cells that run side by side")
    parser.add_argument("--built", type=Path, help="a tiny project that has been built, to start from")
    parser.add_argument("--keep", action="store_true", help="keep the folders of red cells")
    arguments = parser.parse_args()
    stages = [stage for stage in STAGES if stage.name in (arguments.stage or [each.name for each in STAGES])]
    folder = Path(tempfile.mkdtemp(prefix="genreflow-faults-"))
    began = time.monotonic()
    outcomes = []
    with ThreadPoolExecutor(arguments.beside) as pool:
        bases = dict(zip(stages, prepare(folder, stages, SHIM, Cell, built=arguments.built, map=pool.map), strict=True))
        cells = [(bases[stage], fault) for fault in arguments.fault or FAULTS for stage in stages]
        for done in as_completed([pool.submit(outcome, *cell, folder, arguments.seed) for cell in cells]):
            cell = done.result()
            print(f"{cell.color:9} {cell.fault:17} {cell.stage:11} {cell.seconds:4.0f} s  {cell.message}", flush=True)
            outcomes.append(cell)
    counts = {color: sum(each.color == color for each in outcomes) for color in COLORS}
    print("", as_markdown(outcomes, [stage.name for stage in stages]), sep="\n")
    totals = ", ".join(f"{count} {color}" for color, count in counts.items())
    print(f"\n{totals}; seed {arguments.seed}; {(time.monotonic() - began) / 60:.0f} minutes")
    if arguments.keep:
        print(f"The folders of red cells are in {folder}.")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if counts["red"] else NOT_RUN if counts["not run"] else 0


if __name__ == "__main__":
    sys.exit(main())
