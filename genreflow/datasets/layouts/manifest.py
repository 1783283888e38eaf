"""A CSV file with a row per track: its path, its label and, if known, group, artist and split."""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout, PathText
from genreflow.datasets.artists import artist_key
from genreflow.datasets.labels import labels_of, name_classes, renamed, tidy
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.paths import Finder, placed
from genreflow.datasets.sheet import Sheet, read_sheet
from genreflow.datasets.splits import ALIASES, SPLITS, check_split
from genreflow.datasets.tag_cells import looks_like_several, separator_notice, separator_problem, split_tags
from genreflow.datasets.walk import AUDIO_FILES, is_hidden, suffix, walk
from genreflow.errors import Problems, UserError, did_you_mean
from genreflow.store.regular import expand_home
from genreflow.store.text import count, listing

OPTIONAL = ("group", "album", "artist", "split")
_OTHER_NAMES = {
    "label": ("genre", "class", "category", "style", "tag", "tags", "target", "y"),
    "tags": ("label", "labels", "tag", "genres"),
    "path": ("file", "filename", "filepath", "file_path", "name", "track", "location"),
}
_NO_ALBUM = {"", "unknown", "unknown album", "no album", "untitled", "various", "none"}
_MOST_ENTRIES = 200_000
_HINTS = 50


@dataclass(frozen=True)
class Row:
    """The line where a row begins, and the track it names; its path is still that of the cell."""

    line: int
    path: str
    track: ListedTrack


@dataclass
class Remarks:
    """Remarks on a manifest: problems of the whole, problems of rows by line, and notices."""

    general: list[str] = field(default_factory=list)
    rows: list[tuple[int, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def raise_any(self, path: str) -> None:
        """Raise the problems, if any: those of the whole, then those of rows in their order."""
        problems = self.general + [f"row {line}: {problem}" for line, problem in sorted(self.rows)]
        if problems:
            raise Problems(f"{path}:", problems)


class Manifest(Layout):
    """A CSV file with the columns path, label and, if known, group or album, artist and split."""

    layout: Literal["manifest"]
    path: PathText = Field(min_length=1, description="The CSV file.")
    root: PathText | None = Field(
        None, description="Folder that paths are relative to; the manifest's own if not given."
    )
    allow_absolute: bool = Field(False, description="Accept absolute paths, and paths that lead out of the root.")
    multilabel: bool = Field(False, description="The column `tags`, in place of label, holds any number of tags.")
    separator: str | None = Field(
        None,
        min_length=1,
        max_length=10,
        description="multilabel: sign between the tags of a cell. If it is not given, that is a semicolon, and cells "
        "with commas or bars are refused, because these may also be part of a name. Lists such as `['a', 'b']` are "
        "always read.",
    )
    conflict: Literal["stop", "drop"] = Field("stop", description="Treatment of a path with two labels.")
    max_missing: float = Field(0.01, ge=0, le=1, description="Share of rows whose file may be missing.")

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:
        """Recognize a file; one with a column of tags, and none of labels, has any number of them a track."""
        if not path.is_file():
            return None
        header = read_sheet(str(path)).header
        is_tagged = "tags" in header and "label" not in header
        return {"path": str(path), **({"multilabel": True} if is_tagged else {})}

    def find(self) -> TrackListing:
        """Read the rows; columns are path, label (or `tags` if multilabel) and any of `OPTIONAL`.

        All cells are text. `Finder` finds the file of a path; a missing file stays a track, which is refused. Conflicts
        between rows depend on classes, so labels are named here and not by the caller.
        """
        sheet = read_sheet(self.path)
        remarks = Remarks()
        _check_header(sheet, self, remarks)
        root = expand_home(self.root) if self.root else expand_home(self.path).parent
        if not root.is_dir():
            raise UserError(f"{self.path}: the folder {str(root)!r} does not exist. Set `root` to where the files are.")
        finder = Finder(os.fsencode(root))
        if self.multilabel:
            _check_separator(sheet, self, remarks)
        rows = _with_splits(list(_rows(sheet, self, remarks)), remarks)
        rows = _with_files(rows, finder, self, remarks)
        tracks, left_out = _with_classes(rows, self, remarks)
        problems, notices = check_split(tracks)
        remarks.general += problems
        remarks.notices += notices
        remarks.raise_any(self.path)
        if "artist" in sheet.header:
            remarks.notices += _without_artist(tracks)
        unlisted = _unlisted(finder.root, {row.track.path for row in rows}, remarks)
        ignored = left_out + Counter({"": unlisted})
        return TrackListing(finder.root, tracks, remarks.notices, ignored, has_classes=True)


def _check_header(sheet: Sheet, settings: Manifest, remarks: Remarks) -> None:
    """Raise `Problems` with all that is wrong with the names of columns; note those that are skipped."""
    required = ("path", "tags" if settings.multilabel else "label")
    known = (*required, *OPTIONAL)
    problems = [f"the column {name!r} is there twice." for name in known if sheet.header.count(name) > 1]
    spare = [name for name in dict.fromkeys(sheet.header) if name and name not in known]
    for name in required:
        if name not in sheet.header:
            problems.append(f"the column {name!r} is missing.{_column_hint(name, spare)}")
    if not set(required) <= set(sheet.header):
        problems.append(f"columns found: {listing(map(repr, sheet.header), 10)}.{_headless_hint(sheet, required)}")
    absent = [name for name in OPTIONAL if name not in sheet.header]
    for name in spare:
        if hint := did_you_mean(name, absent, cutoff=0.8):
            problems.append(f"the column {name!r} is not known.{hint}")
    if problems:
        raise Problems(f"{settings.path}:", problems)
    if sheet.separator != ",":
        remarks.notices.append(f"the cells are separated by {sheet.separator_name}s")
    if spare:
        remarks.notices.append(f"columns skipped: {listing(map(repr, spare))}")


def _column_hint(name: str, spare: Sequence[str]) -> str:
    if name == "label" and "tags" in spare:
        return " There is a column 'tags': set `multilabel: true` to use it."
    other = next((other for other in _OTHER_NAMES[name] if other in spare), None)
    return f" Is it {other!r}? Rename it." if other else did_you_mean(name, spare)


def _headless_hint(sheet: Sheet, required: Sequence[str]) -> str:
    if not any(suffix(os.fsencode(cell.strip())) in AUDIO_FILES for cell in sheet.header):
        return ""
    line = sheet.separator.join(required)
    return f" That is a row, not names: put the line `{line}` before it, or the names of the columns in their order."


def _check_separator(sheet: Sheet, settings: Manifest, remarks: Remarks) -> None:
    """Note how cells with several tags are read, or that the sign between them must be confirmed."""
    column = sheet.header.index("tags")
    cells = [(line, row[column]) for line, row in sheet.rows if len(row) == len(sheet.header)]
    problem = None if settings.separator else separator_problem(cells, _names_in(settings))
    notice = separator_notice([cell for _, cell in cells], settings.separator)
    remarks.general += [problem] if problem else []
    remarks.notices += [notice] if notice else []


def _names_in(settings: Manifest) -> set[str]:
    """Return the labels that the settings name."""
    return {*(settings.labels.classes or ()), *settings.labels.aliases}


def _rows(sheet: Sheet, settings: Manifest, remarks: Remarks) -> Iterator[Row]:
    """Yield the rows with a path and a label; note the problems of others."""
    for line, cells in sheet.rows:
        row = dict(zip(sheet.header, cells, strict=False))
        if len(cells) != len(sheet.header):
            remarks.rows.append((line, _ragged(cells, sheet)))
        elif any("\0" in cell for cell in cells):
            remarks.rows.append((line, "it holds a NUL character. Write the file again as text."))
        elif not row["path"].strip():
            remarks.rows.append((line, "it has no path."))
        elif not settings.multilabel and not row["label"].strip():
            remarks.rows.append((line, f"{row['path']!r} has no label."))
        else:
            yield Row(line, row["path"], _track(row, settings))
    if not sheet.rows:
        remarks.general.append("it has a header and no rows.")


def _ragged(cells: Sequence[str], sheet: Sheet) -> str:
    quotes = f" Put cells that hold a {sheet.separator_name} into quotation marks." if len(cells) > 1 else ""
    return f"{count(len(cells), 'cell')} where the header has {len(sheet.header)}.{quotes}"


def _track(row: dict[str, str], settings: Manifest) -> ListedTrack:
    group, album, artist, split = (tidy(row.get(name, "")) for name in OPTIONAL)
    if artist_key(artist) is None:
        artist = ""
    if not group and not artist and album.casefold() not in _NO_ALBUM:
        group = f"album:{album}"
    tags = split_tags(row["tags"], settings.separator) if settings.multilabel else None
    label = "" if settings.multilabel else row["label"]
    return ListedTrack(b"", label, group or None, artist or None, tags, split or None)


def _with_splits(rows: Sequence[Row], remarks: Remarks) -> list[Row]:
    """Return rows with splits out of `SPLITS`; note other words, once each, and then return no splits at all."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.track.split or "", row.line)
    numbers = Counter(row.track.split or "" for row in rows)
    meant = {word: ALIASES.get(word.lower(), word.lower()) for word in first}
    odd = [word for word in first if word and meant[word] not in SPLITS]
    for number, word in enumerate(odd):
        hint = did_you_mean(word.lower(), [*SPLITS, *ALIASES]) if number < _HINTS else ""
        problem = f"the split {word!r} ({count(numbers[word], 'row')}) is none of {', '.join(SPLITS)}.{hint}"
        remarks.rows.append((first[word], problem))
    for word in sorted(first.keys() - {"", *SPLITS, *odd}):
        remarks.notices.append(f"the split {word!r} ({count(numbers[word], 'row')}) is read as {meant[word]!r}")
    splits = {word: None if odd else meant[word] or None for word in first}
    return [replace(row, track=replace(row.track, split=splits[row.track.split or ""])) for row in rows]


def _with_files(rows: Sequence[Row], finder: Finder, settings: Manifest, remarks: Remarks) -> list[Row]:
    """Return rows with the paths of their files; note paths that cannot be, and files that are not there.

    A row with a faulty path stays, so that remarks on labels and splits do not depend on it.
    """
    done, missing, otherwise = [], [], []
    for row in rows:
        place = placed(row.path, finder, allow_outside=settings.allow_absolute)
        if place.fault:
            remarks.rows.append((row.line, place.fault))
        if place.reason == "Q_MISSING":
            missing.append(row)
        if place.is_otherwise:
            otherwise.append(row)
        track = replace(row.track, path=place.path, reason=place.reason, message=place.message)
        done.append(replace(row, track=track))
    if otherwise:
        named = listing(f"row {row.line} {row.path!r}" for row in otherwise)
        remarks.notices.append(f"{count(len(otherwise), 'file')} found under another form of the name: {named}")
    _judge_missing(missing, len(rows), finder, settings, remarks)
    return done


def _judge_missing(missing: list[Row], total: int, finder: Finder, settings: Manifest, remarks: Remarks) -> None:
    if not missing:
        return
    if len(missing) <= settings.max_missing * total:
        named = listing((f"row {row.line} {row.path!r}" for row in missing), most=10)
        remarks.notices.append(f"{count(len(missing), 'file')} missing: {named}")
        return
    remarks.general.append(
        f"{len(missing):,} of {count(total, 'file')} are missing; `max_missing` allows a share of "
        f"{settings.max_missing:g}. Paths are relative to {printable(finder.root)!r}: set `root` if they are elsewhere."
    )
    for number, row in enumerate(missing):
        similar = finder.similar(row.path) if number < _HINTS else None
        hint = f" There is {printable(similar)!r}." if similar else ""
        remarks.rows.append((row.line, f"there is no file {row.path!r}.{hint}"))


def _with_classes(rows: Sequence[Row], settings: Manifest, remarks: Remarks) -> tuple[list[ListedTrack], Counter[str]]:
    """Return a track per path with its class, and the number left out by class; note conflicts and repetitions."""
    counts = Counter(label for row in rows for label in labels_of(row.track))
    if not settings.multilabel:
        _check_single(rows, counts, settings, remarks)
    naming = name_classes(counts, settings.labels, tags=settings.multilabel)
    remarks.general += naming.problems if rows else []
    remarks.notices += naming.notices
    tracks: list[ListedTrack] = []
    left_out: Counter[str] = Counter()
    members = defaultdict(list)
    for row in rows:
        if track := renamed(row.track, naming.classes):
            members[track.path].append(replace(row, track=track))
        else:
            left_out[tidy(row.track.label)] += 1
    for same in members.values():
        if _is_agreed(same, settings, remarks):
            tracks.append(same[0].track)
        else:
            left_out[""] += 1
    _note_several(members.values(), tracks, remarks)
    return tracks, left_out


def _check_single(rows: Sequence[Row], counts: Counter[str], settings: Manifest, remarks: Remarks) -> None:
    """Note labels that look like several, once each, unless the settings name them."""
    unnamed = {label for label in counts if tidy(label) not in _names_in(settings)}
    several = {label for label in unnamed if looks_like_several(label)}
    if with_comma := sorted(label for label in unnamed - several if "," in label):
        hint = "if these are several labels, name the column `tags` and set `multilabel: true`"
        remarks.notices.append(f"labels with a comma: {listing(map(repr, with_comma))}; {hint}")
    for row in rows if several else []:
        if row.track.label in several:
            several.remove(row.track.label)
            number = count(counts[row.track.label], "row")
            hint = "Keep one, or name the column `tags` and set `multilabel: true`."
            remarks.rows.append((row.line, f"{row.track.label!r} ({number}) looks like several labels. {hint}"))


def _is_agreed(rows: Sequence[Row], settings: Manifest, remarks: Remarks) -> bool:
    """Return whether all rows of a path have one label; note conflicts that stop the run."""
    first, *others = rows
    agreed = True
    for row in others:
        if set(labels_of(row.track)) != set(labels_of(first.track)):
            agreed = False
            if settings.conflict == "stop":
                is_, was = (", ".join(labels_of(each.track)) for each in (row, first))
                hint = "Keep one, or set `conflict: drop` to leave the file out."
                remarks.rows.append((row.line, f"{row.path!r} is {is_!r} here and {was!r} in row {first.line}. {hint}"))
        for name in ("split", "group", "artist"):
            is_, was = getattr(row.track, name), getattr(first.track, name)
            if is_ != was:
                remarks.rows.append(
                    (row.line, f"{row.path!r} has the {name} {is_ or ''!r} here and {was or ''!r} in row {first.line}.")
                )
    return agreed


def _note_several(paths: Collection[list[Row]], tracks: Sequence[ListedTrack], remarks: Remarks) -> None:
    kept = {track.path for track in tracks}
    several = [rows for rows in paths if len(rows) > 1]
    repeated = [row for rows in several for row in rows[1:] if row.track.path in kept]
    if repeated:
        named = listing(f"row {row.line} {row.path!r}" for row in repeated)
        remarks.notices.append(f"{count(len(repeated), 'row')} repeating a path, left out: {named}")
    if dropped := [rows[0] for rows in several if rows[0].track.path not in kept]:
        named = listing(f"row {row.line} {row.path!r}" for row in dropped)
        remarks.notices.append(f"{count(len(dropped), 'file')} with two labels, left out (conflict: drop): {named}")


def _without_artist(tracks: Sequence[ListedTrack]) -> list[str]:
    nobody = [track for track in tracks if track.artist is None]
    grouped = sum(track.group is not None for track in nobody)
    if not nobody:
        return []
    return [f"{count(len(nobody), 'track')} without an artist, of which {grouped:,} have a group or album"]


def _unlisted(root: bytes, listed: Collection[bytes], remarks: Remarks) -> int:
    """Count the audio files below the root that no row names."""
    results = os.path.realpath(b"results")  # the pipeline's own audio, often below the root of a manifest
    below = islice(walk(root, follow_links=False, without=[results]), _MOST_ENTRIES)
    files = [entry.path for entry in below if not entry.is_folder and suffix(entry.path) in AUDIO_FILES]
    unlisted = [path for path in files if path not in listed and not is_hidden(path.rsplit(b"/", 1)[-1])]
    if unlisted:
        named = listing(repr(printable(path)) for path in unlisted)
        remarks.notices.append(f"{count(len(unlisted), 'audio file')} below the root without a row: {named}")
    return len(unlisted)
