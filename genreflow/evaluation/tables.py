"""The tables of a study: pure functions from runs to tidy data frames.

A fold that diverged is counted and left out of every accuracy. A setting of which nothing is left has NaN
there; a table of nothing has its columns and no rows. Accuracies of tracks are by majority vote where no rule
is named.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation import metrics
from genreflow.evaluation.batches import batch_accuracies
from genreflow.evaluation.intervals import accuracy_interval, exact_interval
from genreflow.evaluation.predictions import Predictions, pool
from genreflow.evaluation.runs import Run, by_setting, finished, group_of, judged
from genreflow.evaluation.votes import majority, mean_probability
from genreflow.folds.feasibility import groups_of
from genreflow.folds.roles import FINAL, TRAIN

RUNS = (
    "model", "setting", "fold", "status", "train_tracks", "test_tracks", "test_slices", "slice_accuracy",
    "track_accuracy_majority", "track_accuracy_mean", "train_accuracy", "epochs", "seconds", "device",
)  # fmt: skip
SETTINGS = (
    "model", "setting", "folds", "diverged", "tracks", "groups", "slices", "slice_accuracy", "slice_low",
    "slice_high", "slice_fold_sd", "batch_mean", "batch_sd", "track_majority", "track_majority_low",
    "track_majority_high", "track_mean", "track_mean_low", "track_mean_high", "balanced", "baseline",
    "train_accuracy",
)  # fmt: skip
PUBLISHED = ("published_mean", "published_sd", "published_train", "difference")
EXPERIMENTS = ("experiment", "title", "axis", "value", *SETTINGS, *PUBLISHED)
HISTORY = ("model", "setting", "fold", "epoch", "loss", "accuracy")
CONFUSION = ("level", "model", "setting", "true", "predicted", "count", "share")
CLASSES = ("level", "model", "setting", "class", "precision", "recall", "f1", "support")
TRACKS = (
    "model", "setting", "fold", "track_id", "title", "group", "true", "predicted_majority", "share", "runner_up",
    "predicted_mean", "probability", "slices", "correct",
)  # fmt: skip
HOLDOUT = (
    "model", "setting", "tracks", "groups", "majority_correct", "majority", "majority_low", "majority_high",
    "mean_correct", "mean", "mean_low", "mean_high", "interval", "published_correct", "published_tracks", "published",
)  # fmt: skip
AUDIT = ("class", "tracks", "groups", "accepted", "warned", "quarantined", "ignored", "slices", "hours")
WARNINGS = ("reason", "tracks", "share", "title", "message")
COPIES = ("recording", "title", "class", "verdict", "message")
NO_CLASS = "(no class)"


def runs_table(runs: Sequence[Run], folds: pd.DataFrame) -> pd.DataFrame:
    """Return a row a run, `RUNS`; of `final`, the tested tracks are the holdout. Diverged runs have no accuracies."""
    trained = folds[folds["role"] == TRAIN].groupby("fold").size()
    rows = []
    for run in runs:
        row = _name(run) | {
            "status": run["info"]["status"],
            "train_tracks": trained.get(run["fold"], 0),
            "epochs": len(run["history"]),
            "seconds": run["info"]["seconds"]["total"],
            "device": run["info"]["device"],
        }
        if finished(run):
            found = metrics.evaluate(judged(run, folds))
            row |= {"test_tracks": found["tracks"], "test_slices": found["slices"], "train_accuracy": _last(run)}
            row |= {column: found[column] for column in RUNS if column in found}
        rows.append(row)
    return _frame(rows, RUNS)


def settings_table(runs: Sequence[Run], folds: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Return a row a model and setting, `SETTINGS`.

    `slice_accuracy` is the mean over folds; intervals are 95 % over `groups` (tracks, where no groups are
    known) and, like the track accuracies, of all folds' test tracks together. Standard deviations are those of
    a sample (n - 1).
    """
    rows = [
        {"model": model, "setting": setting, "folds": len(members), "diverged": len(members) - len(good)}
        | (_setting_row(good, folds, seed) if good else {})
        for model, setting, members in by_setting(runs)
        for good in [[run for run in members if finished(run)]]
    ]
    return _frame(rows, SETTINGS)


def experiments_table(
    experiments: Mapping[str, Mapping[str, Any]], settings: pd.DataFrame, published: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return a row a compared value, `EXPERIMENTS`: our numbers beside the published ones.

    Parameters
    ----------
    experiments
        Name -> ``title``, ``axis`` and ``values``, a list of (value, model, setting).
    settings
        What `settings_table` returns.
    published
        ``experiment, value, mean, sd, train_accuracy``, joined by experiment and value.
    """
    rows = pd.DataFrame(
        [
            (name, experiment["title"], experiment["axis"], str(value), model, setting)
            for name, experiment in experiments.items()
            for value, model, setting in experiment["values"]
        ],
        columns=["experiment", "title", "axis", "value", "model", "setting"],
    ).merge(settings, on=["model", "setting"], how="left")
    if published is not None:
        names = {"mean": "published_mean", "sd": "published_sd", "train_accuracy": "published_train"}
        known = published.rename(columns=names).assign(value=published["value"].astype(str))
        rows = rows.merge(known[["experiment", "value", *names.values()]], on=["experiment", "value"], how="left")
        rows["difference"] = rows["slice_accuracy"] - rows["published_mean"]
    return rows.reindex(columns=list(EXPERIMENTS))


def history_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row an epoch of a run, `HISTORY`; accuracy is that of training slices."""
    parts = [run["history"].assign(**_name(run))[list(HISTORY)] for run in runs if len(run["history"])]
    return pd.concat(parts, ignore_index=True) if parts else _frame([], HISTORY)


def confusion_table(runs: Sequence[Run], folds: pd.DataFrame) -> pd.DataFrame:
    """Return a row a cell, `CONFUSION`, at the levels ``slice`` and ``track``; `share` is of the true class."""
    parts = [
        _cells(counts, classes).assign(level=level, model=model, setting=setting)
        for model, setting, level, counts, classes in _confusions(runs, folds)
    ]
    return _concat(parts, CONFUSION)


def classes_table(runs: Sequence[Run], folds: pd.DataFrame) -> pd.DataFrame:
    """Return a row a class, `CLASSES`, at the levels ``slice`` and ``track``."""
    parts = [
        metrics.per_class(counts).assign(**{"class": classes}, level=level, model=model, setting=setting)
        for model, setting, level, counts, classes in _confusions(runs, folds)
    ]
    return _concat(parts, CLASSES)


def tracks_table(runs: Sequence[Run], folds: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Return a row a tested track of a model and setting, `TRACKS`.

    `share` and `runner_up` are of the majority vote, `probability` is the mean one of `predicted_mean`;
    `correct` is of the majority vote.
    """
    return _tracks([run for run in runs if run["fold"] != FINAL], folds, index)


def holdout_table(runs: Sequence[Run], folds: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Return a row a holdout track, `TRACKS`, by the final model."""
    return _tracks([run for run in runs if run["fold"] == FINAL], folds, index)


def holdout_summary(holdout: pd.DataFrame, published: pd.DataFrame | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Return a row a final model, `HOLDOUT`: tracks right by either rule, with 95 % intervals.

    Parameters
    ----------
    holdout
        What `holdout_table` returns.
    published
        A confusion matrix of the study, ``true, predicted, count``.
    """
    rows = [
        {"model": model, "setting": setting} | _holdout_row(tracks, seed) | _published_holdout(published)
        for (model, setting), tracks in holdout.groupby(["model", "setting"], sort=False)
    ]
    return _frame(rows, HOLDOUT)


def holdout_confusion(holdout: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row a cell, `CONFUSION`, of the holdout's majority votes; the level is ``holdout``."""
    names = pd.Index(classes)
    parts = []
    for (model, setting), tracks in holdout.groupby(["model", "setting"], sort=False):
        true, predicted = names.get_indexer(tracks["true"]), names.get_indexer(tracks["predicted_majority"])
        counts = metrics.confusion_matrix(true, predicted, len(classes))
        parts.append(_cells(counts, classes).assign(level="holdout", model=model, setting=setting))
    return _concat(parts, CONFUSION)


def audit_table(index: pd.DataFrame, ignored: Mapping[str, int]) -> pd.DataFrame:
    """Return a row a class, `AUDIT`: what became of its files.

    `tracks` counts all files taken for music, quarantined ones included; groups, slices and hours those that can be
    used. `ignored` are the files passed over, by class; those outside of all classes have a row of their own, as do
    tracks that have tags instead of a class.
    """
    rows = []
    for label in sorted({*index["label"], *ignored}):
        tracks = index[index["label"] == label]
        verdicts = tracks["verdict"].value_counts()
        usable = tracks[tracks["verdict"] != "quarantine"]
        rows.append(
            {
                "class": label or NO_CLASS,
                "tracks": len(tracks),
                "groups": groups_of(usable).nunique(),
                "accepted": verdicts.get("accept", 0),
                "warned": verdicts.get("warn", 0),
                "quarantined": verdicts.get("quarantine", 0),
                "ignored": ignored.get(label, 0),
                "slices": int(usable["slices"].sum()),
                "hours": usable["seconds"].sum() / 3600,
            }
        )
    return _frame(rows, AUDIT)


def warnings_table(index: pd.DataFrame) -> pd.DataFrame:
    """Return a row a warning, `WARNINGS`: how many usable tracks have it, and one of them; the commonest first."""
    warned = index.loc[index["verdict"] == "warn", ["title", "reason", "message"]]
    single = warned.assign(
        reason=warned["reason"].str.split(" "),
        message=[_sentences(*pair) for pair in zip(warned["message"], warned["reason"], strict=True)],
    ).explode(["reason", "message"])
    rows = [
        {
            "reason": reason,
            "tracks": len(members),
            "share": len(members) / len(index),
            "title": members["title"].iloc[0],
            "message": members["message"].iloc[0],
        }
        for reason, members in single.sort_values("title").groupby("reason")
    ]
    return _frame(sorted(rows, key=lambda row: (-row["tracks"], row["reason"])), WARNINGS)


def _sentences(message: str, reason: str) -> list[str]:
    """Return what each code of a track says; all of it for each where sentences and codes do not pair up."""
    codes, sentences = reason.split(" "), re.split(r"(?<=\.) (?=[A-Z0-9])", message)
    return sentences if len(sentences) == len(codes) else [message] * len(codes)


def copies_table(index: pd.DataFrame) -> pd.DataFrame:
    """Return every track of which there is another copy, `COPIES`; those of one recording follow each other."""
    copies = index[index["recording"].notna()].rename(columns={"label": "class"})
    return copies[list(COPIES)].sort_values(["recording", "title"], ignore_index=True)


def _setting_row(runs: Sequence[Run], folds: pd.DataFrame, seed: int) -> dict[str, Any]:
    parts = [judged(run, folds) for run in runs]
    everything = pool(parts)
    found = metrics.evaluate(everything)
    slice_accuracies = pd.Series([part.correct.mean() for part in parts if len(part)])
    batches = pd.Series(np.concatenate([batch_accuracies(part, seed=seed) for part in parts]))
    groups = group_of(folds)
    row = {
        "tracks": found["tracks"],
        "groups": groups.loc[np.unique(everything.track_id)].nunique(),
        "slices": found["slices"],
        "slice_accuracy": slice_accuracies.mean(),
        "slice_fold_sd": slice_accuracies.std(),
        "batch_mean": batches.mean(),
        "batch_sd": batches.std(),
        "track_majority": found["track_accuracy_majority"],
        "track_mean": found["track_accuracy_mean"],
        "balanced": found["track_balanced_accuracy"],
        "baseline": found["track_baseline"],
        "train_accuracy": pd.Series([_last(run) for run in runs]).mean(),
    }
    right = _right(everything)
    for name, items in right.items():
        low, high = accuracy_interval(items["correct"], groups.loc[items["track_id"]], seed=seed)
        row |= {f"{name}_low": low, f"{name}_high": high}
    return row


def _right(predictions: Predictions) -> dict[str, pd.DataFrame]:
    """Return ``track_id, correct`` of slices, and of tracks by either rule."""
    slices = pd.DataFrame({"track_id": predictions.track_id, "correct": predictions.correct})
    rules = {"track_majority": majority(predictions), "track_mean": mean_probability(predictions)}
    return {"slice": slices} | {
        name: tracks[["track_id"]].assign(correct=tracks["predicted"] == tracks["label"])
        for name, tracks in rules.items()
    }


def _confusions(runs: Sequence[Run], folds: pd.DataFrame) -> list[tuple[str, str, str, np.ndarray, tuple[str, ...]]]:
    """Return model, setting, level, counts and classes of every setting of which something finished."""
    found = []
    for model, setting, members in by_setting(runs):
        if good := [run for run in members if finished(run)]:
            predictions = pool(judged(run, folds) for run in good)
            counts = metrics.confusions(predictions)
            found.append((model, setting, "slice", counts["slice"], predictions.classes))
            found.append((model, setting, "track", counts["track_majority"], predictions.classes))
    return found


def _cells(counts: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    n_classes = len(classes)
    return pd.DataFrame(
        {
            "true": np.repeat(np.asarray(classes, object), n_classes),
            "predicted": np.tile(np.asarray(classes, object), n_classes),
            "count": counts.ravel(),
            "share": metrics.row_shares(counts).ravel(),
        }
    )


def _tracks(runs: Sequence[Run], folds: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    titles, groups = index.set_index("track_id")["title"], group_of(folds)
    parts = []
    for run in runs:
        predictions = judged(run, folds) if finished(run) else ()
        if not len(predictions):
            continue
        classes = np.asarray(predictions.classes, object)
        votes, means = majority(predictions), mean_probability(predictions)
        parts.append(
            pd.DataFrame(
                {
                    **_name(run),
                    "track_id": votes["track_id"],
                    "title": titles.reindex(votes["track_id"]).to_numpy(),
                    "group": groups.loc[votes["track_id"]].to_numpy(),
                    "true": classes[votes["label"]],
                    "predicted_majority": classes[votes["predicted"]],
                    "share": votes["share"],
                    "runner_up": classes[votes["runner_up"]],
                    "predicted_mean": classes[means["predicted"]],
                    "probability": means["share"],
                    "slices": votes["segments"],
                    "correct": votes["predicted"] == votes["label"],
                }
            )
        )
    return _concat(parts, TRACKS)


def _holdout_row(tracks: pd.DataFrame, seed: int) -> dict[str, Any]:
    n_groups = tracks["group"].nunique()
    alone = n_groups == len(tracks)
    row = {
        "tracks": len(tracks),
        "groups": n_groups,
        "interval": "exact, over tracks" if alone else "bootstrap over groups",
    }
    for rule in ("majority", "mean"):
        correct = (tracks[f"predicted_{rule}"] == tracks["true"]).to_numpy()
        if alone:
            low, high = exact_interval(int(correct.sum()), len(correct))
        else:
            low, high = accuracy_interval(correct, tracks["group"], seed=seed)
        row |= {f"{rule}_correct": int(correct.sum()), rule: correct.mean()}
        row |= {f"{rule}_low": low, f"{rule}_high": high}
    return row


def _published_holdout(published: pd.DataFrame | None) -> dict[str, Any]:
    if published is None:
        return {}
    total = int(published["count"].sum())
    correct = int(published.loc[published["true"] == published["predicted"], "count"].sum())
    return {"published_correct": correct, "published_tracks": total, "published": correct / total}


def _name(run: Run) -> dict[str, str]:
    return {"model": run["model"], "setting": run["setting"], "fold": run["fold"]}


def _last(run: Run) -> float:
    return float(run["history"]["accuracy"].iloc[-1]) if len(run["history"]) else np.nan


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns))


def _concat(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)[list(columns)] if parts else _frame([], columns)
