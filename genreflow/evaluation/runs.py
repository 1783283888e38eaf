"""Trained runs, and what they said of the tracks they may be judged by."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

import pandas as pd

from genreflow.evaluation import predictions, tags
from genreflow.evaluation.predictions import Predictions, pool
from genreflow.evaluation.tags import TagPredictions
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, VALIDATION

DIVERGED = "diverged"


class Run(TypedDict):
    """One run as it is stored: `info` is its ``run.json``, the frames are its tables.

    Runs of one `round` test each track at most once: the folds of one repeat or, where folds are drawn at random, a
    single fold.
    """

    model: str
    setting: str
    protocol: str
    fold: str
    repeat: int
    round: str
    info: Mapping[str, Any]
    history: pd.DataFrame
    predictions: pd.DataFrame


def finished(run: Run) -> bool:
    """Return whether the run trained with finite numbers, to its end or until there was no more improvement."""
    return run["info"]["status"] != DIVERGED


def is_tagged(run: Run) -> bool:
    """Return whether the run predicts any number of tags, and not one class."""
    return bool(run["info"]["tags"])


def judged(run: Run) -> Predictions | TagPredictions:
    """Return the predictions that judge the run: of its test tracks, or of the holdout for `final`."""
    return of_role(run, HOLDOUT if run["fold"] == FINAL else TEST)


def validated(run: Run) -> Predictions | TagPredictions:
    """Return the predictions by which the run's best epoch was chosen; there may be none."""
    return of_role(run, VALIDATION)


def of_role(run: Run, role: str) -> Predictions | TagPredictions:
    """Return the predictions of slices in one role."""
    rows = run["predictions"]
    read = tags.from_frame if is_tagged(run) else predictions.from_frame
    return read(rows[rows["role"] == role].reset_index(drop=True), run["info"]["classes"])


def by_setting(runs: Sequence[Run]) -> Iterator[tuple[dict[str, str], list[Run]]]:
    """Yield ``model, setting, protocol`` with the cross-validated runs of each, in the order of first appearance."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        if run["fold"] != FINAL:
            groups.setdefault((run["model"], run["setting"], run["protocol"]), []).append(run)
    for names, members in groups.items():
        yield dict(zip(("model", "setting", "protocol"), names, strict=True)), members


def rounds(runs: Sequence[Run]) -> list[Predictions | TagPredictions]:
    """Return what runs of one setting are judged by, those of one round together."""
    parts: dict[str, list] = {}
    for run in runs:
        parts.setdefault(run["round"], []).append(judged(run))
    return [pool(members) for members in parts.values()]


def group_of(folds: pd.DataFrame, protocol: str) -> pd.Series:
    """Return the group of each track under a protocol, by track id."""
    mine = folds[folds["protocol"] == protocol]
    return mine.drop_duplicates("track_id").set_index("track_id")["group"]
