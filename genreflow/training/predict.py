"""Predicted probabilities of slices."""

from collections.abc import Iterator
from functools import reduce

import numpy as np
import torch
from torch import nn

from genreflow.training.device import missing_operations_named
from genreflow.training.loader import SliceLoader, window_starts

# Slices, and values, in a batch at most.
_BATCH, _VALUES = 256, 2**22


def predict_proba(
    model: nn.Module,
    slices: np.ndarray | SliceLoader,
    *,
    device: torch.device | None = None,
    rows: np.ndarray | None = None,
    crop: int | None = None,
    windows: int = 1,
    tags: bool = False,
    batch: int | None = None,
) -> np.ndarray:
    """Return the probabilities of stored slices, float32 [n, K], computed in float32.

    Parameters
    ----------
    slices
        Slices as stored, [N, *shape], or a loader of them.
    device
        Where to compute; the device of the loader, or the CPU, if not given.
    rows
        Rows of `slices` to predict, int64 [n]; all if not given.
    crop, windows
        Length along the last axis that the model takes; the probabilities are the mean over so many windows
        (`genreflow.training.loader.window_starts`).
    tags
        Whether the outputs are tags, each with a probability of its own, instead of classes.
    batch
        Slices per batch; it bounds the memory and changes nothing else.
    """
    loader = slices if isinstance(slices, SliceLoader) else SliceLoader(slices, device or torch.device("cpu"))
    parts = predict_windows(model, loader, rows, crop=crop, windows=windows, tags=tags, batch=batch)
    return torch.cat([reduce(torch.add, views) / len(views) for views in parts]).numpy()


def predict_windows(
    model: nn.Module,
    loader: SliceLoader,
    rows: np.ndarray | None,
    *,
    crop: int | None,
    windows: int,
    tags: bool,
    batch: int | None = None,
) -> Iterator[list[torch.Tensor]]:
    """Yield the probabilities of batches of slices: of each window, float32 [batch, K], on the CPU.

    The parameters are those of `predict_proba`; without `crop` there is one window, the whole slice.
    """
    model = model.to(loader.device).eval()
    rows = np.arange(len(loader)) if rows is None else rows
    batch = batch or max(1, min(_BATCH, _VALUES // max(1, loader.slice_size)))
    # One batch at least, so that no slices give an empty result of the right width.
    batches = [rows[start : start + batch] for start in range(0, max(len(rows), 1), batch)]
    for inputs in loader.batches(batches):
        if crop is None:
            views = [inputs]
        else:
            starts = window_starts(inputs.shape[-1], crop, windows)
            views = [inputs[..., start : start + crop] for start in starts]
        # Neither may last into the caller's code.
        with torch.inference_mode(), missing_operations_named(loader.device):
            logits = [model(view) for view in views]
            probabilities = [(each.sigmoid() if tags else each.softmax(dim=1)).cpu() for each in logits]
        yield probabilities
