"""Several runs in one process, which reads their slices once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.project.layout import parse_fold
from genreflow.project.specs import TrainingSpec
from genreflow.store.atomic import waiting_place
from genreflow.store.runs import HISTORY, MODEL, PREDICTIONS, RUN, read_run
from genreflow.training.callbacks import ProgressTargets
from genreflow.training.data import SliceReader
from genreflow.training.run import run_fold


@dataclass(frozen=True)
class RunSpec:
    """A run of several: its fold, its settings, the folder of its products, and where it reports its progress."""

    fold: str
    training: TrainingSettings
    folder: Path
    progress: ProgressTargets = field(default_factory=ProgressTargets)


def run_specs(
    spec: TrainingSpec,
    folders: Iterable[Path],
    logs: Path,
    *,
    terminal: TextIO | None = None,
    has_events: bool = False,
) -> list[RunSpec]:
    """Return the runs of a job.

    Parameters
    ----------
    spec
        The specification of the job.
    folders
        Where the runs belong: ``fold-<fold>``, or for the n-th time ``fold-<fold>r<n>``, whose seed is n - 1 greater.
    logs
        Folder of what they tell of themselves.
    """
    found = []
    for folder in folders:
        fold, repeat = parse_fold(folder.name)
        training = spec.training.model_copy(update={"seed": spec.training.seed + repeat})
        progress = ProgressTargets(
            name=f"{spec.study} {spec.model} {spec.setting} {folder.name.replace('-', ' ')}",
            file=logs / f"{folder.name}.progress.json",
            terminal=terminal,
            tensorboard=logs / folder.name if has_events else None,
        )
        found.append(RunSpec(fold, training, folder, progress))
    return found


def run_all(
    wanted: Sequence[RunSpec], *, key: str, memory_gb: float | None = None, since: float | None = None, **shared: Any
) -> Iterator[dict[str, Any]]:
    """Train runs one after another, and yield what each told; products are those of as many processes.

    Of several runs, what is finished waits in a hidden folder until all are: a job that is run again has lost its
    products, but not these, and goes on with the run that it was at.

    Parameters
    ----------
    memory_gb
        More slices than that are mapped from a file instead of being read.
    since
        When the process began, in seconds since 1970.
    key, shared
        See `genreflow.training.run.run_fold`.
    """
    reader = SliceReader(memory_gb)
    for run in wanted:
        folder = run.folder if len(wanted) == 1 else waiting_place(run.folder)
        facts = _finished(folder, key) if len(wanted) > 1 else None
        if facts is None:
            folder.mkdir(parents=True, exist_ok=True)
            facts = run_fold(
                fold=run.fold, training=run.training, folder=folder, progress=run.progress, key=key, reader=reader,
                since=since, **shared,
            )  # fmt: skip
        since = None
        yield facts
    if len(wanted) > 1:
        for run in wanted:
            _publish(run.folder)


def _finished(folder: Path, key: str) -> dict[str, Any] | None:
    """Return what a run told that has ended; None if it has not, or not under this key."""
    try:
        return read_run(folder, files=(MODEL, HISTORY, PREDICTIONS), key=key)
    except UserError:
        return None


def _publish(folder: Path) -> None:
    waiting = waiting_place(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (MODEL, HISTORY, PREDICTIONS, RUN):
        (waiting / name).replace(folder / name)
    waiting.rmdir()
