"""Small heads on vectors: what a pretrained embedding, or descriptors, are classified by.

A linear probe is how embeddings are compared (Alain and Bengio 2016). Its only choice, the strength of the
regularization, is made by inner folds of the training tracks.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from genreflow.models.entry import Count, ModelEntry, Number, OrAuto, dropout
from genreflow.models.estimator import Estimator, FitData
from genreflow.models.inner_folds import best, thinned

_VECTORS = {
    "front_end": {"kind": "descriptors", "set": "texture"},
    "segments": {"kind": "split", "seconds": 3.0, "count": 10},
    "standardize": "element",
}

_entry = partial(
    ModelEntry,
    study="probes",
    module=__name__,
    input=_VECTORS,
    variable_axes={0: 1},
    binding=("standardize",),
    n_outputs=10,
    fits_tags=True,
)

ENTRIES = (
    _entry(
        name="probe",
        title="logistic regression on standardized vectors, its regularization chosen by inner folds",
        builder="Probe",
        options={"C": OrAuto(Number(1.0, 1e-6, 1e6, "Inverse of the weight of the squared weights (L2)."))},
        is_estimator=True,
        source="Alain and Bengio (2016), Understanding intermediate layers using linear classifier probes",
        assumptions=(
            "C: of eleven values from 1e-4 to 10, the one with the least cross-entropy of held-out tracks in five "
            "inner folds of the training tracks, which divide neither tracks nor groups",
            "one softmax over all classes; of tags, one regression each",
        ),
    ),
    _entry(
        name="mlp_probe",
        title="one hidden layer on standardized vectors",
        builder="MultilayerProbe",
        options={
            "hidden": Count(128, 1, 4_096, "Units of the hidden layer."),
            "dropout": dropout(0.5, "Share of the inputs and of the hidden units dropped."),
        },
        parameters=(132 + 1) * 128 + (128 + 1) * 10,
        source="Pons and Serra (2019), musicnn: embeddings classified by small networks",
        assumptions=("128 units, ReLU, dropout of inputs and hidden units; a fixed number of epochs",),
    ),
)

# Logit whose softmax or sigmoid is 0 in single precision, for a class or tag without segments; or 1, if negated.
NEVER = -1_000.0
GRID = tuple(float(f"{value:.1g}") for value in np.geomspace(1e-4, 10, 11))
# Segments, at most, by which C is chosen.
MAX_TUNED = 20_000


class Probe(Estimator):
    """Standardized vectors [batch, n] to logits [batch, n_outputs]: a linear map, of classes or of tags."""

    weight: torch.Tensor
    bias: torch.Tensor

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], C: float | str) -> None:
        super().__init__(n_outputs, input_shape)
        self._C = C
        self.register_sized_buffer("weight", n_outputs, self.n_inputs)
        self.register_sized_buffer("bias", n_outputs)

    @property
    def title(self) -> str:
        """Title in figures and tables."""
        return f"{self.n_outputs} × {self.n_inputs} weights"

    def fit_arrays(self, data: FitData) -> dict[str, Any]:
        """Choose C, and return the weights."""
        C = self._C
        if isinstance(C, str):
            C = _choose_penalty(data, self.n_outputs)
            self.chosen = {"C": C}
        weight, bias = _fit(data, self.n_outputs, C)
        return {"weight": weight, "bias": bias}

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits, float32 [batch, n_outputs], of which classes take the softmax and tags the sigmoid."""
        return self._in_single_precision(inputs, self._logits).float()

    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the softmax of the linear map."""
        return self._logits(inputs).softmax(dim=1)

    def _logits(self, inputs: torch.Tensor) -> torch.Tensor:
        return functional.linear(inputs.double(), self.weight, self.bias)


class MultinomialRegression(Probe):
    """Standardized descriptors [batch, n] to log-probabilities [batch, n_outputs]: a probe of classes alone."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities, float32 [batch, n_outputs]."""
        return Estimator.forward(self, inputs)


class MultilayerProbe(nn.Sequential):
    """Standardized vectors [batch, n] to logits [batch, n_outputs]: dense hidden, K; dropout before each."""

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], hidden: int, dropout: float) -> None:
        super().__init__(
            nn.Dropout(dropout),
            nn.Linear(input_shape[0], hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, n_outputs),
        )


def _choose_penalty(data: FitData, n_outputs: int) -> float:
    part = thinned(data, MAX_TUNED)
    # The penalty is weighed against a sum over segments, so fewer of them need a larger C for the same strength.
    more = len(data.arrays) / len(part.arrays)

    def predict(train: FitData, segments: np.ndarray) -> list[np.ndarray]:
        return [_predicted(segments, *_fit(train, n_outputs, more * C), tags=train.targets.ndim == 2) for C in GRID]

    return best(GRID, part, predict, usual=1.0)


def _predicted(segments: np.ndarray, weight: np.ndarray, bias: np.ndarray, *, tags: bool) -> np.ndarray:
    logits = torch.from_numpy(segments @ weight.T + bias)
    return (logits.sigmoid() if tags else logits.softmax(dim=1)).numpy()


def _fit(data: FitData, n_outputs: int, C: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights [n_outputs, n] and biases; a class or tag that no segment has, or all have, gets a bias alone."""
    weight, bias = np.zeros((n_outputs, data.arrays.shape[1])), np.full(n_outputs, NEVER)
    if data.targets.ndim == 2:
        for tag, is_tagged in enumerate(data.targets.T):
            if is_tagged.any() and not is_tagged.all():
                regression = LogisticRegression(C=C, max_iter=10_000).fit(data.arrays, is_tagged)
                weight[tag], bias[tag] = regression.coef_[0], regression.intercept_[0]
            elif is_tagged.any():
                bias[tag] = -NEVER
        return weight, bias
    present = np.unique(data.targets)
    bias[present] = 0
    if len(present) > 1:
        regression = LogisticRegression(C=C, max_iter=10_000).fit(data.arrays, data.targets)
        # Of two classes, scikit-learn gives weights to the second only.
        rows = present[-len(regression.coef_) :]
        weight[rows], bias[rows] = regression.coef_, regression.intercept_
    return weight, bias
