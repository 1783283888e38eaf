"""Optimisers with the defaults of Keras 2.2, which the studies used."""

from collections.abc import Iterable
from typing import Any, Literal

from torch import nn, optim

from genreflow.errors import UserError

# AdamW came later; its values here are Adam's.
OPTIMISERS: dict[str, tuple[type[optim.Optimizer], dict[str, Any]]] = {
    "adam": (optim.Adam, {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-7, "fused": True}),
    "adamw": (optim.AdamW, {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-7, "fused": True}),
    "adadelta": (optim.Adadelta, {"lr": 1.0, "rho": 0.95, "eps": 1e-7}),
    "adamax": (optim.Adamax, {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-7}),
    "sgd": (optim.SGD, {"lr": 1e-2, "momentum": 0.0}),
}

Decayed = Literal["weights", "all"]


def make_optimiser(
    name: str,
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float | None = None,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    decayed: Decayed = "weights",
    epsilon: float | None = None,
) -> optim.Optimizer:
    """Return the optimiser `name`.

    Parameters
    ----------
    learning_rate, epsilon
        In place of the defaults.
    momentum
        Of ``sgd``: Nesterov's.
    weight_decay
        With ``adamw`` a decay of the weights by this times the step size; with the others a gradient of this times
        the weights, that of the penalty weight_decay / 2 |w|^2.
    decayed
        ``weights``: neither biases nor what scales normalised values, as Keras's kernel regularisers; ``all``
        parameters, as torch does.

    Raises
    ------
    UserError
        When momentum is asked of an optimiser that has none of that kind.
    """
    if momentum and name != "sgd":
        raise UserError(f"momentum: {name} has no Nesterov momentum to set. Leave it out, or set `optimizer` to sgd.")
    kind, defaults = OPTIMISERS[name]
    given = {"lr": learning_rate, "eps": epsilon, "momentum": momentum or None, "nesterov": bool(momentum) or None}
    chosen = defaults | {key: value for key, value in given.items() if value is not None}
    return kind(_groups(parameters, weight_decay, decayed), weight_decay=0.0, **chosen)


def default_learning_rate(name: str) -> float:
    """Return the step size of the optimiser `name` where none is set."""
    return OPTIMISERS[name][1]["lr"]


def _groups(parameters: Iterable[nn.Parameter], weight_decay: float, decayed: Decayed) -> list[dict[str, Any]]:
    """Return the parameters in groups that are decayed alike."""
    parameters = list(parameters)
    if not weight_decay or decayed == "all":
        return [{"params": parameters, "weight_decay": weight_decay}]
    # Biases, and the scales of normalisation, are the vectors.
    weights, others = ([each for each in parameters if (each.dim() > 1) == is_weight] for is_weight in (True, False))
    groups = [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
