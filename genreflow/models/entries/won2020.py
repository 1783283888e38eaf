"""Won, Ferraro, Bogdanov and Serra (2020), the twelve tagging models that the tagging study compares with."""

from collections.abc import Mapping
from typing import Any

from genreflow.models.entry import Choice, ModelEntry

_TAGS = 50
_MELS = Choice(96, (96, 128), "Mel bands; the literature table has both.")
_ORDINARY = "initial weights: torch's own, as in the published code"
_WHOLE = (
    "one segment of 29 s a track: the published code averages 16 that start some 6 ms apart, all but the same music"
)


def _waveform(seconds: float) -> Mapping[str, Any]:
    """Return the input of that paper: 16 chunks a track, whose predictions are averaged; clips of 29 s whole."""
    segments = {"kind": "whole"} if seconds == 29 else {"kind": "chunks", "count": 16}
    return {
        "front_end": {"kind": "waveform", "sample_rate": 16_000},
        "segments": {**segments, "seconds": seconds},
    }


def _entry(**settings: Any) -> ModelEntry:
    return ModelEntry(study="won2020", n_outputs=_TAGS, **settings)


def _on_spectrograms(**settings: Any) -> ModelEntry:
    """Return the entry of a model that computes its own spectrogram, whose bands depend on the sample rate."""
    return _entry(module="genreflow.models.won2020", binding=("front_end.sample_rate",), **settings)


# The least lengths leave one step of time after all poolings. Strided convolutions, which would take less, get at least
# two frames each: of one, torch 2.13 on a CPU computes false gradients of their weights in bfloat16.
ENTRIES = (
    _on_spectrograms(
        name="fcn",
        title="five convolutions on the log-mel spectrogram of a whole clip",
        builder="FCN",
        input=_waveform(29),
        variable_axes={0: 1_279 * 256},
        options={"n_mels": _MELS},
        parameters=447_732,
        source="Choi, Fazekas and Sandler (2016), as in the published code of Won et al. (2020)",
        assumptions=(_WHOLE, "clips of more than 41 s: the dense layer takes all that is left", _ORDINARY),
    ),
    _on_spectrograms(
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
            _ORDINARY,
        ),
    ),
    _on_spectrograms(
        name="crnn",
        title="four convolutions on the log-mel spectrogram of a whole clip, two GRU layers",
        builder="CRNN",
        input=_waveform(29),
        variable_axes={0: 95 * 256},
        options={"n_mels": _MELS},
        parameters=394_100,
        source="Choi, Fazekas, Sandler and Cho (2017), as in the published code of Won et al. (2020)",
        assumptions=(_WHOLE, _ORDINARY),
    ),
    _entry(
        name="samplecnn",
        title="eleven convolutions on the waveform, from 3 samples to the whole chunk",
        module="genreflow.models.sample_level",
        builder="SampleCNN",
        input=_waveform(3.6905625),
        variable_axes={0: 3**10},
        parameters=1_869_874,
        source="Lee, Park, Kim and Nam (2017), as in the published code of Won et al. (2020)",
        assumptions=("twice the length and more: the dense layer takes all steps that are left", _ORDINARY),
    ),
    _entry(
        name="samplecnn_se",
        title="eleven residual blocks on the waveform that weigh their channels, a dense layer",
        module="genreflow.models.sample_level",
        builder="SampleCNNSE",
        input=_waveform(3.6905625),
        variable_axes={0: 3**10},
        parameters=6_951_858,
        source="Kim, Lee and Nam (2018), as in the published code of Won et al. (2020)",
        assumptions=("twice the length and more: the first dense layer takes all steps that are left", _ORDINARY),
    ),
    _on_spectrograms(
        name="self_attention",
        title="seven residual blocks on the log-mel spectrogram, two layers of self-attention over time",
        builder="SelfAttentionCNN",
        input=_waveform(15),
        variable_axes={0: 4 * 256},
        parameters=10_521_652,
        source="Won, Chun and Serra (2019), as in the published code of Won et al. (2020)",
        assumptions=(
            "no positions: the published code imports an encoding of them and does not call it",
            _ORDINARY,
        ),
    ),
    _on_spectrograms(
        name="harmonic_cnn",
        title="six harmonics as channels, learnable bandwidth, seven convolutional blocks, a dense layer",
        builder="HarmonicCNN",
        input=_waveform(5),
        variable_axes={0: 287 * 256},
        parameters=3_631_551,
        source="Won, Chun, Nieto and Serra (2020), data-driven harmonic filters, as in the published code",
        assumptions=(_ORDINARY,),
    ),
    _on_spectrograms(
        name="short_chunk_cnn",
        title="seven convolutions on the log-mel spectrogram of a short chunk, global maximum, a dense layer",
        builder="ShortChunkCNN",
        input=_waveform(3.6905625),
        variable_axes={0: 127 * 256},
        parameters=3_687_348,
        source="Won, Ferraro, Bogdanov and Serra (2020), published code",
        assumptions=(_ORDINARY,),
    ),
    _on_spectrograms(
        name="short_chunk_res",
        title="seven residual blocks on the log-mel spectrogram of a short chunk, global maximum, a dense layer",
        builder="ShortChunkRes",
        input=_waveform(3.6905625),
        variable_axes={0: 64 * 256},
        parameters=12_104_244,
        source="Won, Ferraro, Bogdanov and Serra (2020), published code",
        assumptions=(_ORDINARY,),
    ),
)
