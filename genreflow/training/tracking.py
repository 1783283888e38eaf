"""Loggers of experiment trackers: TensorBoard, MLflow and Weights & Biases, all without a network.

A tracker follows a training and never changes it: whatever fails in its library is printed once, and the training goes
on without it. Each writes into a folder beside the logs of the run.
"""

import fcntl
import json
import math
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from genreflow.config.training import TRACKERS
from genreflow.store.atomic import write_text
from genreflow.training.callbacks import Callback

_COUNTERS = ("epoch", "steps")
_MLFLOW, _WANDB = "mlruns", "wandb"
_STATE = "tracked.json"


class Logger(Protocol):
    """What a tracker has to offer, once it is open for a run."""

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Add the values of an epoch, counted from 1."""

    def close(self) -> None:
        """Write what remains."""


@dataclass(frozen=True)
class TrackedRun:
    """A run as a tracker shows it.

    Attributes
    ----------
    tracker
        A value of the setting `tracking`, which is not ``none``.
    folder
        The folder of this run among the logs.
    project, name
        The study; model, setting and fold.
    settings
        What the run was made with, by name.
    """

    tracker: str
    folder: Path
    project: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


class Tracking(Callback):
    """Hands the history of a run to a tracker, as ``training/<name>`` and ``validation/<name>``; gaps are left out.

    A run that starts afresh replaces what an earlier attempt logged. A resumed one goes on with its curve.
    """

    def __init__(self, run: TrackedRun) -> None:
        self._run = run
        self._logger: Logger | None = None
        self._has_failed = False

    def on_epoch_end(self, row: Mapping[str, Any]) -> None:
        """Log the measurements of an epoch."""
        epoch = int(row["epoch"])

        def log() -> None:
            if self._logger is None:
                self._logger = LOGGERS[self._run.tracker](self._run, epoch)
            self._logger.log(metrics_of(row), epoch)

        self._attempt(log)

    def close(self) -> None:
        """Close the logger."""
        if self._logger is not None:
            self._attempt(self._logger.close)

    def _attempt(self, action: Callable[[], None]) -> None:
        if self._has_failed:
            return
        try:
            action()
        except Exception as error:  # of a library that the result does not depend on
            self._has_failed = True
            reason = str(error).strip().partition("\n")[0]
            print(f"tracking: {self._run.tracker} failed, and the training goes on without it: {reason or repr(error)}")


def metrics_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the measurements in a row of the history by the names that trackers show."""
    metrics = {}
    for name, value in row.items():
        if name not in _COUNTERS and value is not None and math.isfinite(value):
            metric = name.removeprefix("validation_")
            metrics[f"{'training' if metric == name else 'validation'}/{metric}"] = float(value)
    return metrics


class TensorBoardLogger:
    """Writes event files. A resumed run adds one, which makes TensorBoard drop earlier points from its first epoch."""

    def __init__(self, run: TrackedRun, epoch: int) -> None:
        from tensorboardX import SummaryWriter

        if epoch == 1:
            for stale in run.folder.glob("events.out.tfevents.*"):
                stale.unlink()
        self._writer = SummaryWriter(
            str(run.folder),
            purge_step=epoch if epoch > 1 else None,
            flush_secs=1,
            filename_suffix=f".{os.getpid()}",  # an attempt within the same second gets a file of its own
        )

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Add the values of an epoch."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class MlflowLogger:
    """Logs into the file store ``mlruns`` beside the logs, or to the server that ``MLFLOW_TRACKING_URI`` names."""

    def __init__(self, run: TrackedRun, epoch: int) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 asks for it
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        mlflow = _module(run)

        store = _store(run, _MLFLOW)
        self._state = _State(run)
        known = self._state.id if epoch > 1 else None
        with _alone(store):  # runs that begin together must not each make a store, or an experiment of their study
            self._client = mlflow.MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or store.as_uri())
            if known is None:
                self._state.restart()
                for number in self._ids(run.project, run.name):
                    self._client.delete_run(number)
                known = self._create(run)
        self._id = known
        self._state.id = known

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Add the values of an epoch, unless an earlier attempt did."""
        if epoch <= self._state.epoch:
            return
        for name, value in values.items():
            self._client.log_metric(self._id, name, value, step=epoch)
        self._state.logged(epoch)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self._id)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        return self._client.create_experiment(name) if found is None else found.experiment_id

    def _ids(self, project: str, name: str) -> list[str]:
        runs = self._client.search_runs([self._experiment(project)], f"attributes.run_name = '{name}'")
        return [each.info.run_id for each in runs]

    def _create(self, run: TrackedRun) -> str:
        created = self._client.create_run(self._experiment(run.project), run_name=run.name).info.run_id
        for name, value in run.settings.items():
            self._client.log_param(created, name, str(value)[:500])
        return created


class WandbLogger:
    """Writes an offline run, which ``wandb sync`` uploads if somebody wants it to."""

    def __init__(self, run: TrackedRun, epoch: int) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        wandb = _module(run)

        self._state = _State(run)
        if epoch == 1:
            self._state.restart()
        self._state.id = self._state.id or uuid.uuid4().hex[:8]
        store = _store(run, _WANDB)
        store.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            mode="offline",
            dir=str(store.parent),
            project=run.project,
            name=run.name,
            id=self._state.id,  # a resumed run has it again, so that the parts become one curve
            resume="allow",
            config=dict(run.settings),
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Add the values of an epoch, unless an earlier attempt did."""
        if epoch > self._state.epoch:
            self._run.log(dict(values), step=epoch)
            self._state.logged(epoch)

    def close(self) -> None:
        """Write the end of the run."""
        self._run.finish()


LOGGERS: dict[str, Callable[[TrackedRun, int], Logger]] = {
    "tensorboard": TensorBoardLogger,
    "mlflow": MlflowLogger,
    "wandb-offline": WandbLogger,
}
assert set(LOGGERS) == set(TRACKERS)


class _State:
    """The identifier that a tracker gave a run, and the last epoch it got, kept for a resumed run."""

    def __init__(self, run: TrackedRun) -> None:
        self._file = run.folder / _STATE
        self.id: str | None = None
        self.epoch = 0
        try:
            saved = json.loads(self._file.read_text(encoding="utf-8"))
            self.id, self.epoch = str(saved["id"]), int(saved["epoch"])
        except (OSError, ValueError, KeyError, TypeError):  # none yet
            return

    def restart(self) -> None:
        """Forget earlier attempts."""
        self.id, self.epoch = None, 0

    def logged(self, epoch: int) -> None:
        """Record the last epoch."""
        self.epoch = epoch
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._file, json.dumps({"id": self.id, "epoch": epoch}))


def _module(run: TrackedRun) -> Any:
    """Return the library of a tracker, which is no dependency: who wants it installs it."""
    return import_module(TRACKERS[run.tracker].module)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block of this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _store(run: TrackedRun, name: str) -> Path:
    """Return the folder that all runs of a study share: beside the folders of its models among the logs."""
    return run.folder.absolute().parents[2] / name
