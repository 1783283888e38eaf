"""Fitting an estimator to all training slices at once."""

import time

import pandas as pd
from torch import nn

from genreflow.models.estimator import Estimator
from genreflow.models.standardize import Standardized
from genreflow.store.shards import as_fed
from genreflow.training.data import SliceSet
from genreflow.training.loop import HISTORY, Trained
from genreflow.training.objective import objective
from genreflow.training.predict import predict_proba

# Raise it when fitted estimators, their predictions or run.json would change.
STAGE_VERSION = 2


def fit(model: nn.Module, data: SliceSet, *, seed: int, threads: int, groups: pd.Series | None = None) -> Trained:
    """Fit `model` in place to all slices of `data`; its history is one epoch of one step.

    Parameters
    ----------
    model
        A `genreflow.models.estimator.Estimator`, which may be `Standardized`.
    seed, threads
        Random seed; number of CPU threads, at most.
    groups
        Group of each track by its id, which is not divided where options are chosen; each track by itself if not given.
    """
    begin = time.perf_counter()
    inputs, core = as_fed(data.stored), model
    if isinstance(model, Standardized):
        inputs, core = (inputs - model.mean.numpy()) / model.deviation.numpy(), model.network
    assert isinstance(core, Estimator)
    tracks = data.frame["track_id"]
    core.fit(
        inputs,
        data.targets,
        groups=(tracks if groups is None else tracks.map(groups)).to_numpy(),
        tracks=tracks.to_numpy(),
        seed=seed,
        threads=threads,
    )
    seconds = time.perf_counter() - begin
    row = {"epoch": 1, "steps": 1, **_training_metrics(model, data), "seconds": seconds}
    history = pd.DataFrame([row]).reindex(columns=HISTORY)
    return Trained(
        history=history, status="finished", kept_epoch=1, first_step_seconds=seconds, chosen=dict(core.chosen)
    )


def _training_metrics(model: nn.Module, data: SliceSet) -> dict[str, float]:
    probabilities = predict_proba(model, data.arrays, rows=data.rows, tags=data.is_tagged)
    judge = objective(data.targets, len(data.classes))
    return {
        "loss": judge.loss_of(probabilities, data.targets),
        "accuracy": judge.accuracy(probabilities, data.targets),
    }
