"""How fast one core of this machine trains: three little trainings, about two seconds in all."""

import time
from collections.abc import Callable

import torch
from torch import nn

from genreflow.training.device import choose_precision

_ROUNDS = 3
# Convolutions of 768 million multiply-accumulates a training step, and a map of 6.3 million values.
_CHANNELS, _KERNEL, _STEPS, _BATCH = 128, 4, 125, 32
_MAP = (8, 32, 64, 64)
_WIDE = 1_024


def precisions() -> dict[str, str]:
    """Return the precision of each setting of `precision` on the CPU of this machine."""
    cpu = torch.device("cpu")
    return {name: str(choose_precision(name, cpu)).removeprefix("torch.") for name in ("auto", "float32")}


def measure(precision: str) -> dict[str, float]:
    """Measure one core of this machine in ``float32`` or another precision, by the time of the processor.

    Returns
    -------
    dict
        ``gmac``, billions of multiply-accumulates a second; ``mvalues``, millions of values a second that layers make,
        with their gradients; ``mparameters``, millions of parameters a second that an optimizer updates; ``step_s``,
        seconds of a step of a network of no size.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            return _measure(getattr(torch, precision))
    finally:
        torch.set_num_threads(threads)


def _measure(precision: torch.dtype) -> dict[str, float]:
    convolution = nn.Conv1d(_CHANNELS, _CHANNELS, _KERNEL)
    made = 3 * _BATCH * (_STEPS - _KERNEL + 1) * _CHANNELS**2 * _KERNEL
    seconds = _of_step(convolution, torch.randn(_BATCH, _CHANNELS, _STEPS, requires_grad=True), precision)
    layers = nn.Sequential(nn.BatchNorm2d(_MAP[1]), nn.ReLU(), nn.Dropout(0.2), nn.MaxPool2d(2))
    x = torch.randn(*_MAP, requires_grad=True)
    values = 3.25 * x.numel()
    of_values = _of_step(layers, x, precision)
    tiny, wide = nn.Linear(1, 1), nn.Linear(_WIDE, _WIDE)
    step = _of_step(tiny, torch.randn(1, 1), precision, update=True)
    of_update = _of_step(wide, torch.randn(1, _WIDE), precision, update=True) - step
    return {
        "gmac": made / seconds / 1e9,
        "mvalues": values / of_values / 1e6,
        "mparameters": _WIDE**2 / max(of_update, 1e-5) / 1e6,
        "step_s": step,
    }


def _of_step(network: nn.Module, x: torch.Tensor, precision: torch.dtype, *, update: bool = False) -> float:
    """Return the seconds of the fastest step, forward and backward, with an update by Adam if asked for."""
    optimizer = torch.optim.Adam(network.parameters())

    def step() -> None:
        with torch.autocast("cpu", precision, enabled=precision != torch.float32):
            y = network(x)
        y.float().square().mean().backward()
        if update:
            optimizer.step()
        optimizer.zero_grad()

    step()
    return min(_timed(step) for _ in range(_ROUNDS))


def _timed(step: Callable[[], None]) -> float:
    begin = time.process_time()
    step()
    return time.process_time() - begin
