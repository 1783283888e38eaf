"""Estimators: models that are fitted to their data at once, and then predict as networks do.

The fitted parameters are buffers, plain tensors: they are stored, loaded, moved and exported like weights, without a
pickle. The lengths of the buffers are known only after the fit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from genreflow.models.blocks import single_precision

# Lower bound of probabilities, so that no logit is infinite: float32 cannot distinguish less from 0 beside 1.
MIN_PROBABILITY = torch.finfo(torch.float32).eps
_MAX_DISTANCES = 2**22  # held in memory at a time, float64


@dataclass(frozen=True)
class FitData:
    """Training data of an estimator.

    Attributes
    ----------
    arrays
        Float32 [n, d].
    targets
        Class of each segment, int64 [n], or whether it has each tag, bool [n, K]; a class or tag may be absent.
    groups, tracks
        Group and track of each segment, [n]; groups are not divided where options are chosen.
    seed, threads
        Random seed; number of CPU threads, at most.
    """

    arrays: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    tracks: np.ndarray
    seed: int
    threads: int


class Estimator(nn.Module, ABC):
    """A classifier of vectors [batch, d] whose logits are log-probabilities [batch, n_outputs].

    A subclass declares its buffers with `register_sized_buffer`, fills them in `fit_arrays`, and computes
    `probabilities` from them. Before the fit every number is 0 and every unknown length 1. Options that the fit chooses
    are in `chosen` afterwards, by name.
    """

    def __init__(self, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        [self.n_inputs] = input_shape
        self.n_outputs = n_outputs
        self.chosen: dict[str, float] = {}
        self._sizes: dict[str, tuple[int | str, ...]] = {}

    @abstractmethod
    def fit_arrays(self, data: FitData) -> dict[str, Any]:
        """Return the content of each buffer, by name."""

    @abstractmethod
    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the probabilities of float32 [batch, d]: [batch, n_outputs], with rows that sum to 1."""

    def problems(self) -> Iterator[str]:
        """Yield the problems of loaded buffers that their shapes do not show."""
        yield from ()

    def fit(
        self,
        arrays: np.ndarray,
        targets: np.ndarray,
        *,
        groups: np.ndarray,
        seed: int,
        threads: int,
        tracks: np.ndarray | None = None,
    ) -> None:
        """Fit to the attributes of a `FitData`; the result is the same for every number of threads.

        Each group is a track if `tracks` is not given.
        """
        # Linear algebra libraries sum in another order with another number of threads.
        with threadpool_limits(1):
            data = FitData(arrays, targets, groups, groups if tracks is None else tracks, seed, threads)
            fitted = self.fit_arrays(data)
        self.load_state_dict({name: torch.as_tensor(np.ascontiguousarray(value)) for name, value in fitted.items()})

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities, float32 [batch, n_outputs], whatever the precision of the training."""
        probabilities = self._in_single_precision(inputs, self.probabilities)
        return probabilities.clamp_min(MIN_PROBABILITY).log().float()

    @staticmethod
    def _in_single_precision(inputs: torch.Tensor, function: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        with single_precision(inputs):
            return function(inputs.float())

    def register_sized_buffer(self, name: str, *sizes: int | str, dtype: torch.dtype = torch.float64) -> None:
        """Declare a buffer. A size with a name is known after the fit, and equal wherever the name is used."""
        self._sizes[name] = sizes
        self.register_buffer(name, torch.zeros([1 if isinstance(size, str) else size for size in sizes], dtype=dtype))

    def allocate(self, tensors: Mapping[str, torch.Tensor], prefix: str = "") -> None:
        """Give the buffers the lengths of tensors that are to be loaded, unless these contradict each other."""
        shapes = {name: tuple(tensors[prefix + name].shape) for name in self._sizes if prefix + name in tensors}
        if self._are_consistent(shapes):
            for name, shape in shapes.items():
                setattr(self, name, getattr(self, name).new_zeros(shape))

    def _are_consistent(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        if any(len(shapes.get(name, ())) != len(sizes) for name, sizes in self._sizes.items()):
            return False
        pairs = {pair for name, sizes in self._sizes.items() for pair in zip(sizes, shapes[name], strict=True)}
        names = [declared for declared, _ in pairs if isinstance(declared, str)]
        are_fixed = all(declared == size for declared, size in pairs if isinstance(declared, int))
        return are_fixed and len(names) == len(set(names)) and all(size > 0 for _, size in pairs)

    def _load_from_state_dict(self, state_dict: Mapping[str, torch.Tensor], prefix: str, *others: Any) -> None:
        self.allocate(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *others)


def allocate(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give the estimators in a network the lengths of `weights`; see `Estimator.allocate`."""
    for name, module in network.named_modules():
        if isinstance(module, Estimator):
            module.allocate(weights, f"{name}." if name else "")


def problems(network: nn.Module) -> Iterator[str]:
    """Yield the problems of the loaded buffers of the estimators in a network."""
    for module in network.modules():
        if isinstance(module, Estimator):
            yield from module.problems()


def distances(inputs: torch.Tensor, points: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the Euclidean distances of float32 [batch, d] to [n, d], float64 [part of the batch, n], part by part.

    Differences are squared and summed: expanding the square into a matrix product is faster, but loses digits.
    """
    points = points.double()
    for part in inputs.double().split(max(1, _MAX_DISTANCES // len(points))):
        yield torch.cdist(part, points, compute_mode="donot_use_mm_for_euclid_dist")


def has_invalid(indices: torch.Tensor, n: int) -> bool:
    """Return whether some index is outside 0 .. n - 1."""
    return bool(((indices < 0) | (indices >= n)).any())
