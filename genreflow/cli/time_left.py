"""The time that a run still takes: one estimate for the panel, the lines of a run and `genreflow status`.

It is made of the costs of jobs: those that ended in this run, those recorded before (`genreflow.store.costs`), and
else typical ones. A training that is running, and a shard of audio, report themselves how long they will take.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from genreflow.store import costs

# Seconds of a job of the demo on two cores, start of its process included. They are scaled to the pace of a run.
TYPICAL = {
    "synthesize_tracks": 25.0, "normalize_audio": 15.0, "find_duplicates": 4.0, "cut_slices": 10.0,
    "embed_slices": 30.0, "index_dataset": 4.0, "list_quarantine": 3.0, "assign_folds": 4.0, "audit_leakage": 6.0,
    "train_run": 40.0, "assign_inner_folds": 4.0, "run_trial": 40.0, "choose_setting": 4.0, "visualize_filters": 10.0,
    "predict_snippets": 10.0, "describe_dataset": 20.0, "map_library": 15.0, "judge_cross_dataset": 15.0,
    "evaluate_study": 12.0, "draw_figure": 8.0, "print_figure": 12.0, "write_report": 10.0, "write_overview": 3.0,
    "predict_files": 10.0,
}  # fmt: skip
_LEAST_S = 0.1  # a job takes longer
_PACES = 0.5, 10.0  # bounds of the pace: of a small job most is the start of its process
_LATE = 0.5  # share of the time of a job that is late which is expected once more
_SHORT_S = 5.0  # a job of any other rule
# Rules whose jobs take the whole machine; others take one core.
_WHOLE = ("normalize_audio", "train_run", "train_folds", "train_searched", "run_trial")


@dataclass(frozen=True)
class Job:
    """A job: its rule as `genreflow.project.layout.LOG` names it, its log, and its share of the machine (0 to 1]."""

    rule: str
    log: str
    share: float = 1.0


@dataclass(frozen=True)
class RunningJob:
    """A running job: seconds since it began, and the seconds left that it reports itself, if it does."""

    job: Job
    seconds: float
    left: float | None = None


class Costs:
    """Seconds that jobs took, by rule and by the folders of their logs: alike jobs have their logs side by side."""

    def __init__(self) -> None:
        self._now: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])  # sum, number
        self._before: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        # Logarithms of what jobs took as a multiple of what was expected: their sum and number, with one of 1.
        self._ratios, self._jobs = 0.0, 1

    def recall(self, job: Job) -> None:
        """Take the seconds of the last attempt of a job that ended well, from its record, if there is one."""
        ended = [record["seconds"] for record in costs.attempts(job.log) if record["done"]]
        if ended:
            _add(self._before, job, ended[-1])

    def add(self, job: Job, seconds: float) -> None:
        """Take the seconds of a job of this run."""
        before = (_mean(self._before, place) for place in _places(job))
        expected = next((mean for mean in before if mean), typical(job))
        self._ratios += math.log(max(seconds, _LEAST_S) / expected)
        self._jobs += 1
        _add(self._now, job, seconds)

    def expected(self, job: Job) -> float | None:
        """Return the seconds that a job will take; None if none like it was measured."""
        for place in _places(job):
            if (mean := _mean(self._now, place)) is not None:
                return mean
            if (mean := _mean(self._before, place)) is not None:
                return self.pace * mean
        return None

    @property
    def pace(self) -> float:
        """Time that the finished jobs of this run took, as a multiple of what was expected: their geometric mean."""
        return min(max(math.exp(self._ratios / self._jobs), _PACES[0]), _PACES[1])


def typical(job: Job) -> float:
    """Return the seconds of a job of which nothing is known but its rule."""
    return TYPICAL.get(job.rule, _SHORT_S)


def usual_share(rule: str, cores: int) -> float:
    """Return the share of the machine that a job takes before one of its rule has begun."""
    return 1.0 if rule in _WHOLE else 1 / cores


def time_left(waiting: Iterable[Job], running: Sequence[RunningJob], measured: Costs) -> float:
    """Return the seconds that a run still takes.

    Jobs share the machine as their `share` allows, but those of one rule wait for those of another. So a run takes at
    least one job of every rule, one after another.
    """
    work, chain = 0.0, defaultdict[str, float](float)
    reported = {one.job.rule: one.seconds + one.left for one in running if one.left is not None}
    longest = {one.job.rule: one.seconds for one in sorted(running, key=lambda one: one.seconds)}

    def expected(job: Job) -> float:
        seconds = measured.expected(job)
        if seconds is None:
            seconds = reported.get(job.rule)
        if seconds is None:
            seconds = max(measured.pace * typical(job), longest.get(job.rule, 0.0))
        return seconds

    def count(job: Job, seconds: float) -> None:
        nonlocal work
        work += job.share * seconds
        chain[job.rule] = max(chain[job.rule], seconds)

    for one in running:
        left = one.left
        if left is None:
            left = expected(one.job) - one.seconds
            left = left if left > 0 else _LATE * one.seconds
        count(one.job, left)
    for job in waiting:
        count(job, expected(job))
    return max(work, sum(chain.values()))


def _places(job: Job) -> Iterator[tuple[str, str]]:
    """Yield the log of a job and the folders around it, the nearest first, each with the rule."""
    yield job.rule, job.log
    for folder in PurePath(job.log).parents:
        yield job.rule, str(folder)


def _add(sums: dict[tuple[str, str], list[float]], job: Job, seconds: float) -> None:
    for place in _places(job):
        sums[place][0] += seconds
        sums[place][1] += 1


def _mean(sums: Mapping[tuple[str, str], list[float]], place: tuple[str, str]) -> float | None:
    total, number = sums.get(place, (0.0, 0))
    return total / number if number else None
