"""Retry tracks whose verdict was not about their bytes: the decoder timed out, or the system killed it."""

import sys
from pathlib import Path

import pyarrow as pa

from genreflow.config.pipeline import Limits
from genreflow.datasets.catalog import tracks_of_shard
from genreflow.errors import UserError
from genreflow.plan.datasets import DatasetPlan, catalog_path
from genreflow.plan.make import Plan
from genreflow.project import layout
from genreflow.store.parquet import read_header, read_table
from genreflow.store.text import count

_KIND = "audio"


def retry_unsettled(plan: Plan) -> None:
    """Ingest the unsettled tracks of every current audio table again, and replace the tables that change.

    A table that stays the same is not touched, so nothing made from it runs again.
    """
    for dataset in plan.datasets.values():
        for shard, key in dataset.audio_keys.items():
            path = Path(layout.AUDIO.format(dataset=dataset.name, shard=shard))
            if _is_unsettled(path, key):
                _retry_shard(path, shard, dataset, plan.settings.limits)


def _retry_shard(path: Path, shard: str, dataset: DatasetPlan, limits: Limits) -> None:
    from genreflow.audio.ingest import ingest, unsettled, write  # most runs need none of it

    table = read_table(path, _KIND)
    track_ids = unsettled(table)
    print(f"{dataset.name}: retrying {count(len(track_ids), 'track')} without a verdict.", file=sys.stderr)
    tracks = [track for track in tracks_of_shard(catalog_path(dataset.name), shard) if track["track_id"] in track_ids]
    retried = ingest(
        tracks,
        audio_folder=path.parent,
        settings=dataset.audio,
        stage_key=dataset.ogg_key,
        timeout=limits.track_timeout,
        memory_gb=limits.track_memory_gb,
        most_unsettled=len(tracks),
    )
    rows = {row["track_id"]: row for row in retried.to_pylist()}
    new = pa.Table.from_pylist([rows.get(row["track_id"], row) for row in table.to_pylist()], schema=retried.schema)
    if new != table.cast(retried.schema):
        write(path, new, dataset.audio_keys[shard], dataset.audio)


def _is_unsettled(path: Path, key: str) -> bool:
    """Return whether a current table has such tracks; of a damaged one, False: the job that reads it reports it."""
    if not path.exists():
        return False
    try:
        header = read_header(path, _KIND)
    except UserError:
        return False
    return header.key == key and header.facts.get("unsettled", 0) > 0
