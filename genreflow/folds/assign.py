"""Tracks to folds: stratified by class, whole groups, and a holdout."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator, GroupKFold, StratifiedGroupKFold, StratifiedKFold

from genreflow.config.folds import FoldSettings
from genreflow.errors import UserError
from genreflow.folds.audit import verify
from genreflow.folds.feasibility import check, even_shares, feasibility, held_out, in_use, spare_tracks
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN, VALIDATION

_HOLDOUT_ATTEMPTS = 32


def assign(tracks: pd.DataFrame, settings: FoldSettings) -> pd.DataFrame:
    """Give every track a role in every fold.

    The result depends on the tracks and the settings, not on the order of rows.

    Parameters
    ----------
    tracks
        Columns `track_id, label, group` and, if known, `split`: where it is `holdout`, the dataset's own
        holdout is used instead of a drawn one.
    settings
        Number of folds, seed, size of the holdout, whether groups count.

    Returns
    -------
    DataFrame
        `track_id, fold, role, label, group`; folds `1`..`n` with roles train, test, holdout, and `final` with
        train and holdout. A track without a group is its own group, as is every track if groups do not count.

    Raises
    ------
    UserError
        When the tracks cannot be divided so that every class is in every fold.
    """
    check(tracks, settings)
    tracks = in_use(tracks, settings)
    aside = held_out(tracks).to_numpy()
    if settings.holdout and not aside.any():
        aside = _draw_holdout(tracks, settings)
    folds = _fold_table(tracks, aside, _divide(tracks[~aside], settings), settings)
    verify(folds)
    return folds


def _divide(tracks: pd.DataFrame, settings: FoldSettings) -> np.ndarray:
    """Return the number of the fold that tests each track."""
    if not tracks["group"].duplicated().any():
        splitter = StratifiedKFold(settings.count, shuffle=True, random_state=_seed(settings.seed, 0))
        return _tested_in(splitter, tracks, groups=None)
    # StratifiedGroupKFold is greedy and hardly varies with its seed: where groups span classes, a class may be
    # absent from each of its answers although it has groups enough. Plain shuffles then find one by luck.
    for splitter, attempts in [(StratifiedGroupKFold, 32), (GroupKFold, 500)]:
        seeds = (_seed(settings.seed, attempt) for attempt in range(attempts))
        shuffles = (splitter(settings.count, shuffle=True, random_state=seed) for seed in seeds)
        divisions = (_tested_in(shuffle, tracks, tracks["group"]) for shuffle in shuffles)
        best = _most_even(divisions, tracks["label"], settings.count)
        if best is not None:
            return best
    raise UserError(
        f"No division into {settings.count} folds was found that keeps groups whole and has every class in "
        f"every fold.\n{feasibility(tracks).to_string(index=False)}\n"
        "Use fewer folds, add groups to the small classes, or drop them."
    )


def _tested_in(splitter: BaseCrossValidator, tracks: pd.DataFrame, groups: pd.Series | None) -> np.ndarray:
    tested_in = np.empty(len(tracks), int)
    for fold, (_, test) in enumerate(splitter.split(tracks, tracks["label"], groups), start=1):
        tested_in[test] = fold
    return tested_in


def _most_even(divisions: Iterator[np.ndarray], labels: pd.Series, count: int) -> np.ndarray | None:
    """Return the division with every class in every fold whose classes are spread best, if there is one."""
    enough = max(1, 0.001 * len(labels))
    best, least = None, np.inf
    for tested_in in divisions:
        folds = pd.Categorical(tested_in, range(1, count + 1))
        counts = pd.crosstab(labels.to_numpy(), folds, dropna=False).to_numpy()
        unevenness = np.abs(counts - counts.mean(axis=1, keepdims=True)).max()
        if counts.all() and unevenness < least:
            best, least = tested_in, unevenness
        if least <= enough:
            break
    return best


def _fold_table(tracks: pd.DataFrame, aside: np.ndarray, tested_in: np.ndarray, settings: FoldSettings) -> pd.DataFrame:
    """Return the table: each fold tests its tracks; with validation, it watches those that the next one tests.

    The final fold tests none, and watches those of the first.
    """
    fold_of = np.zeros(len(tracks), int)
    fold_of[~aside] = tested_in
    columns = tracks[["track_id", "label", "group"]]
    tables = []
    for fold in range(1, settings.count + 2):
        is_final = fold == settings.count + 1
        role = np.full(len(tracks), TRAIN, object)
        if settings.validation:
            role[fold_of == (1 if fold >= settings.count else fold + 1)] = VALIDATION
        if not is_final:
            role[fold_of == fold] = TEST
        role[aside] = HOLDOUT
        tables.append(columns.assign(fold=FINAL if is_final else str(fold), role=role))
    return pd.concat(tables, ignore_index=True)[["track_id", "fold", "role", "label", "group"]]


def _draw_holdout(tracks: pd.DataFrame, settings: FoldSettings) -> np.ndarray:
    """Return which tracks are put aside: even shares of the classes, or as near to them as whole groups allow."""
    wanted = even_shares(settings.holdout, spare_tracks(tracks, settings.count))
    sizes = pd.crosstab(tracks["group"], tracks["label"])[wanted.index]
    rng = np.random.default_rng(settings.seed)
    best, least = None, (np.inf, np.inf)
    for _ in range(_HOLDOUT_ATTEMPTS):
        chosen, missing = _fill(sizes.to_numpy(), wanted.to_numpy(), settings.count, rng.permutation(len(sizes)))
        distance = (abs(missing.sum()), np.abs(missing).sum())
        if distance < least:
            best, least = chosen, distance
        if least == (0, 0):
            break
    if not best:
        raise UserError(
            f"No whole group is small enough for a holdout of {settings.holdout} tracks. "
            "Set folds.holdout to 0 or to the size of some groups, or folds.group to false."
        )
    return tracks["group"].isin(sizes.index[best]).to_numpy()


def _fill(sizes: np.ndarray, wanted: np.ndarray, folds: int, order: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Take groups in `order` while they bring the holdout nearer to `wanted` and leave `folds` groups a class.

    `sizes` [groups, classes] and `wanted` [classes] count tracks. Returns the groups and what is still missing.
    """
    missing, left, chosen = wanted.copy(), (sizes > 0).sum(axis=0), []
    for group in order:
        size = sizes[group]
        nearer = np.abs(missing - size).sum() < np.abs(missing).sum()
        if nearer and np.all(left - (size > 0) >= folds):
            missing, left = missing - size, left - (size > 0)
            chosen.append(group)
    return chosen, missing


def _seed(seed: int, attempt: int) -> int:
    return int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0])
