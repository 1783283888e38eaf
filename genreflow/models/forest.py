"""Random forests (Breiman 2001), grown by scikit-learn and descended in torch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier

from genreflow.models.fitted import FitData, Fitted, outside


class RandomForest(Fitted):
    """Descriptors [batch, n] to log-probabilities [batch, n_outputs].

    The nodes of all trees lie one after another. A node compares one descriptor with its threshold and leads to the
    first child if it is not greater, else to the second; a leaf leads to itself. The probability of a class is its
    share of the training segments in the leaf, averaged over the trees.
    """

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], trees: int, depth: int) -> None:
        super().__init__(n_outputs=n_outputs, input_shape=input_shape)
        self.trees, self.depth = trees, depth
        self.register_sized_buffer("roots", trees, dtype=torch.int64)
        self.register_sized_buffer("descriptors", "nodes", dtype=torch.int64)
        self.register_sized_buffer("thresholds", "nodes", dtype=torch.float32)
        self.register_sized_buffer("following", "nodes", 2, dtype=torch.int64)
        self.register_sized_buffer("shares", "nodes", n_outputs, dtype=torch.float32)

    @property
    def title(self) -> str:
        """What is drawn."""
        return f"{self.trees:,} trees, depth ≤ {self.depth}, {len(self.thresholds):,} nodes"

    def fit_arrays(self, task: FitData) -> dict[str, Any]:
        """Grow the trees."""
        forest = RandomForestClassifier(
            n_estimators=self.trees, max_depth=self.depth, bootstrap=True, random_state=task.seed, n_jobs=task.threads
        ).fit(task.arrays, task.targets)
        trees = [estimator.tree_ for estimator in forest.estimators_]

        def of_all(attribute: str) -> np.ndarray:
            return np.concatenate([getattr(tree, attribute) for tree in trees])

        sizes = [tree.node_count for tree in trees]
        roots = np.cumsum([0, *sizes[:-1]])
        children = np.stack([of_all("children_left"), of_all("children_right")], axis=1)
        is_leaf = children[:, :1] < 0
        own = np.arange(len(children))[:, None]
        shares = np.zeros((len(children), self.n_outputs))
        shares[:, forest.classes_] = of_all("value")[:, 0]
        return {
            "roots": roots,
            "descriptors": np.where(is_leaf[:, 0], 0, of_all("feature")),
            "thresholds": rounded_down(of_all("threshold")),
            "following": np.where(is_leaf, own, children + np.repeat(roots, sizes)[:, None]),
            "shares": shares,
        }

    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Descend all trees with all segments, a level a step."""
        nodes = self.roots.expand(len(inputs), -1)
        for _ in range(self.depth):
            is_greater = inputs.gather(1, self.descriptors[nodes]) > self.thresholds[nodes]
            nodes = self.following[nodes, is_greater.long()]
        return self.shares[nodes].mean(dim=1)

    def problems(self) -> Iterator[str]:
        """Say what is no forest: what leads nowhere, or in circles, or deeper than the trees may be."""
        if outside(self.descriptors, self.n_inputs):
            yield f"a node compares a descriptor that is none of the {self.n_inputs}"
        if outside(self.roots, len(self.following)) or outside(self.following, len(self.following)):
            yield f"a node leads to none of the {len(self.following):,} nodes"
        elif self._is_deeper():
            yield f"a tree is deeper than {self.depth}"
        if not torch.allclose(self.shares.sum(dim=1), torch.tensor(1.0), atol=1e-4) or self.shares.min() < 0:
            yield "a node's shares of the classes do not add up to 1"

    def _is_deeper(self) -> bool:
        level = self.roots
        own = torch.arange(len(self.following), device=level.device)
        for _ in range(self.depth + 1):
            level = level[(self.following[level] != own[level, None]).any(dim=1)]
            if not len(level):
                return False
            level = self.following[level].unique()
        return True


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Return the greatest single-precision numbers that are not above `thresholds` (float64).

    Such a number is above the result exactly if it is above the threshold itself.
    """
    nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)
