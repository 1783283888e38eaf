"""Tables of a study's runs: accuracies, confusion matrices, tracks and the holdout, as tidy data frames.

A diverged run is counted and excluded from all scores; a setting without finished runs has NaN scores. Track accuracies
are by majority vote unless a rule is named. Tables of classes leave out runs that predict tags, and vice versa.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from genreflow.evaluation import metrics, tags
from genreflow.evaluation.calibration import log_loss
from genreflow.evaluation.intervals import accuracy_interval, exact_interval
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.published import NAMES
from genreflow.evaluation.registry import (
    Column,
    StudyTable,
    area,
    area_column,
    concat,
    count_column,
    duration,
    frame_of,
    interval_column,
    number,
    percent_column,
    plus_minus,
    points,
    text_column,
)
from genreflow.evaluation.runs import (
    SETTING,
    Run,
    by_setting,
    finished,
    group_of,
    is_tagged,
    judged,
    of_role,
    rounds,
    validated,
)
from genreflow.evaluation.tags import TagPredictions
from genreflow.evaluation.votes import majority, mean_probability
from genreflow.folds.roles import FINAL, TRAIN

MAX_COMPLETE = 40
"""Number of classes up to which a confusion table has all cells."""
SYNTHETIC = " (synthetic)"
"""Ends the name of synthetic music in the column `music` of a table."""
RUNS = (
    *SETTING, "fold", "repeat", "status", "train_tracks", "test_tracks", "test_slices", "slice_accuracy",
    "track_accuracy_majority", "track_accuracy_mean", "train_accuracy", "validation_accuracy", "epochs", "kept_epoch",
    "seconds", "device", "resumed", "chosen",
)  # fmt: skip
SETTINGS = (
    *SETTING, "folds", "diverged", "rounds", "tracks", "groups", "slices", "slice_accuracy", "slice_low", "slice_high",
    "slice_fold_sd", "batch_mean", "batch_sd", "track_majority", "track_majority_low", "track_majority_high",
    "track_mean", "track_mean_low", "track_mean_high", "balanced", "baseline", "train_accuracy", "validation_accuracy",
    "roc_auc", "roc_auc_low", "roc_auc_high", "pr_auc", "pr_auc_low", "pr_auc_high", "repeat_sd",
    "train_loss", "test_loss", "binary_accuracy", "precision_0", "recall_0", "precision_1", "recall_1",
)  # fmt: skip
_AREAS = ("roc_auc", "roc_auc_low", "roc_auc_high", "pr_auc", "pr_auc_low", "pr_auc_high")
_CELLS = ("binary_accuracy", "precision_0", "recall_0", "precision_1", "recall_1")
EXPERIMENTS = ("experiment", "title", "axis", "value", *SETTINGS, *NAMES, "difference")
HISTORY = (
    *SETTING, "fold", "repeat", "epoch", "loss", "accuracy", "validation_loss", "validation_accuracy",
)  # fmt: skip
CONFUSION = ("level", *SETTING, "true", "predicted", "count", "share")
CLASSES = ("level", *SETTING, "class", "precision", "recall", "f1", "support")
TRACKS = (
    *SETTING, "fold", "repeat", "track_id", "title", "group", "true", "predicted_majority", "share", "runner_up",
    "predicted_mean", "probability", "slices", "correct",
)  # fmt: skip
HOLDOUT = (
    *SETTING, "tracks", "groups", "majority_correct", "majority", "majority_low", "majority_high", "mean_correct",
    "mean", "mean_low", "mean_high", "interval", "published_correct", "published_tracks", "published",
)  # fmt: skip


def runs_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per run, `RUNS`; the final run is tested on the holdout. Diverged runs have no accuracies."""
    rows = []
    for run in runs:
        info = run["info"]
        row = _identity(run) | {
            "status": info["status"],
            "train_tracks": info["dataset"]["tracks"]["train"],
            "epochs": len(run["history"]),
            "kept_epoch": info["kept_epoch"],
            "seconds": info["seconds"]["total"],
            "device": info["device"],
            "resumed": bool(info.get("resumed")),
            "chosen": ", ".join(f"{name} {value:.3g}" for name, value in info.get("chosen", {}).items()),
        }
        if finished(run):
            predictions = judged(run)
            row |= {"test_slices": len(predictions), "test_tracks": len(set(predictions.track_id))}
            row |= {"train_accuracy": _last_accuracy(run)}
            if isinstance(predictions, Predictions):
                scores = metrics.evaluate(predictions)
                row |= {column: scores[column] for column in RUNS if column in scores}
                row |= {"validation_accuracy": _validation_accuracy(run)}
        rows.append(row)
    return frame_of(rows, RUNS)


def settings_table(runs: Sequence[Run], folds: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Return a row per setting, `SETTINGS`.

    `slice_accuracy` is the mean over runs. Accuracies and areas of tracks are those of the test tracks of all folds
    together and, over repeats or random draws of the folds, their mean; `rounds` counts these. Intervals are 95 % over
    `groups` (over tracks if no groups are known), each of the very mean beside it. Standard deviations are those of a
    sample (n - 1); `repeat_sd` is that of track accuracies over rounds. `roc_auc` and `pr_auc` are macro averages over
    tags, of tracks by mean probability. `train_loss` is that of the last epoch, mean over runs; `test_loss` is the
    cross-entropy of test slices, in nats and, of tags, per cell; metrics of cells are at a threshold of 0.5.

    Parameters
    ----------
    folds
        Fold tables of all protocols, with the column ``protocol``.
    seed
        Seed of the batches of `metrics.batch_accuracies`.
    """
    rows = []
    for names, members in by_setting(runs):
        row: dict[str, Any] = names | {"folds": len(members)}
        sound = [run for run in members if finished(run)]
        row["diverged"] = len(members) - len(sound)
        if sound:
            groups = group_of(folds, names["protocol"])
            row["train_accuracy"] = pd.Series([_last_accuracy(run) for run in sound]).mean()
            row["train_loss"] = pd.Series([_last_loss(run) for run in sound]).mean()
            if is_tagged(sound[0]):
                row |= _tag_scores(sound, groups)
            else:
                row |= _class_scores(sound, groups, seed)
        rows.append(row)
    return frame_of(rows, SETTINGS)


def experiments_table(
    experiments: Mapping[str, Mapping[str, Any]], settings: pd.DataFrame, published: pd.DataFrame
) -> pd.DataFrame:
    """Return a row per compared value, `EXPERIMENTS`, with the published numbers beside ours.

    Parameters
    ----------
    experiments
        Name -> ``title``, ``axis`` and ``values``, a list of (value, model, setting).
    settings
        The table `settings`.
    published
        As from `published.published_table`.
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
    """Return a row per epoch of a run, `HISTORY`; accuracies are those of slices."""
    parts = [run["history"].assign(**_identity(run)) for run in runs if len(run["history"])]
    return concat([part.reindex(columns=list(HISTORY)) for part in parts], HISTORY)


def confusion_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per cell, `CONFUSION`, at the levels ``slice`` and ``track``; `share` is of the true class.

    With more than `MAX_COMPLETE` classes, empty cells off the diagonal are left out. Counts are summed over the rounds
    in which tracks are tested. Predicted training slices have the level ``training slice``.
    """
    parts = [
        _cells(counts, classes).assign(level=level, **names) for names, level, counts, classes in _confusions(runs)
    ]
    return concat(parts, CONFUSION)


def classes_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row per class, `CLASSES`, at the levels of `confusion_table`."""
    parts = [
        metrics.per_class(counts).assign(**{"class": classes}, level=level, **names)
        for names, level, counts, classes in _confusions(runs)
    ]
    return concat(parts, CLASSES)


def tracks_table(runs: Sequence[Run], folds: pd.DataFrame, titles: pd.Series) -> pd.DataFrame:
    """Return a row per test track of a setting, `TRACKS`.

    `share`, `runner_up` and `correct` refer to the majority vote; `probability` is the mean probability of
    `predicted_mean`. `titles` are by track id.
    """
    return _tracks([run for run in runs if run["fold"] != FINAL], folds, titles)


def holdout_table(runs: Sequence[Run], folds: pd.DataFrame, titles: pd.Series) -> pd.DataFrame:
    """Return a row per holdout track, `TRACKS`, predicted by the final model."""
    return _tracks([run for run in runs if run["fold"] == FINAL], folds, titles)


def holdout_summary(holdout: pd.DataFrame, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a row per final model, `HOLDOUT`: correct tracks by two rules, with 95 % intervals.

    Parameters
    ----------
    holdout
        The table `holdout`.
    published
        Published confusion matrix, ``true, predicted, count``.
    """
    rows = [
        dict(zip(SETTING, names, strict=True)) | _holdout_row(tracks) | _published_holdout(published)
        for names, tracks in holdout.groupby(list(SETTING), sort=False)
    ]
    return frame_of(rows, HOLDOUT)


def holdout_confusion(holdout: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return a row per cell, `CONFUSION`, of the holdout's majority votes; the level is ``holdout``."""
    index = pd.Index(classes)
    parts = []
    for names, tracks in holdout.groupby(list(SETTING), sort=False):
        true, predicted = index.get_indexer(tracks["true"]), index.get_indexer(tracks["predicted_majority"])
        counts = metrics.confusion_matrix(true, predicted, len(classes))
        parts.append(_cells(counts, classes).assign(level="holdout", **dict(zip(SETTING, names, strict=True))))
    return concat(parts, CONFUSION)


def _class_scores(runs: Sequence[Run], groups: pd.Series, seed: int) -> dict[str, Any]:
    """Return the scores of runs that predict classes."""
    parts, pooled = [judged(run, Predictions) for run in runs], rounds(runs, Predictions)
    scores = [metrics.evaluate(part) for part in pooled]
    mean = pd.DataFrame(scores).mean()
    slice_accuracies = pd.Series([part.correct.mean() for part in parts if len(part)])
    batches = pd.Series(np.concatenate([metrics.batch_accuracies(part, seed=seed) for part in parts]))
    correct = _correct(parts, pooled)
    tested = correct["track_majority"]["track_id"].unique()
    row = {
        "tracks": len(tested),
        "groups": groups.loc[tested].nunique(),
        "rounds": len(pooled),
        "slices": round(mean["slices"]),
        "slice_accuracy": slice_accuracies.mean(),
        "slice_fold_sd": slice_accuracies.std(),
        "batch_mean": batches.mean(),
        "batch_sd": batches.std(),
        "track_majority": mean["track_accuracy_majority"],
        "track_mean": mean["track_accuracy_mean"],
        "balanced": mean["track_balanced_accuracy"],
        "baseline": mean["track_baseline"],
        "validation_accuracy": pd.Series([_validation_accuracy(run) for run in runs]).mean(),
        "repeat_sd": pd.Series([each["track_accuracy_majority"] for each in scores]).std(),
        "test_loss": pd.Series([log_loss(part.proba, part.label) for part in parts if len(part)]).mean(),
    }
    for name, items in correct.items():
        low, high = accuracy_interval(items["correct"], groups.loc[items["track_id"]], items["weight"])
        row |= {f"{name}_low": low, f"{name}_high": high}
    return row


def _tag_scores(runs: Sequence[Run], groups: pd.Series) -> dict[str, Any]:
    """Return the scores of runs that predict tags."""
    pooled = rounds(runs, TagPredictions)
    parts = [tags.of_tracks(part) for part in pooled]
    single = pd.Series([tags.areas_table(part, intervals=False)["roc_auc"].iloc[-1] for part in parts])
    tested = np.unique(np.concatenate([part.track_id for part in parts]))
    cells = pd.DataFrame([tags.evaluate(part) for part in parts]).filter(like="track_").mean(numeric_only=True)
    return {
        "tracks": len(tested),
        "groups": groups.loc[tested].nunique(),
        "rounds": len(pooled),
        "slices": round(np.mean([len(part) for part in pooled])),
        **tags.areas_table(*parts, groups=groups).iloc[-1][list(_AREAS)].to_dict(),
        "repeat_sd": single.std(),
        "test_loss": float(np.mean([tags.log_loss(part) for part in pooled])),
        **{name: cells[f"track_{name}"] for name in _CELLS},
    }


def _correct(parts: Sequence[Predictions], pooled: Sequence[Predictions]) -> dict[str, pd.DataFrame]:
    """Return ``track_id, correct, weight`` of slices, and of tracks by two rules.

    By their weights, a share of correct slices is the mean over runs, `parts`, and one of tracks that over rounds.
    """
    rules = {"track_majority": majority, "track_mean": mean_probability}
    frames = {"slice": [pd.DataFrame({"track_id": part.track_id, "correct": part.correct}) for part in parts]}
    for name, decide in rules.items():
        tables = [decide(part) for part in pooled]
        frames[name] = [each[["track_id"]].assign(correct=each["predicted"] == each["label"]) for each in tables]
    return {
        name: pd.concat([table.assign(weight=1 / max(1, len(table))) for table in tables], ignore_index=True)
        for name, tables in frames.items()
    }


def _confusions(runs: Sequence[Run]) -> Iterator[tuple[dict[str, str], str, np.ndarray, tuple[str, ...]]]:
    """Yield names, level, counts and classes of every setting with finished runs."""
    for names, members in by_setting(runs):
        sound = [run for run in members if finished(run) and not is_tagged(run)]
        if not sound:
            continue
        parts = rounds(sound, Predictions)
        counts = [metrics.confusions(part) for part in parts]
        for level, rule in (("slice", "slice"), ("track", "track_majority")):
            yield names, level, np.sum([each[rule] for each in counts], axis=0), parts[0].classes
        trained = [part for part in (of_role(run, TRAIN, Predictions) for run in sound) if len(part)]
        if trained:
            slices = np.sum([metrics.confusions(part)["slice"] for part in trained], axis=0)
            yield names, "training slice", slices, parts[0].classes


def _cells(counts: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    names, is_listed = np.asarray(classes, object), np.ones(counts.shape, bool)
    if len(classes) > MAX_COMPLETE:
        is_listed = (counts > 0) | np.eye(len(classes), dtype=bool)
    true, predicted = np.nonzero(is_listed)
    shares = metrics.row_shares(counts)[true, predicted]
    return pd.DataFrame(
        {"true": names[true], "predicted": names[predicted], "count": counts[true, predicted], "share": shares}
    )


def _tracks(runs: Sequence[Run], folds: pd.DataFrame, titles: pd.Series) -> pd.DataFrame:
    parts = []
    for run in runs:
        predictions = judged(run)
        if not finished(run) or not isinstance(predictions, Predictions) or not len(predictions):
            continue
        classes, groups = np.asarray(predictions.classes, object), group_of(folds, run["protocol"])
        votes, means = majority(predictions), mean_probability(predictions)
        parts.append(
            pd.DataFrame(
                {
                    **_identity(run),
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
    return concat(parts, TRACKS)


def _holdout_row(tracks: pd.DataFrame) -> dict[str, Any]:
    n_groups = tracks["group"].nunique()
    is_ungrouped = n_groups == len(tracks)
    row = {
        "tracks": len(tracks),
        "groups": n_groups,
        "interval": "exact, over tracks" if is_ungrouped else "jackknife over groups",
    }
    for rule in ("majority", "mean"):
        correct = (tracks[f"predicted_{rule}"] == tracks["true"]).to_numpy()
        if is_ungrouped:
            low, high = exact_interval(int(correct.sum()), len(correct))
        else:
            low, high = accuracy_interval(correct, tracks["group"])
        row |= {f"{rule}_correct": int(correct.sum()), rule: correct.mean()}
        row |= {f"{rule}_low": low, f"{rule}_high": high}
    return row


def _published_holdout(published: pd.DataFrame | None) -> dict[str, Any]:
    if published is None:
        return {}
    total = int(published["count"].sum())
    correct = int(published.loc[published["true"] == published["predicted"], "count"].sum())
    return {"published_correct": correct, "published_tracks": total, "published": correct / total}


def _identity(run: Run) -> dict[str, Any]:
    values = dict(run)
    return {name: values[name] for name in (*SETTING, "fold", "repeat")}


def _last_accuracy(run: Run) -> float:
    return float(run["history"]["accuracy"].iloc[-1]) if len(run["history"]) else np.nan


def _last_loss(run: Run) -> float:
    return float(run["history"]["loss"].iloc[-1]) if len(run["history"]) else np.nan


def _validation_accuracy(run: Run) -> float:
    part = validated(run, Predictions)
    return float(part.correct.mean()) if len(part) else np.nan


_PREDICTED_BY = "Each was predicted by a model that was not trained on it."
MODEL, SETTING_NAME, PROTOCOL = (
    text_column("Model", "model"),
    text_column("Setting", "setting"),
    text_column("Protocol", "protocol"),
)
ROC, PR = (
    area_column("ROC-AUC, mean over tags", "roc_auc"),
    area_column("PR-AUC, mean over tags", "pr_auc"),
)
_SLICE = interval_column("Slice accuracy (%)", "slice_accuracy", "slice")
_PUBLISHED = Column("Published slice accuracy ± SD (%)", ("published_mean", "published_sd"), plus_minus)
_DIFFERENCE = Column("Ours − published (points)", ("difference",), points)
_BATCH = Column("Batch accuracy ± SD (%)", ("batch_mean", "batch_sd"), plus_minus)
_MAJORITY = interval_column("Track accuracy, majority vote (%)", "track_majority")
_TRAINING = percent_column("Training accuracy (%)", "train_accuracy")
_TRACK_COLUMNS = (
    text_column("Fold", "fold"),
    text_column("Track", "title"),
    text_column("True class", "true"),
    text_column("Majority vote", "predicted_majority"),
    percent_column("Share of slices (%)", "share"),
    text_column("Runner-up", "runner_up"),
    text_column("Mean probability", "predicted_mean"),
    percent_column("Probability (%)", "probability"),
    count_column("Slices", "slices"),
)
# Columns of the table `settings` that the page shows in a second table.
MEASURES = (
    MODEL,
    SETTING_NAME,
    _BATCH,
    percent_column("SD of slice accuracy over folds (%)", "slice_fold_sd"),
    percent_column("Balanced track accuracy (%)", "balanced"),
    count_column("Tracks", "tracks"),
    count_column("Slices", "slices"),
    count_column("Folds", "folds"),
    count_column("Diverged folds", "diverged"),
)

TABLES = (
    StudyTable(
        "runs",
        lambda results: runs_table(results.all_runs),
        RUNS,
        section="Results",
        title="All runs",
        caption=(
            "Each row is one training: a model in a setting on a fold. The names of accuracies include their level; "
            "test tracks took no part in the training."
        ),
        shown=(
            MODEL,
            SETTING_NAME,
            text_column("Fold", "fold"),
            text_column("Status", "status"),
            count_column("Training tracks", "train_tracks"),
            count_column("Test tracks", "test_tracks"),
            count_column("Test slices", "test_slices"),
            percent_column("Slice accuracy (%)", "slice_accuracy"),
            percent_column("Track accuracy, majority vote (%)", "track_accuracy_majority"),
            percent_column("Track accuracy, mean probability (%)", "track_accuracy_mean"),
            percent_column("Training accuracy (%)", "train_accuracy"),
            count_column("Epochs", "epochs"),
            Column("Time", ("seconds",), duration),
            text_column("Device", "device"),
            text_column("Chosen by inner folds", "chosen"),
        ),
        folded=True,
    ),
    StudyTable(
        "settings",
        lambda results: settings_table(results.all_runs, results.folds, seed=results.seed),
        SETTINGS,
        section="Results",
        title="Accuracy of each setting over all folds, with 95 % intervals",
        caption=(
            "Each row is a setting over all its folds: accuracies of slices and of tracks (by majority vote and by "
            "mean probability) with 95 % intervals over groups, or over tracks if no groups are known, and the "
            "majority baseline. Diverged runs are excluded."
        ),
        shown=(
            MODEL,
            SETTING_NAME,
            PROTOCOL,
            ROC,
            PR,
            percent_column("Majority baseline (%)", "baseline"),
            _SLICE,
            _PUBLISHED,
            _DIFFERENCE,
            _MAJORITY,
            interval_column("Track accuracy, mean probability (%)", "track_mean"),
            _TRAINING,
        ),
    ),
    StudyTable(
        "experiments",
        lambda results: experiments_table(results.study["experiments"], results["settings"], results.published_scores),
        EXPERIMENTS,
        section="Experiments",
        title="The compared values",
        caption=(
            "Each row is a value that an experiment compares: the row of its setting, and the published numbers beside "
            "ours if there are any."
        ),
        shown=(
            text_column("Value", "value"),
            PROTOCOL,
            ROC,
            Column("Published ROC-AUC", ("published_roc_auc",), area),
            Column("Published ROC-AUC, validation", ("published_validation_roc_auc",), area),
            PR,
            Column("Published PR-AUC", ("published_pr_auc",), area),
            Column("Published PR-AUC, validation", ("published_validation_pr_auc",), area),
            percent_column("Published track accuracy (%)", "published_track"),
            percent_column("Validation accuracy (%)", "validation_accuracy"),
            percent_column("Published validation accuracy (%)", "published_validation"),
            _SLICE,
            _PUBLISHED,
            _DIFFERENCE,
            _BATCH,
            _MAJORITY,
            _TRAINING,
            percent_column("Published training accuracy (%)", "published_train"),
            percent_column("Published training accuracy of cells (%)", "published_train_binary_accuracy"),
            Column("Training loss", ("train_loss",), number),
            Column("Published training loss", ("published_train_loss",), number),
            Column("Test loss", ("test_loss",), number),
            Column("Published validation loss", ("published_validation_loss",), number),
            percent_column("Right tags and non-tags (%)", "binary_accuracy"),
            percent_column("Published right tags and non-tags (%)", "published_binary_accuracy"),
            percent_column("Precision of the label 0 (%)", "precision_0"),
            percent_column("Published precision of the label 0 (%)", "published_precision_0"),
            percent_column("Recall of the label 0 (%)", "recall_0"),
            percent_column("Published recall of the label 0 (%)", "published_recall_0"),
            percent_column("Precision of the label 1 (%)", "precision_1"),
            percent_column("Recall of the label 1 (%)", "recall_1"),
        ),
    ),
    StudyTable("history", lambda results: history_table(results.runs), HISTORY),
    StudyTable(
        "confusion",
        lambda results: concat(
            [confusion_table(results.all_runs), holdout_confusion(results["holdout"], results.final_classes)], CONFUSION
        ),
        CONFUSION,
        section="Confusion",
        title="Cells of the confusion matrices",
        caption=(
            "Each row is a cell: the number of items of a true class with a predicted class; ``share`` is of the true "
            "class. The level is ``slice``, ``track`` or, for the final model, ``holdout``."
        ),
    ),
    StudyTable(
        "classes",
        lambda results: classes_table(results.all_runs),
        CLASSES,
        section="Confusion",
        title="Precision, recall and F1 of each class",
        caption="Each row is a class at a level: precision, recall, F1 and the number of items.",
        shown=(
            text_column("Class", "class"),
            percent_column("Precision (%)", "precision"),
            percent_column("Recall (%)", "recall"),
            percent_column("F1 (%)", "f1"),
            count_column("Support", "support"),
        ),
        of_headline=True,
    ),
    StudyTable(
        "tracks",
        lambda results: tracks_table(results.all_runs, results.folds, results.titles),
        TRACKS,
        section="Confusion",
        title="All test tracks",
        caption=(
            "Each row is a test track: its class, the predictions by majority vote and by mean probability, the share "
            f"of slices that voted for the prediction, and the runner-up. {_PREDICTED_BY}"
        ),
        shown=_TRACK_COLUMNS,
        folded=True,
        of_headline=True,
    ),
    StudyTable(
        "holdout",
        lambda results: holdout_table(results.runs, results.folds, results.titles),
        TRACKS,
        section="Holdout",
        title="All holdout tracks",
        caption=(
            "Each row is a holdout track, which is in no fold, with the predictions of the final model. The table is "
            "empty if the study has no holdout."
        ),
        shown=_TRACK_COLUMNS,
        folded=True,
    ),
)
