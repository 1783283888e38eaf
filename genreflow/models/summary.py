"""What a network is made of, seen by sending one segment through it."""

from typing import Any

import torch
from torch import nn

from genreflow.models.blocks import FullHeightConv, GlobalPool1d, InputNorm

_POOLINGS = {"mean": "global mean", "max": "global max", "maxmean": "global mean + max"}


def layers(network: nn.Module, input_shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the layers of a network in the order in which they are called.

    Parameters
    ----------
    network
        Takes float32 [batch, *input_shape]. Its class attribute `joins`, if any, says which module's output is
        concatenated to the input of which: ``{"pool": "conv1"}``.

    Returns
    -------
    A list of ``name``, ``shape`` (channels, time, bands) or (features,), ``parameters``, and ``joins``: for a
    concatenation, the place in the list of the earlier layer that it takes in; else None.
    """
    found: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(_note(found, places, name))
        for name, module in network.named_modules()
        if not list(module.children()) and not isinstance(module, nn.Dropout | nn.ReLU)
    ]
    was_training = network.training
    with torch.no_grad():
        network.eval()(torch.zeros(1, *input_shape))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    for target, source in getattr(network, "joins", {}).items():
        _insert_concatenation(found, before=places[target], source=places[source])
    return found


def _insert_concatenation(found: list[dict[str, Any]], *, before: int, source: int) -> None:
    channels = found[before - 1]["shape"][0] + found[source]["shape"][0]
    shape = [channels, *found[before - 1]["shape"][1:]]
    found.insert(before, {"name": "concat", "shape": shape, "parameters": 0, "joins": source})


def _note(found: list, places: dict[str, int], name: str):
    def hook(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        places[name] = len(found)
        found.append(
            {
                "name": _title(module),
                "shape": _shape(module, output),
                "parameters": sum(weights.numel() for weights in module.parameters()),
                "joins": None,
            }
        )

    return hook


def _title(module: nn.Module) -> str:
    if isinstance(module, InputNorm):
        return "batch norm"
    if isinstance(module, FullHeightConv):
        return f"conv {module.out_channels} @ {module.kernel_size[0]} × {module.in_channels}"
    if isinstance(module, nn.Conv1d):
        return f"conv {module.out_channels} @ {module.kernel_size[0]} × 1"
    if isinstance(module, GlobalPool1d):
        return _POOLINGS[module.kind]
    if isinstance(module, nn.Linear):
        return f"dense {module.out_features:,}"
    return type(module).__name__


def _shape(module: nn.Module, output: torch.Tensor) -> list[int]:
    """Return (channels, time, bands) of maps, (features,) of vectors."""
    _, *sizes = output.shape
    if isinstance(module, InputNorm):
        bands, frames = sizes
        return [1, frames, bands]
    return sizes if len(sizes) == 1 else [*sizes, 1]
