"""Classifiers that are fitted at once, on numbers that sum up a segment, and the small network beside them."""

from typing import Any

from genreflow.models.entry import Count, ModelEntry, Number, dropout

_NUMBERS = {
    "front_end": {"kind": "descriptors", "set": "means25"},
    "segments": {"kind": "random_offset", "seconds": 30.0},
    "standardise": "element",
}
_NAMED = "Named in Neacșu-Miclea (2023), literature review, without settings"
_ALIKE = "segments weigh alike, however many a class has"


def _entry(**facts: Any) -> ModelEntry:
    """Return the entry of a model of any number of standardised descriptors."""
    usual = {
        "study": "classical",
        "input": _NUMBERS,
        "variable_axes": {0: 1},
        "binding": ("standardise",),
        "n_outputs": 8,
    }
    return ModelEntry(**usual | facts)


ENTRIES = (
    _entry(
        name="knn",
        title="nearest neighbours among the training segments",
        module="genreflow.models.classical",
        builder="NearestNeighbours",
        options={"neighbours": Count(15, 1, 10_000, "Training segments that vote; all where there are fewer.")},
        is_estimator=True,
        source=_NAMED,
        assumptions=("15 neighbours, votes of equal weight, Euclidean distance",),
    ),
    _entry(
        name="random_forest",
        title="random forest",
        module="genreflow.models.forest",
        builder="RandomForest",
        binding=(),
        options={
            "trees": Count(100, 1, 10_000, "Trees."),
            "depth": Count(26, 1, 100, "Most decisions one after another."),
        },
        is_estimator=True,
        source="Giamatti and Smith (2020), appendix 4.2: 100 trees of depth 26 at most, bootstrap",
        assumptions=("all else as in scikit-learn: Gini impurity, square root of the descriptors tried a node", _ALIKE),
    ),
    _entry(
        name="svm",
        title="support vector machines with a Gaussian kernel, one a class",
        module="genreflow.models.svm",
        builder="SupportVectorMachine",
        options={
            "C": Number(10.0, 1e-3, 1e6, "Weight of errors against the width of the margin."),
            "gamma": Number(
                0.0, 0, 1e3, "Of the kernel exp(-gamma distance²); 0 for 1 / (descriptors × their variance)."
            ),
        },
        is_estimator=True,
        source=_NAMED,
        assumptions=(
            "one against the rest, C 10, gamma of scikit-learn's `scale`",
            "probabilities by Platt's sigmoid, on five parts that keep a track together; a class of a single track is "
            "calibrated on the training segments",
            _ALIKE,
        ),
    ),
    _entry(
        name="logistic_regression",
        title="multinomial logistic regression",
        module="genreflow.models.classical",
        builder="MultinomialRegression",
        options={"C": Number(1.0, 1e-6, 1e6, "Inverse of the weight of the squared weights (L2).")},
        is_estimator=True,
        source=_NAMED,
        assumptions=("L2 regularisation with C 1, one softmax over all classes", _ALIKE),
    ),
    _entry(
        name="ann",
        title="two hidden layers of 256 and 128 on descriptors",
        module="genreflow.models.classical",
        builder="MultilayerPerceptron",
        options={"dropout": dropout(0.2, "Share of units dropped after each hidden layer.")},
        parameters=(25 + 1) * 256 + (256 + 1) * 128 + (128 + 1) * 8,
        source=_NAMED,
        assumptions=("256 and 128 units, ReLU, dropout 0.2",),
    ),
)
