"""What `genreflow predict` does with its answers besides tables: tags of files, playlists, exports for programs."""

import argparse
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from genreflow.cli.console import info, quoted
from genreflow.cli.path_checks import check_folder, check_output
from genreflow.datasets.names import printable
from genreflow.errors import UserError
from genreflow.export import libraries, tags
from genreflow.export.libraries import Answer
from genreflow.store.text import count

_NAMED = 200  # changes that are printed


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    group = parser.add_argument_group("answers for players", "Tracks whose label is unknown are left out.")
    group.add_argument("--write-tags", action="store_true", help="show the changes of tags; --yes makes them")
    group.add_argument("--yes", action="store_true", help="write the tags into the files")
    group.add_argument(
        "--field", choices=tags.FIELDS, default="genre", help="the field that is written (default: %(default)s)"
    )
    group.add_argument("--keep-mtime", action="store_true", help="leave the modification time of files as it is")
    group.add_argument(
        "--undo-file", metavar="FILE", help="file for genreflow undo-tags (default: tags-<date>-<time>.undo)"
    )
    group.add_argument("--playlists", metavar="FOLDER", help="write a playlist (M3U8) for each class into this folder")
    group.add_argument("--rekordbox", metavar="XML", help="write a collection that Rekordbox imports")
    group.add_argument("--beets", metavar="CSV", help="write path and genre, as beets exports them")


def are_asked_for(options: argparse.Namespace) -> bool:
    """Return whether answers go anywhere besides tables."""
    return bool(options.write_tags or options.playlists or options.rekordbox or options.beets)


def check_options(options: argparse.Namespace) -> None:
    """Refuse arguments that contradict each other, and places that cannot be written to.

    Raises
    ------
    UserError
        At the first of them.
    """
    if options.yes and not options.write_tags:
        raise UserError("--yes writes tags: give --write-tags as well.")
    if options.json and options.write_tags:
        raise UserError("--write-tags prints changes, and --json nothing but JSON: give one of them.")
    for path in (options.rekordbox, options.beets):
        check_output(path, force=options.force)
    if options.playlists:
        check_folder(Path(options.playlists))
    if options.write_tags and options.yes:
        check_output(_undo_file(options))


def write(options: argparse.Namespace, answers: Sequence[Answer]) -> list[str]:
    """Write what the options ask for; return the paths written."""
    written = []
    if options.playlists:
        libraries.write_playlists(Path(options.playlists), answers, force=options.force)
        written.append(options.playlists)
    if options.rekordbox:
        from genreflow.audio.tags import read_tags

        known = {answer.path: read_tags(answer.path) for answer in answers}
        libraries.write_rekordbox(Path(options.rekordbox), answers, known)
        written.append(options.rekordbox)
    if options.beets:
        libraries.write_beets(Path(options.beets), answers)
        written.append(options.beets)
    if options.write_tags:
        written += _write_tags(options, answers)
    return written


def print_changes(changes: Sequence[tags.TagChange]) -> None:
    """Print changes, existing → proposed."""
    for change in changes[:_NAMED]:
        before, after = (" / ".join(values) or "(none)" for values in (change.existing, change.proposed))
        print(f"{printable(os.path.relpath(change.path))}: {change.field}: {before} → {after}")
    if len(changes) > _NAMED:
        print(f"... and {len(changes) - _NAMED:,} more")


def print_problems(problems: Sequence[tuple[bytes, str]]) -> None:
    """Print the files whose tags stay as they are, and why."""
    for path, reason in problems:
        info(f"{printable(os.path.relpath(path))}: not changed. {reason}")


def _undo_file(options: argparse.Namespace) -> str:
    if options.undo_file is None:  # one name for the whole command
        options.undo_file = f"tags-{datetime.now():%Y-%m-%d-%H%M%S}.undo"
    return options.undo_file


def _write_tags(options: argparse.Namespace, answers: Sequence[Answer]) -> list[str]:
    changes, problems = tags.propose({answer.path: answer.labels for answer in answers}, options.field)
    print()
    print_changes(changes)
    if not options.yes:
        print_problems(problems)
        same = len(answers) - len(changes) - len(problems)
        info(
            f"{count(len(changes), 'file')} would get another {options.field}, {same:,} have it already. "
            "Nothing was written; --yes writes."
        )
        return []
    undo = Path(_undo_file(options))
    outcome = tags.write(changes, keep_mtime=options.keep_mtime, undo=undo)
    print_problems([*problems, *outcome.problems])
    info(f"{count(len(outcome.changed), 'file')} with another {options.field}.")
    if outcome.changed:
        info(f"To take that back: genreflow undo-tags {quoted(undo)} --yes")
    return [str(undo)] if undo.exists() else []
