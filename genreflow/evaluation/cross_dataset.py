"""Accuracy on another collection: tracks of a dataset that no fold trained on, judged by the final model.

Cross-validation within one collection flatters a model, because its tracks share a source: labels, mastering, artists,
encoding (Torralba and Efros 2011, Unbiased look at dataset bias; Bogdanov et al. 2016, Cross-collection evaluation for
music classification tasks).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from genreflow.evaluation.calibration import calibration_error, reliability_table
from genreflow.evaluation.intervals import accuracy_interval
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.registry import (
    Column,
    StudyTable,
    count_column,
    frame_of,
    interval_column,
    number,
    percent_column,
    text_column,
)
from genreflow.evaluation.runs import SETTING, by_setting, finished, group_of, is_tagged, judged
from genreflow.evaluation.tables import MODEL, PROTOCOL, SETTING_NAME
from genreflow.evaluation.verdict import beats_chance
from genreflow.evaluation.votes import majority
from genreflow.folds.roles import FINAL
from genreflow.store.parquet import read_frame
from genreflow.store.text import count

if TYPE_CHECKING:
    from genreflow.evaluation.study import StudyResults

JUDGED, KNOWN, OTHER_CLASS, REFUSED = "judged", "known", "other class", "refused"
"""The fates of a track: it is judged; it is in the training collection; its class is not; it is quarantined."""
TRACKS = (
    "track_id", "title", "label", "group", "fate", "predicted", "runner_up", "probability", "answered", "distance",
    "slices", "seconds", "ogg",
)  # fmt: skip
"""A row per track of the other dataset. `probability` is calibrated where the model is; `answered` is false where the
model abstains; `distance` is in units of the novelty limit."""
_SUMMARY = (
    "dataset", "tracks", "groups", "correct", "accuracy", "accuracy_low", "accuracy_high", "baseline", "inside", "drop",
    "drop_low", "drop_high", "answered", "right", "confidence", "ece", "known", "other_class", "refused", "only_here",
    "only_there",
)  # fmt: skip
_CLASSES = (
    "dataset", "class", "tracks", "correct", "accuracy", "accuracy_low", "accuracy_high", "inside", "drop"
)  # fmt: skip
_COLLECTIONS = (
    *SETTING, "collection", "tracks", "correct", "accuracy", "accuracy_low", "accuracy_high", "baseline"
)  # fmt: skip


@dataclass(frozen=True)
class Inside:
    """Cross-validated accuracy of the same setting within its own collection; NaN where it was not cross-validated.

    `classes` is the accuracy of each class, by name.
    """

    accuracy: float = np.nan
    low: float = np.nan
    high: float = np.nan
    classes: Mapping[str, float] = field(default_factory=dict)


def summary(tracks: pd.DataFrame, classes: Sequence[str], inside: Inside, *, dataset: str) -> dict[str, Any]:
    """Return the row of a dataset in the table `cross_dataset`.

    Parameters
    ----------
    tracks
        `TRACKS` of all its tracks.
    classes
        Classes of the model.
    inside
        Accuracy within the model's own collection.
    dataset
        Name of the dataset.

    Returns
    -------
    ``accuracy`` with its 95 % interval over groups; ``baseline``, the share of the most common class; ``inside`` and
    ``drop`` = inside - accuracy with its interval (`difference_interval`); ``answered`` and ``right``, the share of the
    tracks that the model does not abstain on, and of right answers among these; ``confidence``, the mean probability of
    answers, and ``ece``, the expected calibration error; the numbers of tracks left out by their fates; and the classes
    that only one side has, joined by commas.
    """
    counted = tracks[tracks["fate"] == JUDGED]
    correct = (counted["predicted"] == counted["label"]).to_numpy()
    low, high = accuracy_interval(correct, counted["group"]) if len(counted) else (np.nan, np.nan)
    accuracy = float(correct.mean()) if len(counted) else np.nan
    drop_low, drop_high = difference_interval((inside.accuracy, inside.low, inside.high), (accuracy, low, high))
    answered, fates = counted["answered"].to_numpy(bool), tracks["fate"].value_counts()
    here, there = set(classes), set(tracks["label"])
    return {
        "dataset": dataset,
        "tracks": len(counted),
        "groups": counted["group"].nunique(),
        "correct": int(correct.sum()),
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "baseline": float(counted["label"].value_counts(normalize=True).max()) if len(counted) else np.nan,
        "inside": inside.accuracy,
        "drop": inside.accuracy - accuracy,
        "drop_low": drop_low,
        "drop_high": drop_high,
        "answered": float(answered.mean()) if len(counted) else np.nan,
        "right": float(correct[answered].mean()) if answered.any() else np.nan,
        "confidence": float(counted["probability"].mean()) if len(counted) else np.nan,
        "ece": _calibration_error(counted["probability"].to_numpy(float), correct),
        "known": int(fates.get(KNOWN, 0)),
        "other_class": int(fates.get(OTHER_CLASS, 0)),
        "refused": int(fates.get(REFUSED, 0)),
        "only_here": ", ".join(sorted(here - there)),
        "only_there": ", ".join(sorted(there - here)),
    }


def by_class(tracks: pd.DataFrame, classes: Sequence[str], inside: Inside, *, dataset: str) -> list[dict[str, Any]]:
    """Return the rows of a dataset in the table `cross_dataset_classes`: the classes that both sides have."""
    rows = []
    counted = tracks[tracks["fate"] == JUDGED]
    for name in classes:
        own = counted[counted["label"] == name]
        if own.empty:
            continue
        correct = (own["predicted"] == name).to_numpy()
        low, high = accuracy_interval(correct, own["group"])
        before = inside.classes.get(name, np.nan)
        accuracy = float(correct.mean())
        values = dataset, name, len(own), int(correct.sum()), accuracy, low, high, before, before - accuracy
        rows.append(dict(zip(_CLASSES, values, strict=True)))
    return rows


def difference_interval(first: tuple[float, float, float], second: tuple[float, float, float]) -> tuple[float, float]:
    """Return the 95 % interval of first - second, of two independent estimates with their 95 % intervals.

    Each is ``value, low, high``. The method recovers the variances from the two intervals (Newcombe 1998, Interval
    estimation for the difference between independent proportions, method 10; Zou and Donner 2008). NaN where an
    interval is missing.
    """
    (p, p_low, p_high), (q, q_low, q_high) = first, second
    below, above = sqrt((p - p_low) ** 2 + (q_high - q) ** 2), sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return p - q - below, p - q + above


def sentences(row: Mapping[str, Any]) -> list[str]:
    """Return a row of `cross_dataset` as sentences, the most important first."""
    name = f"«{row['dataset']}»"
    left_out = list(_left_out(row, name))
    if not row["tracks"]:
        return [f"On {name}, no track could be judged.", *left_out]
    ends = _ends(row["accuracy_low"], row["accuracy_high"])
    lines = [
        f"On {name}, a collection that the model was not trained on, {_percent(row['accuracy'])} of "
        f"{count(row['tracks'], 'track')} are right{ends}{_beside_chance(row)}."
    ]
    if pd.notna(row["inside"]):
        lines.append(_drop(row))
    lines.append(
        f"It abstains on {_percent(1 - row['answered'])} of these tracks; "
        + (
            f"{_percent(row['right'])} of its other answers are right. "
            if pd.notna(row["right"])
            else "it answers none. "
        )
        + f"Its answers claim {_percent(row['confidence'])} on average."
    )
    return [*lines, *left_out]


def _beside_chance(row: Mapping[str, Any]) -> str:
    if beats_chance(row):
        return f"; always predicting the most common class gives {_percent(row['baseline'])}"
    return (
        f", which is not shown to be better than always predicting the most common class ({_percent(row['baseline'])})"
    )


def _drop(row: Mapping[str, Any]) -> str:
    points_lost, ends = 100 * row["drop"], ""
    if pd.notna(row["drop_low"]):
        ends = f" (95 % interval {100 * row['drop_low']:.1f} to {100 * row['drop_high']:.1f})"
    within = f"cross-validation within its own collection ({_percent(row['inside'])})"
    if pd.notna(row["drop_low"]) and row["drop_low"] <= 0 <= row["drop_high"]:
        return f"The difference from {within} is {points_lost:.1f} points{ends}: these tracks do not show a drop."
    if points_lost < 0:
        return f"That is {-points_lost:.1f} points more than in {within}."
    return (
        f"That is {points_lost:.1f} points less{ends} than in {within}: so much of that accuracy does not carry over."
    )


def _left_out(row: Mapping[str, Any], name: str) -> list[str]:
    lines = []
    if row["known"]:
        lines.append(
            f"{count(row['known'], 'track')} of {name} {_is(row['known'])} also in the training collection, and "
            f"{_was(row['known'])} left out."
        )
    if row["other_class"]:
        lines.append(
            f"{count(row['other_class'], 'track')} of classes that the model does not know {_was(row['other_class'])} "
            f"left out: {row['only_there']}. Map their names by labels.aliases of the dataset if they are the same."
        )
    if row["only_here"]:
        lines.append(f"{name} has no track of {row['only_here']}; the model may still answer so, which is then wrong.")
    if row["refused"]:
        lines.append(f"{count(row['refused'], 'file')} of {name} cannot be used.")
    return lines


def _table(results: "StudyResults") -> pd.DataFrame:
    rows = [
        summary(tracks, results.final_classes, _inside(results), dataset=name)
        for name, tracks in results.cross_datasets.items()
    ]
    return frame_of(rows, _SUMMARY)


def _class_table(results: "StudyResults") -> pd.DataFrame:
    rows = [
        row
        for name, tracks in results.cross_datasets.items()
        for row in by_class(tracks, results.final_classes, _inside(results), dataset=name)
    ]
    return frame_of(rows, _CLASSES)


def _collection_table(results: "StudyResults") -> pd.DataFrame:
    """Return the accuracy on each collection, of every setting under a protocol that leaves them out in turn."""
    rows = []
    for names, runs in by_setting(results.runs):
        collections = results.study["protocols"][names["protocol"]].get("collections", [])
        groups = group_of(results.folds, names["protocol"])
        for run in runs if collections and not is_tagged(runs[0]) else []:
            if run["repeat"] or not finished(run) or not len(judged(run)):
                continue
            votes = majority(judged(run, Predictions))
            correct = (votes["predicted"] == votes["label"]).to_numpy()
            low, high = accuracy_interval(correct, groups.loc[votes["track_id"]])
            baseline = votes["label"].value_counts(normalize=True).max()
            values = len(votes), int(correct.sum()), correct.mean(), low, high, baseline
            place = names["model"], names["setting"], names["protocol"], collections[int(run["fold"]) - 1]
            rows.append((*place, *values))
    return frame_of(rows, _COLLECTIONS)


def _track_table(results: "StudyResults") -> pd.DataFrame:
    columns = [name for name in TRACKS if name not in ("ogg", "seconds", "group")]
    parts = [tracks[columns].assign(dataset=name) for name, tracks in results.cross_datasets.items()]
    table = pd.concat(parts, ignore_index=True) if parts else frame_of([], ["dataset", *columns])
    return table[["dataset", *columns]].sort_values(["dataset", "title"], ignore_index=True)


def _inside(results: "StudyResults") -> Inside:
    """Return the cross-validated accuracy of the final model's setting."""
    final = next((run for run in results.runs if run["fold"] == FINAL), None)
    if final is None:
        return Inside()
    settings, classes = results["settings"], results["classes"]
    rows = settings[(settings["model"] == final["model"]) & (settings["setting"] == final["setting"])]
    if rows.empty:
        return Inside()
    own = classes[
        (classes["model"] == final["model"]) & (classes["setting"] == final["setting"]) & (classes["level"] == "track")
    ]
    row = rows.iloc[0]
    return Inside(
        row["track_majority"],
        row["track_majority_low"],
        row["track_majority_high"],
        dict(zip(own["class"], own["recall"], strict=True)),
    )


def _calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    if not len(confidence):
        return np.nan
    # The largest of several probabilities is the confidence; the others do not count.
    proba = np.stack([confidence, np.zeros(len(confidence))], axis=1)
    return calibration_error(reliability_table(proba, np.where(correct, 0, 1)))


def _ends(low: float, high: float) -> str:
    return "" if pd.isna(low) else f" (95 % interval {100 * low:.1f} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def read_answers(paths: Sequence[str | Path]) -> dict[str, pd.DataFrame]:
    """Read the answers of the final model on the tracks of other datasets, by dataset."""
    return {Path(path).parent.name: read_frame(path, "cross_dataset") for path in paths}


TABLES = (
    StudyTable(
        "collections",
        _collection_table,
        _COLLECTIONS,
        section="Results",
        title="Accuracy on each collection, by models trained on the others",
        caption="Accuracy on each collection of a protocol that leaves one out.",
        shown=(
            MODEL,
            SETTING_NAME,
            PROTOCOL,
            text_column("Tested on", "collection"),
            count_column("Tracks", "tracks"),
            interval_column("Accuracy [95 % interval] (%)", "accuracy"),
            percent_column("Baseline (%)", "baseline"),
        ),
    ),
    StudyTable(
        "cross_dataset",
        _table,
        _SUMMARY,
        section="Another collection",
        title="Other collections, judged once by the final model",
        caption="Accuracy of the final model on datasets that no fold trained on, beside cross-validation.",
        shown=(
            text_column("Dataset", "dataset"),
            count_column("Tracks", "tracks"),
            interval_column("Accuracy [95 % interval] (%)", "accuracy"),
            percent_column("Baseline (%)", "baseline"),
            percent_column("Cross-validation (%)", "inside"),
            percent_column("Drop (points)", "drop"),
            percent_column("Answered (%)", "answered"),
            percent_column("Right, of answers (%)", "right"),
            percent_column("Mean confidence (%)", "confidence"),
            Column("Calibration error", ("ece",), number),
        ),
    ),
    StudyTable(
        "cross_dataset_classes",
        _class_table,
        _CLASSES,
        section="Another collection",
        title="Accuracy of each class",
        caption="Accuracy of each class that both collections have.",
        shown=(
            text_column("Dataset", "dataset"),
            text_column("Class", "class"),
            count_column("Tracks", "tracks"),
            interval_column("Accuracy [95 % interval] (%)", "accuracy"),
            percent_column("Cross-validation (%)", "inside"),
            percent_column("Drop (points)", "drop"),
        ),
    ),
    StudyTable(
        "cross_dataset_tracks",
        _track_table,
        ("dataset", *(name for name in TRACKS if name not in ("ogg", "seconds", "group"))),
        section="Another collection",
        title="All tracks of the other collections",
        caption="What the final model says of each track of another collection, and why tracks were left out.",
        shown=(
            text_column("Dataset", "dataset"),
            text_column("Track", "title"),
            text_column("Label", "label"),
            text_column("Answer", "predicted"),
            percent_column("Probability (%)", "probability"),
            text_column("Fate", "fate"),
        ),
        folded=True,
    ),
)
