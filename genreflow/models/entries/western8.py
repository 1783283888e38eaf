"""Giamatti and Smith (2020), eight genres of popular music; Roberts's network, which they cite."""

from genreflow.models.entry import Choice, ModelEntry, dropout

_MODULE = "genreflow.models.western8"
_EXCERPT = {"kind": "random_offset", "seconds": 30.0}
_SPECTROGRAM = {
    "front_end": {
        "kind": "logmel",
        "sample_rate": 22_050,
        "n_fft": 2_048,
        "hop": 512,
        "n_mels": 128,
        "reference": "max",
    },
    "segments": _EXCERPT,
    "peak": True,
    "standardise": "element",
}
_NUMBERS = {
    "front_end": {"kind": "descriptors", "set": "means25"},
    "segments": _EXCERPT,
    "standardise": "element",
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
        module=_MODULE,
        builder="Western8CNN",
        input=_SPECTROGRAM,
        variable_axes={1: 234},
        n_outputs=8,
        parameters=805_640,
        options={
            "padding": Choice(0, (0, 1), "Zeros around what is convolved; with 1 a map keeps its size."),
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
            "padding: none; the study does not say",
            "dropout 0.25 before the output, the rate of Roberts, whom the study follows; it gives neither rate nor "
            "place",
            "input: decibels below the loudest; the study says mel spectrogram, and that the sound was normalised, "
            "which is read as a peak of 1",
            "standardise: by the training folds; the study's text suggests that test tracks had a part in it",
        ),
    ),
    ModelEntry(
        name="western8_ffnn",
        study="western8",
        title="two hidden layers of 64 on descriptors",
        module=_MODULE,
        builder="Western8FFNN",
        input=_NUMBERS,
        variable_axes={0: 1},
        binding=("standardise",),
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
        module=_MODULE,
        builder="RobertsCNN",
        input=_ROBERTS,
        variable_axes={1: 26},
        binding=("front_end.reference", "front_end.top_db", "standardise"),
        n_outputs=10,
        parameters=2_463_114,
        options={"dropout": dropout(0.25, "Share of units dropped before the output.")},
        source="Roberts (2019), Musical genre classification with convolutional neural networks; its published code",
        assumptions=(
            "segments of 30.625 s are 660 frames; GTZAN's clips of 30.0 s are 646, which the network takes as well, "
            "and nothing is filled up (the published code's resize wraps the rows of shorter clips, a slip)",
        ),
    ),
)
