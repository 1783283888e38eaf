"""`genreflow demo`: make a project of synthetic music in a folder of its own, and run it."""

import argparse
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import info, quoted
from genreflow.cli.path_checks import check_folder
from genreflow.cli.run import in_project, run_snakemake
from genreflow.config.names import PROJECT_FILE
from genreflow.errors import UserError
from genreflow.store.atomic import write_text
from genreflow.store.text import count

MINUTES = 4  # on two idle cores; README.md and `make demo` name the same number
SMALL_MINUTES = 1
_PROJECT = """\
# The demo of genreflow: music made from scratch, and the shipped study of this name. `genreflow run`, in this folder,
# goes on after a stop. `genreflow init` makes a project of your own music in another folder.
studies: [demo]
"""
_SMALL_PROJECT = f"{_PROJECT}size: small\n"


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        f"Make a folder with a project, and run every stage in it: about {MINUTES} minutes on two cores. The same "
        "command goes on after a stop."
    )
    parser.add_argument(
        "folder", nargs="?", type=shared.path, default="genreflow-demo", help="folder to make (default: %(default)s)"
    )
    parser.add_argument(
        "--small", action="store_true", help=f"less music and fewer epochs, in about {count(SMALL_MINUTES, 'minute')}"
    )
    shared.cores(parser)


def run(options: argparse.Namespace) -> int:
    """Make the folder, or go on in it, and run the demo; return the exit code of the run.

    Raises
    ------
    UserError
        When the folder holds another project, or anything else.
    """
    folder = Path(options.folder)
    project, study, minutes = (
        (_SMALL_PROJECT, "demo-small", SMALL_MINUTES) if options.small else (_PROJECT, "demo", MINUTES)
    )
    check_folder(folder)
    file = folder / PROJECT_FILE
    if not file.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder} is not empty. Name a new folder: genreflow demo FOLDER")
        folder.mkdir(parents=True, exist_ok=True)
        write_text(file, project)
    elif file.read_text(encoding="utf-8", errors="replace") != project:
        raise UserError(f"{folder} holds another project. Name a new folder: genreflow demo FOLDER")
    info(
        f"genreflow: the demo takes about {count(minutes, 'minute')} on two cores, less where nearly all is made "
        f"already. Its report will be {quoted(folder / 'results' / study / 'report/index.html')}."
    )
    cores = str(options.cores or "all")
    return run_snakemake(in_project(["--directory", str(folder), "--cores", cores]))
