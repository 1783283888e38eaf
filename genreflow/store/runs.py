"""The files of a run, which belong together: its facts hold the SHA-256 of its weights, history and predictions."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genreflow.errors import Damaged, UserError
from genreflow.store.sealed import read_sealed, write_sealed

MODEL, RUN, HISTORY, PREDICTIONS = "model.safetensors", "run.json", "history.parquet", "predictions.parquet"
RUN_VERSION = 2
FOLD_PREFIX = "fold-"


def write_run(folder: str | os.PathLike, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write the facts of a run, the last of its files; return them as they will be read."""
    whole = {"kind": "run", "version": RUN_VERSION, "name": run_name(folder)} | dict(facts)
    return write_sealed(Path(folder, RUN), whole, files=(MODEL, HISTORY, PREDICTIONS))


def read_run(folder: str | os.PathLike, *, files: Iterable[str] = (), key: str | None = None) -> dict[str, Any]:
    """Read the facts of a run.

    Parameters
    ----------
    folder
        Of the run.
    files
        Those of its files that are about to be read.
    key
        The key that the run must have; any if not given.

    Raises
    ------
    Damaged
        When the facts or one of the files is not as it was written, or they are of another run than the one that
        belongs there.
    UserError
        When they were written by another version, or there are none.
    """
    path = Path(folder, RUN)
    facts = read_sealed(path, files=files)
    if facts.get("kind") != "run":
        raise Damaged(path, "it does not describe a run")
    check_version(path, facts)
    name = run_name(folder)
    if name.startswith(FOLD_PREFIX) and facts.get("name", "").startswith(FOLD_PREFIX) and facts["name"] != name:
        raise Damaged(path, f"it is that of {facts['name']}")
    if key is not None and facts.get("key") != key:
        raise Damaged(path, "it is of another setting, other tracks or other code than belong there")
    return facts


def check_version(path: Path, facts: Mapping[str, Any]) -> None:
    """Raise UserError if facts of a run, or of an exported one, are of another version than is read here."""
    if facts.get("version") != RUN_VERSION:
        raise UserError(
            f"{path} was written by another version of genreflow (version {facts.get('version')} of such files; this"
            f" one reads version {RUN_VERSION}). `genreflow run` makes a run again; an exported model is to be exported"
            " again."
        )


def run_name(folder: str | os.PathLike) -> str:
    """Return the name of a run's folder, ``fold-2r3``; that in which it waits for others has a dot before it."""
    return Path(folder).resolve().name.removeprefix(".")
