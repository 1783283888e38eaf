"""Calibration of class probabilities: reliability, and temperature scaling.

All functions take items: `proba` float64 [n, K] with rows that sum to 1, and `label` int [n], of slices or of the mean
probabilities of tracks. *Confidence* is the largest probability of an item. The calibration error and temperature
scaling are those of Guo et al. 2017, On calibration of modern neural networks; the score is that of Brier 1950.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from genreflow.errors import Problems
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.tags import TagPredictions
from genreflow.store.text import count

BINS = 15
RELIABILITY = ("bin", "low", "high", "count", "confidence", "accuracy")

# Stored probabilities of 0 are raised to this before logarithms are taken; no model is that certain.
FLOOR = 1e-12

TEMPERATURES = (0.01, 100.0)
"""The least and the highest temperature that is fitted."""


def reliability_table(proba: np.ndarray, label: np.ndarray, *, bins: int = BINS) -> pd.DataFrame:
    """Return the accuracy of items of similar confidence, `RELIABILITY`, a row per bin.

    Bins have equal widths and include their upper edge. `confidence` and `accuracy` are means over the items of a bin;
    NaN for an empty bin.
    """
    confidence = proba.max(axis=1)
    edges = np.arange(bins + 1) / bins
    number = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    size = np.bincount(number, minlength=bins)
    sums = [
        np.bincount(number, weights=values, minlength=bins) for values in (confidence, proba.argmax(axis=1) == label)
    ]
    means = np.divide(sums, size, out=np.full((2, bins), np.nan), where=size > 0)
    columns = (np.arange(bins), edges[:-1], edges[1:], size, *means)
    return pd.DataFrame(dict(zip(RELIABILITY, columns, strict=True)))


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a `reliability_table`: the mean gap of bins, weighted by their items.

    It depends on the bins, and exceeds 0 on few items even if a model is perfectly calibrated.
    """
    total = table["count"].sum()
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["count"]).sum() / total) if total else np.nan


def brier_score(proba: np.ndarray, label: np.ndarray) -> float:
    """Return the mean squared distance between probabilities and truth, summed over classes: 0 (best) to 2."""
    distances = ((proba - np.eye(proba.shape[1])[label]) ** 2).sum(axis=1)
    return float(distances.mean()) if len(label) else np.nan


def log_loss(proba: np.ndarray, label: np.ndarray) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats."""
    return float(-log_probability(proba)[np.arange(len(label)), label].mean()) if len(label) else np.nan


def log_probability(proba: np.ndarray) -> np.ndarray:
    """Return natural logarithms; probabilities below `FLOOR` count as `FLOOR`."""
    return np.log(np.maximum(proba, FLOOR))


def fit_temperature(proba: np.ndarray, label: np.ndarray) -> float:
    """Return the temperature with the smallest log loss; above 1 if the model is overconfident.

    Logarithms of probabilities replace logits: they differ by a constant per item, which cancels in the softmax. The
    loss is convex in 1 / T, so its minimum is unique; it is searched from 0.01 to 100.

    Raises
    ------
    Problems
        When there are no items.
    """
    from scipy.optimize import minimize_scalar  # takes longer to load than all modules that the Snakefile needs

    if not len(label):
        raise Problems("No temperature can be fitted:", ["there are no validation predictions"])
    logits, rows = log_probability(proba), np.arange(len(label))
    minimum = minimize_scalar(
        lambda log_t: -_log_softmax(logits * np.exp(-log_t))[rows, label].mean(),
        bounds=np.log(TEMPERATURES),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(minimum.x))


def apply_temperature(proba: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities at another temperature, float64 [n, K]; the ranking of classes stays."""
    return np.exp(_log_softmax(log_probability(proba) / temperature))


def recalibrated(predictions: Predictions, temperature: float) -> Predictions:
    """Return predictions at another temperature."""
    return replace(predictions, proba=apply_temperature(predictions.proba, temperature))


def evaluate(predictions: Predictions, validation: Predictions | None = None) -> dict[str, float]:
    """Return the calibration of slices, as predicted and at the temperature fitted to validation slices.

    Returns
    -------
    ``slice_log_loss, slice_brier, slice_ece`` and, with `validation`, ``temperature`` and the three again with the
    suffix ``_scaled``.

    Raises
    ------
    Problems
        When a slice is in both: the temperature would be fitted to the slices that evaluate it.
    """
    scores = _scores(predictions)
    if validation is None:
        return scores
    if shared := shared_slices(predictions, validation):
        raise Problems("The temperature must not be fitted to the slices that evaluate it:", [f"both have {shared}"])
    temperature = fit_temperature(validation.proba, validation.label)
    scaled = _scores(recalibrated(predictions, temperature))
    return scores | {"temperature": temperature} | {f"{name}_scaled": value for name, value in scaled.items()}


def shared_slices(one: Predictions | TagPredictions, other: Predictions | TagPredictions) -> str:
    """Return how many slices are in both, and the first of them, in words; an empty string if there are none."""
    pairs = [pd.MultiIndex.from_arrays([part.track_id, part.segment]) for part in (one, other)]
    shared = pairs[0].intersection(pairs[1])
    if not len(shared):
        return ""
    track, number = shared.min()
    return f"{count(len(shared), 'slice')} in common, the first is slice {number} of track {track}"


def _scores(predictions: Predictions) -> dict[str, float]:
    proba, label = predictions.proba, predictions.label
    return {
        "slice_log_loss": log_loss(proba, label),
        "slice_brier": brier_score(proba, label),
        "slice_ece": calibration_error(reliability_table(proba, label)),
    }


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    from scipy.special import log_softmax  # loaded late like scipy.optimize

    return log_softmax(logits, axis=1)
