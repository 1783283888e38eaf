"""The batches of each epoch and the random numbers of each slice, the same on every machine."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError

Purpose = Literal["crop", "shift", "gain", "noise", "mask_time", "mask_bands", "mixup"]


def epoch_batches(
    settings: TrainingSettings, targets: np.ndarray, *, n_outputs: int, steps: int, epoch: int
) -> Sequence[np.ndarray]:
    """Return the slices of each batch of one epoch, drawn by the method that `settings.sampling` names.

    Parameters
    ----------
    targets
        Class of each slice, int [n], or its tags, bool [n, K].
    n_outputs
        Number of classes or tags.
    steps
        Number of batches. `shuffled` returns one fewer where the last would be a single slice.
    epoch
        Counted from 0.

    Returns
    -------
    Indices into `targets`, int64 [batch] for each; the last one of `shuffled` may be smaller, or greater by one.

    Raises
    ------
    UserError
        When there are no slices, or the method does not suit them.
    """
    if not len(targets):
        raise UserError("There are no slices to train on. See the fold table.")
    batch, seed = settings.batch, settings.seed
    if settings.sampling == "shuffled":
        return shuffled_batches(len(targets), batch=batch, steps=steps, epoch=epoch, seed=seed)
    if settings.sampling == "weighted":
        return list(weighted_batches(targets, n_outputs=n_outputs, batch=batch, steps=steps, epoch=epoch, seed=seed))
    if targets.ndim != 1:
        raise UserError(
            "Balanced batches need one class a slice, and these slices have tags."
            " Set `sampling` to shuffled or weighted."
        )
    return list(balanced_batches(targets, n_classes=n_outputs, batch=batch, steps=steps, epoch=epoch, seed=seed))


def balanced_batches(
    targets: np.ndarray, *, n_classes: int, batch: int, steps: int, epoch: int, seed: int
) -> np.ndarray:
    """Draw the batches of one epoch, each with the same number of slices of every class.

    Each class is an endless stream: all its slices in a random order, then all again in another. An epoch continues
    the streams of the one before, so no slice comes again before all of its class have come.

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
    _check_every_class(targets, n_classes)
    streams = []
    for label in range(n_classes):
        members = np.flatnonzero(targets == label)
        streams.append(_stream(members, epoch * steps * each, steps * each, (seed, label)).reshape(steps, each))
    return np.concatenate(streams, axis=1)


def shuffled_batches(n: int, *, batch: int, steps: int, epoch: int, seed: int) -> list[np.ndarray]:
    """Draw the batches of one epoch in random order.

    With ceil(n / batch) steps an epoch is one pass over the data: every slice comes once, and the last batch holds the
    rest (Won et al. 2020). A rest of one slice joins the batch before it, because batch normalization needs two. Any
    other number of steps cuts full batches from an endless stream, which the next epoch continues: all slices in a
    random order, then all again in another.

    Returns
    -------
    Slice numbers 0 .. n - 1, int64 [batch] for each: `steps` arrays, or one fewer where the rest was one slice.
    """
    size = n if steps == math.ceil(n / batch) else steps * batch
    order = _stream(np.arange(n), epoch * size, size, (seed,))
    ends = list(range(batch, size, batch))
    if ends and size - ends[-1] == 1 < batch:
        del ends[-1]
    return np.split(order, ends)


def weighted_batches(
    targets: np.ndarray, *, n_outputs: int, batch: int, steps: int, epoch: int, seed: int
) -> np.ndarray:
    """Draw the batches of one epoch with replacement, all classes equally likely.

    The weight of a slice with tags is the mean of 1 / (slices that have the tag) over its tags. Rare tags come more
    often, though not all tags equally: a rare tag brings the frequent ones of its slices with it. Having no tag counts
    as a tag.

    Parameters
    ----------
    targets
        Class of each slice, int [n], or its tags, bool [n, K].

    Returns
    -------
    Indices into `targets`, int64 [steps, batch].

    Raises
    ------
    UserError
        When a class has no slice. A tag may have none.
    """
    if targets.ndim == 1:
        _check_every_class(targets, n_outputs)
        targets = targets[:, None] == np.arange(n_outputs)
    # Summed one after another: a sum in another order may round differently on another machine.
    weights, count = np.zeros(len(targets)), np.zeros(len(targets))
    for members in (*targets.T, ~targets.any(axis=1)):
        weights[members] += 1 / max(1, int(members.sum()))
        count += members
    cumulative = np.cumsum(weights / count)
    numbers = np.random.default_rng([seed, epoch]).random((steps, batch))
    return np.minimum(np.searchsorted(cumulative, numbers * cumulative[-1], side="right"), len(targets) - 1)


def repeats(batches: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return how often each slice of each batch came before in the epoch, int64 [batch] for each batch."""
    order = np.concatenate(batches)
    before = pd.Series(order).groupby(order).cumcount().to_numpy()
    return np.split(before, np.cumsum([len(batch) for batch in batches])[:-1])


def uniform(
    purpose: Purpose, slices: np.ndarray, *, seed: int, epoch: int, repeats: np.ndarray | None = None
) -> np.ndarray:
    """Return four random numbers per slice, uniform in (0, 1), for one purpose in one epoch.

    They are a function of the arguments alone: neither the rest of the batch nor draws for another purpose change
    them. A counter-based generator is what makes this possible, and numpy has none for single 32-bit words.

    Parameters
    ----------
    slices
        Slice numbers below 2**32, int64 [batch].
    epoch
        Counted from 0.
    repeats
        How often each slice came before in the epoch, int64 [batch]; a slice that comes again gets new numbers.

    Returns
    -------
    Float64 [4, batch], 0 and 1 excluded: Philox 4x32 with 10 rounds (Salmon et al. 2011).
    """
    slices = slices.astype(np.uint64)
    before = np.zeros_like(slices) if repeats is None else repeats.astype(np.uint64)
    number = get_args(Purpose).index(purpose)
    counter = slices, np.full_like(slices, epoch), np.full_like(slices, number), before
    return (philox(counter, np.random.SeedSequence(seed).generate_state(2).tolist()) + 0.5) / 2**32


def philox(counter: Sequence[np.ndarray], key: Sequence[int]) -> np.ndarray:
    """Return 32 random bits for each of the four words of a counter, uint64 [4, n].

    Philox 4x32 with 10 rounds: Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3.

    Parameters
    ----------
    counter
        Four words of 32 bits, uint64 [n] each.
    key
        Two words of 32 bits.
    """
    low, half = np.uint64(2**32 - 1), np.uint64(32)
    a, b, c, d = counter
    keys = list(key)
    for _ in range(10):
        left, right = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        first, second = (np.uint64(word) for word in keys)
        a, b, c, d = (right >> half) ^ b ^ first, right & low, (left >> half) ^ d ^ second, left & low
        keys = [(word + step) % 2**32 for word, step in zip(keys, (0x9E3779B9, 0xBB67AE85), strict=True)]
    return np.stack([a, b, c, d])


def _check_every_class(targets: np.ndarray, n_classes: int) -> None:
    missing = np.setdiff1d(np.arange(n_classes), targets)
    if len(missing):
        raise UserError(f"Class {missing[0] + 1} of {n_classes} has no slice to train on. See the fold table.")


def _stream(members: np.ndarray, start: int, count: int, seed: tuple[int, ...]) -> np.ndarray:
    """Return elements start .. start + count of the endless stream of `members`."""
    size = len(members)
    rounds = range(start // size, (start + count - 1) // size + 1)
    orders = [np.random.default_rng([*seed, number]).permutation(members) for number in rounds]
    offset = start - rounds[0] * size
    return np.concatenate(orders)[offset : offset + count]
