"""Classifiers of descriptors that are named in the literature: estimators, and a small network.

The literature names them without settings; the defaults here are the usual ones, or chosen by inner folds.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.svm import SVC
from torch import nn
from torch.nn import functional

from genreflow.models.entry import Count, ModelEntry, Number, OrAuto, dropout
from genreflow.models.estimator import Estimator, FitData, distances, has_invalid
from genreflow.models.inner_folds import Split, best, held_out, thinned

_DESCRIPTORS = {
    "front_end": {"kind": "descriptors", "set": "means25"},
    "segments": {"kind": "random_offset", "seconds": 30.0},
    "standardize": "element",
}
_NAMED = "Named in Neacșu-Miclea (2023), literature review, without settings"
_UNWEIGHTED = "no class weights"


_entry = partial(ModelEntry, study="classical", module=__name__, input=_DESCRIPTORS, variable_axes={0: 1}, n_outputs=8)

ENTRIES = (
    _entry(
        name="knn",
        binding=("standardize",),
        title="nearest neighbors among the training segments",
        builder="NearestNeighbors",
        options={"neighbors": Count(15, 1, 10_000, "Training segments that vote; all where there are fewer.")},
        is_estimator=True,
        source=_NAMED,
        assumptions=("15 neighbors, votes of equal weight, Euclidean distance",),
    ),
    _entry(
        name="random_forest",
        title="random forest",
        builder="RandomForest",
        options={
            "trees": Count(100, 1, 10_000, "Number of trees."),
            "depth": OrAuto(Count(26, 1, 100, "Maximum depth of a tree; auto: 6, 12 or 26, by inner folds.")),
        },
        is_estimator=True,
        source="Giamatti and Smith (2020), appendix 4.2: 100 trees of depth 26 at most, bootstrap",
        assumptions=(
            "depth: the study's is 26; auto takes the one with the least cross-entropy of held-out tracks in five "
            "inner folds of the training tracks",
            "otherwise scikit-learn's defaults: Gini impurity, √n of n descriptors tried at each node",
            _UNWEIGHTED,
        ),
    ),
    _entry(
        name="svm",
        binding=("standardize",),
        title="support vector machines with a Gaussian kernel, one per class",
        builder="SupportVectorMachine",
        options={
            "C": OrAuto(Number(10.0, 1e-3, 1e6, "Weight of errors against the width of the margin.")),
            "gamma": OrAuto(
                Number(
                    0.0, 0, 1e3, "Of the kernel exp(-gamma distance²); 0: 1 / (number of descriptors × their variance)."
                )
            ),
        },
        is_estimator=True,
        source=_NAMED,
        assumptions=(
            "one against the rest",
            "auto: C 1, 10 or 100, and gamma 0.1, 0.3, 1 or 3 times scikit-learn's `scale`; those with the "
            "least cross-entropy of held-out tracks in up to five inner folds of the training tracks",
            "probabilities by Platt's sigmoid, on five parts that keep a track together; a class of a single track is "
            "calibrated on the training segments",
            _UNWEIGHTED,
        ),
    ),
    _entry(
        name="logistic_regression",
        binding=("standardize",),
        title="multinomial logistic regression",
        module="genreflow.models.probe",
        builder="MultinomialRegression",
        options={"C": Number(1.0, 1e-6, 1e6, "Inverse of the weight of the squared weights (L2).")},
        is_estimator=True,
        source=_NAMED,
        assumptions=("L2 regularization with C 1, one softmax over all classes", _UNWEIGHTED),
    ),
    _entry(
        name="ann",
        binding=("standardize",),
        title="two hidden layers of 256 and 128 on descriptors",
        builder="MultilayerPerceptron",
        options={"dropout": dropout(0.2, "Share of units dropped after each hidden layer.")},
        parameters=(25 + 1) * 256 + (256 + 1) * 128 + (128 + 1) * 8,
        source=_NAMED,
        assumptions=("256 and 128 units, ReLU, dropout 0.2",),
    ),
)

# Logit whose softmax is 0 in single precision, for a class without segments.
NEVER = -1_000.0
# Offset that makes a sigmoid 0 or 1 in single precision, for a class that no segment or every segment belongs to.
CERTAIN = 40.0
CALIBRATION_FOLDS = 5

# Values that inner folds choose from. Gammas are in units of scikit-learn's `scale`.
DEPTHS = (6, 12, 26)
PENALTIES = (1.0, 10.0, 100.0)
GAMMAS = (0.1, 0.3, 1.0, 3.0)
SLOPES = (1.0, 2.0, 4.0, 8.0)
# Segments, at most, by which they are chosen; and trees.
MAX_TUNED = 2_000
TUNED_TREES = 30


class NearestNeighbors(Estimator):
    """Standardized descriptors [batch, n] to log-probabilities [batch, n_outputs].

    The probability of a class is its share among the nearest training segments. Of equally distant segments the first
    in the training set are taken.
    """

    segments: torch.Tensor
    classes: torch.Tensor

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], neighbors: int) -> None:
        super().__init__(n_outputs, input_shape)
        self.neighbors = neighbors
        self.register_sized_buffer("segments", "segments", self.n_inputs, dtype=torch.float32)
        self.register_sized_buffer("classes", "segments", dtype=torch.int64)

    @property
    def title(self) -> str:
        """Title in figures and tables."""
        return f"{self.neighbors} nearest of {len(self.segments):,} segments"

    def fit_arrays(self, data: FitData) -> dict[str, Any]:
        """Return all segments and their classes."""
        return {"segments": data.arrays, "classes": data.targets}

    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the shares of the classes among the neighbors."""
        classes = functional.one_hot(self.classes, self.n_outputs).double()
        k = min(self.neighbors, len(self.segments))
        votes = [self._nearest(distance, k).double() @ classes for distance in distances(inputs, self.segments)]
        return torch.cat(votes) / k

    @staticmethod
    def _nearest(distance: torch.Tensor, k: int) -> torch.Tensor:
        """Return whether each of [batch, n] is among the k nearest, bool [batch, n]."""
        last = distance.kthvalue(k, dim=1, keepdim=True).values
        is_nearer, is_last = distance < last, distance == last
        missing = k - is_nearer.sum(dim=1, keepdim=True)
        return is_nearer | (is_last & (is_last.cumsum(dim=1) <= missing))

    def problems(self) -> Iterator[str]:
        """Yield whether a segment has an unknown class."""
        if has_invalid(self.classes, self.n_outputs):
            yield f"a segment is of none of the {self.n_outputs} classes"


class RandomForest(Estimator):
    """Descriptors [batch, n] to log-probabilities [batch, n_outputs] (Breiman 2001), grown by scikit-learn.

    The nodes of all trees are concatenated. A node compares one descriptor with its threshold and leads to the first
    child if it is not greater, else to the second; a leaf leads to itself. The probability of a class is its share of
    the training segments in the leaf, averaged over the trees.
    """

    roots: torch.Tensor
    descriptors: torch.Tensor
    thresholds: torch.Tensor
    following: torch.Tensor
    shares: torch.Tensor

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], trees: int, depth: int | str) -> None:
        super().__init__(n_outputs, input_shape)
        self._depth = depth
        self.trees, self.depth = trees, max(DEPTHS) if isinstance(depth, str) else depth
        self.register_sized_buffer("roots", trees, dtype=torch.int64)
        self.register_sized_buffer("descriptors", "nodes", dtype=torch.int64)
        self.register_sized_buffer("thresholds", "nodes", dtype=torch.float32)
        self.register_sized_buffer("following", "nodes", 2, dtype=torch.int64)
        self.register_sized_buffer("shares", "nodes", n_outputs, dtype=torch.float32)

    @property
    def title(self) -> str:
        """Title in figures and tables."""
        return f"{self.trees:,} trees, depth ≤ {self.depth}, {len(self.thresholds):,} nodes"

    def fit_arrays(self, data: FitData) -> dict[str, Any]:
        """Choose their depth, grow the trees, and return their nodes."""
        if isinstance(self._depth, str):
            self.chosen = {"depth": best(DEPTHS, thinned(data, MAX_TUNED), self._predicted, usual=max(DEPTHS))}
        forest = _forest(data, self.trees, self.chosen.get("depth", self.depth))
        trees = [estimator.tree_ for estimator in forest.estimators_]

        def concatenated(attribute: str) -> np.ndarray:
            return np.concatenate([getattr(tree, attribute) for tree in trees])

        sizes = [tree.node_count for tree in trees]
        roots = np.cumsum([0, *sizes[:-1]])
        children = np.stack([concatenated("children_left"), concatenated("children_right")], axis=1)
        is_leaf = children[:, :1] < 0
        own = np.arange(len(children))[:, None]
        shares = np.zeros((len(children), self.n_outputs))
        shares[:, forest.classes_] = concatenated("value")[:, 0]
        return {
            "roots": roots,
            "descriptors": np.where(is_leaf[:, 0], 0, concatenated("feature")),
            "thresholds": rounded_down(concatenated("threshold")),
            "following": np.where(is_leaf, own, children + np.repeat(roots, sizes)[:, None]),
            "shares": shares,
        }

    def _predicted(self, data: FitData, segments: np.ndarray) -> Iterator[np.ndarray]:
        for depth in DEPTHS:
            forest = _forest(data, min(self.trees, TUNED_TREES), depth)
            predicted = np.zeros((len(segments), self.n_outputs))
            predicted[:, forest.classes_] = forest.predict_proba(segments)
            yield predicted

    def probabilities(self, inputs: torch.Tensor) -> torch.Tensor:
        """Descend all trees with all segments, one level per step."""
        nodes = self.roots.expand(len(inputs), -1)
        for _ in range(self.depth):
            is_greater = inputs.gather(1, self.descriptors[nodes]) > self.thresholds[nodes]
            nodes = self.following[nodes, is_greater.long()]
        return self.shares[nodes].mean(dim=1)

    def problems(self) -> Iterator[str]:
        """Yield the reasons why the nodes are no forest: invalid links, cycles, too deep trees."""
        if has_invalid(self.descriptors, self.n_inputs):
            yield f"a node compares a descriptor that is none of the {self.n_inputs}"
        if has_invalid(self.roots, len(self.following)) or has_invalid(self.following, len(self.following)):
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


def _forest(data: FitData, trees: int, depth: float) -> RandomForestClassifier:
    return RandomForestClassifier(
        n_estimators=trees, max_depth=int(depth), bootstrap=True, random_state=data.seed, n_jobs=data.threads
    ).fit(data.arrays, data.targets)


def rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Return the greatest float32 numbers that are not above `thresholds` (float64).

    A float32 number is above the result if and only if it is above the threshold itself.
    """
    nearest = thresholds.astype(np.float32)
    return np.where(nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest)


class SupportVectorMachine(Estimator):
    """Standardized descriptors [batch, n] to log-probabilities [batch, n_outputs].

    Machine k separates class k from all others. Its decision is the sum over the support vectors of a coefficient times
    exp(-gamma distance^2), plus the intercept. 1 / (1 + exp(slope x decision + offset)) makes it a probability (Platt
    1999), and those of all classes are divided by their sum. Slope and offset are fitted to decisions on segments of
    groups that the machine was not fitted to.
    """

    vectors: torch.Tensor
    coefficients: torch.Tensor
    intercepts: torch.Tensor
    slopes: torch.Tensor
    offsets: torch.Tensor
    gamma: torch.Tensor

    def __init__(self, *, n_outputs: int, input_shape: tuple[int], C: float | str, gamma: float | str) -> None:
        super().__init__(n_outputs, input_shape)
        self._penalty, self._gamma = C, gamma
        self.register_sized_buffer("vectors", "vectors", self.n_inputs, dtype=torch.float32)
        self.register_sized_buffer("coefficients", "vectors", n_outputs)
        self.register_sized_buffer("intercepts", n_outputs)
        self.register_sized_buffer("slopes", n_outputs)
        self.register_sized_buffer("offsets", n_outputs)
        self.register_sized_buffer("gamma", 1)

    @property
    def title(self) -> str:
        """Title in figures and tables."""
        return f"{self.n_outputs} machines, {len(self.vectors):,} support vectors"

    def fit_arrays(self, data: FitData) -> dict[str, Any]:
        """Choose C and gamma, and fit and calibrate a machine for each class."""
        arrays = data.arrays.astype(np.float64)
        scale = 1 / (arrays.shape[1] * (arrays.var() or 1))
        penalties = PENALTIES if isinstance(self._penalty, str) else (self._penalty,)
        gammas = tuple(factor * scale for factor in GAMMAS)
        if not isinstance(self._gamma, str):
            gammas = (self._gamma or scale,)
        is_auto = {"C": len(penalties) > 1, "gamma": len(gammas) > 1}
        penalty, gamma = penalties[len(penalties) // 2], gammas[len(gammas) // 2]
        if any(is_auto.values()):
            predict = partial(_predicted_by_machines, penalties=penalties, gammas=gammas, n_outputs=self.n_outputs)
            candidates = list(product(gammas, penalties, SLOPES))
            usual = (gamma, penalty, SLOPES[0])
            gamma, penalty, _ = best(candidates, thinned(data, MAX_TUNED), predict, usual=usual)
        settled = {"C": float(penalty), "gamma": float(gamma)}
        self.chosen = {name: value for name, value in settled.items() if is_auto[name]}
        splits = held_out(data.targets, data.groups, CALIBRATION_FOLDS)
        machines = Parallel(n_jobs=data.threads, prefer="threads")(
            delayed(_fit_one)(SVC(C=penalty, gamma=gamma), arrays, data.targets == label, splits)
            for label in range(self.n_outputs)
        )
        coefficients = np.stack([machine.coefficients for machine in machines], axis=1)
        is_used = np.asarray(coefficients.any(axis=1))
        is_used[0] = True  # a single class has no support vectors, and buffers are never empty
        return {
            "vectors": data.arrays[is_used],
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
        scores = torch.sigmoid(-(self.slopes * decisions + self.offsets))
        return scores / scores.sum(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)


def _predicted_by_machines(
    data: FitData, segments: np.ndarray, *, penalties: Sequence[float], gammas: Sequence[float], n_outputs: int
) -> Iterator[np.ndarray]:
    """Yield the probabilities of held-out segments for each gamma, C and slope.

    The softmax of the decisions, times a slope, takes the place of Platt's sigmoids, for which many more machines would
    have to be fitted.
    """
    arrays, others = data.arrays.astype(np.float64), segments.astype(np.float64)
    own, between = (euclidean_distances(each, arrays, squared=True) for each in (arrays, others))
    for gamma in gammas:
        kernel, rows = np.exp(-gamma * own), np.exp(-gamma * between)
        for C in penalties:
            decisions = np.full((len(segments), n_outputs), -CERTAIN)
            for label in np.unique(data.targets):
                is_positive = data.targets == label
                if is_positive.all():
                    decisions[:, label] = 0
                else:
                    machine = SVC(C=C, kernel="precomputed").fit(kernel, is_positive)
                    decisions[:, label] = machine.decision_function(rows)
            for slope in SLOPES:
                yield softmax(slope * decisions, axis=1)


class _Machine(NamedTuple):
    coefficients: np.ndarray  # of all training segments, 0 unless a support vector
    intercept: float = 0.0
    slope: float = 0.0
    offset: float = 0.0


def _fit_one(machine: SVC, arrays: np.ndarray, is_positive: np.ndarray, splits: list[Split]) -> _Machine:
    coefficients = np.zeros(len(arrays))
    if is_positive.all() or not is_positive.any():
        return _Machine(coefficients, offset=-CERTAIN if is_positive.all() else CERTAIN)
    if not all(0 < is_positive[kept].sum() < len(kept) for kept, _ in splits):
        # The class has a single group, which cannot be held out: the machine is calibrated on its training segments.
        everything = np.arange(len(arrays))
        machine, splits = FrozenEstimator(machine.fit(arrays, is_positive)), [(everything, everything)]
    calibrated = CalibratedClassifierCV(machine, method="sigmoid", cv=splits, ensemble=False).fit(arrays, is_positive)
    [classifier] = calibrated.calibrated_classifiers_
    [sigmoid] = classifier.calibrators
    coefficients[classifier.estimator.support_] = classifier.estimator.dual_coef_[0]
    return _Machine(coefficients, classifier.estimator.intercept_[0], sigmoid.a_, sigmoid.b_)


class MultilayerPerceptron(nn.Sequential):
    """Standardized descriptors [batch, n] to logits [batch, n_outputs]: dense 256, 128, K; ReLU and dropout between."""

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
