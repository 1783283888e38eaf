"""The networks of Giamatti and Smith (2020), eight genres of popular music, and that of Roberts, which they built on.

Giamatti and Smith used PyTorch, so initial weights are torch's own; Roberts used Keras.
"""

from typing import Literal

import torch
from torch import nn

from genreflow.models.blocks import ConvBlock, GlobalPool1d
from genreflow.models.initialise import keras_defaults

POOL = (2, 4)  # mel bands, frames
# What librosa's power_to_db leaves below the loudest, and so the range of Roberts's spectrograms, dB.
RANGE_DB = 80.0


class Western8CNN(nn.Module):
    """Log-mel segments [batch, mel, frame] to logits [batch, n_outputs].

    ==========  ======================  =============  =============
    layer       as published            no padding     padding 1
    ==========  ======================  =============  =============
    ``block1``  32 @ 3 x 3, max 2 x 4   32 x 63 x 322  32 x 64 x 323
    ``block2``  64 @ 3 x 3, max 2 x 4   64 x 30 x 80   64 x 32 x 80
    ``block3``  128 @ 3 x 3, max 2 x 4  128 x 14 x 19  128 x 16 x 20
    ``dense``   256 @ 3 x 3             256 x 12 x 17  256 x 16 x 20
    ``head``    dropout, flatten, K     52,224 to K    81,920 to K
    ==========  ======================  =============  =============

    805,640 parameters for 8 classes of 128 x 1292, 1,043,208 with padding. ReLU after every convolution. The study
    holds that PyTorch has no dense layer and that its fourth convolution is one. That is the default; `dense` has two
    other readings: ``dense``, 256 units after flattening, and ``pooled``, the convolution and the mean of its maps.
    """

    def __init__(
        self,
        *,
        n_outputs: int,
        input_shape: tuple[int, int],
        padding: int,
        dense: Literal["conv", "dense", "pooled"],
        dropout: float,
    ) -> None:
        super().__init__()
        n_mels, n_frames = input_shape
        for _ in range(3):
            n_mels, n_frames = _convolved((n_mels, n_frames), padding, POOL)
        self.block1 = ConvBlock(2, 1, 32, 3, padding=padding, pool=POOL)
        self.block2 = ConvBlock(2, 32, 64, 3, padding=padding, pool=POOL)
        self.block3 = ConvBlock(2, 64, 128, 3, padding=padding, pool=POOL)
        if dense == "dense":
            self.dense = nn.Sequential(nn.Flatten(), nn.Linear(128 * n_mels * n_frames, 256), nn.ReLU())
        else:
            self.dense = ConvBlock(2, 128, 256, 3, padding=padding)
        n_mels, n_frames = _convolved((n_mels, n_frames), padding)
        n_features = 256 * n_mels * n_frames if dense == "conv" else 256
        pool = (nn.Flatten(2), GlobalPool1d("mean")) if dense == "pooled" else (nn.Flatten(),)
        self.head = nn.Sequential(nn.Dropout(dropout), *pool, nn.Linear(n_features, n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 segments, stored as (mel, frame)."""
        return self.head(self.dense(self.block3(self.block2(self.block1(x[:, None])))))


class Western8FFNN(nn.Sequential):
    """Descriptors [batch, n] to logits [batch, n_outputs]: dense 64, 64, K, ReLU between.

    6,344 parameters for 25 descriptors and 8 classes. The study calls its network basic and generic, and says no more.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__(
            nn.Linear(input_shape[0], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, n_outputs)
        )


class RobertsCNN(nn.Module):
    """Log-mel segments [batch, mel, frame], 0 dB the loudest of each, to logits [batch, n_outputs].

    ==========  ====================  =============
    layer       as published          output
    ==========  ====================  =============
    ``block1``  16 @ 3 x 3, max 2x4   16 x 63 x 164
    ``block2``  32 @ 3 x 3, max 2x4   32 x 30 x 40
    ``head``    64, dropout, K        K
    ==========  ====================  =============

    2,463,114 parameters for 10 classes of 128 x 660. No padding; ReLU after each layer but the last. Decibels are
    divided by -80, the minimum of the training spectrograms that the published notebook prints and divides by: 0 is
    the loudest of a segment, 1 is 80 dB below, where librosa cuts.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int], dropout: float) -> None:
        super().__init__()
        n_mels, n_frames = _convolved(_convolved(input_shape, 0, POOL), 0, POOL)
        self.block1 = ConvBlock(2, 1, 16, 3, pool=POOL)
        self.block2 = ConvBlock(2, 16, 32, 3, pool=POOL)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(32 * n_mels * n_frames, 64),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(64, n_outputs),
        )
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of float32 segments in decibels, stored as (mel, frame)."""
        return self.head(self.block2(self.block1(x[:, None] / -RANGE_DB)))


def _convolved(shape: tuple[int, int], padding: int, pool: tuple[int, int] = (1, 1)) -> tuple[int, int]:
    """Return the size of a map after a 3 x 3 convolution and pooling."""
    height, width = ((size + 2 * padding - 2) // step for size, step in zip(shape, pool, strict=True))
    return height, width
