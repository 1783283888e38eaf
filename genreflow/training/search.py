"""A search for the settings of a model: trials on inner folds, each of which follows from earlier ones alone.

A trial asks Optuna's TPE (Bergstra et al. 2011) for values, given the results of all trials up to the one `parallel`
before it, and a seed of its own. So its values do not depend on which other trials happen to be finished, and a search
that was killed goes on as if it had not been: the files of finished trials are all that it knows.
"""

import json
import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import torch
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial
from torch import nn

from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.folds.assign import assign
from genreflow.folds.roles import FINAL, TEST, TRAIN, VALIDATION
from genreflow.models import registry
from genreflow.project.specs import Dimension, SearchSpec, TrainingSpec
from genreflow.store.atomic import atomic_write
from genreflow.store.digest import digest
from genreflow.store.parquet import Header, read_frame, read_header, write_table
from genreflow.store.sealed import write_sealed
from genreflow.training.callbacks import Callback, ProgressTargets
from genreflow.training.data import SliceReader, SliceSet
from genreflow.training.device import choose_threads, device_name
from genreflow.training.loader import SliceLoader
from genreflow.training.objective import SingleLabel, objective
from genreflow.training.optimizers import OPTIMIZERS
from genreflow.training.predict import predict_proba
from genreflow.training.run import device_and_precision, fit_model, fold_tracks, groups_of
from genreflow.training.trials import (
    COMPLETE,
    DIVERGED,
    INVALID,
    LOSSES,
    PRUNED,
    choose,
    read_trial,
    with_values,
)

# Raise it when trials would try other values or get other scores.
STAGE_VERSION = 2

TRIALS = ["fold", "trial", "status", "score", "log_loss", "epochs", "seconds", "device", "values"]
_STARTUP = 10  # trials at random before the first that follows from others
_UNPRUNED = 5  # complete trials before any is pruned
_WARMUP = 0.25  # share of the epochs in which no trial is pruned


def inner_folds(
    folds: str | os.PathLike[str], index: str | os.PathLike[str], fold: str, spec: SearchSpec
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Divide the training tracks of a fold again; no other track of it is in the result.

    Returns
    -------
    table, facts
        A fold table, and the facts of its header: those of the outer one.

    Raises
    ------
    UserError
        When the training tracks cannot be divided.
    """
    tracks, _ = fold_tracks(folds, index, fold)
    groups = read_frame(folds, "folds", ["track_id", "group"]).drop_duplicates("track_id")
    own = tracks[tracks["role"] == TRAIN].merge(groups, on="track_id")
    if "label" not in own:
        own["label"] = ""
    try:
        return assign(own.filter(["track_id", "label", "tags", "group"]), spec.inner), read_header(folds).facts
    except UserError as error:
        raise UserError(
            f"search: the training tracks of fold {fold} cannot be divided into {spec.inner.count} inner folds. Set "
            f"search.folds lower. {error}"
        ) from None


def run_trial(
    spec: SearchSpec,
    number: int,
    *,
    fold: str,
    key: str,
    path: str | os.PathLike[str],
    shards: Sequence[str | os.PathLike[str]],
    index: str | os.PathLike[str],
    folds: str | os.PathLike[str],
    device: str = "auto",
    threads: int | None = None,
    memory_gb: float | None = None,
    progress: ProgressTargets | None = None,
) -> dict[str, Any]:
    """Train a model with some values on every inner fold, and write the result.

    Parameters
    ----------
    number
        Number of the trial, from 0.
    fold
        The outer fold.
    key
        The key of the trials.
    path
        Receives the result; the results of earlier trials lie beside it.
    shards, index, folds
        Tables of kind ``slices``, ``index`` and ``folds``: the inner folds.
    device, threads, memory_gb, progress
        See `genreflow.training.run.run_fold` and `genreflow.training.data.SliceReader`.

    Returns
    -------
    The content of the file.
    """
    begin, path = time.perf_counter(), Path(path)
    torch.set_num_threads(choose_threads(threads))
    earlier = [read_trial(path.with_name(f"{before:04}.json"), key) for before in range(number - spec.parallel + 1)]
    study = _study_of(spec, earlier, fold, number)
    trial = study.ask()
    values = {each.name: _suggest(trial, each) for each in spec.space}
    facts: dict[str, Any] = {"kind": "trial", "key": key, "fold": fold, "number": number, "values": values}
    steps: list[tuple[int, float]] = []
    try:
        tuned = with_values(spec.training, values)
    except UserError as error:
        facts |= {"status": INVALID, "message": str(error), "score": None, "log_loss": None, "epochs": 0, "device": ""}
    else:
        data = _FoldData(shards, index, folds, SliceReader(memory_gb))
        facts |= _trained(spec, tuned, trial, data, steps, device, progress or ProgressTargets())
    facts |= {"steps": steps, "seconds": time.perf_counter() - begin}
    return write_sealed(path, facts)


def write_best(
    spec: SearchSpec,
    paths: Sequence[str | os.PathLike[str]],
    *,
    fold: str,
    trial_key: str,
    key: str,
    best: str | os.PathLike[str],
    table: str | os.PathLike[str],
    journal: str | os.PathLike[str],
) -> dict[str, Any]:
    """Write the best values, a table of all trials (`TRIALS`), and a journal that Optuna's own tools can read."""
    trials = [read_trial(path, trial_key) for path in paths]
    chosen = choose(spec, trials)
    rows = [
        {**{name: trial[name] for name in TRIALS[2:-1]}, "fold": fold, "trial": trial["number"]}
        | {"values": json.dumps(trial["values"], sort_keys=True)}
        for trial in trials
    ]
    frame = pd.DataFrame(rows)[TRIALS].astype({"score": float, "log_loss": float})
    _write_journal(journal, spec, trials, fold)
    write_table(table, frame, Header("trials", key, facts={"metric": spec.metric}))
    facts = {"kind": "best", "key": key, "fold": fold, "metric": spec.metric}
    return write_sealed(best, facts | {name: chosen[name] for name in ("number", "values", "score", "log_loss")})


def track_scores(
    probabilities: np.ndarray, targets: np.ndarray, track_id: np.ndarray, n_outputs: int
) -> dict[str, float]:
    """Return the metrics of predictions: those of tracks by majority vote or, for tags, by mean probability.

    Parameters
    ----------
    probabilities, targets, track_id
        Of slices: float [n, K]; class, int [n], or tags, bool [n, K]; track.
    """
    goal = objective(targets, n_outputs)
    scores = {"log_loss": goal.loss_of(probabilities, targets)}
    number, tracks = pd.factorize(track_id, sort=True)
    first = np.unique(number, return_index=True)[1]
    means = np.zeros((len(tracks), n_outputs))
    np.add.at(means, number, probabilities)
    means /= np.bincount(number)[:, np.newaxis]
    if not isinstance(goal, SingleLabel):
        return scores | {"roc_auc": goal.accuracy(means, targets[first])}
    votes = np.zeros((len(tracks), n_outputs))
    np.add.at(votes, (number, probabilities.argmax(axis=1)), 1)
    right = (votes + means.clip(0, 1) / 2).argmax(axis=1) == targets[first]  # means decide between equal votes
    return scores | {
        "slice_accuracy": goal.accuracy(probabilities, targets),
        "track_accuracy": float(right.mean()),
    }


class _Pruned(Exception):
    """The trial is worse than the median of earlier ones."""


@dataclass(frozen=True)
class _FoldData:
    """The inner folds of a trial."""

    shards: Sequence[str | os.PathLike[str]]
    index: str | os.PathLike[str]
    folds: str | os.PathLike[str]
    reader: SliceReader

    def sets(self) -> Iterator[tuple[SliceSet, SliceSet, SliceSet]]:
        """Yield the training, validation and test slices of each inner fold."""
        names = [name for name in read_frame(self.folds, "folds")["fold"].astype(str).unique() if name != FINAL]
        for name in names:
            tracks, classes = fold_tracks(self.folds, self.index, name)
            listed = tracks.drop(columns=["role", "slice"], errors="ignore").sort_values("track_id", ignore_index=True)
            slices = self.reader.read(self.shards, listed, classes, Path(self.index).parent)
            train, validation, test = (slices.select(tracks[tracks["role"] == r]) for r in (TRAIN, VALIDATION, TEST))
            yield train, validation, test


class _Reports(Callback):
    """Scores the network on the inner test slices after each epoch, and ends a trial that is not worth its time."""

    def __init__(self, network: nn.Module, trial: "_Progress", test: SliceSet, spec: TrainingSpec, tried: int) -> None:
        self._network, self._trial, self._test, self._spec, self._tried = network, trial, test, spec, tried
        self._loader: SliceLoader | None = None

    def on_epoch_end(self, row: Mapping[str, Any]) -> None:
        """Report the score of an epoch."""
        if self._loader is None:
            self._loader = SliceLoader(self._test.arrays, next(self._network.parameters()).device)
        scores = _scores(self._network, self._test, self._spec.training, self._loader)
        self._trial.report(scores, self._tried, int(row["epoch"]))


class _Progress:
    """The scores of a trial so far, which decide whether it goes on."""

    def __init__(self, spec: SearchSpec, trial: optuna.Trial, steps: list[tuple[int, float]]) -> None:
        self._metric, self._prunes, self._trial, self._steps = spec.metric, spec.prune, trial, steps
        self._longest = _most_epochs(spec)
        self.scores: list[dict[str, float]] = []

    def report(self, scores: Mapping[str, float], tried: int, epoch: int) -> None:
        """Report scores after an epoch on an inner fold, with those of the folds before it."""
        value = float(np.mean([each[self._metric] for each in [*self.scores, scores]]))
        step = tried * self._longest + epoch
        self._steps.append((step, value))
        self._trial.report(value, step)
        if self._prunes and self._trial.should_prune():
            raise _Pruned


def _trained(
    spec: SearchSpec,
    tuned: TrainingSpec,
    trial: optuna.Trial,
    data: _FoldData,
    steps: list[tuple[int, float]],
    device: str,
    targets: ProgressTargets,
) -> dict[str, Any]:
    """Train on each inner fold in turn; return status, scores, epochs and device."""
    progress = _Progress(spec, trial, steps)
    chosen, precision = device_and_precision(tuned, device)
    is_estimator = registry.describe(tuned.network).is_estimator
    status, epochs = COMPLETE, 0
    try:
        for tried, (train, validation, test) in enumerate(data.sets()):
            callbacks = [] if is_estimator else [tried]
            fitted = fit_model(
                tuned, train, validation, groups=groups_of(data.folds), device=chosen, precision=precision,
                targets=replace(targets, name=f"{targets.name} inner fold {tried + 1}"),
                callbacks=lambda network, test=test, own=callbacks: [  # type: ignore[misc]
                    _Reports(network, progress, test, tuned, number) for number in own
                ],
            )  # fmt: skip
            epochs += len(fitted.trained.history)
            if fitted.trained.status == "diverged":
                status = DIVERGED
                break
            loader = SliceLoader(test.arrays, chosen)
            scores = _scores(fitted.network, test, tuned.training, loader)
            if is_estimator:
                progress.report(scores, tried, 1)
            progress.scores.append(scores)
    except _Pruned:
        status = PRUNED
    facts: dict[str, Any] = {
        "status": status, "epochs": epochs, "device": device_name(chosen), "folds": progress.scores
    }  # fmt: skip
    means: dict[str, float | None] = {"score": None, "log_loss": None}
    if status == COMPLETE:
        score, loss = (float(np.mean([each[key] for each in progress.scores])) for key in (spec.metric, "log_loss"))
        means |= {"score": score, "log_loss": loss}
    return facts | means


def _scores(network: nn.Module, part: SliceSet, training: TrainingSettings, loader: SliceLoader) -> dict[str, float]:
    probabilities = predict_proba(
        network, loader, rows=part.rows, crop=training.crop, windows=training.crop_windows, tags=part.is_tagged
    )
    return track_scores(probabilities, part.targets, part.frame["track_id"].to_numpy(), len(part.classes))


# ---- Optuna ----------------------------------------------------------------------------------------------------------


def _study_of(spec: SearchSpec, earlier: Sequence[Mapping[str, Any]], fold: str, number: int) -> optuna.Study:
    """Return a study, in memory, with the trials that a trial follows from; the next one has its number."""
    optuna.logging.set_verbosity(logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    seed = int(digest(spec.seed, fold, number, length=8), 16)
    warmup = int(_WARMUP * _most_epochs(spec))
    study = optuna.create_study(
        study_name="search",
        direction="minimize" if spec.metric in LOSSES else "maximize",
        sampler=optuna.samplers.TPESampler(n_startup_trials=_STARTUP, seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED, n_warmup_steps=warmup),
    )
    study.add_trials([_frozen(spec, trial) for trial in earlier])
    # Those between take their numbers, and nothing else: they may not be finished.
    study.add_trials([create_trial(state=TrialState.FAIL) for _ in range(len(earlier), number)])
    if number == 0 and (own := _own_values(spec)):
        study.enqueue_trial(own)
    return study


def _frozen(spec: SearchSpec, trial: Mapping[str, Any]) -> FrozenTrial:
    """Return a finished trial as Optuna has it; one that diverged or is invalid is worse than all others."""
    is_complete = trial["status"] == COMPLETE
    counts = trial["status"] in (COMPLETE, PRUNED)
    return create_trial(
        state=TrialState.COMPLETE if is_complete else TrialState.PRUNED,
        value=trial["score"] if is_complete else None,
        params=trial["values"],
        distributions={each.name: _distribution(each) for each in spec.space},
        intermediate_values=dict(trial["steps"]) if counts else {},
    )


def _own_values(spec: SearchSpec) -> dict[str, Any]:
    """Return the study's own values of the settings that are varied, where they are within the space."""
    training = spec.training.training
    given = training.model_dump() | dict(spec.training.options)
    if given["learning_rate"] is None:
        given["learning_rate"] = OPTIMIZERS[training.optimizer][1]["lr"]
    own = {}
    for each in spec.space:
        value = given[each.name]
        if each.values is not None:
            if value in each.values:
                own[each.name] = value
        elif isinstance(value, int | float) and each.low <= value <= each.high:
            own[each.name] = value
    return own


def _distribution(dimension: Dimension) -> BaseDistribution:
    if dimension.values is not None:
        return CategoricalDistribution(dimension.values)
    if dimension.is_whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(float(dimension.low), float(dimension.high), log=dimension.log)


def _suggest(trial: optuna.Trial, dimension: Dimension) -> Any:
    if dimension.values is not None:
        return trial.suggest_categorical(dimension.name, dimension.values)
    if dimension.is_whole:
        return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(dimension.name, float(dimension.low), float(dimension.high), log=dimension.log)


def _most_epochs(spec: SearchSpec) -> int:
    """Return the greatest number of epochs that a trial may have on an inner fold."""
    for each in spec.space:
        if each.name == "epochs":
            return int(max(each.values)) if each.values else int(each.high)
    return spec.training.training.epochs


def _write_journal(
    path: str | os.PathLike[str], spec: SearchSpec, trials: Sequence[Mapping[str, Any]], fold: str
) -> None:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    with atomic_write(path) as temporary:
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(temporary))),
            study_name=f"{spec.training.study} {spec.training.model} fold {fold}",
            direction="minimize" if spec.metric in LOSSES else "maximize",
        )
        study.add_trials([_frozen(spec, trial) for trial in trials])
