"""Inputs brought to mean 0 and deviation 1 by what the training slices were like, as part of the network."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import nn

Standardisation = Literal["none", "global", "band", "element"]
_CHUNK = 256


class Standardised(nn.Module):
    """A network whose inputs are standardised first.

    The statistics are buffers: they are stored with the weights, and no test slice has a part in them.

    Parameters
    ----------
    network
        Takes float32 [batch, *shape].
    shape
        Of one input.
    how
        ``global``: one mean and deviation of all values; ``band``: one each row; ``element``: one each value.
    """

    def __init__(self, network: nn.Module, shape: tuple[int, ...], how: Standardisation) -> None:
        super().__init__()
        sizes = {"global": (1,) * len(shape), "band": (shape[0], *(1,) * (len(shape) - 1)), "element": shape}
        self.register_buffer("mean", torch.zeros(sizes[how]))
        self.register_buffer("deviation", torch.ones(sizes[how]))
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what the network makes of the standardised inputs."""
        return self.network((inputs - self.mean) / self.deviation)

    def fit(self, arrays: np.ndarray, places: np.ndarray, to_input: Callable[[np.ndarray], np.ndarray]) -> None:
        """Take the statistics of some of the stored slices [N, *shape], as `to_input` shows them to a network.

        What never varies is left at deviation 1. Along the last axis slices may be longer than what the network takes.
        """
        axes = (0, *(axis + 1 for axis, size in enumerate(self.mean.shape) if size == 1 and arrays.shape[axis + 1] > 1))
        mean = np.zeros(tuple(self.mean.shape))
        square = np.zeros_like(mean)
        for start in range(0, len(places), _CHUNK):
            chunk = to_input(arrays[places[start : start + _CHUNK]]).astype(np.float64)
            mean += chunk.sum(axis=axes).reshape(mean.shape)
            square += (chunk**2).sum(axis=axes).reshape(mean.shape)
        count = len(places) * arrays[:1].size / mean.size
        mean /= count
        deviation = np.sqrt(np.maximum(square / count - mean**2, 0))
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(np.where(deviation > 1e-6 * np.abs(mean) + 1e-12, deviation, 1)))


def standardised(network: nn.Module, shape: tuple[int, ...], how: Standardisation) -> nn.Module:
    """Return `network` behind its standardisation, or as it is for ``none``."""
    return network if how == "none" else Standardised(network, shape, how)
