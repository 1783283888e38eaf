"""The spectrogram models of Won, Ferraro, Bogdanov and Serra (2020), "Evaluation of CNN-based automatic music tagging".

Each takes waveforms at 16 kHz and computes its spectrogram itself. The networks of other authors are as in the
published code of Won et al., with torch's own initial weights and batch normalization.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import nn

from genreflow.config.inputs import LogMel
from genreflow.models.attention import EncoderLayer
from genreflow.models.blocks import ConvBlock, GlobalPool1d, Recurrent, size_text
from genreflow.models.entry import Choice, ModelEntry
from genreflow.models.spectrogram import HarmonicSpectrogram, LogMelSpectrogram

_MELS = Choice(96, (96, 128), "Mel bands; the literature table has both.")
_INITIAL = "initial weights: torch's own, as in the published code"
_WHOLE = (
    "one segment of 29 s per track: the published code averages 16 that start about 6 ms apart, almost the same music"
)


def _waveform(seconds: float) -> dict[str, Any]:
    """Return an input of the paper: 16 chunks per track, whose predictions are averaged, or whole clips of 29 s."""
    segments = {"kind": "whole"} if seconds == 29 else {"kind": "chunks", "count": 16}
    return {
        "front_end": {"kind": "waveform", "sample_rate": 16_000},
        "segments": {**segments, "seconds": seconds},
    }


# The networks compute their own spectrograms, whose bands depend on the sample rate.
_entry = partial(ModelEntry, study="won2020", module=__name__, n_outputs=50, binding=("front_end.sample_rate",))

# The least lengths leave one step of time after all poolings. Strided convolutions, which would take less, get at least
# two frames each: with one, torch 2.13 on a CPU computes wrong gradients of their weights in bfloat16.
ENTRIES = (
    _entry(
        name="fcn",
        title="five convolutions on the log-mel spectrogram of a whole clip",
        builder="FCN",
        input=_waveform(29),
        variable_axes={0: 1_279 * 256},
        options={"n_mels": _MELS},
        parameters=447_732,
        source="Choi, Fazekas and Sandler (2016), as in the published code of Won et al. (2020)",
        assumptions=(_WHOLE, "clips of more than 41 s: the dense layer takes all remaining steps", _INITIAL),
    ),
    _entry(
        name="musicnn",
        title="kernels for timbre and rhythm side by side, three convolutions, global pooling, a dense layer",
        builder="Musicnn",
        input=_waveform(3),
        variable_axes={0: 512},
        options={
            "n_mels": _MELS,
            "kernels": Choice(
                "scaled",
                ("scaled", "fixed"),
                "Height of the timbre kernels: 0.7 and 0.4 of the bands, or 67 and 38 whatever the bands.",
            ),
        },
        parameters=784_300,
        source="Pons and Serra (2019), as in the published code of Won et al. (2020)",
        assumptions=(
            "kernels with 128 bands: the design's shares of the bands are the default, the code's 67 and 38 an option",
            "pooled means before maxima, which only orders the features",
            _INITIAL,
        ),
    ),
    _entry(
        name="crnn",
        title="four convolutions on the log-mel spectrogram of a whole clip, two GRU layers",
        builder="CRNN",
        input=_waveform(29),
        variable_axes={0: 95 * 256},
        options={"n_mels": _MELS},
        parameters=394_100,
        source="Choi, Fazekas, Sandler and Cho (2017), as in the published code of Won et al. (2020)",
        assumptions=(_WHOLE, _INITIAL),
    ),
    _entry(
        name="self_attention",
        title="seven residual blocks on the log-mel spectrogram, two layers of self-attention over time",
        builder="SelfAttentionCNN",
        input=_waveform(15),
        variable_axes={0: 4 * 256},
        parameters=10_521_652,
        source="Won, Chun and Serra (2019), as in the published code of Won et al. (2020)",
        assumptions=(
            "no positions: the published code imports an encoding of them and does not call it",
            _INITIAL,
        ),
    ),
    _entry(
        name="harmonic_cnn",
        title="six harmonics as channels, learnable bandwidth, seven convolutional blocks, a dense layer",
        builder="HarmonicCNN",
        input=_waveform(5),
        variable_axes={0: 287 * 256},
        parameters=3_631_551,
        source="Won, Chun, Nieto and Serra (2020), data-driven harmonic filters, as in the published code",
        assumptions=(_INITIAL,),
    ),
    _entry(
        name="short_chunk_cnn",
        title="seven convolutions on the log-mel spectrogram of a short chunk, global maximum, a dense layer",
        builder="ShortChunkCNN",
        input=_waveform(3.6905625),
        variable_axes={0: 127 * 256},
        parameters=3_687_348,
        source="Won, Ferraro, Bogdanov and Serra (2020), published code",
        assumptions=(_INITIAL,),
    ),
    _entry(
        name="short_chunk_res",
        title="seven residual blocks on the log-mel spectrogram of a short chunk, global maximum, a dense layer",
        builder="ShortChunkRes",
        input=_waveform(3.6905625),
        variable_axes={0: 64 * 256},
        parameters=12_104_244,
        source="Won, Ferraro, Bogdanov and Serra (2020), published code",
        assumptions=(_INITIAL,),
    ),
)

SAMPLE_RATE, N_FFT, HOP = 16_000, 512, 256


class FCN(nn.Module):
    """Choi, Fazekas and Sandler (2016): convolutions alone. Waveforms [batch, samples] to logits [batch, n_outputs].

    =============  ==================  ====================  ====================  ====================
    layer          as published        output of 96 bands    output of 128 bands   note
    =============  ==================  ====================  ====================  ====================
    ``input``      log-mel, BN         1 x 96 x 1813         1 x 128 x 1813        29 s
    ``blocks`` 1   64 @ 3 x 3, 2 x 4   64 x 48 x 453         64 x 64 x 453         conv, BN, ReLU, max
    ``blocks`` 2   128, 2 x 4          128 x 24 x 113        128 x 32 x 113
    ``blocks`` 3   128, 2 x 4          128 x 12 x 28         128 x 16 x 28
    ``blocks`` 4   128, 3 x 5          128 x 4 x 5           128 x 5 x 5
    ``blocks`` 5   64, 4 x 4           64 x 1 x 1            64 x 1 x 1
    ``head``       dropout 0.5, K      K                     K                     of all that is left
    =============  ==================  ====================  ====================  ====================

    447,732 parameters for 50 tags.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], n_mels: int) -> None:
        super().__init__()
        self.input = log_mel_input(n_mels)
        self.blocks = conv_blocks((1, 64, 128, 128, 128, 64), ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4)))
        places = (n_mels // (2 * 2 * 2 * 3 * 4)) * (frame_count(input_shape) // (4 * 4 * 4 * 5 * 4))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * places, n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        return self.head(self.blocks(self.input(x)))


class Musicnn(nn.Module):
    """Pons and Serra (2019): kernels for timbre and rhythm. Waveforms [batch, samples] to logits [batch, n_outputs].

    =============  ======================  ==============  ===========================================
    layer          as published            output          note
    =============  ======================  ==============  ===========================================
    ``input``      log-mel, BN             1 x 96 x 188    3 s
    ``kernels``    2 x 204, 3 x 51         561 x 188       `TimbreAndRhythm`
    ``middle`` 1   64 @ 7                  64 x 188        conv, BN, ReLU
    ``middle`` 2   64 @ 7, plus its input  64 x 188
    ``middle`` 3   64 @ 7, plus its input  64 x 188
    joined         concatenation           753 x 188       kernels, middle 1 to 3
    ``pool``       global mean and max     1506
    ``head``       200, K                  K               BN, ReLU, dropout 0.5 between
    =============  ======================  ==============  ===========================================

    784,300 parameters for 50 tags and 96 bands. With 128 bands, 834,280 with `kernels` of ``scaled`` height, 784,300
    with the ``fixed`` ones of the published code. The pooled means stand before the maxima, in the published code after
    them: the same network with its features in another order.
    """

    joins: ClassVar = {
        "middle.2": [("sum", "middle.0")],
        "pool": [("sum", "middle.1"), ("concat", "kernels", "middle.0", "middle.1")],
    }

    def __init__(
        self, *, n_outputs: int, input_shape: tuple[int], n_mels: int, kernels: Literal["scaled", "fixed"]
    ) -> None:
        super().__init__()
        bands = n_mels if kernels == "scaled" else 96
        self.input = log_mel_input(n_mels)
        self.kernels = TimbreAndRhythm(heights=(int(0.7 * bands), int(0.4 * bands)))
        self.middle = nn.ModuleList(
            ConvBlock(1, n_in, 64, 7, padding=3, norm="before") for n_in in (self.kernels.n_out, 64, 64)
        )
        self.pool = GlobalPool1d("maxmean")
        self.head = classifier(2 * (self.kernels.n_out + 3 * 64), 200, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        low = self.kernels(self.input(x))
        first, second, third = self.middle
        r1 = first(low)
        r2 = second(r1) + r1
        r3 = third(r2) + r2
        return self.head(self.pool(torch.cat([low, r1, r2, r3], dim=1)))


class TimbreAndRhythm(nn.Module):
    """The first convolutions of Musicnn, in parallel: [batch, 1, n_mels, frames] to [batch, 561, frames].

    For timbre, 204 kernels of each of two heights and 7 frames, whose outputs are maximized over the bands, so that
    pitch does not matter. For rhythm, 51 kernels of each of three lengths on the mean of all bands.
    """

    def __init__(self, heights: tuple[int, int]) -> None:
        super().__init__()
        self.timbre = nn.ModuleList(
            ConvBlock(2, 1, 204, (height, 7), padding=(0, 3), norm="before") for height in heights
        )
        self.rhythm = nn.ModuleList(
            ConvBlock(1, 1, 51, length, padding=length // 2, norm="before") for length in (129, 65, 33)
        )
        self.n_out = 2 * 204 + 3 * 51
        self.title = f"conv 204 @ {heights[0]} × 7 and {heights[1]} × 7, 51 @ 129, 65 and 33"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [batch, 561, frames] of spectrograms [batch, 1, n_mels, frames]."""
        mean = x.mean(dim=2)
        timbre = [convolution(x).amax(dim=2) for convolution in self.timbre]
        return torch.cat(timbre + [convolution(mean) for convolution in self.rhythm], dim=1)


class CRNN(nn.Module):
    """Choi, Fazekas, Sandler and Cho (2017): a recurrent end. Waveforms [batch, samples] to logits [batch, n_outputs].

    =============  ==================  ====================  ====================  ====================
    layer          as published        output of 96 bands    output of 128 bands   note
    =============  ==================  ====================  ====================  ====================
    ``input``      log-mel, BN         1 x 96 x 1813         1 x 128 x 1813        29 s
    ``blocks`` 1   64 @ 3 x 3, 2 x 2   64 x 48 x 906         64 x 64 x 906         conv, BN, ReLU, max
    ``blocks`` 2   128, 3 x 3          128 x 16 x 302        128 x 21 x 302
    ``blocks`` 3   128, 4 x 4          128 x 4 x 75          128 x 5 x 75
    ``blocks`` 4   128, 4 x 4          128 x 1 x 18          128 x 1 x 18
    ``recurrent``  GRU 32, 2 layers    32                    32                    the last state
    ``head``       dropout 0.5, K      K                     K
    =============  ==================  ====================  ====================  ====================

    394,100 parameters for 50 tags.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], n_mels: int) -> None:
        super().__init__()
        self.input = log_mel_input(n_mels)
        self.blocks = conv_blocks((1, 64, 128, 128, 128), ((2, 2), (3, 3), (4, 4), (4, 4)))
        self.recurrent = Recurrent("gru", 128, 32, layers=2)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(32, n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        maps = self.blocks(self.input(x))
        return self.head(self.recurrent(maps.flatten(1, 2).transpose(1, 2)))


class _PooledCNN(nn.Module):
    """Base of networks with global max pooling: a subclass sets `input`, `blocks`, `pool` and `head`, in this order."""

    input: nn.Module
    blocks: nn.Module
    pool: nn.Module
    head: nn.Module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        return self.head(self.pool(self.blocks(self.input(x))))


class ShortChunkCNN(_PooledCNN):
    """Won et al. (2020), a plain network on short chunks. Waveforms [batch, samples] to logits [batch, n_outputs].

    =================  ======================  ===============  ==================================
    layer              as published            output           note
    =================  ======================  ===============  ==================================
    ``input``          log-mel, BN             1 x 128 x 231    3.69 s
    ``blocks`` 1 - 2   128 @ 3 x 3, max 2 x 2  128 x 32 x 57    conv, BN, ReLU, max
    ``blocks`` 3 - 6   256 @ 3 x 3, max 2 x 2  256 x 2 x 3
    ``blocks`` 7       512 @ 3 x 3, max 2 x 2  512 x 1 x 1
    ``pool``           global max              512
    ``head``           512, K                  K                BN, ReLU, dropout 0.5 between
    =================  ======================  ===============  ==================================

    3,687,348 parameters for 50 tags.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        self.input = log_mel_input(128)
        self.blocks = conv_blocks((1, 128, 128, 256, 256, 256, 256, 512), 7 * (2,))
        self.pool = global_max()
        self.head = classifier(512, 512, n_outputs)


class ShortChunkRes(_PooledCNN):
    """Won et al. (2020), residual blocks on short chunks. Waveforms [batch, samples] to logits [batch, n_outputs].

    =================  ======================  ===============  ==================================
    layer              as published            output           note
    =================  ======================  ===============  ==================================
    ``input``          log-mel, BN             1 x 128 x 231    3.69 s
    ``blocks`` 1 - 2   128 @ 3 x 3, stride 2   128 x 32 x 58    `ResidualBlock`
    ``blocks`` 3 - 6   256 @ 3 x 3, stride 2   256 x 2 x 4
    ``blocks`` 7       512 @ 3 x 3, stride 2   512 x 1 x 2
    ``pool``           global max              512
    ``head``           512, K                  K                BN, ReLU, dropout 0.5 between
    =================  ======================  ===============  ==================================

    12,104,244 parameters for 50 tags.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        self.input = log_mel_input(128)
        self.blocks = strided_blocks((1, 128, 128, 256, 256, 256, 256, 512), 7 * (2,))
        self.pool = global_max()
        self.head = classifier(512, 512, n_outputs)


class HarmonicCNN(_PooledCNN):
    """Won et al. (2020b), harmonics as channels. Waveforms [batch, samples] to logits [batch, n_outputs].

    =================  ======================  ===============  ==================================
    layer              as published            output           note
    =================  ======================  ===============  ==================================
    ``input``          harmonic filters, BN    6 x 128 x 313    5 s; one learnable Q
    ``blocks`` 1       128 @ 3 x 3, max 2 x 2  128 x 64 x 156   conv, BN, ReLU, max
    ``blocks`` 2 - 4   128 @ 3 x 3, max 2 x 2  128 x 8 x 19     `ResidualBlock`
    ``blocks`` 5       256 @ 3 x 3, max 2 x 2  256 x 4 x 9      as block 1
    ``blocks`` 6 - 7   256 @ 3 x 3, max 2 x 3  256 x 1 x 1      `ResidualBlock`
    ``pool``           global max              256
    ``head``           256, K                  K                BN, ReLU, dropout 0.5 between
    =================  ======================  ===============  ==================================

    3,631,551 parameters for 50 tags, Q among them.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        harmonics = 6
        spectrogram = HarmonicSpectrogram(sample_rate=SAMPLE_RATE, n_fft=N_FFT, hop=HOP, harmonics=harmonics)
        self.input = nn.Sequential(spectrogram, nn.BatchNorm2d(harmonics))
        self.blocks = nn.Sequential(
            *conv_blocks((harmonics, 128), (2,)),
            *(ResidualBlock(128, 128, pool=2) for _ in range(3)),
            *conv_blocks((128, 256), (2,)),
            *(ResidualBlock(256, 256, pool=(2, 3)) for _ in range(2)),
        )
        self.pool = global_max()
        self.head = classifier(256, 256, n_outputs)


class SelfAttentionCNN(nn.Module):
    """Won, Chun and Serra (2019), attention over time. Waveforms [batch, samples] to logits [batch, n_outputs].

    =================  ========================  ===============  ========================================
    layer              as published              output           note
    =================  ========================  ===============  ========================================
    ``input``          log-mel, BN               1 x 128 x 938    15 s
    ``blocks`` 1 - 2   128 @ 3 x 3, stride 2     128 x 32 x 235   `ResidualBlock`
    ``blocks`` 3       256 @ 3 x 3, stride 2     256 x 16 x 118
    ``blocks`` 4 - 7   256 @ 3 x 3, stride 2, 1  256 x 1 x 118    time keeps its length
    ``summary``        a first step              119 x 256        fixed, the same for all
    ``encoder``        2 layers of BERT          119 x 256        8 heads of 32, dense 1024; no positions
    ``pooler``         256, tanh                 256              of the first step
    ``head``           dropout 0.5, K            K
    =================  ========================  ===============  ========================================

    10,521,652 parameters for 50 tags. At the first step, `summary`, the encoder gathers its result. It is not learned,
    but stored with the weights that were learned around it.
    """

    summary: torch.Tensor

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        features = 256
        self.input = log_mel_input(128)
        self.blocks = strided_blocks((1, 128, 128, 256, 256, 256, 256, features), 3 * (2,) + 4 * ((2, 1),))
        summary = np.random.RandomState(0).uniform(size=features)
        self.register_buffer("summary", torch.from_numpy(summary).float())
        self.encoder = nn.Sequential(
            *(EncoderLayer(features, 8, 1_024, dropout=0.4, attention_dropout=0.5) for _ in range(2))
        )
        self.pooler = nn.Linear(features, features)
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(features, n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        sequence = self.blocks(self.input(x)).flatten(1, 2).transpose(1, 2)
        summary = self.summary.expand(len(sequence), 1, -1)
        encoded = self.encoder(torch.cat([summary, sequence], dim=1))
        return self.head(self.pooler(encoded[:, 0]).tanh())


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3 plus a shortcut; ReLU, pooling: [batch, n_in, bands, frames] to [batch, n_out, ...].

    The first convolution has the stride. The shortcut is a convolution of 3 x 3 as well where channels or size change.
    """

    def __init__(
        self, n_in: int, n_out: int, *, stride: int | tuple[int, int] = 1, pool: int | tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, padding=1),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut = (
            nn.Identity()
            if n_in == n_out and stride == 1
            else nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, padding=1), nn.BatchNorm2d(n_out))
        )
        self.pool = nn.MaxPool2d(pool) if pool else nn.Identity()
        self.title = f"residual {n_out} @ 3 × 3"
        self.title += f", max {size_text(pool, 2)}" if pool else f", stride {size_text(stride, 2)}"

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return [batch, n_out, bands, frames] of maps [batch, n_in, bands, frames]."""
        return self.pool((self.main(x) + self.shortcut(x)).relu())


def frame_count(input_shape: tuple[int]) -> int:
    """Return the number of frames of a waveform's spectrogram."""
    return 1 + input_shape[0] // HOP


def log_mel_input(n_mels: int) -> nn.Sequential:
    """Return layers from waveforms [batch, samples] to normalized log-mel spectrograms [batch, 1, n_mels, frames]."""
    settings = LogMel(sample_rate=SAMPLE_RATE, n_fft=N_FFT, hop=HOP, n_mels=n_mels, mel="htk", padding="reflect")
    return nn.Sequential(LogMelSpectrogram(settings), nn.BatchNorm2d(1))


def conv_blocks(channels: Sequence[int], pools: Sequence[int | tuple[int, int]]) -> nn.Sequential:
    """Return blocks of a convolution of 3 x 3, batch normalization, ReLU and max pooling."""
    return nn.Sequential(
        *(
            ConvBlock(2, n_in, n_out, 3, padding=1, norm="before", pool=pool)
            for (n_in, n_out), pool in zip(pairwise(channels), pools, strict=True)
        )
    )


def strided_blocks(channels: Sequence[int], strides: Sequence[int | tuple[int, int]]) -> nn.Sequential:
    """Return residual blocks with strides."""
    return nn.Sequential(
        *(
            ResidualBlock(n_in, n_out, stride=stride)
            for (n_in, n_out), stride in zip(pairwise(channels), strides, strict=True)
        )
    )


def global_max() -> nn.Sequential:
    """Return layers from maps [batch, channels, bands, frames] to their maxima [batch, channels]."""
    return nn.Sequential(nn.Flatten(2), GlobalPool1d("max"))


def classifier(n_in: int, n_hidden: int, n_outputs: int) -> nn.Sequential:
    """Return layers from features [batch, n_in] to logits [batch, n_outputs]."""
    return nn.Sequential(
        nn.Linear(n_in, n_hidden),
        nn.BatchNorm1d(n_hidden),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(n_hidden, n_outputs),
    )
