"""A Slurm of two nodes on this machine: real daemons, real scheduling, pretend cores and GPUs."""

import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PACKAGES = ["slurm-wlm", "munge"]
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel"]
# Jobs lose the variables that would tell them of another place, so commands inside them look here.
SYSTEM = Path("/etc/slurm")
GPUS = 4
NODES = {"cpu01": "", "gpu01": f"Gres=gpu:h100:{GPUS}"}
PREFIX = "genreflow-slurm-"
NODE_TIMEOUT_S = 10  # after which a silent node counts as lost

_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_NULL_DEVICE = os.makedev(1, 3)

CONFIGURATION = """\
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[slurmctld]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool.%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout={timeout}
KillWait=5
MinJobAge=7200
SchedulerParameters=sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=64000 {gres}\n"
PARTITIONS = """\
PartitionName=cpu Nodes=cpu01 Default=YES MaxTime=1-00:00:00
PartitionName=gpu Nodes=gpu01 MaxTime=1-00:00:00
"""


class CannotRunError(Exception):
    """This machine is none on which the cluster can be started; says why."""


@dataclass(frozen=True)
class SlurmJob:
    """What Slurm says of a job, finished or not."""

    number: int
    rule: str
    wildcards: str
    state: str
    partition: str
    node: str
    cpus: int
    memory_mb: int
    minutes: int
    gpus: int
    runs: int


@contextmanager
def installed() -> Iterator[None]:
    """Have Slurm on this machine; in the end, the packages that were not there before are gone.

    Slurm without a cluster is in the way: its commands, which Snakemake's plugin asks whenever it is loaded, look for
    one for ten seconds.
    """
    if os.geteuid() != 0:
        raise CannotRunError("it takes root")
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    before = _packages() if missing else set()
    try:
        if missing:
            _install(missing)
        yield
    finally:
        if missing and (added := _packages() - before):
            _apt("purge", *sorted(added))


def check_machine() -> None:
    """Refuse a machine where the cluster must not be started."""
    configuration = SYSTEM / "slurm.conf"
    if configuration.is_symlink() and configuration.readlink().parent.name.startswith(PREFIX):
        _clear_up(configuration.readlink().parent)
    known = os.environ.get("SLURM_CONF", configuration)
    if Path(known).exists():
        raise CannotRunError(f"this machine has a Slurm already, {known}")


def _clear_up(root: Path) -> None:
    """Remove what a test has left that was killed."""
    try:
        if psutil.pid_exists(int((root / "slurmctld.pid").read_text())):
            raise CannotRunError(f"another such test is running, in {root}")
    except (FileNotFoundError, ValueError):
        pass
    PretendCluster(root)._stop()
    shutil.rmtree(root, ignore_errors=True)


def _install(missing: list[str]) -> None:
    if shutil.which("apt-get") is None:
        raise CannotRunError(f"{', '.join(missing)} are not installed, and there is no apt-get")
    _apt("update")
    _apt("install", "--no-install-recommends", *PACKAGES)


def _apt(command: str, *arguments: str) -> None:
    done = subprocess.run(
        ["apt-get", "-qq", "--yes", command, *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotRunError(f"apt-get {command} failed: {done.stderr.strip()[-300:]}")


def _packages() -> set[str]:
    """Return the names of the installed packages; none where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return set()
    return set(_said("dpkg-query", "--show", "--showformat=${Package}\\n").split())


@dataclass
class PretendCluster:
    """Nodes ``cpu01`` and ``gpu01`` (four GPUs, which are twins of /dev/null), in partitions ``cpu`` and ``gpu``.

    Each node claims 8 cores and 64 GB, whatever the machine has. There is no accounting database.
    """

    root: Path
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def started(cls) -> Iterator["PretendCluster"]:
        """Start a cluster in a temporary folder; whatever happens, nothing of it is left in the end.

        Raises
        ------
        CannotRunError
            When this machine does not let us.
        """
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with installed():
                check_machine()
                cluster = cls(Path(tempfile.mkdtemp(prefix=PREFIX)))
                try:
                    cluster._configure()
                    try:
                        cluster._start()
                    except TimeoutError as error:
                        raise CannotRunError(f"its daemons do not come up here: {error}") from None
                    yield cluster
                finally:
                    cluster._stop()
                    shutil.rmtree(cluster.root, ignore_errors=True)
        finally:
            signal.signal(signal.SIGTERM, before)

    def jobs(self) -> list[SlurmJob]:
        """Return every job there has been, the first first."""
        listing = _said("scontrol", "show", "job", "--all", "--details", "--oneliner")
        return sorted(
            (_job(line) for line in listing.splitlines() if line.startswith("JobId=")), key=lambda j: j.number
        )

    def cancel(self, *numbers: int) -> None:
        """Cancel jobs as a user or an operator would."""
        subprocess.run(["scancel", *map(str, numbers)], check=True)

    def processes(self, job: SlurmJob) -> list[psutil.Process]:
        """Return the processes of a job that runs."""
        pids = [line.split()[0] for line in _said("scontrol", "listpids", str(job.number), job.node).splitlines()[1:]]
        return [psutil.Process(int(pid)) for pid in pids if psutil.pid_exists(int(pid))]

    def lose(self, node: str) -> None:
        """Let a node lose its power: its daemon and all that runs on it are gone at once."""
        self.daemons.pop(node).kill()
        for process in self._working_in(self.root / node):
            _kill(process)

    def bring_back(self, node: str) -> None:
        """Start a lost node again."""
        self.daemons[node] = self._daemon("slurmd", "-D", "-N", node, "-f", self.root / "slurm.conf", log=node)

    def wait(self, until: Callable[[], object], seconds: float, what: str) -> None:
        """Wait until something holds; TimeoutError if it does not in time."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not within {seconds:g} s\n{self.last_words()}")
            time.sleep(0.2)

    def last_words(self) -> str:
        """Return the ends of the daemons' logs, for whoever has to find out why something failed."""
        logs = sorted((self.root / "log").glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-2000:]}" for log in logs)

    def _configure(self) -> None:
        for name in ("state", "log"):
            (self.root / name).mkdir()
        self.root.chmod(0o755)  # a socket in a closed folder is refused
        key = self.root / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        try:
            for number in range(GPUS):
                os.mknod(self.root / f"gpu{number}", 0o666 | 0o020000, _NULL_DEVICE)
        except PermissionError:
            raise CannotRunError("it takes the right to make device files") from None
        host, ports = socket.gethostname().split(".")[0], _free_ports("slurmctld", *NODES)
        text = CONFIGURATION.format(name=self.root.name, host=host, ports=ports, root=self.root, timeout=NODE_TIMEOUT_S)
        for name, gres in NODES.items():
            text += NODE.format(name=name, host=host, port=ports[name], gres=gres)
        (self.root / "slurm.conf").write_text(text + PARTITIONS)
        (self.root / "gres.conf").write_text(f"NodeName=gpu01 Name=gpu Type=h100 File={self.root}/gpu[0-{GPUS - 1}]\n")
        SYSTEM.mkdir(exist_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            (SYSTEM / name).unlink(missing_ok=True)
            (SYSTEM / name).symlink_to(self.root / name)

    def _start(self) -> None:
        root = self.root
        self.daemons["munged"] = self._daemon(
            "munged", "--foreground", "--force", f"--socket={root}/munge.socket", f"--key-file={root}/munge.key",
            f"--pid-file={root}/munge.pid", f"--log-file={root}/log/munge.log", f"--seed-file={root}/munge.seed",
            log="munged",
        )  # fmt: skip
        self.wait((root / "munge.socket").exists, 20, "munged")
        self.daemons["slurmctld"] = self._daemon("slurmctld", "-D", "-i", "-f", root / "slurm.conf", log="slurmctld")
        for node in NODES:
            self.bring_back(node)
        self.wait(lambda: self.idle_nodes() == set(NODES), 60, "both nodes idle")

    def idle_nodes(self) -> set[str]:
        """Return the nodes that are up and have nothing to do."""
        return set(_said("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N", fails=True).split())

    def _daemon(self, *command: object, log: str) -> subprocess.Popen:
        (self.root / log).mkdir(exist_ok=True)
        with open(self.root / "log" / f"{log}.log", "ab") as file:
            return subprocess.Popen(
                list(map(str, command)),
                cwd=self.root / log,
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip

    def _stop(self) -> None:
        installed = SYSTEM / "slurm.conf"
        if installed.is_symlink() and installed.readlink() == self.root / "slurm.conf":
            if "slurmctld" in self.daemons:
                with suppress(subprocess.TimeoutExpired):
                    subprocess.run(["scancel", "--user=root"], check=False, capture_output=True, timeout=30)
            for name in ("slurm.conf", "gres.conf"):
                (SYSTEM / name).unlink(missing_ok=True)
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        for process in [*self._working_in(self.root), *self._of_jobs()]:
            _kill(process)

    def _working_in(self, folder: Path) -> list[psutil.Process]:
        """Return the keepers of jobs that were started by a daemon in this folder, and all that they keep."""
        keepers = [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"].startswith("slurmstepd") and Path(process.info["cwd"] or "").is_relative_to(folder)
        ]
        return keepers + [process for keeper in keepers for process in keeper.children(recursive=True)]

    def _of_jobs(self) -> Iterator[psutil.Process]:
        """Yield the processes of jobs that have got away from their keepers, as `proctrack/linuxproc` lets them."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SLURM_CLUSTER_NAME") == self.root.name:
                    yield process


def _job(line: str) -> SlurmJob:
    message = dict(word.split("=", 1) for word in line.split() if "=" in word)
    gpus = [part.rpartition("=")[2] for part in message["TRES"].split(",") if part.startswith("gres/gpu=")]
    options = [message.get("TresPerJob", ""), message.get("TresPerNode", "")]
    gpus += [word.rpartition(":")[2] for word in options if "gpu" in word]
    rule, _, wildcards = message.get("Comment", "").removeprefix("rule_").partition("_wildcards_")
    return SlurmJob(
        number=int(message["JobId"]),
        rule=rule,
        wildcards=wildcards,
        state=message["JobState"],
        partition=message["Partition"],
        node=message.get("NodeList", ""),
        cpus=int(message["NumCPUs"]),
        memory_mb=_megabytes(message.get("MinMemoryNode", "0")),
        minutes=_minutes(message["TimeLimit"]),
        gpus=int(gpus[0]) if gpus else 0,
        runs=1 + int(message["Restarts"]),
    )


def _megabytes(text: str) -> int:
    units = {"M": 1, "G": 1024, "T": 1024**2}
    return int(float(text[:-1]) * units[text[-1]]) if text[-1] in units else int(text)


def _minutes(text: str) -> int:
    days, _, clock = text.rpartition("-")
    hours, minutes, _ = map(int, clock.split(":"))
    return (int(days or 0) * 24 + hours) * 60 + minutes


def _said(*command: str, fails: bool = False) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and not fails:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def _die_with_parent() -> None:
    """Let a daemon end with the test, even if that is killed."""
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGTERM)


def _free_ports(*names: str) -> dict[str, int]:
    sockets = [socket.socket() for _ in names]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = {name: each.getsockname()[1] for name, each in zip(names, sockets, strict=True)}
    for each in sockets:
        each.close()
    return ports
