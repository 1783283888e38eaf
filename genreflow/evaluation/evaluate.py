"""Scores of predictions on disk or in a data frame, with intervals: the public `genreflow.evaluate`."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from genreflow.errors import UserError
from genreflow.evaluation import metrics, tags
from genreflow.evaluation.intervals import accuracy_interval
from genreflow.evaluation.predictions import Predictions, from_frame
from genreflow.evaluation.votes import majority, mean_probability
from genreflow.folds.roles import FINAL, HOLDOUT, TEST
from genreflow.store.parquet import read_frame, read_header
from genreflow.store.runs import PREDICTIONS, RUN, read_run

COLUMNS = ("value", "low", "high")


def evaluate(
    predictions: str | os.PathLike | pd.DataFrame,
    *,
    classes: Sequence[str] | None = None,
    groups: pd.Series | None = None,
) -> pd.DataFrame:
    """Score predictions of slices, at slice level and at track level.

    Parameters
    ----------
    predictions
        The folder of a run, or of a setting, whose folds are pooled; or a data frame with a row per slice:
        ``track_id``, ``slice``, ``label`` (or ``tags``, lists of names) and the probabilities, in columns named
        ``p0 ... pK-1`` or as the classes are. Of a frame with the column ``role`` the tested rows count.
    classes
        The K classes or tags in the order of the probabilities; only for a data frame.
    groups
        Group (artist, album) of each track, by track id. Intervals are over groups; a track is its own group if it
        has none. Of a run they are read from the tables of its study.

    Returns
    -------
    pd.DataFrame
        A row per metric, named with its level; columns ``value, low, high``, the ends of the 95 % interval. They are
        NaN for a metric without an interval. ``track_baseline`` is the accuracy of predicting the most common class.

    Raises
    ------
    UserError
        When there are no predictions, or they contradict themselves.

    Examples
    --------
    >>> import genreflow as gf
    >>> gf.evaluate("results/demo/runs/psytrance_cnn/base")  # doctest: +SKIP
    >>> import pandas as pd
    >>> frame = pd.DataFrame(
    ...     {"track_id": ["a", "b"], "slice": [0, 0], "label": ["goa", "dark"], "goa": [0.9, 0.6], "dark": [0.1, 0.4]}
    ... )
    >>> float(gf.evaluate(frame, classes=["goa", "dark"]).at["track_accuracy_majority", "value"])
    0.5
    """
    if isinstance(predictions, pd.DataFrame):
        if classes is None:
            raise UserError("evaluate: a data frame needs `classes`, the names in the order of the probabilities.")
        frame = _tested(_numbered(predictions, classes))
    else:
        frame, classes = _read(Path(predictions))
        groups = _groups(Path(predictions)) if groups is None else groups
    if frame.empty:
        raise UserError("evaluate: there are no predictions of tested tracks.")
    units = frame.drop_duplicates("track_id").set_index("track_id").index.to_series()
    if groups is not None:
        units = groups[~groups.index.duplicated()].reindex(units.index).fillna(units)
    if "tags" in frame:
        return _tag_scores(tags.from_frame(frame, classes), units)
    return _class_scores(from_frame(frame, classes), units)


def _class_scores(slices: Predictions, groups: pd.Series) -> pd.DataFrame:
    levels = {"slice_accuracy": pd.DataFrame({"track_id": slices.track_id, "correct": slices.correct})}
    for name, decide in (("majority", majority), ("mean", mean_probability)):
        tracks = decide(slices)
        levels[f"track_accuracy_{name}"] = tracks.assign(correct=tracks["predicted"] == tracks["label"])
    rows = {}
    for name, items in levels.items():
        correct = items["correct"].to_numpy()
        rows[name] = correct.mean(), *accuracy_interval(correct, groups.loc[items["track_id"]])
    votes = levels["track_accuracy_majority"]
    confusion = metrics.confusion_matrix(votes["label"].to_numpy(), votes["predicted"].to_numpy(), len(slices.classes))
    alone = {
        "track_balanced_accuracy": metrics.balanced_accuracy(confusion),
        "track_macro_f1": metrics.macro(confusion, "f1"),
        "track_baseline": metrics.majority_baseline(confusion),
    }
    return _table(rows | {name: (value, np.nan, np.nan) for name, value in alone.items()})


def _tag_scores(slices: tags.TagPredictions, groups: pd.Series) -> pd.DataFrame:
    mean = tags.areas_table(tags.of_tracks(slices), groups=groups).iloc[-1]
    names = ("roc_auc", "pr_auc")
    return _table({f"track_{name}_macro": (mean[name], mean[f"{name}_low"], mean[f"{name}_high"]) for name in names})


def _table(rows: dict[str, tuple[float, float, float]]) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS), dtype=float)
    return table.rename_axis("metric")


def _numbered(frame: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return a frame whose probabilities are named `p0 ... pK-1`."""
    if not set(classes) <= set(frame):
        return frame
    return frame.rename(columns={name: f"p{number}" for number, name in enumerate(classes)})


def _tested(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that evaluate a model: test rows, or holdout rows if there are none."""
    if "role" not in frame:
        return frame.reset_index(drop=True)
    roles = [role for role in (TEST, HOLDOUT) if (frame["role"] == role).any()]
    return frame[frame["role"].isin(roles[:1])].reset_index(drop=True)


def _read(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the tested rows of a run, or of the folds of a setting, and its classes."""
    homes = [path] if (path / RUN).exists() else sorted(_folds_in(path))
    if not homes:
        raise UserError(f"{path} holds no run: name the folder of one (fold-1), or of a setting.")
    for home in homes:
        read_run(home, files=[PREDICTIONS])  # checks the seal of what is read below
    classes = read_header(homes[0] / PREDICTIONS, "predictions").facts["classes"]
    parts = [_tested(read_frame(home / PREDICTIONS, "predictions")) for home in homes]
    return pd.concat(parts, ignore_index=True).drop_duplicates(["track_id", "slice"], ignore_index=True), classes


def _folds_in(path: Path) -> Iterable[Path]:
    """Yield the runs of the first repeat of each fold; the final model's only where it is alone."""
    folds = [home for home in path.glob("fold-*") if (home / RUN).exists() and "r" not in home.name.partition("-")[2]]
    return [home for home in folds if home.name != f"fold-{FINAL}"] or folds


def _groups(path: Path) -> pd.Series | None:
    """Return the groups of tracks as the tables of a run's study have them; None where they are not found."""
    for folder in path.resolve().parents:
        table = folder / "tables" / "tracks.parquet"
        if folder.joinpath("runs").is_dir() and table.exists():
            return read_frame(table, "table", ["track_id", "group"]).set_index("track_id")["group"].dropna()
    return None
