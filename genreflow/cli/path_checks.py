"""Checks of paths from the command line, before any work is done."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from genreflow.cli.console import info, quoted
from genreflow.errors import UserError, did_you_mean
from genreflow.project import history, layout
from genreflow.store.runs import MODEL
from genreflow.store.text import listing
from genreflow.weights.cache import find
from genreflow.weights.registry import NETWORKS

_NAMED = 6
Model = TypeVar("Model")


def check_model(given: str) -> str:
    """Return the path of a model or the name of public weights; refuse what is neither.

    Of a folder with one final model, such as a study, it is that model, and a line says so.
    While its study is being updated, this is the path of the same run in the newest complete results, and a line says
    so. The message of an error names models below a folder.

    Raises
    ------
    UserError
        When there is no such file or folder, or no model in it.
    """
    if given in NETWORKS:
        check_existence(find(given))
        return given
    path = usable(given)
    is_word = Path(given).name == given and not os.path.lexists(given)
    if is_word and (hint := did_you_mean(given, NETWORKS)):
        raise UserError(f"{given} is neither a folder nor the name of public weights.{hint}")
    check_existence(path)
    if not path.is_dir() or (path / MODEL).exists():
        return str(path)
    below = sorted(
        (home / MODEL for setting in layout.settings_below(path) for home in layout.run_folders(setting, MODEL)),
        key=lambda weights: not weights.parent.name.endswith("final"),
    )
    finals = [weights.parent for weights in below if weights.parent.name.endswith("final")]
    if len(finals) == 1:
        info(f"The final model of {given} is {finals[0]}.")
        return str(finals[0])
    if below:
        some = f"{len(below):,} models" if len(below) > 1 else "a model"
        raise UserError(f"{given} is not a trained model, but holds {some}. Name one: {quoted(below[0].parent)}")
    if path.name == layout.RESULTS or any((path / name).exists() for name in ("runs", "protocols", "results")):
        raise UserError(f"{given} holds no trained model yet. `genreflow status` shows the progress of a run.")
    raise UserError(f"{given} is not a trained model: it holds no {MODEL}. Name the folder of a run, or an export.")


def with_model(path: str, use: Callable[[str], Model]) -> Model:
    """Return the result of `use` for a model that `check_model` has accepted.

    Libraries take seconds to load, and a run may replace the model meanwhile; then the last complete results serve.

    Raises
    ------
    UserError
        When the model cannot be used.
    """
    try:
        return use(path)
    except (UserError, FileNotFoundError):
        again = check_model(path)
        if again == path:
            raise
        return use(again)


def usable(given: str) -> Path:
    """Return the path of results, which may be given by name, ``my_study@2026-11-30-1``.

    While its study is being updated, this is the same path in the newest complete results, and a line says so.

    Raises
    ------
    UserError
        When a study has no such entry.
    """
    path, entry = history.last_complete(history.located(given))
    if entry is not None:
        study = entry.name.partition("@")[0]
        info(f"An update of {study} is not finished, so {entry.name} is used, its last complete results.")
    return path


def check_existence(path: Path) -> None:
    """Refuse a path that does not exist; the message names similar ones.

    Raises
    ------
    UserError
        When there is no such file or folder.
    """
    if os.path.lexists(path):
        return
    missing = path
    while not missing.parent.exists():
        missing = missing.parent
    if missing == Path(layout.RESULTS):
        raise UserError(f"{path} does not exist: nothing has run here. Go to the folder where you ran `genreflow run`.")
    folder = missing.parent
    names = sorted(_names(folder)) if folder.is_dir() else []
    hint = did_you_mean(missing.name, names)
    if not hint and names and missing != path:  # a parent is wrong: list its neighbors
        hint = f" {folder} contains: {listing(names, _NAMED)}."
    raise UserError(f"{missing} does not exist.{hint or ' Is the path right?'}")


def check_output(given: str | None, *, force: bool = False) -> None:
    """Refuse a path that no file can be written to, and without `force` one that is there; None is accepted.

    Raises
    ------
    UserError
        When it is a folder, or its parent is a file, or it is there already.
    PermissionError
        When there is no permission to write.
    """
    if given is None:
        return
    path = Path(given)
    if path.is_dir():
        raise UserError(f"{given} is a folder. Name a file in it.")
    if path.is_file() and not force:  # but /dev/null, /dev/stdout and pipes may be written to
        raise UserError(f"{given} is there already. Name another file, or replace it with --force.")
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """Refuse a folder, which need not exist yet, that no file can be written to.

    Raises
    ------
    UserError
        When it, or one of its parents, is a file.
    PermissionError
        When there is no permission to write.
    """
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder, so nothing can be written into it. Choose another path.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _names(folder: Path) -> Iterator[str]:
    return (entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
