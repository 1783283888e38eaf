"""The networks of Giamatti and Smith (2020) for eight genres of popular music, and that of Roberts (2019) before them.

Giamatti and Smith used PyTorch, so initial weights are torch's own; Roberts used Keras.
"""

from typing import Literal

import torch
from torch import nn

from genreflow.models.blocks import ConvBlock, GlobalPool1d, keras_defaults
from genreflow.models.entry import Choice, ModelEntry, dropout

_EXCERPT = {"kind": "random_offset", "seconds": 30.0}
_SPECTROGRAM = {
    "front_end": {
        "kind": "logmel",
        "sample_rate": 22_050,
        "n_fft": 2_048,
        "hop": 512,
        "n_mels": 128,
        "reference": "max",
        "top_db": 80.0,
    },
    "segments": _EXCERPT,
    "peak": True,
    "standardize": "element",
}
_NUMBERS = {
    "front_end": {"kind": "descriptors", "set": "means25"},
    "segments": _EXCERPT,
    "standardize": "element",
}
_ROBERTS = {
    "front_end": {
        "kind": "logmel",
        "sample_rate": 22_050,
        "n_fft": 2_048,
        "hop": 1_024,
        "n_mels": 128,
        "reference": "max",
        "top_db": 80.0,
    },
    "segments": {"kind": "whole", "seconds": 30.625},  # 660 frames
}

ENTRIES = (
    ModelEntry(
        name="western8_cnn",
        study="western8",
        title="three convolutions with pooling, a fourth in place of a dense layer",
        module=__name__,
        builder="Western8CNN",
        input=_SPECTROGRAM,
        variable_axes={1: 234},
        n_outputs=8,
        parameters=805_640,
        options={
            "padding": Choice(0, (0, 1), "Zero padding of the convolutions; with 1 a map keeps its size."),
            "dense": Choice(
                "conv",
                ("conv", "dense", "pooled"),
                "The layer that the study calls dense: a convolution of 256 filters, as listed; 256 units on all maps; "
                "or the convolution and the mean of each map.",
            ),
            "dropout": dropout(0.25, "Share of units dropped before the output."),
        },
        source="Giamatti and Smith (2020), section 2.5, layer list",
        assumptions=(
            "padding: none; the study does not state it",
            "dropout 0.25 before the output, the rate of Roberts, whom the study follows; it gives neither rate nor "
            "place",
            "input: decibels below the loudest; the study says mel spectrogram, and that the sound was normalized, "
            "which is read as a peak of 1",
            "standardize: by the training folds; the study's text suggests that test tracks had a part in it",
        ),
    ),
    ModelEntry(
        name="western8_ffnn",
        study="western8",
        title="two hidden layers of 64 on descriptors",
        module=__name__,
        builder="Western8FFNN",
        input=_NUMBERS,
        variable_axes={0: 1},
        binding=("standardize",),
        n_outputs=8,
        parameters=6_344,
        source="Giamatti and Smith (2020), appendix 4.2",
        assumptions=(
            "all sizes; the study calls it basic and generic",
            "chroma as one number, so that descriptors are 25",
        ),
    ),
    ModelEntry(
        name="roberts_cnn",
        study="western8",
        title="two convolutions with pooling, a dense layer",
        module=__name__,
        builder="RobertsCNN",
        input=_ROBERTS,
        variable_axes={1: 26},
        binding=("front_end.reference", "front_end.top_db", "standardize"),
        n_outputs=10,
        parameters=2_463_114,
        options={"dropout": dropout(0.25, "Share of units dropped before the output.")},
        source="Roberts (2019), Musical genre classification with convolutional neural networks; its published code",
        assumptions=(
            "segments of 30.625 s are 660 frames; GTZAN's clips of 30.0 s are 646, which the network takes as well, "
            "without padding (the published code's resize wraps the rows of shorter clips, a bug)",
        ),
    ),
)

POOL = (2, 4)  # mel bands, frames
# librosa's power_to_db cuts 80 dB below the loudest value, so this is the range of Roberts's spectrograms.
RANGE_DB = 80.0


class Western8CNN(nn.Module):
    """Log-mel segments [batch, n_mels, frames] to logits [batch, n_outputs]: Giamatti and Smith (2020), section 2.5.

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
    calls its fourth convolution a dense layer. That is the default; `dense` offers two other readings: ``dense``, 256
    units after flattening, and ``pooled``, the convolution and the mean of its maps.
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
        """Return logits [batch, n_outputs] of segments [batch, n_mels, frames]."""
        return self.head(self.dense(self.block3(self.block2(self.block1(x[:, None])))))


class Western8FFNN(nn.Sequential):
    """Descriptors [batch, n] to logits [batch, n_outputs]: dense 64, 64, K, ReLU between.

    6,344 parameters for 25 descriptors and 8 classes. Source: Giamatti and Smith (2020), appendix 4.2, which calls the
    network basic and generic. Chosen: all sizes.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__(
            nn.Linear(input_shape[0], 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, n_outputs)
        )


class RobertsCNN(nn.Module):
    """Log-mel segments [batch, n_mels, frames] in dB below the loudest to logits [batch, n_outputs]: Roberts (2019).

    ==========  ====================  =============
    layer       as published          output
    ==========  ====================  =============
    ``block1``  16 @ 3 x 3, max 2x4   16 x 63 x 164
    ``block2``  32 @ 3 x 3, max 2x4   32 x 30 x 40
    ``head``    64, dropout, K        K
    ==========  ====================  =============

    2,463,114 parameters for 10 classes of 128 x 660. No padding; ReLU after each layer but the last. Decibels are
    divided by -80, the minimum that the published notebook prints and divides by: 0 is the loudest of a segment, 1 is
    80 dB below, where librosa cuts.
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
        """Return logits [batch, n_outputs] of segments in decibels [batch, n_mels, frames]."""
        return self.head(self.block2(self.block1(x[:, None] / -RANGE_DB)))


def _convolved(shape: tuple[int, int], padding: int, pool: tuple[int, int] = (1, 1)) -> tuple[int, int]:
    """Return the size of a map after a 3 x 3 convolution and pooling."""
    height, width = ((size + 2 * padding - 2) // step for size, step in zip(shape, pool, strict=True))
    return height, width
