"""The penultimate layer of a network: the input of its last linear layer."""

from typing import Any

import torch
from torch import nn

from genreflow.errors import UserError


def penultimate(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return the input of the last linear layer of a network, float32 [batch, d]; means over time where it has one.

    The last layer is the one that is called last, whatever the order in which the layers were made.

    Raises
    ------
    UserError
        When the network has no linear layer.
    """
    fed: list[torch.Tensor] = []

    def keep(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        fed[:] = [arguments[0]]

    handles = [module.register_forward_pre_hook(keep) for module in network.modules() if isinstance(module, nn.Linear)]
    try:
        network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    if not fed:
        raise UserError("The network has no linear layer, so it has no penultimate one. Use the layer output.")
    [vectors] = fed
    while vectors.dim() > 2:
        vectors = vectors.mean(dim=1)
    return vectors.float()
