"""The facts of a run in progress, from the events of its jobs and from what running jobs report on disk."""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pyarrow.parquet as pq

from genreflow.cli.progress import STAGE_OF, STAGES, Facts, Normalizing, Stage, Training
from genreflow.cli.time_left import Costs, Job, RunningJob, time_left, usual_share
from genreflow.errors import UserError
from genreflow.project import layout
from genreflow.store.atomic import write_report
from genreflow.store.parquet import read_frame

_ESTIMATE_S = 2.0  # seconds between two estimates of the time left
_PACKED = re.compile(r"(train_folds)_.*")

_expected: list[tuple[str, str]] = []


def expect(jobs: Iterable[tuple[str, str]]) -> None:
    """Take the rule and log of every job that a run of this process will have, before the first begins."""
    _expected[:] = jobs


@dataclass
class _Running:
    job: Job
    began: float


class RunTracker:
    """Follows the jobs of a run. Methods may be called from several threads."""

    def __init__(self, clock: Any = time.time) -> None:
        self._clock, self._lock = clock, threading.RLock()
        self._totals: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._failed: dict[int, str] = {}  # number -> rule
        self._running: dict[int, _Running] = {}
        self._waiting: dict[str, Job] = {}  # by log, or a number where there is none
        self._shares: dict[str, float] = {}
        self._costs = Costs()
        self._cores, self._gpus = 1, 0
        self._began = clock()
        self._left: float | None = None
        self._refused = 0  # tracks in the shards of audio that this run has made
        self._due = 0.0
        self._takes_expected = True

    def begin(self, counts: Mapping[str, int]) -> None:
        """Take the number of jobs of each rule."""
        with self._lock:
            self._began = self._clock()
            self._totals = Counter()
            for name, number in counts.items():
                rule = rule_of(name)
                if rule in STAGE_OF:
                    self._totals[rule] += number
                    for place in range(number):
                        self._waiting[f"{name} {place}"] = Job(rule, "", self._share(rule))
            self._takes_expected = True

    def machine(self, cores: int | None, gpus: int) -> None:
        """Take the number of cores and of jobs that may use the GPU at once; None or 0 where it is not known."""
        with self._lock:
            self._cores, self._gpus = cores or self._cores, gpus or self._gpus

    def start(self, number: int, name: str, log: str, threads: int, gpus: int) -> None:
        """Take the beginning of a job."""
        rule = rule_of(name)
        if rule not in STAGE_OF:
            return
        with self._lock:
            self._take_expected()
            share = max(threads / self._cores, gpus / self._gpus if self._gpus else 0.0)
            self._shares[rule] = min(1.0, share)
            if self._waiting.pop(log, None) is None:
                unnamed = (key for key, job in self._waiting.items() if job.rule == rule and not job.log)
                if (key := next(unnamed, None)) is not None:
                    del self._waiting[key]
            self._failed.pop(number, None)  # tried again
            self._running[number] = _Running(Job(rule, log, self._shares[rule]), self._clock())

    def finish(self, number: int) -> str | None:
        """Take the end of a job that succeeded; return its stage if that has ended with it."""
        with self._lock:
            ended = self._running.pop(number, None)
            if ended is None:
                return None
            self._done[ended.job.rule] += 1
            self._costs.add(ended.job, self._clock() - ended.began)
            if ended.job.rule == "normalize_audio":
                self._refused += _refused(ended.job.log)
            stage = STAGE_OF[ended.job.rule]
            rules = STAGES[stage]
            return stage if all(self._done[rule] == self._totals[rule] for rule in rules) else None

    def fail(self, number: int) -> None:
        """Take the failure of a job."""
        with self._lock:
            ended = self._running.pop(number, None)
            if ended is not None:
                self._failed[number] = ended.job.rule

    def facts(self) -> Facts:
        """Return the state of the run at this moment."""
        with self._lock:
            self._take_expected()
            stages = list(self._stages())
            running = list(self._running.values())
        trainings, shards, reported = [], [], []
        for one in running:
            reports = list(_reports(one.job))
            trainings += [_training(report) for report in reports if "epoch" in report]
            shards += [_shard(report) for report in reports if "tracks" in report]
            lefts = [left for report in reports if (left := _left(report, self._clock())) is not None]
            reported.append(RunningJob(one.job, self._clock() - one.began, min(lefts) if lefts else None))
        with self._lock:
            if self._clock() >= self._due:
                self._due = self._clock() + _ESTIMATE_S
                waiting = [Job(job.rule, job.log, self._share(job.rule)) for job in self._waiting.values()]
                self._left = time_left(waiting, reported, self._costs) if waiting or reported else 0.0
                write_report(Path(layout.PROGRESS), {"left": self._left, "told_at": self._clock()})
            if self._done["list_quarantine"] or not self._totals["normalize_audio"]:
                refused = quarantined()
            else:
                refused = self._refused + sum(shard.quarantined for shard in shards)
            seconds = self._clock() - self._began
            return Facts(seconds, stages, trainings, shards, self._left, refused, len(self._failed))

    def close(self) -> None:
        """Remove what the run reports of itself."""
        with suppress(OSError):
            Path(layout.PROGRESS).unlink(missing_ok=True)

    @property
    def is_done(self) -> bool:
        """Whether every job has ended well."""
        with self._lock:
            return self._done == self._totals

    @property
    def has_failures(self) -> bool:
        """Whether a job has failed."""
        with self._lock:
            return bool(self._failed)

    def stage(self, name: str) -> Stage:
        """Return a stage by its name."""
        return next(stage for stage in self._stages() if stage.name == name)

    def _share(self, rule: str) -> float:
        return self._shares.get(rule, usual_share(rule, self._cores))

    def _take_expected(self) -> None:
        """Replace unnamed jobs by those that were announced, with the costs of their last attempts."""
        if not self._takes_expected or not _expected:
            return
        self._takes_expected = False
        jobs = [Job(rule_of(name), log) for name, log in _expected]
        self._waiting = {job.log: job for job in jobs if job.rule in STAGE_OF}
        for job in self._waiting.values():
            self._costs.recall(job)

    def _stages(self) -> Iterator[Stage]:
        running = Counter(one.job.rule for one in self._running.values())
        failed = Counter(self._failed.values())
        for name, rules in STAGES.items():
            numbers = [sum(counts[rule] for rule in rules) for counts in (self._done, self._totals, running, failed)]
            if numbers[1]:
                yield Stage(name, *numbers)


def rule_of(name: str) -> str:
    """Return the rule of a job as `STAGES` has it: packed trainings have a rule for each study."""
    match = _PACKED.fullmatch(name)
    return match[1] if match else name


def quarantined() -> int | None:
    """Return the number of refused tracks in the list of the last run; None if there is none."""
    with suppress(OSError, ValueError):
        return pq.read_metadata(f"{layout.QUARANTINE}.parquet").num_rows
    return None


def _refused(log: str) -> int:
    """Return the number of refused tracks in the shard of audio whose job has this log."""
    dataset, _, shard = PurePath(log).parts[-3:]
    try:
        verdicts = read_frame(layout.AUDIO.format(dataset=dataset, shard=PurePath(shard).stem), "audio")["verdict"]
    except (UserError, OSError):
        return 0
    return int((verdicts == "quarantine").sum())


def _reports(job: Job) -> Iterator[dict[str, Any]]:
    """Yield what a job reports of itself beside its log."""
    log = Path(job.log)
    files: Sequence[Path] = [log.with_suffix(".progress.json")]
    if job.rule == "train_folds":
        files = sorted(log.parent.glob("*.progress.json"))
    for file in files if job.log else []:
        with suppress(OSError, ValueError):
            yield json.loads(file.read_bytes())


def _training(report: Mapping[str, Any]) -> Training:
    return Training(
        report["name"],
        report["epoch"],
        report["epochs"],
        report.get("loss"),
        report.get("accuracy"),
        report.get("validation_accuracy"),
        report.get("left"),
    )


def _shard(report: Mapping[str, Any]) -> Normalizing:
    pace = report["audio_seconds"] / 60 / report["seconds"] if report["seconds"] and report["audio_seconds"] else None
    return Normalizing(report["name"], report["done"], report["tracks"], pace, report["quarantined"])


def _left(report: Mapping[str, Any], now: float) -> float | None:
    """Return the seconds left that a job reports, with those of the runs that follow in the same job."""
    left = report.get("left")
    if left is None:
        return None
    following = report.get("following", 0) * (report["seconds"] + left)
    return max(0.0, left + following - (now - report["told_at"]))
