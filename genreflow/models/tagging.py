"""The networks of Neacșu-Miclea (2023) for the commonest tags of MagnaTagATune, and the one its conclusion proposes.

Two read samples, one reads chunks of samples, one a linear spectrogram; each is convolutions, batch normalisation,
pooling, dropout, and then dense or recurrent layers. No library is named; loss and metric are called as in Keras
(binary crossentropy, binary accuracy), so layers start and normalise as there. The study states kinds of layers only:
all sizes are chosen.
"""

from typing import Literal

import torch
from torch import nn

from genreflow.models.blocks import KERAS_BATCH_NORM, ConvBlock, GlobalPool1d
from genreflow.models.initialise import keras_defaults
from genreflow.models.recurrent import Cell, Recurrent

CHUNK = 16_000

_BLOCK = {"norm": "before", "norm_settings": KERAS_BATCH_NORM, "dropout": 0.2}


class WaveformCNN(nn.Module):
    """Samples [batch, samples] to logits [batch, n_outputs]: model (a).

    ================  ==============================  ===========  ============================
    layer             what it is                      output       note
    ================  ==============================  ===========  ============================
    ``convolutions``  64 @ 80, BN, ReLU, max 4        64 x 7,249   stride 16, valid: 28,996
    ..                64 @ 3, BN, ReLU, max 4         64 x 1,812   same
    ..                128 @ 3, BN, ReLU, max 4        128 x 453    same
    ..                128 @ 3, BN, ReLU, max 4        128 x 113    same
    ..                256 @ 3, BN, ReLU, max 4        256 x 28     same
    ``head``          128, K                          K            ReLU, dropout 0.5
    ================  ==============================  ===========  ============================

    Dropout of 0.2 after each pooling. 1,110,282 parameters with 10 outputs. Source: Neacșu-Miclea (2023), model (a).
    Chosen: all sizes.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        steps = ((input_shape[0] - 80) // 16 + 1) // 4**5
        self.convolutions = _waveform_convolutions(last_pool=4)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(256 * steps, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, n_outputs)
        )
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 samples."""
        return self.head(self.convolutions(x[:, None]))


class WaveformRNN(nn.Module):
    """Samples [batch, samples] to logits [batch, n_outputs]: model (b).

    ================  ==============================  ===========  ================================
    layer             what it is                      output       note
    ================  ==============================  ===========  ================================
    ``convolutions``  those of `WaveformCNN`          256 x 113    without the last pooling
    ``recurrent``     64                              64           last state
    ``head``          64, K                           K            ReLU, dropout 0.5
    ================  ==============================  ===========  ================================

    216,778 parameters with a plain recurrent layer, 278,602 with LSTM, 257,994 with GRU, and 10 outputs. Source:
    Neacșu-Miclea (2023), model (b). Chosen: all sizes.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        input_shape: tuple[int],  # noqa: ARG002 - any length will do
        cell: Cell,
    ) -> None:
        super().__init__()
        self.convolutions = _waveform_convolutions(last_pool=None)
        self.recurrent = Recurrent(cell, 256, 64)
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 samples."""
        return self.head(self.recurrent(self.convolutions(x[:, None]).transpose(1, 2)))


class ChunkCNN(nn.Module):
    """Samples [batch, samples] to logits [batch, n_outputs], by chunks of 16,000 judged alike: model (c).

    ================  ==============================  ===========  ============================
    layer             what it is                      output       note
    ================  ==============================  ===========  ============================
    ``convolutions``  64 @ 80, BN, ReLU, max 4        64 x 995     of each chunk; stride 4,
                                                                   valid: 3,981
    ..                64 @ 3, BN, ReLU, max 4         64 x 248     same
    ..                128 @ 3, BN, ReLU, max 4        128 x 62     same
    ..                256 @ 3, BN, ReLU, max 4        256 x 15     same
    ..                global mean                     256          of each chunk
    ``pool``          global mean, or maximum         256          over the chunks
    ``head``          128, K                          K            ReLU, dropout 0.5
    ================  ==============================  ===========  ============================

    Dropout of 0.2 after each pooling by maximum. As many chunks as are whole, 29 in the study; what is left over at
    the end is not heard. 176,010 parameters with 10 outputs. Source: Neacșu-Miclea (2023), model (c). Chosen: all
    sizes.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        input_shape: tuple[int],  # noqa: ARG002 - any number of chunks will do
        pool: Literal["mean", "max"],
    ) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvBlock(1, 1, 64, 80, stride=4, pool=4, **_BLOCK),
            ConvBlock(1, 64, 64, 3, padding=1, pool=4, **_BLOCK),
            ConvBlock(1, 64, 128, 3, padding=1, pool=4, **_BLOCK),
            ConvBlock(1, 128, 256, 3, padding=1, pool=4, **_BLOCK),
            GlobalPool1d("mean"),
        )
        self.pool = GlobalPool1d(pool)
        self.head = nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 samples."""
        chunks = x.unfold(1, CHUNK, CHUNK)
        judged = self.convolutions(chunks.flatten(0, 1)[:, None]).unflatten(0, chunks.shape[:2])
        return self.head(self.pool(judged.transpose(1, 2)))


class SpectrogramRNN(nn.Module):
    """Spectrograms [batch, frequency, frame] to logits [batch, n_outputs]: model (d).

    ================  ==============================  ==============  ==========================
    layer             what it is                      output          note
    ================  ==============================  ==============  ==========================
    ``convolutions``  32 @ 3 x 3, BN, ReLU, max 4, 2  32 x 128 x 227  same
    ..                64 @ 3 x 3, .., max 4, 2        64 x 32 x 113   same
    ..                128 @ 3 x 3, .., max 4, 2       128 x 8 x 56    same
    ..                128 @ 3 x 3, .., max 4, 1       128 x 2 x 56    same
    ``recurrent``     64                              64              over 56 steps of 128 x 2
                                                                      features; last state
    ``head``          64, K                           K               ReLU, dropout 0.5
    ================  ==============================  ==============  ==========================

    Dropout of 0.2 after each pooling. 266,378 parameters with a plain recurrent layer, 328,202 with LSTM, 307,594
    with GRU, and 10 outputs. Source: Neacșu-Miclea (2023), model (d), which its slide has read samples and its
    results spectrograms. Chosen: all sizes.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int], cell: Cell) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvBlock(2, 1, 32, 3, padding=1, pool=(4, 2), **_BLOCK),
            ConvBlock(2, 32, 64, 3, padding=1, pool=(4, 2), **_BLOCK),
            ConvBlock(2, 64, 128, 3, padding=1, pool=(4, 2), **_BLOCK),
            ConvBlock(2, 128, 128, 3, padding=1, pool=(4, 1), **_BLOCK),
        )
        self.recurrent = Recurrent(cell, 128 * (input_shape[0] // 4**4), 64)
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 spectrograms."""
        maps = self.convolutions(x[:, None])
        return self.head(self.recurrent(maps.flatten(1, 2).transpose(1, 2)))


class MelCNN(nn.Module):
    """Log-mel spectrograms [batch, mel, frame] to logits [batch, n_outputs]: what the study's conclusion proposes.

    ================  ==============================  ===========  ============================
    layer             what it is                      output       note
    ================  ==============================  ===========  ============================
    ``convolutions``  128 @ 3, BN, ReLU, max 4        128 x 226    same; the bands are channels
    ..                128 @ 3, BN, ReLU, max 4        128 x 56     same
    ..                256 @ 3, BN, ReLU, max 4        256 x 14     same
    ..                256 @ 3, BN, ReLU               256 x 14     same
    ``pool``          global mean, maximum            512
    ``head``          128, K                          K            ReLU, dropout 0.5
    ================  ==============================  ===========  ============================

    Dropout of 0.2 after each block. 462,474 parameters with 128 bands and 10 outputs, of the study's own magnitude.
    Source: Neacșu-Miclea (2023), conclusions: a 1-D CNN over the spectrogram sequence, and mel in place of linear
    frequencies. Chosen: blocks and head are those of `WaveformCNN`, without its first convolution of samples. At
    frames of 32 ms a unit of the last block sees 7.5 s of music. What a clip holds anywhere and what it is like
    throughout are both tags, hence both poolings, which also leave the network free of the clip's length.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int]) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvBlock(1, input_shape[0], 128, 3, padding=1, pool=4, **_BLOCK),
            ConvBlock(1, 128, 128, 3, padding=1, pool=4, **_BLOCK),
            ConvBlock(1, 128, 256, 3, padding=1, pool=4, **_BLOCK),
            ConvBlock(1, 256, 256, 3, padding=1, **_BLOCK),
        )
        self.pool = GlobalPool1d("maxmean")
        self.head = nn.Sequential(nn.Linear(512, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 spectrograms."""
        return self.head(self.pool(self.convolutions(x)))


def _waveform_convolutions(last_pool: int | None) -> nn.Sequential:
    """Return the convolutions of (a) and (b): [batch, 1, samples] to [batch, 256, steps]."""
    return nn.Sequential(
        ConvBlock(1, 1, 64, 80, stride=16, pool=4, **_BLOCK),
        ConvBlock(1, 64, 64, 3, padding=1, pool=4, **_BLOCK),
        ConvBlock(1, 64, 128, 3, padding=1, pool=4, **_BLOCK),
        ConvBlock(1, 128, 128, 3, padding=1, pool=4, **_BLOCK),
        ConvBlock(1, 128, 256, 3, padding=1, pool=last_pool, **_BLOCK),
    )
