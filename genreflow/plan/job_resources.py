"""Memory (MB) and time (minutes) of jobs, by the size of their inputs.

The constants were measured with synthetic music on two cores and rounded up (docs/clusters.md). On a single machine
they have no effect; on a cluster a job gets no more than this.
"""

from collections.abc import Callable
from math import prod
from typing import Any

from genreflow.config.inputs import INFORMED, InputSettings
from genreflow.config.pipeline import PipelineSettings
from genreflow.config.training import TrainingSettings
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import segment_shape
from genreflow.figures import style
from genreflow.figures.registry import Spec, entry_of
from genreflow.folds.feasibility import classes_of
from genreflow.models import registry
from genreflow.plan.datasets import DatasetPlan, InputPlan
from genreflow.plan.make import Plan
from genreflow.plan.search import SearchPlan
from genreflow.plan.settings import Setting
from genreflow.plan.studies import StudyPlan

Needed = float | Callable[[Any], float]

_AUDIO_A_MINUTE = 60  # minutes of audio decoded per minute, at least
_LEAST_RATE = 16_000  # bytes per second of audio, in most files at least
_STORED_BYTES = 2  # per value, in most inputs; the others are small
_PASSING_BYTES = 800  # kept by networks per input value, at most
_INFERENCE_BATCH = 64  # slices, at most
_VALUES_PER_MINUTE = 60e6  # of training on two cores


def growing(needed: Needed, extra: float, times: int = 1) -> Callable[[Any, int], float]:
    """Return a resource for a rule: a second attempt gets twice as much, a third three times.

    Parameters
    ----------
    needed
        A number, or a function of the wildcards.
    extra
        What is added to `times` times that.
    """

    def resource(wildcards: Any, attempt: int) -> float:
        amount = needed(wildcards) if callable(needed) else needed
        return attempt * round(times * amount + extra)

    return resource


def snakemake_mb(plan: Plan) -> float:
    """Return the memory of the two Snakemake processes around a job on a cluster; each plans for every track."""
    return 300 + sum(map(_tracks, plan.datasets.values())) / 100


def normalizing_mb(settings: PipelineSettings) -> float:
    """Return the memory of decoding tracks in parallel, or of one that takes as much as the limits allow."""
    of_a_track = 150 + 35 * settings.audio.max_minutes
    return max(settings.limits.audio_threads * of_a_track, 150 + 1000 * settings.limits.track_memory_gb)


def normalizing_minutes(dataset: DatasetPlan, shard: str, settings: PipelineSettings) -> float:
    """Return the time of decoding a shard with one track that hangs the decoder and is tried twice."""
    return _audio_minutes(dataset, shard) / _AUDIO_A_MINUTE + 2 * settings.limits.track_timeout / 60


def cutting_mb(given: InputPlan, shard: str) -> float:
    """Return the memory of cutting a shard: its longest track, and all slices."""
    longest = max(_track_minutes(given.dataset, shard), default=0)
    libraries = FrontEnd.of(given.settings.front_end).memory_mb
    if given.settings.segments.kind in INFORMED:
        libraries = max(libraries, 550)
    return libraries + 25 * longest + 2.5 * _slices_mb(given, len(given.dataset.members[shard]))


def cutting_minutes(given: InputPlan, shard: str) -> float:
    """Return the time of cutting a shard."""
    minutes = _audio_minutes(given.dataset, shard)
    return minutes / _AUDIO_A_MINUTE + minutes * FrontEnd.of(given.settings.front_end).load


def embedding_gpus(settings: PipelineSettings) -> int:
    """Return the GPUs of a job that computes embeddings: one where the settings name a kind of GPU, none by default.

    Most networks keep up with the decoding on a CPU, and shards on CPUs run side by side.
    """
    return int(settings.limits.device in ("cuda", "mps"))


def training_mb(study: StudyPlan, setting: Setting, settings: PipelineSettings) -> float:
    """Return the memory of a training: its slices, the activations of a batch, and its predictions."""
    given = study.input_of(setting)
    slices = _slices_mb(given, _tracks(given.dataset))
    if registry.describe(study.resolver.network(setting.model)).is_estimator:
        return 1000 + 5 * slices
    together = setting.training.batch / setting.training.accumulate
    passing = 1e-6 * _PASSING_BYTES * together * _values_fed(given.settings, setting.training)
    predicted = 1e-6 * _predicted_rows(study, setting, tested=False) * (150 + 16 * _n_classes(study, setting))
    return 900 + min(slices, 1000 * settings.limits.memory_gb) + passing + predicted


def training_minutes(study: StudyPlan, setting: Setting) -> float:
    """Return the time of one training without a GPU."""
    given, training = study.input_of(setting), setting.training
    slices = _tracks(given.dataset) * given.settings.segments.count
    steps = training.steps_per_epoch or max(training.min_steps_per_epoch, slices / training.batch)
    seen = training.epochs * steps * training.batch
    return 30 + seen * _values_fed(given.settings, training) / _VALUES_PER_MINUTE


def trial_minutes(study: StudyPlan, search: SearchPlan) -> float:
    """Return the time of a trial of a search, which trains on each inner fold."""
    return search.settings.folds * training_minutes(study, search.setting)


def network_threads(settings: PipelineSettings, cores: int | None, gpus: int) -> int:
    """Return the threads of a job that trains a network: as set, but of its share of the cores on several GPUs.

    Else the cores would be taken before the GPUs, and some of these would be idle.

    Parameters
    ----------
    cores, gpus
        What the jobs of this machine share; no cores on a cluster.
    """
    threads = settings.limits.train_threads
    return threads if cores is None or gpus < 2 else max(1, min(threads, cores // gpus))


def training_threads(study: StudyPlan, setting: Setting, settings: PipelineSettings, of_a_network: int) -> int:
    """Return the threads of one training, given those of a network (`network_threads`).

    Folds of an estimator share the threads and run side by side: much of its time is no parallel work.
    """
    threads = settings.limits.train_threads
    if not registry.describe(study.resolver.network(setting.model)).is_estimator:
        return of_a_network
    return max(1, threads // len(study.fold_names_of(setting.protocol)))


def duplicates_mb(dataset: DatasetPlan) -> float:
    """Return the memory of finding copies: the fingerprints of all tracks, and their index."""
    return 240 + 0.11 * _tracks(dataset)


def tracks_mb(*datasets: DatasetPlan) -> float:
    """Return the memory of tables with a row for each track of some datasets: indexes, folds, lists of files."""
    return 300 + 0.015 * sum(map(_tracks, datasets))


def mapping_mb(given: InputPlan) -> float:
    """Return the memory of a map: the summary of every track, t-SNE of some, and a part of a shard."""
    values = prod(segment_shape(given.settings)[:-1]) * 2
    members = len(given.dataset.tracks["tags"].dropna()) * _n_tags(given.dataset)
    return 350 + 1e-6 * (_tracks(given.dataset) * (40 * min(values, 256) + 1_000) + 12 * members) + _block_mb(given)


def describing_mb(study: StudyPlan) -> float:
    """Return the memory of describing a dataset: its tags, some clips, and a part of a shard."""
    tracks = _tracks(study.dataset)
    inputs = [study.input_plan(name) for name in study.settings.analysis]
    clips = max((min(1.05, _slices_mb(given, 1) / given.settings.segments.count) for given in inputs), default=0)
    blocks = max(map(_block_mb, inputs), default=0)
    return 480 + 1e-5 * tracks * _n_tags(study.dataset) + 2 * min(tracks, 500) * clips + blocks + 0.01 * tracks


def evaluating_mb(study: StudyPlan) -> float:
    """Return the memory of evaluating a study: the predictions of all its runs, and copies of those of one setting."""
    rows = {place: _predicted_rows(study, setting) for place, setting in study.resolver.cross_validated.items()}
    classes = {place: _n_classes(study, setting) for place, setting in study.resolver.cross_validated.items()}
    stored = sum(rows[place] * (80 + 4 * classes[place]) for place in rows)
    judged = max((rows[place] * (500 + 64 * classes[place]) for place in rows), default=0)
    return 350 + 1e-6 * (stored + judged) + _confusions_mb(study) + _areas_mb(study)


def drawing_mb(study: StudyPlan, spec: Spec) -> float:
    """Return the memory of drawing a figure: its canvas, and the tables that it is drawn from."""
    tables, reads = 0.004 * _tracks(study.dataset), entry_of(spec).reads
    numbers = [_n_classes(study, setting) for setting in study.resolver.cross_validated.values()]
    if "confusion" in reads:
        most = max(numbers, default=0)
        tables += (0.2 * most**2 if most <= style.MOST_CLASSES else 0) + 2 * _confusions_mb(study)
    if "spectrograms" in reads:
        tables += 200
    if "curves" in reads:
        tables += 0.1 * sum(numbers)
    if "predictions" in reads and study.headline is not None:
        setting = study.headline
        tables += 1e-6 * _predicted_rows(study, setting, tested=False) * (200 + 12 * _n_classes(study, setting))
    return 400 + tables


def reporting_mb(study: StudyPlan) -> float:
    """Return the memory of a report: its figures, the predictions of its setting, and its table of tracks."""
    needed = 350 + 2.5 * len(study.figures) + 0.005 * _tracks(study.dataset) + _confusions_mb(study)
    if study.headline is not None:
        rows = _predicted_rows(study, study.headline)
        needed += 1e-6 * rows * (400 + 20 * _n_classes(study, study.headline))
    return needed


def predicting_mb(study: StudyPlan, settings: PipelineSettings) -> float:
    """Return the memory of predicting files with the final model: one whole track, and the activations of a batch."""
    assert study.final is not None
    return inference_mb(study, study.final) + 25 * settings.audio.max_minutes


def judging_mb(study: StudyPlan, dataset: str) -> float:
    """Return the memory of testing the final model on another dataset: a shard of it, and all fingerprints."""
    assert study.final is not None
    given = study.cross_datasets[dataset]
    shard = _slices_mb(given, max(map(len, given.dataset.members.values()), default=0))
    own = study.protocols[study.final.protocol].dataset
    return inference_mb(study, study.final) + 3 * shard + duplicates_mb(own) + duplicates_mb(given.dataset)


def inference_mb(study: StudyPlan, setting: Setting) -> float:
    """Return the memory of a trained network and the activations of a batch."""
    return 500 + 1e-6 * _PASSING_BYTES * _INFERENCE_BATCH * _values_fed(
        study.input_of(setting).settings, setting.training
    )


def _tracks(dataset: DatasetPlan) -> int:
    return dataset.listed.num_rows


def _n_tags(dataset: DatasetPlan) -> int:
    """Return the number of classes or tags of a dataset."""
    return len(classes_of(dataset.tracks))


def _n_classes(study: StudyPlan, setting: Setting) -> int:
    """Return the number of classes or tags that the models of a setting predict."""
    return len(study.protocols[setting.protocol].classes)


def _predicted_rows(study: StudyPlan, setting: Setting, *, tested: bool = True) -> float:
    """Return the number of predictions that the runs of a setting store; with `tested` False, that one run does."""
    protocol, given = study.protocols[setting.protocol], study.input_of(setting)
    slices = protocol.n_tracks * given.settings.segments.count
    folds = protocol.folds
    share = folds.test + folds.valid if folds.scheme == "random" else 1 / len(folds.names)
    share *= 2 if folds.validation else 1
    share = 1 if setting.training.predict_training or folds.scheme == "given" else min(1, share)
    runs = len(folds.names) * study.settings.repeats if tested else 1
    final = slices * folds.holdout / max(1, protocol.n_tracks) if tested else 0
    return slices * share * runs + final


def _confusions_mb(study: StudyPlan) -> float:
    """Return the memory of the confusion matrices of all settings, of which non-zero cells are kept."""
    cells = sum(
        2 * min(_n_classes(study, setting) ** 2, 2 * _predicted_rows(study, setting))
        for setting in study.resolver.cross_validated.values()
    )
    return 3e-4 * cells


def _areas_mb(study: StudyPlan) -> float:
    """Return the memory of areas under the curves of tags, without each part of the tracks."""
    tagged = [each for each in study.resolver.cross_validated.values() if study.protocols[each.protocol].is_tagged]
    return max(
        (_tracks(study.dataset) * (0.02 + 4e-5 * _n_classes(study, each)) for each in tagged),
        default=0,
    )


def _block_mb(given: InputPlan) -> float:
    """Return the memory of the slices of a shard that are read together, stored and as float32."""
    return 6 * min(64 + _slices_mb(given, 1), _slices_mb(given, given.dataset.shard_size))


def _audio_minutes(dataset: DatasetPlan, shard: str) -> float:
    """Return the upper bound of the audio in a shard."""
    return sum(_track_minutes(dataset, shard))


def _track_minutes(dataset: DatasetPlan, shard: str) -> list[float]:
    """Return the upper bound of each track of a shard, by its file size or, if synthetic, by the settings."""
    longest = dataset.audio.max_minutes
    if isinstance(dataset.settings, Synthetic):
        return [min(longest, dataset.settings.seconds / 60)] * len(dataset.members[shard])
    sizes = dataset.listed["bytes"].take(dataset.members[shard]).to_pylist()
    return [longest if size is None else min(longest, size / _LEAST_RATE / 60) for size in sizes]


def _slices_mb(given: InputPlan, tracks: int) -> float:
    values = given.settings.segments.count * prod(segment_shape(given.settings))
    return 1e-6 * _STORED_BYTES * values * tracks


def _values_fed(settings: InputSettings, training: TrainingSettings) -> int:
    """Return the number of values of a slice, or crop, that a network is fed."""
    *others, last = segment_shape(settings)
    return prod(others) * (training.crop or last)
