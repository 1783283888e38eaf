"""The network of Trostanovsky (2018) for five sub-genres of psychedelic trance, and two relatives.

Five convolutions over time whose kernels span all frequencies, a skip from the first to the last, global pooling and
two dense layers: the network of a genre challenge (`GG12`), which the study widens (`PsytranceCNN`). The study's Figure
2 shows four convolutions; its code, followed here, has five. `PsytranceCRNN` is the recurrent network that the study
leaves to future research.
"""

from functools import partial
from typing import ClassVar, Literal

import torch
from torch import nn

from genreflow.models.blocks import (
    Cell,
    ConvBlock,
    FullHeightConv,
    GlobalPool1d,
    InputNorm,
    Recurrent,
    SameConv1d,
    dense_head,
    keras_defaults,
)
from genreflow.models.entry import Choice, Count, ModelEntry, Number, OrAuto, dropout

_SLICES = {
    "front_end": {"kind": "logmel", "sample_rate": 44_100, "n_fft": 2_048, "hop": 882, "n_mels": 128},
    "segments": {"kind": "midpoint", "frames": 128, "count": 30},
}

# The challenge's windows of 3 s were transformed to 130 centered frames, of which the first 128 were kept: they are the
# centered frames of 2.972 s.
_CHALLENGE = {
    "front_end": {
        "kind": "stft",
        "sample_rate": 22_050,
        "n_fft": 1_024,
        "hop": 512,
        "window": "hann",
        "centered": True,
    },
    "segments": {"kind": "sliding", "seconds": 2.972, "hop": 1.5, "count": 19},
}

_POOL = Choice("maxmean", ("max", "mean", "maxmean"), "Global pooling after the convolutions.")

_WIDTH = OrAuto(
    Number(1.0, 0.05, 8, "Share of the published numbers of filters and units; auto: a quarter, half or all of them.")
)

ENTRIES = (
    ModelEntry(
        name="psytrance_cnn",
        study="psytrance",
        title="five convolutions over time, skip to the last, global pooling, two dense layers",
        module=__name__,
        builder="PsytranceCNN",
        input=_SLICES,
        n_outputs=5,
        parameters=8_797_703,
        options={
            "pool": _POOL,
            "dropout": dropout(0.2, "Share of units dropped (the study calls it keep_prob)."),
            "orient": Choice(
                "time", ("time", "mel"), "Axis the kernels slide along: time as in the text, mel as in the code."
            ),
            "width": _WIDTH,
        },
        source="Trostanovsky (2018), CNN architecture; layers as in its published code",
        assumptions=(
            "orient: the text's reading is the default, the code's an option",
            "width: the study's is 1; auto is a quarter below 500 training slices and half below 10,000",
        ),
    ),
    ModelEntry(
        name="gg12",
        study="psytrance",
        title="five convolutions over time, skip to the last, global pooling, two dense layers; which the study adapts",
        module=__name__,
        builder="GG12",
        input=_CHALLENGE,
        variable_axes={0: 1, 1: 4},
        n_outputs=16,
        parameters=2_186_466,
        options={
            "pool": _POOL,
            "dropout": dropout(0.2, "Share of units dropped before each dense layer."),
            "width": _WIDTH,
        },
        source="Chumbalov and Pushnyakov, code of a finalist of the WWW 2018 musical genre challenge (CrowdAI)",
        assumptions=(
            "input: the Hann window is periodic, not symmetric, and the window of 3 s is padded with zeros, not with "
            "its samples mirrored",
            "input: a clip that ends within the last of its 19 windows gives 18; the challenge padded it with zeros",
            "pool: the challenge has maxmean only",
        ),
    ),
    ModelEntry(
        name="psytrance_crnn",
        study="psytrance",
        title="three convolutions over time and two recurrent layers; the future work of the study",
        module=__name__,
        builder="PsytranceCRNN",
        input=_SLICES,
        variable_axes={0: 8, 1: 29},
        n_outputs=5,
        parameters=905_607,
        options={
            "cell": Choice("gru", ("rnn", "lstm", "gru"), "Kind of the recurrent layers."),
            "hidden": Count(128, 1, 1_024, "Units of each recurrent layer."),
            "dropout": dropout(0.2, "Share of units dropped before the output."),
        },
        source="Trostanovsky (2018), Discussion; Choi et al. (2017) for the recurrent part",
        assumptions=(
            "everything but the principle; the first three convolutions have the study's sizes",
            "batch normalization: of the input, as in the study; after each convolution, before its ReLU, with torch's "
            "momentum, whose statistics settle within a few tens of steps",
            "recurrent layers: two, in one direction, read after the last step, as in Choi et al.; 128 units",
        ),
    ),
)

KERNEL = 4
FILTERS = 256

Pool = Literal["max", "mean", "maxmean"]


def scaled(published: int, width: float | str) -> int:
    """Return a share of a published number of filters or units; all of them where the plan has settled none."""
    return published if isinstance(width, str) else max(1, round(published * width))


class _SkipCNN(nn.Module):
    """Base of the networks with a skip; a subclass adds the `head`."""

    joins: ClassVar = {"pool": "conv1"}
    head: nn.Module

    def __init__(self, height: int, filters: int, last_filters: int, pool: Pool) -> None:
        super().__init__()
        self.norm = InputNorm()
        self.conv1 = FullHeightConv(height, filters, KERNEL)
        self.conv2 = SameConv1d(filters, filters, KERNEL)
        self.conv3 = SameConv1d(filters, filters, KERNEL)
        self.conv4 = SameConv1d(filters, filters, KERNEL)
        self.conv5 = SameConv1d(filters, last_filters, KERNEL)
        self.pool = GlobalPool1d(pool)
        self.pooled = (filters + last_filters) * (2 if pool == "maxmean" else 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of segments [batch, rows, frames]."""
        skip = self.conv1(self.norm(x)).relu()
        x = skip
        for convolution in (self.conv2, self.conv3, self.conv4, self.conv5):
            x = convolution(x).relu()
        return self.head(self.pool(torch.cat([x, skip], dim=1)))


class PsytranceCNN(_SkipCNN):
    """Log-mel segments [batch, n_mels, frames] to logits [batch, n_outputs]: Trostanovsky (2018), CNN architecture.

    ======================  ==================  ===========  =======================================
    layer                   as published        output       note
    ======================  ==================  ===========  =======================================
    ``norm``                batch norm          128 x 128    one channel
    ``conv1``               256 @ 4 x 128       256 x 125    valid, ReLU; kept for the skip
    ``conv2`` .. ``conv4``  256 @ 4 x 1         256 x 125    same, ReLU
    ``conv5``               512 @ 4 x 1         512 x 125    same, ReLU
    skip                    concatenation       768 x 125    conv5, conv1
    ``pool``                global mean, max    1536         768 with a single pooling
    ``head``                2048, 2048, K       K            ReLU between, dropout before each
    ======================  ==================  ===========  =======================================

    With both poolings, dropout is applied twice to the pooled features, as in the study's code.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        input_shape: tuple[int, int],
        pool: Pool,
        dropout: float,
        orient: Literal["time", "mel"],
        width: float | str,
    ) -> None:
        n_mels, n_frames = input_shape
        filters, units = scaled(FILTERS, width), scaled(2_048, width)
        super().__init__(n_mels if orient == "time" else n_frames, filters, 2 * filters, pool)
        self.orient = orient
        again = [nn.Dropout(dropout)] if pool == "maxmean" else []
        self.head = nn.Sequential(*again, *dense_head((self.pooled, units, units, n_outputs), dropout))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of segments [batch, n_mels, frames]."""
        return super().forward(x if self.orient == "time" else x.transpose(1, 2))


class GG12(_SkipCNN):
    """Magnitude spectrograms [batch, bins, frames] to logits [batch, n_outputs]: a finalist of a genre challenge.

    ======================  ==================  ===========  =======================================
    layer                   as published        output       note
    ======================  ==================  ===========  =======================================
    ``norm``                batch norm          513 x 128    one channel
    ``conv1``               256 @ 4 x 513       256 x 125    valid, ReLU; kept for the skip
    ``conv2`` .. ``conv5``  256 @ 4 x 1         256 x 125    same, ReLU
    skip                    concatenation       512 x 125    conv5, conv1
    ``pool``                global mean, max    1024         512 with a single pooling
    ``head``                480, 240, K         K            ReLU between, dropout before each
    ======================  ==================  ===========  =======================================

    2,186,466 parameters for 16 genres. Source: code of Chumbalov and Pushnyakov for the musical genre challenge of the
    Web Conference 2018, from which the psytrance study takes its network.
    """

    def __init__(
        self, *, n_outputs: int, input_shape: tuple[int, int], pool: Pool, dropout: float, width: float | str
    ) -> None:
        filters = scaled(FILTERS, width)
        super().__init__(input_shape[0], filters, filters, pool)
        units = scaled(480, width), scaled(240, width)
        self.head = nn.Sequential(*dense_head((self.pooled, *units, n_outputs), dropout))
        keras_defaults(self)


class PsytranceCRNN(nn.Module):
    """Log-mel segments [batch, n_mels, frames] to logits [batch, n_outputs]: convolutions, then recurrent layers.

    ================  ==================================  ===========  =======================
    layer             what it is                          output       note
    ================  ==================================  ===========  =======================
    ``norm``          batch norm                          128 x 128    one channel
    ``convolutions``  256 @ 4 x 128, BN, ReLU, max 2      256 x 62     valid
    ..                256 @ 4 x 1, BN, ReLU, max 2        256 x 29     valid
    ..                256 @ 4 x 1, BN, ReLU, max 2        256 x 13     valid
    ``recurrent``     two layers of 128                   128          state at the last step
    ``head``          K                                   K            dropout before
    ================  ==================================  ===========  =======================

    905,607 parameters with GRU and five outputs, a tenth of `PsytranceCNN`. Source: Trostanovsky (2018), Discussion,
    which proposes to replace the last convolutions by a recurrent network. Chosen: the study's first three
    convolutions, then batch normalization and two recurrent layers, read after the last step, as in Choi et al. (2017);
    steps of eight frames (160 ms), so that a beat at 145 a minute takes two and a half.
    """

    def __init__(
        self, *, n_outputs: int, input_shape: tuple[int, int], cell: Cell, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        block = partial(ConvBlock, 1, n_out=FILTERS, kernel=KERNEL, norm="before", pool=2)
        self.norm = InputNorm()
        self.convolutions = nn.Sequential(block(input_shape[0]), block(FILTERS), block(FILTERS))
        self.recurrent = Recurrent(cell, FILTERS, hidden, layers=2, returns="last")
        self.head = nn.Sequential(*dense_head((hidden, n_outputs), dropout))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of segments [batch, rows, frames]."""
        steps = self.convolutions(self.norm(x)).transpose(1, 2)
        return self.head(self.recurrent(steps))
