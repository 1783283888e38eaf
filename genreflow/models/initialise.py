"""Initial weights."""

import math

import torch
from torch import nn


def keras_defaults(network: nn.Module) -> None:
    """Give every layer the initial weights that Keras 2.2 would.

    Convolutions and dense layers: Glorot uniform weights, zero biases. A layer that stands for a Keras layer of
    another shape says so by a property ``glorot_fans`` (fan in, fan out). Recurrent layers: Glorot uniform for what
    comes in, over all gates together, orthogonal for what comes back, zero biases but 1 for an LSTM's forget gate.
    Normalisation layers start as in torch.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            glorot_uniform_(layer.weight, *getattr(layer, "glorot_fans", _fans(layer.weight)))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.RNNBase):
            _keras_recurrent(layer)


def glorot_uniform_(weight: torch.Tensor, fan_in: int, fan_out: int) -> None:
    """Fill `weight` with U(-a, a), a = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16)."""
    limit = math.sqrt(6 / (fan_in + fan_out))
    nn.init.uniform_(weight, -limit, limit)


def _fans(weight: torch.Tensor) -> tuple[int, int]:
    receptive = weight[0, 0].numel()
    return weight.shape[1] * receptive, weight.shape[0] * receptive


def _keras_recurrent(layer: nn.RNNBase) -> None:
    for name, weight in layer.named_parameters():
        if name.startswith("weight_ih"):
            glorot_uniform_(weight, weight.shape[1], weight.shape[0])
        elif name.startswith("weight_hh"):
            # Keras keeps the gates side by side, [hidden, gates x hidden]: the rows of that are orthonormal.
            nn.init.orthogonal_(weight)
        else:
            nn.init.zeros_(weight)
            if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                hidden = layer.hidden_size
                nn.init.ones_(weight[hidden : 2 * hidden])  # torch's order of thresholds: input, forget, cell, output
