"""Filter visualization by activation maximization: inputs that activate a channel of a convolution most.

Gradient ascent on the input starts from the same noise for every channel (Erhan et al. 2009). Inputs are expressed in
standard deviations from the mean of real slices, band by band. They stay within the range of real slices and decay
towards their mean, so that a picture shows what a channel responds to and not how long the ascent was.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
import torch
from torch import nn
from torch.nn import functional

from genreflow.config.inputs import read_front_end
from genreflow.datasets.index import shard_files
from genreflow.errors import UserError
from genreflow.folds.roles import TRAIN
from genreflow.store.shards import as_fed
from genreflow.training.bundle import load_bundle
from genreflow.training.data import load_slices
from genreflow.training.device import choose_threads
from genreflow.training.run import fold_tracks

# Raise it when the inputs that filters respond to would change.
STAGE_VERSION = 1

COLUMNS = ["layer", "module", "channel", "spread", "before", "after"]
# Channels per layer that are shown, and real slices by which they are chosen and scaled.
CHANNELS = 8
SLICES = 64


@dataclass(frozen=True)
class Ascent:
    """Settings of the gradient ascent; lengths are root mean squares, in standard deviations of real slices.

    Attributes
    ----------
    steps
        Number of steps.
    step
        Length of each step, whatever the size of the gradient.
    decay
        Share of the distance from the mean that each step removes. Inputs end about ``step / decay`` from the mean.
    blur
        Share of each value that each step replaces with the mean of its 3 x 3 neighbors.
    seed
        Seed of the noise.
    """

    steps: int = 100
    step: float = 0.1
    decay: float = 0.05
    blur: float = 0.1
    seed: int = 0


def visualize_filters(
    model: str | os.PathLike[str],
    *,
    index: str | os.PathLike[str],
    folds: str | os.PathLike[str],
    threads: int | None = None,
) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    """Return the inputs that activate the filters of a trained network most, computed on the CPU.

    Parameters
    ----------
    model
        ``model.safetensors`` of a run, or the run's folder.
    index, folds
        The tables that it was trained by. Its training slices are the real inputs.
    threads
        CPU threads, at most; all if not given. The result is bit for bit the same for the same number.

    Returns
    -------
    rows, arrays, facts
        Rows and arrays of `maximize_activations`; and ``model, shape, dtype, front_end``, with ``average`` and
        ``deviation`` of real slices in each band, relative to which patterns are seen best.

    Raises
    ------
    UserError
        When the model does not take a spectrogram, or has no convolutions.
    """
    bundle = load_bundle(model)
    front_end = bundle.run["input"]["front_end"]
    if read_front_end(front_end).axes != ("band", "time"):
        raise UserError(
            f"{model}: filters are shown for models of log-mel or STFT spectrograms, and {bundle.run['model']} is fed "
            f"{front_end['kind']}. Leave `filters` out of the study."
        )
    torch.set_num_threads(choose_threads(threads))
    slices = _training_slices(bundle.run, index, folds)
    try:
        rows, arrays = maximize_activations(bundle.model, slices)
    except UserError as error:
        raise UserError(f"{model}: {bundle.run['model']}: {error} Leave `filters` out of the study.") from None
    statistics = _BandStatistics.of(torch.from_numpy(slices))
    return rows, arrays, {
        "model": bundle.run["model"],
        "shape": list(arrays.shape[1:]),
        "dtype": arrays.dtype.name,
        "front_end": front_end,
        "average": statistics.mean.flatten().tolist(),
        "deviation": statistics.deviation.flatten().tolist(),
    }  # fmt: skip


def maximize_activations(
    network: nn.Module, slices: np.ndarray, *, channels: int = CHANNELS, ascent: Ascent = Ascent()
) -> tuple[pd.DataFrame, np.ndarray]:
    """Find the inputs that activate channels of each convolution most.

    The activation of a channel is the mean over all positions of the output of its convolution, before normalization
    and ReLU. Of each convolution those channels are shown whose activations on real slices vary most, and differently.

    Parameters
    ----------
    network
        In evaluation mode; takes float32 [batch, bands, frames].
    slices
        Real inputs, float32 [n, bands, frames].
    channels
        Channels per convolution, at most.
    ascent
        Settings of the gradient ascent.

    Returns
    -------
    rows, arrays
        A row per channel, `COLUMNS`: ``layer`` numbers the convolutions in the order of their calls (``conv 1``),
        ``module`` is the name in the network, ``spread`` the standard deviation of the activation over real slices,
        ``before`` and ``after`` the activations by the noise and by the final input. And the final inputs, float32
        [rows, bands, frames].

    Raises
    ------
    UserError
        When the network has no convolutions.
    """
    layers = [name for name, module in network.named_modules() if isinstance(module, nn.Conv1d | nn.Conv2d)]
    if not layers:
        raise UserError("It has no convolutions, and so no filters to look at.")
    real = torch.from_numpy(slices)
    statistics = _BandStatistics.of(real)
    noise = torch.randn(real.shape[1:], generator=torch.Generator().manual_seed(ascent.seed))
    rows, arrays = [], []
    with torch.no_grad():
        parts = [mean_activations(network, layers, part) for part in real.split(channels)]
    for number, layer in enumerate(parts[0], start=1):
        activations = torch.cat([part[layer] for part in parts])
        chosen = _distinct_channels(activations, channels)
        inputs, before, after = _ascend(network, layer, chosen, noise, statistics, ascent)
        spread = activations.std(dim=0, correction=0)[chosen]
        columns = (column.tolist() for column in (chosen, spread, before, after))
        rows += [(f"conv {number}", layer, *values) for values in zip(*columns, strict=True)]
        arrays.append(inputs.numpy())
    return pd.DataFrame(rows, columns=COLUMNS), np.concatenate(arrays)


class _StopForward(Exception):
    """Ends a forward pass once all wanted layers have been called."""


def mean_activations(network: nn.Module, layers: Collection[str], inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the mean activation of each channel of some convolutions, [batch, channels], in the order of calls."""
    activations: dict[str, torch.Tensor] = {}

    def record(name: str, _module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        activations.setdefault(name, output.flatten(2).mean(dim=2))
        if len(activations) == len(layers):
            raise _StopForward

    hooks = [network.get_submodule(name).register_forward_hook(partial(record, name)) for name in layers]
    try:
        with suppress(_StopForward):
            network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return activations


@dataclass(frozen=True)
class _BandStatistics:
    """Statistics of real slices, float32 [bands, 1]: mean and deviation, and the range in deviations from the mean."""

    mean: torch.Tensor
    deviation: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor

    @classmethod
    def of(cls, slices: torch.Tensor) -> "_BandStatistics":
        bands = slices.transpose(0, 1).flatten(1)
        mean, deviation = bands.mean(dim=1, keepdim=True), bands.std(dim=1, keepdim=True).clamp(min=1e-6)
        low, high = ((end - mean) / deviation for end in (bands.amin(1, keepdim=True), bands.amax(1, keepdim=True)))
        return cls(mean, deviation, low, high)

    def inputs(self, deviations: torch.Tensor) -> torch.Tensor:
        """Return inputs, given in standard deviations from the mean."""
        return self.mean + self.deviation * deviations


@torch.no_grad()
def _ascend(
    network: nn.Module,
    layer: str,
    channels: torch.Tensor,
    noise: torch.Tensor,
    statistics: _BandStatistics,
    ascent: Ascent,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return an input for each channel, [n, bands, frames], and its activations before and after the ascent."""
    own_channels = torch.arange(len(channels)), channels

    def activation(deviations: torch.Tensor) -> torch.Tensor:
        return mean_activations(network, [layer], statistics.inputs(deviations))[layer][own_channels]

    deviations = noise.clamp(statistics.low, statistics.high).repeat(len(channels), 1, 1)
    before = activation(deviations)
    for _ in range(ascent.steps):
        with torch.enable_grad():
            deviations.requires_grad_()
            # Each activation depends on its own input alone, so the gradient of the sum is that of each.
            [gradient] = torch.autograd.grad(activation(deviations).sum(), deviations)
        length = gradient.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=1e-12)
        deviations = (1 - ascent.decay) * deviations + ascent.step * gradient / length
        blurred = functional.avg_pool2d(deviations, 3, stride=1, padding=1, count_include_pad=False)
        deviations = torch.lerp(deviations, blurred, ascent.blur).clamp(statistics.low, statistics.high)
    return statistics.inputs(deviations), before, activation(deviations)


def _distinct_channels(activations: torch.Tensor, n: int) -> torch.Tensor:
    """Return n channels, ascending, whose activations on real slices [slices, channels] vary most.

    QR with pivoting picks in turn the channel that varies most in what the earlier ones do not predict linearly, since
    many channels would show the same.
    """
    centered = activations - activations.mean(dim=0)
    *_, order = scipy.linalg.qr(centered.double().numpy(), mode="r", pivoting=True)
    return torch.from_numpy(np.sort(order[:n])).long()


def _training_slices(run: dict[str, Any], index: str | os.PathLike[str], folds: str | os.PathLike[str]) -> np.ndarray:
    """Return real inputs of a network, float32 [n, *shape]: about one slice of each of `SLICES` training tracks."""
    tracks, classes = fold_tracks(folds, index, run["fold"])
    training = tracks[tracks["role"] == TRAIN].drop(columns="slice", errors="ignore").drop_duplicates("track_id")
    slices = load_slices(shard_files(Path(index)), training.sort_values("track_id").head(SLICES), classes)
    chosen = np.unique(np.linspace(0, len(slices) - 1, SLICES).round().astype(int))
    return as_fed(slices.arrays[chosen])[..., : run["input_shape"][-1]]
