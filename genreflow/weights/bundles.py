"""Bundles of networks that were trained elsewhere: the files that `genreflow export` writes, of other weights."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.errors import UserError
from genreflow.features.shapes import segment_shape
from genreflow.models import registry
from genreflow.store.atomic import write_bytes
from genreflow.store.runs import EXPORTED, MODEL, RUN_VERSION
from genreflow.store.sealed import write_sealed

# The authors fed music as it is. Rate and quality lose least of it.
AUDIO = AudioSettings(sample_rate=16_000, level="none", quality=10.0)
_COUNTERS = "num_batches_tracked"  # of batch normalization, which no prediction depends on


def write_bundle(
    folder: Path,
    weights: Mapping[str, torch.Tensor],
    *,
    model: str,
    options: Mapping[str, Any] | None = None,
    tags: Sequence[str],
    origin: Mapping[str, str],
    source: str,
) -> None:
    """Write a bundle of a tagging network, whole or not at all; an older one in its place goes.

    Parameters
    ----------
    folder
        Folder of the bundle.
    weights
        Tensors by their names in the network; counters of batch normalization may be missing.
    model, options
        The network and its options; others have their defaults.
    tags
        Tags in the order of the outputs.
    origin
        Title, source, license and citation, and what it was trained on.
    source
        Name of the weights in errors.

    Raises
    ------
    UserError
        When the weights are not those of the network, or not finite.
    """
    entry = registry.describe(model)
    settings = InputSettings.model_validate(entry.input)
    shape = segment_shape(settings)
    every_option = registry.check_options(model, dict(options or {}))
    with torch.random.fork_rng(devices=[]):
        network = registry.build(model, len(tags), input_shape=shape, **every_option)
    expected = network.state_dict()
    state = {name: torch.zeros_like(tensor) for name, tensor in expected.items() if name.endswith(_COUNTERS)}
    state |= {name: weights[name].to(expected[name].dtype).contiguous() for name in weights if name in expected}
    wrong = sorted({*expected, *weights} - set(state) | set(weights) - set(expected))
    wrong += sorted(name for name in state if state[name].shape != expected[name].shape)
    if wrong:
        raise UserError(
            f"{source} does not hold the weights of {model}: {', '.join(wrong[:3])} and {len(wrong)} tensors in all "
            "are missing, unknown or of another shape."
        )
    if unusable := [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]:
        raise UserError(f"{source} has weights that are not finite numbers ({', '.join(unusable[:3])}).")
    facts = {
        "kind": "model",
        "version": RUN_VERSION,
        "key": "",
        "study": "",
        "fold": "",
        "model": model,
        "options": every_option,
        "training": {},
        "input": settings.model_dump(mode="json"),
        "audio": AUDIO.model_dump(mode="json"),
        "classes": list(tags),
        "tags": True,
        "input_shape": list(shape),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "title": origin["name"],
        "trained_on": origin["trained_on"],
        "origin": dict(origin),
        "calibration": None,
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    waiting = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write_bytes(waiting / MODEL, safetensors.torch.save(state))
        write_sealed(waiting / EXPORTED, facts, files=[MODEL])
        waiting.chmod(0o755)
        _publish(waiting, folder)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def _publish(waiting: Path, folder: Path) -> None:
    """Rename a folder into its place; of two processes that do so, the last wins."""
    if folder.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        folder.replace(old / folder.name)
        shutil.rmtree(old, ignore_errors=True)
    waiting.replace(folder)
