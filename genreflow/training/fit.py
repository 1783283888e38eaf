"""Fitting an estimator to all training slices at once."""

import time

import numpy as np
import pandas as pd
from torch import nn

from genreflow.models.estimator import Estimator
from genreflow.models.standardize import Standardized
from genreflow.store.shards import as_fed
from genreflow.training.data import SliceSet
from genreflow.training.loop import HISTORY, Trained
from genreflow.training.predict import predict_proba

# Raise it when fitted estimators, their predictions or run.json would change.
STAGE_VERSION = 1


def fit(model: nn.Module, data: SliceSet, *, seed: int, threads: int) -> Trained:
    """Fit `model` in place to all slices of `data`; its history is one epoch of one step.

    Parameters
    ----------
    model
        A `genreflow.models.estimator.Estimator`, which may be `Standardized`.
    seed, threads
        Random seed; number of CPU threads, at most.
    """
    begin = time.perf_counter()
    inputs, core = as_fed(data.stored), model
    if isinstance(model, Standardized):
        inputs, core = (inputs - model.mean.numpy()) / model.deviation.numpy(), model.network
    assert isinstance(core, Estimator)
    core.fit(inputs, data.targets, groups=data.frame["track_id"].to_numpy(), seed=seed, threads=threads)
    seconds = time.perf_counter() - begin
    row = {"epoch": 1, "steps": 1, **_training_metrics(model, data), "seconds": seconds}
    history = pd.DataFrame([row]).reindex(columns=HISTORY)
    return Trained(history=history, status="finished", kept_epoch=1, first_step_seconds=seconds)


def _training_metrics(model: nn.Module, data: SliceSet) -> dict[str, float]:
    probabilities = predict_proba(model, data.arrays, rows=data.rows)
    of_labels = probabilities[np.arange(len(data)), data.targets]
    return {
        "loss": float(-np.log(of_labels).mean(dtype=np.float64)),
        "accuracy": float((probabilities.argmax(axis=1) == data.targets).mean()),
    }
