"""Description of a model, which plans are made of: no torch is imported here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any

from genreflow.config.inputs import InputSettings
from genreflow.errors import did_you_mean
from genreflow.features.shapes import segment_shape


@dataclass(frozen=True)
class Choice:
    """An option with a few valid words or numbers."""

    default: str | int
    allowed: tuple[str | int, ...]
    help: str

    def problem(self, value: Any) -> str | None:
        """Return the problem with `value`; None if it is valid."""
        if not isinstance(value, bool) and value in self.allowed:
            return None
        return f"{value!r} is not one of {self.values}.{did_you_mean(str(value), map(str, self.allowed))}"

    @property
    def values(self) -> str:
        """Text for the valid values."""
        return ", ".join(map(str, self.allowed))


@dataclass(frozen=True)
class Number:
    """An option that is a number in [low, high)."""

    default: float
    low: float
    high: float
    help: str

    def problem(self, value: Any) -> str | None:
        """Return the problem with `value`; None if it is valid."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number and self.low <= value < self.high else f"{value!r} is not a number {self.values}."

    @property
    def values(self) -> str:
        """Text for the valid values."""
        return f"from {self.low:g} up to, but not including, {self.high:g}"


@dataclass(frozen=True)
class Count:
    """An option that is a whole number in [low, high]."""

    default: int
    low: int
    high: int
    help: str

    def problem(self, value: Any) -> str | None:
        """Return the problem with `value`; None if it is valid."""
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        is_valid = is_whole and self.low <= value <= self.high
        return None if is_valid else f"{value!r} is not a whole number {self.values}."

    @property
    def values(self) -> str:
        """Text for the valid values."""
        return f"from {self.low} to {self.high}"


AUTO = "auto"


@dataclass(frozen=True)
class OrAuto:
    """An option that is a number, or `AUTO`, its default: it is chosen for the training data."""

    option: Number | Count
    default: str = AUTO

    @property
    def help(self) -> str:
        """Description of the option."""
        return self.option.help

    def problem(self, value: Any) -> str | None:
        """Return the problem with `value`; None if it is valid."""
        problem = None if value == AUTO else self.option.problem(value)
        return problem and f"{value!r} is not {AUTO}, nor a number {self.option.values}."

    @property
    def values(self) -> str:
        """Text for the valid values."""
        return f"{AUTO}, or {self.option.values}"


Option = Choice | Number | Count | OrAuto


def dropout(default: float, help: str = "Share of units dropped.") -> Number:
    """Return the option of a dropout rate."""
    return Number(default, 0, 1, help)


@dataclass(frozen=True)
class ModelEntry:
    """A model by name: its source, input, options and module.

    Attributes
    ----------
    name
        Name in study files.
    study
        The study it is from, or that first names it: ``psytrance``, ``western8``, ``genre_mood``, ``tagging``,
        ``won2020``, ``feature_maps``, ``classical``; ``probes``, of none.
    title
        Description in a few words.
    module, builder
        ``builder(n_outputs=, input_shape=, **options) -> nn.Module`` in that module.
    input
        The study's own input, as in a study file.
    source
        Paper, and the section or code that was followed.
    n_outputs, parameters
        Number of trainable parameters with so many outputs, the default options and the study's input, as published or
        derived; None for estimators.
    variable_axes
        Axes of a segment that may have another size than the study's -> the least size.
    binding
        Settings of the input without which the model would be wrong, such as ``front_end.sample_rate``.
    options
        Options by name.
    is_estimator
        Whether it is fitted to its data at once instead of trained by gradient steps.
    fits_tags
        Whether an estimator can be fitted to tags, of which a segment has any number. Networks can.
    assumptions
        What the sources leave open, and how it is done here.
    """

    name: str
    study: str
    title: str
    module: str
    builder: str
    input: Mapping[str, Any]
    source: str
    n_outputs: int
    parameters: int | None = None
    variable_axes: Mapping[int, int] = field(default_factory=dict)
    binding: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)
    is_estimator: bool = False
    fits_tags: bool = False
    assumptions: tuple[str, ...] = ()

    @cached_property
    def input_settings(self) -> InputSettings:
        """The study's own input."""
        return InputSettings.model_validate(self.input)

    @property
    def input_kind(self) -> str:
        """Kind of the front-end."""
        return self.input_settings.front_end.kind

    @cached_property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one segment of the study's own input, as stored."""
        return segment_shape(self.input_settings)

    def takes_vectors_of(self, settings: InputSettings) -> bool:
        """Return whether the model and a front-end are one of vectors: of descriptors, or an embedding."""
        return settings.front_end.axes == self.input_settings.front_end.axes == ("quantity",)

    def takes_shape(self, shape: tuple[int, ...]) -> bool:
        """Return whether segments of `shape` suit the model."""
        return len(shape) == len(self.input_shape) and all(
            size >= self.variable_axes[axis] if axis in self.variable_axes else size == own
            for axis, (size, own) in enumerate(zip(shape, self.input_shape, strict=True))
        )

    def input_problems(self, settings: InputSettings, *, crop: int | None = None) -> Iterator[str]:
        """Yield the reasons why an input, or crops of it along the last axis, do not suit the model."""
        kind = settings.front_end.kind
        if kind != self.input_kind and not self.takes_vectors_of(settings):
            yield f"it takes {self.expected_input}, not {kind} (set front_end.kind to {self.input_kind})"
            return
        shape = segment_shape(settings)
        if crop is not None:
            yield from _crop_problems(settings, shape[-1], crop)
            shape = (*shape[:-1], crop)
        if not self.takes_shape(shape):
            yield f"it takes {self.expected_input}, not {shape_text(shape)}"
        for name in self.binding:
            own, other = (attrgetter(name)(each) for each in (self.input_settings, settings))
            if own != other:
                yield f"it takes {name}: {own}, not {other}"

    @property
    def expected_input(self) -> str:
        """Text for the input: ``logmel of 128 x (at least 32, in the study 1292)``."""
        sizes = (
            f"(at least {self.variable_axes[axis]}, in the study {size})" if axis in self.variable_axes else str(size)
            for axis, size in enumerate(self.input_shape)
        )
        return f"{self.input_kind} of {' x '.join(sizes)}"


def _crop_problems(settings: InputSettings, length: int, crop: int) -> Iterator[str]:
    if "time" not in settings.front_end.axes:
        yield f"crop: {settings.front_end.kind} have no length"
    elif crop > length:
        yield f"crop: {crop} is longer than a segment of {length}"
    elif settings.standardize == "element":
        yield "crop: values cannot be standardized one by one (standardize: element) where parts are taken at random"


def shape_text(shape: tuple[int, ...]) -> str:
    """Write the shape of a segment."""
    return " x ".join(map(str, shape))
