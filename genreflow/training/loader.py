"""Batches of stored slices on the device, whole, cropped at random, or cut into windows."""

import queue
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from genreflow.errors import UserError
from genreflow.store.shards import FULL_SCALE
from genreflow.training.device import free_memory
from genreflow.training.sampling import uniform

# Raise it when crops would begin elsewhere, or other windows of a slice be averaged.
STAGE_VERSION = 1

# Share of a GPU's free memory that slices may take; the rest is for the network.
_SHARE_OF_GPU = 0.5
_PREFETCH = 4  # batches


class SliceLoader:
    """Loads batches of stored slices, from the device's own memory where they fit, else prefetched by a thread.

    Parameters
    ----------
    arrays
        Slices as stored, [n, *shape]; may be memory-mapped.
    device
        Where batches are wanted.
    """

    def __init__(self, arrays: np.ndarray, device: torch.device) -> None:
        self._arrays, self.device = torch.from_numpy(arrays), device
        free = free_memory(device)
        self.is_resident = free is None or arrays.nbytes <= _SHARE_OF_GPU * free
        # On a CPU the array is where it is needed; a memory-mapped file is better read ahead.
        self._prefetches = not self.is_resident or isinstance(arrays, np.memmap)
        if self.is_resident:
            self._arrays = self._arrays.to(device)

    def __len__(self) -> int:
        return len(self._arrays)

    @property
    def slice_size(self) -> int:
        """Number of values in a slice."""
        return self._arrays[:1].numel()

    def batches(self, rows: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield the slices at each of `rows` (int64 [batch]) as a network sees them, float32 [batch, *shape]."""
        stored = self._prefetch(rows) if self._prefetches else self._gather(rows)
        for batch in stored:
            yield batch.float() if batch.is_floating_point() else batch.float() / FULL_SCALE

    def _gather(self, rows: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        if not len(rows):
            return
        # One copy of indices an epoch: a copy a step would make the GPU wait.
        indices = torch.from_numpy(np.concatenate(rows)).to(self.device)
        for part in indices.split([len(batch) for batch in rows]):
            yield self._arrays[part]

    def _prefetch(self, rows: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        ready: queue.Queue[torch.Tensor | BaseException | None] = queue.Queue(_PREFETCH)
        stopped = threading.Event()

        def put(item: torch.Tensor | BaseException | None) -> bool:
            # With a timeout, so that the thread ends when the consumer no longer takes batches.
            while not stopped.is_set():
                try:
                    ready.put(item, timeout=0.1)
                    return True
                except queue.Full:
                    continue
            return False

        def read() -> None:
            try:
                for part in rows:
                    batch = self._arrays[torch.from_numpy(part)]
                    if not put(batch.pin_memory() if self.device.type == "cuda" else batch):
                        return
                put(None)
            except BaseException as error:
                put(error)

        threading.Thread(target=read, daemon=True).start()
        try:
            while (batch := ready.get()) is not None:
                if isinstance(batch, BaseException):
                    raise batch
                # Only from pinned memory: else the copy could run on while the batch is freed.
                yield batch.to(self.device, non_blocking=batch.is_pinned())
        finally:
            stopped.set()


def random_crops(
    inputs: torch.Tensor,
    slices: np.ndarray,
    length: int,
    *,
    seed: int,
    epoch: int,
    repeats: np.ndarray | None = None,
) -> torch.Tensor:
    """Crop each slice to `length` along the last axis, at any position with equal probability.

    Parameters
    ----------
    inputs
        [batch, ..., n], of any type, on any device.
    slices
        Slice numbers, int64 [batch]. The position depends on them, the seed and the epoch, and not on the rest of the
        batch.
    repeats
        See `genreflow.training.sampling.uniform`.

    Returns
    -------
    [batch, ..., length]

    Raises
    ------
    UserError
        When the slices are shorter than `length`.
    """
    excess = _excess(inputs.shape[-1], length)
    if excess == 0:
        return inputs
    starts = np.floor(uniform("crop", slices, seed=seed, epoch=epoch, repeats=repeats)[0] * (excess + 1))
    first = torch.from_numpy(starts.astype(np.int64)).to(inputs.device)
    return take_along_time(inputs, first[:, None] + torch.arange(length, device=inputs.device))


def window_starts(n: int, length: int, windows: int) -> list[int]:
    """Return the starts of the windows whose predictions are averaged: i floor((n - length) / windows), i from 0.

    This is the evaluation of Won et al. (2020), with 16 windows. The last one does not reach the end of the slice.

    Raises
    ------
    UserError
        When slices of length `n` are shorter than `length`.
    """
    hop = _excess(n, length) // windows
    return [number * hop for number in range(windows)]


def take_along_time(inputs: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Return the values at `positions` (int64 [batch, m]) of the last axis of [batch, ..., n], as [batch, ..., m]."""
    index = positions.reshape(len(positions), *(1,) * (inputs.dim() - 2), -1).expand(*inputs.shape[:-1], -1)
    return inputs.gather(-1, index)


def _excess(n: int, length: int) -> int:
    if length > n:
        raise UserError(f"A crop of {length:,} is longer than a slice, which has {n:,}. Set `crop` to {n} or less.")
    return n - length
