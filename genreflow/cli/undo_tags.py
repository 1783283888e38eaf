"""`genreflow undo-tags`: take back the tags that `genreflow predict --write-tags` wrote."""

import argparse
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.answers import print_changes, print_problems
from genreflow.cli.console import print_result, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.path_checks import check_existence
from genreflow.store.text import count


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Show what an undo file takes back; --yes takes it back. Tags edited since then stay."
    parser.add_argument("file", type=shared.path, help="the file that genreflow predict --write-tags named")
    parser.add_argument("--yes", action="store_true", help="write the tags into the files")
    parser.add_argument("--keep-mtime", action="store_true", help="leave the modification time of files as it is")


def run(options: argparse.Namespace) -> int:
    """Print or take back the changes; return 0, or 2 if some could not be taken back.

    Raises
    ------
    UserError
        When the file is none of that kind, or mutagen is not installed.
    """
    check_existence(Path(options.file))
    from genreflow.export import tags

    changes = tags.read_undo(Path(options.file))
    print_changes(changes)
    if not options.yes:
        command = f"genreflow undo-tags {quoted(options.file)} --yes"
        print_result(f"{count(len(changes), 'file')} would be changed back.", following=command)
        return Exit.OK
    outcome = tags.write(changes, keep_mtime=options.keep_mtime)
    print_problems(outcome.problems)
    print_result(f"{len(outcome.changed):,} of {count(len(changes), 'file')} changed back.")
    return Exit.INPUT if outcome.problems else Exit.OK
