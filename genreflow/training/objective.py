"""Training objectives: loss and accuracy for one of several classes, or for any number of tags."""

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional


class SingleLabel:
    """One class per slice, int64 [n]: cross-entropy, and the share of correct slices."""

    tags = False

    def __init__(self, n_outputs: int) -> None:
        self._n_outputs = n_outputs

    def targets(self, stored: torch.Tensor) -> torch.Tensor:
        """Return one-hot targets, float32 [n, K], which can be mixed."""
        return functional.one_hot(stored, self._n_outputs).float()

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy of float32 logits."""
        return functional.cross_entropy(logits, targets)

    def hits(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the number of slices whose likeliest class is theirs."""
        return (logits.argmax(dim=1) == targets.argmax(dim=1)).sum()

    def loss_of(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean cross-entropy of predictions."""
        return _mean_negative_log(probabilities[np.arange(len(targets)), targets])

    def accuracy(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the share of slices whose likeliest class is theirs."""
        return float((probabilities.argmax(axis=1) == targets).mean())


class MultiLabel:
    """Any number of tags per slice, bool [n, K]: binary cross-entropy, and the mean area under the ROC curve."""

    tags = True

    def targets(self, stored: torch.Tensor) -> torch.Tensor:
        """Return the tags as numbers, float32 [n, K], which can be mixed."""
        return stored.float()

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean binary cross-entropy of float32 logits, over slices and tags."""
        return functional.binary_cross_entropy_with_logits(logits, targets)

    def hits(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the share of tags on the right side of 1/2, summed over slices."""
        return ((logits > 0) == (targets > 0.5)).float().mean(dim=1).sum()

    def loss_of(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean binary cross-entropy of predictions."""
        return _mean_negative_log(np.where(targets, probabilities, 1 - probabilities))

    def accuracy(self, probabilities: np.ndarray, targets: np.ndarray) -> float:
        """Return the mean ROC AUC over the tags that some slices have and some lack; 0.5 if there are none."""
        mixed = targets.any(axis=0) & ~targets.all(axis=0)
        if not mixed.any():
            return 0.5
        return float(roc_auc_score(targets[:, mixed], probabilities[:, mixed], average="macro"))


def objective(targets: np.ndarray, n_outputs: int) -> SingleLabel | MultiLabel:
    """Return the objective for targets int64 [n], classes, or bool [n, K], tags."""
    return SingleLabel(n_outputs) if targets.ndim == 1 else MultiLabel()


def _mean_negative_log(probabilities: np.ndarray) -> float:
    return float(-np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny)).mean())
