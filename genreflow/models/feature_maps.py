"""The networks of Senac et al. (2017) for spectrograms and music features, and of Zhang et al. (2016) before them.

All are convolutions over time: the first kernels span all rows of the map, 513 frequencies or eight features, whose
order has no meaning. Time is pooled by maximum and mean, and two dense layers classify.
"""

from typing import ClassVar, Literal

import torch
from torch import nn

from genreflow.models.blocks import (
    FullHeightConv,
    GlobalPool1d,
    SameConv1d,
    WarmupBatchNorm1d,
    dense_head,
    keras_defaults,
)
from genreflow.models.entry import Choice, ModelEntry, Number, dropout

_SEGMENTS = {"kind": "sliding", "seconds": 3.0, "hop": 1.5, "count": 18}
_FRAMES = {"sample_rate": 22_050, "n_fft": 1_024, "hop": 512}
_STFT = {"front_end": {"kind": "stft", "window": "hamming", **_FRAMES}, "segments": _SEGMENTS}
_MUSIC = {"front_end": {"kind": "maps", **_FRAMES}, "segments": _SEGMENTS}

_BOTH = {
    "front_end": {"kind": "maps", "spectrum": True, **_FRAMES},
    "segments": _SEGMENTS,
    "standardize": "band",
}

_OPTIONS: dict[str, Choice | Number] = {
    "pool": Choice("maxmean", ("max", "mean", "maxmean"), "Global pooling after the convolutions."),
    "dropout": dropout(0.2, "Share of units dropped, of the pooled features and of both hidden layers."),
    "norm": Choice("none", ("none", "batch"), "batch: batch normalization after each convolution, before its ReLU."),
}
_RESIDUAL_OPTIONS = {
    **_OPTIONS,
    "add": Choice("after", ("after", "before"), "Where the shortcut is added: after the third ReLU, or before it."),
}

_CHOSEN = (
    "dropout: before each dense layer",
    "initial weights: Glorot uniform, zero biases; Theano is named as a back-end, without what stood in front of it, "
    "and Keras and Lasagne agree in this",
    "norm: none, as no text mentions any; batch is found in re-implementations",
)
_RESIDUAL_CHOSEN = (
    *_CHOSEN,
    "filters: 256 in each convolution, from nnet2 of Zhang et al. (2016)",
    "padding: one zero before and two after in the second and third convolution, so that their lengths agree",
    "add: after the third ReLU",
)

ENTRIES = (
    ModelEntry(
        name="net_stft",
        study="feature_maps",
        title="residual block of three convolutions over time, spanning all 513 frequencies; nnet2 of Zhang et al.",
        module=__name__,
        builder="ResidualMapCNN",
        input=_STFT,
        variable_axes={0: 1, 1: 4},
        n_outputs=10,
        parameters=1_250_928,
        options=_RESIDUAL_OPTIONS,
        source="Senac et al. (2017), section 3 and Figure 1; Zhang et al. (2016), nnet2, by its re-implementations",
        assumptions=_RESIDUAL_CHOSEN,
    ),
    ModelEntry(
        name="net_music",
        study="feature_maps",
        title="residual block of three convolutions over time, spanning all eight music features",
        module=__name__,
        builder="ResidualMapCNN",
        input=_MUSIC,
        variable_axes={0: 1, 1: 4},
        n_outputs=10,
        parameters=733_808,
        options=_RESIDUAL_OPTIONS,
        source="Senac et al. (2017), section 3 and Figure 1",
        assumptions=_RESIDUAL_CHOSEN,
    ),
    ModelEntry(
        name="net_both",
        study="feature_maps",
        title="residual block of three convolutions over time, spanning eight music features and 513 frequencies",
        module=__name__,
        builder="ResidualMapCNN",
        input=_BOTH,
        variable_axes={0: 1, 1: 4},
        n_outputs=10,
        parameters=1_259_120,
        options=_RESIDUAL_OPTIONS,
        source="Senac et al. (2017), conclusions: early fusion, which it leaves to others",
        assumptions=(*_RESIDUAL_CHOSEN, "input: both maps, one below the other, each row standardized"),
    ),
    ModelEntry(
        name="nnet1",
        study="feature_maps",
        title="three convolutions over time with pooling between, spanning all frequencies, no shortcut",
        module=__name__,
        builder="PlainMapCNN",
        input=_STFT,
        variable_axes={0: 1, 1: 25},
        n_outputs=10,
        parameters=660_336,
        options=_OPTIONS,
        source="Zhang et al. (2016), nnet1, by its re-implementations",
        assumptions=_CHOSEN,
    ),
)

KERNEL = 4
FILTERS = 256
HIDDEN = (300, 150)

Pool = Literal["max", "mean", "maxmean"]
Norm = Literal["none", "batch"]


class ResidualMapCNN(nn.Module):
    """Maps [batch, rows, frames] to logits [batch, n_outputs], by one residual block: ``net_stft`` and ``net_music``.

    ===========  ====================  =========  ===========================================
    layer        as published          output     note
    ===========  ====================  =========  ===========================================
    ``conv1``    256 @ 4 x rows        256 x 125  valid, ReLU; kept for the shortcut
    ``conv2``    256 @ 4 x 1           256 x 125  same, ReLU
    ``conv3``    256 @ 4 x 1           256 x 125  same, ReLU
    shortcut     element-wise sum      256 x 125  conv3, conv1
    ``pool``     global max and mean   512        256 with a single pooling
    ``head``     300, 150, K           K          ReLU between, dropout before each
    ===========  ====================  =========  ===========================================

    1,250,928 parameters for 513 rows and 10 classes, 733,808 for eight rows; 1,536 more with batch normalization.
    Source: Senac et al. (2017), section 3 and Figure 1; 256 filters from Zhang et al. (2016), nnet2. Chosen: the places
    of dropout; the shortcut is added after the third ReLU, or with ``add="before"`` before it, as in He et al. (2015);
    ``norm="batch"`` normalizes the output of each convolution before its ReLU.
    """

    joins_by: ClassVar = "sum"

    def __init__(
        self,
        *,
        n_outputs: int,
        input_shape: tuple[int, int],
        pool: Pool,
        dropout: float,
        norm: Norm,
        add: Literal["after", "before"],
    ) -> None:
        super().__init__()
        self.add = add
        self.conv1 = FullHeightConv(input_shape[0], FILTERS, KERNEL)
        self.norm1 = _norm(norm, FILTERS)
        self.conv2 = SameConv1d(FILTERS, FILTERS, KERNEL)
        self.norm2 = _norm(norm, FILTERS)
        self.conv3 = SameConv1d(FILTERS, FILTERS, KERNEL)
        self.norm3 = _norm(norm, FILTERS)
        self.pool = GlobalPool1d(pool)
        self.head = _head(pool, n_outputs, dropout)
        self.joins = {"pool": "conv1" if norm == "none" else "norm1"}
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of maps [batch, rows, frames]."""
        shortcut = self.norm1(self.conv1(x)).relu()
        x = self.norm2(self.conv2(shortcut)).relu()
        x = self.norm3(self.conv3(x))
        x = x.relu() + shortcut if self.add == "after" else (x + shortcut).relu()
        return self.head(self.pool(x))


class PlainMapCNN(nn.Module):
    """Maps [batch, rows, frames] to logits [batch, n_outputs], without a shortcut: ``nnet1`` of Zhang et al. (2016).

    ===========  ====================  =========  ===========================================
    layer        as published          output     note
    ===========  ====================  =========  ===========================================
    ``conv1``    128 @ 4 x rows        128 x 125  valid, ReLU
    ``pool1``    max 2                 128 x 62
    ``conv2``    128 @ 4 x 1           128 x 59   valid, ReLU
    ``pool2``    max 2                 128 x 29
    ``conv3``    256 @ 4 x 1           256 x 26   valid, ReLU
    ``pool``     global max and mean   512        256 with a single pooling
    ``head``     300, 150, K           K          ReLU between, dropout before each
    ===========  ====================  =========  ===========================================

    660,336 parameters for 513 rows and 10 classes. Source: re-implementations of the paper. Chosen: as in
    `ResidualMapCNN`.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int], pool: Pool, dropout: float, norm: Norm) -> None:
        super().__init__()
        half = FILTERS // 2
        self.conv1 = FullHeightConv(input_shape[0], half, KERNEL)
        self.norm1 = _norm(norm, half)
        self.pool1 = nn.MaxPool1d(2)
        self.conv2 = nn.Conv1d(half, half, KERNEL)
        self.norm2 = _norm(norm, half)
        self.pool2 = nn.MaxPool1d(2)
        self.conv3 = nn.Conv1d(half, FILTERS, KERNEL)
        self.norm3 = _norm(norm, FILTERS)
        self.pool = GlobalPool1d(pool)
        self.head = _head(pool, n_outputs, dropout)
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of maps [batch, rows, frames]."""
        x = self.pool1(self.norm1(self.conv1(x)).relu())
        x = self.pool2(self.norm2(self.conv2(x)).relu())
        x = self.norm3(self.conv3(x)).relu()
        return self.head(self.pool(x))


def _norm(norm: Norm, channels: int) -> nn.Module:
    return WarmupBatchNorm1d(channels) if norm == "batch" else nn.Identity()


def _head(pool: Pool, n_outputs: int, dropout: float) -> nn.Sequential:
    pooled = 2 * FILTERS if pool == "maxmean" else FILTERS
    return nn.Sequential(*dense_head((pooled, *HIDDEN, n_outputs), dropout))
