"""Models that are fitted to their data at once, and then predict as any network does.

What a fit finds is kept in buffers, plain tensors: it is stored, loaded, moved and exported like weights, and no
pickle is needed. How long the buffers are is known only after the fit.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

from genreflow.models.precision import single_precision

# Probabilities are raised to this, so that no logit is infinite: what single precision cannot tell from 0 beside 1.
LEAST = torch.finfo(torch.float32).eps
# Numbers of type float64 that may be in memory at a time when segments are compared with many others.
_AT_ONCE = 2**22


@dataclass(frozen=True)
class FitData:
    """What a model is fitted to.

    Attributes
    ----------
    arrays
        Float32 [n, d].
    targets
        Int64 [n], from 0 to below the number of outputs; a class may be absent.
    groups
        What each segment is a part of, such as its track, [n].
    seed, threads
        Seed of what is drawn at random; most CPU threads.
    """

    arrays: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    seed: int
    threads: int


class Fitted(nn.Module, ABC):
    """A classifier of vectors [batch, d] whose logits are log-probabilities [batch, n_outputs].

    A subclass declares its buffers with `register_sized_buffer`, fills them in `fit_arrays`, and computes
    `probabilities` from them.
    Before the fit every number is 0 and every length 1.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int]) -> None:
        super().__init__()
        [self.n_inputs] = input_shape
        self.n_outputs = n_outputs
        self._sizes: dict[str, tuple[int | str, ...]] = {}

    @abstractmethod
    def fit_arrays(self, task: FitData) -> dict[str, Any]:
        """Return what is to be in each buffer, by name."""

    @abstractmethod
    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the probabilities of float32 [batch, d], [batch, n_outputs]; the sum of a row is 1."""

    def problems(self) -> Iterator[str]:
        """Say what is wrong with loaded buffers, beyond what their shapes would show."""
        yield from ()

    def fit(self, arrays: np.ndarray, targets: np.ndarray, *, groups: np.ndarray, seed: int, threads: int) -> None:
        """Fit the model to a `FitData`; the result is the same on every number of threads."""
        # Libraries of linear algebra add up in another order on another number of threads.
        with threadpool_limits(1):
            learnt = self.fit_arrays(FitData(arrays, targets, groups, seed, threads))
        self.load_state_dict({name: torch.as_tensor(np.ascontiguousarray(value)) for name, value in learnt.items()})

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities, float32, whatever the precision around."""
        with single_precision(inputs):
            return self.probabilities(inputs.float()).clamp_min(LEAST).log().float()

    def register_sized_buffer(self, name: str, *sizes: int | str, dtype: torch.dtype = torch.float64) -> None:
        """Declare a buffer. A size that has a name is known after the fit, and the same wherever the name is used."""
        self._sizes[name] = sizes
        self.register_buffer(name, torch.zeros([1 if isinstance(size, str) else size for size in sizes], dtype=dtype))

    def allocate(self, given: Mapping[str, torch.Tensor], prefix: str = "") -> None:
        """Give the buffers the lengths of tensors that are to be loaded, unless those do not go together."""
        shapes = {name: tuple(given[prefix + name].shape) for name in self._sizes if prefix + name in given}
        if self._go_together(shapes):
            for name, shape in shapes.items():
                setattr(self, name, getattr(self, name).new_zeros(shape))

    def _go_together(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        if any(len(shapes.get(name, ())) != len(sizes) for name, sizes in self._sizes.items()):
            return False
        pairs = {pair for name, sizes in self._sizes.items() for pair in zip(sizes, shapes[name], strict=True)}
        named = [wanted for wanted, _ in pairs if isinstance(wanted, str)]
        fixed = all(wanted == size for wanted, size in pairs if isinstance(wanted, int))
        return fixed and len(named) == len(set(named)) and all(size > 0 for _, size in pairs)

    def _load_from_state_dict(self, state_dict: Mapping[str, torch.Tensor], prefix: str, *others: Any) -> None:
        self.allocate(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *others)


def allocate(network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give the fitted parts of a network the lengths of `weights`, unless those do not go together."""
    for name, module in network.named_modules():
        if isinstance(module, Fitted):
            module.allocate(weights, f"{name}." if name else "")


def problems(network: nn.Module) -> Iterator[str]:
    """Say what is wrong with the loaded buffers of a network's fitted parts."""
    for module in network.modules():
        if isinstance(module, Fitted):
            yield from module.problems()


def distances(inputs: torch.Tensor, points: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the distances of float32 [batch, d] to [n, d], float64 [part of the batch, n], part by part.

    Differences are squared and added up, which single products of matrices would do less exactly.
    """
    points = points.double()
    for part in inputs.double().split(max(1, _AT_ONCE // len(points))):
        yield torch.cdist(part, points, compute_mode="donot_use_mm_for_euclid_dist")


def outside(indices: torch.Tensor, n: int) -> bool:
    """Tell whether some index leads to none of n places."""
    return bool(((indices < 0) | (indices >= n)).any())
