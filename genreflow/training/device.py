"""Where a network runs, on how many threads, and in which number format."""

import joblib
import torch

from genreflow.errors import UserError


def choose_device(name: str = "auto") -> torch.device:
    """Return the device `name`: ``cpu``, ``cuda``, or ``auto``, the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("Device 'cuda' was asked for, but torch sees no GPU here. Use device 'auto' or 'cpu'.")
    return torch.device(name)


def choose_threads(wanted: int | None) -> int:
    """Return how many CPU threads to use: as many as wanted, but no more than there are CPUs for this process.

    Threads beyond the CPUs wait for each other at every step; eight on two made training nine times slower.
    """
    available = joblib.cpu_count()
    return available if wanted is None else min(wanted, available)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of a training: ``float32``, ``bfloat16``, or ``auto``.

    ``auto`` is bfloat16 where the hardware multiplies it natively, which is then about twice as fast, and float32
    elsewhere, where bfloat16 would be emulated.
    """
    if name == "auto":
        name = "bfloat16" if _has_bfloat16(device) else "float32"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
