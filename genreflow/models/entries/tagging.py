"""Neacșu-Miclea (2023), the ten commonest tags of MagnaTagATune."""

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
        "centred": True,
        "magnitude": "log1p",
    },
    "segments": _CLIP,
    "standardise": "band",
}
_LOGMEL = {
    "front_end": {"kind": "logmel", "sample_rate": 16_000, "n_fft": 1_024, "hop": 512, "n_mels": 128},
    "segments": _CLIP,
    "standardise": "band",
}

_CELL = {"cell": Choice("gru", ("rnn", "lstm", "gru"), "Recurrent layer; the study has all three.")}

_CHOSEN = (
    "sizes: the study states kinds of layers only",
    "initial weights and batch normalisation: Keras's, whose names the study's loss and metric have",
    "running statistics: the plain average of the first 100 batches, then Keras's",
)
_CLIPS = "input: the first 29 s, at the 16 kHz that the clips have"
_CELL_CHOSEN = (
    "cell: GRU, with which the study's results are best",
    "cell: LSTM and plain layers have torch's two biases; in sum they are what Keras has",
)

ENTRIES = (
    ModelEntry(
        name="tagging_waveform_cnn",
        study="tagging",
        title="five convolutions of samples, one hidden layer (a)",
        module="genreflow.models.tagging",
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
        module="genreflow.models.tagging",
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
        module="genreflow.models.tagging",
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
        module="genreflow.models.tagging",
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
            "input: consecutive transforms of 1,024 samples, log(1 + magnitude), each frequency standardised",
            *_CELL_CHOSEN,
        ),
    ),
    ModelEntry(
        name="tagging_mel_cnn",
        study="tagging",
        title="four convolutions over the frames of a mel spectrogram, global pooling, one hidden layer",
        module="genreflow.models.tagging",
        builder="MelCNN",
        input=_LOGMEL,
        variable_axes={0: 1, 1: 64},
        n_outputs=10,
        parameters=462_474,
        source="Neacșu-Miclea (2023), conclusions: what it would try next",
        assumptions=(
            *_CHOSEN,
            "layers: the blocks and the head of (a); global mean and maximum over time in place of flattening",
            "input: 128 bands of frames of 64 ms every 32 ms, at which no band is empty; each band standardised",
        ),
    ),
)
