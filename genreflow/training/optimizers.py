"""Optimizers with the defaults of Keras 2.2, which the studies used, and learning-rate schedules."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from torch import nn, optim
from torch.amp import GradScaler

from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError

# AdamW came later; its values here are Adam's.
OPTIMIZERS: dict[str, tuple[Callable[..., optim.Optimizer], dict[str, Any]]] = {
    "adam": (optim.Adam, {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-7, "fused": True}),
    "adamw": (optim.AdamW, {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-7, "fused": True}),
    "adadelta": (optim.Adadelta, {"lr": 1.0, "rho": 0.95, "eps": 1e-7}),
    "adamax": (optim.Adamax, {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-7}),
    "sgd": (optim.SGD, {"lr": 1e-2, "momentum": 0.0}),
}


class KerasAdam(optim.Adam):
    """Adam with epsilon where Keras 2 had it: «epsilon hat» of Kingma and Ba (2015), section 2.

    The step is ``lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)``. PyTorch adds epsilon to the corrected
    ``sqrt(v / (1 - b2^t))``, so that it has ``sqrt(1 - b2^t)`` of this effect: 1/32 in the first step.
    """

    def step(self, closure: Any = None) -> Any:
        """Update the weights, with the epsilon of this step; with float16, gradients that overflow are no step."""
        overflow = getattr(self, "found_inf", None)  # of torch.amp.GradScaler
        if overflow is not None and overflow.item():
            return None
        for group in self.param_groups:
            # In the group, so that they are saved and restored with it.
            epsilon, group["steps"] = group.setdefault("epsilon", group["eps"]), group.get("steps", 0) + 1
            group["eps"] = epsilon / math.sqrt(1 - group["betas"][1] ** group["steps"])
        return super().step(closure)


def make_optimizer(
    name: str,
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float | None = None,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    decayed: Literal["weights", "all"] = "weights",
    epsilon: float | None = None,
    keras_epsilon: bool = False,
    scales: Mapping[nn.Parameter, float] | None = None,
) -> optim.Optimizer:
    """Return the optimizer `name`.

    Parameters
    ----------
    learning_rate, epsilon
        Replace the defaults.
    keras_epsilon
        Whether ``adam`` is `KerasAdam`; of no effect on others.
    momentum
        Nesterov momentum of ``sgd``.
    weight_decay
        With ``adamw`` the weights decay by this times the learning rate; with the others this times the weights is
        added to the gradient, as of the penalty weight_decay / 2 |w|^2.
    decayed
        ``weights``: neither biases nor the scales of normalization, as Keras's kernel regularizers; ``all``
        parameters, as in torch.
    scales
        Share of the learning rate of each parameter, which its group has as ``scale``; 1 for all if not given.

    Raises
    ------
    UserError
        When the optimizer has no Nesterov momentum.
    """
    if momentum and name != "sgd":
        raise UserError(f"momentum: {name} has no Nesterov momentum to set. Leave it out, or set `optimizer` to sgd.")
    kind, defaults = OPTIMIZERS[name]
    given = {"lr": learning_rate, "eps": epsilon, "momentum": momentum or None, "nesterov": bool(momentum) or None}
    chosen = defaults | {key: value for key, value in given.items() if value is not None}
    by_scale: dict[float, list[nn.Parameter]] = {}
    for parameter in parameters:
        by_scale.setdefault(1.0 if scales is None else scales[parameter], []).append(parameter)
    groups = [
        group | {"scale": scale, "lr": scale * chosen["lr"]}
        for scale, members in by_scale.items()
        for group in _groups(members, weight_decay, decayed)
    ]
    if keras_epsilon and name == "adam":
        kind = KerasAdam
    return kind(groups, weight_decay=0.0, **chosen)


def _groups(parameters: list[nn.Parameter], weight_decay: float, decayed: str) -> list[dict[str, Any]]:
    """Return the parameters in groups of equal weight decay."""
    if not weight_decay or decayed == "all":
        return [{"params": parameters, "weight_decay": weight_decay}]
    # Biases and the scales of normalization are the vectors.
    weights, others = ([each for each in parameters if (each.dim() > 1) == is_weight] for is_weight in (True, False))
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


class Phase(NamedTuple):
    """Epochs up to, but without, `end` that share an optimizer and its options (see `make_optimizer`)."""

    end: int
    optimizer: str
    options: dict[str, Any]


def phases(settings: TrainingSettings) -> list[Phase]:
    """Return the phases of a training, the last of which ends with its last epoch."""
    if settings.schedule == "won2020":
        return _won2020(settings.epochs)
    options = {
        "learning_rate": settings.learning_rate or OPTIMIZERS[settings.optimizer][1]["lr"],
        "momentum": settings.momentum,
        "weight_decay": settings.weight_decay,
        "keras_epsilon": settings.keras_epsilon,
    }
    return [Phase(settings.epochs, settings.optimizer, options)]


def _won2020(epochs: int) -> list[Phase]:
    """Return the phases of Won et al. (2020), which end at 40, 50, 60 and 100 % of the epochs.

    The ends are rounded up, so that Adam comes first however few epochs there are. Epsilon, and the decay of all
    parameters, are torch's, which they used.
    """
    end_40, end_50, end_60 = (-(-tenths * epochs // 10) for tenths in (4, 5, 6))
    decay = {"weight_decay": 1e-4, "decayed": "all"}
    return [
        Phase(end_40, "adam", {"learning_rate": 1e-4, "epsilon": 1e-8, **decay}),
        Phase(end_50, "sgd", {"learning_rate": 1e-3, "momentum": 0.9, **decay}),
        Phase(end_60, "sgd", {"learning_rate": 1e-4, "momentum": 0.9, **decay}),
        Phase(epochs, "sgd", {"learning_rate": 1e-5, "momentum": 0.9, **decay}),
    ]


class Schedule:
    """The optimizer of a network, and its learning rate epoch by epoch and step by step.

    Call `begin_epoch`; for each batch `zero_grad` and `step`; then `end_epoch`.

    Parameters
    ----------
    settings
        Optimizer, learning rate and schedule.
    model
        The network.
    steps
        Steps per epoch.
    scales
        See `make_optimizer`.
    """

    _COUNTERS = ("_phase", "_epoch", "_step", "_best", "_waited", "_reductions")

    def __init__(
        self,
        settings: TrainingSettings,
        model: nn.Module,
        *,
        steps: int,
        scales: Mapping[nn.Parameter, float] | None = None,
    ) -> None:
        self._settings, self._model, self._steps, self._scales = settings, model, steps, scales
        self._phases = phases(settings)
        self._phase = 0
        self._epoch = self._step = 0
        self._best, self._waited, self._reductions = -math.inf, 0, 0
        self.optimizer = self._make_optimizer()
        self._set_learning_rate()

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step, of parameters whose scale is 1."""
        return self._phases[self._phase].options["learning_rate"] * self._factor()

    def begin_epoch(self, epoch: int) -> bool:
        """Begin an epoch, counted from 0; return whether to restore the best weights so far.

        That is so where a phase begins, except the first. An optimizer that stays in use keeps its momentum.
        """
        self._epoch, self._step = epoch, 0
        before = self._phase
        self._phase = next(number for number, phase in enumerate(self._phases) if epoch < phase.end)
        if self._phases[self._phase].optimizer != self._phases[before].optimizer:
            self.optimizer = self._make_optimizer()
        self._set_learning_rate()
        return self._phase != before

    def zero_grad(self) -> None:
        """Reset the gradients."""
        self.optimizer.zero_grad()

    def step(self, scaler: GradScaler | None = None) -> None:
        """Update the weights and the learning rate; `scaler` is what the gradients were scaled with, if they were."""
        if scaler is None:
            self.optimizer.step()
        else:
            scaler.step(self.optimizer)
            scaler.update()
        self._step += 1
        self._set_learning_rate()

    def end_epoch(self, monitored: float) -> None:
        """Update the learning rate, given the monitored value of the epoch; greater is better, NaN never is.

        With ``plateau``, the count of epochs without improvement restarts after each reduction, as in Keras.
        """
        if monitored > self._best:
            self._best, self._waited = monitored, 0
        else:
            self._waited += 1
        if self._waited == self._settings.plateau_patience:
            self._waited = 0
            self._reductions += 1
        self._set_learning_rate()

    def state_dict(self) -> dict[str, Any]:
        """Return the state to resume from: numbers, and the optimizer's tensors, which are not copied."""
        return {name: getattr(self, name) for name in self._COUNTERS} | {"optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state that `state_dict` returned."""
        for name in self._COUNTERS:
            setattr(self, name, state[name])
        self.optimizer = self._make_optimizer()
        self.optimizer.load_state_dict(state["optimizer"])

    def _make_optimizer(self) -> optim.Optimizer:
        phase = self._phases[self._phase]
        return make_optimizer(phase.optimizer, self._model.parameters(), scales=self._scales, **phase.options)

    def _set_learning_rate(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * group["scale"]

    def _factor(self) -> float:
        match self._settings.schedule:
            case "cosine":
                done = (self._epoch + self._step / self._steps) / self._settings.epochs
                return (1 + math.cos(math.pi * done)) / 2
            case "plateau":
                return self._settings.plateau_factor**self._reductions
        return 1.0
