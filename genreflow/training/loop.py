"""The training loop: plain PyTorch, data on the device, a stop at the first non-finite loss."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.amp import GradScaler

from genreflow.config.inputs import FrontEndSettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.training.augment import Augment
from genreflow.training.callbacks import Callback
from genreflow.training.checkpoint import Checkpoints
from genreflow.training.data import SliceSet
from genreflow.training.device import (
    empty_cache,
    is_out_of_memory,
    missing_operations_named,
    random_state,
    set_random_state,
)
from genreflow.training.fine_tuning import FineTuning
from genreflow.training.loader import SliceLoader, random_crops
from genreflow.training.objective import objective
from genreflow.training.optimizers import Schedule
from genreflow.training.predict import predict_windows
from genreflow.training.sampling import epoch_batches, repeats

HISTORY = [
    "epoch", "steps", "loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds",
]  # fmt: skip
# Reading a value makes a GPU wait, so losses are checked only every so many steps.
CHECK_EVERY = 10
# First steps whose changes can be undone when memory runs out; later it hardly ever does.
_CAUTIOUS_STEPS = 2


class Interrupted(Exception):
    """The training stopped on request; its checkpoint has been written."""


@dataclass(frozen=True)
class Trained:
    """Result of a training; the weights are in the model.

    Attributes
    ----------
    history
        A row per complete epoch, columns `HISTORY`; the validation columns are empty without validation tracks.
    status
        ``finished``; ``stopped`` early for lack of improvement; or ``diverged``: the loss or a weight became
        non-finite.
    kept_epoch
        Epoch whose weights the model has, counted from 1; 0, the initial weights, if no epoch was finite.
    first_step_seconds
        Time from the call to the end of the first step.
    parts
        Parts that a batch was computed in, because of `accumulate` or for lack of memory.
    resumed
        Number of times that the training resumed from a checkpoint.
    chosen
        Options that were chosen by inner folds of the training tracks, by name.
    """

    history: pd.DataFrame
    status: Literal["finished", "stopped", "diverged"]
    kept_epoch: int
    first_step_seconds: float
    parts: int = 1
    resumed: int = 0
    chosen: dict[str, float] = field(default_factory=dict)


def train(
    model: nn.Module,
    data: SliceSet,
    settings: TrainingSettings,
    *,
    device: torch.device,
    precision: torch.dtype,
    validation: SliceSet | None = None,
    front_end: FrontEndSettings | str = "logmel",
    fine_tuning: FineTuning | None = None,
    checkpoints: Checkpoints | None = None,
    callbacks: Sequence[Callback] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train `model` in place on all slices of `data`.

    Parameters
    ----------
    model
        Takes float32 [batch, *shape], returns logits [batch, K].
    device, precision
        See `genreflow.training.device`. The loss is computed in float32 in either precision.
    validation
        Slices of the same arrays by which epochs are compared, for `restore_best` and early stopping; the training
        slices if not given. With a constant learning rate the loss jumps now and then, and the last epoch may be one
        of those.
    front_end
        Front-end of the slices, for augmentation.
    fine_tuning
        Which layers are trained, and in what steps, where the model has trained weights; else all alike.
    checkpoints
        Where the state of the training is saved, and resumed from if there is one.
    callbacks
        Called after each step and each epoch.
    should_stop
        Called after each step; if it returns True, a checkpoint is written and `Interrupted` raised.

    Raises
    ------
    Interrupted
        See `should_stop`.
    UserError
        When there is nothing to train on, a batch is too small for batch normalization, or two slices do not fit into
        memory.
    """
    trainer = _Trainer(
        model, data, validation, settings, front_end, device, precision, fine_tuning, checkpoints, callbacks,
        should_stop,
    )  # fmt: skip
    try:
        with missing_operations_named(device):
            return trainer.run()
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UserError(
            "Batch normalization needs more than one slice. Set `batch` to 2 or more (and to more than `accumulate`)."
        ) from error


def steps_per_epoch(n_slices: int, settings: TrainingSettings) -> int:
    """Return the steps of an epoch: the setting, or one pass over the slices, but at least `min_steps_per_epoch`."""
    return settings.steps_per_epoch or max(settings.min_steps_per_epoch, math.ceil(n_slices / settings.batch))


@dataclass
class _TrainState:
    """The counters of a training, which a checkpoint holds beside weights, optimizer and random states."""

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
    def epochs_without_improvement(self) -> int:
        """Epochs since the last improvement of the monitored value."""
        return self.epoch - self.improved_epoch


class _Trainer:
    """A model, its data on the device, and its optimizer."""

    def __init__(
        self,
        model: nn.Module,
        data: SliceSet,
        validation: SliceSet | None,
        settings: TrainingSettings,
        front_end: FrontEndSettings | str,
        device: torch.device,
        precision: torch.dtype,
        fine_tuning: FineTuning | None,
        checkpoints: Checkpoints | None,
        callbacks: Sequence[Callback],
        should_stop: Callable[[], bool],
    ) -> None:
        self.begin = time.perf_counter()
        self.first_step_seconds = math.nan
        self.model = model.to(device)
        self.data, self.validation = data, validation
        self.settings, self.device, self.precision, self.fine_tuning = settings, device, precision, fine_tuning
        self.checkpoints, self.callbacks, self.should_stop = checkpoints, callbacks, should_stop
        self.loader = SliceLoader(data.arrays, device)
        self.objective = objective(data.targets, len(data.classes))
        self.targets = self.objective.targets(torch.from_numpy(data.targets)).to(device)
        self.steps = steps_per_epoch(len(data), settings)
        self.augment = Augment(settings, front_end)
        scales = None if fine_tuning is None else fine_tuning.scales
        self.schedule = Schedule(settings, model, steps=self.steps, scales=scales)
        # Gradients below 6e-8 are 0 in float16, so the loss is scaled up, and the gradients are scaled back before they
        # are used. A step whose gradients overflow is left out, and the scale is halved.
        self.scaler = GradScaler(device.type, enabled=precision == torch.float16)
        self.state = _TrainState(parts=settings.accumulate)
        self.best = _copy(model)
        self.steps_here = 0

    def run(self) -> Trained:
        """Train to the end, from the last checkpoint if there is one."""
        if self.checkpoints is not None and (saved := self.checkpoints.load()) is not None:
            self._resume(saved)
        status = self._epochs()
        is_restored = self.settings.restore_best or status == "diverged"
        if is_restored:
            self.model.load_state_dict(self.best)
        state = self.state
        return Trained(
            history=pd.DataFrame(state.rows, columns=HISTORY),
            status=status,
            kept_epoch=state.kept_epoch if is_restored else state.epoch,
            first_step_seconds=self.first_step_seconds,
            parts=state.parts,
            resumed=state.resumed,
        )

    def _epochs(self) -> Literal["finished", "stopped", "diverged"]:
        patience = self.settings.early_stopping_patience
        while self.state.epoch < self.settings.epochs:
            if not self._epoch():
                return "diverged"
            self._end_epoch()
            for callback in self.callbacks:
                callback.on_epoch_end(self.state.rows[-1])
            if patience is not None and self.state.epochs_without_improvement >= patience:
                return "stopped"
        return "finished"

    def _epoch(self) -> bool:
        """Train one epoch, or the rest of it; return whether loss and weights are finite."""
        state, begin = self.state, time.perf_counter()
        if state.step == 0 and self.schedule.begin_epoch(state.epoch):
            self.model.load_state_dict(self.best)
        self._begin_training()
        n_outputs = len(self.data.classes)
        batches = epoch_batches(
            self.settings, self.data.targets, n_outputs=n_outputs, steps=self.steps, epoch=state.epoch
        )
        batches, repeated = batches[state.step :], repeats(batches)[state.step :]
        # Sums stay on the device: reading them would make it wait.
        loss, hits = (torch.tensor(each, dtype=torch.float32, device=self.device) for each in (state.loss, state.hits))
        stored = self.loader.batches([self.data.rows[batch] for batch in batches])
        for batch, nth, inputs in zip(batches, repeated, stored, strict=True):
            step_loss, step_hits = self._step(batch, nth, inputs)
            loss += step_loss
            hits += step_hits
            state.step += 1
            state.slices += len(batch)
            self.steps_here += 1
            if self.steps_here == 1:
                loss.item()  # waits for the GPU
                self.first_step_seconds = time.perf_counter() - self.begin
            # A sum stays non-finite once it is.
            if state.step % CHECK_EVERY == 0 and not torch.isfinite(loss):
                return False
            for callback in self.callbacks:
                callback.on_step_end(state.epoch + 1, state.step)
            is_stopping = self.should_stop()
            if self.checkpoints is not None and (is_stopping or self.checkpoints.is_due):
                state.loss, state.hits = loss.item(), hits.item()
                state.seconds += time.perf_counter() - begin
                begin = time.perf_counter()
                self.checkpoints.save(self._state_dict())
            if is_stopping:
                raise Interrupted
        # The last step's loss was computed before its update, so the weights are checked as well.
        state.loss, state.hits = loss.item(), hits.item()
        state.seconds += time.perf_counter() - begin
        return math.isfinite(state.loss) and _is_finite(self.model)

    def _end_epoch(self) -> None:
        """Add an epoch to the history, and keep its weights if they are the best so far."""
        state, begin = self.state, time.perf_counter()
        row: dict[str, Any] = {
            "epoch": state.epoch + 1,
            "steps": state.step,
            "loss": state.loss / state.step,
            "accuracy": state.hits / state.slices,
            **self._validate(),
            "learning_rate": self.schedule.learning_rate,
        }
        prefix = "" if self.validation is None else "validation_"
        monitored = row[f"{prefix}accuracy"] if self.settings.monitor == "accuracy" else -row[f"{prefix}loss"]
        state.epoch += 1
        if monitored > state.best:
            state.improved_epoch = state.epoch
        if monitored >= state.best:  # the latest of equally good ones
            self.best, state.best, state.kept_epoch = _copy(self.model), monitored, state.epoch
        self.schedule.end_epoch(monitored)
        state.rows.append(row | {"seconds": state.seconds + time.perf_counter() - begin})
        state.step = state.slices = 0
        state.loss = state.hits = state.seconds = 0.0

    def _validate(self) -> dict[str, float]:
        if self.validation is None:
            return {"validation_loss": math.nan, "validation_accuracy": math.nan}
        parts = predict_windows(
            self.model,
            self.loader,
            self.validation.rows,
            crop=self.settings.crop,
            windows=self.settings.crop_windows,
            tags=self.objective.tags,
        )
        targets = self.validation.targets
        windows = [torch.cat(window).numpy() for window in zip(*parts, strict=True)]
        return {
            # As in Won et al. (2020), the loss is the mean over windows, and accuracy that of their mean probability.
            "validation_loss": float(np.mean([self.objective.loss_of(window, targets) for window in windows])),
            "validation_accuracy": self.objective.accuracy(np.mean(windows, axis=0), targets),
        }

    def _begin_training(self) -> None:
        """Put the model into training mode for an epoch; callbacks and validation may have left it in another."""
        self.model.train()
        if self.fine_tuning is not None:
            self.fine_tuning.begin_epoch(self.state.epoch)
            self.fine_tuning.hold_statistics()

    def _step(self, batch: np.ndarray, nth: np.ndarray, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Update the weights once; return the mean loss and the number of hits, on the device.

        `nth` counts how often each slice of the batch came before in this epoch.
        """
        state, seed, crop = self.state, self.settings.seed, self.settings.crop
        targets = self.targets[torch.from_numpy(batch).to(self.device)]
        if crop is not None:
            inputs = random_crops(inputs, batch, crop, seed=seed, epoch=state.epoch, repeats=nth)
        inputs, mixed_targets = self.augment(inputs, targets, batch, epoch=state.epoch, repeats=nth)
        undo = self._undo() if self.steps_here < _CAUTIOUS_STEPS else None
        while True:
            try:
                loss, hits = self._backward(inputs, mixed_targets, targets)
                break
            except (RuntimeError, MemoryError) as error:
                # Each part needs two slices for batch normalization.
                if not is_out_of_memory(error) or 4 * state.parts > len(batch):
                    raise _too_large(error, self.settings.batch) from error
                state.parts *= 2
                if undo is not None:
                    undo()
                empty_cache(self.device)
        self.schedule.step(self.scaler)
        return loss, hits

    def _backward(
        self, inputs: torch.Tensor, mixed_targets: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the gradients of a batch, part by part; return its loss and hits."""
        self.schedule.zero_grad()
        count = min(self.state.parts, max(1, len(inputs) // 2))
        loss, hits = torch.zeros((), device=self.device), torch.zeros((), device=self.device)
        parts = (tensor.tensor_split(count) for tensor in (inputs, mixed_targets, targets))
        for part, part_mixed, part_targets in zip(*parts, strict=True):
            with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                logits = self.model(part)
            part_loss = self.objective.loss(logits.float(), part_mixed) * (len(part) / len(inputs))
            self.scaler.scale(part_loss).backward()
            loss += part_loss.detach()
            hits += self.objective.hits(logits.detach(), part_targets)
        return loss, hits

    def _undo(self) -> Callable[[], None]:
        """Return a function that restores the buffers and random states that an unfinished step has changed."""
        buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        random = random_state(self.device)

        def undo() -> None:
            for name, buffer in self.model.named_buffers():
                buffer.copy_(buffers[name])
            set_random_state(random, self.device)

        return undo

    def _state_dict(self) -> dict[str, Any]:
        return {
            "counters": asdict(self.state),
            "weights": self.model.state_dict(),
            "best": self.best,
            "schedule": self.schedule.state_dict(),
            "random": random_state(self.device),
            "scaler": self.scaler.state_dict(),
        }

    def _resume(self, saved: dict[str, Any]) -> None:
        """Restore a state that `_state_dict` returned."""
        self.state = _TrainState(**saved["counters"])
        self.state.resumed += 1
        self.model.load_state_dict(saved["weights"])
        self.best = {name: tensor.to(self.device) for name, tensor in saved["best"].items()}
        self.schedule.load_state_dict(saved["schedule"])
        if self.scaler.is_enabled() and saved.get("scaler"):  # not in those of other precisions
            self.scaler.load_state_dict(saved["scaler"])
        set_random_state(saved["random"], self.device)


def _copy(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _is_finite(model: nn.Module) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values())


def _too_large(error: BaseException, batch: int) -> BaseException:
    if not is_out_of_memory(error):
        return error
    return UserError(f"Not even two slices of a batch of {batch} fit into memory. Choose a smaller network or input.")
