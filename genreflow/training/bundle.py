"""Loading a trained network, and rejecting files that are none.

A bundle is two files side by side: the weights, and the facts of the run, which are sealed and hold the SHA-256 of the
weights. The facts are ``run.json`` of a run, or ``model.json`` of an exported folder. Neither can run code; pickles are
never opened.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from pydantic import BaseModel, ValidationError
from torch import nn

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.errors import Damaged, Problems, UserError
from genreflow.features.shapes import segment_shape
from genreflow.models import estimator, registry
from genreflow.models.standardize import standardized
from genreflow.store.regular import read_regular
from genreflow.store.runs import MODEL, RUN, check_version, read_run
from genreflow.store.sealed import FILES, check_bound, read_sealed
from genreflow.store.text import sanitize_name
from genreflow.training import novelty
from genreflow.training.novelty import TrainingProfile

EXPORTED = "model.json"

_Settings = TypeVar("_Settings", bound=BaseModel)

_AGAIN = "Delete it and run again, or take a fresh copy."
_EXPORTED_AGAIN = "Export the model again, or take a fresh copy of the folder."
_MAX_HEADER, _MAX_WEIGHTS, _MAX_VALUES = 4 * 2**20, 8 * 2**30, 2**28
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


@dataclass(frozen=True)
class Bundle:
    """A trained network, in evaluation mode on the CPU, and the content of its ``run.json`` or ``model.json``.

    Attributes
    ----------
    model
        The network.
    run
        The facts.
    folder
        The folder of both files.
    """

    model: nn.Module
    run: dict[str, Any]
    folder: Path = Path()

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels in the order of the outputs, sanitized, since a model may come from a stranger."""
        return tuple(map(sanitize_name, self.run["classes"]))

    @property
    def input(self) -> InputSettings:
        """Settings of the network's input; UserError if they are invalid or do not match its shape."""
        settings = _validated(InputSettings, self.run, "input")
        shape, segment = tuple(self.run["input_shape"]), segment_shape(settings)
        crop = self.run["training"].get("crop")
        if shape != (segment if crop is None else (*segment[:-1], crop)):
            raise UserError(f"The model takes segments of {shape}, but its input settings give {segment}. {_AGAIN}")
        return settings

    @property
    def audio(self) -> AudioSettings:
        """Settings of loudness normalization; UserError if they are invalid."""
        return _validated(AudioSettings, self.run, "audio")

    @property
    def training_profile(self) -> TrainingProfile | None:
        """Profile of the training tracks; None if the facts have none."""
        if "training_profile" not in self.run:
            return None
        try:
            return novelty.from_facts(self.run["training_profile"])
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"The model's profile of its training tracks is damaged ({error!r}). {_AGAIN}") from None


def load_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Load a trained network from its ``model.safetensors``, or from the folder of that.

    Raises
    ------
    Damaged
        When a file has changed since it was written, or the two do not belong together.
    UserError
        When a file is missing, has another format or version, or does not fit the network that it names.
    """
    path = Path(path)
    weights_path = path / MODEL if path.is_dir() else path
    if weights_path.suffix != ".safetensors":
        raise UserError(
            f"{weights_path} is not a trained model of genreflow. Models are read from {MODEL} files only;"
            " formats that can run code (.pt, .pkl, .joblib, .npy) are never opened."
        )
    exported = weights_path.with_name(EXPORTED)
    facts = _read_facts(exported if exported.exists() else weights_path.with_name(RUN))
    weights = _read_weights(weights_path, facts)
    return Bundle(_assemble(weights_path, facts, weights), facts, weights_path.parent)


def _read_facts(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        raise UserError(f"{path} is missing: a model's weights cannot be used without it. Copy both files.")
    facts = read_run(path.parent) if path.name == RUN else _read_exported(path)
    if problems := list(_problems(facts)):
        raise Damaged(path, "; ".join(problems), _remedy(facts))
    return facts | {"tags": facts.get("tags", False)}


def _read_exported(path: Path) -> dict[str, Any]:
    facts = read_sealed(path, remedy=_EXPORTED_AGAIN)
    if facts.get("kind") != "model":
        raise Damaged(path, "it does not describe an exported model", _EXPORTED_AGAIN)
    check_version(path, facts)
    return facts


def _remedy(facts: Mapping[str, Any]) -> str:
    """Return the advice for damage: the pipeline makes runs again, but not exported models."""
    return _EXPORTED_AGAIN if facts["kind"] == "model" else ""


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


def _validated(kind: type[_Settings], facts: Mapping[str, Any], name: str) -> _Settings:
    try:
        return kind.model_validate(facts[name])
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(map(str, (name, *first["loc"])))
        raise UserError(
            f"The model's {setting} is not valid ({first['msg']}). Use the version of genreflow that made it."
        ) from None


def _read_weights(path: Path, facts: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    try:
        content = read_regular(path, most=_MAX_WEIGHTS, expected="a model's weights")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    # safetensors: 8 bytes with the length of a JSON header, the header, the numbers.
    header = int.from_bytes(content[:8], "little")
    if header > min(_MAX_HEADER, len(content) - 8) or content[8:9] != b"{":
        raise Damaged(path, "it is not a safetensors file, and was not opened", _remedy(facts))
    check_bound(path, facts, content=content, remedy=_remedy(facts))
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise Damaged(path, error, _remedy(facts)) from error


def _assemble(path: Path, facts: dict[str, Any], weights: dict[str, torch.Tensor]) -> nn.Module:
    shape = tuple(facts["input_shape"])
    standardize = _validated(InputSettings, facts, "input").standardize
    with torch.random.fork_rng(devices=[]):
        network = registry.build(facts["model"], len(facts["classes"]), input_shape=shape, **facts["options"])
        network = standardized(network, shape, standardize)
    estimator.allocate(network, weights)
    expected = {name: (tensor.shape, tensor.dtype) for name, tensor in network.state_dict().items()}
    stored = {name: (tensor.shape, tensor.dtype) for name, tensor in weights.items()}
    if expected != stored:
        wrong = sorted(name for name in expected | stored if expected.get(name) != stored.get(name))
        raise UserError(
            f"{path} does not hold a {facts['model']!r}: {', '.join(wrong[:3])} and {len(wrong)} tensors in all"
            " are missing, unknown or of another shape."
        )
    non_finite = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if non_finite:
        raise UserError(f"{path} has weights that are not finite numbers ({', '.join(non_finite)}). {_AGAIN}")
    network.load_state_dict(weights)
    if problems := list(estimator.problems(network)):
        raise Problems(f"{path} does not hold a usable {facts['model']!r}:", problems)
    return network.eval()
