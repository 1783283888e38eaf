"""On a terminal, Ctrl-C, SIGTERM and its end stop a run within ten seconds, and two lines say how to go on."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.end_to_end

RUN = "results/tiny/runs/psytrance_cnn/pool=max/fold-1"
FRONTS = [("genreflow", "run"), ("snakemake",)]
KEPT = "Stopped. Finished products are kept, and trainings resume from their last checkpoints."
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def lasting(built, tmp_path):
    """A project in which a training lasts."""
    project = built.copy(tmp_path / "project")
    project.edit("tiny.yaml", "epochs: 1", "epochs: 100000")
    return project


class Terminal:
    """A terminal of 80 columns in which a command runs."""

    def __init__(self, project, *words: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\x00\x50\x00\x00\x00\x00\x00")
        beside = Path(sys.executable).with_name(words[0])
        variables = {name: value for name, value in os.environ.items() if name != "CI"}
        variables |= {"PYTHONPATH": str(project.home), "OMP_NUM_THREADS": "1", "TERM": "xterm"}
        self.process = subprocess.Popen(
            [str(beside), *words[1:], "--snakefile", str(project.home / "Snakefile"), "--configfile", "my.yaml"],
            cwd=project.work, env=variables, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: (fcntl.ioctl(0, termios.TIOCSCTTY, 0), signal.signal(signal.SIGINT, signal.SIG_DFL)),
        )  # fmt: skip
        os.close(slave)
        self.printed = ""

    def read(self, seconds: float) -> None:
        """Read what is printed for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                with suppress(OSError):  # nobody writes any more
                    self.printed += os.read(self.master, 65536).decode(errors="replace")
                    continue
                return

    def wait_for(self, path: Path) -> None:
        """Read until a file is there."""
        deadline = time.monotonic() + 300
        while not path.exists():
            assert self.process.poll() is None and time.monotonic() < deadline, self.printed
            self.read(0.1)

    @property
    def lines(self) -> list[str]:
        """The printed lines without control sequences."""
        return [line.rstrip() for line in _CONTROL.sub("", self.printed).replace("\r", "").splitlines() if line.strip()]


# Of both fronts and all ends, the two that users meet most; the others are proofs that take minutes.
USUAL = {("closed", FRONTS[0]), ("Ctrl-C", FRONTS[1])}
ENDS = [
    pytest.param(how, front, id=f"{how}-{' '.join(front)}", marks=[] if (how, front) in USUAL else pytest.mark.slow)
    for how in ("Ctrl-C", "SIGTERM", "SIGHUP", "closed")
    for front in FRONTS
]


@pytest.mark.parametrize(("how", "front"), ENDS)
def test_a_stopped_run_says_what_is_safe_and_which_command_goes_on(lasting, front, how):
    terminal = Terminal(lasting, *front, f"{RUN}/run.json", "--cores", "1")
    checkpoint = lasting.work / RUN / ".checkpoint"
    try:
        terminal.wait_for(checkpoint)
        family = psutil.Process(terminal.process.pid).children(recursive=True)
        began = time.monotonic()
        if how == "Ctrl-C":
            os.write(terminal.master, b"\x03")
        elif how == "closed":
            os.close(terminal.master)
        else:
            os.kill(terminal.process.pid, getattr(signal, how))
        while terminal.process.poll() is None and time.monotonic() < began + 60:
            time.sleep(0.1) if how == "closed" else terminal.read(0.1)
        took = time.monotonic() - began
        if how != "closed":
            terminal.read(1.0)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(terminal.process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=1)
    assert alive == []
    assert checkpoint.exists()
    assert took < 10
    if how == "closed":
        return
    for word in ("Traceback", "RuleException", "WorkflowError", "CalledProcessError"):
        assert word not in terminal.printed
    assert terminal.lines[-2] == KEPT
    assert terminal.lines[-1].startswith(f"Next: {' '.join(front)} {RUN}/run.json --cores 1")


@pytest.mark.parametrize(("front", "expected"), [(FRONTS[0], 4), (FRONTS[1], 1)], ids=["genreflow", "snakemake"])
def test_a_run_that_fails_ends_with_the_log_the_reason_and_the_remedy(built, tmp_path, front, expected):
    project = built.copy(tmp_path / "project")
    for number in range(3):
        (project.work / f"music/low/{number}.wav").write_bytes(bytes([number]) * 3000)
    code, printed = project.run("--cores", "2", front=front)
    assert code == expected, printed
    for word in ("Traceback", "RuleException", "WorkflowError", "CalledProcessError", "Select jobs"):
        assert word not in printed
    *_, ending = printed.partition("1 job failed:\n")
    assert ending.startswith("  logs/tiny/assign_folds/standard.log\n    Too many tracks were quarantined;")
    assert ending.splitlines()[-1].startswith("Too many tracks were refused, so nothing was trained")
