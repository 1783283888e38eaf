"""A CSV file that names every track and its label."""

import csv
import io
import os
from pathlib import Path

from genreflow.catalog.layouts.found import Found, FoundTrack
from genreflow.config.datasets import Manifest
from genreflow.errors import Problems, UserError, did_you_mean

REQUIRED = ("path", "label")
OPTIONAL = ("group", "split")


def find(settings: Manifest) -> Found:
    """Read a manifest: UTF-8, separated by comma, semicolon or tab, with a header; all cells are text.

    Raises
    ------
    UserError, Problems
        When the file cannot be read; or with every faulty row at once: wrong number of cells, no path or label,
        a path outside of the root, one path with two labels.
    """
    rows, header = _rows(settings.path)
    root = Path(settings.root).expanduser() if settings.root else Path(settings.path).parent
    problems: list[str] = []
    notices: list[str] = []
    tracks: dict[str, FoundTrack] = {}
    for number, cells in rows:
        row = _cells(cells, header)
        problem = _problem(row, cells, header, settings)
        if problem:
            problems.append(f"row {number}: {problem}")
            continue
        path = os.fsencode(row["path"])
        track = FoundTrack(path, row["label"], group=row.get("group") or None, split=row.get("split") or None)
        known = tracks.setdefault(row["path"], track)
        if known.label != track.label:
            problems.append(f"row {number}: {row['path']!r} is {track.label!r} here and {known.label!r} above")
        elif known is not track:
            notices.append(f"row {number} repeats {row['path']!r}; one is kept")
    if problems:
        raise Problems(f"{settings.path}:", problems)
    if not tracks:
        raise UserError(f"{settings.path} has a header and no rows.")
    return Found(os.fsencode(root), list(tracks.values()), notices)


def _rows(path: str) -> tuple[list[tuple[int, list[str]]], list[str]]:
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"The manifest {path!r} does not exist.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from None
    if "\0" in text:
        raise UserError(f"{path} holds NUL characters: is it a spreadsheet, or UTF-16? Save it as UTF-8 CSV.")
    first = text.splitlines()[0] if text else ""
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    if not rows:
        raise UserError(f"{path} is empty. Its first line must be: path,label")
    header = [name.lower() for name in rows[0][1]]
    missing = [
        f"the column {name!r} is missing.{did_you_mean(name, header)}" for name in REQUIRED if name not in header
    ]
    if missing:
        raise Problems(f"{path}:", missing)
    return rows[1:], header


def _cells(cells: list[str], header: list[str]) -> dict[str, str]:
    return {name: cell for name, cell in zip(header, cells, strict=False) if name in REQUIRED + OPTIONAL}


def _problem(row: dict[str, str], cells: list[str], header: list[str], settings: Manifest) -> str | None:
    if len(cells) != len(header):
        return f"{len(cells)} cells where the header has {len(header)}"
    if not row["path"]:
        return "no path"
    if not row["label"]:
        return f"{row['path']!r} has no label"
    if settings.allow_absolute:
        return None
    if Path(row["path"]).is_absolute():
        return f"{row['path']!r} is absolute; set `root`, or `allow_absolute: true`"
    if ".." in Path(row["path"]).parts:
        return f"{row['path']!r} leads out of the root; set `root`, or `allow_absolute: true`"
    return None
