"""What a network is made of, seen by sending one segment through it."""

import copy
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from genreflow.models.blocks import FullHeightConv, GlobalPool1d, InputNorm, size_text

_POOLINGS = {"mean": "global mean", "max": "global max", "maxmean": "global mean + max"}
_UNSEEN = (nn.Dropout, nn.ReLU, nn.Identity, nn.Flatten)


def trainable_parameters(network: nn.Module) -> int:
    """Return how many numbers training changes."""
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)


def multiply_adds(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return the multiplications, each with an addition, that one segment costs; transforms by FFT are not counted."""
    shadow = _shadow(network)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.zeros(1, *input_shape, device="meta"))
    return counter.get_total_flops() // 2


def layers(network: nn.Module, input_shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the layers of a network in the order in which they are called.

    A module that has a `title` is one layer, whatever it is made of. A titled module whose attribute `sequence` is
    true gives [batch, time, features]; other maps are [batch, channels, (bands,) time].

    Parameters
    ----------
    network
        Takes float32 [batch, *input_shape]. Its attribute `joins`, if any, says which module's output is put together
        with the input of which, by their names: ``{"pool": "conv1"}``; as a concatenation if `joins_by` is not
        ``"sum"``.

    Returns
    -------
    A list of ``name``, ``shape`` (channels, time, bands) or (features,), ``parameters``, and ``joins``: for a
    concatenation or sum, the place in the list of the earlier layer that it takes in; else None.
    """
    shadow = _shadow(network)
    found: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for name, module in _drawn(shadow):
        module.register_forward_hook(_note(found, places, name))
    with torch.no_grad():
        shadow(torch.zeros(1, *input_shape, device="meta"))
    # From the last to the first, so that no insertion moves a place that is still needed.
    joins = sorted(getattr(network, "joins", {}).items(), key=lambda join: -places[join[0]])
    by_sum = getattr(network, "joins_by", "concat") == "sum"
    for target, source in joins:
        _insert_join(found, before=places[target], source=places[source], by_sum=by_sum)
    return found


def _shadow(network: nn.Module) -> nn.Module:
    """Return a copy that has shapes and no numbers, so that nothing is computed."""
    return copy.deepcopy(network).to("meta").eval()


def _drawn(module: nn.Module, name: str = ""):
    """Yield the modules that are drawn, by name: titled ones, and those without children."""
    children = list(module.named_children())
    if hasattr(module, "title") or not children:
        if not isinstance(module, _UNSEEN):
            yield name, module
        return
    for child_name, child in children:
        yield from _drawn(child, f"{name}.{child_name}" if name else child_name)


def _insert_join(found: list[dict[str, Any]], *, before: int, source: int, by_sum: bool) -> None:
    channels = found[before - 1]["shape"][0] + (0 if by_sum else found[source]["shape"][0])
    shape = [channels, *found[before - 1]["shape"][1:]]
    for later in found[before:]:
        if later["joins"] is not None and later["joins"] >= before:
            later["joins"] += 1
    name = "sum" if by_sum else "concat"
    found.insert(before, {"name": name, "shape": shape, "parameters": 0, "joins": source})


def _note(found: list, places: dict[str, int], name: str):
    def hook(module: nn.Module, _: Any, output: Any) -> None:
        places[name] = len(found)
        output = output[0] if isinstance(output, tuple) else output
        found.append(
            {
                "name": _title(module),
                "shape": _shape(module, output),
                "parameters": trainable_parameters(module),
                "joins": None,
            }
        )

    return hook


def _title(module: nn.Module) -> str:
    match module:
        case nn.Module(title=str(title)):
            return title
        case InputNorm():
            return "batch norm"
        case FullHeightConv():
            return f"conv {module.out_channels} @ {module.kernel_size[0]} × {module.in_channels}"
        case nn.Conv1d():
            return f"conv {module.out_channels} @ {module.kernel_size[0]} × 1"
        case nn.Conv2d():
            return f"conv {module.out_channels} @ {size_text(module.kernel_size)}"
        case nn.MaxPool1d() | nn.MaxPool2d():
            return f"max {size_text(module.kernel_size)}"
        case nn.AvgPool1d() | nn.AvgPool2d():
            return f"mean {size_text(module.kernel_size)}"
        case GlobalPool1d():
            return _POOLINGS[module.kind]
        case nn.Linear():
            return f"dense {module.out_features:,}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return "batch norm"
    return type(module).__name__


def _shape(module: nn.Module, output: torch.Tensor) -> list[int]:
    """Return (channels, time, bands) of maps and sequences, (features,) of vectors."""
    _, *sizes = output.shape
    if isinstance(module, InputNorm):
        sizes = [1, *sizes]
    if len(sizes) == 1:
        return sizes
    if getattr(module, "sequence", False):
        time, features = sizes
        return [features, time, 1]
    if len(sizes) == 2:
        return [*sizes, 1]
    channels, bands, time = sizes
    return [channels, time, bands]
