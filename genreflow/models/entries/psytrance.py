"""Trostanovsky (2018), five sub-genres of psychedelic trance; what it comes from, and what it leaves to others."""

from genreflow.models.entry import Choice, Count, ModelEntry, dropout

_SLICES = {
    "front_end": {"kind": "logmel", "sample_rate": 44_100, "n_fft": 2_048, "hop": 882, "n_mels": 128},
    "segments": {"kind": "midpoint", "frames": 128, "count": 30},
}

# The challenge's windows of 3 s were transformed to 130 centred frames, of which the first 128 were kept: those are the
# centred frames of 2.972 s.
_CHALLENGE = {
    "front_end": {
        "kind": "stft",
        "sample_rate": 22_050,
        "n_fft": 1_024,
        "hop": 512,
        "window": "hann",
        "centred": True,
    },
    "segments": {"kind": "sliding", "seconds": 2.972, "hop": 1.5, "count": 19},
}

_POOL = Choice("maxmean", ("max", "mean", "maxmean"), "Global pooling after the convolutions.")

ENTRIES = (
    ModelEntry(
        name="psytrance_cnn",
        study="psytrance",
        title="five convolutions over time, skip to the last, global pooling, two dense layers",
        module="genreflow.models.psytrance",
        builder="PsytranceCNN",
        input=_SLICES,
        n_outputs=5,
        parameters=8_797_703,
        options={
            "pool": _POOL,
            "dropout": dropout(0.2, "Share of units dropped (the study calls it keep_prob)."),
            "orient": Choice(
                "time", ("time", "mel"), "Axis the kernels slide along: time as in the text, mel as in the code."
            ),
        },
        source="Trostanovsky (2018), CNN architecture; layers as in its published code",
        assumptions=("orient: the text's reading is the default, the code's an option",),
    ),
    ModelEntry(
        name="gg12",
        study="psytrance",
        title="five convolutions over time, skip to the last, global pooling, two dense layers; what the study adapts",
        module="genreflow.models.psytrance",
        builder="GG12",
        input=_CHALLENGE,
        variable_axes={0: 1, 1: 4},
        n_outputs=16,
        parameters=2_186_466,
        options={"pool": _POOL, "dropout": dropout(0.2, "Share of units dropped before each dense layer.")},
        source="Chumbalov and Pushnyakov, code of a finalist of the WWW 2018 musical genre challenge (CrowdAI)",
        assumptions=(
            "input: the Hann window is periodic and not symmetric, and the first frame sees zeros before the window of "
            "3 s and not its samples mirrored",
            "input: a clip that ends within the last of its 19 windows gives 18; there it was filled up with zeros",
            "pool: the others than maxmean are not of the challenge",
        ),
    ),
    ModelEntry(
        name="psytrance_crnn",
        study="psytrance",
        title="three convolutions over time and two recurrent layers; the future work of the study",
        module="genreflow.models.psytrance",
        builder="PsytranceCRNN",
        input=_SLICES,
        variable_axes={0: 8, 1: 29},
        n_outputs=5,
        parameters=905_607,
        options={
            "cell": Choice("gru", ("rnn", "lstm", "gru"), "Kind of the recurrent layers."),
            "hidden": Count(128, 1, 1_024, "Units of each recurrent layer."),
            "dropout": dropout(0.2, "Share of units dropped before the output."),
        },
        source="Trostanovsky (2018), Discussion; Choi et al. (2017) for the recurrent part",
        assumptions=(
            "everything but the principle; the first three convolutions have the study's sizes",
            "batch normalisation: of the input, as in the study; after each convolution, before its ReLU, with torch's "
            "momentum, whose statistics settle within a few tens of steps",
            "recurrent layers: two, in one direction, read after the last step, as in Choi et al.; 128 units",
        ),
    ),
)
