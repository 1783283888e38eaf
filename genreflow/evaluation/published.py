"""Published numbers beside ours: which of them belongs to which setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

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
}
# Our metric -> the published one, in the role that it was published in.
METRICS = {
    "track_class_index_mse": ("test", "mse_class_index"),
    "track_binary_accuracy": ("validation", "binary_accuracy"),
    "track_precision_0": ("validation", "precision_class_0"),
    "track_recall_0": ("validation", "recall_class_0"),
}
NAMES = (*COLUMNS, "published_sd", "published_low", "published_high")


def published_table(
    experiments: Mapping[str, Mapping[str, Any]], settings: Sequence[Mapping[str, Any]], scores: pd.DataFrame | None
) -> pd.DataFrame:
    """Return what was published of each value of each experiment: ``experiment, model, setting`` and `NAMES`.

    A published score belongs to a setting when experiment and network are its own and, where something was varied, so
    is that value; and only where the setting's protocol is the study's own.

    Parameters
    ----------
    experiments, settings
        What the plan tells of them.
    scores
        ``experiment, model, axis, value, role, level, metric, score, low, high, sd``, if anything was published.
    """
    known = {(each["model"], each["setting"]): each for each in settings}
    rows = []
    for name, experiment in experiments.items():
        for _, model, setting in experiment["values"]:
            facts = known[model, setting]
            mine = _of(scores, name, facts) if scores is not None and facts["original"] else None
            rows.append({"experiment": name, "model": model, "setting": setting} | _values(mine))
    return pd.DataFrame(rows, columns=["experiment", "model", "setting", *NAMES])


def published_metrics(settings: Sequence[Mapping[str, Any]], scores: pd.DataFrame | None) -> pd.DataFrame:
    """Return the published values of metrics that no experiment compares: ``model, setting, metric, published``.

    Parameters
    ----------
    settings, scores
        As of `published_table`.
    """
    rows = []
    for facts in settings if scores is not None else ():
        mine = _of(scores, None, facts) if facts["original"] else scores.iloc[:0]
        for metric, (role, theirs) in METRICS.items():
            known = mine[(mine["role"] == role) & (mine["metric"] == theirs) & mine["score"].notna()]
            if len(known):
                place = {"model": facts["model"], "setting": facts["setting"], "metric": metric}
                rows.append(place | {"published": float(known["score"].iloc[0])})
    return pd.DataFrame(rows, columns=["model", "setting", "metric", "published"])


def _of(scores: pd.DataFrame, experiment: str | None, facts: Mapping[str, Any]) -> pd.DataFrame:
    """Return what was published of a setting, in one experiment or in any."""
    own = scores[scores["model"] == facts["network"]]
    if experiment is not None:
        own = own[own["experiment"] == experiment]
    is_meant = [
        pd.isna(axis) or _same(facts["values"].get(axis), value)
        for axis, value in zip(own["axis"], own["value"], strict=True)
    ]
    return own[np.array(is_meant, dtype=bool)]  # of no rows, a list would be one of columns


def _same(ours: Any, published: Any) -> bool:
    try:
        return float(ours) == float(published)
    except (TypeError, ValueError):
        return str(ours) == str(published)


def _values(mine: pd.DataFrame | None) -> dict[str, float]:
    found: dict[str, float] = {}
    if mine is None or mine.empty:
        return found
    for column, (role, level, metric) in COLUMNS.items():
        rows = mine[(mine["role"] == role) & (mine["level"] == level) & (mine["metric"] == metric)]
        rows = rows[rows["score"].notna()]
        if rows.empty:
            continue
        found[column] = float(rows["score"].iloc[0])
        if role == "test":
            spread = {"published_sd": "sd", "published_low": "low", "published_high": "high"}
            found |= {ours: float(rows[theirs].iloc[0]) for ours, theirs in spread.items()}
    return found
