"""`genreflow status`: the progress of shards and training runs, read from disk; nothing is written."""

import argparse
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import psutil

from genreflow.cli import options as shared
from genreflow.cli.check import words_of
from genreflow.cli.console import info, print_json, print_result, quoted
from genreflow.cli.exits import REPAIR, Exit
from genreflow.cli.jobs_left import jobs_of
from genreflow.cli.places import SNAKEFILE, entered, place_of
from genreflow.cli.run import clock, live_run
from genreflow.cli.time_left import Costs, RunningJob, time_left
from genreflow.config.pipeline import PipelineSettings
from genreflow.datasets import catalog
from genreflow.errors import Damaged, UserError
from genreflow.plan.datasets import DatasetPlan, catalog_path
from genreflow.plan.make import Plan, make_plan
from genreflow.plan.studies import StudyPlan
from genreflow.plan.validate import validate
from genreflow.project import history, layout
from genreflow.project.layout import RunId
from genreflow.store import parquet, shards
from genreflow.store.atomic import waiting_place
from genreflow.store.parquet import Header
from genreflow.store.runs import read_run
from genreflow.store.text import rough_duration

STATES = ("finished", "diverged", "running", "waiting")
_SILENT_S = 600  # a run on another machine that has reported nothing for so long does not count as running
_CLOCKS_S = 2.0  # difference between the start of a process and the time that it noted itself


@dataclass(frozen=True)
class Stage:
    """A stage of a dataset and the number of its finished shards."""

    name: str
    done: int
    shards: int


@dataclass(frozen=True)
class RunStatus:
    """A training run.

    Attributes
    ----------
    state
        One of `STATES`; ``waiting`` also if it was made with other settings, code or data, or was stopped.
    took, resumed
        Seconds that it took, if it has ended; since its last interruption if it was resumed.
    left
        Expected seconds from now on; None without a measurement.
    progress
        Its last report, if it is running or was stopped.
    """

    model: str
    setting: str
    fold: str
    state: str
    took: float | None = None
    resumed: bool = False
    left: float | None = None
    progress: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class StudyStatus:
    """A study and its runs, which are unknown before its dataset is cataloged.

    `last_complete` names the entry of its history that serves while an update is not finished.
    """

    name: str
    dataset: str
    is_cataloged: bool
    runs: list[RunStatus] = field(default_factory=list)
    last_complete: str | None = None


@dataclass(frozen=True)
class Status:
    """The stages of each cataloged dataset, the studies, a sentence per damaged file, and the live run if any.

    `left` are the seconds that the whole run still takes, of a live run those that it reports; None if unknown.
    """

    datasets: dict[str, list[Stage]]
    studies: list[StudyStatus]
    damaged: list[str] = field(default_factory=list)
    live_run: Mapping[str, Any] | None = None
    left: float | None = None


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    shared.configfile(parser)
    shared.config(parser)
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the progress; return 0, or 5 if a product is damaged, which then counts as missing.

    Raises
    ------
    UserError
        Every problem of the settings.
    """
    place = place_of(options)
    with entered(place.folder):
        status = look(place.config(), home=SNAKEFILE.parent)
        if options.json:
            print_json("status", asdict(status), took="s", left="s", seconds="s")
        else:
            print("\n".join(_lines(status)))
        for sentence in status.damaged:
            info(f"genreflow: {sentence} {REPAIR}")
        _print_result(status, words_of(options))
    return Exit.MACHINE if status.damaged else Exit.OK


def look(config: Mapping[str, Any], *, home: Path) -> Status:
    """Compare the plan with the products on disk; catalogs are not refreshed.

    Parameters
    ----------
    config
        The merged settings.
    home
        Folder of the Snakefile.

    Raises
    ------
    UserError
        Every problem of the settings.
    """
    validated = validate(config, home, look=False)
    validated.errors.raise_any()
    settings = validated.settings
    new = set(validated.datasets) - _cataloged(settings)
    ready = {validated.named[name] for name, study in validated.studies.items() if not new & set(study.datasets)}
    given = settings.studies
    chosen = (
        {name: given[name] for name in given if name in ready}
        if isinstance(given, dict)
        else [name for name in given if name in ready]
    )
    plan = make_plan({**config, "studies": chosen, "predict": None}, home=home, refresh=False)
    damaged: list[str] = []
    studies = [
        _study(plan.studies[name], damaged)
        if name in plan.studies
        else StudyStatus(name, ", ".join(study.datasets), is_cataloged=False)
        for name, study in validated.studies.items()
    ]
    studies = [replace(study, last_complete=_last_complete(study.name)) for study in studies]
    datasets = {name: list(_stages(dataset, damaged)) for name, dataset in plan.datasets.items()}
    live = live_run(Path.cwd())
    left = _reported_left() if live is not None else None
    if left is None and all(study.is_cataloged for study in studies):
        left = _planned_left(plan, studies)
    return Status(datasets, studies, sorted(damaged), live, left)


def _reported_left() -> float | None:
    """Return the seconds left that the live run reports; None if it reports nothing."""
    report = _read_json(Path(layout.PROGRESS))
    return max(0.0, report["left"] - (time.time() - report["told_at"])) if report.get("left") is not None else None


def _planned_left(plan: Plan, studies: Iterable[StudyStatus]) -> float:
    """Return the seconds that a run of all that is planned would take from now on."""
    measured, waiting, running = Costs(), {}, []
    for job, is_current in jobs_of(plan, os.cpu_count() or 1):
        measured.recall(job)
        if not is_current:
            waiting[job.log] = job
    for study in studies:
        for run in study.runs:
            log = layout.LOG["train_run"].format(
                study=study.name, model_setting=f"{run.model}/{run.setting}", fold=run.fold
            )
            if run.state == "running" and run.progress and log in waiting:
                seconds = run.progress["seconds"] + time.time() - run.progress["told_at"]
                running.append(RunningJob(waiting.pop(log), seconds, run.left))
    return time_left(waiting.values(), running, measured)


def _last_complete(study: str) -> str | None:
    """Return the entry of a study's history that serves while an update of it is not finished; else None."""
    _, entry = history.last_complete(Path(layout.STUDY.format(study=study)))
    return None if entry is None else entry.name


def _cataloged(settings: PipelineSettings) -> set[str]:
    """Return the datasets whose catalog is of this version."""

    def is_current(path: Path) -> bool:
        try:
            return parquet.read_header(path, catalog.KIND).version == catalog.VERSION
        except UserError:
            return False

    return {name for name in settings.datasets if is_current(catalog_path(name))}


def _stages(dataset: DatasetPlan, damaged: list[str]) -> Iterator[Stage]:
    """Yield the stages of a dataset; add a sentence per damaged file to `damaged`."""
    tables = {"raw": (layout.RAW, dataset.raw_keys)} if dataset.is_synthetic else {}
    for name, (pattern, keys) in {**tables, "audio": (layout.AUDIO, dataset.audio_keys)}.items():
        files = {Path(pattern.format(dataset=dataset.name, shard=shard)): key for shard, key in keys.items()}
        yield _stage(name, files, parquet.read_header, damaged)
    for plan in dataset.inputs.values():
        files = {Path(plan.shard(shard)): key for shard, key in plan.shard_keys.items()}
        yield _stage(plan.folder, files, shards.read_header, damaged)


def _stage(name: str, keys: Mapping[Path, str], read_header: Callable[[Path], Header], damaged: list[str]) -> Stage:
    """Count the shards that exist and have their key (file -> key)."""

    def is_made(path: Path, key: str) -> bool:
        try:
            return read_header(path).key == key
        except Damaged as error:
            damaged.append(str(error))
            return False
        except UserError:
            return False

    return Stage(name, sum(is_made(path, key) for path, key in keys.items()), len(keys))


def _study(study: StudyPlan, damaged: list[str]) -> StudyStatus:
    keys = {place: study.keys.run(*place) for place in dict.fromkeys((run.model, run.setting) for run in study.runs)}
    states = [_state(study.name, run, keys[run.model, run.setting], damaged) for run in study.runs]
    measured: dict[tuple[str, ...], list[float]] = {}
    for run in states:
        if run.state == "finished" and not run.resumed and run.took is not None:
            measured.setdefault((run.model, run.setting), []).append(run.took)
            measured.setdefault((run.model,), []).append(run.took)
    runs = [replace(run, left=_left(run, measured)) for run in states]
    return StudyStatus(study.name, ", ".join(study.settings.datasets), is_cataloged=True, runs=runs)


def _state(study: str, run: RunId, key: str, damaged: list[str]) -> RunStatus:
    """Return the state of a run on disk; add a sentence per damaged file to `damaged`."""
    home = Path(layout.STUDY.format(study=study), run.path)
    candidates = (_run_facts(folder, damaged) for folder in (home, waiting_place(home)))
    facts = next((facts for facts in candidates if facts.get("key") == key), None)
    if facts is not None:
        state = "diverged" if facts["status"] == "diverged" else "finished"
        took, resumed = facts["seconds"]["total"], bool(facts.get("resumed"))
        return RunStatus(run.model, run.setting, run.name, state, took=took, resumed=resumed)
    names = {"study": study, "model_setting": run.model_setting, "fold": run.name}
    progress = _read_json(Path(layout.RUN_PROGRESS.format(**names)))
    state = "running" if progress and _is_alive(progress) else "waiting"
    return RunStatus(run.model, run.setting, run.name, state, progress=progress or None)


def _run_facts(folder: Path, damaged: list[str]) -> dict[str, Any]:
    try:
        return read_run(folder)
    except Damaged as error:
        damaged.append(str(error))
    except UserError:  # of another version, or not there
        pass
    return {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_alive(progress: Mapping[str, Any]) -> bool:
    """Return whether the process that wrote this is alive; one on another machine is if it reported lately."""
    if progress["host"] != socket.gethostname():
        return time.time() - progress["told_at"] < _SILENT_S
    try:
        process = psutil.Process(progress["pid"])
        is_same = process.create_time() <= progress["started_at"] + _CLOCKS_S  # else its number was given away again
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _left(run: RunStatus, measured: Mapping[tuple[str, ...], list[float]]) -> float | None:
    """Return the expected seconds of a run from now on.

    They are its own estimate, or the mean of the finished runs of its model and setting, or of its model.
    """
    if run.took is not None:
        return None
    report = run.progress if run.state == "running" else None
    since = time.time() - report["told_at"] if report else 0.0
    if report and report["left"] is not None:
        return max(0.0, report["left"] - since)
    alike = measured.get((run.model, run.setting)) or measured.get((run.model,))
    so_far = report["seconds"] + since if report else 0.0
    return max(0.0, fmean(alike) - so_far) if alike else None


def _lines(status: Status) -> Iterator[str]:
    if status.live_run is not None:
        owner = status.live_run
        yield f"A run is alive: process {owner['pid']} on {owner['host']} since {clock(owner['since'])}."
    if not status.studies:
        yield "The configuration names no studies."
    names = [stage.name for stages in status.datasets.values() for stage in stages]
    names += [run.model for study in status.studies for run in study.runs]
    width = max(map(len, names), default=0)
    for name, stages in status.datasets.items():
        yield f"dataset {name}"
        yield from (f"  {stage.name:<{width}}  {stage.done:>8,} of {stage.shards:,} shards" for stage in stages)
    for study in status.studies:
        yield from _study_lines(study, width)
    if status.left:
        whose = "of the live run" if status.live_run is not None else "of a run of all that is missing"
        yield f"Time left {whose}: about {rough_duration(status.left)}."


def _print_result(status: Status, words: str) -> None:
    runs = [run for study in status.studies for run in study.runs]
    ended = sum(run.took is not None for run in runs)
    reports = [path for study in status.studies if (path := Path(layout.PAGE.format(study=study.name))).exists()]
    done = f"{ended:,} of {len(runs):,} runs have ended."
    if runs and ended == len(runs) and len(reports) == len(status.studies):
        print_result(f"{done} Reports: {', '.join(map(quoted, reports))}.")
    elif status.live_run is not None or any(run.state == "running" for run in runs):
        print_result(done)
    else:
        print_result(done, following=f"genreflow run{words}")


def _study_lines(study: StudyStatus, width: int) -> Iterator[str]:
    yield f"study {study.name} on {study.dataset}"
    if study.last_complete is not None:
        yield f"  an update is not finished; {study.last_complete} has the last complete results"
    if not study.is_cataloged:
        yield "  nothing yet: `genreflow run` begins by cataloging its dataset"
        return
    if not study.runs:
        yield "  trains nothing"
        return
    yield f"  {'':<{width}}" + "".join(f"  {state:>8}" for state in STATES) + "  time left"
    for model in dict.fromkeys(run.model for run in study.runs):
        runs = [run for run in study.runs if run.model == model]
        counts = Counter(run.state for run in runs)
        yield f"  {model:<{width}}" + "".join(f"  {counts[state]:>8,}" for state in STATES) + f"  {_time_left(runs)}"
    yield from (_progress_line(run, run.progress) for run in study.runs if run.progress)


def _time_left(runs: Iterable[RunStatus]) -> str:
    ahead = [run.left for run in runs if run.took is None]
    known = [left for left in ahead if left is not None]
    unknown = len(ahead) - len(known)
    if not ahead:
        return "-"
    if not known:
        return "unknown"
    return rough_duration(sum(known)) + (f", {unknown:,} runs unknown" if unknown else "")


def _progress_line(run: RunStatus, report: Mapping[str, Any]) -> str:
    values = {"loss": report["loss"], report["watching"].replace("_", " "): report["watched"]}
    words = [f"epoch {report['epoch']} of {report['epochs']}"]
    words += [f"{name} {value:.4f}" for name, value in values.items() if value is not None]
    if run.state == "running" and run.left is not None:
        words.append(f"{rough_duration(run.left)} left")
    if report["host"] != socket.gethostname():
        words.append(f"on {report['host']}")
    state = "running" if run.state == "running" else "stopped"
    return f"  {state}: {run.model} {run.setting} fold {run.fold}, {', '.join(words)}"
