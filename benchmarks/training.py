"""How fast the psytrance CNN trains: slices a second in this project's loop against a plain loop on the same batches.

    python benchmarks/training.py [STEPS]

The peer is what a plain script does: the network of the study as 2-D convolutions, in float32, on the same device and
threads, batches gathered on the CPU and sent over. Both see the same random slices. Needs torch and numpy, pandas and
pyarrow, no Snakemake and no librosa.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from genreflow.config.training import TrainingSettings
from genreflow.models import registry
from genreflow.training.data import SliceSet
from genreflow.training.device import choose_device, choose_precision, choose_threads
from genreflow.training.loop import train

CLASSES = ("dark", "downtempo", "fullon", "goa", "techno")
BATCH = 300


class PlainCNN(nn.Module):
    """The same network as a plain script writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.first = nn.Conv2d(1, 256, (4, 128))
        self.middle = nn.ModuleList(nn.Conv2d(256, 256 * (1 + (k == 3)), (4, 1), padding="same") for k in range(4))
        self.head = nn.Sequential(
            nn.Dropout(0.2), nn.Dropout(0.2), nn.Linear(1536, 2048), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(2048, 2048), nn.ReLU(), nn.Dropout(0.2), nn.Linear(2048, len(CLASSES)),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of [batch, 1, time, mel]."""
        skip = x = self.first(self.norm(x)).relu()
        for convolution in self.middle:
            x = convolution(x).relu()
        x = torch.cat([x, skip], 1).squeeze(3)
        return self.head(torch.cat([x.mean(2), x.amax(2)], 1))


def random_slices(n: int) -> SliceSet:
    """Return `n` slices of noise with balanced labels."""
    arrays = np.random.default_rng(0).normal(-20, 15, (n, 128, 128)).astype(np.float16)
    labels = [CLASSES[i % len(CLASSES)] for i in range(n)]
    frame = pd.DataFrame({"track_id": [f"{i:016x}" for i in range(n)], "slice": 0, "start_s": 0.0, "label": labels})
    return SliceSet(arrays, frame, CLASSES)


def ours(data: SliceSet, steps: int, device: torch.device) -> float:
    torch.manual_seed(0)
    network = registry.build("psytrance_cnn", n_outputs=len(CLASSES), input_shape=(128, 128))
    settings = TrainingSettings(batch=BATCH, epochs=2, steps_per_epoch=steps)
    trained = train(network, data, settings, device=device, precision=choose_precision("auto", device))
    return BATCH * steps / trained.history["seconds"].iloc[-1]


def plain(data: SliceSet, steps: int, device: torch.device) -> float:
    torch.manual_seed(0)
    network = PlainCNN().to(device).train()
    optimiser = torch.optim.Adam(network.parameters())
    inputs = torch.from_numpy(data.arrays.astype(np.float32)).transpose(1, 2)[:, None]
    targets = torch.from_numpy(data.targets)
    generator = torch.Generator().manual_seed(0)
    for _epoch in range(2):
        start = time.perf_counter()
        for _ in range(steps):
            batch = torch.randint(len(inputs), (BATCH,), generator=generator)
            loss = functional.cross_entropy(network(inputs[batch].to(device)), targets[batch].to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        loss.item()
        seconds = time.perf_counter() - start
    return BATCH * steps / seconds


def main() -> None:
    device = choose_device("auto")
    torch.set_num_threads(choose_threads(None))
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else (92 if device.type == "cuda" else 5)
    data = random_slices(3_000)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    rates = {"plain": plain(data, steps, device), "genreflow": ours(data, steps, device)}
    print(f"{name}, torch {torch.__version__}")
    for loop, rate in rates.items():
        print(f"{loop:<10} {rate:>10,.0f} slices/s, {27_600 / rate:>8.1f} s for an epoch of 92 steps of 300")
    print(f"ratio {rates['genreflow'] / rates['plain']:.2f}")


if __name__ == "__main__":
    main()
