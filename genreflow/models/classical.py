"""Classifiers of descriptors that need no more than a few lines: neighbours, logistic regression, a small network.

The literature names them without settings; those here are the usual ones.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from genreflow.models.fitted import FitData, Fitted, distances, outside

# Logit that makes a softmax 0 in single precision, for a class that no segment is of.
NEVER = -1_000.0


class NearestNeighbours(Fitted):
    """Standardised descriptors [batch, n] to log-probabilities [batch, n_outputs].

    The probability of a class is its share among the nearest training segments. Of segments equally far away those
    that come first in the training set are nearer.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], neighbours: int) -> None:
        super().__init__(n_outputs=n_outputs, input_shape=input_shape)
        self.neighbours = neighbours
        self.register_sized_buffer("segments", "segments", self.n_inputs, dtype=torch.float32)
        self.register_sized_buffer("classes", "segments", dtype=torch.int64)

    @property
    def title(self) -> str:
        """What is drawn."""
        return f"{self.neighbours} nearest of {len(self.segments):,} segments"

    def fit_arrays(self, task: FitData) -> dict[str, Any]:
        """Keep everything."""
        return {"segments": task.arrays, "classes": task.targets}

    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the shares of the classes among the neighbours."""
        classes = functional.one_hot(self.classes, self.n_outputs).double()
        wanted = min(self.neighbours, len(self.segments))
        votes = [self._nearest(distance, wanted).double() @ classes for distance in distances(inputs, self.segments)]
        return torch.cat(votes) / wanted

    @staticmethod
    def _nearest(distance: torch.Tensor, wanted: int) -> torch.Tensor:
        """Return which of [batch, n] are the nearest, bool [batch, n]."""
        last = distance.kthvalue(wanted, dim=1, keepdim=True).values
        is_nearer, is_last = distance < last, distance == last
        missing = wanted - is_nearer.sum(dim=1, keepdim=True)
        return is_nearer | (is_last & (is_last.cumsum(dim=1) <= missing))

    def problems(self) -> Iterator[str]:
        """Say if a segment is of no class."""
        if outside(self.classes, self.n_outputs):
            yield f"a segment is of none of the {self.n_outputs} classes"


class MultinomialRegression(Fitted):
    """Standardised descriptors [batch, n] to log-probabilities [batch, n_outputs], the log-softmax of a linear map."""

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], C: float) -> None:
        super().__init__(n_outputs=n_outputs, input_shape=input_shape)
        self._regularisation = C
        self.register_sized_buffer("weight", n_outputs, self.n_inputs)
        self.register_sized_buffer("bias", n_outputs)

    @property
    def title(self) -> str:
        """What is drawn."""
        return f"{self.n_outputs} × {self.n_inputs} weights"

    def fit_arrays(self, task: FitData) -> dict[str, Any]:
        """Find the weights of the classes that there are."""
        weight, bias = np.zeros(tuple(self.weight.shape)), np.full(self.n_outputs, NEVER)
        present = np.unique(task.targets)
        bias[present] = 0
        if len(present) > 1:
            found = LogisticRegression(C=self._regularisation, max_iter=10_000).fit(task.arrays, task.targets)
            # Of two classes, only the second has weights.
            rows = present[-len(found.coef_) :]
            weight[rows], bias[rows] = found.coef_, found.intercept_
        return {"weight": weight, "bias": bias}

    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the softmax of the linear map."""
        return functional.linear(inputs.double(), self.weight, self.bias).softmax(dim=1)


class MultilayerPerceptron(nn.Sequential):
    """Standardised descriptors [batch, n] to logits [batch, n_outputs]: dense 256, 128, K; ReLU and dropout between."""

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], dropout: float) -> None:
        super().__init__(
            nn.Linear(input_shape[0], 256),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, n_outputs),
        )
