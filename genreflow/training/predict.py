"""Probabilities of slices."""

import numpy as np
import torch
from torch import nn

from genreflow.training.crops import window_starts
from genreflow.training.feed import Feed

_BATCH, _VALUES = 256, 2**22


def predict_proba(
    model: nn.Module,
    arrays: np.ndarray,
    *,
    device: torch.device,
    places: np.ndarray | None = None,
    crop: int | None = None,
    windows: int = 1,
    tags: bool = False,
    batch: int | None = None,
) -> np.ndarray:
    """Return the probabilities of stored slices, float32 [n, K].

    Computed in float32 whatever the training's precision was.

    Parameters
    ----------
    arrays
        [N, *shape] as stored.
    places
        Which of them, int64 [n]; all if not given.
    crop, windows
        Length along the last axis of what the model takes; the probabilities are the mean over so many windows at
        equal steps from the beginning on (Won et al. 2020, evaluation).
    tags
        The outputs are tags, each with a probability of its own, and not classes of which one is right.
    batch
        Slices at a time; it bounds the memory and changes nothing else.
    """
    feed = Feed(arrays, device)
    places = np.arange(len(arrays)) if places is None else places
    return predict_fed(model, feed, places, crop=crop, windows=windows, tags=tags, batch=batch)


def predict_fed(
    model: nn.Module,
    feed: Feed,
    places: np.ndarray,
    *,
    crop: int | None = None,
    windows: int = 1,
    tags: bool = False,
    batch: int | None = None,
) -> np.ndarray:
    """Return what `predict_proba` does, of slices that are already on their way to a device."""
    model = model.to(feed.device).eval()
    batch = batch or max(1, min(_BATCH, _VALUES // max(1, feed.slice_size)))
    # An empty part gives an empty result of the right width.
    parts = [places[start : start + batch] for start in range(0, max(len(places), 1), batch)]
    found = []
    with torch.inference_mode():
        for inputs in feed.batches(parts):
            starts = [None] if crop is None else window_starts(inputs.shape[-1], crop, windows)
            views = [inputs if start is None else inputs[..., start : start + crop] for start in starts]
            mean = sum(_probabilities(model(view), tags) for view in views) / len(views)
            found.append(mean.cpu())
    return torch.cat(found).numpy()


def _probabilities(logits: torch.Tensor, tags: bool) -> torch.Tensor:
    return logits.sigmoid() if tags else logits.softmax(dim=1)
