"""Feasibility of folds: whether tracks can be divided as the settings require, before anything is computed."""

import numpy as np
import pandas as pd

from genreflow.config.folds import FoldSettings
from genreflow.errors import UserError
from genreflow.folds.roles import HOLDOUT
from genreflow.store.text import count, listing

_WITHOUT_GROUPS = (
    " Or set folds.group to false: there are enough tracks. But tracks of one album or artist (a group) may then be on "
    "both sides of a fold, so a model may learn the album instead of the class, and accuracies are too high."
)


def is_tagged(tracks: pd.DataFrame) -> bool:
    """Return whether tracks have tags instead of a class."""
    return "tags" in tracks and bool(tracks["tags"].notna().any())


def classes_of(tracks: pd.DataFrame) -> list[str]:
    """Return all classes or tags of tracks, in alphabetical order."""
    if is_tagged(tracks):
        return sorted({tag for tags in tracks["tags"] for tag in tags})
    return sorted(tracks["label"].unique())


def indicators(tracks: pd.DataFrame) -> np.ndarray:
    """Return the classes or tags of each track, bool [n, K], in alphabetical order."""
    classes = classes_of(tracks)
    if is_tagged(tracks):
        return np.array([[name in tags for name in classes] for tags in tracks["tags"]])
    return tracks["label"].to_numpy()[:, None] == np.asarray(classes, object)


def feasibility(tracks: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of tracks and groups of each class.

    Parameters
    ----------
    tracks
        Columns `track_id`, `label`, `group`. A track without a group is its own group.

    Returns
    -------
    DataFrame
        `label, tracks, groups`, sorted by label.
    """
    counts = (
        tracks.assign(group=groups_of(tracks))
        .groupby("label")
        .agg(tracks=("track_id", "size"), groups=("group", "nunique"))
    )
    return counts.reset_index()


def check(tracks: pd.DataFrame, settings: FoldSettings, held: frozenset[str] = frozenset()) -> None:
    """Refuse tracks that cannot be divided as the settings require.

    With stratified folds, each class needs at least as many groups as there are folds. Tracks whose `split` is
    `holdout` do not count, nor do those in `held`, by id: a holdout drawn before, which stays.

    Raises
    ------
    UserError
        With the numbers of tracks and groups of each class, and possible remedies.
    """
    if tracks.empty:
        raise UserError("There are no tracks for the folds. Was every file quarantined? See quarantine.csv.")
    if tracks["track_id"].duplicated().any():
        names = tracks.loc[tracks["track_id"].duplicated(), "track_id"].unique()
        raise UserError(f"Tracks are listed more than once: {listing(names)}. Keep one row per track.")
    tagged = is_tagged(tracks)
    unlabeled = tracks.loc[tracks["tags"].isna() if tagged else is_missing(tracks["label"]), "track_id"]
    if len(unlabeled):
        raise UserError(
            f"{count(len(unlabeled), 'track')} without a label: {listing(unlabeled)}. Add labels or remove them."
        )
    used = in_use(tracks, settings)
    marked = used[~held_out(used)]
    if shared := set(used.loc[held_out(used), "group"]) & set(marked["group"]):
        raise UserError(
            f"The dataset's own holdout splits these groups: {listing(sorted(shared))}. Mark all tracks of a group "
            "as holdout or none of them, or set folds.group to false."
        )
    rest = marked[~marked["track_id"].isin(held)]
    if settings.scheme == "given":
        _check_given(rest)
    elif tagged:
        _check_count(rest, settings)
    else:
        _check_classes(rest, sorted(used["label"].unique()), settings, len(held))
    if settings.scheme != "given" and not held_out(used).any() and not held:
        check_holdout(rest, settings, settings.holdout)


def groups_needed(settings: FoldSettings) -> int:
    """Return the number of groups of each class that the holdout leaves to folds or draws."""
    return settings.count if settings.scheme == "stratified" else 3 if settings.valid else 2


def possible_count(tracks: pd.DataFrame, settings: FoldSettings) -> int:
    """Return the number of stratified folds that tracks allow: at most `settings.count`, at least two."""
    rest = in_use(tracks, settings)
    rest = rest[~held_out(rest)]
    if rest.empty:  # `check` refuses them
        return settings.count
    groups = rest["group"].nunique() if is_tagged(tracks) else rest.groupby("label")["group"].nunique().min()
    return max(2, min(settings.count, int(groups)))


def spare_tracks(tracks: pd.DataFrame, needed: int) -> pd.Series:
    """Return the maximum number of holdout tracks of each class that leaves as many groups of it as are needed."""
    sizes = tracks.assign(group=groups_of(tracks)).groupby(["label", "group"]).size()
    return sizes.groupby("label").apply(lambda groups: int(groups.sort_values().iloc[needed:].sum()))


def check_holdout(tracks: pd.DataFrame, settings: FoldSettings, size: int) -> None:
    """Refuse a holdout of `size` tracks that leaves too few groups of a class."""
    spare = int(spare_tracks(tracks, groups_needed(settings)).sum())
    if size > spare:
        folds = f"{settings.count} folds leave" if settings.scheme == "stratified" else "random draws leave"
        raise UserError(
            f"The holdout has {settings.holdout} tracks, but {folds} at most {settings.holdout - size + spare}.\n"
            f"{_plain(feasibility(tracks).set_index('label'))}\n"
            f"Either set folds.holdout to {settings.holdout - size + spare} or less, use fewer folds, or add tracks."
        )


def even_shares(total: int, most: pd.Series) -> pd.Series:
    """Return `total` divided over classes as evenly as possible, with at most `most` [classes] for each."""
    shares = np.zeros(len(most), int)
    limits = most.to_numpy()
    for _ in range(min(total, int(limits.sum()))):
        open_classes = np.flatnonzero(shares < limits)
        shares[open_classes[np.argmin(shares[open_classes])]] += 1
    return pd.Series(shares, index=most.index)


def in_use(tracks: pd.DataFrame, settings: FoldSettings) -> pd.DataFrame:
    """Return the tracks sorted by id, each with a group: its own id if groups are not kept together."""
    tracks = tracks.sort_values("track_id", ignore_index=True)
    return tracks.assign(group=groups_of(tracks) if settings.group else tracks["track_id"])


def groups_of(tracks: pd.DataFrame) -> pd.Series:
    """Return the group of each track; a track without one is its own group."""
    return tracks["group"].where(~is_missing(tracks["group"]), tracks["track_id"])


def held_out(tracks: pd.DataFrame) -> pd.Series:
    """Return which tracks the dataset marks as holdout in the column `split`."""
    if "split" not in tracks:
        return pd.Series(False, index=tracks.index)
    return tracks["split"].eq(HOLDOUT).fillna(False).astype(bool)


def is_missing(column: pd.Series) -> pd.Series:
    """Return which values are null or empty text."""
    return column.isna() | column.eq("").fillna(False).astype(bool)


def _check_classes(tracks: pd.DataFrame, labels: list[str], settings: FoldSettings, held: int) -> None:
    table = feasibility(tracks).set_index("label").reindex(labels, fill_value=0)
    if len(table) < 2:
        raise UserError(
            f"All tracks are of one class, {labels[0]!r}, so there is nothing to classify. "
            f"Add tracks of a second class.\n{_plain(table)}"
        )
    unit = "groups" if settings.group and (table["groups"] < table["tracks"]).any() else "tracks"
    if settings.scheme == "random":
        return
    small = table.index[table["groups"] < settings.count]
    if not len(small):
        return
    fewest = int(table["groups"].min())
    fewer = f"set folds.count to {fewest} or less (or folds.fewer_if_needed to true), " if fewest >= 2 else ""
    kept = (
        f" The holdout has {held:,} tracks besides, and gives none back; another folds.seed draws it anew."
        if held
        else ""
    )
    raise UserError(
        f"{settings.count} folds need at least {settings.count} {unit} of every class, "
        f"and these have fewer: {listing(small, 20)}.\n{_plain(table)}\n"
        f"Either {fewer}add {unit} to these classes, or drop them.{_group_hint(table, small, settings)}{kept}"
    )


def _group_hint(table: pd.DataFrame, small: pd.Index, settings: FoldSettings) -> str:
    """Return the remedy for classes with enough tracks in too few groups, such as a class of one album."""
    if not settings.group or (table.loc[small, "tracks"] < settings.count).any():
        return ""
    return _WITHOUT_GROUPS


def _check_given(tracks: pd.DataFrame) -> None:
    counts = tracks["split"].value_counts() if "split" in tracks else pd.Series(dtype=int)
    missing = [part for part in ("train", "test") if not counts.get(part, 0)]
    if missing:
        raise UserError(
            f"The dataset has no usable split: no track is in the part {' or '.join(missing)}. "
            "Set folds.scheme to stratified or random, or add a split to the dataset."
        )


def _check_count(tracks: pd.DataFrame, settings: FoldSettings) -> None:
    """Refuse too few groups of tracks with tags."""
    groups = tracks["group"].nunique()
    needed = settings.count if settings.scheme == "stratified" else 3
    if groups < needed:
        hint = _WITHOUT_GROUPS if settings.group and len(tracks) >= needed else ""
        raise UserError(f"The folds need {needed} groups of tracks, and there are {groups}.{hint}")


def _plain(table: pd.DataFrame) -> str:
    return table.rename_axis("class").reset_index().to_string(index=False)
