"""Layers that several networks share."""

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

KERAS_BATCH_NORM = {"eps": 1e-3, "momentum": 0.01}


class InputNorm(nn.BatchNorm2d):
    """Batch normalisation of a whole spectrogram as one channel, as Keras would.

    Takes and returns [batch, ...]. Keras lets the running statistics start at mean 0 and variance 1, which decibels
    are far from: after 60 steps more than half of that start would still be left. So the first steps take the plain
    average of the batches so far, until Keras's momentum of 0.99 is the slower of the two.
    """

    def __init__(self) -> None:
        super().__init__(1, **KERAS_BATCH_NORM)
        self._batches = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise `x`; in training, also learn its mean and variance."""
        if self.training:
            self._batches += 1
            self.momentum = max(KERAS_BATCH_NORM["momentum"], 1 / self._batches)
        return super().forward(x.flatten(1)[:, None, None]).reshape(x.shape)


class FullHeightConv(nn.Conv1d):
    """A 2-D convolution of one channel whose kernel spans the whole first axis: [batch, height, n] to 1-D maps.

    The rows are taken as the channels of a 1-D convolution: the same numbers and parameters as ``Conv2d(1, out,
    (height, kernel))``, about twice as fast on a CPU. Initial weights follow the fans of the 2-D form.
    """

    @property
    def glorot_fans(self) -> tuple[int, int]:
        """Fan in and fan out of the 2-D convolution."""
        receptive = self.in_channels * self.kernel_size[0]
        return receptive, receptive * self.out_channels


class SameConv1d(nn.Conv1d):
    """A 1-D convolution whose output is as long as its input; an even kernel pads less before than after."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve [batch, in, n] to [batch, out, n]."""
        total = self.kernel_size[0] - 1
        return super().forward(functional.pad(x, (total // 2, total - total // 2)))


class GlobalPool1d(nn.Module):
    """Mean, maximum or both over the last axis, the mean first: [batch, channels, n] to [batch, features]."""

    def __init__(self, kind: Literal["max", "mean", "maxmean"]) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool `x`."""
        parts = []
        if "mean" in self.kind:
            parts.append(x.mean(dim=-1))
        if "max" in self.kind:
            parts.append(x.amax(dim=-1))
        return torch.cat(parts, dim=1)

    def extra_repr(self) -> str:
        """Show the kind in the network's printed form."""
        return self.kind
