"""The index of a data set: what became of every track of the catalogue, for one input.

It stands between the shards and everything after them, so that later jobs read one small file.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from genreflow.catalog.catalogue import read, root_of
from genreflow.catalog.names import printable
from genreflow.errors import UserError
from genreflow.store.parquet import Header, read_frame, read_header, write_table

KIND = "index"
_SEVERITY = ["accept", "warn", "quarantine"]
COLUMNS = [
    "track_id", "title", "label", "group", "split", "shard", "slices", "seconds", "verdict", "reason", "message",
    "sha256", "source_rate", "lufs", "gain_db", "peak_limited", "ogg",
]  # fmt: skip


def build(catalogue: Path, shards: Sequence[str], audio: Sequence[Path], slices: Sequence[Path]) -> pd.DataFrame:
    """Join the catalogue with the audio and slice shards.

    Parameters
    ----------
    catalogue
        The catalogue of the dataset.
    shards, audio, slices
        Names of all shards, and their files in the same order.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row a track of the catalogue. ``verdict`` is the severer one of the two stages; ``reason`` holds
        the codes of all warnings, separated by spaces, or the one of the refusal.

    Raises
    ------
    UserError
        When a track of the catalogue is in no shard, or in several.
    """
    tracks = read(catalogue).to_pandas()[["track_id", "path", "label", "group", "split"]]
    heard = pd.concat(
        [read_frame(path, "audio").assign(shard=shard) for shard, path in zip(shards, audio, strict=True)],
        ignore_index=True,
    )
    _same_tracks(tracks["track_id"], heard["track_id"], catalogue)
    cut = pd.DataFrame(
        [row for path in slices for row in read_header(path, "slices").facts["tracks"]],
        columns=["track_id", "slices", "verdict", "reason", "message"],
    )
    usable = heard.loc[heard["verdict"] != "quarantine", "track_id"]
    _same_tracks(usable, cut["track_id"], catalogue)
    index = tracks.merge(heard, on="track_id").merge(cut, on="track_id", how="left", suffixes=("", "_cut"))
    index["verdict"] = [max(pair, key=_SEVERITY.index) for pair in _pairs(index, "verdict", "accept")]
    refused = index["verdict_cut"].eq("quarantine")
    for column in ("reason", "message"):
        both = pd.Series([" ".join(filter(None, pair)) for pair in _pairs(index, column, "")], dtype=object)
        index[column] = both.where(~refused, index[f"{column}_cut"])
    index["slices"] = index["slices"].fillna(0).astype(int)
    index["title"] = [printable(path) for path in index["path"]]
    return index[COLUMNS].sort_values("track_id", ignore_index=True)


def write(path: Path, index: pd.DataFrame, *, key: str) -> None:
    """Write an index."""
    write_table(path, index, Header(KIND, key))


def read_index(path: Path) -> pd.DataFrame:
    """Read an index."""
    return read_frame(path, KIND)


def shard_files(path: Path | str) -> list[Path]:
    """Return the slice tables that an index speaks of, which lie beside it."""
    shards = read_frame(path, KIND, ["shard"])["shard"].unique()
    return [Path(path).with_name(f"{shard}.parquet") for shard in sorted(shards)]


def usable_tracks(indexes: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the tracks (track_id, label, group, split, title) that every one of several inputs can use."""
    keep = set.intersection(*(set(index.loc[index["slices"] > 0, "track_id"]) for index in indexes))
    first = indexes[0]
    return first.loc[first["track_id"].isin(keep), ["track_id", "label", "group", "split", "title"]].reset_index(
        drop=True
    )


def quarantine_table(catalogues: Sequence[Path], indexes: Sequence[Path], datasets: Sequence[str]) -> pd.DataFrame:
    """Return every refused file of several datasets: dataset, folder, title, reason, message."""
    parts = []
    for dataset, catalogue, path in zip(datasets, catalogues, indexes, strict=True):
        index = read_index(path)
        refused = index.loc[index["verdict"] == "quarantine", ["title", "reason", "message"]]
        parts.append(refused.assign(dataset=dataset, folder=root_of(catalogue)))
    columns = ["dataset", "folder", "title", "reason", "message"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table[columns].drop_duplicates(["dataset", "title"]).sort_values(["dataset", "title"], ignore_index=True)


def _pairs(index: pd.DataFrame, column: str, default: str) -> list[tuple[str, str]]:
    """Return what the audio and what the cutting says in a column."""
    return list(zip(index[column].fillna(default), index[f"{column}_cut"].fillna(default), strict=True))


def _same_tracks(wanted: pd.Series, found: pd.Series, catalogue: Path) -> None:
    lost, extra, twice = set(wanted) - set(found), set(found) - set(wanted), found[found.duplicated()]
    if lost or extra or len(twice):
        raise UserError(
            f"The shards of {catalogue.parent} do not account for every track: {len(lost)} lost, {len(extra)} not "
            f"in the catalogue, {len(twice)} twice. Did files change during the run? Run again."
        )
