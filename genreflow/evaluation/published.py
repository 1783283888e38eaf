"""Published numbers, matched to the settings of a study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation.registry import frame_of

# Column -> role, level and metric of the published score. Where a track is one segment, slices are tracks.
COLUMNS = {
    "published_mean": ("test", "slice", "accuracy"),
    "published_train": ("train", "slice", "accuracy"),
    "published_validation": ("validation", "slice", "accuracy"),
    "published_track_mean": ("test", "track", "accuracy_mean_probability"),
    "published_track": ("test", "track", "accuracy"),
    "published_roc_auc": ("test", "track", "roc_auc_macro"),
    "published_pr_auc": ("test", "track", "pr_auc_macro"),
    "published_validation_roc_auc": ("validation", "track", "roc_auc_macro"),
    "published_validation_pr_auc": ("validation", "track", "pr_auc_macro"),
    "published_train_loss": ("train", "track", "loss"),
    "published_validation_loss": ("validation", "track", "loss"),
    "published_train_binary_accuracy": ("train", "track", "binary_accuracy"),
    "published_binary_accuracy": ("validation", "track", "binary_accuracy"),
    "published_precision_0": ("validation", "track", "precision_class_0"),
    "published_recall_0": ("validation", "track", "recall_class_0"),
}
# Our metric -> role and name of the published metric.
METRICS = {
    "track_class_index_mse": ("test", "mse_class_index"),
    "track_binary_accuracy": ("validation", "binary_accuracy"),
    "track_precision_0": ("validation", "precision_class_0"),
    "track_recall_0": ("validation", "recall_class_0"),
}
_SPREAD = {"published_sd": "sd", "published_low": "low", "published_high": "high"}
NAMES = (*COLUMNS, *_SPREAD)


def published_table(
    experiments: Mapping[str, Mapping[str, Any]], settings: Sequence[Mapping[str, Any]], scores: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the published scores of each value of each experiment: ``experiment, model, setting`` and `NAMES`.

    A published score belongs to a setting with the same experiment, network and, if an option was varied, value; the
    setting's protocol must be that of the study.

    Parameters
    ----------
    experiments, settings
        Experiments and settings from the plan.
    scores
        ``experiment, model, axis, value, role, level, metric, score, low, high, sd``; None if nothing was published.
    """
    by_key = {(each["model"], each["setting"]): each for each in settings}
    rows = []
    for name, experiment in experiments.items():
        for _, model, setting in experiment["values"]:
            facts = by_key[model, setting]
            is_comparable = scores is not None and facts["original"]
            values = _values(_scores_of(scores, name, facts)) if is_comparable else {}
            rows.append({"experiment": name, "model": model, "setting": setting} | values)
    return frame_of(rows, ["experiment", "model", "setting", *NAMES])


def published_metrics(
    experiments: Mapping[str, Mapping[str, Any]], settings: Sequence[Mapping[str, Any]], scores: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the published values of metrics that no experiment compares: ``model, setting, metric, published``.

    Parameters
    ----------
    experiments, settings, scores
        As in `published_table`.
    """
    rows = []
    for facts in settings:
        if scores is None or not facts["original"]:
            continue
        compared = [
            name
            for name, experiment in experiments.items()
            if any(
                facts["model"] == model and facts["setting"] == setting for _, model, setting in experiment["values"]
            )
        ]
        own = _scores_of(scores[scores["experiment"].isin(compared)], None, facts)
        for metric, (role, published) in METRICS.items():
            values = own.loc[(own["role"] == role) & (own["metric"] == published), "score"].dropna()
            if len(values):
                rows.append((facts["model"], facts["setting"], metric, float(values.iloc[0])))
    return frame_of(rows, ["model", "setting", "metric", "published"])


def settings_of(settings: Sequence[Mapping[str, Any]], score: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the settings that a published score may belong to: with its network and, if varied, value."""
    return [
        facts
        for facts in settings
        if facts["network"] == score["model"]
        and (pd.isna(score["axis"]) or _is_same(facts["values"].get(score["axis"]), score["value"]))
    ]


def _scores_of(scores: pd.DataFrame, experiment: str | None, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return the published scores of a setting, in one experiment or in any."""
    own = scores[scores["model"] == facts["network"]]
    if experiment is not None:
        own = own[own["experiment"] == experiment]
    matches = [
        pd.isna(axis) or _is_same(facts["values"].get(axis), value)
        for axis, value in zip(own["axis"], own["value"], strict=True)
    ]
    return own[np.array(matches, dtype=bool)]  # an empty list would select columns


def _is_same(ours: Any, published: Any) -> bool:
    try:
        return float(ours) == float(published)
    except (TypeError, ValueError):
        return str(ours) == str(published)


def _values(own: pd.DataFrame) -> dict[str, float]:
    values: dict[str, float] = {}
    for column, (role, level, metric) in COLUMNS.items():
        rows = own[(own["role"] == role) & (own["level"] == level) & (own["metric"] == metric) & own["score"].notna()]
        if rows.empty:
            continue
        values[column] = float(rows["score"].iloc[0])
        if role == "test":
            values |= {ours: float(rows[name].iloc[0]) for ours, name in _SPREAD.items()}
    return values
