"""Embeddings: a trained network turns each segment into one vector.

A segment is cut to patches of the length that the network is fed, evenly spread over it, and the vectors of the patches
are averaged. The music is that of the shards: leveled as the settings of `audio` say.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np

from genreflow.config.inputs import Embedding
from genreflow.embeddings.sources import located, resolve
from genreflow.features.front_end import Display, FrontEnd

# Raise it when embeddings would have other values.
STAGE_VERSION = 1

# Memory of PyTorch or ONNX Runtime, and of a network and its activations per MB of its weights, MB.
_LIBRARIES_MB, _NETWORK_MB = 900, 4


class EmbeddingFrontEnd(FrontEnd[Embedding]):
    """The vector of a network's layer, float32.

    Parameters
    ----------
    settings
        Settings; the facts of the network are read if they lack them.
    device
        Where the network computes: ``cpu``, ``cuda``, ``mps`` or ``auto``.
    """

    folder = "embeddings"
    dtype = np.dtype(np.float32)
    load = 0.5

    def __init__(self, settings: Embedding, device: str = "cpu") -> None:
        super().__init__(settings if settings.network is not None else resolve(settings))
        self.device = device

    def on(self, device: str) -> Self:
        """Return this front-end with its network on another device."""
        return type(self)(self.settings, device)

    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Return the vector of a segment, float32 ``[d]``."""
        return self.transform_all([samples])[0]

    def transform_all(self, excerpts: Sequence[np.ndarray]) -> np.ndarray:
        """Return the vectors of segments of one length, float32 ``[n, d]``.

        Raises
        ------
        ValueError
            When segments are shorter than a patch.
        UserError
            When the weights are not there, or no longer those of the settings.
        """
        if len(excerpts[0]) < self.n_fft:
            raise ValueError(f"{len(excerpts[0])} samples are shorter than one patch of {self.n_fft}")
        from genreflow.embeddings.networks import load_network

        network = load_network(located(self.settings.model), self.settings, self.device)
        return network.vectors(np.stack(excerpts))

    @property
    def hop(self) -> int:
        """Samples of a patch: a segment has no time steps."""
        return self.n_fft

    @property
    def n_fft(self) -> int:
        """Samples of a patch."""
        network = self.settings.resolved
        return round(network.seconds * network.sample_rate)

    @property
    def n_rows(self) -> int:
        """Values of a vector."""
        return self.settings.resolved.width

    @property
    def memory_mb(self) -> float:
        """Memory of the libraries and the network, MB."""
        return _LIBRARIES_MB + _NETWORK_MB * self.settings.resolved.megabytes

    def rows(self) -> list[str]:
        """Return the names of the values: classes or tags of an output, else numbers."""
        network = self.settings.resolved
        digits = len(str(network.width))
        return list(network.columns) or [f"value {number:0{digits}d}" for number in range(1, network.width + 1)]

    @property
    def noun(self) -> str:
        """The plural, since embeddings have no time."""
        return "embeddings"

    def describe(self) -> str:
        """Return number of values, layer and network in words."""
        network = self.settings.resolved
        layer = "the penultimate layer" if self.settings.layer == "penultimate" else "the output"
        return (
            f"embeddings of {network.width:,} values each, {layer} of {network.title}, which was fed patches of "
            f"{network.seconds:.4g} s at {network.sample_rate:,} Hz"
        )

    def remarks(self) -> list[str]:
        """Return where the network comes from, and that it was not trained further."""
        return [
            "The network of the embeddings was not trained further "
            f"(SHA-256 of its weights: {self.settings.resolved.sha256})."
        ]

    def display(self, array: np.ndarray) -> Display:
        """Return the vector, which has no time."""
        return Display(array, 0.0)

    def export_problem(self, *, in_frames: bool) -> str | None:
        """Return that the network of the embedding is exported as a file of its own."""
        del in_frames
        return "an embedding is computed by a network of its own, which lies in the folder beside this one"


FRONT_END = EmbeddingFrontEnd
