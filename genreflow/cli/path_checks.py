"""Paths that people type: which model or run is meant, and whether a file can be written there."""

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from genreflow.cli.console import quoted
from genreflow.errors import UserError, did_you_mean
from genreflow.project import layout
from genreflow.store.runs import FOLD_PREFIX, MODEL

_NAMED = 6


def check_model(given: str) -> None:
    """Refuse a folder that is no model, naming those that are near.

    Raises
    ------
    UserError
        When there is no such file or folder, or no model in it.
    """
    path = Path(given)
    check_existence(path)
    if not path.is_dir() or (path / MODEL).exists():
        return
    below = sorted(
        path.glob(f"**/{FOLD_PREFIX}*/{MODEL}"), key=lambda weights: not weights.parent.name.endswith("final")
    )
    if below:
        some = f"{len(below):,} models" if len(below) > 1 else "a model"
        raise UserError(f"{given} is not a trained model, but holds {some}. Name one: {quoted(below[0].parent)}")
    if path.name == layout.RESULTS or any((path / name).exists() for name in ("runs", "protocols", "results")):
        raise UserError(f"{given} holds no trained model yet. `genreflow status` tells how far a run has come.")
    raise UserError(f"{given} is not a trained model: it holds no {MODEL}. Name the folder of a run, or an export.")


def check_existence(path: Path) -> None:
    """Refuse a path to nothing, naming what there is instead.

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
        raise UserError(f"{path} does not exist: nothing has been run here. Start where you ran `genreflow run`.")
    folder = missing.parent
    names = sorted(_names(folder)) if folder.is_dir() else []
    hint = did_you_mean(missing.name, names)
    if not hint and names and missing != path:  # an early part is wrong: say what there is
        hint = f" In {folder} there are: {_few(names)}."
    raise UserError(f"{missing} does not exist.{hint or ' Is the path right?'}")


def check_output(given: str | None) -> None:
    """See, before any work is done, that a file can be written; None is no file.

    Raises
    ------
    UserError
        When it is a folder, or would be in a file.
    PermissionError
        When nothing may be written there.
    """
    if given is None:
        return
    path = Path(given)
    if path.is_dir():
        raise UserError(f"{given} is a folder. Name a file in it.")
    check_folder(path.parent)


def check_folder(folder: Path) -> None:
    """See that files can be written into a folder, which may not be there yet.

    Raises
    ------
    UserError
        When it, or what it would be in, is a file.
    PermissionError
        When it may not be written to.
    """
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder, so nothing can be written in it. Name another place.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _names(folder: Path) -> Iterator[str]:
    return (entry.name for entry in folder.iterdir() if not entry.name.startswith("."))


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
