"""Tables of a search for settings: its trials, and what the best of each fold is worth on tracks that it never saw."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation import tags
from genreflow.evaluation.calibration import log_loss
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.registry import (
    Column,
    StudyTable,
    concat,
    count_column,
    duration,
    frame_of,
    number,
    text_column,
    whole,
)
from genreflow.evaluation.runs import SETTING, Run, finished, judged
from genreflow.folds.roles import FINAL
from genreflow.store.parquet import read_frame
from genreflow.store.text import count, rough_duration

LOSSES = ("log_loss",)
TRIALS = (*SETTING, "fold", "trial", "status", "score", "log_loss", "epochs", "seconds", "device", "values", "best")
SEARCH = (
    *SETTING, "fold", "metric", "trial", "inner", "outer", "default", "values", "trials", "complete", "pruned",
    "failed", "seconds", "gpu_seconds",
)  # fmt: skip
_NAMES = {
    "track_accuracy": "track accuracy",
    "slice_accuracy": "slice accuracy",
    "log_loss": "log loss",
    "roc_auc": "ROC-AUC over tags",
}


def no_trials() -> pd.DataFrame:
    """Return the trials of a study without a search."""
    return pd.DataFrame(columns=[name for name in TRIALS if name not in SETTING and name != "best"])


def read_trials(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read the trials of all folds of a search, in the order of the files."""
    parts = [read_frame(path, "trials") for path in paths]
    return pd.concat(parts, ignore_index=True) if parts else no_trials()


def trials_table(study: Mapping[str, Any], trials: pd.DataFrame) -> pd.DataFrame:
    """Return a row per trial, `TRIALS`; ``best`` marks the one whose values its fold was trained with."""
    facts = study.get("search")
    if facts is None or trials.empty:
        return frame_of([], TRIALS)
    sign = 1 if facts["metric"] in LOSSES else -1
    complete = trials[trials["status"] == "complete"].assign(order=lambda rows: sign * rows["score"])
    best = complete.sort_values(["order", "log_loss", "trial"]).drop_duplicates("fold").index
    names = {name: facts[name] for name in SETTING}
    return concat([trials.assign(**names, best=trials.index.isin(best))], TRIALS)


def search_table(study: Mapping[str, Any], runs: Sequence[Run], trials: pd.DataFrame) -> pd.DataFrame:
    """Return a row per fold of a search, `SEARCH`.

    ``inner`` is the score of the chosen values on the inner folds, which chose them; ``outer`` that of the model
    trained with them on tracks that no trial saw, ``default`` that of the study's own values there. They are means over
    repeats, and NaN without such tracks.

    Parameters
    ----------
    trials
        `trials_table`.
    """
    facts = study.get("search")
    if facts is None or trials.empty:
        return frame_of([], SEARCH)
    rows = []
    for fold, tried in trials.groupby("fold", sort=False):
        [best] = tried[tried["best"]].to_dict("records")
        statuses = tried["status"].value_counts()
        rows.append(
            {name: facts[name] for name in (*SETTING, "metric")}
            | {"fold": fold, "trial": best["trial"], "inner": best["score"], "trials": len(tried)}
            | {"outer": _outer(runs, facts, str(fold), facts["setting"]), "default": _default(study, runs, str(fold))}
            | {"values": _values_text(best["values"])}
            | {"complete": statuses.get("complete", 0), "pruned": statuses.get("pruned", 0)}
            | {"failed": statuses.get("diverged", 0) + statuses.get("invalid", 0), "seconds": tried["seconds"].sum()}
            | {"gpu_seconds": tried.loc[~tried["device"].isin(["", "cpu"]), "seconds"].sum()}
        )
    return frame_of(rows, SEARCH)


def sentences(table: pd.DataFrame) -> list[str]:
    """Return a `search_table` in sentences."""
    if table.empty:
        return []
    metric, tested = str(table["metric"].iloc[0]), table[table["fold"] != FINAL]
    model, folds = table["model"].iloc[0], count(len(tested), "fold")
    text = [
        f"The settings of {model} were searched for, on the training tracks of each of {folds} by itself, with "
        f"{count(int(table['trials'].iloc[0]), 'trial')} by inner folds. No trial saw a test track of its fold."
    ]
    outer = tested["outer"].mean()
    if outer == outer:
        text.append(
            f"The mean {_NAMES[metric]} of the chosen values is {tested['inner'].mean():.3f} on the inner folds, which "
            f"chose them and are too optimistic, and {outer:.3f} on the test tracks, which judge them. The study's own "
            f"values give {tested['default'].mean():.3f} there."
        )
    if FINAL in set(table["fold"]):
        text.append("The final model has the values of a search on all of its training tracks.")
    done, pruned = int(table["complete"].sum()), int(table["pruned"].sum())
    device = f", {rough_duration(table['gpu_seconds'].sum())} of it on a GPU" if table["gpu_seconds"].any() else ""
    text.append(
        f"Of {int(table['trials'].sum()):,} trials, {done:,} were completed, {pruned:,} were ended early, and "
        f"{int(table['failed'].sum()):,} failed. They took {rough_duration(table['seconds'].sum())}{device}."
    )
    return text


def _default(study: Mapping[str, Any], runs: Sequence[Run], fold: str) -> float:
    """Return the score, on a fold, of the setting with the study's own values; NaN if it is not trained."""
    facts = study["search"]
    own = [
        each["setting"]
        for each in study["settings"]
        if (each["model"], each["protocol"]) == (facts["model"], facts["protocol"])
        and each["setting"] == facts["default"]
    ]
    return _outer(runs, facts, fold, own[0]) if own else np.nan


def _outer(runs: Sequence[Run], facts: Mapping[str, Any], fold: str, setting: str) -> float:
    own = [run for run in runs if (run["model"], run["setting"], run["fold"]) == (facts["model"], setting, fold)]
    scores = [_score(run, facts["metric"]) for run in own if finished(run)]
    return float(np.mean(scores)) if scores else np.nan


def _score(run: Run, metric: str) -> float:
    predictions = judged(run)
    if not len(predictions):
        return np.nan
    if not isinstance(predictions, Predictions):
        return float(tags.areas_table(tags.of_tracks(predictions), intervals=False).iloc[-1]["roc_auc"])
    if metric == "log_loss":
        return log_loss(predictions.proba, predictions.label)
    return float(_metrics(predictions)[{"track_accuracy": "track_accuracy_majority"}.get(metric, metric)])


def _metrics(predictions: Predictions) -> dict[str, Any]:
    from genreflow.evaluation import metrics

    return metrics.evaluate(predictions)


def _values_text(values: str) -> str:
    """Return the values of a trial, given as JSON, for people."""
    return ", ".join(f"{name} {_shown(value)}" for name, value in json.loads(values).items())


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


TABLES = (
    StudyTable(
        "search",
        lambda results: search_table(results.study, results.runs, results["trials"]),
        SEARCH,
        section="Search for settings",
        title="The chosen values of each fold",
        caption=(
            "Each row is a fold of a search: the values with the best score on inner folds of its training tracks, and "
            "the score of the model trained with them on the test tracks, which no trial saw. The table is empty if "
            "the study has no search."
        ),
        shown=(
            text_column("Fold", "fold"),
            text_column("Values", "values"),
            Column("Inner score", ("inner",), number),
            Column("Test score", ("outer",), number),
            Column("Test score of the study's own values", ("default",), number),
            Column("Trial", ("trial",), whole),
            count_column("Complete", "complete"),
            count_column("Pruned", "pruned"),
            count_column("Failed", "failed"),
            Column("Time", ("seconds",), duration),
        ),
    ),
    StudyTable(
        "trials",
        lambda results: trials_table(results.study, results.trials),
        TRIALS,
        section="Search for settings",
        title="All trials",
        caption=(
            "Each row is a trial of a search: its values, its score on inner folds, and why it has none: a pruned "
            "trial was worse than the median of earlier ones, one that diverged had no finite loss, and the values of "
            "an invalid one contradict each other."
        ),
        shown=(
            text_column("Fold", "fold"),
            Column("Trial", ("trial",), whole),
            text_column("Status", "status"),
            Column("Inner score", ("score",), number),
            Column("Log loss", ("log_loss",), number),
            count_column("Epochs", "epochs"),
            Column("Time", ("seconds",), duration),
            Column("Values", ("values",), _values_text, numeric=False),
        ),
        folded=True,
    ),
)
