"""Assignment of tracks to folds: stratified by class, random, or given; with whole groups and a holdout."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from genreflow.config.folds import FoldSettings
from genreflow.errors import UserError
from genreflow.folds.audit import verify
from genreflow.folds.collections import check_collections, of_shared_classes, roles_of
from genreflow.folds.division import NEW, Groups, completed, divide
from genreflow.folds.feasibility import (
    check,
    check_holdout,
    even_shares,
    feasibility,
    groups_needed,
    held_out,
    in_use,
    indicators,
    is_tagged,
    spare_tracks,
)
from genreflow.folds.placement import HELD, Placement, placement_of
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN, VALIDATION
from genreflow.store.digest import digest

# Raise it when tracks would get other folds or roles.
STAGE_VERSION = 2

_HOLDOUT_ATTEMPTS = 32
_GIVEN = {"train": TRAIN, "valid": VALIDATION, "test": TEST, "holdout": HOLDOUT}
_COLUMNS = ["track_id", "fold", "role", "label", "group"]
_DRAWN = (TRAIN, TEST, VALIDATION)
_LETTERS = "-tv"


def assign(tracks: pd.DataFrame, settings: FoldSettings, before: Placement | None = None) -> pd.DataFrame:
    """Return the role of every track, or every segment, in every fold.

    The result depends on the tracks, the settings and the placement so far, not on the order of rows.

    Parameters
    ----------
    tracks
        Columns `track_id, label, group` and, if known, `tags` (lists; the label is empty then), `split` (where it is
        `holdout`, the dataset's own holdout replaces a random one) and `slices`, which only segments need.
    settings
        Scheme, unit, number of folds, seed, size of the holdout, and whether groups are kept together.
    before
        Where tracks were placed so far; None for a draw from nothing.

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
    return place(tracks, settings, before)[0]


def place(
    tracks: pd.DataFrame, settings: FoldSettings, before: Placement | None = None
) -> tuple[pd.DataFrame, Placement | None]:
    """Return the roles as `assign` does, and the placement to keep; None where none is needed.

    Groups that were placed stay where they are; of others, as few move as possible (`genreflow.folds.division`). What
    was held out stays so. A given split and collections need no placement, and segments are always drawn anew.
    """
    if settings.leaves_collections_out:
        return _collection_folds(tracks, settings), None
    used = in_use(tracks, settings)
    if settings.scheme == "given" or settings.unit == "segment":
        check(tracks, settings)
        folds = _given_folds(used) if settings.scheme == "given" else _drawn_folds(used, settings, None)[0]
        verify(folds, settings)
        return folds, None
    folds, is_settled = _drawn_folds(used, settings, before)
    verify(folds, settings)
    return folds, before if is_settled else placement_of(folds, settings, used, before)


def _collection_folds(tracks: pd.DataFrame, settings: FoldSettings) -> pd.DataFrame:
    check_collections(tracks)
    used = in_use(of_shared_classes(tracks), settings)
    folds = _fold_table(used, list(roles_of(used)), final=np.full(len(used), TRAIN, object))
    verify(folds, settings)
    return folds


def _given_folds(tracks: pd.DataFrame) -> pd.DataFrame:
    tracks = tracks[tracks["split"].isin(_GIVEN)]
    return _fold_table(tracks, [tracks["split"].map(_GIVEN).to_numpy(object)])


def _drawn_folds(tracks: pd.DataFrame, settings: FoldSettings, before: Placement | None) -> tuple[pd.DataFrame, bool]:
    """Return folds, and whether these very tracks were divided last, so that all stay where they are."""
    places = np.full(len(tracks), None, object) if before is None else before.places(tracks, settings)
    is_settled = before is not None and before.is_of(tracks, settings)
    held = (places == HELD) & (settings.holdout > 0)
    check(tracks, settings, held=frozenset(tracks["track_id"][held]))
    marked = held_out(tracks).to_numpy()
    aside = held | marked
    if settings.holdout and not marked.any() and not is_settled:
        is_raised = before is None or settings.holdout > before.holdout
        aside |= _drawn_holdout(tracks, settings, held, may_join=_is_none(places) | is_raised | (not held.any()))
    places[places == HELD] = None  # one that is no longer held out is new to the folds
    divided = _random_folds if settings.scheme == "random" else _stratified_folds
    return divided(tracks, aside, settings, places, is_settled), is_settled


def select(
    tracks: pd.DataFrame, *, classes: Sequence[str] | None = None, most: int | None = None, imbalance: float = 1.0
) -> pd.DataFrame:
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
    imbalance
        Ratio of the number of tracks of the first class to that of the last, in alphabetical order: a long tail (Cui et
        al. 2019, Class-balanced loss, section 4). 1 leaves classes as they are.

    Raises
    ------
    UserError
        When a class has no usable track, or tracks with tags are to be unbalanced.
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
    if imbalance > 1:
        tracks = _long_tail(tracks, imbalance)
    if most is not None and most < len(tracks):
        tracks = tracks.sort_values("track_id")
        if tagged:
            tracks = tracks.head(most)
        else:
            sizes = tracks["label"].value_counts().sort_index()
            targets = even_shares(most, sizes)
            tracks = pd.concat([rows.head(targets[label]) for label, rows in tracks.groupby("label")])
    return tracks.sort_values("track_id", ignore_index=True)


def _long_tail(tracks: pd.DataFrame, imbalance: float) -> pd.DataFrame:
    """Return tracks whose classes have sizes in a geometric series, the first by id of each class."""
    if is_tagged(tracks):
        raise UserError("protocol: `imbalance` needs tracks with one class each; these have tags.")
    sizes = tracks["label"].value_counts().sort_index()
    shares = imbalance ** -np.linspace(0, 1, len(sizes))
    largest = (sizes / shares).min()  # that every class can follow
    targets = np.maximum(1, np.floor(largest * shares)).astype(int)
    kept = dict(zip(sizes.index, targets, strict=True))
    return pd.concat([rows.sort_values("track_id").head(kept[label]) for label, rows in tracks.groupby("label")])


def _stratified_folds(
    tracks: pd.DataFrame, aside: np.ndarray, settings: FoldSettings, places: np.ndarray, is_settled: bool
) -> pd.DataFrame:
    """Return folds with all classes alike, each of which tests other tracks outside the holdout."""
    rest = tracks[~aside]
    groups, of_group = _grouped(rest)
    placed = _placed([NEW if name is None else int(name) - 1 for name in places[~aside]], of_group)
    part = placed
    if not is_settled or (placed == NEW).any():
        part = divide(groups, [1.0] * settings.count, [settings.seed], placed)
    tested_in = np.zeros(len(tracks), int)
    tested_in[~aside] = part[of_group] + 1
    if not is_tagged(tracks) and _lacks_class(rest, part[of_group], settings.count):
        raise UserError(
            f"No division into {settings.count} folds was found that keeps groups whole and has every class in "
            f"every fold.\n{feasibility(rest).to_string(index=False)}\n"
            "Use fewer folds, add groups to the small classes, or drop them."
        )
    return _fold_table(tracks, list(_rotated(tested_in, settings)))


def _random_folds(
    tracks: pd.DataFrame, aside: np.ndarray, settings: FoldSettings, places: np.ndarray, is_settled: bool
) -> pd.DataFrame:
    """Return random test and validation shares of the tracks outside the holdout."""
    # Sorted by class, as a collection is read folder by folder; this reproduces the split of the western8 study.
    tracks = tracks.assign(aside=aside, place=places).sort_values(["label", "track_id"], ignore_index=True)
    if settings.unit == "segment":
        if (tracks["slices"] == 0).any():
            raise UserError("Segments can be divided only if every input cuts the same number from a track.")
        tracks = tracks.loc[tracks.index.repeat(tracks["slices"])].reset_index(drop=True)
        tracks["slice"] = tracks.groupby("track_id").cumcount()
    aside = tracks["aside"].to_numpy(bool)
    rest = tracks[~aside].reset_index(drop=True)
    roles = []
    for draw in range(settings.count):
        role = np.full(len(tracks), HOLDOUT, object)
        role[~aside] = np.array(_DRAWN, object)[_random_parts(rest, settings, draw, is_settled)]
        roles.append(role)
    return _fold_table(tracks, roles)


def _random_parts(tracks: pd.DataFrame, settings: FoldSettings, draw: int, is_settled: bool) -> np.ndarray:
    """Return the part of each track or segment in a draw, an index of `_DRAWN`.

    Single tracks are drawn as scikit-learn draws them, which a few studies did; only a class that is then absent from a
    part is brought there. Groups are few and unlike, so that parts are made alike in all classes.
    """
    shares = [1 - settings.test - settings.valid, settings.test, *([settings.valid] if settings.valid else [])]
    if not settings.group and tracks["place"].isna().all():
        part = _sklearn_draw(len(tracks), settings, settings.seed + draw)
        if is_tagged(tracks) or not _lacks_class(tracks, part, len(shares)):
            return part
        return _checked(tracks, completed(_single(tracks), shares, part), shares)
    groups, of_group = _grouped(tracks)
    known = [NEW if pd.isna(name) else _LETTERS.index(name[draw]) for name in tracks["place"]]
    placed = _placed(known, of_group)
    if is_settled and not (placed == NEW).any():
        return placed[of_group]
    seed = [settings.seed, "draw", draw]
    part = divide(groups, shares, seed, placed, **({} if settings.group else {"most_moved": 0.0}))
    return _checked(tracks, part[of_group], shares)


def _sklearn_draw(n: int, settings: FoldSettings, seed: int) -> np.ndarray:
    """Return the part of each of `n` items, drawn as scikit-learn's train_test_split draws it."""
    order = np.random.RandomState(seed).permutation(n)
    n_test, n_valid = (math.ceil(round(share * n, 6)) for share in (settings.test, settings.valid))
    part = np.zeros(n, int)
    part[order[:n_test]] = _DRAWN.index(TEST)
    part[order[n_test : n_test + n_valid]] = _DRAWN.index(VALIDATION)
    return part


def _checked(tracks: pd.DataFrame, part: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return the part of each track; raise UserError where one lacks a class."""
    if not is_tagged(tracks) and _lacks_class(tracks, part, len(shares)):
        raise UserError(
            f"No draw into {len(shares)} parts was found that keeps groups whole and has every class in every part.\n"
            f"{feasibility(tracks).to_string(index=False)}\nAdd groups to the small classes, or drop them."
        )
    return part


def _lacks_class(tracks: pd.DataFrame, part: np.ndarray, n_parts: int) -> bool:
    """Return whether one of the parts has no track of some class; the last parts need none of a class of few groups."""
    units = pd.Series(tracks.index, tracks.index) if "slice" in tracks else tracks["group"]
    present = set(zip(tracks["label"], part, strict=True))
    numbers = units.groupby(tracks["label"]).nunique()
    return any(
        (name, place) not in present for name, number in numbers.items() for place in range(min(number, n_parts))
    )


def _grouped(tracks: pd.DataFrame) -> tuple[Groups, np.ndarray]:
    """Return the groups of tracks, and the number of the group of each track."""
    names = _shuffled(tracks["group"].unique())
    number = tracks["group"].map({name: number for number, name in enumerate(names)}).to_numpy(int)
    has = indicators(tracks)
    counts = np.zeros((len(names), has.shape[1]), int)
    np.add.at(counts, number, has)
    return Groups(names, counts, np.bincount(number, minlength=len(names))), number


def _shuffled(names: Iterable[str], *seed: object) -> list[str]:
    """Return names in the order of their digests."""
    return sorted(names, key=lambda name: digest(*seed, name))


def _is_none(places: np.ndarray) -> np.ndarray:
    return np.array([name is None for name in places], bool)


def _single(items: pd.DataFrame) -> Groups:
    """Return tracks or segments as groups of their own."""
    return Groups([str(number) for number in items.index], indicators(items).astype(int), np.ones(len(items), int))


def _placed(parts: Sequence[int], of_group: np.ndarray) -> np.ndarray:
    """Return the part in which each group was placed, given that of each track; all tracks of a group have the same."""
    placed = np.full(int(of_group.max(initial=-1)) + 1, NEW)
    placed[of_group] = parts
    return placed


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


def _fold_table(tracks: pd.DataFrame, roles: Sequence[np.ndarray], final: np.ndarray | None = None) -> pd.DataFrame:
    """Return the table of these folds and the final one, without tracks whose role is None.

    If `final` is not given, it also trains on the test tracks of the first fold.
    """
    columns = [*_COLUMNS, *(["slice"] if "slice" in tracks else [])]
    final = np.where(roles[0] == TEST, TRAIN, roles[0]) if final is None else final
    table = pd.concat(
        [
            tracks.assign(fold=FINAL if number > len(roles) else str(number), role=role)[columns]
            for number, role in enumerate([*roles, final], start=1)
        ],
        ignore_index=True,
    )
    return table[table["role"].notna()].reset_index(drop=True)


def _drawn_holdout(tracks: pd.DataFrame, settings: FoldSettings, held: np.ndarray, may_join: np.ndarray) -> np.ndarray:
    """Return the mask of the tracks that join the holdout, bool [n].

    The classes have equal shares, as closely as whole groups allow.

    Parameters
    ----------
    tracks
        All tracks.
    settings
        Number of folds that must remain possible, size of the holdout, and seed.
    held
        Tracks in the holdout already, bool [n].
    may_join
        Tracks that may join it, bool [n]: those that were trained on or tested before may not, unless a larger holdout
        is asked for.
    """
    rest, needed = tracks[~held], groups_needed(settings)
    if may_join.all():
        check_holdout(rest, settings, settings.holdout - int(held.sum()))
    own = tracks[held].groupby("label").size()
    limits = spare_tracks(rest, needed).add(own, fill_value=0).astype(int)
    missing = (even_shares(settings.holdout, limits) - own.reindex(limits.index, fill_value=0)).clip(lower=0)
    sizes = pd.crosstab(rest["group"], rest["label"]).reindex(columns=limits.index, fill_value=0)
    candidates = sizes.index[sizes.index.isin(tracks["group"][may_join])]
    best, least = pd.Index([]), (np.inf, np.inf)
    for attempt in range(_HOLDOUT_ATTEMPTS):
        order = _shuffled(candidates, settings.seed, "holdout", attempt)
        chosen, left = _fill(sizes.loc[order].to_numpy(), missing.to_numpy(), needed, (sizes > 0).sum().to_numpy())
        distance = (abs(left.sum()), np.abs(left).sum())
        if distance < least:
            best, least = pd.Index(order)[chosen], distance
        if least == (0, 0):
            break
    if not len(best) and not held.any():
        raise UserError(
            f"No whole group is small enough for a holdout of {settings.holdout} tracks. "
            "Set folds.holdout to 0 or to the size of some groups, or folds.group to false."
        )
    return tracks["group"].isin(best).to_numpy()


def _fill(sizes: np.ndarray, targets: np.ndarray, needed: int, left: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Return groups for the holdout, and the tracks still missing from each class.

    Groups are taken in order if they bring the holdout closer to `targets` and leave as many groups of each class as
    are needed. `sizes` [groups, classes] and `targets` [classes] count tracks, `left` [classes] the groups outside.
    """
    missing, left, chosen = targets.copy(), left.copy(), []
    for group, size in enumerate(sizes):
        nearer = np.abs(missing - size).sum() < np.abs(missing).sum()
        if nearer and np.all(left - (size > 0) >= needed):
            missing, left = missing - size, left - (size > 0)
            chosen.append(group)
    return chosen, missing
