"""Fusion: the predictions of several models combined into one, for single predictions and for whole runs.

The mean of probabilities is the late fusion of Senac et al. 2017: followed by the mean over a track it is their
FUSION1, followed by a majority vote their FUSION2. Stacking (Wolpert 1992, Stacked generalization) fits a logistic
regression to the models' probabilities of validation slices.

Models are a mapping from a name, for error messages, to predictions of classes or of tags. The result is evaluated
like the predictions of one model.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from genreflow.errors import Problems
from genreflow.evaluation.calibration import log_probability, shared_slices
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.runs import DIVERGED, AnyPredictions, P, Run, finished, judged, validated
from genreflow.evaluation.tags import TagPredictions
from genreflow.folds.roles import FINAL, TEST, VALIDATION
from genreflow.store.text import count


def mean_fusion(models: Mapping[str, P]) -> P:
    """Return the mean of the models' probabilities for each slice, in the row order of the first model.

    Raises
    ------
    Problems
        When models differ in their classes, their slices, or the label of a slice; it lists all differences.
    """
    first, *_ = aligned = _aligned(models)
    return replace(first, proba=np.mean([model.proba for model in aligned], axis=0))


def stacking(validation: Mapping[str, P], test: Mapping[str, P]) -> P:
    """Return the probabilities of test slices from a logistic regression on the models' probabilities.

    The regression (scikit-learn's, L2 penalty, C = 1) is fitted to the standardized log-probabilities of all models on
    validation slices. A class without validation slices gets probability 0. Each tag has a regression of its own, on
    the log-odds of that tag; a tag that all or no validation slices have gets the mean of the models.

    Raises
    ------
    Problems
        Like `mean_fusion`, for either side; also when the sides differ in their models or classes or share a slice, and
        when validation slices are of fewer than two classes.
    """
    if problems := list(_side_problems(validation, test)):
        raise Problems("The models cannot be stacked:", problems)
    fitted, tested = _aligned(validation), _aligned(test)
    stacked: Callable[[Any, Any], np.ndarray] = _stacked_classes
    if isinstance(tested[0], TagPredictions):
        stacked = _stacked_tags
    return replace(tested[0], proba=stacked(fitted, tested))


def fused_runs(runs: Sequence[Run], fusions: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Return a run for each fold of each fusion.

    Parameters
    ----------
    runs
        Trained runs, which include all members of the fusions in all folds.
    fusions
        ``model, setting, protocol, rule`` (``mean`` or ``stacking``) and ``members``, pairs of model and setting.

    Returns
    -------
    Runs without history and cost. A fused run has diverged if one of its members has.
    """
    trained = [run for run in runs if run["fold"] != FINAL]
    fused = []
    for fusion in fusions:
        names = [" ".join(member) for member in fusion["members"]]
        members = [[run for run in trained if f"{run['model']} {run['setting']}" == name] for name in names]
        fused += [_fused(fusion, dict(zip(names, group, strict=True))) for group in zip(*members, strict=True)]
    return fused


def _regression(features: np.ndarray, tested: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes that a logistic regression was fitted to, and its probabilities of the tested rows."""
    from sklearn.linear_model import LogisticRegression  # takes longer to load than all modules the Snakefile needs
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features, labels)
    if not len(tested):  # scikit-learn refuses to predict no rows
        return learner.classes_, np.empty((0, len(learner.classes_)))
    return learner.classes_, learner.predict_proba(tested)


def _stacked_classes(fitted: Sequence[Predictions], tested: Sequence[Predictions]) -> np.ndarray:
    """Return the stacked probabilities of each class, float64 [n, K]."""
    labels = fitted[0].label
    if len(np.unique(labels)) < 2:
        raise Problems("The models cannot be stacked:", ["validation slices are of fewer than two classes"])
    features, test = (np.hstack([log_probability(model.proba) for model in side]) for side in (fitted, tested))
    classes, probabilities = _regression(features, test, labels)
    proba = np.zeros_like(tested[0].proba)
    proba[:, classes] = probabilities
    return proba


def _stacked_tags(fitted: Sequence[TagPredictions], tested: Sequence[TagPredictions]) -> np.ndarray:
    """Return the stacked probabilities of each tag, float64 [n, K]."""
    proba = np.mean([model.proba for model in tested], axis=0)
    features, test = (np.stack([_log_odds(model.proba) for model in side]) for side in (fitted, tested))
    for tag, has in enumerate(fitted[0].tags.T):
        if has.any() and not has.all():
            _, probabilities = _regression(features[:, :, tag].T, test[:, :, tag].T, has)
            proba[:, tag] = probabilities[:, 1]
    return proba


def _log_odds(proba: np.ndarray) -> np.ndarray:
    return log_probability(proba) - log_probability(1 - proba)


def _aligned(models: Mapping[str, P]) -> list[P]:
    """Return the models' predictions with their rows in the order of the first model."""
    if not models:
        raise Problems("The models cannot be combined:", ["there are none"])
    if problems := list(_problems(models)):
        raise Problems("The models cannot be combined:", problems)
    rows = _slices(next(iter(models.values())))
    return [_reordered(part, _slices(part).get_indexer(rows)) for part in models.values()]


def _reordered(part: P, order: np.ndarray) -> P:
    truth = "tags" if isinstance(part, TagPredictions) else "label"
    return replace(part, **{name: getattr(part, name)[order] for name in ("track_id", "segment", truth, "proba")})


def _slices(predictions: AnyPredictions) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([predictions.track_id, predictions.segment])


def _truth(predictions: AnyPredictions) -> np.ndarray:
    return predictions.tags if isinstance(predictions, TagPredictions) else predictions.label[:, None]


def _problems(models: Mapping[str, AnyPredictions]) -> Iterator[str]:
    name = next(iter(models))
    first: AnyPredictions = models[name]
    slices = _slices(first)
    for other, predictions in list(models.items())[1:]:
        if predictions.classes != first.classes:
            yield f"the classes of {name} are {', '.join(first.classes)}, of {other} {', '.join(predictions.classes)}"
            continue
        other_slices = _slices(predictions)
        for one, two, missing in (
            (name, other, slices.difference(other_slices)),
            (other, name, other_slices.difference(slices)),
        ):
            if len(missing):
                yield f"{count(len(missing), 'slice')} of {one} missing in {two}, the first is {_slice(missing[0])}"
        order = other_slices.get_indexer(slices)
        is_shared = order >= 0
        differs = (_truth(first)[is_shared] != _truth(predictions)[order[is_shared]]).any(axis=1)
        if differs.any():
            yield (
                f"{count(int(differs.sum()), 'slice')} with another label in {name} than in {other}, "
                f"the first is {_slice(slices[is_shared][differs][0])}"
            )


def _side_problems(validation: Mapping[str, AnyPredictions], test: Mapping[str, AnyPredictions]) -> Iterable[str]:
    if list(validation) != list(test):
        yield f"validation has the models {', '.join(validation)}, test {', '.join(test)}"
    for name in [name for name in validation if name in test]:
        if validation[name].classes != test[name].classes:
            yield f"the classes of {name} differ between validation and test"
        if shared := shared_slices(validation[name], test[name]):
            yield f"validation and test of {name} have {shared}"


def _slice(key: tuple[str, int]) -> str:
    return f"slice {key[1]} of track {key[0]}"


def _fused(fusion: Mapping[str, Any], members: Mapping[str, Run]) -> Run:
    first = next(iter(members.values()))
    is_sound = all(finished(run) for run in members.values())
    info = {
        **first["info"],
        "status": first["info"]["status"] if is_sound else DIVERGED,
        "seconds": {"total": 0.0},
        "device": "",
        "kept_epoch": 0,
    }
    predictions = first["predictions"].iloc[:0]
    if is_sound:
        # Members have one protocol, so either all predict classes or all predict tags.
        test: dict[str, Any] = {name: judged(run) for name, run in members.items()}
        validation: dict[str, Any] = {name: validated(run) for name, run in members.items()}
        if fusion["rule"] == "stacking":
            predictions = _frame(stacking(validation, test), TEST)
        else:
            parts = [_frame(mean_fusion(test), TEST)]
            parts += [_frame(mean_fusion(validation), VALIDATION)] if len(next(iter(validation.values()))) else []
            predictions = pd.concat(parts, ignore_index=True)
    return Run(
        model=fusion["model"],
        setting=fusion["setting"],
        protocol=fusion["protocol"],
        fold=first["fold"],
        repeat=first["repeat"],
        round=first["round"],
        info=info,
        history=first["history"].iloc[:0],
        predictions=predictions,
    )


def _frame(part: AnyPredictions, role: str) -> pd.DataFrame:
    """Return predictions in the form in which they are stored."""
    names = np.asarray(part.classes, object)
    if isinstance(part, TagPredictions):
        truth: dict[str, Any] = {"tags": [list(names[has]) for has in part.tags]}
    else:
        truth = {"label": names[part.label]}
    frame = pd.DataFrame({"track_id": part.track_id, "slice": part.segment, **truth, "role": role})
    return frame.join(pd.DataFrame(part.proba, columns=[f"p{number}" for number in range(len(names))]))
