"""Any dataset that the package mirdata reads (Bittner et al. 2019), by its name and version."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.dataset_root import folder_of
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.splits import ALIASES, SPLITS
from genreflow.errors import Problems, UserError, did_you_mean
from genreflow.store.text import count, listing

_ARTISTS = ("artist", "artist_name", "artist_id", "performer")
_MOST = 0.5  # share of files that may be missing


class Mirdata(Layout):
    """A dataset by the package mirdata, which must be installed, and must have downloaded the dataset or its index.

    Layouts of our own, such as `gtzan`, know more of their dataset: its defects, its artists, a better split.
    """

    layout: Literal["mirdata"]
    name: str = Field(min_length=1, description="Name of the dataset in mirdata: gtzan_genre, ballroom, ...")
    path: PathText = Field(min_length=1, description="Folder of the dataset, `data_home` of mirdata.")
    version: str = Field("default", min_length=1, description="Version of the dataset in mirdata.")
    label: str = Field(
        "genre", min_length=1, description="Attribute of its tracks that is the label, or a list of tags."
    )
    artist: str | None = Field(
        None, description="Attribute that is the artist; artist, artist_name or artist_id where there is one."
    )
    split: Literal["none", "official"] = Field("official", description="official: that of the dataset, if it has one.")
    checksums: bool = Field(
        False, description="Compare each file with its checksum in mirdata whenever tracks are listed, which reads all."
    )

    def find(self) -> TrackListing:
        """Find the tracks with a label, and their files."""
        root = folder_of(self.path).resolve()
        dataset = _initialize(self, root)
        tracks = _tracks(dataset, self)
        _check_attribute(tracks, self)
        splits, notices = _splits(dataset) if self.split == "official" else ({}, [])
        listed = [_listed(name, track, root, splits, self) for name, track in tracks.items()]
        kept = [track for track in listed if track is not None]
        if len(kept) < len(listed):
            notices.append(f"{count(len(listed) - len(kept), 'track')} without {self.label} left out")
        missing = [track for track in kept if not os.path.lexists(os.path.join(os.fsencode(root), track.path))]
        if len(missing) > _MOST * len(kept):
            raise Problems(
                f"datasets.{self.name}:",
                [
                    f"{len(missing):,} of {count(len(kept), 'file')} of {self.name} are not below {self.path!r}, such "
                    f"as {printable(missing[0].path)}. Set `path` to the folder that mirdata downloaded it to."
                ],
            )
        if self.checksums:
            notices += _differing(dataset, kept, root)
        return TrackListing(os.fsencode(root), kept, notices, {"": len(listed) - len(kept)} if kept != listed else {})


@dataclass(frozen=True)
class _Track:
    """A track of mirdata: its audio file, and its attributes."""

    audio: str
    facts: Any


def _initialize(settings: Mirdata, root: Path) -> Any:
    """Return the dataset of mirdata.

    Raises
    ------
    UserError
        When mirdata is not installed, does not know the dataset or the version, or has no index of it.
    """
    try:
        mirdata = import_module("mirdata")
    except ModuleNotFoundError:
        raise UserError(
            "layout: mirdata: it needs the package mirdata, which is not installed: pip install mirdata."
        ) from None
    names = mirdata.list_datasets()
    if settings.name not in names:
        hint = did_you_mean(settings.name, names)
        raise UserError(f"name: mirdata knows no dataset {settings.name!r}.{hint}")
    try:
        return mirdata.initialize(settings.name, data_home=str(root), version=settings.version)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"version: mirdata cannot read version {settings.version!r} of {settings.name}: {error}"
        ) from None


def _tracks(dataset: Any, settings: Mirdata) -> dict[str, _Track]:
    """Return the tracks with audio.

    Raises
    ------
    UserError
        When the index or the annotations are not there.
    """
    try:
        tracks = {name: dataset.track(name) for name in dataset.track_ids}
        return {name: _Track(str(track.audio_path), track) for name, track in tracks.items() if _audio_of(track)}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        code = f"import mirdata; mirdata.initialize({settings.name!r}, {settings.path!r}).download(['index'])"
        message = f"mirdata cannot list the tracks of {settings.name}: {error} Download it, or its index alone: "
        raise UserError(f'{message}python -c "{code}"') from None


def _audio_of(track: Any) -> str | None:
    return getattr(track, "audio_path", None)


def _check_attribute(tracks: Mapping[str, _Track], settings: Mirdata) -> None:
    first = next(iter(tracks.values()), None)
    if first is None:
        raise UserError(f"{settings.name} of mirdata has no tracks with audio.")
    attributes = [name for name in dir(type(first.facts)) + list(vars(first.facts)) if not name.startswith("_")]
    for setting in ("label", "artist"):
        wanted = getattr(settings, setting)
        if wanted is not None and wanted not in attributes:
            names = listing(sorted(set(attributes)), 30)
            raise UserError(f"{setting}: tracks of {settings.name} have no attribute {wanted!r}, but {names}.")


def _splits(dataset: Any) -> tuple[dict[str, str], list[str]]:
    """Return track -> part of the official split, and what is to be said of it."""
    read_splits = getattr(dataset, "get_track_splits", None)
    if read_splits is None:  # a release of mirdata without splits
        return {}, ["mirdata has no official split"]
    try:
        parts = read_splits()
    except NotImplementedError:  # mirdata raises it for a dataset without a split
        return {}, ["mirdata has no official split"]
    except OSError as error:
        return {}, [f"the official split cannot be read: {error}"]
    meant = {part: ALIASES.get(str(part).lower(), str(part).lower()) for part in parts}
    odd = [str(part) for part, name in meant.items() if name not in SPLITS]
    notices = [f"parts of the official split that are left out: {listing(odd)}"] if odd else []
    return {name: meant[part] for part, names in parts.items() if meant[part] in SPLITS for name in names}, notices


def _listed(name: str, track: _Track, root: Path, splits: Mapping[str, str], settings: Mirdata) -> ListedTrack | None:
    value = getattr(track.facts, settings.label, None)
    artists = [settings.artist] if settings.artist else _ARTISTS
    artist = next((str(found) for each in artists if (found := _attribute(track.facts, each))), None)
    path = os.fsencode(os.path.relpath(track.audio, root))
    split = splits.get(name)
    if isinstance(value, list | tuple | set | frozenset):
        tags = tuple(str(tag) for tag in (value if isinstance(value, list | tuple) else sorted(value)) if tag)
        return ListedTrack(path, "", None, artist, tags, split) if tags else None
    return ListedTrack(path, str(value), None, artist, None, split) if value not in (None, "") else None


def _attribute(track: Any, name: str) -> Any:
    with suppress(Exception):  # of a loader that cannot read an annotation
        return getattr(track, name, None)
    return None


def _differing(dataset: Any, tracks: list[ListedTrack], root: Path) -> list[str]:
    """Return a sentence on the files that are other ones than those of mirdata."""
    expected = dict(_checksums(dataset))
    files = [(track.path, expected.get(os.fsdecode(track.path))) for track in tracks]
    differing = [printable(path) for path, md5 in files if md5 and _md5(os.path.join(os.fsencode(root), path)) != md5]
    compared = sum(md5 is not None for _, md5 in files)
    if not differing:
        return [f"{count(compared, 'file')} with the checksums of mirdata"]
    return [f"{len(differing):,} of {count(compared, 'file')} are not as mirdata knows them: {listing(differing)}"]


def _checksums(dataset: Any) -> Iterator[tuple[str, str]]:
    for files in dataset._index.get("tracks", {}).values():
        for entry in files.values():
            if entry and entry[0]:
                yield os.path.normpath(entry[0]), entry[1]


def _md5(path: bytes) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError:
        return None
