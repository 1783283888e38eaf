"""Parts of a network that compute in float32 whatever the precision of the training."""

from contextlib import AbstractContextManager, nullcontext

import torch


def single_precision(x: torch.Tensor) -> AbstractContextManager:
    """Return a context in which autocast leaves float32 as it is, on the device of `x`."""
    device = x.device.type
    # The meta device, by which layers are listed, knows no autocast.
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
