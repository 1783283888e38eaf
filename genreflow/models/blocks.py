"""Layers that several networks share.

Maps are [batch, channels, bands, time] or [batch, channels, time], sequences [batch, time, features]. A module that
has a `title` is one block in figures and tables, whatever it is made of.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

# Raise it when any shared layer (`genreflow.plan.stages.LAYERS`) would compute something else; networks are hashed.
STAGE_VERSION = 1

KERAS_BATCH_NORM = {"eps": 1e-3, "momentum": 0.01}


class _EarlyAverage(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation whose running statistics begin as the plain average of the batches so far.

    They start at mean 0 and variance 1, which decibels and the samples of waveforms are far from, and Keras's momentum
    leaves more than half of that start after 60 steps: a network that has learned its classes would still fail in
    evaluation. So the average is taken until `momentum` is the slower of the two, and from then on `momentum`.
    """

    def __init__(self, channels: int, *, eps: float, momentum: float) -> None:
        super().__init__(channels, eps=eps, momentum=momentum)
        self._slowest = momentum
        self._batches = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise `x`; in training, also learn its mean and variance."""
        if self.training:
            self._batches += 1
            self.momentum = max(self._slowest, 1 / self._batches)
        return super().forward(x)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self._batches = int(self.num_batches_tracked)  # counted beside it, as asking a GPU each step would be slow


class WarmupBatchNorm1d(_EarlyAverage, nn.BatchNorm1d):
    """For [batch, channels, time]; take `KERAS_BATCH_NORM`."""


class WarmupBatchNorm2d(_EarlyAverage, nn.BatchNorm2d):
    """For [batch, channels, bands, time]; take `KERAS_BATCH_NORM`."""


class InputNorm(WarmupBatchNorm2d):
    """Batch normalisation of a whole spectrogram as one channel, as Keras would: takes and returns [batch, ...]."""

    def __init__(self) -> None:
        super().__init__(1, **KERAS_BATCH_NORM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise `x`; in training, also learn its mean and variance."""
        return super().forward(x.flatten(1)[:, None, None]).reshape(x.shape)


class ConvBlock(nn.Sequential):
    """A convolution; then, as asked, batch normalisation, ReLU, pooling by maximum, dropout.

    Parameters
    ----------
    dims
        1 for [batch, channels, time], 2 for [batch, channels, bands, time].
    kernel, stride, pool
        One size for all axes, or one each.
    padding
        Zeros before and after; ``same`` for an output as long as the input.
    norm
        Batch normalisation before or after the ReLU, or none.
    norm_settings
        Of the batch normalisation: `KERAS_BATCH_NORM`, or torch's own.
    pool
        None: no pooling. It takes what fits and drops the rest.
    """

    _CONVOLUTIONS: ClassVar = {1: nn.Conv1d, 2: nn.Conv2d}
    _NORMS: ClassVar = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
    _KERAS_NORMS: ClassVar = {1: WarmupBatchNorm1d, 2: WarmupBatchNorm2d}
    _POOLS: ClassVar = {1: nn.MaxPool1d, 2: nn.MaxPool2d}

    def __init__(
        self,
        dims: Literal[1, 2],
        n_in: int,
        n_out: int,
        kernel: int | tuple[int, int],
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | Literal["same"] = 0,
        norm: Literal["none", "before", "after"] = "none",
        norm_settings: dict[str, float] | None = None,
        pool: int | tuple[int, int] | None = None,
        dropout: float = 0.0,
    ) -> None:
        norms = self._KERAS_NORMS if norm_settings else self._NORMS
        norm_layers = [] if norm == "none" else [norms[dims](n_out, **norm_settings or {})]
        super().__init__(
            self._CONVOLUTIONS[dims](n_in, n_out, kernel, stride=stride, padding=padding),
            *(norm_layers if norm == "before" else ()),
            nn.ReLU(),
            *(norm_layers if norm == "after" else ()),
            *([] if pool is None else [self._POOLS[dims](pool)]),
            *([nn.Dropout(dropout)] if dropout else []),
        )
        self._words = [f"conv {n_out} @ {size_text(kernel, dims)}"]
        self._words += [f"stride {size_text(stride, dims)}"] if stride != 1 else []
        self._words += ["BN"] if norm_layers else []
        self._words += [] if pool is None else [f"max {size_text(pool, dims)}"]

    @property
    def title(self) -> str:
        """What is drawn."""
        return ", ".join(self._words)


def size_text(size: int | tuple[int, ...], dims: int = 1) -> str:
    """Write the size of a kernel: ``3 × 3``."""
    return " × ".join(map(str, (size,) * dims if isinstance(size, int) else size))


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


def dense_head(sizes: Sequence[int], dropout: float) -> list[nn.Module]:
    """Return dense layers from the first of `sizes` to the last: dropout before each, ReLU between."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.ReLU()] if layers else []
        layers += [nn.Dropout(dropout), nn.Linear(n_in, n_out)]
    return layers
