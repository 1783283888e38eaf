"""The training loop: plain torch, one array on the device, an end at the first non-finite loss."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import nn

from genreflow.config.inputs import FrontEnd
from genreflow.config.training import MIN_STEPS_PER_EPOCH, TrainingSettings
from genreflow.errors import UserError
from genreflow.training.augment import Augment
from genreflow.training.batches import draw, repeats
from genreflow.training.checkpoint import Checkpoints
from genreflow.training.crops import random_crops
from genreflow.training.data import SliceSet
from genreflow.training.feed import Feed
from genreflow.training.objective import objective
from genreflow.training.predict import predict_fed
from genreflow.training.schedules import Schedule

HISTORY = [
    "epoch", "steps", "loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds",
]  # fmt: skip
# Asking a GPU for a value makes it wait, so losses are looked at only every so many steps.
CHECK_EVERY = 10
# Of so many steps, what a step out of memory has changed can be undone; later it hardly happens.
_CAUTIOUS_STEPS = 2


class Interrupted(Exception):
    """The training was asked to stop; a checkpoint has been written."""


@dataclass(frozen=True)
class Trained:
    """What became of a training; the weights are in the model.

    Attributes
    ----------
    history
        A row a complete epoch, `HISTORY`; the validation columns are empty without validation tracks.
    status
        ``finished``; ``stopped``, as there was no more improvement; or ``diverged``: the loss or a weight was no
        finite number any more.
    kept_epoch
        The epoch whose weights the model has, counted from 1; 0, the initial weights, if there was no finite epoch.
    first_step_seconds
        From the call to the end of the first step.
    parts
        Parts that a batch was computed in, for lack of memory or because it was asked for.
    resumed
        How often the training went on from a checkpoint.
    """

    history: pd.DataFrame
    status: Literal["finished", "stopped", "diverged"]
    kept_epoch: int
    first_step_seconds: float
    parts: int = 1
    resumed: int = 0


def train(
    model: nn.Module,
    data: SliceSet,
    settings: TrainingSettings,
    *,
    device: torch.device,
    precision: torch.dtype,
    validation: SliceSet | None = None,
    front_end: FrontEnd | str = "logmel",
    checkpoints: Checkpoints | None = None,
    on_step: Callable[[int, int], None] = lambda _epoch, _step: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda _row: None,
    is_asked_to_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train `model` in place on all slices of `data`.

    Parameters
    ----------
    model
        Takes float32 [batch, *shape], returns logits [batch, K].
    device, precision
        See `genreflow.training.device`. The loss is computed in float32 in either precision.
    validation
        Slices of the same arrays that decide which epoch is the best, and when there is no more improvement; without
        them the training slices do. With a constant step size the loss jumps now and then, and the last epoch may be
        one of those.
    front_end
        What the values of a slice are, for augmentation.
    checkpoints
        Where the training's state is kept, and taken up if there is one.
    on_step
        Called after each step with its epoch and number, from 1.
    on_epoch
        Called with each row of the history as it is made.
    is_asked_to_stop
        Asked after every step; if so, a checkpoint is written and `Interrupted` raised.
    """
    trainer = _Trainer(model, data, validation, settings, front_end, device, precision)
    try:
        return trainer.run(checkpoints, _Listeners(on_step, on_epoch, is_asked_to_stop))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UserError(
            "Batch normalisation learns nothing from a single slice. Set `batch` to 2 or more (and to more than "
            "`accumulate`)."
        ) from error


def steps_per_epoch(n_slices: int, settings: TrainingSettings) -> int:
    """Return the steps of an epoch: as set, or one pass over the slices, but at least `MIN_STEPS_PER_EPOCH`."""
    return settings.steps_per_epoch or max(MIN_STEPS_PER_EPOCH, math.ceil(n_slices / settings.batch))


@dataclass(frozen=True)
class _Listeners:
    """Who is told, and who may stop a training."""

    on_step: Callable[[int, int], None]
    on_epoch: Callable[[dict[str, Any]], None]
    is_asked_to_stop: Callable[[], bool]


@dataclass
class _TrainState:
    """Where a training is: all that a checkpoint holds beside weights, optimiser and random numbers."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    hits: float = 0.0
    slices: int = 0
    seconds: float = 0.0
    best: float = -math.inf
    kept_epoch: int = 0
    improved_epoch: int = 0
    parts: int = 1
    resumed: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def stale(self) -> int:
        """Epochs since the last improvement."""
        return self.epoch - self.improved_epoch


class _Trainer:
    """A model, its data on its device, and its optimiser."""

    def __init__(
        self,
        model: nn.Module,
        data: SliceSet,
        validation: SliceSet | None,
        settings: TrainingSettings,
        front_end: FrontEnd | str,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.begin = time.perf_counter()
        self.first_step_seconds = math.nan
        self.model = model.to(device).train()
        self.data, self.validation = data, validation
        self.settings, self.device, self.precision = settings, device, precision
        self.feed = Feed(data.arrays, device)
        self.objective = objective(data.targets, len(data.classes))
        self.targets = self.objective.targets(torch.from_numpy(data.targets)).to(device)
        self.steps = steps_per_epoch(len(data), settings)
        self.augment = Augment(settings, front_end)
        self.schedule = Schedule(settings, model, steps=self.steps)
        self.standing = _TrainState(parts=settings.accumulate)
        self.best = _copy(model)
        self.steps_here = 0

    def run(self, checkpoints: Checkpoints | None, listeners: _Listeners) -> Trained:
        """Train to the end, from where a checkpoint says that it was."""
        if checkpoints is not None:
            self._resume(checkpoints.load())
        status = "finished"
        while self.standing.epoch < self.settings.epochs:
            if not self._epoch(checkpoints, listeners):
                status = "diverged"
                break
            self._close_epoch()
            listeners.on_epoch(self.standing.rows[-1])
            patience = self.settings.early_stopping_patience
            if patience is not None and self.standing.stale >= patience:
                status = "stopped"
                break
        if self.settings.restore_best or status == "diverged":
            self.model.load_state_dict(self.best)
        standing = self.standing
        return Trained(
            history=pd.DataFrame(standing.rows, columns=HISTORY),
            status=status,
            kept_epoch=standing.kept_epoch if self.settings.restore_best or status == "diverged" else standing.epoch,
            first_step_seconds=self.first_step_seconds,
            parts=standing.parts,
            resumed=standing.resumed,
        )

    def _epoch(self, checkpoints: Checkpoints | None, listeners: _Listeners) -> bool:
        """Train one epoch, or what is left of it; tell whether all is finite."""
        standing, begin = self.standing, time.perf_counter()
        if standing.step == 0 and self.schedule.begin_epoch(standing.epoch):
            self.model.load_state_dict(self.best)
        batches = draw(
            self.settings,
            self.data.targets,
            n_outputs=len(self.data.classes),
            steps=self.steps,
            epoch=standing.epoch,
        )
        again = repeats(batches)
        batches, again = batches[standing.step :], again[standing.step :]
        # Sums stay on the device: asking for them would make it wait.
        loss = torch.tensor(standing.loss, dtype=torch.float64).to(self.device, torch.float32)
        hits = torch.tensor(standing.hits, dtype=torch.float64).to(self.device, torch.float32)
        stored = self.feed.batches([self.data.places[each] for each in batches])
        for batch, nth, inputs in zip(batches, again, stored, strict=True):
            step_loss, step_hits = self._step(batch, nth, inputs)
            loss += step_loss
            hits += step_hits
            standing.step += 1
            standing.slices += len(batch)
            self.steps_here += 1
            if self.steps_here == 1:
                loss.item()  # waits for the GPU
                self.first_step_seconds = time.perf_counter() - self.begin
            # A sum stays non-finite once it is.
            if standing.step % CHECK_EVERY == 0 and not torch.isfinite(loss):
                return False
            listeners.on_step(standing.epoch + 1, standing.step)
            asked = listeners.is_asked_to_stop()
            if checkpoints is not None and (asked or checkpoints.is_due):
                standing.loss, standing.hits = loss.item(), hits.item()
                standing.seconds += time.perf_counter() - begin
                begin = time.perf_counter()
                checkpoints.save(self._state())
            if asked:
                raise Interrupted
        # The last step's loss was computed before its update, so the weights are looked at as well.
        standing.loss, standing.hits = loss.item(), hits.item()
        standing.seconds += time.perf_counter() - begin
        return math.isfinite(standing.loss) and _is_finite(self.model)

    def _close_epoch(self) -> None:
        """Note an epoch, and keep its weights if they are the best so far."""
        standing, begin = self.standing, time.perf_counter()
        row: dict[str, Any] = {
            "epoch": standing.epoch + 1,
            "steps": standing.step,
            "loss": standing.loss / standing.step,
            "accuracy": standing.hits / standing.slices,
            **self._validate(),
            "learning_rate": self.schedule.learning_rate,
        }
        prefix = "" if self.validation is None else "validation_"
        watched = row[f"{prefix}accuracy"] if self.settings.monitor == "accuracy" else -row[f"{prefix}loss"]
        standing.epoch += 1
        if watched > standing.best:
            standing.improved_epoch = standing.epoch
        if watched >= standing.best:  # of equally good ones the latest
            self.best, standing.best, standing.kept_epoch = _copy(self.model), watched, standing.epoch
        self.schedule.after_epoch(watched)
        standing.rows.append(row | {"seconds": standing.seconds + time.perf_counter() - begin})
        standing.step = standing.slices = 0
        standing.loss = standing.hits = standing.seconds = 0.0

    def _validate(self) -> dict[str, float]:
        if self.validation is None:
            return {"validation_loss": math.nan, "validation_accuracy": math.nan}
        probabilities = predict_fed(
            self.model,
            self.feed,
            self.validation.places,
            crop=self.settings.crop,
            windows=self.settings.crop_windows,
            tags=self.objective.tags,
        )
        self.model.train()
        targets = self.validation.targets
        return {
            "validation_loss": self.objective.loss_of(probabilities, targets),
            "validation_accuracy": self.objective.accuracy(probabilities, targets),
        }

    def _step(self, batch: np.ndarray, nth: np.ndarray, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the weights once; return the mean loss and the number of hits, on the device.

        `nth` tells how often each slice of the batch has come before in this epoch.
        """
        standing, seed, crop = self.standing, self.settings.seed, self.settings.crop
        targets = self.targets[torch.from_numpy(batch).to(self.device)]
        if crop is not None:
            inputs = random_crops(inputs, batch, crop, seed=seed, epoch=standing.epoch, repeats=nth)
        inputs, mixed = self.augment(inputs, targets, batch, epoch=standing.epoch, repeats=nth)
        undo = self._undo() if self.steps_here < _CAUTIOUS_STEPS else None
        while True:
            try:
                loss, hits = self._gradients(inputs, mixed, targets)
                break
            except (RuntimeError, MemoryError) as error:
                # A part of one would be too few for batch normalisation.
                if not _is_out_of_memory(error) or 4 * standing.parts > len(batch):
                    raise _too_large(error, self.settings.batch) from error
                standing.parts *= 2
                if undo is not None:
                    undo()
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
        self.schedule.step()
        return loss, hits

    def _gradients(
        self, inputs: torch.Tensor, mixed: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the gradients of a batch, part by part."""
        self.schedule.zero_grad()
        count = min(self.standing.parts, max(1, len(inputs) // 2))
        loss, hits = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        for part, wanted, true in zip(*(each.tensor_split(count) for each in (inputs, mixed, targets)), strict=True):
            with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                logits = self.model(part)
            part_loss = self.objective.loss(logits.float(), wanted) * (len(part) / len(inputs))
            part_loss.backward()
            loss += part_loss.detach()
            hits += self.objective.hits(logits.detach(), true)
        return loss, hits

    def _undo(self) -> Callable[[], None]:
        """Return what takes back what an unfinished step has changed: running statistics and random numbers."""
        buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        random = _random_state(self.device)

        def undo() -> None:
            for name, buffer in self.model.named_buffers():
                buffer.copy_(buffers[name])
            _set_random_state(random, self.device)

        return undo

    def _state(self) -> dict[str, Any]:
        return {
            "standing": asdict(self.standing),
            "weights": self.model.state_dict(),
            "best": self.best,
            "schedule": self.schedule.state_dict(),
            "random": _random_state(self.device),
        }

    def _resume(self, state: dict[str, Any] | None) -> None:
        """Go back to where a checkpoint was written."""
        if state is None:
            return
        self.standing = _TrainState(**state["standing"])
        self.standing.resumed += 1
        self.model.load_state_dict(state["weights"])
        self.best = {name: tensor.to(self.device) for name, tensor in state["best"].items()}
        self.schedule.load_state_dict(state["schedule"])
        _set_random_state(state["random"], self.device)


def _copy(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _is_finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values())


def _random_state(device: torch.device) -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def _set_random_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "not enough memory" in str(error)


def _too_large(error: BaseException, batch: int) -> BaseException:
    if not _is_out_of_memory(error):
        return error
    return UserError(f"Not even two slices of a batch of {batch} fit into memory: network or input are too large.")
