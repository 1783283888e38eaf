"""The files of a run. ``run.json`` holds its facts, and the SHA-256 of its weights, history and predictions."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genreflow.errors import Damaged, UserError
from genreflow.store.sealed import read_sealed, write_sealed

MODEL, RUN, HISTORY, PREDICTIONS = "model.safetensors", "run.json", "history.parquet", "predictions.parquet"
EMBEDDING = "embedding"  # folder of an exported model with the network whose embeddings it is fed
EXPORTED = "model.json"  # in place of run.json where a model lies by itself
RUN_VERSION = 2
FOLD_PREFIX = "fold-"


def write_run(folder: str | os.PathLike, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``run.json``, the last file of a run; return its content."""
    whole = {"kind": "run", "version": RUN_VERSION, "name": run_name(folder)} | dict(facts)
    return write_sealed(Path(folder, RUN), whole, files=(MODEL, HISTORY, PREDICTIONS))


def read_run(folder: str | os.PathLike, *, files: Iterable[str] = (), key: str | None = None) -> dict[str, Any]:
    """Read the facts of a run.

    Parameters
    ----------
    folder
        Folder of the run.
    files
        Files of the run to verify: those that are about to be read.
    key
        The key that the run must have; any if None.

    Raises
    ------
    Damaged
        If ``run.json`` or one of the files is not as it was written, or belongs to another run.
    UserError
        If there is no ``run.json``, or another version wrote it.
    """
    path = Path(folder, RUN)
    facts = read_sealed(path, files=files)
    if facts.get("kind") != "run":
        raise Damaged(path, "it is not that of a run")
    check_version(path, facts)
    name = run_name(folder)
    if name.startswith(FOLD_PREFIX) and facts.get("name", "").startswith(FOLD_PREFIX) and facts["name"] != name:
        raise Damaged(path, f"it is that of {facts['name']}")
    if key is not None and facts.get("key") != key:
        raise Damaged(path, "its key is that of other settings, tracks or code")
    return facts


def check_version(path: Path, facts: Mapping[str, Any]) -> None:
    """Raise UserError if another version wrote the facts of a run or of an exported model."""
    if facts.get("version") != RUN_VERSION:
        raise UserError(
            f"{path} was written by another version of genreflow (version {facts.get('version')} of such files; this"
            f" one reads version {RUN_VERSION}). `genreflow run` makes a run again; an exported model is to be exported"
            " again."
        )


def run_name(folder: str | os.PathLike) -> str:
    """Return the name of a run's folder, ``fold-2r3``, without the dot of a folder in which it waits for others."""
    return Path(folder).resolve().name.removeprefix(".")
