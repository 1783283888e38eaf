"""Sample-level networks: convolutions on the waveform itself, each followed by a pooling by 3.

Lee, Park, Kim and Nam (2017), and with squeeze-and-excitation Kim, Lee and Nam (2018), both as in the published code of
Won et al. (2020).
"""

from functools import partial
from itertools import pairwise

import torch
from torch import nn

from genreflow.models.blocks import ConvBlock
from genreflow.models.entry import ModelEntry
from genreflow.models.won2020 import classifier

_INITIAL = "initial weights: torch's own, as in the published code"
_CHUNKS = {
    "front_end": {"kind": "waveform", "sample_rate": 16_000},
    "segments": {"kind": "chunks", "count": 16, "seconds": 3.6905625},
}
_entry = partial(ModelEntry, study="won2020", module=__name__, n_outputs=50)

ENTRIES = (
    _entry(
        name="samplecnn",
        title="eleven convolutions on the waveform, from 3 samples to the whole chunk",
        builder="SampleCNN",
        input=_CHUNKS,
        variable_axes={0: 3**10},
        parameters=1_869_874,
        source="Lee, Park, Kim and Nam (2017), as in the published code of Won et al. (2020)",
        assumptions=(
            "twice the length and more: the dense layer takes all remaining steps",
            "initial weights: torch's own, as in the published code",
        ),
    ),
    _entry(
        name="samplecnn_se",
        title="eleven residual blocks on the waveform that weigh their channels, a dense layer",
        builder="SampleCNNSE",
        input=_CHUNKS,
        variable_axes={0: 3**10},
        parameters=6_951_858,
        source="Kim, Lee and Nam (2018), as in the published code of Won et al. (2020)",
        assumptions=(
            "twice the length and more: the first dense layer takes all remaining steps",
            "initial weights: torch's own, as in the published code",
        ),
    ),
)

# The first convolution has stride 3, and each of nine blocks pools by 3: 3^10 samples become one step.
CHANNELS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512)
WIDEST = CHANNELS[-1]


def steps_left(samples: int) -> int:
    """Return the number of time steps after all blocks: 1 for 59,049 samples."""
    return -(-samples // 3) // 3**9


class SampleCNN(nn.Module):
    """Waveforms [batch, samples] to logits [batch, n_outputs]: SampleCNN of Lee et al. (2017).

    =================  ==========================  ==============  =======================================
    layer              as published                output          note
    =================  ==========================  ==============  =======================================
    ``first``          128 @ 3, stride 3           128 x 19,683    padding 1, BN, ReLU, as all that follow
    ``blocks`` 1 - 2   128 @ 3, max 3              128 x 2,187
    ``blocks`` 3 - 8   256 @ 3, max 3              256 x 3
    ``blocks`` 9       512 @ 3, max 3              512 x 1
    ``last``           512 @ 1                     512 x 1
    ``head``           dropout 0.5, K              K               longer waveforms: of all steps left
    =================  ==========================  ==============  =======================================

    1,869,874 parameters for 50 tags. Lee et al. use 22,050 Hz (2.68 s); Won et al., followed here, 16,000 Hz.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        self.first = ConvBlock(1, 1, CHANNELS[0], 3, stride=3, padding=1, norm="before")
        self.blocks = nn.Sequential(
            *(ConvBlock(1, n_in, n_out, 3, padding=1, norm="before", pool=3) for n_in, n_out in pairwise(CHANNELS))
        )
        self.last = ConvBlock(1, WIDEST, WIDEST, 1, norm="before")
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(WIDEST * steps_left(input_shape[0]), n_outputs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        return self.head(self.last(self.blocks(self.first(x[:, None]))))


class SampleCNNSE(nn.Module):
    """Waveforms [batch, samples] to logits [batch, n_outputs]: Kim et al. (2018), squeeze and excitation.

    =================  ==========================  ==============  =======================================
    layer              as published                output          note
    =================  ==========================  ==============  =======================================
    ``first``          128 @ 3, stride 3           128 x 19,683    a `GatedBlock`, as all that follow
    ``blocks`` 1 - 2   128 @ 3, max 3              128 x 2,187
    ``blocks`` 3 - 8   256 @ 3, max 3              256 x 3         the first with a projection
    ``blocks`` 9       512 @ 3, max 3              512 x 1         with a projection
    ``last``           512 @ 1                     512 x 1
    ``head``           512, K                      K               BN, ReLU, dropout 0.5 between
    =================  ==========================  ==============  =======================================

    6,951,858 parameters for 50 tags. Kim et al. use a gate 16 times as wide, dropout 0.2 between the convolutions, and
    the pooled outputs of the last three blocks; Won et al., followed here, none of these.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        self.first = GatedBlock(1, CHANNELS[0], 3, stride=3)
        self.blocks = nn.Sequential(*(GatedBlock(n_in, n_out, 3, pool=3) for n_in, n_out in pairwise(CHANNELS)))
        self.last = GatedBlock(WIDEST, WIDEST, 1)
        self.head = nn.Sequential(nn.Flatten(), *classifier(WIDEST * steps_left(input_shape[0]), WIDEST, n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        return self.head(self.last(self.blocks(self.first(x[:, None]))))


class GatedBlock(nn.Module):
    """Two convolutions whose channels a gate scales, plus a shortcut; ReLU, pooling.

    [batch, n_in, time] to [batch, n_out, time]. The gate computes factors between 0 and 1 from the mean of each channel
    over time by two dense layers as wide as the channels (squeeze and excitation). The shortcut is a convolution of the
    same kernel where channels or stride change.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, *, stride: int = 1, pool: int | None = None) -> None:
        super().__init__()
        padding = kernel // 2
        self.main = nn.Sequential(
            nn.Conv1d(n_in, n_out, kernel, stride, padding),
            nn.BatchNorm1d(n_out),
            nn.ReLU(),
            nn.Conv1d(n_out, n_out, kernel, padding=padding),
            nn.BatchNorm1d(n_out),
        )
        self.gate = nn.Sequential(nn.Linear(n_out, n_out), nn.ReLU(), nn.Linear(n_out, n_out), nn.Sigmoid())
        self.shortcut = (
            nn.Identity()
            if n_in == n_out and stride == 1
            else nn.Sequential(nn.Conv1d(n_in, n_out, kernel, stride, padding), nn.BatchNorm1d(n_out))
        )
        self.pool = nn.MaxPool1d(pool) if pool else nn.Identity()
        self.title = f"gated residual {n_out} @ {kernel}" + (f", max {pool}" if pool else "")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [batch, n_out, time] of maps [batch, n_in, time]."""
        main = self.main(x)
        main = main * self.gate(main.mean(dim=-1))[..., None]
        return self.pool((self.shortcut(x) + main).relu())
