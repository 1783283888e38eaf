"""Measure the training speed of the psytrance CNN in slices per second, against other loops.

    python benchmarks/training.py [--steps STEPS] [--device auto|cpu|cuda] [--grid]

``bare`` is forward, backward and update alone, on one batch on the device: the upper limit of any loop. ``genreflow``
is the whole loop with drawing, gathering and history. ``loader`` is a careful user's version over the same shards: a
Dataset of one array in memory, a DataLoader with two workers, the same network, precision and optimizer. ``plain`` is a
plain script: the network as 2-D convolutions in float32. All get the same random slices, turn by turn, and the best
round counts. ``--grid`` then trains the 40 runs of the psytrance study's three experiments, 20 epochs of 92 steps of
300 each, one after another in one process. Runs without Snakemake and librosa.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from genreflow.config.training import TrainingSettings
from genreflow.models import registry
from genreflow.store.shards import Shard, write_shard
from genreflow.training.data import SliceSet, load_slices
from genreflow.training.device import choose_device, choose_precision, choose_threads
from genreflow.training.loop import train
from genreflow.training.optimizers import make_optimizer

CLASSES = ("dark", "downtempo", "fullon", "goa", "techno")
BATCH, ROUNDS = 300, 3


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


class Slices(Dataset):
    """The slices of a shard, one by one."""

    def __init__(self, data: SliceSet) -> None:
        self.arrays, self.targets = data.arrays, data.targets

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(self.arrays[number]), self.targets[number]


def random_slices(n: int) -> SliceSet:
    """Return `n` slices of noise with balanced labels, written to shards and read from them."""
    arrays = np.random.default_rng(0).normal(-20, 15, (n, 128, 128)).astype(np.float16)
    rows = pd.DataFrame({"track_id": [f"{i:016x}" for i in range(n)], "slice": 0, "start_s": 0.0})
    tracks = rows[["track_id"]].assign(label=[CLASSES[i % len(CLASSES)] for i in range(n)], slices=1)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "s0.parquet")
        write_shard(path, Shard.of([rows], [arrays], key="", facts={"shape": [128, 128], "dtype": "float16"}))
        return load_slices([path], tracks, CLASSES)


def network(device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    return registry.build("psytrance_cnn", len(CLASSES)).to(device).train()


def a_step(device: torch.device) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return a function that updates a new network with a batch, in the precision that suits the device."""
    model, precision = network(device), choose_precision("auto", device)
    optimizer = make_optimizer("adam", model.parameters())

    def step(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            logits = model(inputs)
        loss = functional.cross_entropy(logits.float(), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def bare(data: SliceSet, steps: int, device: torch.device) -> float:
    inputs = torch.from_numpy(data.arrays[:BATCH]).to(device).float()
    targets = torch.from_numpy(data.targets[:BATCH]).to(device)
    step = a_step(device)
    step(inputs, targets).item()
    start = time.perf_counter()
    for _ in range(steps):
        loss = step(inputs, targets)
    loss.item()
    return BATCH * steps / (time.perf_counter() - start)


def genreflow(data: SliceSet, steps: int, device: torch.device) -> float:
    settings = TrainingSettings(batch=BATCH, epochs=2, steps_per_epoch=steps)
    trained = train(network(device), data, settings, device=device, precision=choose_precision("auto", device))
    return BATCH * steps / trained.history["seconds"].iloc[-1]


def loader(data: SliceSet, steps: int, device: torch.device) -> float:
    step = a_step(device)
    batches = DataLoader(
        Slices(data), BATCH, shuffle=True, num_workers=2, drop_last=True, pin_memory=device.type == "cuda",
        persistent_workers=True,
    )  # fmt: skip
    done = 0
    while True:  # the first epoch starts the workers
        start = time.perf_counter()
        for inputs, targets in batches:
            loss = step(inputs.to(device, non_blocking=True).float(), targets.to(device, non_blocking=True))
            done += 1
        loss.item()
        if done > len(batches) and done >= steps:
            return BATCH * len(batches) / (time.perf_counter() - start)


def plain(data: SliceSet, steps: int, device: torch.device) -> float:
    torch.manual_seed(0)
    network = PlainCNN().to(device).train()
    optimizer = torch.optim.Adam(network.parameters())
    inputs = torch.from_numpy(data.arrays.astype(np.float32)).transpose(1, 2)[:, None]
    targets = torch.from_numpy(data.targets)
    generator = torch.Generator().manual_seed(0)
    for _epoch in range(2):
        start = time.perf_counter()
        for _ in range(steps):
            batch = torch.randint(len(inputs), (BATCH,), generator=generator)
            loss = functional.cross_entropy(network(inputs[batch].to(device)), targets[batch].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss.item()
        seconds = time.perf_counter() - start
    return BATCH * steps / seconds


def grid(data: SliceSet, device: torch.device) -> float:
    """Train 40 runs, one after another; return the seconds of all."""
    settings = TrainingSettings(batch=BATCH, epochs=20, steps_per_epoch=92, schedule="constant")
    start = time.perf_counter()
    for number in range(40):
        train(network(device), data, settings, device=device, precision=choose_precision("auto", device))
        print(f"run {number + 1} of 40: {time.perf_counter() - start:.1f} s", flush=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--grid", action="store_true")
    options = parser.parse_args()
    device = choose_device(options.device)
    torch.set_num_threads(choose_threads(None))
    steps = options.steps or (92 if device.type == "cuda" else 10)
    data = random_slices(22_080 if device.type == "cuda" else 3_000)
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    rates = dict.fromkeys((bare, genreflow, loader, plain), 0.0)
    for _round in range(ROUNDS):
        for loop in rates:
            rates[loop] = max(rates[loop], loop(data, steps, device))
    print(f"{name}, torch {torch.__version__}")
    for loop, rate in rates.items():
        share = rates[genreflow] / rate
        print(
            f"{loop.__name__:<10} {rate:>10,.0f} slices/s, {27_600 / rate:>8.2f} s for 92 steps of 300; "
            f"genreflow is {share:.3f} times as fast"
        )
    if device.type == "cuda":
        print(f"most memory {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")
    if options.grid:
        print(f"40 runs: {grid(data, device):.0f} s")


if __name__ == "__main__":
    main()
