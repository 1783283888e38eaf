"""What the filters of a convolutional network respond to, found by gradient ascent on its input.

From one and the same noise, inputs climb towards what makes a channel answer most (Erhan et al., 2009). They are
counted in deviations from the average of real slices, band by band, stay within the range of these, and decay towards
their average, so that a picture shows what a channel asks for and not how far it was climbed.
"""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
import torch
from torch import nn
from torch.nn import functional

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
# Of a layer, so many channels are shown; so many real slices say which, and what the range of inputs is.
CHANNELS = 8
SLICES = 64
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_SPECTROGRAMS = ("logmel", "stft")


@dataclass(frozen=True)
class Ascent:
    """How inputs climb; lengths are root mean squares, in deviations of real slices.

    Attributes
    ----------
    steps
        How many.
    step
        Length of each, whatever the gradient's size.
    decay
        Share of the distance from the average that is lost with each step. Inputs end about ``step / decay`` from it.
    blur
        Share of each value that is replaced with the mean of its 3 x 3 neighbours, with each step.
    jitter
        Before each step the input is turned along time by up to so many frames, and back after it.
    seed
        Of the noise and the jitter.
    """

    steps: int = 100
    step: float = 0.1
    decay: float = 0.05
    blur: float = 0.1
    jitter: int = 0
    seed: int = 0


def filters_of_run(
    model: str | os.PathLike, *, index: str | os.PathLike, folds: str | os.PathLike, threads: int | None = None
) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    """Show what the filters of a trained network respond to, on the CPU.

    Parameters
    ----------
    model
        ``model.safetensors`` of a run, or the run's folder.
    index, folds
        The tables that it was trained by. Training slices say what real inputs are like.
    threads
        Most CPU threads, all there are if not given; with the same number the result is the same bit for bit.

    Returns
    -------
    rows, arrays, facts
        What `respond` returns, and ``model, shape, dtype, front_end``: what the arrays are, with ``average`` and
        ``deviation`` of real slices in each band, in which patterns are seen best.

    Raises
    ------
    UserError
        When the model is not fed a spectrogram, or has no convolutions.
    """
    bundle = load_bundle(model)
    front_end = bundle.run["input"]["front_end"]
    if front_end["kind"] not in _SPECTROGRAMS:
        raise UserError(
            f"{model}: what filters respond to is shown of models that are fed a log-mel or STFT spectrogram, and "
            f"{bundle.run['model']} is fed {front_end['kind']}. Leave `filters` out of the study."
        )
    torch.set_num_threads(choose_threads(threads))
    slices = _training_slices(bundle.run, index, folds)
    try:
        rows, arrays = respond(bundle.model, slices)
    except UserError as error:
        raise UserError(f"{model}: {bundle.run['model']}: {error} Leave `filters` out of the study.") from None
    usual = _Usual.of(torch.from_numpy(slices))
    return rows, arrays, {
        "model": bundle.run["model"],
        "shape": list(arrays.shape[1:]),
        "dtype": arrays.dtype.name,
        "front_end": front_end,
        "average": usual.mean.flatten().tolist(),
        "deviation": usual.deviation.flatten().tolist(),
    }  # fmt: skip


def respond(
    network: nn.Module, slices: np.ndarray, *, channels: int = CHANNELS, how: Ascent = Ascent()
) -> tuple[pd.DataFrame, np.ndarray]:
    """Find, for the channels of every convolution, the inputs to which they answer most.

    A channel's answer is the mean over all places of what its convolution gives, before normalisation and ReLU. Of
    each convolution those channels are shown whose answers to real slices differ most, and not in the same way.

    Parameters
    ----------
    network
        In evaluation mode; takes float32 [batch, bands, frames].
    slices
        Real inputs, float32 [n, bands, frames].
    channels
        How many of each convolution, at most.
    how
        How inputs climb.

    Returns
    -------
    rows, arrays
        A row a channel, `COLUMNS`: ``layer`` numbers the convolutions as they are called (``conv 1``), ``module`` is
        the name in the network, ``spread`` the deviation of the answers to real slices, ``before`` and ``after`` the
        answers to the noise and to what it has become. And the latter, float32 [rows, bands, frames].

    Raises
    ------
    UserError
        When the network has no convolutions.
    """
    layers = [name for name, module in network.named_modules() if isinstance(module, _CONVOLUTIONS)]
    if not layers:
        raise UserError("It has no convolutions, and so no filters to look at.")
    real = torch.from_numpy(slices)
    usual = _Usual.of(real)
    noise = torch.randn(real.shape[1:], generator=torch.Generator().manual_seed(how.seed))
    rows, arrays = [], []
    with torch.no_grad():
        heard = [answers(network, layers, part) for part in real.split(channels)]
    for number, layer in enumerate(heard[0], start=1):
        real_answers = torch.cat([part[layer] for part in heard])
        chosen = _telling(real_answers, channels)
        inputs, before, after = _climb(network, layer, chosen, noise, usual, how)
        spread = real_answers.std(dim=0, correction=0)[chosen]
        numbers = zip(*(column.tolist() for column in (chosen, spread, before, after)), strict=True)
        rows += [(f"conv {number}", layer, *own) for own in numbers]
        arrays.append(inputs.numpy())
    return pd.DataFrame(rows, columns=COLUMNS), np.concatenate(arrays)


class _AllHeard(Exception):
    """What comes later in the network need not be computed."""


def answers(network: nn.Module, layers: Collection[str], inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the mean answer of each channel of some convolutions, [batch, channels], in the order of their calls."""
    heard: dict[str, torch.Tensor] = {}

    def note(name: str, _module: nn.Module, _given: Any, output: torch.Tensor) -> None:
        heard.setdefault(name, output.flatten(2).mean(dim=2))
        if len(heard) == len(layers):
            raise _AllHeard

    hooks = [network.get_submodule(name).register_forward_hook(partial(note, name)) for name in layers]
    try:
        with suppress(_AllHeard):
            network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return heard


@dataclass(frozen=True)
class _Usual:
    """What real slices are like in each band, float32 [bands, 1]: in their unit, and the range in deviations."""

    mean: torch.Tensor
    deviation: torch.Tensor
    least: torch.Tensor
    most: torch.Tensor

    @classmethod
    def of(cls, slices: torch.Tensor) -> "_Usual":
        bands = slices.transpose(0, 1).flatten(1)
        mean, deviation = bands.mean(dim=1, keepdim=True), bands.std(dim=1, keepdim=True).clamp(min=1e-6)
        least, most = ((end - mean) / deviation for end in (bands.amin(1, keepdim=True), bands.amax(1, keepdim=True)))
        return cls(mean, deviation, least, most)

    def inputs(self, places: torch.Tensor) -> torch.Tensor:
        """Return inputs that are so many deviations from the average."""
        return self.mean + self.deviation * places


@torch.no_grad()
def _climb(
    network: nn.Module, layer: str, channels: torch.Tensor, noise: torch.Tensor, usual: _Usual, how: Ascent
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return inputs [n, bands, frames] that climbed for one channel each, and the answers before and after."""
    own = torch.arange(len(channels)), channels

    def answer(places: torch.Tensor) -> torch.Tensor:
        return answers(network, [layer], usual.inputs(places))[layer][own]

    turns = torch.randint(-how.jitter, how.jitter + 1, (how.steps,), generator=torch.Generator().manual_seed(how.seed))
    places = noise.clamp(usual.least, usual.most).repeat(len(channels), 1, 1)
    before = answer(places)
    for turn in turns.tolist():
        with torch.enable_grad():
            places.requires_grad_()
            # Each answers to its own input alone, so the gradient of the sum is that of each.
            [uphill] = torch.autograd.grad(answer(places.roll(turn, dims=2)).sum(), places)
        length = uphill.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp(min=1e-12)
        places = (1 - how.decay) * places + how.step * uphill / length
        places = _blurred(places, how.blur).clamp(usual.least, usual.most)
    return usual.inputs(places), before, answer(places)


def _blurred(places: torch.Tensor, share: float) -> torch.Tensor:
    means = functional.avg_pool2d(places, 3, stride=1, padding=1, count_include_pad=False)
    return torch.lerp(places, means, share)


def _telling(real_answers: torch.Tensor, most: int) -> torch.Tensor:
    """Return channels, ascending, whose answers to real slices [n, channels] differ most.

    Each is the one that differs most in what those before it do not foretell, as many would show the same.
    """
    centred = real_answers - real_answers.mean(dim=0)
    *_, order = scipy.linalg.qr(centred.double().numpy(), mode="r", pivoting=True)
    return torch.from_numpy(np.sort(order[:most])).long()


def _training_slices(run: dict[str, Any], index: str | os.PathLike, folds: str | os.PathLike) -> np.ndarray:
    """Return real inputs of a network, float32 [n, *shape]: about one slice of each of some of its training tracks."""
    tracks, classes = fold_tracks(folds, index, run["fold"])
    known = tracks[tracks["role"] == TRAIN].drop(columns="slice", errors="ignore").drop_duplicates("track_id")
    slices = load_slices(shard_files(index), known.sort_values("track_id").head(SLICES), classes)
    chosen = np.unique(np.linspace(0, len(slices) - 1, SLICES).round().astype(int))
    return as_fed(slices.arrays[chosen])[..., : run["input_shape"][-1]]
