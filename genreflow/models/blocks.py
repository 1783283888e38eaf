"""Layers that several networks share, and their initial weights.

Maps are [batch, channels, bands, time] or [batch, channels, time], sequences [batch, time, features]. A module that
has a `title` is one block in figures and tables, whatever it is made of.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

# Raise it when any shared layer (`genreflow.plan.stages.LAYERS`) would compute something else; networks are hashed.
STAGE_VERSION = 1

Cell = Literal["rnn", "lstm", "gru"]


def single_precision(x: torch.Tensor) -> AbstractContextManager[Any]:
    """Return a context in which autocast leaves float32 as it is, on the device of `x`."""
    device = x.device.type
    # The meta device, on which layers are listed, has no autocast.
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class _WarmupBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalization with Keras's constants, whose running statistics begin as the average of the batches so far.

    Running statistics start at mean 0 and variance 1, far from those of decibels or samples, and Keras's momentum keeps
    more than half of that start after 60 steps: a network that has learned its classes would still fail in evaluation.
    So the plain average is taken until `momentum` is the slower of the two, and `momentum` from then on.
    """

    _MOMENTUM = 0.01

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=self._MOMENTUM)
        # Counted here as well as in `num_batches_tracked`, because reading that from a GPU each step would be slow.
        self._batches = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize `x`; in training, also update the running statistics."""
        if self.training:
            self._batches += 1
            self.momentum = max(self._MOMENTUM, 1 / self._batches)
        return super().forward(x)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        assert self.num_batches_tracked is not None
        self._batches = int(self.num_batches_tracked)


class WarmupBatchNorm1d(_WarmupBatchNorm, nn.BatchNorm1d):
    """Normalizes [batch, channels, time]."""


class WarmupBatchNorm2d(_WarmupBatchNorm, nn.BatchNorm2d):
    """Normalizes [batch, channels, bands, time]."""


class InputNorm(WarmupBatchNorm2d):
    """Batch normalization of a whole spectrogram [batch, bands, time] as one channel."""

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize `x`; in training, also update the running statistics."""
        return super().forward(x.flatten(1)[:, None, None]).reshape(x.shape)


class ConvBlock(nn.Sequential):
    """A convolution, then optional batch normalization, ReLU, optional max pooling, optional dropout.

    Parameters
    ----------
    dims
        1 for [batch, channels, time], 2 for [batch, channels, bands, time].
    kernel, stride, pool
        One size for all axes, or one for each. Pooling drops what fills no window.
    padding
        Zeros before and after; ``same`` for an output as long as the input.
    norm
        Place of the batch normalization: before or after the ReLU.
    keras_norm
        Batch normalization as in Keras (`WarmupBatchNorm1d`) instead of torch's own.
    """

    _LAYERS: ClassVar[dict[int, tuple[Any, ...]]] = {
        1: (nn.Conv1d, nn.MaxPool1d, nn.BatchNorm1d, WarmupBatchNorm1d),
        2: (nn.Conv2d, nn.MaxPool2d, nn.BatchNorm2d, WarmupBatchNorm2d),
    }

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
        keras_norm: bool = False,
        pool: int | tuple[int, int] | None = None,
        dropout: float = 0.0,
    ) -> None:
        convolution, max_pool, torch_batch_norm, keras_batch_norm = self._LAYERS[dims]
        layers: list[nn.Module] = [convolution(n_in, n_out, kernel, stride=stride, padding=padding), nn.ReLU()]
        if norm != "none":
            batch_norm = keras_batch_norm if keras_norm else torch_batch_norm
            layers.insert(1 if norm == "before" else 2, batch_norm(n_out))
        layers += [] if pool is None else [max_pool(pool)]
        layers += [nn.Dropout(dropout)] if dropout else []
        super().__init__(*layers)
        parts = [f"conv {n_out} @ {size_text(kernel, dims)}"]
        parts += [f"stride {size_text(stride, dims)}"] if stride != 1 else []
        parts += ["BN"] if norm != "none" else []
        parts += [] if pool is None else [f"max {size_text(pool, dims)}"]
        self.title = ", ".join(parts)


def size_text(size: int | tuple[int, ...], dims: int = 1) -> str:
    """Return the size of a kernel as text: ``3 × 3``."""
    return " × ".join(map(str, (size,) * dims if isinstance(size, int) else size))


class FullHeightConv(nn.Conv1d):
    """A 2-D convolution whose kernel spans the whole first axis: [batch, height, n] to [batch, out, n - kernel + 1].

    The rows are the channels of a 1-D convolution: the same outputs and parameters as ``Conv2d(1, out, (height,
    kernel))``, about twice as fast on a CPU. Initial weights follow the fans of the 2-D form.
    """

    @property
    def glorot_fans(self) -> tuple[int, int]:
        """Fan-in and fan-out of the 2-D convolution, for `keras_defaults`."""
        receptive = self.in_channels * self.kernel_size[0]
        return receptive, receptive * self.out_channels


class SameConv1d(nn.Conv1d):
    """A 1-D convolution whose output is as long as its input; an even kernel pads less before than after."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve [batch, in, n] to [batch, out, n]."""
        total = self.kernel_size[0] - 1
        return super().forward(functional.pad(x, (total // 2, total - total // 2)))


class Recurrent(nn.Module):
    """A recurrent layer over sequences [batch, time, features].

    Parameters
    ----------
    cell
        ``rnn`` is the plain one with tanh. Torch has two biases a gate; Keras's LSTM and RNN have one, see `one_bias`.
    returns
        ``sequence``: [batch, time, hidden]; ``last``: the last state [batch, hidden] of the top layer. If
        bidirectional, 2 x hidden: forward, then backward, whose last state is that of the first step.
    one_bias
        Freeze the second bias at zero, as Keras's LSTM has none.
    """

    def __init__(
        self,
        cell: Cell,
        n_in: int,
        hidden: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        returns: Literal["sequence", "last"] = "last",
        one_bias: bool = False,
    ) -> None:
        super().__init__()
        self.returns = returns
        kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.layer = kind(n_in, hidden, num_layers=layers, bidirectional=bidirectional, batch_first=True)
        self.title = f"{'Bi' * bidirectional}{cell.upper()} {hidden}{f', {layers} layers' if layers > 1 else ''}"
        self.sequence = returns == "sequence"
        if one_bias:
            for name, bias in self.layer.named_parameters():
                if name.startswith("bias_hh"):
                    nn.init.zeros_(bias.requires_grad_(False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return all outputs, or the last state, of sequences [batch, time, n_in]."""
        if x.device.type == "cpu":  # oneDNN has a bfloat16 LSTM only for processors with AVX-512
            with single_precision(x):
                outputs, state = self.layer(x.float())
        else:
            outputs, state = self.layer(x)
        if self.returns == "sequence":
            return outputs
        last = state[0] if isinstance(state, tuple) else state
        directions = 2 if self.layer.bidirectional else 1
        return torch.cat(tuple(last[-directions:]), dim=1)


class GlobalPool1d(nn.Module):
    """Mean, maximum or both of [batch, channels, n] over the last axis: [batch, features], the mean first."""

    def __init__(self, kind: Literal["max", "mean", "maxmean"]) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool `x`."""
        pooled = [x.mean(dim=-1)] if self.kind != "max" else []
        pooled += [x.amax(dim=-1)] if self.kind != "mean" else []
        return torch.cat(pooled, dim=1)

    def extra_repr(self) -> str:
        """Return the kind, for the printed form of a network."""
        return self.kind


def dense_head(sizes: Sequence[int], dropout: float) -> list[nn.Module]:
    """Return dense layers from the first of `sizes` to the last: dropout before each, ReLU between."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.ReLU()] if layers else []
        layers += [nn.Dropout(dropout), nn.Linear(n_in, n_out)]
    return layers


def keras_defaults(network: nn.Module) -> None:
    """Initialize every layer as Keras 2.2 does.

    Convolutions and dense layers: Glorot uniform weights, zero biases; a layer that stands for a Keras layer of another
    shape has a property ``glorot_fans`` (fan-in, fan-out). Recurrent layers: Glorot uniform input weights, over all
    gates together, orthogonal recurrent weights, zero biases, except 1 for an LSTM's forget gate. Normalization layers
    start as in torch.
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
            # Keras keeps the gates side by side, [hidden, gates x hidden], whose rows are orthonormal.
            nn.init.orthogonal_(weight)
        else:
            nn.init.zeros_(weight)
            if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                hidden = layer.hidden_size
                nn.init.ones_(weight[hidden : 2 * hidden])  # torch's order of gates: input, forget, cell, output
