"""The networks by name: where each lives, what it may be told, what it wants to see.

This table is read before any job runs, so it imports no torch; a network's own module is imported when it is
built. A new network is one builder in a module of its study, and one entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from genreflow.errors import Problems, UserError, did_you_mean

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Choice:
    """An option that is one of a few words."""

    default: str
    allowed: tuple[str, ...]
    help: str

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with `value`, if anything is."""
        if value in self.allowed:
            return None
        return f"{value!r} is not one of {', '.join(self.allowed)}.{did_you_mean(value, self.allowed)}"


@dataclass(frozen=True)
class Number:
    """An option that is a number in [low, high)."""

    default: float
    low: float
    high: float
    help: str

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with `value`, if anything is."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and self.low <= value < self.high:
            return None
        return f"{value!r} is not a number from {self.low:g} up to, but not including, {self.high:g}."


@dataclass(frozen=True)
class ModelEntry:
    """What the pipeline knows of a network without building it.

    Attributes
    ----------
    module, builder
        Where the function is that builds it: ``builder(n_outputs, input_shape, **options) -> nn.Module``.
    input_kind, input_shape
        The front-end it wants, and the shape of one segment as stored: (mel bands, frames).
    options
        What may be set, by name.
    parameters
        Trainable parameters as published or derived, by what they hold for.
    source
        Paper, and the section or code that was followed.
    """

    name: str
    module: str
    builder: str
    input_kind: str
    input_shape: tuple[int, ...]
    source: str
    options: Mapping[str, Choice | Number] = field(default_factory=dict)
    parameters: Mapping[str, int] = field(default_factory=dict)


MODELS = {
    entry.name: entry
    for entry in (
        ModelEntry(
            name="psytrance_cnn",
            module="genreflow.models.psytrance",
            builder="PsytranceCNN",
            input_kind="logmel",
            input_shape=(128, 128),
            options={
                "pool": Choice("maxmean", ("max", "mean", "maxmean"), "Global pooling after the convolutions."),
                "dropout": Number(0.2, 0, 1, "Share of units dropped (the study calls it keep_prob)."),
                "orient": Choice(
                    "time", ("time", "mel"), "Axis the kernels slide along: time as in the text, mel as in the code."
                ),
            },
            parameters={"pool=maxmean, 5 classes": 8_797_703, "pool=max or mean, 5 classes": 7_224_839},
            source="Trostanovsky (2018), CNN architecture; layers as in its published code",
        ),
    )
}


def describe(name: str) -> ModelEntry:
    """Return the entry of a network; UserError if there is none of that name."""
    if name not in MODELS:
        raise UserError(f"There is no model {name!r}.{did_you_mean(name, MODELS)} Known: {', '.join(sorted(MODELS))}.")
    return MODELS[name]


def module_of(name: str) -> str:
    """Return the dotted name of the module that a network is built by."""
    return describe(name).module


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a network, the given ones in place of the defaults.

    Raises
    ------
    UserError
        When an option is unknown or has a value it may not have; all such are listed at once.
    """
    known = describe(name).options
    problems = [
        f"{key}: the model has no such option.{did_you_mean(key, known)} It has: {', '.join(known) or 'none'}."
        for key in options
        if key not in known
    ]
    merged = {key: options.get(key, option.default) for key, option in known.items()}
    problems += [f"{key}: {found}" for key, value in merged.items() if (found := known[key].problem(value))]
    if problems:
        raise Problems(f"Options of model {name!r}:", problems)
    return merged


def build(name: str, *, n_outputs: int, input_shape: tuple[int, ...], **options: Any) -> nn.Module:
    """Build a network with fresh weights, drawn from torch's global generator.

    Parameters
    ----------
    n_outputs
        Number of classes; the network returns as many logits.
    input_shape
        Shape of one segment as stored. The network takes float32 [batch, *input_shape].
    options
        See `describe`.

    Raises
    ------
    UserError
        When an option, the number of classes or the shape does not suit the network.
    """
    entry = describe(name)
    merged = check_options(name, options)
    if n_outputs < 2:
        raise UserError(f"Model {name!r} needs at least 2 classes to tell apart, not {n_outputs}.")
    if tuple(input_shape) != entry.input_shape:
        wanted, given = (" x ".join(map(str, shape)) for shape in (entry.input_shape, input_shape))
        raise UserError(
            f"Model {name!r} wants segments of {wanted} ({entry.input_kind}), not {given}: change the study's input."
        )
    builder = getattr(import_module(entry.module), entry.builder)
    return builder(n_outputs=n_outputs, input_shape=entry.input_shape, **merged)
