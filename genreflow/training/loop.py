"""The training loop: plain torch, one array on the device, an end at the first non-finite loss."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from genreflow.config.training import MIN_STEPS_PER_EPOCH, TrainingSettings
from genreflow.store.shards import FULL_SCALE
from genreflow.training.batches import balanced_batches
from genreflow.training.data import SliceSet
from genreflow.training.optimisers import make_optimiser, make_schedule

# Asking a GPU for a value makes it wait, so losses are looked at only every so many steps.
CHECK_EVERY = 10


@dataclass(frozen=True)
class Trained:
    """What became of a training; the weights are in the model.

    Attributes
    ----------
    history
        A row a complete epoch: ``epoch, steps, loss, accuracy, seconds`` (training, slice level).
    status
        ``finished``, or ``diverged``: the loss or a weight was no finite number any more.
    kept_epoch
        The epoch whose weights the model has, counted from 1: the latest of those with the best training accuracy;
        0, the initial weights, if there was no finite epoch.
    first_step_seconds
        From the call to the end of the first step.
    """

    history: pd.DataFrame
    status: Literal["finished", "diverged"]
    kept_epoch: int
    first_step_seconds: float


def train(
    model: nn.Module,
    data: SliceSet,
    settings: TrainingSettings,
    *,
    device: torch.device,
    precision: torch.dtype,
    progress: Callable[[dict], None] | None = None,
) -> Trained:
    """Train `model` in place on all slices of `data`.

    The model is left with the weights of the epoch that had the best training accuracy, as in the psytrance study's
    code. With a constant step size the loss jumps now and then, and the last epoch may be one of those.

    Parameters
    ----------
    model
        Takes float32 [batch, *shape], returns logits [batch, K].
    device, precision
        See `genreflow.training.device`. The loss is computed in float32 in either precision.
    progress
        Called with each row of the history as it is made.
    """
    trainer = _Trainer(model, data, settings, device, precision)
    rows: list[dict] = []
    best, kept = _state(model), 0
    for epoch in range(settings.epochs):
        row = trainer.epoch(epoch)
        if row is None:
            break
        if row["accuracy"] >= max((earlier["accuracy"] for earlier in rows), default=0):
            best, kept = _state(model), row["epoch"]
        rows.append(row)
        if progress is not None:
            progress(row)
    model.load_state_dict(best)
    return Trained(
        history=pd.DataFrame(rows, columns=["epoch", "steps", "loss", "accuracy", "seconds"]),
        status="finished" if len(rows) == settings.epochs else "diverged",
        kept_epoch=kept,
        first_step_seconds=trainer.first_step_seconds,
    )


def steps_per_epoch(n_slices: int, settings: TrainingSettings) -> int:
    """Return the steps of an epoch: as set, or one pass over the slices, but at least `MIN_STEPS_PER_EPOCH`."""
    return settings.steps_per_epoch or max(MIN_STEPS_PER_EPOCH, math.ceil(n_slices / settings.batch))


class _Trainer:
    """A model, its data on its device, and its optimiser."""

    def __init__(
        self,
        model: nn.Module,
        data: SliceSet,
        settings: TrainingSettings,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.begin = time.perf_counter()
        self.first_step_seconds = math.nan
        self.model = model.to(device).train()
        self.settings, self.device, self.precision = settings, device, precision
        self.n_classes, self.classes_of_slices = len(data.classes), data.targets
        self.inputs = torch.from_numpy(data.arrays).to(device)
        self.targets = torch.from_numpy(data.targets).to(device)
        self.steps = steps_per_epoch(len(data), settings)
        self.optimiser = make_optimiser(settings.optimizer, model.parameters(), learning_rate=settings.learning_rate)
        self.schedule = make_schedule(settings.schedule, self.optimiser, steps=settings.epochs * self.steps)

    def epoch(self, epoch: int) -> dict | None:
        """Train one epoch, counted from 0; return its row of the history, None if it diverged."""
        begin = time.perf_counter()
        batches = self._batches(epoch)
        loss, correct = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        for number, batch in enumerate(batches, start=1):
            step_loss, step_correct = self._step(batch)
            loss += step_loss
            correct += step_correct
            if math.isnan(self.first_step_seconds):
                self._note_first_step(loss)
            # A sum stays non-finite once it is.
            if number % CHECK_EVERY == 0 and not torch.isfinite(loss):
                return None
        # The last step's loss was computed before its update, so the weights are looked at as well.
        if not torch.isfinite(loss) or not _is_finite(self.model):
            return None
        return {
            "epoch": epoch + 1,
            "steps": len(batches),
            "loss": loss.item() / len(batches),
            "accuracy": correct.item() / batches.numel(),
            "seconds": time.perf_counter() - begin,
        }

    def _batches(self, epoch: int) -> torch.Tensor:
        batches = balanced_batches(
            self.classes_of_slices,
            n_classes=self.n_classes,
            batch=self.settings.batch,
            steps=self.steps,
            epoch=epoch,
            seed=self.settings.seed,
        )
        return torch.from_numpy(batches).to(self.device)

    def _step(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the weights once; return the mean loss and the number of correct slices, on the device."""
        inputs, targets = self._inputs(batch), self.targets[batch]
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.model(inputs)
        loss = functional.cross_entropy(logits.float(), targets)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return loss.detach(), (logits.argmax(dim=1) == targets).sum()

    def _inputs(self, batch: torch.Tensor) -> torch.Tensor:
        """Return stored slices as the network sees them, as `genreflow.training.data.to_input` does."""
        stored = self.inputs[batch]
        return stored.float() if stored.is_floating_point() else stored.float() / FULL_SCALE

    def _note_first_step(self, loss: torch.Tensor) -> None:
        loss.item()  # waits for the GPU
        self.first_step_seconds = time.perf_counter() - self.begin


def _state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _is_finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values())
