"""Choice of device, CPU threads and floating-point precision."""

import joblib
import torch

from genreflow.errors import UserError


def choose_device(name: str = "auto") -> torch.device:
    """Return the device ``cpu``, ``cuda``, or for ``auto`` the GPU if there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("Device 'cuda' is not available: torch finds no GPU here. Use device 'auto' or 'cpu'.")
    return torch.device(name)


def choose_threads(requested: int | None) -> int:
    """Return the number of CPU threads: as requested, but no more than there are CPUs for this process.

    More threads than CPUs wait for each other at every step: eight on two CPUs made training nine times slower.
    """
    available = joblib.cpu_count()
    return available if requested is None else min(requested, available)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the precision ``float32`` or ``bfloat16``.

    ``auto`` is bfloat16 where the hardware multiplies it natively, about twice as fast, and float32 elsewhere, where
    bfloat16 would be emulated.
    """
    if name == "auto":
        name = "bfloat16" if _has_bfloat16(device) else "float32"
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
