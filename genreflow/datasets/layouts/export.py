"""The exports of programs that keep a library: beets, Rekordbox, iTunes and Music; and the tables of MTG-Jamendo."""

import csv
import io
import json
import os
import plistlib
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.file_facts import FileTags
from genreflow.datasets.listing import TrackListing
from genreflow.datasets.paths import Finder
from genreflow.datasets.tag_labels import TagLabels, labeled
from genreflow.errors import Problems, UserError
from genreflow.store.regular import expand_home, open_regular, read_regular
from genreflow.store.text import count, listing

_MOST_BYTES = 2 * 10**9
_HEAD_BYTES = 4_096
_FIELDS = {"albumartist": "album_artist", "mb_artistid": "musicbrainz_artistid", "mb_albumid": "musicbrainz_albumid"}
_PLIST = {
    "Genre": "genre", "Artist": "artist", "Album Artist": "album_artist", "Album": "album", "Name": "title",
    "Grouping": "grouping", "Comments": "comment",
}  # fmt: skip
_REKORDBOX = {
    "Genre": "genre", "Artist": "artist", "Album": "album", "Name": "title", "Grouping": "grouping",
    "Comments": "comment", "Label": "publisher", "Tonality": "key",
}  # fmt: skip
_JAMENDO = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
_DRIVE = re.compile(r"/?[A-Za-z]:/")
Program = Literal["beets", "rekordbox", "itunes", "mtg_jamendo"]
_Row = tuple[str, dict[str, list[str]]]


class Export(TagLabels, Layout):
    """A library by the export of the program that keeps it: genres, artists and albums as they are there.

    Read are `beet export` (JSON, JSON lines, CSV), the XML of Rekordbox, that of iTunes and Music (File, Library,
    Export Library), and the tables of MTG-Jamendo, whose tags have categories that `field` chooses from.
    """

    layout: Literal["export"]
    path: PathText = Field(min_length=1, description="The exported file.")
    root: PathText | None = Field(
        None,
        description="Where the music is now: the folder in place of the one that all exported paths have in common. "
        "Relative paths begin there, or else in the folder of the file.",
    )
    max_missing: float = Field(0.01, ge=0, le=1, description="Share of tracks whose file may be missing.")

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a file by its first lines; tracks of MTG-Jamendo have any number of tags."""
        if not path.is_file():
            return None
        with open_regular(path, most=_MOST_BYTES, expected="an export") as file:
            program = _program(file.read(_HEAD_BYTES))
        if program is None:
            return None
        return {"path": str(path), **({"multilabel": True} if program == "mtg_jamendo" else {})}

    def find(self) -> TrackListing:
        """Find the tracks whose files are there."""
        rows = _read(self.path)
        places = _Places([path for path, _ in rows], self)
        tags: dict[bytes, FileTags] = {}
        missing = []
        for path, values in rows:
            found = places.find(path)
            if found is None:
                missing.append(path)
            else:
                tags[found] = {field: tuple(each) for field, each in values.items()}
        notices = _judge_missing(missing, len(rows), places, self)
        tracks = labeled(places.root, tags, self, self.labels, repr(self.path))
        return replace(tracks, notices=[*notices, *tracks.notices])


def _program(head: bytes) -> Program | None:
    text = head.decode("utf-8-sig", "replace").lstrip()
    line = text.splitlines()[0] if text else ""
    if "<DJ_PLAYLISTS" in text:
        return "rekordbox"
    if "<plist" in text and text.startswith("<?xml"):
        return "itunes"
    if line.split("\t")[: len(_JAMENDO)] == _JAMENDO:
        return "mtg_jamendo"
    names = line.replace('"', "").split(",")
    is_table = {"path", "genre"} <= set(names) and not {"label", "tags"} & set(names)
    return "beets" if is_table or (text[:1] in "[{" and '"path"' in text) else None


def _read(path: str) -> list[_Row]:
    """Return path, as it was written, and tags of each track.

    Raises
    ------
    UserError
        When the file is not there, or is none of these exports.
    """
    file = expand_home(path)
    try:
        content = read_regular(file, most=_MOST_BYTES, expected="an export")
    except OSError as error:
        raise UserError(f"The export {path!r} cannot be read: {error.strerror}.") from None
    program = _program(content[:_HEAD_BYTES])
    if program is None:
        raise UserError(
            f"{path} is no export that is known: beets (JSON or CSV with a path), Rekordbox XML, iTunes or Music XML, "
            "MTG-Jamendo TSV."
        )
    readers: dict[Program, Callable[[bytes], Iterator[_Row]]] = {
        "beets": _beets, "rekordbox": _rekordbox, "itunes": _itunes, "mtg_jamendo": _jamendo,
    }  # fmt: skip
    try:
        rows = [(place, values) for place, values in readers[program](content) if place]
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error, ElementTree.ParseError, ExpatError) as error:
        raise UserError(f"{path} is damaged, or was not written to its end ({error}). Export it again.") from None
    if not rows:
        raise UserError(f"{path} names no files.")
    return rows


def _beets(content: bytes) -> Iterator[_Row]:
    text = content.decode("utf-8-sig")
    if text.lstrip()[:1] == "[":
        rows = json.loads(text)
    elif text.lstrip()[:1] == "{":
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    else:
        rows = csv.DictReader(io.StringIO(text, newline=""))
    for row in rows:
        yield str(row["path"]), _values({_FIELDS.get(name, name): value for name, value in row.items() if name})


def _rekordbox(content: bytes) -> Iterator[_Row]:
    for track in ElementTree.fromstring(content).iterfind("COLLECTION/TRACK"):
        yield _of_url(track.get("Location", "")), _values({name: track.get(key) for key, name in _REKORDBOX.items()})


def _itunes(content: bytes) -> Iterator[_Row]:
    for track in plistlib.loads(content, fmt=plistlib.FMT_XML)["Tracks"].values():
        if track.get("Track Type", "File") == "File":
            yield _of_url(track.get("Location", "")), _values({name: track.get(key) for key, name in _PLIST.items()})


def _jamendo(content: bytes) -> Iterator[_Row]:
    for line in content.decode("utf-8-sig").splitlines()[1:]:
        _, artist, album, path, _, *tags = line.split("\t")
        values: dict[str, list[str]] = {"artist": [artist], "album": [album]}
        for category, _, tag in (each.partition("---") for each in tags):
            values.setdefault(category, []).append(tag)
        yield path, values


def _values(row: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the texts, and lists of texts, of a row."""
    lists = {name: value if isinstance(value, list) else [value] for name, value in row.items()}
    texts = {
        name: [each for each in values if isinstance(each, str) and each.strip()] for name, values in lists.items()
    }
    return {name: values for name, values in texts.items() if values}


def _of_url(location: str) -> str:
    """Return the path of a file:// address; an address of another kind is none."""
    if not location.lower().startswith("file://"):
        return ""
    rest = location[7:]
    return unquote(rest[rest.find("/") :], errors="surrogateescape")


@dataclass
class _Places:
    """Finds the files of exported paths."""

    paths: list[str]
    settings: Export

    def __post_init__(self) -> None:
        plain = [self._plain(path) for path in self.paths]
        whole = [posixpath.dirname(path) for path in plain if path.startswith("/")]
        self.common = posixpath.commonpath(whole) if whole else ""
        beside = expand_home(self.settings.path).parent
        home = expand_home(self.settings.root) if self.settings.root else Path(self.common) if whole else beside
        if not home.is_dir():
            raise Problems(
                f"{self.settings.path}:",
                [f"the folder {str(home)!r} does not exist. Set `root` to where the music is now."],
            )
        self.root = os.fsencode(home)
        self._finder = Finder(self.root)

    def find(self, path: str) -> bytes | None:
        """Return the path of a file below the root; None if it is not there, or leads out of the root."""
        plain = self._plain(path)
        inside = posixpath.normpath(posixpath.relpath(plain, self.common) if plain.startswith("/") else plain)
        if inside == ".." or inside.startswith("../") or "\0" in inside:
            return None
        found = self._finder.find(inside)
        return None if found is None or self._finder.is_outside(found) else found

    @staticmethod
    def _plain(path: str) -> str:
        """Return a path with forward slashes; drives of Windows begin at the root."""
        turned = path.replace("\\", "/") if "/" not in path or _DRIVE.match(path.replace("\\", "/")) else path
        return f"/{turned.lstrip('/')}" if _DRIVE.match(turned) else turned


def _judge_missing(missing: list[str], total: int, places: _Places, settings: Export) -> list[str]:
    if not missing:
        return []
    named = listing(map(repr, missing))
    if len(missing) <= settings.max_missing * total:
        return [f"{count(len(missing), 'file')} missing: {named}"]
    raise Problems(
        f"{settings.path}:",
        [
            f"{len(missing):,} of {count(total, 'file')} are missing below {os.fsdecode(places.root)!r} (`max_missing` "
            f"allows a share of {settings.max_missing:g}): {named}. Set `root` to the folder that "
            f"{places.common or '.'!r} is now."
        ],
    )
