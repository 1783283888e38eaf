"""The networks of the package `musicnn` (Pons and Serra 2019, "musicnn: Pre-trained convolutional neural networks").

They are fed log-mel spectrograms of 187 frames of 16 ms, [batch, 96, frames], and give logits of 50 tags. Weights that
their authors trained can be had (`genreflow.weights`). Layers have TensorFlow's epsilon in batch normalization.
"""

from functools import partial
from typing import ClassVar, cast

import torch
from torch import nn
from torch.nn import functional

from genreflow.models.blocks import size_text
from genreflow.models.entry import ModelEntry

_INPUT = {
    "front_end": {
        "kind": "logmel",
        "sample_rate": 16_000,
        "n_fft": 512,
        "hop": 256,
        "n_mels": 96,
        "decibels": "musicnn",
    },
    "segments": {"kind": "midpoint", "frames": 187, "count": 1_000},
}
_BINDING = ("front_end.sample_rate", "front_end.hop", "front_end.decibels")
_INITIAL = "initial weights: torch's own"

_entry = partial(ModelEntry, study="musicnn", module=__name__, n_outputs=50, input=_INPUT, binding=_BINDING)

ENTRIES = (
    _entry(
        name="pons_musicnn",
        title="kernels for timbre and for rhythm in every band, three convolutions, global pooling, a dense layer",
        builder="PonsMusicnn",
        variable_axes={1: 16},
        parameters=787_159,
        source="Pons and Serra (2019), the networks MTT_musicnn and MSD_musicnn of the package musicnn 0.1.0",
        assumptions=(_INITIAL,),
    ),
    _entry(
        name="pons_vgg",
        title="five blocks of 128 kernels of 3 × 3",
        builder="PonsVGG",
        variable_axes={},
        parameters=605_748,
        source="Pons and Serra (2019), the networks MTT_vgg and MSD_vgg of the package musicnn 0.1.0",
        assumptions=(_INITIAL,),
    ),
)

_EPSILON = 1e-3
_PLACES = 8  # of a kernel of one band in a window


class PonsMusicnn(nn.Module):
    """Spectrograms [batch, 96, frames] to logits [batch, n_outputs].

    =============  ======================  ==============  ===========================================
    layer          as published            output          note
    =============  ======================  ==============  ===========================================
    ``input``      BN                      1 x 96 x 187
    ``kernels``    2 x 204, 3 x 51         561 x 187       maxima over the bands
    ``middle`` 1   64 @ 7                  64 x 187        conv, ReLU, BN
    ``middle`` 2   64 @ 7, plus its input  64 x 187
    ``middle`` 3   64 @ 7, plus its input  64 x 187
    joined         concatenation           753 x 187       kernels, middle 1 to 3
    ``pooled``     maximum, mean           1506            one after the other for each feature; BN, dropout 0.5
    ``dense``      200                     200             ReLU, BN: the embedding; dropout 0.5
    ``output``     K                       K
    =============  ======================  ==============  ===========================================
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        bands = input_shape[0]
        self.input = nn.BatchNorm2d(1, eps=_EPSILON)
        timbre = [BandMaxima(204, (int(share * bands), 7)) for share in (0.4, 0.7)]
        rhythm = [BandMaxima(51, (1, length)) for length in (128, 64, 32)]
        self.kernels = nn.ModuleList([*timbre, *rhythm])
        n_kernels = 2 * 204 + 3 * 51
        self.middle = nn.ModuleList(_Convolution(n_in, 64) for n_in in (n_kernels, 64, 64))
        self.pooled = nn.BatchNorm1d(2 * (n_kernels + 3 * 64), eps=_EPSILON)
        self.dense = nn.Linear(self.pooled.num_features, 200)
        self.embedding = nn.BatchNorm1d(200, eps=_EPSILON)
        self.output = nn.Linear(200, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of spectrograms [batch, bands, frames]."""
        x = self.input(x[:, None])
        low = torch.cat([kernels(x) for kernels in self.kernels], dim=1)
        first, second, third = self.middle
        r1 = first(low)
        r2 = second(r1) + r1
        r3 = third(r2) + r2
        features = torch.cat([low, r1, r2, r3], dim=1)
        pooled = torch.stack([features.amax(dim=2), features.mean(dim=2)], dim=2).flatten(1)
        hidden = functional.dropout(self.pooled(pooled), 0.5, self.training)
        hidden = self.embedding(functional.relu(self.dense(hidden)))
        return self.output(functional.dropout(hidden, 0.5, self.training))


class BandMaxima(nn.Module):
    """Convolution, ReLU and normalization, maximized over the bands: [batch, 1, bands, frames] to [batch, n, frames].

    Frames are padded with zeros to keep their number; bands are not. To predict, the maximum is taken first. It
    commutes with bias, ReLU and a positive factor (with a negative one the minimum does), so that these touch one value
    instead of one per band. Nothing as large as the convolution's output is kept then.
    """

    def __init__(self, n: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, n, kernel)
        self.norm = nn.BatchNorm2d(n, eps=_EPSILON)
        length = kernel[1]
        self.title = f"conv {n} @ {size_text(kernel)}, BN, max over bands"
        self.padding = ((length - 1) // 2, length // 2)  # TensorFlow's, which puts the odd one to the right

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return maxima [batch, n, frames] of spectrograms [batch, 1, bands, frames]."""
        padded = functional.pad(x, self.padding)
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self.norm(functional.relu(self.convolution(padded))).amax(dim=2)
        sign = torch.where(self.norm.weight < 0, -1.0, 1.0)
        # The minimum of a kernel's outputs is the negated maximum of the negated kernel's.
        highest = _band_maxima(padded[:, 0], self.convolution.weight[:, 0] * sign[:, None, None]) * sign
        rectified = functional.relu(highest + cast(torch.Tensor, self.convolution.bias))
        return self.norm(rectified.transpose(1, 2)[:, :, None]).squeeze(2)


def _band_maxima(padded: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Return the maxima over the bands of a convolution without bias, [batch, frames, n].

    `padded` is [batch, bands, frames + length - 1], `weight` [n, height, length]. Windows of time are laid out once,
    each as [bands, values of a window]: what a kernel sees at any band is then one stretch of a row, and the
    convolution of a band is a product of matrices without copies. Its result stays in the cache until it is compared.

    A kernel of one band would give narrow matrices. Its windows hold several frames more than it is long, and its
    matrix the kernel at each of these places, with zeros around it.
    """
    n, height, length = weight.shape
    batch, bands, steps = padded.shape
    frames = steps - length + 1
    places = _PLACES if height == 1 else 1
    blocks = -(-frames // places)
    padded = functional.pad(padded, (0, blocks * places - frames))
    width = length + places - 1
    windows = padded.unfold(2, width, places).transpose(1, 2).reshape(batch * blocks, bands * width)
    matrix = weight.new_zeros(height, width, places, n)
    for place in range(places):
        matrix[:, place : place + length, place] = weight.permute(1, 2, 0)
    matrix = matrix.view(height * width, places * n)
    highest = windows[:, : height * width] @ matrix
    product = torch.empty_like(highest)
    for band in range(1, bands - height + 1):
        torch.mm(windows[:, band * width : (band + height) * width], matrix, out=product)
        torch.maximum(highest, product, out=highest)
    return highest.view(batch, blocks * places, n)[:, :frames]


class _Convolution(nn.Module):
    """64 kernels of 7 frames, ReLU, batch normalization: [batch, n, frames] to [batch, 64, frames]."""

    def __init__(self, n_in: int, n: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, n, 7, padding=3)
        self.norm = nn.BatchNorm1d(n, eps=_EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(functional.relu(self.convolution(x)))


class PonsVGG(nn.Module):
    """Spectrograms [batch, 96, 187] to logits [batch, n_outputs]: five blocks of 128 kernels, pooled to 256 values.

    A block is a convolution of 3 × 3, ReLU, batch normalization, maxima and dropout. The pooled values are flattened by
    time, band and channel, as in TensorFlow; they are the embedding.
    """

    POOLS: ClassVar = (((4, 1), 2), ((2, 2), 2), ((2, 2), 2), ((2, 2), 2), ((4, 4), 4))  # size (frames, bands), stride

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.input = nn.BatchNorm2d(1, eps=_EPSILON)
        self.convolutions = nn.ModuleList(nn.Conv2d(n_in, 128, 3, padding=1) for n_in in (1, 128, 128, 128, 128))
        self.norms = nn.ModuleList(nn.BatchNorm2d(128, eps=_EPSILON) for _ in self.convolutions)
        self.output = nn.Linear(128 * _vgg_steps(input_shape), n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of spectrograms [batch, bands, frames]."""
        x = self.input(x.transpose(1, 2)[:, None])
        for number, (convolution, norm, (size, stride)) in enumerate(
            zip(self.convolutions, self.norms, self.POOLS, strict=True)
        ):
            x = functional.max_pool2d(norm(functional.relu(convolution(x))), size, stride)
            x = functional.dropout(x, 0.5 if number == len(self.POOLS) - 1 else 0.25, self.training)
        return self.output(x.permute(0, 2, 3, 1).flatten(1))


def _vgg_steps(input_shape: tuple[int, ...]) -> int:
    """Return the number of positions that the pools leave of a spectrogram (bands, frames)."""
    bands, frames = input_shape
    for (high, wide), stride in PonsVGG.POOLS:
        frames, bands = (frames - high) // stride + 1, (bands - wide) // stride + 1
    return bands * frames
