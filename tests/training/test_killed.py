"""A training that is killed for good, again and again, and one that finds the disk full: nothing of it shows."""

import errno
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_study import TRAINING, Tiny
from torch import nn

from genreflow.errors import UserError
from genreflow.store.atomic import TEMPORARY_SUFFIX
from genreflow.store.digest import file_sha256
from genreflow.training import checkpoint, run
from genreflow.training.run import run_fold

pytestmark = pytest.mark.end_to_end

KILLS = 5
FILES = ["history.parquet", "model.safetensors", "predictions.parquet", "run.json"]
# A step takes some milliseconds more, so that there is time to be killed in.
PROGRAM = """
import sys
import time
from pathlib import Path
sys.path.insert(0, {tests!r})
from small_study import ENTRY, TRAINING, Study
from genreflow.models.registry import MODELS
from genreflow.training import checkpoint, loop, run
checkpoint._SHARE = 0.5
step = loop._Trainer._step
def slow(*arguments):
    time.sleep(0.02)
    return step(*arguments)
loop._Trainer._step = slow
study = Study(Path({folder!r}))
MODELS["tiny"] = ENTRY
training = TRAINING.model_copy(update={{"epochs": 12, "schedule": "cosine"}})
run.run_fold(**study.arguments("tiny", {place!r}, training=training))
"""


def program(folder: Path, place: str) -> str:
    return PROGRAM.format(tests=str(Path(__file__).parent), folder=str(folder), place=place)


def start(folder: Path, place: str) -> subprocess.Popen:
    (folder / place).mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, "-c", program(folder, place)])


def test_a_training_killed_at_random_ends_in_the_weights_of_one_left_alone(tmp_path):
    alone = start(tmp_path, "alone")
    assert alone.wait(120) == 0
    moments = random.Random(0)
    killed = 0
    while killed < KILLS:
        process = start(tmp_path, "killed")
        checkpoint = tmp_path / "killed" / ".checkpoint"
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before):
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        killed += 1
    assert killed == KILLS, "it was done before it could be killed: make it longer"
    assert start(tmp_path, "killed").wait(120) == 0
    for name in ("model.safetensors", "predictions.parquet"):
        assert file_sha256(tmp_path / "killed" / name) == file_sha256(tmp_path / "alone" / name)
    # Killed in the midst of a write, a run leaves a temporary file, which `genreflow run` sweeps.
    left = [path.name for path in (tmp_path / "killed").iterdir() if not path.name.endswith(TEMPORARY_SUFFIX)]
    assert sorted(left) == FILES


@pytest.mark.parametrize("module", [checkpoint, run], ids=["checkpoint", "products"])
def test_a_training_that_finds_the_disk_full_goes_on_when_there_is_room(study, tiny, monkeypatch, module):
    run_fold(**study.arguments(tiny, "alone"))
    arguments = study.arguments(tiny, "full")
    write = module.write_bytes
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_bytes", lambda path, _: (_ for _ in ()).throw(full(path)))
        with pytest.raises(OSError, match="No space left"):
            run_fold(**arguments)
    assert module.write_bytes is write
    assert not (study.folder / "full" / "run.json").exists()
    run_fold(**arguments)
    for name in ("model.safetensors", "predictions.parquet"):
        assert file_sha256(study.folder / "full" / name) == file_sha256(study.folder / "alone" / name)


def full(path):
    return OSError(errno.ENOSPC, "No space left on device", str(path))


def test_a_batch_of_one_that_batch_normalization_cannot_learn_from_is_refused(study, tiny, monkeypatch):
    built = Tiny.__init__

    def with_norm(self, **how):
        built(self, **how)
        self.insert(2, nn.BatchNorm1d(16))

    monkeypatch.setattr(Tiny, "__init__", with_norm)
    lone = TRAINING.model_copy(update={"batch": 1, "sampling": "shuffled"})
    with pytest.raises(UserError, match="`batch` to 2 or more"):
        run_fold(**study.arguments(tiny, "lone", training=lone))
