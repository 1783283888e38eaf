"""Parts of slices along time: at random for training, at equal steps for predictions."""

import numpy as np
import torch

from genreflow.errors import UserError
from genreflow.training.batches import uniform


def random_crops(
    inputs: torch.Tensor,
    slices: np.ndarray,
    length: int,
    *,
    seed: int,
    epoch: int,
    repeats: np.ndarray | None = None,
) -> torch.Tensor:
    """Return a part of each slice, [b, ..., length], anywhere within it with equal probability.

    Parameters
    ----------
    inputs
        [b, ..., n], of any type, on any device.
    slices
        Slice numbers, int64 [b]. With seed and epoch they decide where a part begins, whatever else is in the batch.
    repeats
        See `genreflow.training.batches.uniform`.

    Raises
    ------
    UserError
        When the slices are shorter than `length`.
    """
    room = _room(inputs.shape[-1], length)
    if room == 0:
        return inputs
    starts = np.floor(uniform("crop", slices, seed=seed, epoch=epoch, repeats=repeats)[0] * (room + 1))
    first = torch.from_numpy(starts.astype(np.int64)).to(inputs.device)
    return along_time(inputs, first[:, None] + torch.arange(length, device=inputs.device))


def window_starts(n: int, length: int, windows: int) -> list[int]:
    """Return where the parts begin whose predictions are averaged: i floor((n - length) / windows), i from 0.

    So evaluated Won et al. (2020), with 16 windows. The last does not reach the end of the slice.

    Raises
    ------
    UserError
        When slices of length `n` are shorter than `length`.
    """
    step = _room(n, length) // windows
    return [number * step for number in range(windows)]


def along_time(inputs: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return the values at `places` (int64 [b, m]) along the last axis of `inputs` [b, ..., n], as [b, ..., m]."""
    between = (1,) * (inputs.dim() - 2)
    index = places.reshape(len(places), *between, -1).expand(*inputs.shape[:-1], -1)
    return inputs.gather(-1, index)


def _room(n: int, length: int) -> int:
    if length > n:
        raise UserError(f"A crop of {length:,} is longer than a slice, which has {n:,}. Set `crop` to {n} or less.")
    return n - length
