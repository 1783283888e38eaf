"""Trained runs, and what they said of the tracks they may be judged by."""

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict

import pandas as pd

from genreflow.evaluation.predictions import Predictions, from_frame, select
from genreflow.folds.roles import FINAL, HOLDOUT, TEST

FINISHED = "finished"


class Run(TypedDict):
    """One run as it is stored: `info` is its ``run.json``, the frames are its tables."""

    model: str
    setting: str
    axes: dict[str, Any]
    fold: str
    info: dict[str, Any]
    history: pd.DataFrame
    predictions: pd.DataFrame


def finished(run: Run) -> bool:
    """Return whether the run trained to its end with finite numbers."""
    return run["info"]["status"] == FINISHED


def judged(run: Run, folds: pd.DataFrame) -> Predictions:
    """Return the predictions on the tracks that judge the run: its test tracks, or the holdout for `final`."""
    role = HOLDOUT if run["fold"] == FINAL else TEST
    tracks = folds.loc[(folds["fold"] == run["fold"]) & (folds["role"] == role), "track_id"]
    return select(from_frame(run["predictions"], run["info"]["classes"]), tracks)


def by_setting(runs: Sequence[Run]) -> Iterator[tuple[str, str, list[Run]]]:
    """Yield each model and setting with its cross-validated runs, in the order of first appearance."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if run["fold"] != FINAL:
            groups.setdefault((run["model"], run["setting"]), []).append(run)
    for (model, setting), members in groups.items():
        yield model, setting, members


def group_of(folds: pd.DataFrame) -> pd.Series:
    """Return the group of each track, by track id."""
    return folds.drop_duplicates("track_id").set_index("track_id")["group"]
