"""Finding the project that a folder belongs to: the nearest `genreflow.yaml`, here or above.

Its folder holds ``results/`` and ``logs/``, and its content changes config.yaml like a file of ``--configfile``.
"""

from pathlib import Path

from genreflow.config.names import PROJECT_FILE


def find_project(start: Path | None = None) -> Path | None:
    """Return the nearest `PROJECT_FILE` in a folder or above it; None if there is none.

    Parameters
    ----------
    start
        The folder to begin in; the working folder by default.
    """
    folder = (Path.cwd() if start is None else start).absolute()
    return next((file for place in (folder, *folder.parents) if is_there(file := place / PROJECT_FILE)), None)


def is_there(file: Path) -> bool:
    """Return whether there is such a file, in a folder that may be read."""
    try:
        return file.is_file()
    except OSError:
        return False
