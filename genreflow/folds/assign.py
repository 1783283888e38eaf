"""Assignment of tracks to folds: stratified by class, random, or given; with whole groups and a holdout."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import BaseCrossValidator, GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from genreflow.config.folds import FoldSettings
from genreflow.errors import UserError
from genreflow.folds.audit import verify
from genreflow.folds.feasibility import (
    check,
    even_shares,
    feasibility,
    held_out,
    in_use,
    indicators,
    is_tagged,
    spare_tracks,
)
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN, VALIDATION

# Raise it when tracks would get other folds or roles.
STAGE_VERSION = 1

_HOLDOUT_ATTEMPTS = 32
_GIVEN = {"train": TRAIN, "valid": VALIDATION, "test": TEST, "holdout": HOLDOUT}
_COLUMNS = ["track_id", "fold", "role", "label", "group"]


def assign(tracks: pd.DataFrame, settings: FoldSettings) -> pd.DataFrame:
    """Return the role of every track, or every segment, in every fold.

    The result depends on the tracks and the settings, not on the order of rows.

    Parameters
    ----------
    tracks
        Columns `track_id, label, group` and, if known, `tags` (lists; the label is empty then), `split` (where it is
        `holdout`, the dataset's own holdout replaces a random one) and `slices`, which only segments need.
    settings
        Scheme, unit, number of folds, seed, size of the holdout, and whether groups are kept together.

    Returns
    -------
    DataFrame
        `track_id, fold, role, label, group`, and `slice` if segments are divided. Folds `1`..`n` have the roles train,
        validation, test and holdout; `final` has no test tracks. A track without a group is its own group, as is every
        track if groups are not kept together.

    Raises
    ------
    UserError
        When the tracks cannot be divided as the settings require.
    """
    check(tracks, settings)
    tracks = in_use(tracks, settings)
    aside = held_out(tracks).to_numpy()
    if settings.scheme == "given":
        tracks = tracks[tracks["split"].isin(_GIVEN)]
        folds = _fold_table(tracks, [tracks["split"].map(_GIVEN).to_numpy(object)])
    elif settings.scheme == "random":
        folds = _random_folds(tracks, aside, settings)
    else:
        if settings.holdout and not aside.any():
            aside = _draw_holdout(tracks, settings)
        tested_in = np.zeros(len(tracks), int)
        tested_in[~aside] = _divide(tracks[~aside], settings)
        folds = _fold_table(tracks, list(_rotated(tested_in, settings)))
    verify(folds, settings)
    return folds


def select(tracks: pd.DataFrame, *, classes: Sequence[str] | None = None, most: int | None = None) -> pd.DataFrame:
    """Return the tracks of a protocol.

    Parameters
    ----------
    tracks
        Columns `track_id, label` and, if known, `tags`.
    classes
        Classes to keep. For tags, tracks with any of them are kept, and of their tags only these.
    most
        Maximum number of tracks: an equal number of each class, the first by id, which is a digest. With tags, the
        first of all tracks.

    Raises
    ------
    UserError
        When a class has no usable track.
    """
    tagged = is_tagged(tracks)
    if classes is not None:
        if tagged:
            own = [[tag for tag in tags if tag in classes] for tags in tracks["tags"]]
            tracks = tracks.assign(tags=own)[[bool(tags) for tags in own]]
        present = {tag for tags in tracks["tags"] for tag in tags} if tagged else set(tracks["label"])
        if missing := [name for name in classes if name not in present]:
            raise UserError(f"protocol: no usable track has the class {', '.join(map(repr, missing))}.")
        tracks = tracks if tagged else tracks[tracks["label"].isin(classes)]
    if most is not None and most < len(tracks):
        tracks = tracks.sort_values("track_id")
        if tagged:
            tracks = tracks.head(most)
        else:
            sizes = tracks["label"].value_counts().sort_index()
            targets = even_shares(most, sizes)
            tracks = pd.concat([rows.head(targets[label]) for label, rows in tracks.groupby("label")])
    return tracks.sort_values("track_id", ignore_index=True)


def _random_folds(tracks: pd.DataFrame, aside: np.ndarray, settings: FoldSettings) -> pd.DataFrame:
    """Return random test and validation shares of the tracks outside the holdout."""
    if settings.holdout and not aside.any():
        aside = _draw_holdout(tracks, settings)
    # Sorted by class, as a collection is read folder by folder; this reproduces the split of the western8 study.
    tracks = tracks.assign(aside=aside).sort_values(["label", "track_id"], ignore_index=True)
    if settings.unit == "segment":
        if (tracks["slices"] == 0).any():
            raise UserError("Segments can be divided only if every input cuts the same number from a track.")
        tracks = tracks.loc[tracks.index.repeat(tracks["slices"])].reset_index(drop=True)
        tracks["slice"] = tracks.groupby("track_id").cumcount()
        drawn = pd.Series(np.arange(len(tracks)))
    else:
        drawn = tracks["group"]
    aside = tracks["aside"].to_numpy()
    roles = []
    for number in range(settings.count):
        role = np.full(len(tracks), TRAIN, object)
        role[aside] = HOLDOUT
        role[~aside] = _random_roles(drawn[~aside], settings, settings.seed + number)
        roles.append(role)
    return _fold_table(tracks, roles)


def _random_roles(drawn: pd.Series, settings: FoldSettings, seed: int) -> np.ndarray:
    """Return the role of each item; items with the same value of `drawn` stay together."""
    number, units = pd.factorize(drawn)
    order = np.random.RandomState(seed).permutation(len(units))
    n_test, n_valid = (math.ceil(round(share * len(units), 6)) for share in (settings.test, settings.valid))
    role = np.full(len(units), TRAIN, object)
    role[order[:n_test]] = TEST
    role[order[n_test : n_test + n_valid]] = VALIDATION
    return role[number]


def _rotated(tested_in: np.ndarray, settings: FoldSettings) -> Iterator[np.ndarray]:
    """Yield the roles of each fold; with validation, its validation tracks are the test tracks of the next fold.

    `tested_in` is the fold that tests each track, 0 for the holdout.
    """
    for fold in range(1, settings.count + 1):
        role = np.full(len(tested_in), TRAIN, object)
        if settings.validation:
            role[tested_in == fold % settings.count + 1] = VALIDATION
        role[tested_in == fold] = TEST
        role[tested_in == 0] = HOLDOUT
        yield role


def _fold_table(tracks: pd.DataFrame, roles: Sequence[np.ndarray]) -> pd.DataFrame:
    """Return the table of these folds and the final one, which also trains on the test tracks of the first fold."""
    columns = [*_COLUMNS, *(["slice"] if "slice" in tracks else [])]
    final = np.where(roles[0] == TEST, TRAIN, roles[0])
    return pd.concat(
        [
            tracks.assign(fold=FINAL if number > len(roles) else str(number), role=role)[columns]
            for number, role in enumerate([*roles, final], start=1)
        ],
        ignore_index=True,
    )


def _divide(tracks: pd.DataFrame, settings: FoldSettings) -> np.ndarray:
    """Return the number of the fold that tests each track."""
    tagged, grouped = is_tagged(tracks), tracks["group"].duplicated().any()
    if not tagged and not grouped:
        splitter = StratifiedKFold(settings.count, shuffle=True, random_state=_seed(settings.seed, 0))
        return _tested_in(splitter, tracks, groups=None)
    # StratifiedGroupKFold is greedy and hardly varies with its seed: if groups span classes, all of its divisions may
    # lack a class in some fold although a valid division exists. Random shuffles find one then.
    # Tags overlap, so stratification is impossible; the most even of several random shuffles is used.
    splitters = [(GroupKFold if grouped else KFold, 64)] if tagged else [(StratifiedGroupKFold, 32), (GroupKFold, 500)]
    for splitter, attempts in splitters:
        seeds = (_seed(settings.seed, attempt) for attempt in range(attempts))
        shuffles = (splitter(settings.count, shuffle=True, random_state=seed) for seed in seeds)
        divisions = (_tested_in(shuffle, tracks, tracks["group"]) for shuffle in shuffles)
        best = _most_even(divisions, indicators(tracks), settings.count, must_be_full=not tagged)
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


def _most_even(
    divisions: Iterator[np.ndarray], has: np.ndarray, count: int, *, must_be_full: bool
) -> np.ndarray | None:
    """Return the division with the most even classes; None if there is none.

    `has` [n, K] marks the classes of tracks. With `must_be_full`, every fold must have every class.
    """
    enough = max(1, 0.001 * len(has))
    best, least = None, np.inf
    for tested_in in divisions:
        counts = np.stack([has[tested_in == fold].sum(axis=0) for fold in range(1, count + 1)])
        unevenness = np.abs(counts - counts.mean(axis=0)).max()
        if (counts.all() or not must_be_full) and unevenness < least:
            best, least = tested_in, unevenness
        if least <= enough:
            break
    return best


def _draw_holdout(tracks: pd.DataFrame, settings: FoldSettings) -> np.ndarray:
    """Return the tracks of the holdout, bool [n]: equal shares of the classes, as closely as whole groups allow."""
    targets = even_shares(settings.holdout, spare_tracks(tracks, settings.count))
    sizes = pd.crosstab(tracks["group"], tracks["label"])[targets.index]
    rng = np.random.default_rng(settings.seed)
    best, least = None, (np.inf, np.inf)
    for _ in range(_HOLDOUT_ATTEMPTS):
        chosen, missing = _fill(sizes.to_numpy(), targets.to_numpy(), settings.count, rng.permutation(len(sizes)))
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


def _fill(sizes: np.ndarray, targets: np.ndarray, folds: int, order: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Return groups for the holdout, and the tracks still missing from each class.

    Groups are taken in `order` if they bring the holdout closer to `targets` and leave `folds` groups of each class.
    `sizes` [groups, classes] and `targets` [classes] count tracks.
    """
    missing, left, chosen = targets.copy(), (sizes > 0).sum(axis=0), []
    for group in order:
        size = sizes[group]
        nearer = np.abs(missing - size).sum() < np.abs(missing).sum()
        if nearer and np.all(left - (size > 0) >= folds):
            missing, left = missing - size, left - (size > 0)
            chosen.append(group)
    return chosen, missing


def _seed(seed: int, attempt: int) -> int:
    return int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0])
