"""Initial weights."""

import math

import torch
from torch import nn


def keras_defaults(network: nn.Module) -> None:
    """Give every layer the initial weights that Keras 2.2 would.

    Convolutions and dense layers: Glorot uniform weights, zero biases. A layer that stands for a Keras layer of
    another shape says so by a property ``glorot_fans`` (fan in, fan out). Normalisation layers start as in torch.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            glorot_uniform_(layer.weight, *getattr(layer, "glorot_fans", _fans(layer.weight)))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def glorot_uniform_(weight: torch.Tensor, fan_in: int, fan_out: int) -> None:
    """Fill `weight` with U(-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16)."""
    limit = math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(weight, -limit, limit)


def _fans(weight: torch.Tensor) -> tuple[int, int]:
    receptive = weight[0, 0].numel()
    return weight.shape[1] * receptive, weight.shape[0] * receptive
