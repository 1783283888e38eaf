"""Progress of a stage whose shards are made by separate processes."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

from genreflow.errors import UserError
from genreflow.store.atomic import write_text
from genreflow.store.parquet import read_header
from genreflow.store.text import rough_duration


def expect(note: Path, folder: Path, keys: Mapping[str, str]) -> None:
    """Note how many shards in `folder` will have to be made: those whose product does not have its key (shard -> key).

    To be called before any of them is made.
    """
    todo = sum(not _is_current(folder / f"{shard}.parquet", key) for shard, key in keys.items())
    write_text(note, json.dumps({"since": time.time(), "shards": todo}))


def standing(note: Path, folder: Path) -> str:
    """Return how many of the expected shards have been made, and the time left: ``3 of 12, 4 min left``."""
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    done = sum(path.stat().st_mtime >= noted["since"] for path in folder.glob("*.parquet"))
    left = noted["shards"] - done
    if left <= 0 or not done:
        return f"{done} of {max(done, noted['shards'])}"
    return f"{done} of {noted['shards']}, {rough_duration((time.time() - noted['since']) / done * left)} left"


def _is_current(path: Path, key: str) -> bool:
    try:
        return read_header(path).key == key
    except UserError:
        return False
