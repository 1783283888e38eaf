"""Optimisers and their step sizes in the course of a training."""

import math
from dataclasses import dataclass
from typing import Any

from torch import nn, optim

from genreflow.config.training import TrainingSettings
from genreflow.training.optimisers import Decayed, default_learning_rate, make_optimiser


@dataclass(frozen=True)
class Phase:
    """Epochs with the same optimiser and the same settings of it.

    Attributes
    ----------
    end
        The epoch before which it ends, counted from 0.
    optimizer, learning_rate, momentum, weight_decay, decayed, epsilon
        See `genreflow.training.optimisers.make_optimiser`.
    """

    end: int
    optimizer: str
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    decayed: Decayed = "weights"
    epsilon: float | None = None


def phases(settings: TrainingSettings) -> list[Phase]:
    """Return the phases of a training, the last of which ends with its last epoch."""
    if settings.schedule == "won2020":
        return _won2020(settings.epochs)
    return [
        Phase(
            end=settings.epochs,
            optimizer=settings.optimizer,
            learning_rate=settings.learning_rate or default_learning_rate(settings.optimizer),
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
    ]


def _won2020(epochs: int) -> list[Phase]:
    """Return the phases of Won et al. (2020): to 40, 50, 60 and 100 % of the epochs, 80, 100, 120 and 200 of 200.

    Rounded up, so that Adam comes first however few there are. Their code is torch's: its epsilon, and a decay of all
    parameters.
    """
    end_40, end_50, end_60 = (-(-tenths * epochs // 10) for tenths in (4, 5, 6))
    decay = {"weight_decay": 1e-4, "decayed": "all"}
    return [
        Phase(end_40, "adam", 1e-4, epsilon=1e-8, **decay),
        Phase(end_50, "sgd", 1e-3, momentum=0.9, **decay),
        Phase(end_60, "sgd", 1e-4, momentum=0.9, **decay),
        Phase(epochs, "sgd", 1e-5, momentum=0.9, **decay),
    ]


class Schedule:
    """The optimiser of a network, and its step size epoch by epoch and step by step.

    Of each epoch: `begin_epoch`; of each batch `zero_grad`, gradients, `step`; `after_epoch`.

    Parameters
    ----------
    settings
        Optimiser, step size and schedule.
    model
        What is trained.
    steps
        Of an epoch.
    """

    def __init__(self, settings: TrainingSettings, model: nn.Module, *, steps: int) -> None:
        self._settings, self._model, self._steps = settings, model, steps
        self._phases = phases(settings)
        self._phase = 0
        self._epoch = self._step = 0
        self._best, self._waited, self._reductions = -math.inf, 0, 0
        self.optimiser = self._make_optimiser()
        self._set_learning_rate()

    @property
    def learning_rate(self) -> float:
        """The size of the next step."""
        return self.optimiser.param_groups[0]["lr"]

    def begin_epoch(self, epoch: int) -> bool:
        """Go to the beginning of an epoch, counted from 0; tell whether to go back to the best weights so far.

        So it is where a phase begins, but for the first. An optimiser that stays in use keeps its momentum.
        """
        self._epoch, self._step = epoch, 0
        before = self._phase
        self._phase = next(number for number, phase in enumerate(self._phases) if epoch < phase.end)
        if self._phases[self._phase].optimizer != self._phases[before].optimizer:
            self.optimiser = self._make_optimiser()
        self._set_learning_rate()
        return self._phase != before

    def zero_grad(self) -> None:
        """Drop the gradients of the step before."""
        self.optimiser.zero_grad()

    def step(self) -> None:
        """Update the weights, and set the size of the next step."""
        self.optimiser.step()
        self._step += 1
        self._set_learning_rate()

    def after_epoch(self, watched: float) -> None:
        """Take note of how good the network is after an epoch; more is better, what is no number never is.

        With ``plateau``, the epochs to wait are counted anew after each smaller step, as in Keras.
        """
        if watched > self._best:
            self._best, self._waited = watched, 0
        else:
            self._waited += 1
        if self._waited == self._settings.plateau_patience:
            self._waited = 0
            self._reductions += 1
        self._set_learning_rate()

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on from here: numbers, and the optimiser's tensors, which are not copied."""
        return {
            "phase": self._phase,
            "epoch": self._epoch,
            "step": self._step,
            "best": self._best,
            "waited": self._waited,
            "reductions": self._reductions,
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was asked for."""
        self._phase, self._epoch, self._step = state["phase"], state["epoch"], state["step"]
        self._best, self._waited, self._reductions = state["best"], state["waited"], state["reductions"]
        self.optimiser = self._make_optimiser()
        self.optimiser.load_state_dict(state["optimiser"])

    def _make_optimiser(self) -> optim.Optimizer:
        phase = self._phases[self._phase]
        return make_optimiser(
            phase.optimizer,
            self._model.parameters(),
            learning_rate=phase.learning_rate,
            momentum=phase.momentum,
            weight_decay=phase.weight_decay,
            decayed=phase.decayed,
            epsilon=phase.epsilon,
        )

    def _set_learning_rate(self) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self._phases[self._phase].learning_rate * self._factor()

    def _factor(self) -> float:
        match self._settings.schedule:
            case "cosine":
                done = (self._epoch + self._step / self._steps) / self._settings.epochs
                return (1 + math.cos(math.pi * done)) / 2
            case "plateau":
                return self._settings.plateau_factor**self._reductions
        return 1.0
