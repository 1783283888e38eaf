"""Choice of device, CPU threads and floating-point precision, and what differs from device to device.

Devices are the CPU, NVIDIA GPUs (``cuda``) and Apple GPUs (``mps``), which have no float64.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import joblib
import torch
from torch import nn

from genreflow.errors import UserError

NAMES = ("auto", "cpu", "cuda", "mps")
_GPUS = {"cuda": "NVIDIA GPU", "mps": "Apple GPU"}
# First compute capability with bfloat16 (Ampere), and with units that multiply float16 faster than float32 (Volta).
_BFLOAT16, _FLOAT16 = (8, 0), (7, 0)
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """Return the device ``cpu``, ``cuda`` or ``mps``; for ``auto`` an NVIDIA GPU, else an Apple GPU, else the CPU.

    Raises
    ------
    UserError
        When torch finds no GPU of that name.
    """
    if name == "auto":
        return torch.device(next((gpu for gpu in _GPUS if _is_available(gpu)), "cpu"))
    kind = name.partition(":")[0]
    if kind in _GPUS and not _is_available(kind):
        raise UserError(
            f"Device {kind!r} is not available: torch finds no {_GPUS[kind]} here. Use device 'auto' or 'cpu'."
        )
    return torch.device(name)


def device_for(network: nn.Module, device: torch.device) -> torch.device:
    """Return where a trained network computes: on `device`, but on the CPU if it needs float64 and `device` has none.

    Estimators hold float64.
    """
    needs_float64 = any(tensor.dtype == torch.float64 for tensor in chain(network.parameters(), network.buffers()))
    return torch.device("cpu") if device.type == "mps" and needs_float64 else device


def device_name(device: torch.device) -> str:
    """Return the name of a device for people: that of its model, if torch tells it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple GPU (mps)" if device.type == "mps" else device.type


def choose_threads(requested: int | None) -> int:
    """Return the number of CPU threads: as requested, but no more than there are CPUs for this process.

    More threads than CPUs wait for each other at every step: eight on two CPUs made training nine times slower.
    """
    available = joblib.cpu_count()
    return available if requested is None else min(requested, available)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the precision ``float32``, ``bfloat16`` or ``float16``.

    ``auto`` is what the hardware multiplies natively, about twice as fast: bfloat16 or, on NVIDIA GPUs that lack it
    (V100, T4), float16, whose loss must be scaled. It is float32 elsewhere, where they would be emulated, and on Apple
    GPUs, where the others depend on the version of macOS.
    """
    if name != "auto":
        return _PRECISIONS[name]
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        if capability >= _BFLOAT16:
            return torch.bfloat16
        return torch.float16 if capability >= _FLOAT16 else torch.float32
    return torch.bfloat16 if device.type == "cpu" and _cpu_has_bfloat16() else torch.float32


def free_memory(device: torch.device) -> int | None:
    """Return the free memory of a GPU, bytes; None for the CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":  # the part of the machine's memory that Metal recommends for GPUs
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return None


def empty_cache(device: torch.device) -> None:
    """Return the memory of a GPU that torch holds and does not use."""
    if device.type != "cpu":
        torch.get_device_module(device).empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out, on any device."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        words in str(error) for words in ("not enough memory", "out of memory")
    )


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of the random generators of the CPU and of a device, by the type of device."""
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state(device)
    return state


def set_random_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """Restore what `random_state` returned, as far as it is of this device."""
    torch.set_rng_state(state["cpu"])
    if device.type != "cpu" and device.type in state:
        torch.get_device_module(device).set_rng_state(state[device.type], device)


@contextmanager
def random_state_kept(device: torch.device) -> Iterator[None]:
    """Restore the random generators of the CPU and of a device after the block."""
    state = random_state(device)
    try:
        yield
    finally:
        set_random_state(state, device)


@contextmanager
def missing_operations_named(device: torch.device) -> Iterator[None]:
    """Raise a `UserError` for an operation that torch does not have on Apple GPUs.

    Jobs and commands let the CPU compute such operations (`genreflow.gpus.let_mps_fall_back`); other programs may not.
    """
    try:
        yield
    except (NotImplementedError, TypeError) as error:  # torch raises them for operations and dtypes that MPS lacks
        if device.type != "mps" or "MPS" not in str(error):
            raise
        raise UserError(
            f"This network needs what torch cannot compute on Apple GPUs: {str(error).splitlines()[0]} Use device "
            "'cpu', or set the environment variable PYTORCH_ENABLE_MPS_FALLBACK=1 before torch is loaded."
        ) from error


def _is_available(gpu: str) -> bool:
    return torch.cuda.is_available() if gpu == "cuda" else torch.backends.mps.is_available()


def _cpu_has_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
