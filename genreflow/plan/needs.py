"""What jobs need of a machine: memory in MB and time in minutes, by the size of what they work on.

The figures are those of synthetic music on two cores, rounded up (docs/clusters.md). On one machine they decide
nothing; where jobs are sent to others, they get so much and no more.
"""

from math import prod

from genreflow.config.inputs import InputSettings
from genreflow.config.pipeline import PipelineSettings
from genreflow.config.training import MIN_STEPS_PER_EPOCH, TrainingSettings
from genreflow.features.shapes import segment_shape
from genreflow.models import registry
from genreflow.plan.datasets import DatasetPlan, InputPlan
from genreflow.plan.make import Plan
from genreflow.plan.studies import Setting, StudyPlan

_AUDIO_A_MINUTE = 60  # minutes of audio that are decoded in a minute, at least
_LEAST_RATE = 16_000  # bytes that a second of audio takes, in most files at least
_STORED_BYTES = 2  # of a value, in most inputs; the others are small
_PASSING_BYTES = 800  # that networks keep of a value on its way through them, at most
_VALUES_PER_MINUTE = 60e6  # that a network is trained on by two cores


def snakemake_mb(plan: Plan) -> float:
    """Return the memory of the two processes of Snakemake around a job on a cluster; each knows every track."""
    return 300 + sum(map(_tracks, plan.datasets.values())) / 100


def normalising_mb(settings: PipelineSettings) -> float:
    """Return the memory of decoding tracks side by side, or of one that takes as much as it may."""
    of_a_track = 150 + 35 * settings.audio.max_minutes
    return max(settings.limits.audio_threads * of_a_track, 150 + 1000 * settings.limits.track_memory_gb)


def normalising_minutes(dataset: DatasetPlan, shard: str, settings: PipelineSettings) -> float:
    """Return the time of decoding a shard, one track of which hangs the decoder, and is tried twice."""
    return _audio_minutes(dataset, shard) / _AUDIO_A_MINUTE + 2 * settings.limits.track_timeout / 60


def cutting_mb(given: InputPlan) -> float:
    """Return the memory of cutting a shard: one whole track, and all slices."""
    return 400 + 25 * given.dataset.audio.max_minutes + 2.5 * _slices_mb(given, given.dataset.shard_size)


def cutting_minutes(given: InputPlan, shard: str) -> float:
    """Return the time of cutting a shard."""
    return _audio_minutes(given.dataset, shard) / _AUDIO_A_MINUTE


def training_mb(study: StudyPlan, setting: Setting, settings: PipelineSettings) -> float:
    """Return the memory of a training: its slices, and what a batch takes on its way through the network."""
    given = study.input_of(setting)
    slices = _slices_mb(given, _tracks(given.dataset))
    if registry.describe(study.network(setting.model)).fits:
        return 1000 + 5 * slices
    together = setting.training.batch / setting.training.accumulate
    passing = 1e-6 * _PASSING_BYTES * together * _values_shown(given.settings, setting.training)
    return 1500 + min(slices, 1000 * settings.limits.memory_gb) + passing


def training_minutes(study: StudyPlan, setting: Setting) -> float:
    """Return the time of one training without a GPU."""
    given, training = study.input_of(setting), setting.training
    slices = _tracks(given.dataset) * given.settings.segments.count
    steps = training.steps_per_epoch or max(MIN_STEPS_PER_EPOCH, slices / training.batch)
    seen = training.epochs * steps * training.batch
    return 30 + seen * _values_shown(given.settings, training) / _VALUES_PER_MINUTE


def evaluating_mb(study: StudyPlan) -> float:
    """Return the memory of reading all predictions of a study."""
    given = study.main_input
    return 600 + 2e-3 * _tracks(given.dataset) * given.settings.segments.count * len(study.settings_of)


def tracks_mb(plan: Plan) -> float:
    """Return the memory of tables with a row for each track."""
    return 400 + sum(map(_tracks, plan.datasets.values())) / 10


def _tracks(dataset: DatasetPlan) -> int:
    return dataset.listed.num_rows


def _audio_minutes(dataset: DatasetPlan, shard: str) -> float:
    """Return how much audio there may be in a shard, by the sizes of its files."""
    longest = dataset.audio.max_minutes
    sizes = dataset.listed["bytes"].take(dataset.members[shard]).to_pylist()
    return sum(longest if size is None else min(longest, size / _LEAST_RATE / 60) for size in sizes)


def _slices_mb(given: InputPlan, tracks: int) -> float:
    values = given.settings.segments.count * prod(segment_shape(given.settings))
    return 1e-6 * _STORED_BYTES * values * tracks


def _values_shown(settings: InputSettings, training: TrainingSettings) -> int:
    """Return how many values of a slice a network is shown at a time."""
    *others, last = segment_shape(settings)
    return prod(others) * (training.crop or last)
