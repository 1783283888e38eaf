"""Abela (2021), genre of GTZAN and mood in four quadrants; ConflictNET, which its End2End follows."""

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
    },
    "segments": _SEGMENTS,
    "standardise": "global",
}
_SAMPLES = {"front_end": {"kind": "waveform", "sample_rate": 22_050}, "segments": _SEGMENTS, "peak": True}
_CONFLICT = {
    "front_end": {"kind": "waveform", "sample_rate": 8_000},
    "segments": {"kind": "whole", "seconds": 30.0},
}

_CELL = {"cell": Choice("lstm", ("lstm", "gru"), "Recurrent layers; the study has both.")}
_LEAST_SAMPLES = 1_325  # Of which the three convolutions and their poolings leave four values, and so one step.

_CHOSEN = (
    "sizes: the study's figures of its networks are lost, and its text states kinds of layers",
    "input: the study states mel spectrograms, normalised, of 3 s; rate, bands, frames and standardisation are chosen",
)
_RUNNING = "running statistics: the plain average of the first 100 batches, then Keras's"
_TWO_BIASES = "cell: recurrent layers have torch's two biases; in sum they are what Keras has"

ENTRIES = (
    ModelEntry(
        name="genre_mood_conv",
        study="genre_mood",
        title="three convolutions with pooling, one hidden layer (A)",
        module="genreflow.models.genre_mood",
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
        module="genreflow.models.genre_mood",
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
        module="genreflow.models.genre_mood",
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
        module="genreflow.models.genre_mood",
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
        module="genreflow.models.genre_mood",
        builder="ConflictNET",
        input=_CONFLICT,
        variable_axes={0: _LEAST_SAMPLES},
        n_outputs=1,
        parameters=420_418,
        source="Rajan, Brutti and Cavallaro (2019), ConflictNET; layers as in its published code",
        assumptions=(
            _RUNNING,
            "thresholds: sigmoids, where Keras 2.2 has straight lines near to them",
            "attention: starts from Glorot uniform weights, the original's Glorot normal ones have the same variance",
            "RMS of 1: each segment's samples are brought to it in the network, where the original did so beforehand",
        ),
    ),
)
