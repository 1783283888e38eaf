"""Trostanovsky (2018), five sub-genres of psychedelic trance."""

from genreflow.models.entry import Choice, ModelEntry, dropout

_SLICES = {
    "front_end": {"kind": "logmel", "sample_rate": 44_100, "n_fft": 2_048, "hop": 882, "n_mels": 128},
    "segments": {"kind": "midpoint", "frames": 128, "count": 30},
}

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
            "pool": Choice("maxmean", ("max", "mean", "maxmean"), "Global pooling after the convolutions."),
            "dropout": dropout(0.2, "Share of units dropped (the study calls it keep_prob)."),
            "orient": Choice(
                "time", ("time", "mel"), "Axis the kernels slide along: time as in the text, mel as in the code."
            ),
        },
        source="Trostanovsky (2018), CNN architecture; layers as in its published code",
        chosen=("orient: the text's reading is the default, the code's an option",),
    ),
)
