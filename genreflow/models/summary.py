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
    shadow, segment = _shadow(network, input_shape)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(segment)
    return counter.get_total_flops() // 2


def layers(network: nn.Module, input_shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the layers of a network in the order in which they are called.

    A module that has a `title` is one layer, whatever it is made of. A titled module whose attribute `sequence` is
    true gives [batch, time, features]; other maps are [batch, channels, (bands,) time].

    Parameters
    ----------
    network
        Takes float32 [batch, *input_shape]. Its attribute `joins`, if any, says which module's input is put together
        with the output of which other, by their names: ``{"pool": "conv1"}``; as a concatenation if `joins_by` is not
        ``"sum"``. Where there is more to say, all of it is listed, in order: ``{"pool": [("sum", "conv2"),
        ("concat", "conv1", "conv2")]}``. What was added to a module's output counts as part of it from there on.

    Returns
    -------
    A list of ``name``, ``shape`` (channels, time, bands) or (features,), ``parameters``, and ``joins``: for a
    concatenation or sum, the place in the list of the earlier layer that it takes in, or a list of places; else None.
    """
    shadow, segment = _shadow(network, input_shape)
    called: list[tuple[str, dict[str, Any]]] = []
    for name, module in _drawn(shadow):
        module.register_forward_hook(_note(called, name))
    with torch.no_grad():
        shadow(segment)
    return _with_joins(called, _joins(network))


def _shadow(network: nn.Module, input_shape: tuple[int, ...]) -> tuple[nn.Module, torch.Tensor]:
    """Return a copy and a segment that have shapes and no numbers, so that nothing is computed.

    What is fitted asks for numbers on its way to the result, and gets zeros.
    """
    device = "cpu" if hasattr(network, "fit") else "meta"
    return copy.deepcopy(network).to(device).eval(), torch.zeros(1, *input_shape, device=device)


def _drawn(module: nn.Module, name: str = ""):
    """Yield the modules that are drawn, by name: titled ones, and those without children."""
    children = list(module.named_children())
    if hasattr(module, "title") or not children:
        if not isinstance(module, _UNSEEN):
            yield name, module
        return
    for child_name, child in children:
        yield from _drawn(child, f"{name}.{child_name}" if name else child_name)


def _note(called: list[tuple[str, dict[str, Any]]], name: str):
    def hook(module: nn.Module, _: Any, output: Any) -> None:
        output = output[0] if isinstance(output, tuple) else output
        # A module that is called again has the same parameters.
        parameters = 0 if any(name == other for other, _ in called) else trainable_parameters(module)
        layer = {"name": _title(module), "shape": _shape(module, output), "parameters": parameters, "joins": None}
        called.append((name, layer))

    return hook


def _joins(network: nn.Module) -> dict[str, list[tuple[str, ...]]]:
    """Return what is put together before each module: (how, source, ...)."""
    by = getattr(network, "joins_by", "concat")
    return {
        target: [(by, given)] if isinstance(given, str) else list(given)
        for target, given in getattr(network, "joins", {}).items()
    }


def _with_joins(called: list[tuple[str, dict[str, Any]]], joins: dict[str, list[tuple[str, ...]]]) -> list[dict]:
    found: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    before = ""
    for name, layer in called:
        for by, *sources in joins.get(name, ()):
            taken = [places[source] for source in sources]
            found.append(_join(found, by, taken))
            places[before] = len(found) - 1
        places[name] = len(found)
        found.append(layer)
        before = name
    return found


def _join(found: list[dict[str, Any]], by: str, taken: list[int]) -> dict[str, Any]:
    channels, *others = found[-1]["shape"]
    if by == "concat":
        channels += sum(found[place]["shape"][0] for place in taken)
    return {
        "name": by,
        "shape": [channels, *others],
        "parameters": 0,
        "joins": taken if len(taken) > 1 else taken[0],
    }


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
