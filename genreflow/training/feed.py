"""Stored slices on their way to the device."""

import queue
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from genreflow.store.shards import FULL_SCALE

# Of a GPU's free memory, what slices may take; the rest is for the network.
_SHARE_OF_GPU = 0.5
_AHEAD = 4


class Feed:
    """Batches of stored slices, gathered on the device where they fit, else read ahead by a thread.

    Parameters
    ----------
    arrays
        [n, *shape] of the type that is stored; it may be mapped from a file.
    device
        Where batches are wanted.
    """

    def __init__(self, arrays: np.ndarray, device: torch.device) -> None:
        self._arrays, self.device = torch.from_numpy(arrays), device
        self.is_resident = device.type != "cuda" or arrays.nbytes <= _SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0]
        # On a CPU the array is where it is; what is mapped from a file is better read ahead.
        self._reads_ahead = not self.is_resident or isinstance(arrays, np.memmap)
        if self.is_resident:
            self._arrays = self._arrays.to(device)

    @property
    def slice_size(self) -> int:
        """Values in a slice."""
        return self._arrays[:1].numel()

    def batches(self, places: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        """Yield the slices at each of `places` (int64 [b]) as a network sees them, float32 [b, *shape]."""
        stored = self._read_ahead(places) if self._reads_ahead else self._gather(places)
        for batch in stored:
            yield batch.float() if batch.is_floating_point() else batch.float() / FULL_SCALE

    def _gather(self, places: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        if not len(places):
            return
        # One copy an epoch: a copy a step would make the GPU wait.
        together = torch.from_numpy(np.concatenate(places)).to(self.device)
        for part in together.split([len(each) for each in places]):
            yield self._arrays[part]

    def _read_ahead(self, places: Sequence[np.ndarray]) -> Iterator[torch.Tensor]:
        ready: queue.Queue = queue.Queue(_AHEAD)
        ended = threading.Event()

        def put(what: torch.Tensor | BaseException | None) -> bool:
            while not ended.is_set():
                try:
                    ready.put(what, timeout=0.1)
                    return True
                except queue.Full:
                    continue
            return False

        def read() -> None:
            try:
                for part in places:
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
                yield batch.to(self.device, non_blocking=True)
        finally:
            ended.set()
