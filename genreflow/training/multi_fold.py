"""Train several folds in one process, which reads their slices once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from genreflow.training.tracking import TrackedRun


def train_folds(
    spec: TrainingSpec,
    folders: Sequence[Path],
    *,
    key: str,
    logs: Path | None = None,
    terminal: TextIO | None = None,
    tracking: str = "none",
    memory_gb: float | None = None,
    since: float | None = None,
    **data: Any,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Train runs one after another; yield the name and the facts of each. Products are those of single runs.

    Of several runs, a finished one waits in a hidden folder until all are finished. Snakemake deletes the products of a
    job before it runs it again, but not these, so the job resumes with the run that was interrupted.

    Parameters
    ----------
    folders
        The folders of the runs: ``fold-<fold>``, or ``fold-<fold>r<n>`` for the n-th repeat, whose seed is n - 1
        greater than that of `spec`.
    logs
        Folder for progress files and for what a tracker writes; None for neither.
    tracking
        See `genreflow.config.training.TrainingSettings`.
    memory_gb
        Slices above this size are memory-mapped from a file.
    key, since, data
        See `genreflow.training.run.run_fold`.
    """
    reader, is_packed = SliceReader(memory_gb), len(folders) > 1
    for place, folder in enumerate(folders, 1):
        fold, repeat = parse_fold(folder.name)
        name = f"{spec.study} {spec.model} {spec.setting} {folder.name.replace('-', ' ')}"
        target = waiting_place(folder) if is_packed else folder
        facts = _finished(target, key) if is_packed else None
        if facts is None:
            target.mkdir(parents=True, exist_ok=True)
            training = spec.training.model_copy(update={"seed": spec.training.seed + repeat})
            progress = ProgressTargets(
                name=name,
                file=logs and logs / f"{folder.name}.progress.json",
                terminal=terminal,
                tracked=_tracked(spec, folder.name, training, tracking, logs),
                following=len(folders) - place,
            )
            facts = run_fold(
                replace(spec, training=training), fold=fold, key=key, folder=target, reader=reader, since=since,
                progress=progress, **data,
            )  # fmt: skip
        since = None  # the process starts once
        yield name, facts
    for folder in folders if is_packed else []:
        _publish(folder)


def _tracked(
    spec: TrainingSpec, run: str, training: TrainingSettings, tracker: str, logs: Path | None
) -> TrackedRun | None:
    if logs is None or tracker == "none":
        return None
    settings = {"network": spec.network, **spec.options, **training.model_dump(exclude={"tracking"})}
    return TrackedRun(tracker, logs / run, spec.study, f"{spec.model}/{spec.setting}/{run}", settings)


def _finished(folder: Path, key: str) -> dict[str, Any] | None:
    """Return the facts of a finished run; None if it is not finished, or has another key."""
    try:
        return read_run(folder, files=(MODEL, HISTORY, PREDICTIONS), key=key)
    except UserError:
        return None


def _publish(folder: Path) -> None:
    waiting = waiting_place(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (MODEL, HISTORY, PREDICTIONS, RUN):  # run.json last: it completes a run
        (waiting / name).replace(folder / name)
    waiting.rmdir()
