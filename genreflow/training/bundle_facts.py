"""The facts of a trained network, without its weights, so that plans can read them: no torch is imported here."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genreflow.errors import Damaged, UserError
from genreflow.store.runs import EXPORTED, MODEL, RUN, check_version, read_run
from genreflow.store.sealed import FILES, read_sealed
from genreflow.store.text import sanitize_name

_EXPORTED_AGAIN = "Export the model again, or take a fresh copy of the folder."
_MAX_VALUES = 2**28
_FACTS = {
    "model": str,
    "options": dict,
    "classes": list,
    "input_shape": list,
    "input": dict,
    "audio": dict,
    "training": dict,
    FILES: dict,
}


def weights_file(path: str | os.PathLike[str]) -> Path:
    """Return the ``model.safetensors`` that a path names, itself or by its folder.

    Raises
    ------
    UserError
        When the path is another kind of file.
    """
    path = Path(path)
    weights = path / MODEL if path.is_dir() else path
    if weights.suffix != ".safetensors":
        raise UserError(
            f"{weights} is not a trained model of genreflow. Models are read from {MODEL} files only;"
            " formats that can run code (.pt, .pkl, .joblib, .npy) are never opened."
        )
    return weights


def facts_beside(weights: Path) -> dict[str, Any]:
    """Read the facts beside a file of weights: ``model.json`` of an exported folder, or ``run.json`` of a run.

    Raises
    ------
    Damaged
        When they have changed since they were written.
    UserError
        When they are missing, or of another format or version.
    """
    exported = weights.with_name(EXPORTED)
    path = exported if exported.exists() else weights.with_name(RUN)
    if not os.path.lexists(path):
        raise UserError(f"{path} is missing: a model's weights cannot be used without it. Copy both files.")
    facts = read_run(path.parent) if path.name == RUN else _read_exported(path)
    if problems := list(_problems(facts)):
        raise Damaged(path, "; ".join(problems), remedy_of(facts))
    return facts | {"tags": facts.get("tags", False)}


def remedy_of(facts: Mapping[str, Any]) -> str:
    """Return the advice for damage: the pipeline makes runs again, but not exported models."""
    return _EXPORTED_AGAIN if facts["kind"] == "model" else ""


def _read_exported(path: Path) -> dict[str, Any]:
    facts = read_sealed(path, remedy=_EXPORTED_AGAIN)
    if facts.get("kind") != "model":
        raise Damaged(path, "it does not describe an exported model", _EXPORTED_AGAIN)
    check_version(path, facts)
    return facts


def _problems(facts: Mapping[str, Any]) -> Iterator[str]:
    if missing := [name for name in _FACTS if name not in facts]:
        yield f"it lacks {', '.join(missing)}"
        return
    if wrong := [name for name, kind in _FACTS.items() if not isinstance(facts[name], kind)]:
        yield f"these have the wrong type: {', '.join(wrong)}"
        return
    classes, shape = facts["classes"], facts["input_shape"]
    are_names = bool(classes) and all(isinstance(name, str) for name in classes)
    if not are_names or len(set(map(sanitize_name, classes))) < len(classes):
        yield "classes must be names, each once"
    if not shape or not all(type(size) is int and size > 0 for size in shape) or math.prod(shape) > _MAX_VALUES:
        yield f"input_shape must be whole numbers above 0 with a product of at most {_MAX_VALUES:,}"
