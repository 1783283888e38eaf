"""Measure the processor time of an embedding of 30 s by the musicnn network, against a plain port to PyTorch.

    python benchmarks/embeddings.py

Both get the same ten log-mel patches of 187 frames on one core, turn by turn; the best of five rounds counts. The plain
port computes convolution, bias, ReLU and batch normalization of every band and takes the maximum at the end, as the
authors' code does. The front-end is timed by itself. Weights are random; they do not change the time. Target: front-end
and network together at most 0.6 s.
"""

import time
from collections.abc import Callable
from unittest import mock

import numpy as np
import torch
from torch.nn import functional

from genreflow.config.inputs import InputSettings
from genreflow.features.front_end import FrontEnd
from genreflow.models import registry
from genreflow.models.musicnn import BandMaxima

SECONDS, PATCHES, FRAMES, ROUNDS = 30, 10, 187, 5


def main() -> None:
    torch.set_num_threads(1)
    settings = InputSettings.model_validate(registry.describe("pons_musicnn").input)
    front_end = FrontEnd.of(settings.front_end)
    samples = np.random.default_rng(0).normal(0, 0.1, SECONDS * front_end.sample_rate).astype(np.float32)
    network = registry.build("pons_musicnn", 50).eval()
    spectrogram = front_end.transform(samples)
    patches = torch.from_numpy(np.stack([spectrogram[:, FRAMES * i : FRAMES * (i + 1)] for i in range(PATCHES)]))

    def of_network() -> torch.Tensor:
        with torch.inference_mode():
            return network(patches)

    def of_port() -> torch.Tensor:
        with torch.inference_mode(), mock.patch.object(BandMaxima, "forward", plain_maxima):
            return network(patches)

    print(f"largest difference of the logits: {(of_network() - of_port()).abs().max():.1e}")
    works = {"front-end": lambda: front_end.transform(samples), "genreflow": of_network, "plain port": of_port}
    rounds = [{name: seconds(work) for name, work in works.items()} for _ in range(ROUNDS)]
    best = {name: min(times[name] for times in rounds) for name in works}
    for name, measured in best.items():
        print(f"{name:<12}{measured:7.3f} s of processor for {SECONDS} s of music")
    total, ratio = best["front-end"] + best["genreflow"], best["plain port"] / best["genreflow"]
    print(f"front-end and network {total:.3f} s (target 0.6); the network is {ratio:.2f} times as fast as the port")


def plain_maxima(layer: BandMaxima, x: torch.Tensor) -> torch.Tensor:
    return layer.norm(functional.relu(layer.convolution(functional.pad(x, layer.padding)))).amax(dim=2)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
