"""The files that genreflow ships beside its code, such as the Snakefile, studies and profiles.

In a checkout they lie at its top; a wheel holds them in ``genreflow/pipeline/``, where `setup.py` copies them. Either
place may be read-only.
"""

from importlib.resources import files
from pathlib import Path

NAMES = ("Snakefile", "config.yaml", "workflow", "studies", "resources", "profiles", "envs", "pyproject.toml")
_PACKAGE = Path(str(files("genreflow")))


def shipped(*parts: str) -> Path:
    """Return the path of a shipped file or folder, which need not exist; without `parts`, that of all of them.

    >>> shipped("studies", "demo.yaml").name
    'demo.yaml'
    """
    installed = _PACKAGE / "pipeline"
    return (installed if installed.is_dir() else _PACKAGE.parent).joinpath(*parts)


def import_folder() -> Path:
    """Return the folder from which the package `genreflow` is imported."""
    return _PACKAGE.parent


def is_installed() -> bool:
    """Return whether genreflow comes from a wheel, and not from a checkout."""
    return shipped() != import_folder()
