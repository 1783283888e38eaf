"""Optimisers with the defaults of Keras 2.2, which the studies used, and schedules of their step size."""

from collections.abc import Iterable
from typing import Any

from torch import nn, optim

OPTIMISERS: dict[str, tuple[type[optim.Optimizer], dict[str, Any]]] = {
    "adam": (optim.Adam, {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-7, "fused": True}),
    "adadelta": (optim.Adadelta, {"lr": 1.0, "rho": 0.95, "eps": 1e-7}),
    "adamax": (optim.Adamax, {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-7}),
    "sgd": (optim.SGD, {"lr": 1e-2, "momentum": 0.0}),
}


def make_optimiser(
    name: str, parameters: Iterable[nn.Parameter], *, learning_rate: float | None = None
) -> optim.Optimizer:
    """Return the optimiser `name`; `learning_rate` takes the place of its default."""
    kind, defaults = OPTIMISERS[name]
    return kind(parameters, **defaults | ({} if learning_rate is None else {"lr": learning_rate}))


def make_schedule(name: str, optimiser: optim.Optimizer, *, steps: int) -> optim.lr_scheduler.LRScheduler:
    """Return the schedule `name` over `steps` steps, to be advanced after each: ``constant``, or ``cosine`` to 0."""
    if name == "cosine":
        return optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=steps)
    return optim.lr_scheduler.ConstantLR(optimiser, factor=1)
