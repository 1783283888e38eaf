"""Answers written into the tags of files, and taken back again.

A file is copied beside itself, the copy is edited, checked, flushed to the disk and renamed over the original, so that
a stop at any moment leaves the one or the other. The undo file names each change before it is made.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from genreflow.errors import Problems, UserError
from genreflow.store.atomic import flush

Field = Literal["genre", "grouping", "comment"]
FIELDS: tuple[Field, ...] = ("genre", "grouping", "comment")
_FRAMES = {"genre": "TCON", "grouping": "TIT1", "comment": "COMM"}
_ATOMS = {"genre": "\xa9gen", "grouping": "\xa9grp", "comment": "\xa9cmt"}
_LANGUAGE = "eng"  # of a comment in ID3, without a description: the one that players show
_ID3_1_BYTES = 128
_UNDO = "genreflow-undo"
_NEEDS = "Tags are written with the package mutagen, which is not installed: pip install mutagen."


@dataclass(frozen=True)
class TagChange:
    """A change of one field of one file.

    Attributes
    ----------
    path
        The file, whole.
    field
        The field.
    existing, proposed
        Its values before and after.
    """

    path: bytes
    field: Field
    existing: tuple[str, ...]
    proposed: tuple[str, ...]

    def undone(self) -> "TagChange":
        """Return the change that takes it back."""
        return TagChange(self.path, self.field, self.proposed, self.existing)


@dataclass(frozen=True)
class Outcome:
    """What became of changes: the files that were changed, and a sentence on each that was not."""

    changed: list[bytes]
    problems: list[tuple[bytes, str]]


def propose(answers: Mapping[bytes, Sequence[str]], field: Field) -> tuple[list[TagChange], list[tuple[bytes, str]]]:
    """Return the changes that write answers into files, and the files that cannot be written to, each with a sentence.

    Files that hold their answers already are left out.

    Raises
    ------
    UserError
        When the package mutagen is not installed.
    """
    changes, problems = [], []
    _mutagen()
    for path, values in answers.items():
        real = os.path.realpath(path)
        try:
            existing = _read(_opened(real), field)
        except _CannotWrite as error:
            problems.append((path, str(error)))
            continue
        if existing != tuple(values):
            changes.append(TagChange(real, field, existing, tuple(values)))
    return changes, problems


def write(changes: Sequence[TagChange], *, keep_mtime: bool, undo: Path | None = None) -> Outcome:
    """Make changes, one file after the other.

    Parameters
    ----------
    changes
        A file whose field has other values by now than `existing` is left alone.
    keep_mtime
        Leave the modification time of files as it is.
    undo
        A new file that names each change before it is made, see `read_undo`.

    Raises
    ------
    UserError
        When the undo file cannot be written, or mutagen is not installed.
    """
    _mutagen()
    changed, problems = [], []
    for change in changes:
        try:
            _write(change, keep_mtime=keep_mtime, before=partial(_note, undo, change))
            changed.append(change.path)
        except (_CannotWrite, OSError) as error:
            reason = str(error) if isinstance(error, _CannotWrite) else f"It cannot be written: {error.strerror}."
            problems.append((change.path, reason))
    return Outcome(changed, problems)


def read_undo(path: Path) -> list[TagChange]:
    """Return the changes that take those back that an undo file names, the last first.

    Raises
    ------
    UserError
        When it cannot be read, or is none; a last line that was cut off is left out.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', 'it is no text')}.") from None
    changes, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            facts = json.loads(line)
            change = TagChange(
                os.fsencode(facts["path"]), facts["field"], tuple(facts["existing"]), tuple(facts["proposed"])
            )
            if facts["kind"] != _UNDO or change.field not in FIELDS:
                raise ValueError
            changes.append(change.undone())
        except (ValueError, KeyError, TypeError):
            if line.endswith("\n"):
                problems.append(f"line {number} is no change of a tag")
    if problems or not changes:
        raise Problems(f"{path} is no undo file of genreflow:", problems or ["it names no change"])
    return changes[::-1]


class _CannotWrite(Exception):
    """A file whose tags cannot be written, and why."""


def _note(undo: Path | None, change: TagChange) -> None:
    """Append a change to the undo file, down to the disk."""
    if undo is None:
        return
    facts = {
        "kind": _UNDO, "path": os.fsdecode(change.path), "field": change.field, "existing": change.existing,
        "proposed": change.proposed,
    }  # fmt: skip
    try:
        with undo.open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        message = f"The undo file {undo} cannot be written: {error.strerror}. No further tag was changed."
        raise UserError(message) from None


def _write(change: TagChange, *, keep_mtime: bool, before: Callable[[], None]) -> None:
    from genreflow.audio.packets import packets_sha256  # here, as it loads NumPy

    path = change.path
    status = os.stat(path)
    audio = packets_sha256(path)
    if not audio:
        raise _CannotWrite("Its audio cannot be read, so it would not be known whether it stays as it is.")
    folder, name = os.path.split(path)
    # Always the same name, so that what a stop left is replaced; hidden, so that no scan takes it for music.
    suffix = os.path.splitext(name)[1]  # noqa: PTH122 - paths are bytes
    copy = os.path.join(folder, b".genreflow-" + hashlib.sha256(name).hexdigest()[:12].encode() + suffix)
    try:
        shutil.copy2(path, copy)
        file = _opened(copy)
        found = _read(file, change.field)
        if found == change.proposed:
            raise _CannotWrite(f"Its {change.field} is already as proposed.")
        if found != change.existing:
            raise _CannotWrite(f"Its {change.field} was edited meanwhile.")
        _set(file, change.field, change.proposed)
        _save(file, copy)
        if packets_sha256(copy) != audio or _read(_opened(copy), change.field) != change.proposed:
            raise _CannotWrite("Its audio would not stay as it is.")
        times = (status.st_atime_ns, status.st_mtime_ns)
        os.utime(copy, ns=times) if keep_mtime else os.utime(copy)
        flush(copy)
        if os.stat(path).st_mtime_ns != status.st_mtime_ns:
            raise _CannotWrite("It was changed meanwhile.")
        before()
        os.replace(copy, path)  # noqa: PTH105 - paths are bytes
        flush(folder or b".")
    finally:
        with suppress(FileNotFoundError):
            os.unlink(copy)  # noqa: PTH108 - paths are bytes


# ---------------------------------------------------------------------------------------------------------------
# Formats
# ---------------------------------------------------------------------------------------------------------------


def _mutagen() -> Any:
    try:
        import mutagen
        import mutagen.id3
    except ModuleNotFoundError:
        raise UserError(_NEEDS) from None
    return mutagen


def _opened(path: bytes) -> Any:
    """Return a file as mutagen reads it, with frames of ID3 as they are."""
    mutagen, text = _mutagen(), os.fsdecode(path)
    try:
        file = mutagen.File(text)
        if file is None:
            raise _CannotWrite("Tags cannot be written to a file of this kind.")
        if _is_id3(file):
            file = type(file)(text, translate=file.tags is not None and file.tags.version[1] < 3)
        elif _kind(file) is None:
            raise _CannotWrite(f"Tags cannot be written to a file of this kind ({type(file).__name__}).")
    except (mutagen.MutagenError, OSError) as error:
        raise _CannotWrite(f"Its tags cannot be read: {error}.") from None
    return file


def _is_id3(file: Any) -> bool:
    names = {kind.__name__ for kind in type(file).__mro__}
    return bool(names & {"ID3FileType", "WAVE", "AIFF"})


def _kind(file: Any) -> str | None:
    """Return ``id3``, ``mp4`` or ``vorbis``; None for other tags."""
    if _is_id3(file):
        return "id3"
    names = {kind.__name__ for kind in type(file).__mro__}
    if "MP4" in names:
        return "mp4"
    return "vorbis" if names & {"FLAC", "OggFileType"} else None


def _read(file: Any, field: Field) -> tuple[str, ...]:
    if file.tags is None:
        return ()
    match _kind(file):
        case "id3":
            return tuple(str(text) for frame in _frames(file.tags, field) for text in frame.text)
        case "mp4":
            return tuple(file.tags.get(_ATOMS[field], ()))
    return tuple(file.tags.get(field, ()))


def _frames(tags: Any, field: Field) -> Iterator[Any]:
    frames: Iterable[Any] = tags.getall(_FRAMES[field])
    yield from (frame for frame in frames if field != "comment" or (frame.desc == "" and frame.lang == _LANGUAGE))


def _set(file: Any, field: Field, values: tuple[str, ...]) -> None:
    """Set a field to values, each a value of its own; without any, take it out."""
    if file.tags is None:
        file.add_tags()
    kind = _kind(file)
    if kind == "id3":
        _set_frame(file.tags, field, values)
        return
    name = _ATOMS[field] if kind == "mp4" else field
    if values:
        file.tags[name] = list(values)
    elif name in file.tags:
        del file.tags[name]


def _set_frame(tags: Any, field: Field, values: tuple[str, ...]) -> None:
    frames = _mutagen().id3
    for frame in list(_frames(tags, field)):
        del tags[frame.HashKey]
    if values:
        # Version 2.3 knows no UTF-8.
        encoding = frames.Encoding.UTF16 if tags.version[:2] == (2, 3) else frames.Encoding.UTF8
        more = {"lang": _LANGUAGE, "desc": ""} if field == "comment" else {}
        tags.add(getattr(frames, _FRAMES[field])(encoding=encoding, text=list(values), **more))


def _save(file: Any, path: bytes) -> None:
    """Save tags in the version that they have; several values are separated by zeros in every version of ID3."""
    if not _is_id3(file):
        file.save()
        return
    tail = _id3_1(path)
    version = 3 if file.tags.version[:2] == (2, 3) else 4
    file.save(v2_version=version, v23_sep=None, **({"v1": 1} if hasattr(file, "ID3") and tail else {}))
    if tail and _id3_1(path):  # which mutagen would make of the other tag
        with open(path, "r+b") as raw:
            raw.seek(-_ID3_1_BYTES, os.SEEK_END)
            raw.write(tail)


def _id3_1(path: bytes) -> bytes:
    """Return the tag of version 1 at the end of a file; empty without one."""
    with open(path, "rb") as raw:
        if raw.seek(0, os.SEEK_END) < _ID3_1_BYTES:
            return b""
        raw.seek(-_ID3_1_BYTES, os.SEEK_END)
        tail = raw.read()
    return tail if tail.startswith(b"TAG") else b""
