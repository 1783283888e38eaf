"""Answers for the programs that keep a library: playlists, a collection for Rekordbox, a table for beets."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from genreflow import __version__
from genreflow.datasets.names import printable
from genreflow.errors import Problems
from genreflow.store.atomic import write_bytes
from genreflow.store.text import plain_name

JOINED = "; "  # of several values in one text, where a program knows no lists
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Answer:
    """What a model says of a file that it does not abstain from.

    Attributes
    ----------
    path
        The file, whole.
    labels
        Its class, or its tags.
    seconds
        Its length.
    """

    path: bytes
    labels: tuple[str, ...]
    seconds: float


def by_label(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """Return label -> its tracks, in the order of labels."""
    sorted_by_label: dict[str, list[Answer]] = {}
    for answer in answers:
        for label in answer.labels:
            sorted_by_label.setdefault(label, []).append(answer)
    return dict(sorted(sorted_by_label.items()))


def playlist_files(folder: Path, labels: Iterable[str]) -> dict[str, Path]:
    """Return label -> the file of its playlist; labels whose names would be one get numbers."""
    files: dict[str, Path] = {}
    taken: set[str] = set()
    for label in labels:
        name = stem = plain_name(f"{label}.x")
        number = 2
        while name.casefold() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.casefold())
        files[label] = folder / f"{name}.m3u8"
    return files


def write_playlists(folder: Path, answers: Sequence[Answer], *, force: bool = False) -> list[Path]:
    """Write a playlist (M3U8) of the tracks of each class or tag, with paths relative to the folder.

    Raises
    ------
    Problems
        When one is there already, without `force`, or the path of a track has a line break.
    """
    tracks = by_label(answers)
    files = playlist_files(folder, tracks)
    problems = [
        f"{file} is there already; --force replaces it" for file in files.values() if file.exists() and not force
    ]
    problems += [
        f"{printable(answer.path)} has a line break in its name, which no playlist can hold"
        for answer in answers
        if re.search(rb"[\r\n]", answer.path)
    ]
    if problems:
        raise Problems("Playlists:", problems)
    folder.mkdir(parents=True, exist_ok=True)
    root = os.path.realpath(os.fsencode(folder))
    for label, file in files.items():
        lines = [b"#EXTM3U"]
        for answer in tracks[label]:
            title = printable(os.path.splitext(os.path.basename(answer.path))[0])  # noqa: PTH119, PTH122 - bytes
            lines += [f"#EXTINF:{round(answer.seconds)},{title}".encode(), os.path.relpath(answer.path, root)]
        write_bytes(file, b"\n".join(lines) + b"\n")
    return list(files.values())


def write_rekordbox(file: Path, answers: Sequence[Answer], tags: Mapping[bytes, Mapping[str, Sequence[str]]]) -> None:
    """Write a collection that Rekordbox imports: each track with its genre, and a playlist for each class or tag.

    Parameters
    ----------
    file
        The XML file.
    answers
        The tracks.
    tags
        Path -> the tags of the file, from which title, artist and album are taken.
    """
    root = ElementTree.Element("DJ_PLAYLISTS", Version="1.0.0")
    ElementTree.SubElement(root, "PRODUCT", Name="genreflow", Version=__version__, Company="")
    collection = ElementTree.SubElement(root, "COLLECTION", Entries=str(len(answers)))
    numbers = {answer.path: str(number) for number, answer in enumerate(answers, 1)}
    for answer in answers:
        known = tags.get(answer.path, {})
        name = os.path.splitext(os.path.basename(answer.path))[0]  # noqa: PTH119, PTH122 - paths are bytes
        facts = {
            "TrackID": numbers[answer.path],
            "Name": _first(known, "title") or printable(name),
            "Artist": _first(known, "artist"),
            "Album": _first(known, "album"),
            "Genre": JOINED.join(answer.labels),
            "TotalTime": str(round(answer.seconds)),
            "Location": f"file://localhost{quote(answer.path)}",
        }
        ElementTree.SubElement(collection, "TRACK", {key: _NO_XML.sub("\ufffd", text) for key, text in facts.items()})
    playlists = ElementTree.SubElement(root, "PLAYLISTS")
    tracks = by_label(answers)
    top = ElementTree.SubElement(playlists, "NODE", Type="0", Name="ROOT", Count=str(len(tracks)))
    for label, own in tracks.items():
        facts = {"Name": _NO_XML.sub("\ufffd", label), "Type": "1", "KeyType": "0", "Entries": str(len(own))}
        node = ElementTree.SubElement(top, "NODE", facts)
        for answer in own:
            ElementTree.SubElement(node, "TRACK", Key=numbers[answer.path])
    ElementTree.indent(root)
    write_bytes(file, ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n")


def write_beets(file: Path, answers: Sequence[Answer]) -> None:
    """Write a table with the columns `path` and `genre`, as `beet export --format csv` does."""
    import pandas as pd

    from genreflow.store.csvs import write_csv

    rows = [(printable(answer.path), JOINED.join(answer.labels)) for answer in answers]
    write_csv(file, pd.DataFrame(rows, columns=["path", "genre"]))


def _first(tags: Mapping[str, Sequence[str]], field: str) -> str:
    return next(iter(tags.get(field, ())), "")
