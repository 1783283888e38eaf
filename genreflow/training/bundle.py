"""Loading a trained network, and rejecting files that are none.

A bundle is two files side by side: the weights, and the facts of the run, which are sealed and hold the SHA-256 of the
weights. The facts are ``run.json`` of a run, or ``model.json`` of an exported folder. Neither can run code; pickles are
never opened.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from pydantic import BaseModel, ValidationError
from torch import nn

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings, embedding_in, with_embedding
from genreflow.errors import Damaged, Problems, UserError
from genreflow.features.shapes import segment_shape
from genreflow.models import estimator, registry
from genreflow.models.standardize import standardized
from genreflow.project.layout import results_of, study_of_run
from genreflow.store.regular import read_regular
from genreflow.store.runs import EMBEDDING
from genreflow.store.sealed import check_bound
from genreflow.store.text import sanitize_name
from genreflow.training import novelty
from genreflow.training.bundle_facts import facts_beside, remedy_of, weights_file
from genreflow.training.novelty import TrainingProfile

_Settings = TypeVar("_Settings", bound=BaseModel)

_AGAIN = "Delete it and run again, or take a fresh copy."
_MAX_HEADER, _MAX_WEIGHTS = 4 * 2**20, 8 * 2**30


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
        settings = self._located(_validated(InputSettings, self.run, "input"))
        shape, segment = tuple(self.run["input_shape"]), segment_shape(settings)
        crop = self.run["training"].get("crop")
        if shape != (segment if crop is None else (*segment[:-1], crop)):
            raise UserError(f"The model takes segments of {shape}, but its input settings give {segment}. {_AGAIN}")
        return settings

    def _located(self, settings: InputSettings) -> InputSettings:
        """Return input settings whose embedding has the path of its network: beside an export, or as the run had it."""
        front_end = embedding_in(settings.front_end)
        if front_end is None:
            return settings
        path, beside, study = Path(front_end.model), self.folder / EMBEDDING, study_of_run(self.folder.resolve())
        if beside.exists():
            path = _network_in(beside)
        elif not path.exists() and study is not None and (results_of(study).parent / path).exists():
            path = results_of(study).parent / path  # relative to the project, and this is not its folder
        else:
            return settings
        moved = front_end.model_copy(update={"model": str(path)})
        return settings.model_copy(update={"front_end": with_embedding(settings.front_end, moved)})

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
    weights_path = weights_file(path)
    facts = facts_beside(weights_path)
    weights = _read_weights(weights_path, facts)
    return Bundle(_assemble(weights_path, facts, weights), facts, weights_path.parent)


def _network_in(folder: Path) -> Path:
    """Return the network in a folder: the folder of a bundle, or an ONNX file."""
    onnx = folder / "model.onnx"
    return onnx if onnx.exists() else folder


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
        raise Damaged(path, "it is not a safetensors file, and was not opened", remedy_of(facts))
    check_bound(path, facts, content=content, remedy=remedy_of(facts))
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise Damaged(path, error, remedy_of(facts)) from error


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
