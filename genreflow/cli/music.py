"""Labeled music that is named on the command line."""

from pathlib import Path

from genreflow.cli.path_checks import check_existence
from genreflow.datasets.layouts.folders import Folders
from genreflow.datasets.layouts.library import Library
from genreflow.datasets.layouts.manifest import Manifest


def dataset_of(target: str) -> Folders | Library | Manifest:
    """Return the dataset in a folder of class folders, in one of files with genre tags, or in a manifest.

    Raises
    ------
    UserError
        When there is no such file or folder.
    """
    check_existence(Path(target))
    if Library.recognize(Path(target)):
        return Library(layout="library", path=target)
    if Path(target).is_dir():
        return Folders(layout="folders", path=target)
    return Manifest(layout="manifest", path=target)
