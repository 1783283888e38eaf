"""Support vector machines with a Gaussian kernel, one a class, whose decisions are made probabilities (Platt 1999)."""

from typing import Any, NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.svm import SVC

from genreflow.models.fitted import FitData, Fitted, distances

FOLDS = 5
# Makes the sigmoid 0 or 1 in single precision, for a class that no segment or every segment is of.
CERTAIN = 40.0

Split = tuple[np.ndarray, np.ndarray]


class SupportVectorMachine(Fitted):
    """Standardised descriptors [batch, n] to log-probabilities [batch, n_outputs].

    Machine k tells class k from all others. Its decision is the sum over the support vectors of a coefficient times
    exp(-gamma distance^2), plus the intercept; 1 / (1 + exp(slope x decision + offset)) makes a probability of that,
    and those of all classes are divided by their sum. Slope and offset are fitted to decisions on segments of groups
    that had no part in the machine.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], C: float, gamma: float) -> None:
        super().__init__(n_outputs=n_outputs, input_shape=input_shape)
        self._penalty, self._gamma = C, gamma
        self.register_sized_buffer("vectors", "vectors", self.n_inputs, dtype=torch.float32)
        self.register_sized_buffer("coefficients", "vectors", n_outputs)
        self.register_sized_buffer("intercepts", n_outputs)
        self.register_sized_buffer("slopes", n_outputs)
        self.register_sized_buffer("offsets", n_outputs)
        self.register_sized_buffer("gamma", 1)

    @property
    def title(self) -> str:
        """What is drawn."""
        return f"{self.n_outputs} machines, {len(self.vectors):,} support vectors"

    def fit_arrays(self, task: FitData) -> dict[str, Any]:
        """Fit and calibrate a machine a class."""
        arrays = task.arrays.astype(np.float64)
        gamma = self._gamma or 1 / (arrays.shape[1] * (arrays.var() or 1))
        splits = held_out(task.targets, task.groups, FOLDS)
        machines = Parallel(n_jobs=task.threads, prefer="threads")(
            delayed(_fit_one)(SVC(C=self._penalty, gamma=gamma), arrays, task.targets == label, splits)
            for label in range(self.n_outputs)
        )
        coefficients = np.stack([machine.coefficients for machine in machines], axis=1)
        is_used = coefficients.any(axis=1)
        is_used[0] = True  # at least one, where a single class needs none
        return {
            "vectors": task.arrays[is_used],
            "coefficients": coefficients[is_used],
            "intercepts": [machine.intercept for machine in machines],
            "slopes": [machine.slope for machine in machines],
            "offsets": [machine.offset for machine in machines],
            "gamma": [gamma],
        }

    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the calibrated decisions, divided by their sum."""
        kernels = ((-self.gamma * distance**2).exp() for distance in distances(inputs, self.vectors))
        decisions = torch.cat([kernel @ self.coefficients for kernel in kernels]) + self.intercepts
        chances = torch.sigmoid(-(self.slopes * decisions + self.offsets))
        return chances / chances.sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)


class _Machine(NamedTuple):
    coefficients: np.ndarray  # of all training segments, 0 where one is no support vector
    intercept: float = 0.0
    slope: float = 0.0
    offset: float = 0.0


def _fit_one(machine: SVC, arrays: np.ndarray, is_positive: np.ndarray, splits: list[Split]) -> _Machine:
    coefficients = np.zeros(len(arrays))
    if is_positive.all() or not is_positive.any():
        return _Machine(coefficients, offset=-CERTAIN if is_positive.all() else CERTAIN)
    if not all(0 < is_positive[kept].sum() < len(kept) for kept, _ in splits):
        # A class that one group alone is of: nothing of it can be held out, and the machine judges what it was fed.
        everything = np.arange(len(arrays))
        machine, splits = FrozenEstimator(machine.fit(arrays, is_positive)), [(everything, everything)]
    calibrated = CalibratedClassifierCV(machine, method="sigmoid", cv=splits, ensemble=False).fit(arrays, is_positive)
    [found] = calibrated.calibrated_classifiers_
    [sigmoid] = found.calibrators
    coefficients[found.estimator.support_] = found.estimator.dual_coef_[0]
    return _Machine(coefficients, found.estimator.intercept_[0], sigmoid.a_, sigmoid.b_)


def held_out(targets: np.ndarray, groups: np.ndarray, n: int) -> list[Split]:
    """Divide segments into n parts or, with fewer groups, into as many; return what is kept and held out of each.

    A group is never divided. The groups of a class are dealt out to the parts in turn, in the order of their names.
    """
    names, first, members = np.unique(groups, return_index=True, return_inverse=True)
    part = np.empty(len(names), int)
    part[np.argsort(targets[first], kind="stable")] = np.arange(len(names)) % n
    return [(np.flatnonzero(part[members] != i), np.flatnonzero(part[members] == i)) for i in range(min(n, len(names)))]
