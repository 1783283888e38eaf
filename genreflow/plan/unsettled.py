"""Trying tracks again whose verdict was not about their bytes: a decoder that timed out or that the system killed."""

import sys
from pathlib import Path

import pyarrow as pa

from genreflow.config.pipeline import Limits
from genreflow.datasets.catalog import tracks_of_shard
from genreflow.errors import UserError
from genreflow.plan.datasets import DatasetPlan, catalogue_path
from genreflow.plan.make import Plan
from genreflow.store.parquet import read_header, read_table
from genreflow.store.text import count

_KIND = "audio"


def judge_again(plan: Plan) -> None:
    """Ingest the unsettled tracks of every current audio table again, and replace the tables that change by it.

    A table that says the same as before is not touched, so nothing that was made from it runs again.
    """
    for dataset in plan.datasets.values():
        for shard, key in dataset.audio_keys.items():
            path = Path("results", dataset.name, _KIND, f"{shard}.parquet")
            if _is_unsettled(path, key):
                _judge_shard_again(path, shard, dataset, plan.settings.limits)


def _judge_shard_again(path: Path, shard: str, dataset: DatasetPlan, limits: Limits) -> None:
    from genreflow.audio.ingest import ingest, unsettled, write  # which most runs do without

    table = read_table(path, _KIND)
    wanted = unsettled(table)
    print(f"{dataset.name}: trying {count(len(wanted), 'track')} again that could not be judged.", file=sys.stderr)
    tracks = [track for track in tracks_of_shard(catalogue_path(dataset.name), shard) if track["track_id"] in wanted]
    judged = ingest(
        tracks,
        audio_folder=path.parent,
        settings=dataset.audio,
        stage_key=dataset.ogg_key,
        timeout=limits.track_timeout,
        memory_gb=limits.track_memory_gb,
        most_unsettled=len(tracks),
    )
    rows = {row["track_id"]: row for row in judged.to_pylist()}
    new = pa.Table.from_pylist([rows.get(row["track_id"], row) for row in table.to_pylist()], schema=judged.schema)
    if new != table.cast(judged.schema):
        write(path, new, dataset.audio_keys[shard])


def _is_unsettled(path: Path, key: str) -> bool:
    """Tell whether a current table has such tracks; whoever reads a damaged one finds the damage."""
    if not path.exists():
        return False
    try:
        header = read_header(path, _KIND)
    except UserError:
        return False
    return header.key == key and header.facts.get("unsettled", 0) > 0
