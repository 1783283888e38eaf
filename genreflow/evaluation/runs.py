"""Trained runs, and the predictions that evaluate them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict, TypeVar, overload

import pandas as pd

from genreflow.evaluation import predictions, tags
from genreflow.evaluation.predictions import Predictions, pool
from genreflow.evaluation.tags import TagPredictions
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN, VALIDATION

DIVERGED = "diverged"
SETTING = ("model", "setting", "protocol")
"""The columns that identify a setting in every table."""

AnyPredictions = Predictions | TagPredictions
P = TypeVar("P", Predictions, TagPredictions)


class Run(TypedDict):
    """A run as it is stored: `info` is its ``run.json``, the data frames are its tables.

    The runs of one `round` test each track at most once: they are the folds of one repeat or, where folds are drawn at
    random, a single fold.
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
    """Return whether training ended with finite numbers, after its last epoch or by early stopping."""
    return run["info"]["status"] != DIVERGED


def is_tagged(run: Run) -> bool:
    """Return whether the run predicts tags, of which a track has any number, instead of one class."""
    return bool(run["info"]["tags"])


@overload
def judged(run: Run) -> AnyPredictions: ...
@overload
def judged(run: Run, kind: type[P]) -> P: ...
def judged(run: Run, kind: type = object) -> Any:
    """Return the predictions that evaluate a run: those of its test tracks, or of the holdout for the final run."""
    return of_role(run, HOLDOUT if run["fold"] == FINAL else TEST, kind)


@overload
def validated(run: Run) -> AnyPredictions: ...
@overload
def validated(run: Run, kind: type[P]) -> P: ...
def validated(run: Run, kind: type = object) -> Any:
    """Return the predictions of a run's validation tracks; there may be none."""
    return of_role(run, VALIDATION, kind)


def of_role(run: Run, role: str, kind: type = object) -> Any:
    """Return the predictions of the slices in one role, as `Predictions` or `TagPredictions`.

    `kind` is the type that the caller can handle; a run of the other type raises TypeError.
    """
    rows = run["predictions"]
    read = tags.from_frame if is_tagged(run) else predictions.from_frame
    part = read(rows[rows["role"] == role].reset_index(drop=True), run["info"]["classes"])
    if not isinstance(part, kind):
        raise TypeError(f"{run['model']} {run['setting']}: its predictions are {type(part).__name__}.")
    return part


def by_setting(runs: Sequence[Run]) -> Iterator[tuple[dict[str, str], list[Run]]]:
    """Yield ``model, setting, protocol`` with the cross-validated runs of each, in order of first appearance."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        if run["fold"] != FINAL:
            groups.setdefault((run["model"], run["setting"], run["protocol"]), []).append(run)
    for names, members in groups.items():
        yield dict(zip(SETTING, names, strict=True)), members


def rounds(runs: Sequence[Run], kind: type[P]) -> list[P]:
    """Return the test predictions of one setting, pooled by round."""
    parts: dict[str, list[P]] = {}
    for run in runs:
        parts.setdefault(run["round"], []).append(judged(run, kind))
    return [pool(members) for members in parts.values()]


def with_known_groups(folds: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Return fold tables with the group that is known of each track, also where its protocol takes no account of it.

    Tracks of one album are alike whether or not they are kept on one side of a fold, so intervals and tests need the
    albums in any case.

    Parameters
    ----------
    folds
        Columns ``track_id, group``; the group is the track itself where a protocol does not keep groups together.
    groups
        Group of each track by track id; None where none is known.
    """
    known = folds["track_id"].map(groups[~groups.index.duplicated()])
    is_alone = (folds["group"] == folds["track_id"]) & known.notna()
    return folds.assign(group=folds["group"].mask(is_alone, known))


def divided_groups(folds: pd.DataFrame, protocol: str) -> int:
    """Return the number of groups of several tracks with tracks on both sides of a fold."""
    rows = folds[(folds["protocol"] == protocol) & (folds["group"] != folds["track_id"])]
    trained = rows[rows["role"] == TRAIN]
    tested = rows[rows["role"].isin((TEST, HOLDOUT))]
    both = tested.merge(trained, on=["fold", "group"])
    return int(both.loc[both["track_id_x"] != both["track_id_y"], "group"].nunique())


def group_of(folds: pd.DataFrame, protocol: str) -> pd.Series:
    """Return the group of each track under a protocol, by track id."""
    rows = folds[folds["protocol"] == protocol]
    return rows.drop_duplicates("track_id").set_index("track_id")["group"]
