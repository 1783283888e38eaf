"""Several models on the same slices, combined into one.

The mean of their probabilities is the late fusion of Senac et al. 2017: judged by the mean probability of a track it
is their FUSION1, by majority vote their FUSION2. Stacking (Wolpert 1992, Stacked generalization) learns from
validation slices how far to trust which model in what.

Models are a mapping from a name, which errors speak of, to its predictions. What comes out is judged like the
predictions of one model.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genreflow.errors import Problems
from genreflow.evaluation.calibration import log_probability, shared_slices
from genreflow.evaluation.predictions import Predictions

Models = Mapping[str, Predictions]


def mean_fusion(models: Models) -> Predictions:
    """Return the mean of the models' probabilities on each slice.

    Raises
    ------
    Problems
        When models differ in their classes, their slices, or the label of a slice; all of it is told. The order of
        rows may differ; that of the first model is kept.
    """
    first, *_ = aligned = _aligned(models)
    return _like(first, np.mean([model.proba for model in aligned], axis=0))


def stacking(validation: Models, test: Models) -> Predictions:
    """Return what a logistic regression makes of the models' probabilities on test slices.

    It is fitted to the logarithms of all models' probabilities of validation slices, standardised (scikit-learn's L2
    penalty, C = 1). A class that no validation slice has gets probability 0.

    Raises
    ------
    Problems
        As of `mean_fusion`, on either side; when the two sides differ in their models or classes or share a slice; and
        when validation slices are of fewer than two classes.
    """
    if problems := list(_side_problems(validation, test)):
        raise Problems("The models cannot be stacked:", problems)
    fitted, judged = _aligned(validation), _aligned(test)
    if len(np.unique(fitted[0].label)) < 2:
        raise Problems("The models cannot be stacked:", ["validation slices are of fewer than two classes"])
    learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    learner.fit(_features(fitted), fitted[0].label)
    proba = np.zeros_like(judged[0].proba)
    if len(proba):
        proba[:, learner.classes_] = learner.predict_proba(_features(judged))
    return _like(judged[0], proba)


def _features(models: list[Predictions]) -> np.ndarray:
    return np.hstack([log_probability(model.proba) for model in models])


def _like(predictions: Predictions, proba: np.ndarray) -> Predictions:
    return Predictions(predictions.track_id, predictions.segment, predictions.label, proba, predictions.classes)


def _aligned(models: Models) -> list[Predictions]:
    """Return the models' predictions with their rows in the order of the first."""
    if not models:
        raise Problems("The models cannot be combined:", ["there are none"])
    if problems := list(_problems(models)):
        raise Problems("The models cannot be combined:", problems)
    first, *others = models.values()
    wanted = _slices(first)
    orders = [_slices(other).get_indexer(wanted) for other in others]
    return [first] + [
        Predictions(other.track_id[order], other.segment[order], other.label[order], other.proba[order], other.classes)
        for other, order in zip(others, orders, strict=True)
    ]


def _slices(predictions: Predictions) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([predictions.track_id, predictions.segment])


def _problems(models: Models) -> Iterable[str]:
    (name, first), *others = models.items()
    wanted, labels = _slices(first), pd.Series(first.label, _slices(first))
    for other, predictions in others:
        if predictions.classes != first.classes:
            yield f"the classes of {name} are {', '.join(first.classes)}, of {other} {', '.join(predictions.classes)}"
            continue
        theirs = pd.Series(predictions.label, _slices(predictions))
        for one, two, alone in (
            (name, other, wanted.difference(theirs.index)),
            (other, name, theirs.index.difference(wanted)),
        ):
            if len(alone):
                yield f"{len(alone)} slices are of {one} alone and not of {two}, the first being {_told(alone[0])}"
        shared = wanted.intersection(theirs.index)
        if (differs := labels[shared] != theirs[shared]).any():
            yield (
                f"{differs.sum()} slices have another label in {name} than in {other}, "
                f"the first being {_told(shared[differs][0])}"
            )


def _side_problems(validation: Models, test: Models) -> Iterable[str]:
    if list(validation) != list(test):
        yield f"validation has the models {', '.join(validation)}, test {', '.join(test)}"
    for name in [name for name in validation if name in test]:
        if validation[name].classes != test[name].classes:
            yield f"the classes of {name} differ between validation and test"
        if shared := shared_slices(validation[name], test[name]):
            yield f"validation and test of {name} have {shared}"


def _told(place: tuple[str, int]) -> str:
    return f"slice {place[1]} of track {place[0]}"
