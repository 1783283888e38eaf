"""Finding the tracks of a dataset, and bringing its catalog up to date.

A file is hashed once, and again only when its size or one of its times has changed; the change time (ctime) catches
edits that keep size and modification time.
"""

import hashlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from genreflow.config.datasets import Layout, find_layouts
from genreflow.config.load import settings_from
from genreflow.datasets.artists import merged_spellings
from genreflow.datasets.catalog import KIND, MISSING, SCHEMA, STAMP, VERSION, read
from genreflow.datasets.labels import name_classes_of
from genreflow.datasets.listing import TrackListing
from genreflow.datasets.paths import MISSING as MISSING_FILE
from genreflow.datasets.paths import with_twins
from genreflow.errors import UserError, did_you_mean
from genreflow.store.digest import digest, file_sha256
from genreflow.store.parquet import Header, read_header, write_table

NOT_HASHED = "not hashed yet"
LARGEST_HASHED = 32 * 10**9  # bytes; no music is larger, and a sparse file of a terabyte would be read for an hour


@dataclass(frozen=True)
class Listing:
    """The tracks of a dataset before their bytes have been read.

    Attributes
    ----------
    tracks
        `SCHEMA`, sorted by track_id; ``sha256`` is null where the file must be read for it.
    facts
        The facts of the catalog: ``root``, ``notices``, ``ignored``.
    """

    tracks: pa.Table
    facts: dict[str, Any]


def find(path: str | os.PathLike, layout: str = "folders", **settings: Any) -> pd.DataFrame:
    """Find the tracks of a dataset.

    Parameters
    ----------
    path
        Folder of the dataset, or the file of a manifest.
    layout
        ``folders`` (a folder per class), ``manifest`` (a CSV file), ``gtzan``, ``magnatagatune``, ``emotion4q`` or
        ``fma``.
    **settings
        Other settings of the layout, see docs/configuration.md.

    Returns
    -------
    pd.DataFrame
        A row per track, sorted by path: ``path, label, tags, group, artist, split, reason, message``. Tracks of a group
        (album, artist) belong on one side of every split; `reason` is a code for a file that cannot be used (``Q_``)
        or a warning (``W_``). ``attrs["notices"]`` holds remarks.

    Raises
    ------
    UserError
        Every problem of the settings or of the dataset.

    Examples
    --------
    >>> import genreflow as gf
    >>> tracks = gf.datasets.find("music", layout="folders")
    >>> tracks["label"].value_counts().to_dict()
    {'dark': 1, 'goa': 1}
    """
    kinds = find_layouts()
    if layout not in kinds:
        raise UserError(f"layout: {layout!r} is none of {', '.join(kinds)}.{did_you_mean(layout, kinds)}")
    given = settings_from(kinds[layout], {"layout": layout, "path": os.fspath(path), **settings}, f"datasets.{layout}")
    listing = list_dataset(given)
    names = ("label", "tags", "group", "artist", "split", "reason", "message")
    rows = [
        (os.fsdecode(os.path.join(listing.root, track.path)), *(getattr(track, name) for name in names))
        for track in listing.tracks
    ]
    table = pd.DataFrame(rows, columns=["path", *names]).sort_values("path", ignore_index=True)
    table.attrs["notices"] = listing.notices
    return table


def list_dataset(settings: Layout) -> TrackListing:
    """Return the tracks of a dataset with their classes.

    Raises
    ------
    UserError
        Every problem of the dataset.
    """
    listing: TrackListing = settings.find()
    if not listing.has_classes:
        listing = name_classes_of(
            listing, settings.labels, repr(getattr(settings, "path", settings.__class__.__name__))
        )
    return replace(listing, tracks=with_twins(listing.tracks))


def list_tracks(settings: Layout, *, raw: Path) -> Listing:
    """Return the table of the tracks of a dataset; no music is read and nothing is written.

    Parameters
    ----------
    settings
        The dataset.
    raw
        Folder of the tracks that the pipeline makes.

    Raises
    ------
    UserError
        Every problem of the dataset.
    """
    listed = list_dataset(settings)
    root = listed.root or os.fsencode(raw)
    notices = [*listed.notices, *_artists_merged(listed)]
    facts = {"root": os.fsdecode(root), "notices": notices, "ignored": dict(listed.ignored)}
    return Listing(_listed(listed, root), facts)


def _artists_merged(listed: TrackListing) -> list[str]:
    merged = merged_spellings(track.artist for track in listed.tracks)
    return [
        f"{len(spellings)} spellings are taken for one artist: {', '.join(map(repr, spellings))}."
        for spellings in merged.values()
    ]


def refresh(settings: Layout, path: Path, *, raw: Path) -> pa.Table:
    """Find the tracks of a dataset, see `list_tracks`, and `record` them at `path`."""
    return record(list_tracks(settings, raw=raw), path)


def record(listing: Listing, path: Path) -> pa.Table:
    """Hash the new files, and update the catalog at `path` if anything changed.

    Returns
    -------
    Table
        `SCHEMA`, sorted by track_id. A track that cannot be read is listed with -1 bytes and the hash ``missing``.
    """
    old = known(path)
    catalog = _with_hashes(listing, old)
    if old is None or not catalog.equals(old) or read_header(path, KIND).facts != listing.facts:
        write_table(path, catalog, Header(KIND, version=VERSION, facts=listing.facts))
    return catalog


def look_up(listing: Listing, path: Path) -> pa.Table:
    """Return the catalog that `record` would write, without reading any music and without writing.

    Files that are new, or of another size or modification time, have the hash `NOT_HASHED`. The change time does not
    count: copying a folder changes it, and `record` will most likely find the same bytes.
    """
    old = known(path)
    guessed = {} if old is None else dict(zip(_names_and_sizes(old), old["sha256"].to_pylist(), strict=True))
    names = _names_and_sizes(listing.tracks)
    hashes = [
        content or guessed.get(name, NOT_HASHED)
        for content, name in zip(listing.tracks["sha256"].to_pylist(), names, strict=True)
    ]
    return _set_hashes(listing.tracks, hashes)


def known(path: Path) -> pa.Table | None:
    """Return the catalog at `path`; None if there is none, or one of another version."""
    return read(path) if path.exists() and _is_current(path) else None


def _is_current(path: Path) -> bool:
    try:
        return read_header(path, KIND).version == VERSION
    except UserError:
        return False


def _listed(listed: TrackListing, root: bytes) -> pa.Table:
    rows = []
    for track in listed.tracks:
        path = os.path.join(root, track.path)
        stamp = (None, None, None) if track.content else _stamp(path)
        reason, message = track.reason, track.message
        if stamp[0] == -1 and not reason.startswith("Q_") and not os.path.lexists(path):
            reason, message = MISSING_FILE[0], f"{MISSING_FILE[1]} {message}".strip()
        identity = hashlib.sha256(track.path).hexdigest()[:16]
        names = (track.label, track.tags, track.group, track.artist, track.split, reason, message)
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


def _with_hashes(listing: Listing, old: pa.Table | None) -> pa.Table:
    """Return the listed tracks with their hashes, which are taken from an old catalog for unchanged files."""
    listed, root = listing.tracks, os.fsencode(listing.facts["root"])
    known = {} if old is None else dict(zip(_identities(old), old["sha256"].to_pylist(), strict=True))
    # Files that could not be read are tried again: the cause may have been outside the file.
    known = {identity: sha256 for identity, sha256 in known.items() if not sha256.startswith(MISSING)}
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
    return _set_hashes(listed, hashes)


def _set_hashes(tracks: pa.Table, hashes: list[str | None]) -> pa.Table:
    return tracks.set_column(tracks.schema.get_field_index("sha256"), SCHEMA.field("sha256"), [hashes])


def _identities(catalog: pa.Table) -> list[tuple]:
    return list(zip(*(catalog[name].to_pylist() for name in ("path", *STAMP)), strict=True))


def _names_and_sizes(catalog: pa.Table) -> list[tuple]:
    return [identity[:-1] for identity in _identities(catalog)]


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
                    f"catalog: {done:,} of {len(paths):,} new files read "
                    f"({total_bytes / 1e9:.1f} GB in all), {left:.0f} s left",
                    file=sys.stderr,
                )
    return hashes


def _hash(path: bytes) -> str:
    try:
        if not Path(os.fsdecode(path)).is_file():
            return MISSING
        status = os.stat(path)
        if status.st_size > LARGEST_HASHED:
            return f"unread-{digest(status.st_size, status.st_mtime_ns)}"
        return file_sha256(path)
    except OSError as error:
        return f"{MISSING}-{digest(error.errno)}"
