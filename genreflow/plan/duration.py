"""A rough forecast of how long a run takes, by the size of its data, before anything of it has been measured.

The constants are seconds of one core, on the machine of docs/benchmarks.md and docs/scaling.md. Other machines, and
other networks than psytrance_cnn, may take half or three times as long.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil, prod

from genreflow.config.inputs import FrontEndSettings, Joined
from genreflow.features.shapes import needed_seconds, segment_shape
from genreflow.models import registry
from genreflow.plan.datasets import DatasetPlan, InputPlan
from genreflow.plan.make import Plan
from genreflow.plan.settings import Setting
from genreflow.plan.studies import StudyPlan

_START = 4.0  # Snakemake, and the reading of the Snakefile
_JOB = 1.5  # a process with its libraries
_SYNTHESIS = 0.04  # a second of synthetic music
_NORMALIZING = 0.012  # a second of audio
# A second of a segment, by the kind of its front-end.
_CUTTING = {"embedding": 0.04, "descriptors": 0.02, "maps": 0.02}
_OTHERWISE = 0.003
_TRAINING = 4.3e-3 / 128**2  # a value of a slice, each time that it is learned from
_PREDICTING = 3.1e-3 / 128**2
_FITTING = 3.0  # an estimator of a few hundred tracks, with its inner folds
_FITTING_SEGMENT = 2e-3
_EVALUATION = 15.0  # tables, audit, map and report of a study


def core_seconds(plan: Plan, hours: Mapping[str, float | None]) -> float | None:
    """Return the seconds that one core needs for a run that makes everything anew; None if a length is unknown.

    Parameters
    ----------
    plan
        The plan.
    hours
        Dataset -> hours of audio in its tracks.
    """
    if any(hours[name] is None for name in plan.datasets):
        return None
    datasets = sum(_of_dataset(dataset, 3600 * (hours[name] or 0.0)) for name, dataset in plan.datasets.items())
    return _START + datasets + sum(map(_of_study, plan.studies.values()))


def _of_dataset(dataset: DatasetPlan, seconds: float) -> float:
    stages = (1 + dataset.is_synthetic + len(dataset.inputs)) * len(dataset.shards) + len(dataset.inputs) + 1
    made = seconds * (_NORMALIZING + (_SYNTHESIS if dataset.is_synthetic else 0.0))
    return _JOB * stages + made + sum(_of_input(given, seconds) for given in dataset.inputs.values())


def _of_input(given: InputPlan, seconds: float) -> float:
    """Return the seconds of cutting an input; segments hold no more music than tracks."""
    segments = given.settings.segments.count * given.dataset.listed.num_rows * needed_seconds(given.settings)
    return min(seconds, segments) * sum(_CUTTING.get(kind, _OTHERWISE) for kind in _kinds(given.settings.front_end))


def _kinds(front_end: FrontEndSettings) -> Iterable[str]:
    return [part.kind for part in front_end.parts] if isinstance(front_end, Joined) else [front_end.kind]


def _of_study(study: StudyPlan) -> float:
    trials = 0 if study.search is None else study.search.n_trials
    settings = {(setting.model, setting.name): setting for setting in study.resolver.trained}
    runs = sum(_JOB + _of_run(study, settings[run.model, run.setting]) for run in study.runs)
    searched = trials * runs / max(1, len(study.runs))
    return runs + searched + sum(_jobs(study)) + _EVALUATION


def _jobs(study: StudyPlan) -> Iterator[float]:
    yield from [_JOB] * len(study.figures)
    yield from [2 * _JOB] * len(study.protocols)


def _of_run(study: StudyPlan, setting: Setting) -> float:
    """Return the seconds of one training, and of predicting what it was not trained on."""
    given, training = study.input_of(setting), setting.training
    slices = study.protocols[setting.protocol].n_tracks * given.settings.segments.count
    if registry.describe(study.resolver.network(setting.model)).is_estimator:
        return _FITTING + _FITTING_SEGMENT * slices
    steps = training.steps_per_epoch or max(training.min_steps_per_epoch, ceil(slices / training.batch))
    values = prod(segment_shape(given.settings))
    return values * (_TRAINING * training.epochs * steps * training.batch + _PREDICTING * slices)
