"""The models by name: what each is and wants, and how it is built.

This table is read before any job runs, so it imports no torch; a model's own module is imported when it is built.
A new model is one builder in a module of its study, and one entry in `genreflow.models.entries`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from genreflow.config.inputs import InputSettings
from genreflow.errors import Problems, UserError, did_you_mean
from genreflow.models.entries import classical, feature_maps, genre_mood, psytrance, tagging, western8, won2020
from genreflow.models.entry import ModelEntry, shape_text

if TYPE_CHECKING:
    from torch import nn

_FAMILIES = (psytrance, western8, genre_mood, tagging, won2020, feature_maps, classical)
MODELS = {entry.name: entry for family in _FAMILIES for entry in family.ENTRIES}


def describe(name: str) -> ModelEntry:
    """Return the entry of a model; UserError if there is none of that name."""
    if name not in MODELS:
        raise UserError(f"There is no model {name!r}.{did_you_mean(name, MODELS)} Known: {', '.join(sorted(MODELS))}.")
    return MODELS[name]


def module_of(name: str) -> str:
    """Return the dotted name of the module that a model is built by."""
    return describe(name).module


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a model, the given ones in place of the defaults.

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


def check_input(name: str, given: InputSettings) -> None:
    """Raise UserError, with all reasons, if an input does not suit a model."""
    problems = list(describe(name).input_problems(given))
    if problems:
        raise Problems(f"Input of model {name!r}:", problems)


def build(name: str, n_outputs: int, *, input_shape: tuple[int, ...] | None = None, **options: Any) -> nn.Module:
    """Build a model with fresh weights, drawn from torch's global generator.

    Parameters
    ----------
    n_outputs
        Number of classes or tags; the model returns as many logits.
    input_shape
        Shape of one segment as stored; that of the study's own input if not given. The model takes float32
        [batch, *input_shape].
    options
        See `describe`.

    Raises
    ------
    UserError
        When an option, the number of outputs or the shape does not suit the model.
    """
    entry = describe(name)
    merged = check_options(name, options)
    if n_outputs < 1:
        raise UserError(f"Model {name!r} needs at least 1 output, not {n_outputs}.")
    shape = entry.input_shape if input_shape is None else tuple(input_shape)
    if not entry.takes_shape(shape):
        raise UserError(f"Model {name!r} wants segments of {entry.wanted}, not {shape_text(shape)}.")
    builder = getattr(import_module(entry.module), entry.builder)
    return builder(n_outputs=n_outputs, input_shape=shape, **merged)
