"""The networks of Abela (2021) for genre and mood, and ConflictNET, which its end-to-end network follows.

Three take log-mel spectrograms of 3 s: convolutions, recurrent layers, and both. The other two take samples:
convolutions that shorten them by a thousand, and two recurrent layers with attention between. Initial weights and batch
normalization are Keras's: the study names TensorFlow's ImageDataGenerator, and ConflictNET's code imports Keras.
"""

from functools import partial
from typing import Literal

import torch
from torch import nn

from genreflow.models.attention import AdditiveSelfAttention, DotProductSelfAttention
from genreflow.models.blocks import ConvBlock, Recurrent, keras_defaults
from genreflow.models.entry import Choice, ModelEntry

_SEGMENTS = {"kind": "split", "seconds": 3.0, "count": 10}
_LOGMEL = {
    "front_end": {
        "kind": "logmel",
        "sample_rate": 22_050,
        "n_fft": 2_048,
        "hop": 512,
        "n_mels": 128,
        "reference": "max",
        "top_db": 80.0,
    },
    "segments": _SEGMENTS,
    "standardize": "global",
}
_SAMPLES = {"front_end": {"kind": "waveform", "sample_rate": 22_050}, "segments": _SEGMENTS, "peak": True}
_CONFLICT = {
    "front_end": {"kind": "waveform", "sample_rate": 8_000},
    "segments": {"kind": "whole", "seconds": 30.0},
}

_CELL = {"cell": Choice("lstm", ("lstm", "gru"), "Recurrent layers; the study has both.")}
_LEAST_SAMPLES = 1_325  # leave one step after the convolutions and poolings

_CHOSEN = (
    "sizes: the study's figures of its networks are lost, and its text states kinds of layers",
    "input: the study states mel spectrograms, normalized, of 3 s; rate, bands, frames and standardization are chosen",
)
_RUNNING = "running statistics: the plain average of the first 100 batches, then Keras's"
_TWO_BIASES = "cell: recurrent layers have torch's two biases, whose sum is Keras's single one"

ENTRIES = (
    ModelEntry(
        name="genre_mood_conv",
        study="genre_mood",
        title="three convolutions with pooling, one hidden layer (A)",
        module=__name__,
        builder="GenreMoodConv",
        input=_LOGMEL,
        variable_axes={0: 8, 1: 8},
        n_outputs=10,
        parameters=4_288_394,
        source="Abela (2021), network A",
        assumptions=_CHOSEN,
    ),
    ModelEntry(
        name="genre_mood_recurrent",
        study="genre_mood",
        title="two bidirectional recurrent layers over the frames (B)",
        module=__name__,
        builder="GenreMoodRecurrent",
        input=_LOGMEL,
        variable_axes={0: 1, 1: 1},
        n_outputs=10,
        parameters=437_962,
        options=_CELL,
        source="Abela (2021), network B",
        assumptions=(*_CHOSEN, _TWO_BIASES),
    ),
    ModelEntry(
        name="genre_mood_conv_recurrent",
        study="genre_mood",
        title="three convolutions with pooling, then a bidirectional recurrent layer (C)",
        module=__name__,
        builder="GenreMoodConvRecurrent",
        input=_LOGMEL,
        variable_axes={0: 8, 1: 8},
        n_outputs=10,
        parameters=1_183_946,
        options=_CELL,
        source="Abela (2021), network C",
        assumptions=(*_CHOSEN, _TWO_BIASES),
    ),
    ModelEntry(
        name="genre_mood_end2end",
        study="genre_mood",
        title="three convolutions of samples, two recurrent layers with dot-product attention between (End2End)",
        module=__name__,
        builder="GenreMoodEnd2End",
        input=_SAMPLES,
        variable_axes={0: _LEAST_SAMPLES},
        n_outputs=10,
        parameters=413_514,
        options=_CELL,
        source="Abela (2021), Method 2; layers as in the code of ConflictNET",
        assumptions=(
            "layers: those of ConflictNET up to the attention, which the study says it adapted",
            "attention: unscaled dot products of the steps themselves, without weights of its own",
            "input: the study states 3 s of audio; the rate, and each segment's peak of 1, are chosen",
            _RUNNING,
            _TWO_BIASES,
        ),
    ),
    ModelEntry(
        name="conflictnet",
        study="genre_mood",
        title="three convolutions of samples, two recurrent layers with additive attention between",
        module=__name__,
        builder="ConflictNET",
        input=_CONFLICT,
        variable_axes={0: _LEAST_SAMPLES},
        n_outputs=1,
        parameters=420_418,
        source="Rajan, Brutti and Cavallaro (2019), ConflictNET; layers as in its published code",
        assumptions=(
            _RUNNING,
            "gates: sigmoids, where Keras 2.2 has hard sigmoids",
            "attention: starts from Glorot uniform weights, the original's Glorot normal ones have the same variance",
            "RMS of 1: the network scales each segment; the original did so beforehand",
        ),
    ),
)

Cell = Literal["lstm", "gru"]


class GenreMoodConv(nn.Module):
    """Log-mel segments [batch, n_mels, frames] to logits [batch, n_outputs]: network A.

    ================  ==========================  =============  ======================
    layer             what it is                  output         note
    ================  ==========================  =============  ======================
    ``convolutions``  32 @ 3 x 3, ReLU, max 2     32 x 64 x 65   same, dropout 0.25
    ..                64 @ 3 x 3, ReLU, max 2     64 x 32 x 32   likewise
    ..                128 @ 3 x 3, ReLU, max 2    128 x 16 x 16  likewise
    ``head``          128, K                      K              ReLU, dropout 0.5
    ================  ==========================  =============  ======================

    4,288,394 parameters with 10 outputs. Source: Abela (2021), network A, which states convolutions, max-pooling and
    dropout. Chosen: all sizes.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int]) -> None:
        super().__init__()
        bands, frames = input_shape
        self.convolutions = _map_convolutions()
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(128 * (bands // 8) * (frames // 8), 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, n_outputs),
        )
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of segments [batch, n_mels, frames]."""
        return self.head(self.convolutions(x[:, None]))


class GenreMoodRecurrent(nn.Module):
    """Log-mel segments [batch, n_mels, frames], read frame by frame, to logits [batch, n_outputs]: network B.

    ===========  ===================  =========  =====================================================
    layer        what it is           output     note
    ===========  ===================  =========  =====================================================
    ``first``    128, bidirectional   130 x 256  every step; dropout 0.3
    ``second``   64, bidirectional    128        last state: forward at the end, backward at the start
    ``head``     64, K                K          ReLU, dropout 0.3
    ===========  ===================  =========  =====================================================

    437,962 parameters with LSTM, 330,698 with GRU, and 10 outputs. Source: Abela (2021), network B, which states
    bidirectional recurrent layers. Chosen: all sizes.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int], cell: Cell) -> None:
        super().__init__()
        self.first = Recurrent(cell, input_shape[0], 128, bidirectional=True, returns="sequence")
        self.dropout = nn.Dropout(0.3)
        self.second = Recurrent(cell, 256, 64, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of segments [batch, n_mels, frames]."""
        return self.head(self.second(self.dropout(self.first(x.transpose(1, 2)))))


class GenreMoodConvRecurrent(nn.Module):
    """Log-mel segments [batch, n_mels, frames] to logits [batch, n_outputs]: network C.

    ================  ===========================  =============  =================================================
    layer             what it is                   output         note
    ================  ===========================  =============  =================================================
    ``convolutions``  those of `GenreMoodConv`     128 x 16 x 16
    ``recurrent``     64, bidirectional            128            over 16 steps of 128 x 16 features; last states
    ``head``          64, K                        K              ReLU, dropout 0.3
    ================  ===========================  =============  =================================================

    1,183,946 parameters with LSTM, 913,354 with GRU, and 10 outputs. Source: Abela (2021), network C, which states
    convolutions and then a bidirectional recurrent layer. Chosen: all sizes.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int], cell: Cell) -> None:
        super().__init__()
        self.convolutions = _map_convolutions()
        self.recurrent = Recurrent(cell, 128 * (input_shape[0] // 8), 64, bidirectional=True)
        self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of segments [batch, n_mels, frames]."""
        maps = self.convolutions(x[:, None])
        return self.head(self.recurrent(maps.flatten(1, 2).transpose(1, 2)))


class _EndToEnd(nn.Module):
    """Base of the networks of waveforms."""

    def __init__(self, n_outputs: int, cell: Cell, attention: nn.Module, *, one_bias: bool = False) -> None:
        super().__init__()
        block = partial(ConvBlock, 1, norm="after", keras_norm=True)
        self.convolutions = nn.Sequential(
            block(1, 64, 6, pool=8), block(64, 128, 4, pool=6), block(128, 256, 4, pool=6), nn.AvgPool1d(4)
        )
        self.first = Recurrent(cell, 256, 128, returns="sequence", one_bias=one_bias)
        self.attention = attention
        self.second = Recurrent(cell, 128, 64, one_bias=one_bias)
        self.head = nn.Linear(64, n_outputs)
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        steps = self.convolutions(x[:, None]).transpose(1, 2)
        return self.head(self.second(self.attention(self.first(steps))))


class GenreMoodEnd2End(_EndToEnd):
    """Waveforms [batch, samples] to logits [batch, n_outputs]: ConflictNET with another attention.

    ================  ============================  ============  =================================
    layer             as published                  output        note
    ================  ============================  ============  =================================
    ``convolutions``  64 @ 6, ReLU, BN, max 8       64 x 8,268    valid; 66,145 before the pooling
    ..                128 @ 4, ReLU, BN, max 6      128 x 1,377   valid; 8,265
    ..                256 @ 4, ReLU, BN, max 6      256 x 229     valid; 1,374
    ..                mean 4                        256 x 57
    ``first``         recurrent, 128                57 x 128      every step
    ``attention``     dot-product                   57 x 128      no parameters
    ``second``        recurrent, 64                 64            last state
    ``head``          K                             K
    ================  ============================  ============  =================================

    413,514 parameters with LSTM, 351,690 with GRU, and 10 outputs; the samples' activations, 64 x 66,145, take 17 MB
    a segment. Source: Abela (2021), section Method 2, for the attention; code of ConflictNET for the layers.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], cell: Cell) -> None:
        super().__init__(n_outputs, cell, DotProductSelfAttention())


class ConflictNET(_EndToEnd):
    """Waveforms [batch, samples] to [batch, n_outputs]: one number, the strength of a conflict, in the original.

    ================  ============================  =============  =================================
    layer             as published                  output         note
    ================  ============================  =============  =================================
    samples           divided by their RMS          240,000        30 s at 8 kHz
    ``convolutions``  64 @ 6, ReLU, BN, max 8       64 x 29,999    valid; 239,995 before the pooling
    ..                128 @ 4, ReLU, BN, max 6      128 x 4,999    valid; 29,996
    ..                256 @ 4, ReLU, BN, max 6      256 x 832      valid; 4,996
    ..                mean 4                        256 x 208
    ``first``         LSTM 128                      208 x 128      every step
    ``attention``     additive, 32 units            208 x 128      tanh of the energies too
    ``second``        LSTM 64                       64             last state
    ``head``          K                             K
    ================  ============================  =============  =================================

    420,418 parameters with one output, as Keras prints: its LSTM has one bias. Source: Rajan, Brutti and Cavallaro
    2019, and their code. Chosen: gates are sigmoids, where Keras 2.2 has hard sigmoids.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__(n_outputs, "lstm", AdditiveSelfAttention(128), one_bias=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        rms = x.square().mean(dim=1, keepdim=True).sqrt()
        return super().forward(x / rms.clamp(min=1e-6))


def _map_convolutions() -> nn.Sequential:
    """Return the convolutions of A and C: [batch, 1, n_mels, frames] to [batch, 128, n_mels / 8, frames / 8]."""
    block = partial(ConvBlock, 2, kernel=3, padding="same", pool=2, dropout=0.25)
    return nn.Sequential(block(1, 32), block(32, 64), block(64, 128))
