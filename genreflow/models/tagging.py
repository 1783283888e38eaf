"""The networks of Neacșu-Miclea (2023) for the commonest tags of MagnaTagATune, and the one its conclusion proposes.

Two take waveforms, one chunks of samples, one a linear spectrogram; each has convolutions, batch normalization, pooling
and dropout, then dense or recurrent layers. The study names no library, but its loss and metric are called as in Keras
(binary crossentropy, binary accuracy), so initial weights and batch normalization are Keras's. The study states kinds
of layers only: all sizes are chosen.
"""

from functools import partial
from typing import Literal

import torch
from torch import nn

from genreflow.models.blocks import Cell, ConvBlock, GlobalPool1d, Recurrent, keras_defaults
from genreflow.models.entry import Choice, ModelEntry

_CLIP = {"kind": "whole", "seconds": 29.0}
_SAMPLES = {"front_end": {"kind": "waveform", "sample_rate": 16_000}, "segments": _CLIP}
_STFT = {
    "front_end": {
        "kind": "stft",
        "sample_rate": 16_000,
        "n_fft": 1_024,
        "hop": 1_024,
        "window": "hann",
        "centered": True,
        "magnitude": "log1p",
    },
    "segments": _CLIP,
    "standardize": "band",
}
_LOGMEL = {
    "front_end": {"kind": "logmel", "sample_rate": 16_000, "n_fft": 1_024, "hop": 512, "n_mels": 128},
    "segments": _CLIP,
    "standardize": "band",
}

_CELL = {"cell": Choice("gru", ("rnn", "lstm", "gru"), "Recurrent layer; the study has all three.")}

_AFTER = {
    "cell": Choice(
        "none",
        ("none", "rnn", "lstm", "gru"),
        "Recurrent layer over the steps that the convolutions leave, in place of pooling over time.",
    )
}

_CHOSEN = (
    "sizes: the study states kinds of layers only",
    "initial weights and batch normalization: Keras's, whose names the study's loss and metric have",
    "running statistics: the plain average of the first 100 batches, then Keras's",
)
_CLIPS = "input: the first 29 s, at the 16 kHz that the clips have"
_CELL_CHOSEN = (
    "cell: GRU, with which the study's results are best",
    "cell: LSTM and plain layers have torch's two biases, whose sum is Keras's single one",
)

ENTRIES = (
    ModelEntry(
        name="tagging_waveform_cnn",
        study="tagging",
        title="five convolutions of samples, one hidden layer (a)",
        module=__name__,
        builder="WaveformCNN",
        input=_SAMPLES,
        variable_axes={0: 16_448},
        n_outputs=10,
        parameters=1_110_282,
        source="Neacșu-Miclea (2023), model (a)",
        assumptions=(*_CHOSEN, _CLIPS),
    ),
    ModelEntry(
        name="tagging_waveform_rnn",
        study="tagging",
        title="five convolutions of samples, a recurrent layer (b)",
        module=__name__,
        builder="WaveformRNN",
        input=_SAMPLES,
        variable_axes={0: 4_160},
        n_outputs=10,
        parameters=257_994,
        options=_CELL,
        source="Neacșu-Miclea (2023), model (b)",
        assumptions=(*_CHOSEN, _CLIPS, *_CELL_CHOSEN),
    ),
    ModelEntry(
        name="tagging_chunk_cnn",
        study="tagging",
        title="four convolutions of each chunk of samples, pooled over the chunks (c)",
        module=__name__,
        builder="ChunkCNN",
        input=_SAMPLES,
        variable_axes={0: 16_000},
        n_outputs=10,
        parameters=176_010,
        options={"pool": Choice("mean", ("mean", "max"), "Global pooling over the chunks.")},
        source="Neacșu-Miclea (2023), model (c)",
        assumptions=(
            *_CHOSEN,
            _CLIPS,
            "chunks: 16,000 samples, a second; other lengths give as many as are whole",
            "pool: the mean over the chunks; the study says global pooling",
        ),
    ),
    ModelEntry(
        name="tagging_spectrogram_rnn",
        study="tagging",
        title="four convolutions of a spectrogram, a recurrent layer (d)",
        module=__name__,
        builder="SpectrogramRNN",
        input=_STFT,
        variable_axes={0: 256, 1: 8},
        n_outputs=10,
        parameters=307_594,
        options=_CELL,
        source="Neacșu-Miclea (2023), model (d)",
        assumptions=(
            *_CHOSEN,
            "input: spectrograms, as the study's results say; its list of models says samples",
            "input: consecutive transforms of 1,024 samples, log(1 + magnitude), each frequency standardized",
            *_CELL_CHOSEN,
        ),
    ),
    ModelEntry(
        name="tagging_stft_cnn",
        study="tagging",
        title="four convolutions over the frames of a linear spectrogram, global pooling, one hidden layer",
        module=__name__,
        builder="MelCNN",
        input=_STFT,
        variable_axes={0: 1, 1: 64},
        n_outputs=10,
        parameters=610_314,
        options=_AFTER,
        source="Neacșu-Miclea (2023), conclusions: what it would try next",
        assumptions=(*_CHOSEN, "layers: those of tagging_mel_cnn", "input: that of (d)"),
    ),
    ModelEntry(
        name="tagging_mel_cnn",
        study="tagging",
        title="four convolutions over the frames of a mel spectrogram, global pooling, one hidden layer",
        module=__name__,
        builder="MelCNN",
        input=_LOGMEL,
        variable_axes={0: 1, 1: 64},
        n_outputs=10,
        parameters=462_474,
        options=_AFTER,
        source="Neacșu-Miclea (2023), conclusions: what it would try next",
        assumptions=(
            *_CHOSEN,
            "layers: the blocks and the head of (a); global mean and maximum over time in place of flattening",
            "input: 128 bands of frames of 64 ms every 32 ms, at which no band is empty; each band standardized",
        ),
    ),
)

CHUNK = 16_000

_block = partial(ConvBlock, norm="before", keras_norm=True, dropout=0.2)


class WaveformCNN(nn.Module):
    """Waveforms [batch, samples] to logits [batch, n_outputs]: model (a).

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
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        return self.head(self.convolutions(x[:, None]))


class WaveformRNN(nn.Module):
    """Waveforms [batch, samples] to logits [batch, n_outputs]: model (b).

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

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], cell: Cell) -> None:
        super().__init__()
        self.convolutions = _waveform_convolutions(last_pool=None)
        self.recurrent = Recurrent(cell, 256, 64)
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        return self.head(self.recurrent(self.convolutions(x[:, None]).transpose(1, 2)))


class ChunkCNN(nn.Module):
    """Waveforms [batch, samples] to logits [batch, n_outputs], by chunks of 16,000 samples: model (c).

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

    Dropout of 0.2 after each max pooling. As many chunks as are whole, 29 in the study; the rest is dropped. 176,010
    parameters with 10 outputs. Source: Neacșu-Miclea (2023), model (c). Chosen: all sizes.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], pool: Literal["mean", "max"]) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            _block(1, 1, 64, 80, stride=4, pool=4),
            _block(1, 64, 64, 3, padding=1, pool=4),
            _block(1, 64, 128, 3, padding=1, pool=4),
            _block(1, 128, 256, 3, padding=1, pool=4),
            GlobalPool1d("mean"),
        )
        self.pool = GlobalPool1d(pool)
        self.head = nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of waveforms [batch, samples]."""
        chunks = x.unfold(1, CHUNK, CHUNK)
        features = self.convolutions(chunks.flatten(0, 1)[:, None]).unflatten(0, chunks.shape[:2])
        return self.head(self.pool(features.transpose(1, 2)))


class SpectrogramRNN(nn.Module):
    """Spectrograms [batch, bins, frames] to logits [batch, n_outputs]: model (d).

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
    with GRU, and 10 outputs. Source: Neacșu-Miclea (2023), model (d), whose input is samples in the list of models and
    spectrograms in the results. Chosen: all sizes.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int, int], cell: Cell) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            _block(2, 1, 32, 3, padding=1, pool=(4, 2)),
            _block(2, 32, 64, 3, padding=1, pool=(4, 2)),
            _block(2, 64, 128, 3, padding=1, pool=(4, 2)),
            _block(2, 128, 128, 3, padding=1, pool=(4, 1)),
        )
        self.recurrent = Recurrent(cell, 128 * (input_shape[0] // 4**4), 64)
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of spectrograms [batch, rows, frames]."""
        maps = self.convolutions(x[:, None])
        return self.head(self.recurrent(maps.flatten(1, 2).transpose(1, 2)))


class MelCNN(nn.Module):
    """Log-mel spectrograms [batch, n_mels, frames] to logits [batch, n_outputs]: the study's proposal.

    ================  ==============================  ===========  ============================
    layer             what it is                      output       note
    ================  ==============================  ===========  ============================
    ``convolutions``  128 @ 3, BN, ReLU, max 4        128 x 226    same; the bands are channels
    ..                128 @ 3, BN, ReLU, max 4        128 x 56     same
    ..                256 @ 3, BN, ReLU, max 4        256 x 14     same
    ..                256 @ 3, BN, ReLU               256 x 14     same
    ``pool``          global mean, maximum            512          or, with a ``cell``, a
                                                                   recurrent layer: 64, last state
    ``head``          128, K                          K            ReLU, dropout 0.5
    ================  ==============================  ===========  ============================

    Dropout of 0.2 after each block. 462,474 parameters with 128 bands and 10 outputs, of the study's own magnitude.
    Source: Neacșu-Miclea (2023), conclusions: a 1-D CNN over the spectrogram sequence, and mel in place of linear
    frequencies. Chosen: blocks and head of `WaveformCNN`, without its first convolution of samples. With frames of 32
    ms a unit of the last block sees 7.5 s of music. Tags describe a moment or a whole clip, hence both poolings, which
    also accept clips of any length. The proposal holds two ideas, which differ in the input, linear or mel
    frequencies, and by ``cell``: convolutions over the sequence alone, or with the recurrent layer of `WaveformRNN`.
    """

    def __init__(
        self, *, n_outputs: int, input_shape: tuple[int, int], cell: Literal["none", "rnn", "lstm", "gru"]
    ) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            _block(1, input_shape[0], 128, 3, padding=1, pool=4),
            _block(1, 128, 128, 3, padding=1, pool=4),
            _block(1, 128, 256, 3, padding=1, pool=4),
            _block(1, 256, 256, 3, padding=1),
        )
        self.recurrent = None if cell == "none" else Recurrent(cell, 256, 64)
        self.pool = GlobalPool1d("maxmean") if cell == "none" else None
        features = 512 if cell == "none" else 64
        self.head = nn.Sequential(nn.Linear(features, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, n_outputs))
        keras_defaults(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, n_outputs] of spectrograms [batch, rows, frames]."""
        steps = self.convolutions(x)
        if self.recurrent is not None:
            return self.head(self.recurrent(steps.transpose(1, 2)))
        assert self.pool is not None
        return self.head(self.pool(steps))


def _waveform_convolutions(last_pool: int | None) -> nn.Sequential:
    """Return the convolutions of (a) and (b): [batch, 1, samples] to [batch, 256, steps]."""
    return nn.Sequential(
        _block(1, 1, 64, 80, stride=16, pool=4),
        _block(1, 64, 64, 3, padding=1, pool=4),
        _block(1, 64, 128, 3, padding=1, pool=4),
        _block(1, 128, 128, 3, padding=1, pool=4),
        _block(1, 128, 256, 3, padding=1, pool=last_pool),
    )
