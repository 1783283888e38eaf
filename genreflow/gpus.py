"""GPUs of this machine: jobs that run side by side take one each.

Nothing here loads torch, which reads its environment once.
"""

import fcntl
import os
import platform
import re
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from genreflow.errors import MachineError

VISIBLE = "CUDA_VISIBLE_DEVICES"
_RUNTIME, _SLURM_JOB = "XDG_RUNTIME_DIR", "SLURM_JOB_ID"
_POLL = 0.2  # seconds between two looks for a free GPU
_GPU_LINE = re.compile(r"^GPU (\d+): .*\(UUID: (\S+)\)")
_MIG_LINE = re.compile(r"^\s+MIG .*\(UUID: (\S+)\)")


class Gpu(NamedTuple):
    """A GPU that jobs may use: what names it in `CUDA_VISIBLE_DEVICES`, and what names it on the whole machine."""

    visible: str
    identity: str


def let_mps_fall_back() -> None:
    """Let torch, once it is loaded, compute on the CPU what it cannot compute on an Apple GPU; it prints a warning."""
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")


@contextmanager
def gpu_slot(number: int, *, poll: float = _POLL) -> Iterator[Gpu | None]:
    """Hold one GPU that no other job of this user holds; make it the only one that this process sees.

    Waits for a free one. The kernel frees the GPU when the process ends, however it ends. Call it before torch looks
    for GPUs.

    Parameters
    ----------
    number
        GPUs that the job requests; with 0, nothing happens.
    poll
        Seconds between two looks for a free GPU.

    Yields
    ------
    The GPU; None if the job requests none or the machine has none.

    Raises
    ------
    MachineError
        When the folder of the locks cannot be used.
    """
    gpus = visible_gpus() if number else []
    if not gpus:
        yield None
        return
    folder = _lock_folder()
    held = _lock_first(folder, gpus)
    if held is None:
        print(f"All {len(gpus)} GPUs are in use; waiting for one.")
    while held is None:
        time.sleep(poll)
        held = _lock_first(folder, gpus)
    gpu, lock = held
    before = os.environ.get(VISIBLE)
    if gpu.visible:
        os.environ[VISIBLE] = gpu.visible
    try:
        print(f"GPU: {gpu.identity}")
        yield gpu
    finally:
        os.close(lock)  # which unlocks it
        if before is None:
            os.environ.pop(VISIBLE, None)
        else:
            os.environ[VISIBLE] = before


def visible_gpus() -> list[Gpu]:
    """Return the GPUs that this process may use: all of the machine, or those in `CUDA_VISIBLE_DEVICES`.

    They may be named there by number, or by the UUID of a GPU or of a part of one (MIG). Batch systems set the
    variable; some number the GPUs of each job from 0, so a number alone does not say which GPU it is.
    """
    installed = _installed()
    given = os.environ.get(VISIBLE)
    if given is None:
        if not installed and sys.platform == "darwin" and platform.machine() == "arm64":
            return [Gpu("", "mps")]
        return [Gpu(uuid, uuid) for _, uuid in installed]
    gpus = []
    for name in filter(None, map(str.strip, given.split(","))):
        if not (name.isdecimal() or name.startswith(("GPU-", "MIG-"))):
            break  # as in CUDA, which ignores an invalid name and those after it
        gpus.append(Gpu(name, _identity(name, installed)))
    return list({gpu.identity: gpu for gpu in gpus}.values())


def _identity(name: str, installed: list[tuple[str, str]]) -> str:
    """Return a name that differs from GPU to GPU, for a name of `CUDA_VISIBLE_DEVICES`."""
    if not name.isdecimal():  # a UUID, perhaps its beginning
        return next((uuid for _, uuid in installed if uuid.startswith(name)), name)
    uuid = next((uuid for number, uuid in installed if number == name), None)
    return uuid or "-".join(filter(None, [os.environ.get(_SLURM_JOB), name]))


def _installed() -> list[tuple[str, str]]:
    """Return the number and UUID of each NVIDIA GPU, or of each part where it is divided; empty if there are none."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    gpus: list[tuple[str, str]] = []
    parts: dict[str, list[str]] = {}
    for line in listed.splitlines():
        if found := _GPU_LINE.match(line):
            gpus.append((found[1], found[2]))
        elif (found := _MIG_LINE.match(line)) and gpus:
            parts.setdefault(gpus[-1][0], []).append(found[1])
    return [(number, part) for number, uuid in gpus for part in parts.get(number, [uuid])]


def _lock_first(folder: Path, gpus: list[Gpu]) -> tuple[Gpu, int] | None:
    """Lock the first free GPU; return it with the descriptor of its lock, or None if all are in use."""
    for gpu in gpus:
        lock = os.open(folder / re.sub(r"[^\w.-]", "_", gpu.identity), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # A lock of the process: a child that outlives it does not keep the GPU.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
        else:
            return gpu, lock
    return None


def _lock_folder() -> Path:
    """Return the folder of the locks, of this user alone, on this machine."""
    runtime = os.environ.get(_RUNTIME, "")
    base = Path(runtime) if runtime and os.access(runtime, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    folder = base / f"genreflow-gpus-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise MachineError(f"{folder} is not a folder of this user. Remove it, or set TMPDIR to another folder.")
    return folder
