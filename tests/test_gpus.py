"""One job a GPU: never two on one, and none is idle while a job waits."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from genreflow.errors import MachineError
from genreflow.gpus import VISIBLE, Gpu, gpu_slot, visible_gpus

PRETENDED = ["GPU-aaaa", "GPU-bbbb", "GPU-cccc", "MIG-dddd"]
JOB = """
import os, sys, time
from genreflow.gpus import gpu_slot
waiting = time.monotonic()
with gpu_slot(1, poll=0.02) as gpu:
    begin = time.monotonic()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu.visible
    open(sys.argv[1], "w").write(f"{gpu.identity} {waiting} {begin}")
    time.sleep(float(sys.argv[2]))
    open(sys.argv[1], "a").write(f" {time.monotonic()}")
"""
MACHINE = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef)
  MIG 3g.20gb     Device  1: (UUID: MIG-cba663e8)
GPU 1: Tesla T4 (UUID: GPU-12345678)
"""


@pytest.fixture(autouse=True)
def own_locks(tmp_path, monkeypatch):
    """Locks of this test alone, on a machine with no other GPUs than it says."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv(VISIBLE, raising=False)


@pytest.fixture
def nvidia_smi(tmp_path):
    """A machine with a GPU in two parts, and a whole one."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nprint({MACHINE!r})\n")
    program.chmod(0o755)


def start(file, seconds):
    return subprocess.Popen([sys.executable, "-c", JOB, str(file), str(seconds)], cwd=Path(__file__).parents[1])


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_eight_jobs_share_four_gpus(tmp_path, monkeypatch):
    monkeypatch.setenv(VISIBLE, ",".join(PRETENDED))
    files = [tmp_path / str(number) for number in range(8)]
    jobs = [start(file, 0.5) for file in files]
    assert [job.wait() for job in jobs] == [0] * 8
    rows = [file.read_text().split() for file in files]
    taken = {gpu: sorted(tuple(map(float, times)) for name, *times in rows if name == gpu) for gpu in PRETENDED}
    assert sum(map(len, taken.values())) == 8
    for uses in taken.values():
        uses.sort(key=lambda use: use[1])
        for (_, _, end), (waiting, begin, _) in pairwise(uses):
            assert begin >= end  # never two on one
            assert begin - max(end, waiting) < 0.4  # nor is it idle while a job waits
    # While jobs waited, all four were in use.
    waited = [begin for _, waiting, begin, _ in rows if float(begin) - float(waiting) > 0.1]
    assert len(waited) >= 4 - 1
    assert all(taken.values())


def test_a_killed_job_frees_its_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv(VISIBLE, PRETENDED[0])
    killed, following = start(tmp_path / "killed", 60), None
    try:
        wait_for((tmp_path / "killed").exists)
        following = start(tmp_path / "following", 0)
        time.sleep(0.3)
        assert not (tmp_path / "following").exists()
        os.kill(killed.pid, signal.SIGKILL)
        assert following.wait(timeout=20) == 0
    finally:
        for job in filter(None, [killed, following]):
            job.kill()
            job.wait()
    assert (tmp_path / "following").read_text().startswith(PRETENDED[0])


def test_a_job_that_needs_no_gpu_takes_none(monkeypatch):
    monkeypatch.setenv(VISIBLE, PRETENDED[0])
    with gpu_slot(0) as gpu:
        assert gpu is None
    monkeypatch.delenv(VISIBLE)
    with gpu_slot(1) as gpu:  # where there is none, either
        assert gpu is None
        assert VISIBLE not in os.environ


def test_the_environment_is_as_before_afterwards(nvidia_smi):
    with gpu_slot(1):
        assert os.environ[VISIBLE] == "MIG-c6d4f1ef"
    assert VISIBLE not in os.environ


def test_the_parts_of_a_divided_gpu_are_devices(nvidia_smi):
    assert [gpu.identity for gpu in visible_gpus()] == ["MIG-c6d4f1ef", "MIG-cba663e8", "GPU-12345678"]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", [Gpu("1", "GPU-12345678")]),
        ("GPU-1234,MIG-cba663e8", [Gpu("GPU-1234", "GPU-12345678"), Gpu("MIG-cba663e8", "MIG-cba663e8")]),
        ("1,-1,0", [Gpu("1", "GPU-12345678")]),  # CUDA ignores what follows an invalid one
        ("NoDevFiles", []),  # Slurm, where a job has none
        ("", []),
    ],
)
def test_gpus_are_named_as_cuda_names_them(nvidia_smi, monkeypatch, visible, expected):
    monkeypatch.setenv(VISIBLE, visible)
    assert visible_gpus() == expected


def test_equal_numbers_in_two_slurm_jobs_are_not_one_gpu(monkeypatch):
    monkeypatch.setenv(VISIBLE, "0")
    identities = set()
    for number in ("17", "18"):
        monkeypatch.setenv("SLURM_JOB_ID", number)
        identities |= {gpu.identity for gpu in visible_gpus()}
    assert len(identities) == 2


def test_a_foreign_folder_of_locks_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv(VISIBLE, "0")
    (tmp_path / "runtime" / f"genreflow-gpus-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(MachineError, match="is not a folder of this user"), gpu_slot(1):
        pass
