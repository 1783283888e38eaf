"""Set the forecast of training times beside measured ones, for six networks.

    python benchmarks/forecast.py [--device auto|cpu|cuda] [--seconds SECONDS]

Each network is trained on noise of the shape of its study's segments, in the study's batches, by the loop of
genreflow, for about SECONDS (10) on one core, or on the GPU. ``forecast`` is what `genreflow check` says of as many
steps: the arithmetic of the network over the pace of this machine, measured anew; with ``--device cuda`` over the pace
that it assumes of a GPU. On a CPU both are seconds of the processor, so that other programs matter little. Target:
within a factor of 2.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import torch

from genreflow.config.training import TrainingSettings
from genreflow.models import registry, sizes
from genreflow.plan.pace import GPU, Pace
from genreflow.training.data import SliceSet
from genreflow.training.device import choose_device, choose_precision
from genreflow.training.loop import train
from genreflow.training.pace import measure, precisions

# Network -> slices a step in its study.
BATCHES = {
    "psytrance_cnn": 300,
    "western8_cnn": 200,
    "net_stft": 20,
    "genre_mood_conv": 32,
    "genre_mood_end2end": 32,
    "tagging_waveform_rnn": 16,
}
CLASSES = tuple("abcde")
MOST_BATCH = 40  # on a CPU, to keep the benchmark short


def noise(name: str, batch: int) -> SliceSet:
    """Return two batches of noise of the shape that a network takes."""
    shape = registry.describe(name).input_shape
    arrays = np.random.default_rng(0).standard_normal((2 * batch, *shape), np.float32).astype(np.float16)
    labels = [CLASSES[i % len(CLASSES)] for i in range(2 * batch)]
    ids = [f"{i:016x}" for i in range(2 * batch)]
    return SliceSet(arrays, pd.DataFrame({"track_id": ids, "slice": 0, "start_s": 0.0, "label": labels}), CLASSES)


def trained(name: str, data: SliceSet, batch: int, steps: int, device: torch.device) -> float:
    """Return the seconds of so many steps."""
    torch.manual_seed(0)
    network = registry.build(name, len(CLASSES)).to(device).train()
    settings = TrainingSettings(batch=batch, epochs=1, steps_per_epoch=steps, sampling="shuffled")
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    begin = clock()
    train(network, data, settings, device=device, precision=choose_precision("auto", device))
    return clock() - begin


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    device = choose_device(options.device)
    on_gpu = device.type == "cuda"
    torch.set_num_threads(1)
    pace = GPU if on_gpu else Pace("one core of this machine", **measure(precisions()["auto"]))
    print(pace)
    print(f"{'network':<22} {'GMAC':>7} {'batch':>6} {'steps':>6} {'forecast':>10} {'measured':>10} {'ratio':>6}")
    for name, published in BATCHES.items():
        batch = published if on_gpu else min(published, MOST_BATCH)
        size = sizes.of(registry.describe(name))
        of_step = pace.training(size, examples=batch, steps=1)
        steps = max(2, round(options.seconds / of_step))
        data = noise(name, batch)
        trained(name, data, batch, 1, device)
        measured = trained(name, data, batch, steps, device)
        forecast = steps * of_step
        row = f"{name:<22} {size.gmac:>7.3f} {batch:>6} {steps:>6} {forecast:>8.1f} s {measured:>8.1f} s"
        print(f"{row} {forecast / measured:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
