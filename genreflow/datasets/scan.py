"""Finding the tracks of a dataset, and bringing its catalog up to date.

A file is read once, and again only when its size or one of its times has changed; the change time (ctime) catches edits
that keep size and modification time. Where the audio in a changed file is the same, so that only its tags were edited,
the file keeps the digest that products know it by.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from genreflow.config.datasets import Layout, find_layouts
from genreflow.config.load import settings_from
from genreflow.datasets.artists import groups_by_artist, merged_spellings, tagged_artists, with_tagged_artists
from genreflow.datasets.catalog import KIND, MISSING, SCHEMA, STAMP, VERSION, embedded_tags, is_readable, read, root_of
from genreflow.datasets.corrections import corrected
from genreflow.datasets.drawing import drawn
from genreflow.datasets.file_facts import TagReader, Unread, as_text, examine, stamp_of
from genreflow.datasets.labels import name_classes_of
from genreflow.datasets.listing import TrackListing
from genreflow.datasets.paths import MISSING as MISSING_FILE
from genreflow.datasets.paths import with_twins
from genreflow.datasets.second_labels import checked_by
from genreflow.errors import UserError, did_you_mean
from genreflow.store.parquet import Header, read_header, write_table

NOT_HASHED = "not hashed yet"


@dataclass(frozen=True)
class Listing:
    """The tracks of a dataset before their bytes have been read.

    Attributes
    ----------
    tracks
        `SCHEMA`, sorted by track_id; ``sha256``, ``packets`` and ``embedded`` are null where the file must be read,
        ``artist_group`` where tags were not asked for.
    facts
        The facts of the catalog: ``root``, ``notices``, ``ignored`` and, if there are any, ``disagreements``.
    settings
        The dataset.
    by_artist
        Whether ``artist_group`` is wanted.
    """

    tracks: pa.Table
    facts: dict[str, Any]
    settings: Layout
    by_artist: bool = False


def find(path: str | os.PathLike, layout: str = "folders", **settings: Any) -> pd.DataFrame:
    """Find the tracks of a dataset.

    Parameters
    ----------
    path
        Folder of the dataset, or the file of a manifest.
    layout
        ``folders`` (a folder per class), ``library`` (labels in the tags of files), ``manifest`` (a CSV file),
        ``export`` (of beets, Rekordbox, iTunes), ``mirdata``, ``gtzan``, ``magnatagatune``, ``emotion4q`` or ``fma``.
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


def list_dataset(settings: Layout, tags: TagReader | None = None) -> TrackListing:
    """Return the tracks of a dataset with their classes; `tags` reads the tags of files, where they are needed.

    Raises
    ------
    UserError
        Every problem of the dataset.
    """
    listing: TrackListing = settings.find_with(tags or TagReader())
    if not listing.has_classes:
        listing = name_classes_of(
            listing, settings.labels, repr(getattr(settings, "path", settings.__class__.__name__))
        )
    if settings.corrections is not None:
        listing = corrected(listing, settings.corrections)
    if settings.second_labels is not None:
        listing = checked_by(listing, settings.second_labels)
    if settings.per_class is not None:
        listing = drawn(listing, settings.per_class, settings.draw_seed)
    return replace(listing, tracks=with_twins(listing.tracks))


def list_tracks(settings: Layout, *, raw: Path, catalog: Path | None = None, reads_tags: bool = False) -> Listing:
    """Return the table of the tracks of a dataset; nothing is written, and of music at most the tags are read.

    Parameters
    ----------
    settings
        The dataset.
    raw
        Folder of the tracks that the pipeline makes.
    catalog
        Its catalog so far, whose tags are not read again.
    reads_tags
        Read the tags of all files, and not only where the layout needs them.

    Raises
    ------
    UserError
        Every problem of the dataset.
    """
    tags = _reader(catalog)
    listed = list_dataset(settings, tags)
    root = listed.root or os.fsencode(raw)
    if reads_tags and listed.root:
        tags.read(root, [track.path for track in listed.tracks if not track.reason.startswith("Q_")])
    notices = [*listed.notices, *_artists_merged(listed)]
    facts: dict[str, Any] = {"root": os.fsdecode(root), "notices": notices, "ignored": dict(listed.ignored)}
    if listed.disagreements:
        facts["disagreements"] = [list(each) for each in listed.disagreements]
    tracks = _listed(listed, root, tags)
    return Listing(_with_groups(tracks, settings) if reads_tags else tracks, facts, settings, reads_tags)


def _reader(path: Path | None) -> TagReader:
    """Return a reader that knows the tags in a catalog."""
    catalog = None if path is None else known(path)
    if catalog is None or path is None:
        return TagReader()
    root = os.path.realpath(os.fsencode(root_of(path)))
    return TagReader(
        {
            (os.path.normpath(os.path.join(root, row["path"])), tuple(row[name] for name in STAMP)): tags
            for row in catalog.select(["path", *STAMP, "embedded"]).to_pylist()
            if (tags := row["embedded"]) is not None
        }
    )


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
    """Read the new files, and update the catalog at `path` if anything changed.

    Returns
    -------
    Table
        `SCHEMA`, sorted by track_id. A track that cannot be read is listed with -1 bytes and the hash ``missing``.
    """
    old = known(path)
    catalog = _with_facts(listing, old)
    if old is None or not catalog.equals(old) or read_header(path, KIND).facts != listing.facts:
        write_table(path, catalog, Header(KIND, version=VERSION, facts=listing.facts))
    return catalog


def look_up(listing: Listing, path: Path) -> pa.Table:
    """Return the catalog that `record` would write, without writing.

    No file is read: those that are new, or have another size or modification time, have the hash `NOT_HASHED`. The
    change time does not count: copying a folder changes it, and `record` will most likely find the same bytes.
    """
    old = known(path)
    if old is None:
        return _set(
            listing.tracks, "sha256", [content or NOT_HASHED for content in listing.tracks["sha256"].to_pylist()]
        )
    before = {row["path"]: row for row in _rows(old)}
    rows = list(_rows(listing.tracks))
    for row in rows:
        was = before.get(row["path"])
        if not row["sha256"] and was and all(was[name] == row[name] for name in STAMP[:-1]):
            row |= {name: was[name] for name in ("sha256", "packets", "embedded")}
    return _table(listing, [row | {"sha256": row["sha256"] or NOT_HASHED} for row in rows])


def known(path: Path) -> pa.Table | None:
    """Return the catalog at `path`; None if there is none, or one of another version."""
    return read(path) if path.exists() and is_readable(path) else None


def _with_facts(listing: Listing, old: pa.Table | None) -> pa.Table:
    """Return the listed tracks with the facts of their files, which are taken from an old catalog where unchanged."""
    before = {} if old is None else {_identity(row): row for row in _rows(old)}
    rows = list(_rows(listing.tracks))
    todo = []
    for row in rows:
        was = before.get(_identity(row))
        if row["sha256"]:  # of tracks that the pipeline makes
            continue
        # Files that could not be read are tried again: the cause may have been outside the file.
        if was and not was["sha256"].startswith(MISSING):
            row |= {name: was[name] for name in ("sha256", "packets", "embedded")}
        if row["packets"] is None:
            todo.append(row)
    _read(todo, old, rows, listing.facts["root"])
    return _table(listing, rows)


def _read(todo: list[dict[str, Any]], old: pa.Table | None, rows: list[dict[str, Any]], root: str) -> None:
    """Put the facts of files into rows; a file whose audio was known before keeps its digest."""
    there = {row["path"] for row in rows}
    before = {} if old is None else {row["path"]: row for row in _rows(old)}
    moved = {was["packets"]: was["sha256"] for was in before.values() if was["packets"] and was["path"] not in there}
    files = [
        Unread(
            os.path.join(os.fsencode(root), row["path"]), row["bytes"], row["sha256"],
            was["sha256"] if (was := before.get(row["path"])) and was["packets"] is not None else None,
        )
        for row in todo
    ]  # fmt: skip
    for row, facts in zip(todo, examine(files), strict=True):
        was = before.get(row["path"])
        if facts.packets is None and was:
            row |= {name: was[name] for name in ("sha256", "packets", "embedded")}
            continue
        sha256 = row["sha256"] or facts.sha256
        if facts.packets and not row["sha256"]:
            same = bool(was and was["packets"] == facts.packets)
            sha256 = was["sha256"] if was and same else moved.get(facts.packets, sha256)
        row |= {"sha256": sha256, "packets": facts.packets, "embedded": as_text(facts.tags or {})}


def _rows(catalog: pa.Table) -> Iterator[dict[str, Any]]:
    yield from catalog.select(["path", *STAMP, "sha256", "packets", "embedded"]).to_pylist()


def _identity(row: dict[str, Any]) -> tuple:
    return row["path"], *(row[name] for name in STAMP)


def _table(listing: Listing, rows: list[dict[str, Any]]) -> pa.Table:
    tracks = listing.tracks
    for name in ("sha256", "packets", "embedded"):
        tracks = _set(tracks, name, [row[name] for row in rows])
    return _with_groups(tracks, listing.settings) if listing.by_artist else tracks


def _set(tracks: pa.Table, name: str, values: list[Any]) -> pa.Table:
    column = pa.array(values, SCHEMA.field(name).type)
    return tracks.set_column(tracks.schema.get_field_index(name), SCHEMA.field(name), column)


def _with_groups(tracks: pa.Table, settings: Layout) -> pa.Table:
    """Return tracks with `artist_group`, by the tags of the files that were read."""
    frame = tracks.select(["track_id", "group", "artist"]).to_pandas()
    artists = tagged_artists(embedded_tags(tracks))
    groups = groups_by_artist(with_tagged_artists(frame, artists), settings.is_album)
    return _set(tracks, "artist_group", groups)


def _listed(listed: TrackListing, root: bytes, tags: TagReader) -> pa.Table:
    rows = []
    for track in listed.tracks:
        path = os.path.join(root, track.path)
        stamp = (0, 0, 0) if track.content else stamp_of(path)
        reason, message = track.reason, track.message
        if stamp[0] == -1 and not reason.startswith("Q_") and not os.path.lexists(path):
            reason, message = MISSING_FILE[0], f"{MISSING_FILE[1]} {message}".strip()
        identity = hashlib.sha256(track.path).hexdigest()[:16]
        names = (track.label, track.tags, track.group, track.artist, track.split, reason, message)
        embedded = None if track.content else tags.known(root, track.path, stamp)
        times = (None, None, None) if track.content else stamp
        rows.append((identity, track.path, *names, *times, track.content, None, embedded, None, track.checked))
    rows.sort(key=lambda row: row[:2])
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    return pa.table(
        [pa.array(list(column), field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )
