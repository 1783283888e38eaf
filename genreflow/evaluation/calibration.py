"""Whether a model is right as often as it is sure, and one number that puts it right.

All is of single items: `proba` float64 [n, K], rows summing to 1, and `label` int [n] of slices, or the mean
probabilities of tracks. *Confidence* is the largest probability of an item. Guo et al. 2017, On calibration of modern
neural networks, has the calibration error and temperature scaling; Brier 1950 the score.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from genreflow.errors import Problems
from genreflow.evaluation.predictions import Predictions

BINS = 15
RELIABILITY = ("bin", "low", "high", "count", "confidence", "accuracy")

# What a stored probability of 0 is taken for: no model is that sure.
FLOOR = 1e-12

_TEMPERATURES = (0.01, 100.0)


def reliability_table(proba: np.ndarray, label: np.ndarray, *, bins: int = BINS) -> pd.DataFrame:
    """Return how often items of like confidence are right: `RELIABILITY`, a row a bin.

    Bins are equally wide, from above `low` up to and with `high`. `confidence` is the mean one of the items in a bin,
    `accuracy` their share that is right; NaN where a bin has none.
    """
    confidence = proba.max(axis=1)
    edges = np.arange(bins + 1) / bins
    number = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    sums = [
        np.bincount(number, weights=values, minlength=bins) for values in (confidence, proba.argmax(axis=1) == label)
    ]
    means = np.divide(sums, count, out=np.full((2, bins), np.nan), where=count > 0)
    columns = (np.arange(bins), edges[:-1], edges[1:], count, *means)
    return pd.DataFrame(dict(zip(RELIABILITY, columns, strict=True)))


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a `reliability_table`: the mean gap of its items' bins.

    It depends on the bins, and is above 0 for few items even if a model is perfectly calibrated.
    """
    count = table["count"].sum()
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["count"]).sum() / count) if count else np.nan


def brier_score(proba: np.ndarray, label: np.ndarray) -> float:
    """Return the mean squared distance between probabilities and truth, summed over classes: 0 (best) .. 2."""
    distances = ((proba - np.eye(proba.shape[1])[label]) ** 2).sum(axis=1)
    return float(distances.mean()) if len(label) else np.nan


def log_loss(proba: np.ndarray, label: np.ndarray) -> float:
    """Return the mean negative log-likelihood of the true classes, in nats."""
    return float(-log_probability(proba)[np.arange(len(label)), label].mean()) if len(label) else np.nan


def log_probability(proba: np.ndarray) -> np.ndarray:
    """Return natural logarithms, those of probabilities below `FLOOR` being that of `FLOOR`."""
    return np.log(np.maximum(proba, FLOOR))


def fit_temperature(proba: np.ndarray, label: np.ndarray) -> float:
    """Return the temperature that makes the log loss least; above 1 means that the model is too sure.

    Logarithms of probabilities serve as logits: they differ by a constant an item, which softmax takes away. The loss
    is convex in 1 / T, so the minimum is the only one; it is looked for from 0.01 to 100.

    Raises
    ------
    Problems
        When there are no items to fit it to.
    """
    if not len(label):
        raise Problems("No temperature can be fitted:", ["there are no validation predictions"])
    logits, rows = log_probability(proba), np.arange(len(label))
    found = minimize_scalar(
        lambda log_t: -log_softmax(logits * np.exp(-log_t), axis=1)[rows, label].mean(),
        bounds=np.log(_TEMPERATURES),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def apply_temperature(proba: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities at another temperature, float64 [n, K]; which class is the largest stays."""
    return np.exp(log_softmax(log_probability(proba) / temperature, axis=1))


def recalibrated(predictions: Predictions, temperature: float) -> Predictions:
    """Return some predictions at another temperature."""
    return Predictions(
        predictions.track_id,
        predictions.segment,
        predictions.label,
        apply_temperature(predictions.proba, temperature),
        predictions.classes,
    )


def evaluate(predictions: Predictions, validation: Predictions | None = None) -> dict[str, float]:
    """Return the calibration of slices, as it is and at the temperature that validation slices ask for.

    Returns
    -------
    ``slice_log_loss, slice_brier, slice_ece`` and, with `validation`, ``temperature`` and the three again, ending in
    ``_scaled``.

    Raises
    ------
    Problems
        When a slice is in both: the temperature would be fitted to what it is judged by.
    """
    found = _scores(predictions)
    if validation is None:
        return found
    if shared := shared_slices(predictions, validation):
        raise Problems("The temperature must not be fitted to what it is judged by:", [f"both have {shared}"])
    temperature = fit_temperature(validation.proba, validation.label)
    scaled = _scores(recalibrated(predictions, temperature))
    return found | {"temperature": temperature} | {f"{name}_scaled": value for name, value in scaled.items()}


def shared_slices(one: Predictions, other: Predictions) -> str:
    """Return how many slices are in both, and the first of them, in words; nothing where there are none."""
    pairs = [pd.MultiIndex.from_arrays([part.track_id, part.segment]) for part in (one, other)]
    shared = pairs[0].intersection(pairs[1])
    if not len(shared):
        return ""
    track, number = shared.min()
    return f"{len(shared)} slices in common, the first being slice {number} of track {track}"


def _scores(predictions: Predictions) -> dict[str, float]:
    proba, label = predictions.proba, predictions.label
    return {
        "slice_log_loss": log_loss(proba, label),
        "slice_brier": brier_score(proba, label),
        "slice_ece": calibration_error(reliability_table(proba, label)),
    }
