"""Networks that give embeddings, loaded once a process: waveforms in, vectors out."""

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from genreflow.config.inputs import Embedding, Layer
from genreflow.embeddings.onnx_model import OnnxNetwork
from genreflow.embeddings.patches import patches
from genreflow.embeddings.sources import is_onnx
from genreflow.errors import Damaged, UserError
from genreflow.models.penultimate import penultimate
from genreflow.store.runs import MODEL
from genreflow.store.sealed import FILES
from genreflow.training.bundle import load_bundle
from genreflow.training.device import choose_device, device_for, missing_operations_named

# Patches, and values, in a batch at most.
_BATCH, _VALUES = 64, 2**22


class Network(Protocol):
    """A network that gives embeddings."""

    def vectors(self, segments: np.ndarray) -> np.ndarray:
        """Return the vector of each segment, float32 ``[n, d]``, given its samples ``[n, samples]``."""


def load_network(path: Path, settings: Embedding, device: str = "cpu") -> Network:
    """Return the network of an embedding; it stays in memory for the next call.

    Raises
    ------
    UserError
        When it cannot be loaded, or its weights have changed since the settings were resolved.
    """
    return _load(path, settings.resolved.sha256, settings.layer, settings.resolved.width, device)


@lru_cache(maxsize=2)
def _load(path: Path, sha256: str, layer: Layer, width: int, device: str) -> Network:
    if is_onnx(path):
        return OnnxNetwork(path, layer, sha256=sha256, device=device)
    return BundleNetwork(path, layer, sha256=sha256, width=width, device=device)


class BundleNetwork:
    """A network of genreflow, from a run or an exported model.

    Parameters
    ----------
    path
        Its folder, or its ``model.safetensors``.
    layer
        ``penultimate`` or ``output``.
    sha256, width
        The SHA-256 that its weights must have, and the number of values of its vectors.
    device
        ``cpu``, ``cuda``, ``mps`` or ``auto``.
    """

    def __init__(self, path: Path, layer: Layer, *, sha256: str, width: int, device: str = "cpu") -> None:
        try:
            bundle = load_bundle(path)
        except Damaged as error:  # it may be of another project, and is not to be set aside by a job of this one
            raise UserError(f"{error} Take a fresh copy of it.") from None
        if bundle.run[FILES][MODEL] != sha256:
            raise changed(path)
        self.device = device_for(bundle.model, choose_device(device))
        self.network = bundle.model.to(self.device)
        self.input, self.shape = bundle.input, tuple(bundle.run["input_shape"])
        self.layer, self.width = layer, width

    def vectors(self, segments: np.ndarray) -> np.ndarray:
        """Return the mean vector of the patches of each segment, float32 ``[n, d]``."""
        fed = [patches(samples, self.input, self.shape) for samples in segments]
        counts = [len(each) for each in fed]
        values = self._of_patches(np.concatenate(fed))
        edges = np.cumsum([0, *counts])
        return np.stack([values[edges[i] : edges[i + 1]].mean(axis=0) for i in range(len(counts))])

    def _of_patches(self, fed: np.ndarray) -> np.ndarray:
        step = max(1, min(_BATCH, _VALUES // fed[0].size))
        with torch.inference_mode(), missing_operations_named(self.device):
            parts = [
                self._of_layer(torch.from_numpy(fed[start : start + step]).to(self.device)).float().cpu()
                for start in range(0, len(fed), step)
            ]
        values = torch.cat(parts).numpy()
        if values.shape[1] != self.width:
            raise UserError(f"The network gives vectors of {values.shape[1]} values, and {self.width} were expected.")
        return values

    def _of_layer(self, inputs: torch.Tensor) -> torch.Tensor:
        return penultimate(self.network, inputs) if self.layer == "penultimate" else self.network(inputs)


def penultimate_width(weights: Path) -> int:
    """Return the width of the penultimate layer of a bundle, by sending zeros through its network."""
    bundle = load_bundle(weights)
    with torch.inference_mode():
        return penultimate(bundle.model, torch.zeros(1, *bundle.run["input_shape"])).shape[1]


def changed(path: Path) -> UserError:
    """Return the error for weights that are no longer those of the settings."""
    return UserError(f"The weights in {path} have changed since this run was planned. Run the same command again.")
