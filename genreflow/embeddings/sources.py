"""Networks that give embeddings: where their files are, and facts of them that plans need, read without PyTorch.

A network is named by public weights, or by the path of a run, of an exported model, or of an ONNX file.
"""

import json
import os
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from genreflow.config.inputs import Embedding, EmbeddingNetwork, InputSettings, Layer
from genreflow.embeddings import onnx_model
from genreflow.embeddings.patches import patch_seconds
from genreflow.errors import Damaged, UserError, did_you_mean
from genreflow.models import registry
from genreflow.store.digest import digest
from genreflow.store.regular import expand_home
from genreflow.store.runs import EMBEDDING, EXPORTED, MODEL, RUN
from genreflow.store.sealed import FILES
from genreflow.store.text import sanitize_name
from genreflow.training.bundle_facts import facts_beside, weights_file
from genreflow.weights.cache import find
from genreflow.weights.registry import NETWORKS

_MAX_HEADER = 4 * 2**20
_BYTES = 1e6


def resolve(settings: Embedding) -> Embedding:
    """Return the settings of an embedding with the facts of its network.

    Raises
    ------
    UserError
        When there is no such network, its weights are absent or other ones, or it has no such layer.
    """
    network = facts_of(settings.model, settings.layer)
    if settings.sha256 is not None and settings.sha256 != network.sha256:
        raise UserError(
            f"the weights of {settings.model} have the SHA-256 {network.sha256}, not {settings.sha256}; give the model "
            "that is meant, or leave sha256 out"
        )
    return settings.model_copy(update={"network": network})


def resolved_input(settings: InputSettings) -> InputSettings:
    """Return an input whose embedding, if it is one, is resolved.

    Raises
    ------
    UserError
        As `resolve`, and when a segment is too short for the network.
    """
    if not isinstance(settings.front_end, Embedding):
        return settings
    values = {name: getattr(settings, name) for name in InputSettings.model_fields}
    try:
        return InputSettings.model_validate(values | {"front_end": resolve(settings.front_end)})
    except ValidationError as error:
        raise UserError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def located(model: str) -> Path:
    """Return the folder of a network's bundle, or its ONNX file.

    Raises
    ------
    UserError
        When there is no such name or path, or the weights of that name are absent.
    """
    path = expand_home(model)
    if os.path.lexists(path):
        return path
    if model in NETWORKS:
        return find(model)
    hint = did_you_mean(model, NETWORKS)
    raise UserError(f"{model!r} is neither the name of public weights nor a path that exists.{hint}".rstrip("."))


def is_onnx(path: Path) -> bool:
    """Return whether a path is that of an ONNX file."""
    return path.suffix.lower() == ".onnx"


def facts_of(model: str, layer: Layer) -> EmbeddingNetwork:
    """Return facts of a network and of the vectors of one of its layers."""
    path = located(model)
    if is_onnx(path):
        return onnx_model.facts_of(path, layer)
    weights = weights_file(path)
    facts = facts_beside(weights)
    if not weights.exists():
        raise UserError(f"{weights} does not exist")
    entry = registry.describe(facts["model"])
    if entry.is_estimator and layer == "penultimate":
        raise UserError(
            f"{model} is a {facts['model']}, which has no layers: take its output, by `layer: output` or --layer output"
        )
    try:
        given = InputSettings.model_validate(facts["input"])
    except ValidationError as error:
        raise UserError(
            f"{model} has an input that this version of genreflow does not know ({error.errors()[0]['msg']})"
        ) from None
    columns = tuple(map(sanitize_name, facts["classes"])) if layer == "output" else ()
    sha256 = facts[FILES].get(MODEL, "")
    return EmbeddingNetwork(
        title=sanitize_name(facts.get("origin", {}).get("name", facts["model"])),
        sha256=sha256,
        content=digest(sha256, _content(facts), length=32),
        sample_rate=given.front_end.sample_rate,
        seconds=patch_seconds(given, tuple(facts["input_shape"])),
        width=len(columns) or _penultimate_width(weights, sha256, len(facts["classes"])),
        columns=columns,
        front_end=given.front_end.kind,
        network=facts["model"],
        megabytes=weights.stat().st_size / _BYTES,
    )


def copy_network(model: str, folder: Path) -> None:
    """Copy the files of a network into a folder, from which it can be read as from its own.

    Raises
    ------
    UserError
        When there is no such network.
    """
    path = located(model)
    folder.mkdir(parents=True)
    if is_onnx(path):
        files = onnx_model.files_of(path)
        names = ["model.onnx", *(file.name for file in files[1:-1]), f"model{files[-1].suffix}"]
        for file, name in zip(files, names, strict=True):
            shutil.copyfile(file, folder / name)
        return
    weights = weights_file(path)
    facts = EXPORTED if weights.with_name(EXPORTED).exists() else RUN
    for file in (weights, weights.with_name(facts)):
        shutil.copyfile(file, folder / file.name)
    given = facts_beside(weights)["input"]
    if given["front_end"]["kind"] == Embedding.model_fields["kind"].default:
        inner = weights.with_name(EMBEDDING)
        copy_network(str(inner if inner.exists() else given["front_end"]["model"]), folder / EMBEDDING)


def _content(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that vectors depend on besides the weights."""
    given = dict(facts["input"])
    if given["front_end"].get("network"):  # an embedding of an embedding: where that lies does not matter
        given["front_end"] = given["front_end"]["network"]["content"]
    crop = facts["training"].get("crop")
    return {name: facts[name] for name in ("model", "options", "input_shape")} | {"input": given, "crop": crop}


@lru_cache(maxsize=64)
def _penultimate_width(weights: Path, sha256: str, outputs: int) -> int:
    """Return the width of the input of the last linear layer.

    It is that of the one matrix with as many rows as there are outputs; where there are several of different widths,
    the network is built and asked.
    """
    del sha256  # other weights, another answer
    shapes = _tensor_shapes(weights)
    widths = {
        shape[1]
        for name, shape in shapes.items()
        if name.endswith("weight") and len(shape) == 2 and shape[0] == outputs
    }
    if len(widths) == 1:
        return widths.pop()
    from genreflow.embeddings.networks import penultimate_width

    return penultimate_width(weights)


def _tensor_shapes(path: Path) -> dict[str, list[int]]:
    """Return the shapes of the tensors of a safetensors file from its header."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _MAX_HEADER:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length))
        return {name: list(map(int, each["shape"])) for name, each in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(path, f"it is not a safetensors file: {error}") from None
