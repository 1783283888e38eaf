"""Verification of a fold table: no group is on both sides, and every track is tested once."""

import pandas as pd

from genreflow.config.folds import FoldSettings
from genreflow.errors import Problems
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN, VALIDATION
from genreflow.store.text import listing


def verify(folds: pd.DataFrame, settings: FoldSettings | None = None) -> None:
    """Verify the invariants of a fold table.

    No track (or segment) has two roles in a fold. No group is both trained on and tested (or held out) in a fold. The
    training part of every fold has every class, and so has every test and validation part, except those of a given
    split, of collections, and those for which a class has too few groups. All folds have the same holdout. In
    stratified folds, every track outside the holdout is tested in exactly one fold.

    Parameters
    ----------
    folds
        Columns `track_id, fold, role, label, group` and, if segments are divided, `slice`.
    settings
        Settings of the folds; stratified by default.

    Raises
    ------
    Problems
        With all tracks, groups, classes and folds that violate an invariant.
    """
    settings = FoldSettings() if settings is None else settings
    problems = [
        *_tracks_with_two_roles(folds),
        *(_groups_on_both_sides(folds) if settings.unit == "track" else []),
        *_absent_classes(folds, _complete_roles(settings)),
        *_tracks_not_tested_once(folds, settings.scheme == "stratified"),
    ]
    if problems:
        raise Problems("The folds cannot be used:", problems)


def _tracks_with_two_roles(folds: pd.DataFrame) -> list[str]:
    unit = ["track_id", "slice"] if "slice" in folds else ["track_id"]
    twice = folds[folds.duplicated(["fold", *unit])]
    return [f"fold {fold}: listed twice: {listing(rows['track_id'].unique())}" for fold, rows in twice.groupby("fold")]


def _groups_on_both_sides(folds: pd.DataFrame) -> list[str]:
    problems = []
    for fold, rows in folds.groupby("fold"):
        trained = rows["role"] == TRAIN
        both = sorted(set(rows.loc[trained, "group"]) & set(rows.loc[~trained, "group"]))
        if both:
            problems.append(f"fold {fold}: on both sides: group {listing(both)}")
    return problems


def _complete_roles(settings: FoldSettings) -> list[str]:
    """Return the roles that every class must have in every fold."""
    if settings.scheme == "given" or settings.leaves_collections_out:
        return [TRAIN]
    return [TRAIN, TEST, *([VALIDATION] if settings.validation or settings.valid else [])]


def _absent_classes(folds: pd.DataFrame, everywhere: list[str]) -> list[str]:
    labels = set(folds["label"])
    problems = []
    used = folds[folds["role"] != HOLDOUT]
    unit = ["track_id", "slice"] if "slice" in folds else ["group"]
    units = used.drop_duplicates(["label", *unit]).groupby("label").size()
    for fold, rows in folds.groupby("fold"):
        for needed, role in enumerate([TRAIN] if fold == FINAL else everywhere, start=1):
            possible = labels - set(units.index[units < needed])
            absent = sorted(possible - set(rows.loc[rows["role"] == role, "label"]))
            if absent:
                problems.append(f"fold {fold}: no {role} track of class {listing(absent)}")
    return problems


def _tracks_not_tested_once(folds: pd.DataFrame, is_each_tested: bool) -> list[str]:
    held_out = folds["role"].eq(HOLDOUT).groupby(folds["track_id"]).mean()
    tests = folds[folds["role"] == TEST].groupby("track_id").size().reindex(held_out.index, fill_value=0)
    problems = []
    if len(wavering := held_out.index[(held_out > 0) & (held_out < 1)]):
        problems.append(f"held out in some folds only: {listing(wavering)}")
    if not is_each_tested:
        return problems
    if len(never := tests.index[(held_out == 0) & (tests == 0)]):
        problems.append(f"never tested: {listing(never)}")
    if len(often := tests.index[tests > 1]):
        problems.append(f"tested in several folds: {listing(often)}")
    return problems
