"""Training objectives: one of several classes, or any number of tags."""

from typing import Protocol

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional


class Objective(Protocol):
    """Loss and accuracy of logits."""

    tags: bool

    def targets(self, stored: torch.Tensor) -> torch.Tensor:
        """Return the targets as probabilities, float32 [n, K], which can be mixed."""

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of float32 logits."""

    def hits(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the number of correct slices; of tags, the sum over slices of the share that is correct."""

    def loss_of(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean loss of predictions."""

    def accuracy(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the accuracy of predictions, 0 to 1."""


class SingleLabel:
    """One class per slice, int64 [n]: cross-entropy, and the share of correct slices."""

    tags = False

    def __init__(self, n_outputs: int) -> None:
        self._n_outputs = n_outputs

    def targets(self, stored: torch.Tensor) -> torch.Tensor:
        """Return one-hot targets."""
        return functional.one_hot(stored, self._n_outputs).float()

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy."""
        return functional.cross_entropy(logits, targets)

    def hits(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the number of slices whose likeliest class is theirs."""
        return (logits.argmax(dim=1) == targets.argmax(dim=1)).sum()

    def loss_of(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the cross-entropy."""
        return float(-np.log(_positive(probabilities[np.arange(len(targets)), targets])).mean())

    def accuracy(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the share of slices whose likeliest class is theirs."""
        return float((probabilities.argmax(axis=1) == targets).mean())


class MultiLabel:
    """Any number of tags per slice, bool [n, K]: binary cross-entropy, and the mean area under the ROC curve."""

    tags = True

    def targets(self, stored: torch.Tensor) -> torch.Tensor:
        """Return the tags as numbers."""
        return stored.float()

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean binary cross-entropy over slices and tags."""
        return functional.binary_cross_entropy_with_logits(logits, targets)

    def hits(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the share of tags on the right side of 1/2, summed over slices."""
        return ((logits > 0) == (targets > 0.5)).float().mean(dim=1).sum()

    def loss_of(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the binary cross-entropy."""
        return float(-np.log(_positive(np.where(targets, probabilities, 1 - probabilities))).mean())

    def accuracy(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean ROC AUC over the tags that some slices have and some lack; 0.5 if there are none."""
        mixed = targets.any(axis=0) & ~targets.all(axis=0)
        if not mixed.any():
            return 0.5
        return float(roc_auc_score(targets[:, mixed], probabilities[:, mixed], average="macro"))


def objective(targets: np.ndarray, n_outputs: int) -> Objective:
    """Return the objective for targets int64 [n], classes, or bool [n, K], tags."""
    return SingleLabel(n_outputs) if targets.ndim == 1 else MultiLabel()


def _positive(probabilities: np.ndarray) -> np.ndarray:
    return np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny)
