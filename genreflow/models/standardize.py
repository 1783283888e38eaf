"""Standardization of inputs by statistics of the training slices, as part of the network."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import nn

Standardization = Literal["none", "global", "band", "element"]
_CHUNK = 256


class Standardized(nn.Module):
    """A network behind the standardization of its inputs to mean 0 and deviation 1.

    The statistics are buffers: they are stored with the weights, and no test slice has a part in them.

    Parameters
    ----------
    network
        Takes float32 [batch, *shape].
    shape
        Shape of one input.
    kind
        ``global``: one mean and deviation of all values; ``band``: one per row; ``element``: one per value.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, network: nn.Module, shape: tuple[int, ...], kind: Standardization) -> None:
        super().__init__()
        sizes = {"global": (1,) * len(shape), "band": (shape[0], *(1,) * (len(shape) - 1)), "element": shape}
        self.register_buffer("mean", torch.zeros(sizes[kind]))
        self.register_buffer("deviation", torch.ones(sizes[kind]))
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the network's logits for the standardized inputs."""
        return self.network((inputs - self.mean) / self.deviation)

    def fit(self, arrays: np.ndarray, rows: np.ndarray, to_input: Callable[[np.ndarray], np.ndarray]) -> None:
        """Compute the statistics of some rows of stored slices [N, *shape], which `to_input` makes inputs of.

        A value that never varies gets deviation 1. Along the last axis slices may be longer than the network's input.
        """
        axes = (0, *(axis + 1 for axis, size in enumerate(self.mean.shape) if size == 1 and arrays.shape[axis + 1] > 1))
        mean = np.zeros(tuple(self.mean.shape))
        square = np.zeros_like(mean)
        for start in range(0, len(rows), _CHUNK):
            chunk = to_input(arrays[rows[start : start + _CHUNK]]).astype(np.float64)
            mean += chunk.sum(axis=axes).reshape(mean.shape)
            square += (chunk**2).sum(axis=axes).reshape(mean.shape)
        count = len(rows) * arrays[:1].size / mean.size
        mean /= count
        deviation = np.sqrt(np.maximum(square / count - mean**2, 0))
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 1e-6 * np.abs(mean) + 1e-12, deviation, 1)))


def standardized(network: nn.Module, shape: tuple[int, ...], kind: Standardization) -> nn.Module:
    """Return `network` behind its standardization, or as it is for ``none``."""
    return network if kind == "none" else Standardized(network, shape, kind)
