"""Where a command works, and by which settings: the project, unless the command line says otherwise.

The settings are config.yaml, then those of the project, then the files and values of the command line.
"""

import argparse
import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from genreflow.cli.console import info
from genreflow.config.layers import Config, load_config
from genreflow.config.names import PROJECT_FILE
from genreflow.errors import UserError
from genreflow.project.find import find_project, is_there
from genreflow.project.shipped import shipped

SNAKEFILE = shipped("Snakefile")


class NoProject(UserError):
    """There is nothing here that says what to work on."""


@dataclass(frozen=True)
class Place:
    """Where a command works.

    Attributes
    ----------
    folder
        The folder of results/ and logs/, absolute.
    configfiles
        The files that change config.yaml, absolute, the file of the project first.
    entries
        The values of ``--config``.
    is_project
        Whether the folder is that of a project.
    """

    folder: Path
    configfiles: list[Path]
    entries: list[str]
    is_project: bool

    def config(self) -> Config:
        """Return the merged settings; of files, the names as seen from the working folder."""
        return load_config(SNAKEFILE.parent, self.configfiles, self.entries)


def find_place(configfiles: Sequence[str | Path] = (), entries: Sequence[str] = (), directory: str = "") -> Place:
    """Return where a command with these options works.

    Of an explicit `directory`, only a project in this folder itself counts.

    Raises
    ------
    NoProject
        Where nothing says what to work on: no project, no file, no ``studies=``, and not the folder of the code.
    """
    folder = Path(directory).absolute()
    is_alone = directory or _is_home(folder)
    file = folder / PROJECT_FILE if is_alone else find_project(folder)
    files = [Path(name).absolute() for name in configfiles]
    is_project = file is not None and is_there(file)
    if file is not None and is_project:
        folder = file.parent
        files = [file, *(path for path in files if path.resolve() != file.resolve())]
    elif not (files or any(entry.startswith("studies=") for entry in entries) or _is_home(folder, Path.cwd())):
        raise NoProject(
            f"There is no {PROJECT_FILE} in {folder} or above, so nothing says what to work on. `genreflow init` makes "
            "a project of a folder of music, `genreflow demo` one of synthetic music; --configfile FILE names settings."
        )
    return Place(folder, files, list(entries), is_project)


@contextlib.contextmanager
def entered(folder: Path) -> Iterator[None]:
    """Work in a folder, and name it if the user stands elsewhere."""
    if folder == Path.cwd():
        yield
        return
    info(f"genreflow: working in {folder}.")
    with contextlib.chdir(folder):
        yield


def place_of(options: argparse.Namespace) -> Place:
    """Return the place of a command with ``--configfile`` and ``--config``."""
    return find_place(options.configfile, options.config)


def project_folder() -> Path:
    """Return the folder of the project, or else the working folder."""
    file = find_project()
    return Path.cwd() if file is None else file.parent


def from_here(path: str) -> str:
    """Return a path that stays right in another working folder; what is no path, such as a title, stays as it is."""
    return str(Path(path).absolute()) if os.path.lexists(path) else path


def _is_home(*folders: Path) -> bool:
    """Return whether one of some folders holds this code, whose config.yaml names the demo."""
    return any(all(is_there(folder / name) for name in ("Snakefile", "config.yaml")) for folder in folders)
