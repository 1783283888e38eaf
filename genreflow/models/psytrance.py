"""The convolutional network of Trostanovsky (2018), five sub-genres of psychedelic trance, and two relatives.

Five convolutions over time, each kernel spanning all frequencies, a skip from the first to the last, global pooling,
and two dense layers: so is the network of a genre challenge, and so is the study's, which widens it. The study's
Figure 2 draws four convolutions; its code, followed here, has five. Last is the recurrent network it leaves to others.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import nn

from genreflow.models.blocks import (
    ConvBlock,
    FullHeightConv,
    GlobalPool1d,
    InputNorm,
    SameConv1d,
    dense_head,
)
from genreflow.models.initialise import keras_defaults
from genreflow.models.recurrent import Cell, Recurrent

KERNEL = 4
FILTERS = 256

Pool = Literal["max", "mean", "maxmean"]


class _SkipCNN(nn.Module):
    """What both networks with a skip share: the tables of layers are with them."""

    joins: ClassVar = {"pool": "conv1"}

    def __init__(self, height: int, last_filters: int, pool: Pool) -> None:
        super().__init__()
        self.norm = InputNorm()
        self.conv1 = FullHeightConv(height, FILTERS, KERNEL)
        self.conv2 = SameConv1d(FILTERS, FILTERS, KERNEL)
        self.conv3 = SameConv1d(FILTERS, FILTERS, KERNEL)
        self.conv4 = SameConv1d(FILTERS, FILTERS, KERNEL)
        self.conv5 = SameConv1d(FILTERS, last_filters, KERNEL)
        self.pool = GlobalPool1d(pool)
        self.pooled = (FILTERS + last_filters) * (2 if pool == "maxmean" else 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 segments."""
        skip = self.conv1(self.norm(x)).relu()
        x = skip
        for convolution in (self.conv2, self.conv3, self.conv4, self.conv5):
            x = convolution(x).relu()
        return self.head(self.pool(torch.cat([x, skip], dim=1)))


class PsytranceCNN(_SkipCNN):
    """Log-mel segments [batch, mel, frame] to logits [batch, n_outputs].

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

    With both poolings the pooled features are dropped out twice in a row, as in the study's code.
    """

    DENSE: ClassVar[Sequence[int]] = (2_048, 2_048)

    def __init__(
        self,
        *,
        n_outputs: int,
        input_shape: tuple[int, int],
        pool: Pool,
        dropout: float,
        orient: Literal["time", "mel"],
    ) -> None:
        n_mels, n_frames = input_shape
        super().__init__(n_mels if orient == "time" else n_frames, 2 * FILTERS, pool)
        self.orient = orient
        again = [nn.Dropout(dropout)] if pool == "maxmean" else []
        self.head = nn.Sequential(*again, *dense_head((self.pooled, *self.DENSE, n_outputs), dropout))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 segments, stored as (mel, frame)."""
        return super().forward(x if self.orient == "time" else x.transpose(1, 2))


class GG12(_SkipCNN):
    """Magnitude spectrograms [batch, frequency, frame] to logits [batch, n_outputs].

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

    2,186,466 parameters for 16 genres. Source: code of Chumbalov and Pushnyakov, a finalist of the musical genre
    challenge of the Web Conference 2018, from which the psytrance study takes its network.
    """

    DENSE: ClassVar[Sequence[int]] = (480, 240)

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int], pool: Pool, dropout: float) -> None:
        super().__init__(input_shape[0], FILTERS, pool)
        self.head = nn.Sequential(*dense_head((self.pooled, *self.DENSE, n_outputs), dropout))
        keras_defaults(self)


class PsytranceCRNN(nn.Module):
    """Log-mel segments [batch, mel, frame] to logits [batch, n_outputs], by a recurrent layer after convolutions.

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

    905,607 parameters with GRU and five outputs, a tenth of `PsytranceCNN`. The study leaves such a network to
    future research, and says what it is: convolutions, the last of which are replaced by a recurrent network. Chosen:
    the study's first three convolutions; in place of the others and of the pooling over all of time, two recurrent
    layers, read after the last step, and batch normalisation, as in Choi et al. 2017; steps of eight frames (160 ms),
    two and a half of which make a beat at 145 a minute.
    """

    def __init__(
        self, *, n_outputs: int, input_shape: tuple[int, int], cell: Cell, hidden: int, dropout: float
    ) -> None:
        super().__init__()
        block = {"norm": "before", "pool": 2}
        self.norm = InputNorm()
        self.convolutions = nn.Sequential(
            ConvBlock(1, input_shape[0], FILTERS, KERNEL, **block),
            ConvBlock(1, FILTERS, FILTERS, KERNEL, **block),
            ConvBlock(1, FILTERS, FILTERS, KERNEL, **block),
        )
        self.recurrent = Recurrent(cell, FILTERS, hidden, layers=2, returns="last")
        self.head = nn.Sequential(*dense_head((hidden, n_outputs), dropout))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 segments."""
        steps = self.convolutions(self.norm(x)).transpose(1, 2)
        return self.head(self.recurrent(steps))
