"""The tables of a study's runs: pure functions from runs to tidy data frames.

A run that diverged is counted and left out of every score. A setting of which nothing is left has NaN there; a table
of nothing has its columns and no rows. Accuracies of tracks are by majority vote where no rule is named. What knows
classes leaves out runs that know tags, and the other way round.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation import metrics, tags
from genreflow.evaluation.batches import batch_accuracies
from genreflow.evaluation.intervals import accuracy_interval, exact_interval
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.published import NAMES
from genreflow.evaluation.runs import Run, by_setting, finished, group_of, is_tagged, judged, of_role, rounds, validated
from genreflow.evaluation.votes import majority, mean_probability
from genreflow.folds.roles import FINAL, TRAIN

_PLACE = ("model", "setting", "protocol")
MOST_WHOLE = 40
"""Classes of which a confusion table has every cell."""
RUNS = (
    *_PLACE, "fold", "repeat", "status", "train_tracks", "test_tracks", "test_slices", "slice_accuracy",
    "track_accuracy_majority", "track_accuracy_mean", "train_accuracy", "validation_accuracy", "epochs", "kept_epoch",
    "seconds", "device", "resumed",
)  # fmt: skip
SETTINGS = (
    *_PLACE, "folds", "diverged", "tracks", "groups", "slices", "slice_accuracy", "slice_low", "slice_high",
    "slice_fold_sd", "batch_mean", "batch_sd", "track_majority", "track_majority_low", "track_majority_high",
    "track_mean", "track_mean_low", "track_mean_high", "balanced", "baseline", "train_accuracy", "validation_accuracy",
    "roc_auc", "roc_auc_low", "roc_auc_high", "pr_auc", "pr_auc_low", "pr_auc_high", "repeat_sd",
)  # fmt: skip
EXPERIMENTS = ("experiment", "title", "axis", "value", *SETTINGS, *NAMES, "difference")
HISTORY = (
    *_PLACE, "fold", "repeat", "epoch", "loss", "accuracy", "validation_loss", "validation_accuracy",
)  # fmt: skip
CONFUSION = ("level", *_PLACE, "true", "predicted", "count", "share")
CLASSES = ("level", *_PLACE, "class", "precision", "recall", "f1", "support")
TRACKS = (
    *_PLACE, "fold", "repeat", "track_id", "title", "group", "true", "predicted_majority", "share", "runner_up",
    "predicted_mean", "probability", "slices", "correct",
)  # fmt: skip
HOLDOUT = (
    *_PLACE, "tracks", "groups", "majority_correct", "majority", "majority_low", "majority_high", "mean_correct",
    "mean", "mean_low", "mean_high", "interval", "published_correct", "published_tracks", "published",
)  # fmt: skip


def runs_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row a run, `RUNS`; of `final`, the tested tracks are the holdout. Diverged runs have no accuracies."""
    rows = []
    for run in runs:
        info = run["info"]
        row = _name(run) | {
            "status": info["status"],
            "train_tracks": info["dataset"]["tracks"]["train"],
            "epochs": len(run["history"]),
            "kept_epoch": info["kept_epoch"],
            "seconds": info["seconds"]["total"],
            "device": info["device"],
            "resumed": bool(info.get("resumed")),
        }
        if finished(run):
            predictions = judged(run)
            row |= {"test_slices": len(predictions), "test_tracks": len(set(predictions.track_id))}
            row |= {"train_accuracy": _last(run)}
            if not is_tagged(run):
                found = metrics.evaluate(predictions)
                row |= {column: found[column] for column in RUNS if column in found}
                row |= {"validation_accuracy": _accuracy(validated(run))}
        rows.append(row)
    return _frame(rows, RUNS)


def settings_table(runs: Sequence[Run], folds: pd.DataFrame, *, seed: int = 0, resamples: int = 1_000) -> pd.DataFrame:
    """Return a row a model and setting, `SETTINGS`.

    `slice_accuracy` is the mean over runs; intervals are 95 % over `groups` (tracks, where no groups are known) and,
    like the track accuracies, of all folds' test tracks together. Standard deviations are those of a sample (n - 1);
    `repeat_sd` is that of track accuracies over repeats, or over random draws of the folds. Where tracks have tags,
    `roc_auc` and `pr_auc` are macro averages over tags, of tracks by mean probability.

    Parameters
    ----------
    folds
        The fold tables of all protocols, told apart by the column ``protocol``.
    resamples
        Of the intervals of areas under curves, which take long.
    """
    rows = []
    for place, members in by_setting(runs):
        row = place | {"folds": len(members)}
        good = [run for run in members if finished(run)]
        row["diverged"] = len(members) - len(good)
        if good:
            groups = group_of(folds, place["protocol"])
            row["train_accuracy"] = pd.Series([_last(run) for run in good]).mean()
            row |= _tag_scores(good, groups, seed, resamples) if is_tagged(good[0]) else _scores(good, groups, seed)
        rows.append(row)
    return _frame(rows, SETTINGS)


def experiments_table(
    experiments: Mapping[str, Mapping[str, Any]], settings: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Return a row a compared value, `EXPERIMENTS`: our numbers beside the published ones.

    Parameters
    ----------
    experiments
        Name -> ``title``, ``axis`` and ``values``, a list of (value, model, setting).
    settings
        What `settings_table` returns.
    published
        What `published.published_table` returns.
    """
    rows = pd.DataFrame(
        [
            (name, experiment["title"], experiment["axis"], str(value), model, setting)
            for name, experiment in experiments.items()
            for value, model, setting in experiment["values"]
        ],
        columns=["experiment", "title", "axis", "value", "model", "setting"],
    ).merge(settings, on=["model", "setting"], how="left")
    rows = rows.merge(published.drop_duplicates(), on=["experiment", "model", "setting"], how="left")
    rows["difference"] = rows["slice_accuracy"] - rows["published_mean"]
    return rows.reindex(columns=list(EXPERIMENTS))


def history_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row an epoch of a run, `HISTORY`; accuracies are those of slices."""
    parts = [run["history"].assign(**_name(run)) for run in runs if len(run["history"])]
    return _concat([part.reindex(columns=list(HISTORY)) for part in parts], HISTORY)


def confusion_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row a cell, `CONFUSION`, at the levels ``slice`` and ``track``; `share` is of the true class.

    Of more than `MOST_WHOLE` classes, cells in which nothing is are left out, but for those of a class with itself.
    Where tracks are tested in several rounds, counts are those of all rounds. Where training slices were predicted,
    they have the level ``training slice``.
    """
    parts = [
        _cells(counts, classes).assign(level=level, **place) for place, level, counts, classes in _confusions(runs)
    ]
    return _concat(parts, CONFUSION)


def classes_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row a class, `CLASSES`, at the levels of `confusion_table`."""
    parts = [
        metrics.per_class(counts).assign(**{"class": classes}, level=level, **place)
        for place, level, counts, classes in _confusions(runs)
    ]
    return _concat(parts, CLASSES)


def tracks_table(runs: Sequence[Run], folds: pd.DataFrame, titles: pd.Series) -> pd.DataFrame:
    """Return a row a tested track of a model and setting, `TRACKS`.

    `share` and `runner_up` are of the majority vote, `probability` is the mean one of `predicted_mean`;
    `correct` is of the majority vote. `titles` are by track id.
    """
    return _tracks([run for run in runs if run["fold"] != FINAL], folds, titles)


def holdout_table(runs: Sequence[Run], folds: pd.DataFrame, titles: pd.Series) -> pd.DataFrame:
    """Return a row a holdout track, `TRACKS`, by the final model."""
    return _tracks([run for run in runs if run["fold"] == FINAL], folds, titles)


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
        dict(zip(_PLACE, place, strict=True)) | _holdout_row(tracks, seed) | _published_holdout(published)
        for place, tracks in holdout.groupby(list(_PLACE), sort=False)
    ]
    return _frame(rows, HOLDOUT)


def holdout_confusion(holdout: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row a cell, `CONFUSION`, of the holdout's majority votes; the level is ``holdout``."""
    names = pd.Index(classes)
    parts = []
    for place, tracks in holdout.groupby(list(_PLACE), sort=False):
        true, predicted = names.get_indexer(tracks["true"]), names.get_indexer(tracks["predicted_majority"])
        counts = metrics.confusion_matrix(true, predicted, len(classes))
        parts.append(_cells(counts, classes).assign(level="holdout", **dict(zip(_PLACE, place, strict=True))))
    return _concat(parts, CONFUSION)


def _scores(runs: Sequence[Run], groups: pd.Series, seed: int) -> dict[str, Any]:
    """Return the scores of runs that know classes."""
    parts = [judged(run) for run in runs]
    found = [metrics.evaluate(everything) for everything in rounds(runs)]
    mean = pd.DataFrame(found).mean()
    slice_accuracies = pd.Series([part.correct.mean() for part in parts if len(part)])
    batches = pd.Series(np.concatenate([batch_accuracies(part, seed=seed) for part in parts]))
    right = _right(rounds(runs))
    tested = right["track_majority"]["track_id"].unique()
    row = {
        "tracks": len(tested),
        "groups": groups.loc[tested].nunique(),
        "slices": round(mean["slices"]),
        "slice_accuracy": slice_accuracies.mean(),
        "slice_fold_sd": slice_accuracies.std(),
        "batch_mean": batches.mean(),
        "batch_sd": batches.std(),
        "track_majority": mean["track_accuracy_majority"],
        "track_mean": mean["track_accuracy_mean"],
        "balanced": mean["track_balanced_accuracy"],
        "baseline": mean["track_baseline"],
        "validation_accuracy": pd.Series([_accuracy(validated(run)) for run in runs]).mean(),
        "repeat_sd": pd.Series([each["track_accuracy_majority"] for each in found]).std(),
    }
    for name, items in right.items():
        low, high = accuracy_interval(items["correct"], groups.loc[items["track_id"]], seed=seed)
        row |= {f"{name}_low": low, f"{name}_high": high}
    return row


def _tag_scores(runs: Sequence[Run], groups: pd.Series, seed: int, resamples: int) -> dict[str, Any]:
    """Return the scores of runs that know tags: means over rounds, intervals of the first."""
    parts = [tags.of_tracks(everything) for everything in rounds(runs)]
    areas = [tags.areas_table(part, groups, seed=seed, resamples=0).iloc[-1] for part in parts]
    mean = pd.DataFrame(areas)[["roc_auc", "pr_auc"]].astype(float)
    first = tags.areas_table(parts[0], groups, seed=seed, resamples=resamples).iloc[-1]
    tested = np.unique(np.concatenate([part.track_id for part in parts]))
    return {
        "tracks": len(tested),
        "groups": groups.loc[tested].nunique(),
        "slices": round(np.mean([len(everything) for everything in rounds(runs)])),
        **mean.mean().to_dict(),
        **{name: first[name] for name in ("roc_auc_low", "roc_auc_high", "pr_auc_low", "pr_auc_high")},
        "repeat_sd": mean["roc_auc"].std(),
    }


def _right(parts: Sequence[Predictions]) -> dict[str, pd.DataFrame]:
    """Return ``track_id, correct`` of slices, and of tracks by either rule, over all rounds."""
    found: dict[str, list[pd.DataFrame]] = {"slice": [], "track_majority": [], "track_mean": []}
    for part in parts:
        found["slice"].append(pd.DataFrame({"track_id": part.track_id, "correct": part.correct}))
        for name, decide in (("track_majority", majority), ("track_mean", mean_probability)):
            tracks = decide(part)
            found[name].append(tracks[["track_id"]].assign(correct=tracks["predicted"] == tracks["label"]))
    return {name: pd.concat(frames, ignore_index=True) for name, frames in found.items()}


def _confusions(runs: Sequence[Run]) -> list[tuple[dict[str, str], str, np.ndarray, tuple[str, ...]]]:
    """Return place, level, counts and classes of every setting of which something finished."""
    found = []
    for place, members in by_setting(runs):
        good = [run for run in members if finished(run) and not is_tagged(run)]
        if good:
            parts = rounds(good)
            counts = [metrics.confusions(part) for part in parts]
            for level, rule in (("slice", "slice"), ("track", "track_majority")):
                found.append((place, level, sum(each[rule] for each in counts), parts[0].classes))
            known = [part for part in (of_role(run, TRAIN) for run in good) if len(part)]
            if known:
                counts = sum(metrics.confusions(part)["slice"] for part in known)
                found.append((place, "training slice", counts, parts[0].classes))
    return found


def _cells(counts: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    names, is_written = np.asarray(classes, object), np.ones(counts.shape, bool)
    if len(classes) > MOST_WHOLE:
        is_written = (counts > 0) | np.eye(len(classes), dtype=bool)
    true, predicted = np.nonzero(is_written)
    shares = metrics.row_shares(counts)[true, predicted]
    return pd.DataFrame(
        {"true": names[true], "predicted": names[predicted], "count": counts[true, predicted], "share": shares}
    )


def _tracks(runs: Sequence[Run], folds: pd.DataFrame, titles: pd.Series) -> pd.DataFrame:
    parts = []
    for run in runs:
        predictions = judged(run) if finished(run) and not is_tagged(run) else ()
        if not len(predictions):
            continue
        classes, groups = np.asarray(predictions.classes, object), group_of(folds, run["protocol"])
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


def _name(run: Run) -> dict[str, Any]:
    return {name: run[name] for name in (*_PLACE, "fold", "repeat")}


def _last(run: Run) -> float:
    return float(run["history"]["accuracy"].iloc[-1]) if len(run["history"]) else np.nan


def _accuracy(predictions: Predictions) -> float:
    return float(predictions.correct.mean()) if len(predictions) else np.nan


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns))


def _concat(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)[list(columns)] if parts else _frame([], columns)
