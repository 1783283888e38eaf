"""Senac et al. (2017), spectrograms against eight music features; Zhang et al. (2016), which it follows."""

from genreflow.models.entry import Choice, ModelEntry, dropout

_SEGMENTS = {"kind": "sliding", "seconds": 3.0, "hop": 1.5, "count": 18}
_FRAMES = {"sample_rate": 22_050, "n_fft": 1_024, "hop": 512}
_STFT = {"front_end": {"kind": "stft", "window": "hamming", **_FRAMES}, "segments": _SEGMENTS}
_MUSIC = {"front_end": {"kind": "maps", **_FRAMES}, "segments": _SEGMENTS}

_OPTIONS = {
    "pool": Choice("maxmean", ("max", "mean", "maxmean"), "Global pooling after the convolutions."),
    "dropout": dropout(0.2, "Share of units dropped, of the pooled features and of both hidden layers."),
    "norm": Choice("none", ("none", "batch"), "batch: batch normalisation after each convolution, before its ReLU."),
}
_RESIDUAL_OPTIONS = _OPTIONS | {
    "add": Choice("after", ("after", "before"), "Where the shortcut is added: after the third ReLU, or before it."),
}

_CHOSEN = (
    "dropout: before each dense layer",
    "initial weights: Glorot uniform, zero biases; Theano is named as a back-end, without what stood in front of it, "
    "and Keras and Lasagne agree in this",
    "norm: none, as no text mentions any; batch is found in re-implementations",
)
_RESIDUAL_CHOSEN = (
    *_CHOSEN,
    "filters: 256 in each convolution, from nnet2 of Zhang et al. (2016)",
    "padding: one zero before and two after in the second and third convolution, so that their lengths agree",
    "add: after the third ReLU",
)

ENTRIES = (
    ModelEntry(
        name="net_stft",
        study="feature_maps",
        title="residual block of three convolutions over time, spanning all 513 frequencies; nnet2 of Zhang et al.",
        module="genreflow.models.feature_maps",
        builder="ResidualMapCNN",
        input=_STFT,
        variable_axes={0: 1, 1: 4},
        n_outputs=10,
        parameters=1_250_928,
        options=_RESIDUAL_OPTIONS,
        source="Senac et al. (2017), section 3 and Figure 1; Zhang et al. (2016), nnet2, by its re-implementations",
        assumptions=_RESIDUAL_CHOSEN,
    ),
    ModelEntry(
        name="net_music",
        study="feature_maps",
        title="residual block of three convolutions over time, spanning all eight music features",
        module="genreflow.models.feature_maps",
        builder="ResidualMapCNN",
        input=_MUSIC,
        variable_axes={0: 1, 1: 4},
        n_outputs=10,
        parameters=733_808,
        options=_RESIDUAL_OPTIONS,
        source="Senac et al. (2017), section 3 and Figure 1",
        assumptions=_RESIDUAL_CHOSEN,
    ),
    ModelEntry(
        name="nnet1",
        study="feature_maps",
        title="three convolutions over time with pooling between, spanning all frequencies, no shortcut",
        module="genreflow.models.feature_maps",
        builder="PlainMapCNN",
        input=_STFT,
        variable_axes={0: 1, 1: 25},
        n_outputs=10,
        parameters=660_336,
        options=_OPTIONS,
        source="Zhang et al. (2016), nnet1, by its re-implementations",
        assumptions=_CHOSEN,
    ),
)
