"""Reading a trained network back, and refusing whatever is not one.

A bundle is two files side by side: the weights, and the facts of the run, which hold their SHA-256. Nothing in
either can run code; pickles are never opened.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from genreflow.errors import Problems, UserError
from genreflow.models import fitted, registry
from genreflow.models.standardise import standardised
from genreflow.training.run import MODEL, RUN, RUN_VERSION

_AGAIN = "Delete it and run again, or take a fresh copy."
_MAX_HEADER = 4 * 2**20
_FACTS = ("model", "options", "classes", "input_shape", "input", "audio", "training", "weights_sha256")


@dataclass(frozen=True)
class Bundle:
    """A trained network, in evaluation mode on the CPU, and the content of its ``run.json``."""

    model: nn.Module
    run: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of the network's outputs."""
        return tuple(self.run["classes"])


def load_bundle(path: str | os.PathLike) -> Bundle:
    """Load a trained network from its ``model.safetensors``, or from the folder of that.

    Raises
    ------
    UserError
        When a file is missing, damaged, of another format or version, or does not fit the network it claims to be.
    """
    path = Path(path)
    weights_path = path / MODEL if path.is_dir() else path
    if weights_path.suffix != ".safetensors":
        raise UserError(
            f"{weights_path} is not a trained model of genreflow. Models are read from {MODEL} files only;"
            " formats that can run code (.pt, .pkl, .joblib, .npy) are never opened."
        )
    facts = _read_facts(weights_path.with_name(RUN))
    weights = _read_weights(weights_path, facts["weights_sha256"])
    return Bundle(_assemble(weights_path, facts, weights), facts)


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path} is missing: a model's weights are of no use without it. Copy both files.") from None
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}). {_AGAIN}") from error
    if not isinstance(facts, dict) or facts.get("kind") != "run":
        raise UserError(f"{path} does not describe a run of genreflow.")
    if facts.get("version") != RUN_VERSION:
        raise UserError(
            f"{path} has version {facts.get('version')}, this genreflow reads version {RUN_VERSION}."
            " Use the genreflow that made it."
        )
    missing = [name for name in _FACTS if name not in facts]
    if missing:
        raise UserError(f"{path} is damaged: it lacks {', '.join(missing)}. {_AGAIN}")
    return facts


def _read_weights(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    # The format: 8 bytes with the length of a JSON header, the header, the numbers.
    header = int.from_bytes(content[:8], "little")
    if header > min(_MAX_HEADER, len(content) - 8) or content[8:9] != b"{":
        raise UserError(f"{path} is not a safetensors file, whatever its name says. It was not opened.")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(f"{path} is damaged, or belongs to another run than the {RUN} beside it. {_AGAIN}")
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}). {_AGAIN}") from error


def _assemble(path: Path, facts: dict[str, Any], weights: dict[str, torch.Tensor]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        network = registry.build(
            facts["model"],
            len(facts["classes"]),
            input_shape=tuple(facts["input_shape"]),
            **facts["options"],
        )
        network = standardised(network, tuple(facts["input_shape"]), facts["input"].get("standardise", "none"))
    fitted.make_room(network, weights)
    wanted = {name: (tensor.shape, tensor.dtype) for name, tensor in network.state_dict().items()}
    given = {name: (tensor.shape, tensor.dtype) for name, tensor in weights.items()}
    if wanted != given:
        wrong = sorted(name for name in wanted | given if wanted.get(name) != given.get(name))
        raise UserError(
            f"{path} does not hold a {facts['model']!r}: {', '.join(wrong[:3])} and {len(wrong)} tensors in all"
            " are missing, unknown or of another shape."
        )
    broken = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise UserError(f"{path} has weights that are not numbers ({', '.join(broken)}). {_AGAIN}")
    network.load_state_dict(weights)
    if found := list(fitted.problems(network)):
        raise Problems(f"{path} does not hold a {facts['model']!r} that can be used:", found)
    return network.eval()
