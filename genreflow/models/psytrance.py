"""The convolutional network of Trostanovsky (2018), five sub-genres of psychedelic trance.

Five convolutions over time, each kernel spanning all frequencies, a skip from the first to the last, global
pooling, and two wide dense layers. The study's Figure 2 draws four convolutions; its code, followed here, has five.
"""

from typing import ClassVar, Literal

import torch
from torch import nn

from genreflow.models.blocks import FullHeightConv, GlobalPool1d, InputNorm, SameConv1d
from genreflow.models.initialise import keras_defaults

KERNEL = 4
FILTERS = 256
DENSE = 2_048


class PsytranceCNN(nn.Module):
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

    joins: ClassVar = {"pool": "conv1"}

    def __init__(
        self,
        *,
        n_outputs: int,
        input_shape: tuple[int, int],
        pool: Literal["max", "mean", "maxmean"],
        dropout: float,
        orient: Literal["time", "mel"],
    ) -> None:
        super().__init__()
        self.orient = orient
        n_mels, n_frames = input_shape
        self.norm = InputNorm()
        self.conv1 = FullHeightConv(n_mels if orient == "time" else n_frames, FILTERS, KERNEL)
        self.conv2 = SameConv1d(FILTERS, FILTERS, KERNEL)
        self.conv3 = SameConv1d(FILTERS, FILTERS, KERNEL)
        self.conv4 = SameConv1d(FILTERS, FILTERS, KERNEL)
        self.conv5 = SameConv1d(FILTERS, 2 * FILTERS, KERNEL)
        self.pool = GlobalPool1d(pool)
        poolings = 2 if pool == "maxmean" else 1
        self.head = nn.Sequential(
            *(nn.Dropout(dropout) for _ in range(poolings)),
            nn.Linear(poolings * 3 * FILTERS, DENSE),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(DENSE, DENSE),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(DENSE, n_outputs),
        )
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 segments, stored as (mel, frame)."""
        if self.orient == "mel":
            x = x.transpose(1, 2)
        skip = self.conv1(self.norm(x)).relu()
        x = skip
        for convolution in (self.conv2, self.conv3, self.conv4, self.conv5):
            x = convolution(x).relu()
        return self.head(self.pool(torch.cat([x, skip], dim=1)))
