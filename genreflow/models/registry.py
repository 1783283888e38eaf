"""Models by name: their entries, their inputs, and their construction.

Entries stand in the modules of the networks, as `ENTRIES`. They are read before any job runs, so they are read without
importing their modules, which would load PyTorch; a module is imported when one of its models is built.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genreflow.config.inputs import InputSettings
from genreflow.errors import Problems, UserError, did_you_mean
from genreflow.models.entry import ModelEntry, shape_text

if TYPE_CHECKING:
    from torch import nn

_PACKAGE = __package__ or ""
_LIGHT_MODULES = {f"{_PACKAGE}.entry", *sys.stdlib_module_names}


def _read_entries(path: Path) -> tuple[ModelEntry, ...]:
    """Return the `ENTRIES` of a module, if any: run it up to there, without imports beyond the standard library."""
    source = path.read_text(encoding="utf-8")
    if "\nENTRIES = " not in source:
        return ()
    namespace: dict[str, Any] = {"__name__": f"{_PACKAGE}.{path.stem}"}
    statements = list(_statements_of_entries(ast.parse(source)))
    exec(compile(ast.Module(statements, []), path, "exec"), namespace)
    return namespace["ENTRIES"]


def _statements_of_entries(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in tree.body:
        match node:
            case ast.Import() | ast.ImportFrom(module=None):
                continue
            case ast.ImportFrom(module=str(module)) if module not in _LIGHT_MODULES:
                continue
        yield node
        if isinstance(node, ast.Assign) and any(getattr(each, "id", "") == "ENTRIES" for each in node.targets):
            return


_ENTRIES = [entry for path in sorted(Path(__file__).parent.glob("*.py")) for entry in _read_entries(path)]
MODELS = {entry.name: entry for entry in sorted(_ENTRIES, key=lambda entry: entry.study)}


def describe(name: str) -> ModelEntry:
    """Return the entry of a model; UserError if there is none of that name."""
    if name not in MODELS:
        raise UserError(f"There is no model {name!r}.{did_you_mean(name, MODELS)} Known: {', '.join(sorted(MODELS))}.")
    return MODELS[name]


def module_of(name: str) -> str:
    """Return the dotted name of the module that defines a model."""
    return describe(name).module


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of a model: `options`, and defaults for the rest.

    Raises
    ------
    UserError
        When options are unknown or have invalid values; lists all of them.
    """
    known = describe(name).options
    problems = [
        f"{key}: the model has no such option.{did_you_mean(key, known)} It has: {', '.join(known) or 'none'}."
        for key in options
        if key not in known
    ]
    merged = {key: options.get(key, option.default) for key, option in known.items()}
    problems += [f"{key}: {problem}" for key, value in merged.items() if (problem := known[key].problem(value))]
    if problems:
        raise Problems(f"Options of model {name!r}:", problems)
    return merged


def check_input(name: str, settings: InputSettings) -> None:
    """Raise UserError, with all reasons, if an input does not suit a model."""
    problems = list(describe(name).input_problems(settings))
    if problems:
        raise Problems(f"Input of model {name!r}:", problems)


def build(name: str, n_outputs: int, *, input_shape: tuple[int, ...] | None = None, **options: Any) -> nn.Module:
    """Build a model with initial weights from torch's global random generator.

    Parameters
    ----------
    n_outputs
        Number of classes or tags, and so of logits.
    input_shape
        Shape of one segment as stored; that of the study's input if not given. The model takes float32
        [batch, *input_shape].
    options
        Options of the model; see `describe`.

    Raises
    ------
    UserError
        When an option, the number of outputs or the shape does not suit the model.

    Examples
    --------
    >>> import torch
    >>> network = build("psytrance_cnn", 5, pool="max")
    >>> network(torch.zeros(2, 128, 128)).shape
    torch.Size([2, 5])
    """
    entry = describe(name)
    merged = check_options(name, options)
    if n_outputs < 1:
        raise UserError(f"Model {name!r} needs at least 1 output, not {n_outputs}.")
    shape = entry.input_shape if input_shape is None else tuple(input_shape)
    if not entry.takes_shape(shape):
        raise UserError(f"Model {name!r} takes segments of {entry.expected_input}, not {shape_text(shape)}.")
    builder = getattr(import_module(entry.module), entry.builder)
    return builder(n_outputs=n_outputs, input_shape=shape, **merged)
