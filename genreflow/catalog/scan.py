"""Bringing the catalogue of a dataset up to date, before anything runs.

A file is hashed once, and again only when its size or one of its times has changed; the change time (ctime) catches
edits that keep size and modification time.
"""

import hashlib
import importlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from genreflow.catalog.catalogue import KIND, MISSING, SCHEMA, VERSION, read
from genreflow.catalog.layouts.found import Found
from genreflow.config.datasets import Dataset
from genreflow.errors import UserError
from genreflow.store.digest import digest, file_sha256
from genreflow.store.parquet import Header, read_header, write_table

_STAMP = ["bytes", "mtime_ns", "ctime_ns"]


def find(settings: Dataset) -> Found:
    """Find the tracks of a dataset by its layout."""
    layout = importlib.import_module(f"genreflow.catalog.layouts.{settings.layout}")
    return layout.find(settings)


def refresh(settings: Dataset, path: Path, *, raw: Path) -> pa.Table:
    """Bring the catalogue at `path` up to date and return it; the file is rewritten only when it changes.

    Parameters
    ----------
    settings
        The dataset.
    path
        The catalogue.
    raw
        Folder for the tracks of a layout that makes its own.

    Returns
    -------
    Table
        `SCHEMA`, sorted by track_id. A track that cannot be read is listed with -1 bytes and the hash ``missing``.
    """
    found = find(settings)
    root = found.root or os.fsencode(raw)
    facts = {"root": os.fsdecode(root), "notices": found.notices, "ignored": dict(found.ignored)}
    old = read(path) if path.exists() and _is_current(path) else None
    catalogue = _with_hashes(_listed(found, root), root, old)
    if old is None or not catalogue.equals(old) or read_header(path, KIND).facts != facts:
        write_table(path, catalogue, Header(KIND, version=VERSION, facts=facts))
    return catalogue


def _is_current(path: Path) -> bool:
    try:
        return read_header(path, KIND).version == VERSION
    except UserError:
        return False


def _listed(found: Found, root: bytes) -> pa.Table:
    rows = []
    for track in found.tracks:
        stamp = (None, None, None) if track.content else _stamp(os.path.join(root, track.path))
        identity = hashlib.sha256(track.path).hexdigest()[:16]
        names = (track.label, track.tags, track.group, track.artist, track.split, track.reason, track.message)
        rows.append((identity, track.path, *names, *stamp, track.content))
    rows.sort(key=lambda row: row[:2])
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    return pa.table([list(column) for column in columns], schema=SCHEMA)


def _stamp(path: bytes) -> tuple[int, int, int]:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return -1, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _with_hashes(listed: pa.Table, root: bytes, old: pa.Table | None) -> pa.Table:
    known = dict(zip(_identities(old), old["sha256"].to_pylist(), strict=True)) if old is not None else {}
    identities = _identities(listed)
    hashes = [
        content or known.get(identity)
        for content, identity in zip(listed["sha256"].to_pylist(), identities, strict=True)
    ]
    todo = [i for i, sha256 in enumerate(hashes) if sha256 is None]
    paths = [os.path.join(root, identities[i][0]) for i in todo]
    total = sum(max(0, identities[i][1]) for i in todo)
    for i, sha256 in zip(todo, _hash_all(paths, total), strict=True):
        hashes[i] = sha256
    return listed.set_column(listed.schema.get_field_index("sha256"), SCHEMA.field("sha256"), [hashes])


def _identities(catalogue: pa.Table) -> list[tuple]:
    return list(zip(*(catalogue[name].to_pylist() for name in ("path", *_STAMP)), strict=True))


def _hash_all(paths: list[bytes], total_bytes: int) -> list[str]:
    hashes = []
    start = shown = time.monotonic()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for done, sha256 in enumerate(pool.map(_hash, paths), 1):
            hashes.append(sha256)
            now = time.monotonic()
            if now - shown > 5:
                shown = now
                left = (now - start) / done * (len(paths) - done)
                print(
                    f"catalogue: {done:,} of {len(paths):,} new files read "
                    f"({total_bytes / 1e9:.1f} GB in all), {left:.0f} s left",
                    file=sys.stderr,
                )
    return hashes


def _hash(path: bytes) -> str:
    try:
        if not Path(os.fsdecode(path)).is_file():
            return MISSING
        return file_sha256(path)
    except OSError as error:
        return f"{MISSING}-{digest(error.errno)}"
