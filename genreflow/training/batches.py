"""Class-balanced batches, drawn the same on every machine."""

import numpy as np

from genreflow.errors import UserError


def balanced_batches(
    targets: np.ndarray, *, n_classes: int, batch: int, steps: int, epoch: int, seed: int
) -> np.ndarray:
    """Return the slices of one epoch's batches, the same number of each class in every batch.

    Each class is an endless stream: all its slices in a random order, then all again in another. An epoch takes
    up the streams where the one before it stopped, so no slice comes again before all of its class have come.

    Parameters
    ----------
    targets
        Class of each slice, int [n].
    batch
        Slices a batch; rounded down to a multiple of `n_classes`.
    epoch
        Counted from 0.

    Returns
    -------
    Indices into `targets`, int64 [steps, n_classes * (batch // n_classes)].

    Raises
    ------
    UserError
        When the batch is smaller than the number of classes, or a class has no slice.
    """
    each = batch // n_classes
    if each == 0:
        raise UserError(f"A batch of {batch} cannot hold {n_classes} classes. Set `batch` to {n_classes} or more.")
    streams = []
    for label in range(n_classes):
        members = np.flatnonzero(targets == label)
        if not len(members):
            raise UserError(f"Class {label + 1} of {n_classes} has no slice to train on. See the fold table.")
        streams.append(_stream(members, epoch * steps * each, steps * each, (seed, label)).reshape(steps, each))
    return np.concatenate(streams, axis=1)


def _stream(members: np.ndarray, start: int, count: int, seed: tuple[int, ...]) -> np.ndarray:
    """Return elements start .. start + count of the endless stream of `members`."""
    size = len(members)
    rounds = range(start // size, (start + count - 1) // size + 1)
    orders = [np.random.default_rng([*seed, number]).permutation(members) for number in rounds]
    offset = start - rounds[0] * size
    return np.concatenate(orders)[offset : offset + count]
