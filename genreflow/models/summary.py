"""Layers, parameters and cost of a network, found by sending one segment through it."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from genreflow.models.blocks import FullHeightConv, GlobalPool1d, InputNorm, size_text

_POOLINGS = {"mean": "global mean", "max": "global max", "maxmean": "global mean + max"}
_HIDDEN = (nn.Dropout, nn.ReLU, nn.Identity, nn.Flatten)


def trainable_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)


def multiply_adds(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return the number of multiply-adds that one segment costs, without FFTs."""
    shadow, segment = _shadow(network, input_shape)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(segment)
    return counter.get_total_flops() // 2


def values(network: nn.Module, input_shape: tuple[int, ...]) -> int:
    """Return the number of values that all layers together make of one segment: what memory has to move."""
    shadow, segment = _shadow(network, input_shape)
    made: list[int] = []
    for module in shadow.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _, __, output: made.append(_first(output).numel()))
    with torch.no_grad():
        shadow(segment)
    return sum(made)


def layers(network: nn.Module, input_shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the layers of a network in the order in which they are called.

    A module that has a `title` is one layer, whatever it is made of. A module whose attribute `sequence` is true
    returns [batch, time, features]; other maps are [batch, channels, (bands,) time].

    Parameters
    ----------
    network
        Takes float32 [batch, *input_shape]. Its attribute `joins`, if any, maps a module to the module whose output is
        joined to its input: ``{"pool": "conv1"}``, by concatenation unless `joins_by` is ``"sum"``. Several joins are a
        list, in order: ``{"pool": [("sum", "conv2"), ("concat", "conv1", "conv2")]}``. From then on the result of a
        join counts as the output of the module before it.

    Returns
    -------
    A list of ``name``, ``shape`` (channels, time, bands) or (features,), ``parameters``, and ``joins``: for a
    concatenation or sum, the index of the earlier layer that it takes in, or a list of indices; else None.
    """
    shadow, segment = _shadow(network, input_shape)
    called: list[tuple[str, dict[str, Any]]] = []
    for name, module in _shown(shadow):
        module.register_forward_hook(_recorder(called, name))
    with torch.no_grad():
        shadow(segment)
    return _with_joins(called, _joins(network))


def _shadow(network: nn.Module, input_shape: tuple[int, ...]) -> tuple[nn.Module, torch.Tensor]:
    """Return a copy and a segment on the meta device, which have shapes and no numbers, so that nothing is computed.

    Estimators branch on numbers, and get zeros on the CPU.
    """
    device = "cpu" if hasattr(network, "fit") else "meta"
    return copy.deepcopy(network).to(device).eval(), torch.zeros(1, *input_shape, device=device)


def _shown(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules that are shown, by name: those with a title, and those without children."""
    children = list(module.named_children())
    if hasattr(module, "title") or not children:
        if not isinstance(module, _HIDDEN):
            yield name, module
        return
    for child_name, child in children:
        yield from _shown(child, f"{name}.{child_name}" if name else child_name)


def _recorder(called: list[tuple[str, dict[str, Any]]], name: str) -> Callable[..., None]:
    def hook(module: nn.Module, _: Any, output: Any) -> None:
        output = _first(output)
        # A module that is called again has the same parameters.
        parameters = 0 if any(name == other for other, _ in called) else trainable_parameters(module)
        layer = {"name": _title(module), "shape": _shape(module, output), "parameters": parameters, "joins": None}
        called.append((name, layer))

    return hook


def _first(output: Any) -> torch.Tensor:
    return output[0] if isinstance(output, tuple) else output


def _joins(network: nn.Module) -> dict[str, list[tuple[str, ...]]]:
    """Return the joins before each module: (kind, source, ...)."""
    kind = getattr(network, "joins_by", "concat")
    return {
        target: [(kind, joins)] if isinstance(joins, str) else list(joins)
        for target, joins in getattr(network, "joins", {}).items()
    }


def _with_joins(
    called: list[tuple[str, dict[str, Any]]], joins: dict[str, list[tuple[str, ...]]]
) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    index_of: dict[str, int] = {}
    before = ""
    for name, layer in called:
        for kind, *sources in joins.get(name, ()):
            listed.append(_join(listed, kind, [index_of[source] for source in sources]))
            index_of[before] = len(listed) - 1
        index_of[name] = len(listed)
        listed.append(layer)
        before = name
    return listed


def _join(listed: list[dict[str, Any]], kind: str, sources: list[int]) -> dict[str, Any]:
    channels, *others = listed[-1]["shape"]
    if kind == "concat":
        channels += sum(listed[source]["shape"][0] for source in sources)
    joined = sources if len(sources) > 1 else sources[0]
    return {"name": kind, "shape": [channels, *others], "parameters": 0, "joins": joined}


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
