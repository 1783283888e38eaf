"""Fitting a model to all training slices at once, for models that are not trained by gradient steps."""

import time

import numpy as np
import pandas as pd
import torch
from torch import nn

from genreflow.models.standardise import Standardised
from genreflow.store.shards import as_fed
from genreflow.training.data import SliceSet
from genreflow.training.loop import HISTORY, Trained
from genreflow.training.predict import predict_proba

# Raise it when fitted estimators, their predictions or run.json would change.
STAGE_VERSION = 1


def fit(
    model: nn.Module,
    data: SliceSet,
    *,
    seed: int,
    threads: int,
) -> Trained:
    """Fit `model` in place to all slices of `data`; its history is a single epoch of a single step.

    Parameters
    ----------
    model
        Has a method `fit` (see `genreflow.models.fitted`), or stands for one that has behind its standardisation.
    seed, threads
        Of what is drawn at random; most CPU threads.
    """
    begin = time.perf_counter()
    inputs, core = as_fed(data.stored), model
    if isinstance(model, Standardised):
        inputs, core = (inputs - model.mean.numpy()) / model.deviation.numpy(), model.network
    core.fit(inputs, data.targets, groups=data.frame["track_id"].to_numpy(), seed=seed, threads=threads)
    seconds = time.perf_counter() - begin
    row = {"epoch": 1, "steps": 1, **_on_training_slices(model, data), "seconds": seconds}
    history = pd.DataFrame([row]).reindex(columns=HISTORY)
    return Trained(history=history, status="finished", kept_epoch=1, first_step_seconds=seconds)


def _on_training_slices(model: nn.Module, data: SliceSet) -> dict[str, float]:
    probabilities = predict_proba(model, data.arrays, device=torch.device("cpu"), places=data.places)
    of_truth = probabilities[np.arange(len(data)), data.targets]
    return {
        "loss": float(-np.log(of_truth).mean(dtype=np.float64)),
        "accuracy": float((probabilities.argmax(axis=1) == data.targets).mean()),
    }
