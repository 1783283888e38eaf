"""One run: a model is trained on a fold, from slices to weights, history and predictions."""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from torch import nn

import genreflow
from genreflow.config.inputs import InputSettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN, VALIDATION
from genreflow.models import registry
from genreflow.models.standardize import Standardized, standardized
from genreflow.models.summary import layers, trainable_parameters
from genreflow.project.specs import TrainingSpec
from genreflow.store.atomic import write_bytes
from genreflow.store.digest import digest
from genreflow.store.parquet import Header, read_frame, read_header, write_table
from genreflow.store.runs import HISTORY, MODEL, PREDICTIONS, write_run
from genreflow.store.shards import as_fed
from genreflow.training import novelty
from genreflow.training.bundle import load_bundle
from genreflow.training.callbacks import Callback, Progress, ProgressTargets, catch_sigterm
from genreflow.training.checkpoint import Checkpoints
from genreflow.training.data import SliceReader, SliceSet
from genreflow.training.device import choose_device, choose_precision, choose_threads, device_name, random_state_kept
from genreflow.training.fine_tuning import FineTuning, head_of, take_weights
from genreflow.training.fit import fit
from genreflow.training.loop import Interrupted, Trained, steps_per_epoch, train
from genreflow.training.predict import predict_proba
from genreflow.training.pretrained import Pretrained, find_pretrained
from genreflow.training.tracking import Tracking

# Raise it when trained networks, their predictions or run.json would change.
STAGE_VERSION = 2


def run_fold(
    spec: TrainingSpec,
    *,
    fold: str,
    key: str,
    folder: str | os.PathLike,
    shards: Sequence[str | os.PathLike],
    index: str | os.PathLike,
    folds: str | os.PathLike,
    device: str = "auto",
    threads: int | None = None,
    reader: SliceReader | None = None,
    since: float | None = None,
    progress: ProgressTargets | None = None,
) -> dict[str, Any]:
    """Train or fit a model on one fold's training tracks, predict its other tracks, and write the products of a run.

    Parameters
    ----------
    spec
        The model and all its settings, which are kept in ``run.json``.
    fold
        ``1`` .. ``n``, predicted on role ``test``; or ``final``, predicted on role ``holdout``, which may be empty.
        Validation slices are predicted too if there are any, and training slices if `predict_training` is set.
    key
        The key of the products.
    folder
        Receives ``model.safetensors``, ``history.parquet``, ``predictions.parquet`` and, last, ``run.json``.
    shards, index, folds
        Tables of kind ``slices``, ``index`` and ``folds``.
    device, threads
        ``auto``, ``cpu``, ``cuda`` or ``mps``; upper bound of CPU threads, by default all. Estimators are fitted on
        the CPU.
    reader
        Reads the slices; by default one of its own.
    since
        Start of the process (Unix time), by default now; only the reported seconds depend on it.
    progress
        Where the training reports its progress.

    Returns
    -------
    The content of ``run.json``. On a CPU the same call with the same number of threads writes the same weights
    and predictions, byte for byte.

    Raises
    ------
    UserError
        When the fold has no training tracks, the tables do not fit together, or the model refuses its options.
    """
    begin = time.perf_counter()
    before = 0.0 if since is None else time.time() - since
    folder, training = Path(folder), spec.training
    torch.set_num_threads(choose_threads(threads))
    torch_device, precision = device_and_precision(spec, device)

    tracks, classes = fold_tracks(folds, index, fold)
    listed = tracks.drop(columns=["role", "slice"], errors="ignore").drop_duplicates("track_id")
    listed = listed.sort_values("track_id", ignore_index=True)
    slices = (reader or SliceReader()).read(shards, listed, classes, Path(index).parent)
    tested = HOLDOUT if fold == FINAL else TEST
    sets = {role: slices.select(tracks[tracks["role"] == role]) for role in (TRAIN, VALIDATION, tested)}
    train_set, validation_set, _ = sets.values()
    checkpoints = Checkpoints(folder, key)
    loaded = time.perf_counter()

    fitted = fit_model(
        spec, train_set, validation_set, groups=groups_of(folds), device=torch_device, precision=precision,
        checkpoints=checkpoints, targets=progress or ProgressTargets(),
    )  # fmt: skip
    network, trained = fitted.network, fitted.trained
    finished = time.perf_counter()
    predictions = [
        prediction_table(part, role, _probabilities(network, part, training, torch_device))
        for role, part in sets.items()
        if role == tested or (role == VALIDATION and len(part)) or (role == TRAIN and training.predict_training)
    ]
    predicted = time.perf_counter()

    write_bytes(folder / MODEL, weights_as_bytes(network))
    write_table(folder / HISTORY, trained.history, Header("history", key))
    write_table(
        folder / PREDICTIONS,
        pd.concat(predictions, ignore_index=True),
        Header("predictions", key, facts={"classes": list(classes), "tags": slices.is_tagged}),
    )
    facts = {
        "key": key,
        "study": spec.study,
        "fold": fold,
        "model": spec.network,
        "options": dict(spec.options),
        "training": training.model_dump(mode="json"),
        "init": fitted.init,
        "input": spec.input.model_dump(mode="json"),
        "audio": spec.audio.model_dump(mode="json"),
        "classes": list(classes),
        "tags": slices.is_tagged,
        "input_shape": list(fitted.shape),
        "status": trained.status,
        "epochs": len(trained.history),
        "kept_epoch": trained.kept_epoch,
        "resumed": trained.resumed,
        "chosen": trained.chosen,
        "parts": trained.parts,
        "steps": int(trained.history["steps"].sum()),
        "parameters": trainable_parameters(network),
        "layers": layers(fitted.core, fitted.shape),
        "device": device_name(torch_device),
        "precision": str(precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "dataset": _dataset_facts(tracks, sets),
        "training_profile": _training_profile(tracks, folds, train_set, spec.input, fitted.source),
        "seconds": {
            "start_to_first_step": before + fitted.built - begin + trained.first_step_seconds,
            "load": loaded - begin,
            "train": finished - fitted.built,
            "predict": predicted - finished,
            "total": time.perf_counter() - begin,
        },
        "machine": platform.node(),
        "versions": {
            "genreflow": genreflow.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    facts = write_run(folder, facts)
    checkpoints.clear()
    return facts


@dataclass(frozen=True)
class Fitted:
    """A trained or fitted model.

    Attributes
    ----------
    network, core
        The network with its standardization, if any, and without.
    shape
        Shape of its input.
    trained
        How the training went.
    built
        When it was built, by `time.perf_counter`.
    source, init
        The network that its training started from, and what a run records of that; None for random weights.
    """

    network: nn.Module
    core: nn.Module
    shape: tuple[int, ...]
    trained: Trained
    built: float
    source: Pretrained | None
    init: dict[str, Any] | None


def device_and_precision(spec: TrainingSpec, device: str) -> tuple[torch.device, torch.dtype]:
    """Return where a model is trained, and in what precision; estimators on the CPU in float32."""
    is_estimator = registry.describe(spec.network).is_estimator
    chosen = choose_device("cpu" if is_estimator else device)
    return chosen, choose_precision("float32" if is_estimator else spec.training.precision, chosen)


def fit_model(
    spec: TrainingSpec,
    train_set: SliceSet,
    validation_set: SliceSet,
    *,
    groups: pd.Series,
    device: torch.device,
    precision: torch.dtype,
    targets: ProgressTargets,
    checkpoints: Checkpoints | None = None,
    callbacks: Callable[[nn.Module], Sequence[Callback]] = lambda _: (),
) -> Fitted:
    """Build a model and train it, or fit it, to slices; the random state of the caller stays as it is.

    Parameters
    ----------
    groups
        Group of each track, by track id (`groups_of`).
    callbacks
        Returns what else is called after each epoch of a network, given the network.
    """
    training, classes = spec.training, train_set.classes
    shape = train_set.shape if training.crop is None else (*train_set.shape[:-1], training.crop)
    with random_state_kept(device):
        torch.manual_seed(training.seed)
        core = registry.build(spec.network, len(classes), input_shape=shape, **spec.options)
        network = standardized(core, shape, spec.input.standardize)
        source, fine_tuning = None, None
        if spec.pretrained is not None:
            source, fine_tuning = _start_from(spec, network, shape, classes)
        elif isinstance(network, Standardized):
            network.fit(train_set.arrays, train_set.rows, as_fed)
        built = time.perf_counter()
        if registry.describe(spec.network).is_estimator:
            threads = torch.get_num_threads()
            trained = fit(network, train_set, seed=training.seed, threads=threads, groups=groups)
        else:
            trained = _train(
                network, train_set, validation_set if len(validation_set) else None, training,
                device=device, precision=precision, front_end=spec.input.front_end, fine_tuning=fine_tuning,
                checkpoints=checkpoints, targets=targets, others=callbacks(network),
            )  # fmt: skip
    if fine_tuning is not None:
        fine_tuning.release()
    return Fitted(network, core, shape, trained, built, source, _init_facts(source, fine_tuning))


def _start_from(
    spec: TrainingSpec, network: nn.Module, shape: tuple[int, ...], classes: Sequence[str]
) -> tuple[Pretrained, FineTuning]:
    """Copy the weights that a specification names into a network; return their source, and what is trained of them."""
    assert spec.pretrained is not None
    source = find_pretrained(spec.pretrained.weights)
    if source.sha256 != spec.pretrained.sha256:
        raise UserError(f"{source.weights} was replaced since the run was planned. Run the same command again.")
    bundle = load_bundle(source.weights)
    if spec.training.keep_head and bundle.run["classes"] != list(classes):
        raise UserError("keep_head: the classes of init are others. Leave keep_head out.")
    with torch.random.fork_rng(devices=[]):
        wider = registry.build(spec.network, len(classes) + 1, input_shape=shape, **spec.options)
    head = head_of(network, standardized(wider, shape, spec.input.standardize))
    take_weights(network, bundle.model, head, keep_head=spec.training.keep_head)
    return source, FineTuning(network, spec.training, head)


def _init_facts(source: Pretrained | None, fine_tuning: FineTuning | None) -> dict[str, Any] | None:
    if source is None or fine_tuning is None:
        return None
    return source.record() | {"layers": fine_tuning.layers, "frozen": fine_tuning.frozen}


def _train(
    network: nn.Module,
    data: SliceSet,
    validation: SliceSet | None,
    training: TrainingSettings,
    *,
    targets: ProgressTargets,
    others: Sequence[Callback] = (),
    **arguments: Any,
) -> Trained:
    """Train a network and report its progress, until the training ends or SIGTERM arrives."""
    monitor = f"{'' if validation is None else 'validation_'}{training.monitor}"
    steps = steps_per_epoch(len(data), training)
    progress = Progress(
        training.epochs, steps, file=targets.file, terminal=targets.terminal, name=targets.name, monitor=monitor,
        following=targets.following,
    )  # fmt: skip
    with progress, ExitStack() as stack:
        callbacks: list[Callback] = [progress, *others]
        if targets.tracked is not None:
            callbacks.append(stack.enter_context(Tracking(targets.tracked)))
        should_stop = stack.enter_context(catch_sigterm())
        try:
            return train(
                network,
                data,
                training,
                validation=validation,
                callbacks=callbacks,
                should_stop=should_stop,
                **arguments,
            )
        except Interrupted:
            raise UserError("Interrupted; checkpoint saved. Run the same command to resume.") from None


def _probabilities(network: nn.Module, part: SliceSet, training: TrainingSettings, device: torch.device) -> np.ndarray:
    return predict_proba(
        network,
        part.arrays,
        device=device,
        rows=part.rows,
        crop=training.crop,
        windows=training.crop_windows,
        tags=part.is_tagged,
    )


def fold_tracks(folds: str | os.PathLike, index: str | os.PathLike, fold: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the tracks of a fold, and all classes or tags of the study in alphabetical order.

    One row per track, or per segment where segments are divided: ``track_id, role, slices, sha256``, ``slice`` for
    segments, and ``label`` or ``tags``.

    Raises
    ------
    UserError
        When there is no such fold, it has no training tracks, or one of its tracks is missing from the index.
    """
    facts = read_header(folds, "folds").facts
    table = read_frame(folds, "folds")
    table["fold"] = table["fold"].astype(str)
    labels = [] if facts["tags"] else ["label"]
    tracks = table.loc[table["fold"] == str(fold)].filter(["track_id", "slice", "role", *labels])
    if not (tracks["role"] == TRAIN).any():
        names = ", ".join(table["fold"].unique())
        raise UserError(f"{folds}: fold {fold!r} has no training tracks. Folds there: {names}.")
    indexed = read_frame(index, "index", ["track_id", "slices", "sha256", *(["tags"] if facts["tags"] else [])])
    joined = tracks.merge(indexed, on="track_id", how="left", validate="many_to_one")
    missing = joined.loc[joined["sha256"].isna(), "track_id"]
    if len(missing):
        raise UserError(
            f"{folds}: track {missing.iloc[0]} is not in {index} ({len(missing)} such). Delete the folds and run again."
        )
    joined["slices"] = joined["slices"].astype(int)
    if facts["tags"]:  # a protocol may have fewer tags than the dataset
        classes = set(facts["classes"])
        joined["tags"] = [[tag for tag in tags if tag in classes] for tags in joined["tags"]]
    return joined, tuple(facts["classes"])


def groups_of(folds: str | os.PathLike) -> pd.Series:
    """Return the group of each track of a fold table, by track id."""
    rows = read_frame(folds, "folds", ["track_id", "group"]).drop_duplicates("track_id")
    return rows.set_index("track_id")["group"]


def prediction_table(data: SliceSet, role: str, probabilities: np.ndarray) -> pd.DataFrame:
    """Return one row per slice: ``track_id, slice, start_s``, label or tags, ``role``, ``p0 .. pK-1`` (float32)."""
    columns = [f"p{number}" for number in range(len(data.classes))]
    frame = data.frame.assign(role=role)
    return frame.join(pd.DataFrame(probabilities, columns=columns, index=frame.index))


def weights_as_bytes(network: nn.Module) -> bytes:
    """Return a network's weights and running statistics in the safetensors format, the same bytes every time."""
    return safetensors.torch.save({name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()})


def _dataset_facts(tracks: pd.DataFrame, sets: Mapping[str, SliceSet]) -> dict[str, Any]:
    return {
        "tracks": {role: part.n_tracks for role, part in sets.items() if role != VALIDATION or len(part)},
        "slices": {role: len(part) for role, part in sets.items() if role != VALIDATION or len(part)},
        "training_tracks": digest(sorted(tracks.loc[tracks["role"] == TRAIN, "sha256"].unique())),
    }


def _training_profile(
    tracks: pd.DataFrame,
    folds: str | os.PathLike,
    data: SliceSet,
    settings: InputSettings,
    source: Pretrained | None,
) -> dict[str, Any]:
    groups = read_frame(folds, "folds", ["track_id", "group"]).drop_duplicates("track_id")
    trained = tracks.loc[tracks["role"] == TRAIN, ["track_id", "sha256"]].drop_duplicates("track_id")
    profile = novelty.fit_profile(data, trained.merge(groups, on="track_id"), settings)
    before = None if source is None else source.facts.get("training_profile")
    return profile if before is None else novelty.with_tracks_of(profile, before)
