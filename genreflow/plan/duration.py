"""How long a run takes, before it begins: of each study and stage, on this machine and with a GPU.

Trainings are counted: the arithmetic of a network (`genreflow.models.sizes`), times its examples, over the pace of the
machine (`genreflow.plan.pace`). Jobs on audio and inputs take what such jobs of the project took before, if any ended
(`genreflow.store.costs`); else, and for all others, constants hold, in seconds of one core of the machine of
docs/benchmarks.md. docs/benchmarks.md also sets estimates beside measured times.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from genreflow.config.inputs import FrontEndSettings, Joined
from genreflow.features.shapes import needed_seconds, segment_shape
from genreflow.models import registry, sizes
from genreflow.plan.datasets import DatasetPlan, InputPlan
from genreflow.plan.make import Plan
from genreflow.plan.pace import GPU, Pace
from genreflow.plan.settings import Setting
from genreflow.plan.studies import StudyPlan
from genreflow.project import layout
from genreflow.store import costs

_START = 4.0  # Snakemake, and the reading of the Snakefile
_JOB = 2.0  # a process with its libraries
_TRAINING_JOB = 4.0  # with PyTorch
_SYNTHESIS = 0.015  # a second of synthetic music
_NORMALIZING = 0.012  # a second of audio
# A second of a segment, by the kind of its front-end.
_CUTTING = {"embedding": 0.04, "descriptors": 0.02, "maps": 0.02}
_OTHERWISE = 0.003
_FITTING = 3.0  # an estimator of a few hundred tracks, with its inner folds
_FITTING_SEGMENT = 2e-3
_FIGURE = 2.5
_EVALUATION, _REPORT = 8.0, 20.0  # tables; map of the library, excerpts and page
STAGES = ("audio", "slices", "folds", "train", "tables", "figures", "report")


@dataclass(frozen=True)
class Duration:
    """How long a study takes if all is made anew.

    Attributes
    ----------
    core_seconds
        Stage -> seconds of one core of this machine; the stages are `STAGES`.
    gpu_training
        Seconds of the stage ``train`` on one GPU of the kind that `genreflow.plan.pace.GPU` assumes.
    """

    core_seconds: Mapping[str, float] = field(default_factory=dict)
    gpu_training: float = 0.0


def durations(plan: Plan, hours: Mapping[str, float | None], paces: Mapping[str, Pace]) -> dict[str, Duration]:
    """Return how long each study takes by itself; those with music of unknown length are left out.

    Parameters
    ----------
    plan
        The plan.
    hours
        Dataset -> hours of audio in its tracks.
    paces
        Pace of a core of this machine, by the setting of `precision`.
    """
    known = {
        name: study for name, study in plan.studies.items() if all(hours[each] is not None for each in study.datasets)
    }
    return {
        name: _of_study(study, {each: hours[each] or 0.0 for each in study.datasets}, paces)
        for name, study in known.items()
    }


def core_seconds(plan: Plan, hours: Mapping[str, float | None], of_studies: Mapping[str, Duration]) -> float | None:
    """Return the seconds that one core needs for all, datasets once; None if a length is unknown."""
    if set(of_studies) < set(plan.studies) or any(hours[name] is None for name in plan.datasets):
        return None
    datasets = [(dataset, hours[name] or 0.0) for name, dataset in plan.datasets.items()]
    prepared = [_of_audio(dataset, length) for dataset, length in datasets]
    prepared += [_of_input(given, length) for dataset, length in datasets for given in dataset.inputs.values()]
    own = [
        each.core_seconds[stage] for each in of_studies.values() for stage in STAGES if stage not in ("audio", "slices")
    ]
    return _START + sum(prepared) + sum(own)


def _of_study(study: StudyPlan, hours: Mapping[str, float], paces: Mapping[str, Pace]) -> Duration:
    trainings = _trainings(study)
    on_gpu = dict.fromkeys(paces, GPU)
    return Duration(
        {
            "audio": sum(_of_audio(dataset, hours[name]) for name, dataset in study.datasets.items()),
            "slices": sum(_of_input(given, hours[given.dataset.name]) for given in _inputs(study)),
            "folds": 4 * _JOB * len(study.protocols),
            "train": sum(times * training_seconds(study, setting, paces) for setting, times in trainings),
            "tables": _EVALUATION,
            "figures": _FIGURE * len(study.figures),
            "report": _REPORT,
        },
        sum(times * training_seconds(study, setting, on_gpu) for setting, times in trainings),
    )


def _trainings(study: StudyPlan) -> list[tuple[Setting, int]]:
    """Return every setting that is trained, and how often."""
    settings = {(setting.model, setting.name): setting for setting in study.resolver.trained}
    often = Counter((run.model, run.setting) for run in study.runs)
    if study.search is not None and study.resolver.searched is not None:
        often[study.resolver.searched.model, study.resolver.searched.name] += study.search.n_trials
    return [(settings[each], times) for each, times in often.items()]


def training_seconds(study: StudyPlan, setting: Setting, paces: Mapping[str, Pace]) -> float:
    """Return the seconds of one training, of the start of its process, and of predicting what it was not trained on.

    A training that stops early takes less.
    """
    given, training = study.input_of(setting), setting.training
    protocol, count = study.protocols[setting.protocol], given.settings.segments.count
    slices = protocol.n_training_tracks * count
    others = max(0, protocol.n_tracks - protocol.n_training_tracks) * count
    entry = registry.describe(study.resolver.network(setting.model))
    if entry.is_estimator:
        return _TRAINING_JOB + _FITTING + _FITTING_SEGMENT * (slices + others)
    shape = segment_shape(given.settings)
    windows = 1
    if training.crop is not None and training.crop < shape[-1]:
        shape, windows = (*shape[:-1], training.crop), training.crop_windows
    size = sizes.scaled(entry, shape, setting.options)
    pace = paces[training.precision if training.precision in paces else "auto"]
    steps = training.epochs * (
        training.steps_per_epoch or max(training.min_steps_per_epoch, ceil(slices / training.batch))
    )
    valid = protocol.n_validation_tracks * count * training.epochs
    seen = others + valid + (slices if training.predict_training else 0)
    return (
        _TRAINING_JOB
        + pace.training(size, examples=steps * training.batch, steps=steps * training.accumulate)
        + pace.answering(size, seen * windows)
    )


def _inputs(study: StudyPlan) -> list[InputPlan]:
    """Return the inputs of a study, of all its datasets, each once."""
    plans = [*study.fed_inputs, *study.cross_datasets.values()]
    return list({given.index: given for given in plans}.values())


def _of_audio(dataset: DatasetPlan, hours: float) -> float:
    """Return the seconds of making and leveling the tracks of a dataset."""
    seconds, shards = 3600 * hours, len(dataset.shards)
    made = _recorded("synthesize_tracks", shards, dataset=dataset.name) or _JOB * shards + _SYNTHESIS * seconds
    leveled = _recorded("normalize_audio", shards, dataset=dataset.name) or _JOB * shards + _NORMALIZING * seconds
    return leveled + (made if dataset.is_synthetic else 0.0) + _JOB


def _of_input(given: InputPlan, hours: float) -> float:
    """Return the seconds of cutting an input; segments hold no more music than tracks."""
    shards = len(given.dataset.shards)
    rule = "embed_slices" if given.is_embedding else "cut_slices"
    if recorded := _recorded(rule, shards, **given.names):
        return recorded + _JOB
    segments = given.settings.segments.count * given.dataset.listed.num_rows * needed_seconds(given.settings)
    music = min(3600 * hours, segments)
    cost = sum(_CUTTING.get(kind, _OTHERWISE) for kind in _kinds(given.settings.front_end))
    return _JOB * (shards + 1) + music * cost


def _recorded(rule: str, shards: int, **names: str) -> float | None:
    """Return the seconds of a job for each shard, by those that ended before in this project; None without any."""
    folder = Path(layout.LOG[rule].format(**{"suffix": "", "shard": "", **names})).parent
    last = [
        ended[-1]
        for log in sorted(folder.glob("*.log"))
        if (ended := [each["seconds"] for each in costs.attempts(log) if each["done"]])
    ]
    return shards * sum(last) / len(last) if last else None


def _kinds(front_end: FrontEndSettings) -> Iterable[str]:
    return [part.kind for part in front_end.parts] if isinstance(front_end, Joined) else [front_end.kind]
