"""What it saves to train several runs of a network at once: the time of one step of all of them, in three ways.

    python benchmarks/stacking.py [--device cuda] [--runs 5] [--rounds 5] [--threads 2] [--clock cpu] [--only nnet1]

``separate`` steps one network after another; ``stacked`` is `genreflow.training.stacked`; ``vmap`` is torch's own
way, stacked parameters under ``torch.func.vmap``. All start from the same weights, take the same batches, which lie
on the device, and update with Adam. The ways take turns for so many rounds and the best of each counts, so that what
else a machine does weighs little. Operators are those that compute, forward, backward and update, as a CPU is sent
them: a measure of the kernels that a GPU is. On a GPU the kernels themselves are counted. Needs torch, numpy
and scipy, joblib and pydantic, no Snakemake and no librosa.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import nn
from torch.autograd import DeviceType
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from genreflow.models import registry
from genreflow.training.device import choose_device, choose_threads
from genreflow.training.optimisers import make_optimiser
from genreflow.training.stacked import Stacked

N_CLASSES = 5
# Model, what its segments are cut to if not the study's, batch.
CASES = (
    ("psytrance_cnn", None, 100),
    ("psytrance_cnn", None, 300),
    ("net_music", None, 20),
    ("net_stft", None, 20),
    ("nnet1", None, 20),
    ("genre_mood_conv", None, 20),
    ("western8_cnn", (128, 323), 10),
    ("samplecnn", None, 8),
    ("short_chunk_cnn", None, 4),
    ("western8_ffnn", None, 100),
)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Step = Callable[[], torch.Tensor]


def networks(model: str, shape: tuple[int, ...], runs: int, device: torch.device) -> list[nn.Module]:
    built = []
    for seed in range(runs):
        torch.manual_seed(seed)
        built.append(registry.build(model, N_CLASSES, input_shape=shape).to(device).train())
    return built


def separate(built: list[nn.Module], inputs: torch.Tensor, targets: torch.Tensor, precision: torch.dtype) -> Step:
    optimisers = [make_optimiser("adam", network.parameters()) for network in built]

    def step() -> torch.Tensor:
        losses = []
        for network, optimiser, own_inputs, own_targets in zip(built, optimisers, inputs, targets, strict=True):
            with in_precision(inputs, precision):
                logits = network(own_inputs)
            loss = functional.cross_entropy(logits.float(), own_targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        return torch.stack(losses)

    return step


def stacked(built: list[nn.Module], inputs: torch.Tensor, targets: torch.Tensor, precision: torch.dtype) -> Step:
    stack = Stacked(built).train()
    return joint_step(stack, list(stack.parameters()), inputs, targets, precision)


def vmapped(built: list[nn.Module], inputs: torch.Tensor, targets: torch.Tensor, precision: torch.dtype) -> Step:
    parameters, buffers = stack_module_state(built)
    one = vmap(
        lambda parameters, buffers, inputs: functional_call(built[0], (parameters, buffers), inputs),
        randomness="different",
    )
    return joint_step(
        lambda inputs: one(parameters, buffers, inputs), list(parameters.values()), inputs, targets, precision
    )


def joint_step(
    forward: Callable[[torch.Tensor], torch.Tensor],
    parameters: list[torch.Tensor],
    inputs: torch.Tensor,
    targets: torch.Tensor,
    precision: torch.dtype,
) -> Step:
    optimiser = make_optimiser("adam", parameters)

    def step() -> torch.Tensor:
        with in_precision(inputs, precision):
            logits = forward(inputs)
        losses = functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
        losses = losses.view(targets.shape).mean(dim=1)
        optimiser.zero_grad()
        losses.sum().backward()
        optimiser.step()
        return losses.detach()

    return step


def in_precision(inputs: torch.Tensor, precision: torch.dtype) -> torch.autocast:
    return torch.autocast(inputs.device.type, precision, enabled=precision != torch.float32)


WAYS = {"separate": separate, "stacked": stacked, "vmap": vmapped}


def seconds(step: Step, clock: Callable[[], float]) -> float:
    """Return the seconds of a step: of one, or the mean of as many as take a fifth of a second."""
    steps, begin = 0, clock()
    while (passed := clock() - begin) < 0.2:
        step().sum().item()  # waits for the GPU
        steps += 1
    return passed / steps


class Operators(TorchDispatchMode):
    """Counts the operators that compute something: neither views, nor bare memory, nor numbers read back."""

    IDLE = ("detach", "empty", "item", "local_scalar_dense", "lift_fresh", "_unsafe_view", "unbind", "record_function")

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
        """Count and compute."""
        name = operator.overloadpacket.__name__
        self.count += not operator.is_view and not any(idle in name for idle in self.IDLE)
        return operator(*arguments, **keywords or {})


def operators(step: Step, device: torch.device) -> int:
    """Return how many operators, or on a GPU kernels, one step is."""
    if device.type == "cuda":
        with profile(activities=[ProfilerActivity.CUDA]) as profiler:
            step().sum().item()
        return sum(event.device_type == DeviceType.CUDA for event in profiler.events())
    with Operators() as counter:
        step()
    return counter.count


def measure(
    model: str, shape: tuple[int, ...], batch: int, precision: torch.dtype, options: argparse.Namespace
) -> None:
    device = torch.device(options.device)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(options.runs, batch, *shape, generator=generator).to(device)
    targets = torch.randint(N_CLASSES, (options.runs, batch), generator=generator).to(device)
    steps = {
        way: prepare(networks(model, shape, options.runs, device), inputs, targets, precision)
        for way, prepare in WAYS.items()
    }
    for step in steps.values():
        step()  # the first one also sets up what it needs
    counts = {way: operators(step, device) for way, step in steps.items()}
    times = dict.fromkeys(steps, float("inf"))
    for _ in range(options.rounds):
        times |= {way: min(times[way], seconds(step, CLOCKS[options.clock])) for way, step in steps.items()}
    cells = [f"{1 / times[way]:>9.2f}" for way in WAYS]
    cells += [f"{times['separate'] / times[way]:>8.2f}" for way in list(WAYS)[1:]]
    cells += [f"{counts[way]:>9}" for way in WAYS]
    print(f"{model:<16}{batch:>6}  {str(precision).removeprefix('torch.'):<9}", *cells, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", type=lambda name: str(choose_device(name)))
    parser.add_argument("--runs", default=5, type=int)
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help="cpu: time of all threads, on a busy machine")
    parser.add_argument("--only", default="", help="models, with commas between")
    options = parser.parse_args()
    torch.set_num_threads(choose_threads(options.threads))
    warnings.filterwarnings("ignore", "There is a performance drop")  # of vmap, which is what is measured

    is_gpu = options.device.startswith("cuda")
    name = torch.cuda.get_device_name() if is_gpu else f"CPU, {torch.get_num_threads()} threads"
    print(f"{name}, torch {torch.__version__}, {options.runs} runs, {options.clock} time")
    print(f"{'':<33}{'steps of all runs / s':^30}{'times separate':^18}{'kernels' if is_gpu else 'operators':^30}")
    heads = [f"{way:>9}" for way in WAYS] + [f"{way:>8}" for way in list(WAYS)[1:]] + [f"{way:>9}" for way in WAYS]
    print(f"{'model':<16}{'batch':>6}  {'':<9}", *heads)
    for model, shape, batch in CASES:
        if not options.only or model in options.only.split(","):
            for precision in (torch.float32, torch.bfloat16):
                measure(model, shape or registry.describe(model).input_shape, batch, precision, options)


if __name__ == "__main__":
    main()
