"""Placement of tracks: the fold, or the roles, that each was given, kept for when tracks come or go.

A placement is no product: it depends on all collections that were divided before. It remembers tracks that are gone,
so that one that was held out comes back into the holdout.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genreflow.config.folds import FoldSettings
from genreflow.errors import Damaged, UserError
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN, VALIDATION
from genreflow.project import layout
from genreflow.store.digest import digest
from genreflow.store.parquet import Header, read_frame, read_header, write_table

HELD = "h"
_KIND = "placement"
_COLUMNS = ("track_id", "group", "place")
_LETTERS = {TRAIN: "-", TEST: "t", VALIDATION: "v"}
_REMEDY = (
    "It records the fold or the holdout of every track, so nothing is drawn anew. `genreflow verify --repair` restores "
    "it from folds.parquet; or put a copy of it back. If there is neither, delete it: folds and holdout are then drawn "
    "anew, and tracks that were held out so far may be trained on."
)


@dataclass(frozen=True)
class Changes:
    """What the latest change of the tracks did: tracks that stayed in the collection, those moved, and new ones."""

    stayed: int
    moved: int
    new: int

    def __str__(self) -> str:
        """Return a sentence."""
        moved = f"{self.moved:,} of {self.stayed:,} tracks moved to another part"
        return f"When the tracks last changed, {moved}, and {self.new:,} were new."


@dataclass(frozen=True)
class Placement:
    """Where tracks were placed.

    Attributes
    ----------
    tracks
        `track_id, group, place`, sorted by id; tracks that are gone included. A place is `h` (holdout), the number of
        the fold that tests the track, or the roles in all random draws, a letter each: `-` (training), `t`, `v`.
    division
        The settings that places belong to.
    holdout
        The size of the holdout that was asked for.
    of
        Digest of the tracks that were divided last.
    changes
        What their latest change did; None after the first draw.
    """

    tracks: pd.DataFrame
    division: Mapping[str, Any]
    holdout: int
    of: str
    changes: Changes | None = None

    def is_of(self, tracks: pd.DataFrame, settings: FoldSettings) -> bool:
        """Return whether these very tracks were divided last, by the same settings."""
        same = (self.division, self.holdout) == (division_of(settings), settings.holdout)
        return same and self.of == digest_of(tracks)

    def places(self, tracks: pd.DataFrame, settings: FoldSettings) -> np.ndarray:
        """Return the place of each track, that of most of its group, object [n]; None if it has none.

        A group with a track in the holdout is there as a whole. A changed number of folds or another scheme voids all
        other places, another seed or other groups void all.

        Parameters
        ----------
        tracks
            Columns `track_id, group`.
        settings
            The present settings.
        """
        new = division_of(settings)
        if any(self.division[name] != new[name] for name in ("seed", "group")):
            return np.full(len(tracks), None, object)
        known = self.tracks
        if self.division != new:
            known = known[known["place"] == HELD]
        by_track = tracks["track_id"].map(known.set_index("track_id")["place"])
        by_group = tracks["group"].map(_most(known["group"], known["place"]))
        own = by_track.groupby(tracks["group"]).transform("count") > 0
        most = tracks["group"].map(_most(tracks["group"][by_track.notna()], by_track.dropna()))
        place = by_group.where(~own | (by_group == HELD), most)
        return np.array([None if pd.isna(name) else name for name in place], object)


def division_of(settings: FoldSettings) -> dict[str, Any]:
    """Return the settings that places belong to."""
    names = ["scheme", "count", "seed", "group", *(["test", "valid"] if settings.scheme == "random" else [])]
    return settings.model_dump(include=set(names))


def digest_of(tracks: pd.DataFrame) -> str:
    """Return a digest of tracks as they are divided: sorted by id, with columns `track_id, label, group`."""
    columns = [name for name in ("track_id", "label", "group", "tags", "split") if name in tracks]
    return digest(tracks[columns].astype(object).map(_plain).to_numpy().tolist())


def placement_of(
    folds: pd.DataFrame, settings: FoldSettings, tracks: pd.DataFrame | None = None, before: Placement | None = None
) -> Placement:
    """Return the placement of a fold table.

    Parameters
    ----------
    folds
        Columns `track_id, fold, role, group`.
    settings
        The settings of the folds.
    tracks
        The tracks that were divided; None if they are unknown.
    before
        The placement so far: what it says of tracks that are gone is kept.
    """
    division = division_of(settings)
    now = _placed(folds, settings.scheme)
    changes = None
    if before is not None and before.division == division:
        former = before.tracks.set_index("track_id")["place"].reindex(now["track_id"])
        stayed = former.notna().to_numpy()
        moved = (former.to_numpy() != now["place"].to_numpy()) & stayed
        changes = Changes(int(stayed.sum()), int(moved.sum()), int((~stayed).sum()))
    if before is not None and all(before.division[name] == division[name] for name in ("seed", "group")):
        gone = before.tracks[~before.tracks["track_id"].isin(now["track_id"])]
        gone = gone if before.division == division else gone[gone["place"] == HELD]
        now = pd.concat([now, gone]).sort_values("track_id", ignore_index=True)
    of = "" if tracks is None else digest_of(tracks)
    return Placement(now, division, settings.holdout, of, changes)


def read_placement(path: str | os.PathLike) -> Placement | None:
    """Return a stored placement; None if there is none.

    Raises
    ------
    Damaged
        If the file is not as it was written.
    """
    if not Path(path).exists():
        return None
    try:
        facts = read_header(path, _KIND).facts
        tracks = read_frame(path, _KIND)
    except Damaged as error:
        raise Damaged(path, "it is not as it was written", _REMEDY) from error
    return Placement(tracks, facts["division"], facts["holdout"], facts["of"], _changes(facts))


def write_placement(path: str | os.PathLike, placement: Placement) -> None:
    """Write a placement with checksums, atomically."""
    facts = {name: getattr(placement, name) for name in ("division", "holdout", "of")} | _changes_fact(placement)
    # Text that was read is of another type than text that was made; the same places are the same bytes.
    columns = {name: pa.array(list(map(str, placement.tracks[name])), pa.string()) for name in _COLUMNS}
    write_table(path, pa.table(columns), Header(_KIND, facts=facts))


def _changes_fact(placement: Placement) -> dict[str, Any]:
    """Return the latest change of the tracks as a fact of a header."""
    return {"changes": None if placement.changes is None else vars(placement.changes)}


def facts_of(placement: Placement | None, settings: FoldSettings) -> dict[str, Any]:
    """Return the facts of a fold table from which its placement can be restored; none where there is no placement."""
    if placement is None:
        return {}
    return {"settings": settings.model_dump(), "tracks": placement.of} | _changes_fact(placement)


def read_changes(folds: str | os.PathLike) -> Changes | None:
    """Return the numbers of tracks that stayed, moved and came when a fold table last changed; None if it never did."""
    facts = read_header(folds, "folds").facts
    return _changes(facts) if "changes" in facts else None


def restore(path: Path) -> None:
    """Write a damaged placement anew from the fold table beside it; it then forgets the tracks that are gone.

    Raises
    ------
    UserError
        When the fold table is missing or damaged too.
    """
    table = path.with_name(Path(layout.FOLDS).name)
    try:
        folds, facts = read_frame(table, "folds"), read_header(table).facts
    except UserError as error:
        raise Damaged(path, f"and so is {table}: {error}", _REMEDY) from error
    settings = FoldSettings.model_validate(facts["settings"])
    write_placement(path, replace(placement_of(folds, settings), of=facts["tracks"], changes=_changes(facts)))


def _changes(facts: Mapping[str, Any]) -> Changes | None:
    return None if facts["changes"] is None else Changes(**facts["changes"])


def _placed(folds: pd.DataFrame, scheme: str) -> pd.DataFrame:
    """Return `track_id, group, place` of a fold table, sorted by id."""
    tested = folds[folds["fold"] != FINAL]
    rows = tested.drop_duplicates("track_id")[["track_id", "group"]].set_index("track_id")
    if scheme == "stratified":
        place = tested[tested["role"] == TEST].set_index("track_id")["fold"]
    else:
        letters = tested["role"].map(_LETTERS).fillna("")
        place = letters.groupby(tested["track_id"]).sum()
    held = tested.loc[tested["role"] == HOLDOUT, "track_id"]
    rows["place"] = place.reindex(rows.index).astype(object).mask(rows.index.isin(held), HELD)
    return rows.reset_index().sort_values("track_id", ignore_index=True)


def _most(groups: pd.Series, places: pd.Series) -> pd.Series:
    """Return group -> the place of most of its rows; the holdout if any is there."""
    counts = pd.DataFrame({"group": groups.to_numpy(object), "place": places.to_numpy(object)}).value_counts()
    table = counts.rename("n").reset_index()
    table["n"] = table["n"].mask(table["place"] == HELD, np.inf)
    table = table.sort_values(["n", "place"], ascending=[False, True]).drop_duplicates("group")
    return table.set_index("group")["place"]


def _plain(value: Any) -> Any:
    """Return a value of a column as JSON has it."""
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    return None if pd.isna(value) else value
