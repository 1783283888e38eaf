"""The index of a dataset for one input: the fate of every track of the catalog.

It summarizes the shards, so that later jobs read one small file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.audio.verdict import verdict_of
from genreflow.datasets.catalog import OF_FILES, disagreements_of, ignored_of, read
from genreflow.datasets.duplicates import PAIRS, resolve
from genreflow.datasets.names import printable
from genreflow.errors import TooManyRefused, UserError
from genreflow.store import shards as slice_shards
from genreflow.store.parquet import Header, read_frame, read_header, write_table

# Raise it when the index would have other columns, verdicts or groups.
STAGE_VERSION = 1

KIND = "index"
FEW = 2  # refused tracks that are always accepted
COLUMNS = [
    "track_id", "title", "label", "tags", "group", "artist", "split", "shard", "slices", "padded_s", "seconds",
    "verdict", "reason", "message", "sha256", "recording", "container", "codec", "source_rate", "channels",
    "bandwidth_hz", "lufs", "gain_db", "peak_limited", "ogg",
]  # fmt: skip
# Of the audio table; fingerprints, which are most of it, stay where they are.
AUDIO_COLUMNS = [
    "track_id", "sha256", "verdict", "reason", "message", "container", "codec", "source_rate", "channels", "seconds",
    "lufs", "gain_db", "peak_limited", "ogg", "bandwidth_hz",
]  # fmt: skip


def build(
    catalog: Path,
    shards: Sequence[str],
    audio: Sequence[Path],
    slices: Sequence[Path],
    duplicates: Path,
    *,
    across_classes: str,
) -> pd.DataFrame:
    """Join catalog, audio shards, slice shards and duplicates to a row per track.

    Parameters
    ----------
    catalog
        The catalog of the dataset.
    shards, audio, slices
        Names of all shards, and their files in the same order.
    duplicates
        The pairs of equal recordings.
    across_classes
        Treatment of copies with different labels, see `genreflow.datasets.duplicates.resolve`.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row a track of the catalog. ``reason`` holds the codes of all warnings, separated by spaces, or
        the one of the first refusal, and ``verdict`` follows from it. ``group`` also joins the copies of a recording,
        which share ``recording``. A refused track has no slices. ``padded_s`` are the zeros at the end of its last.

    Raises
    ------
    UserError
        When a track of the catalog is in no shard, or in several.
    """
    tracks = read(catalog).drop(OF_FILES).to_pandas()
    decoded = pd.concat(
        [
            read_frame(path, "audio", AUDIO_COLUMNS).assign(shard=shard)
            for shard, path in zip(shards, audio, strict=True)
        ],
        ignore_index=True,
    )
    _same_tracks(tracks["track_id"], decoded["track_id"], catalog)
    cut = _fates(slices)
    _same_tracks(decoded.loc[decoded["verdict"] != "quarantine", "track_id"], cut["track_id"], catalog)
    return join(tracks, decoded, cut, read_frame(duplicates, PAIRS), across_classes=across_classes)


def join(
    tracks: pd.DataFrame, decoded: pd.DataFrame, cut: pd.DataFrame, pairs: pd.DataFrame, *, across_classes: str
) -> pd.DataFrame:
    """Return the index from tables in memory, see `build`.

    Parameters
    ----------
    tracks
        A row per track of the catalog, `SCHEMA` of that but for stamps and hashes.
    decoded
        A row per track of the audio shards, `AUDIO_COLUMNS` and ``shard``.
    cut
        A row per track that was cut, ``track_id, slices, padded_s, verdict, reason, message``.
    pairs
        Equal recordings.
    """
    tracks = tracks.assign(title=[printable(path) for path in tracks["path"]])
    usable = decoded.loc[decoded["verdict"] != "quarantine", "track_id"]
    copies = resolve(tracks[tracks["track_id"].isin(usable)], pairs, across_classes)
    index = tracks.merge(decoded.drop(columns=["reason", "message"]), on="track_id")
    index = index.merge(cut[["track_id", "slices", "padded_s"]], on="track_id", how="left")
    joined = copies.set_index("track_id")
    merged = index["track_id"].map(joined["group"]).astype(object)
    index["group"] = merged.where(merged.notna(), index["group"].astype(object))
    index["recording"] = index["track_id"].map(joined["recording"])
    index["reason"], index["message"] = _judgement(index["track_id"], [tracks, decoded, copies, cut])
    refused = index["reason"].str.startswith("Q_")
    index["verdict"] = index["reason"].map(verdict_of)
    index["slices"] = index["slices"].fillna(0).astype(int).where(~refused, 0)
    index["padded_s"] = index["padded_s"].fillna(0.0).where(~refused, 0.0)
    return index[COLUMNS].sort_values("track_id", ignore_index=True)


def write(path: Path, index: pd.DataFrame, *, catalog: Path, slices: Sequence[Path], key: str) -> None:
    """Write an index, with the number of files that the catalog ignores, and the suffix of its shards."""
    facts: dict[str, Any] = {
        "ignored": ignored_of(catalog),
        "suffix": Path(slices[0]).suffix,
        "padded": padded(index),
    }
    if disagreements := disagreements_of(catalog):
        facts["disagreements"] = disagreements
    write_table(path, index, Header(KIND, key, facts=facts))


def read_index(path: Path) -> pd.DataFrame:
    """Read an index."""
    return read_frame(path, KIND)


def read_tracks(paths: Sequence[Path | str]) -> pd.DataFrame:
    """Return the tracks of several indexes by track id; of one that is in several, the first row."""
    return pd.concat(map(read_index, map(Path, paths))).drop_duplicates("track_id").set_index("track_id")


def facts_of(path: Path | str) -> dict[str, Any]:
    """Return ``ignored, disagreements`` of an index's catalog, ``suffix`` of its shards, and `padded`."""
    return read_header(path, KIND).facts


def padded(index: pd.DataFrame) -> dict[str, Any]:
    """Return how many ``tracks`` of an index have a last slice that is padded, and the ``longest`` padding, s."""
    lacking = index.loc[index["padded_s"] > 0, "padded_s"]
    return {"tracks": len(lacking), "longest": float(lacking.max()) if len(lacking) else 0.0}


def shard_files(path: Path | str) -> list[Path]:
    """Return the slice shards of an index, which are in its folder."""
    suffix = facts_of(path)["suffix"]
    shards = read_frame(path, KIND, ["shard"])["shard"].unique()
    return [Path(path).with_name(f"{shard}{suffix}") for shard in sorted(shards)]


def usable_tracks(indexes: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the tracks that every one of several inputs can use.

    Returns
    -------
    DataFrame
        `track_id, label, tags, group, split, title, slices`; the last is 0 where inputs have different numbers.
    """
    keep = set.intersection(*(set(index.loc[index["slices"] > 0, "track_id"]) for index in indexes))
    first = indexes[0][indexes[0]["track_id"].isin(keep)].reset_index(drop=True)
    numbers = [index.set_index("track_id")["slices"].reindex(first["track_id"]).to_numpy() for index in indexes]
    first["slices"] = np.where(np.all(np.equal(numbers, numbers[0]), axis=0), numbers[0], 0)
    return first[["track_id", "label", "tags", "group", "split", "title", "slices"]]


def check_losses(index: pd.DataFrame, *, most: float, most_of_a_class: float) -> None:
    """Refuse a dataset that has lost so many tracks that its folder, and not some files, must be wrong.

    Up to `FEW` refused tracks are always accepted, of the whole or of a class.

    Raises
    ------
    TooManyRefused
        Naming the share lost in all and in each class that lost too many, with the commonest reasons.
    """
    refused = index["verdict"] == "quarantine"
    problems = []
    if _too_many(refused, most):
        problems.append(f"{_lost(index, refused)}; limits.max_quarantine is {most:.0%}")
    for label, rows in index.groupby("label"):
        if label and _too_many(refused[rows.index], most_of_a_class):
            lost = _lost(rows, refused[rows.index])
            problems.append(f"class {label!r}: {lost}; limits.max_class_loss is {most_of_a_class:.0%}")
    if problems:
        raise TooManyRefused(
            "Too many tracks were quarantined; results/quarantine.csv names each. Is this the right folder? "
            "Raise the limits if you want to go on without them:",
            problems,
        )


def _fates(slices: Sequence[Path]) -> pd.DataFrame:
    """Return the fate of each track in the cutting of slices."""
    return pd.DataFrame(
        [row for path in slices for row in slice_shards.read_header(path).facts["tracks"]],
        columns=["track_id", "slices", "padded_s", "verdict", "reason", "message"],
    )


def _judgement(track_ids: pd.Series, stages: Sequence[pd.DataFrame]) -> tuple[list[str], list[str]]:
    """Return codes and sentences of each track over all stages: the first refusal alone, or all warnings."""
    remarks_of: dict[str, list[tuple[str, str]]] = {track_id: [] for track_id in track_ids}
    for stage in stages:
        marked = stage.loc[stage["reason"].fillna("") != "", ["track_id", "reason", "message"]]
        for track_id, reason, message in marked.itertuples(index=False):
            remarks_of[track_id].append((reason, message))
    judged = []
    for remarks in remarks_of.values():
        refusals = [remark for remark in remarks if remark[0].startswith("Q_")]
        judged.append([" ".join(texts) for texts in zip(*(refusals[:1] or remarks), strict=True)] or ["", ""])
    reasons, messages = zip(*judged, strict=True)
    return list(reasons), list(messages)


def _too_many(refused: pd.Series, most: float) -> bool:
    return refused.sum() > max(FEW, most * len(refused))


def _lost(index: pd.DataFrame, refused: pd.Series) -> str:
    reasons = index.loc[refused, "reason"].value_counts().head(3)
    listed = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    return f"{refused.sum():,} of {len(index):,} tracks ({refused.mean():.0%}) were quarantined ({listed})"


def _same_tracks(expected: pd.Series, actual: pd.Series, catalog: Path) -> None:
    lost, extra, twice = set(expected) - set(actual), set(actual) - set(expected), actual[actual.duplicated()]
    if lost or extra or len(twice):
        raise UserError(
            f"The shards of {catalog.parent} do not account for every track: {len(lost)} lost, {len(extra)} not "
            f"in the catalog, {len(twice)} twice. Did files change during the run? Run again."
        )
