"""Class probabilities of slices."""

import numpy as np
import torch
from torch import nn

from genreflow.training.data import to_input

_BATCH, _VALUES = 256, 2**22


def predict_proba(
    model: nn.Module, arrays: np.ndarray, *, device: torch.device, batch: int | None = None
) -> np.ndarray:
    """Return the softmax of the logits of `arrays` [n, *shape], float32 [n, K].

    Computed in float32 whatever the training's precision was; `batch` bounds the memory and changes nothing else.
    """
    batch = batch or max(1, min(_BATCH, _VALUES // max(1, arrays[:1].size)))
    model = model.to(device).eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, max(len(arrays), 1), batch):
            inputs = torch.from_numpy(to_input(arrays[start : start + batch])).to(device)
            parts.append(model(inputs).softmax(dim=1).cpu())
    return torch.cat(parts).numpy()
