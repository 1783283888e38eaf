"""The reference of every key of a study file, made from the settings classes by `make docs`."""

from collections.abc import Iterator
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from genreflow.config.base import Settings
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import LogMel, Midpoint
from genreflow.config.study import Experiment, ModelSettings, StudySettings
from genreflow.config.training import TrainingSettings
from genreflow.models.registry import MODELS, Choice

_INTRODUCTION = """\
# Study files

A study asks something of a dataset: which inputs, which folds, which models, what to vary. Only `dataset` must be
given. Unknown keys, wrong types and impossible values are refused before anything runs, all at once.

```yaml
dataset: my_music            # a name under `datasets` in config.yaml
inputs:
  slices:                    # a name of your choice; `slices` is there by default
    front_end: {kind: logmel, hop: 882}
    segments: {kind: midpoint, count: 30}
folds: {count: 5}
models:
  psytrance_cnn:
    options: {dropout: 0.2}
training: {epochs: 20}
experiments:
  dropout:
    vary: {dropout: [0.2, 0.5, 0.8]}
```

An experiment compares values of any option of its model, any key of `training`, or `input`. A run is named by what
the experiments of its model vary, so that experiments which meet in one setting share its runs.
"""

_SECTIONS: list[tuple[str, type[Settings]]] = [
    ("Top level", StudySettings),
    ("`inputs.<name>.front_end`", LogMel),
    ("`inputs.<name>.segments`", Midpoint),
    ("`folds`", FoldSettings),
    ("`models.<name>`", ModelSettings),
    ("`training`", TrainingSettings),
    ("`experiments.<name>`", Experiment),
]


_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def reference() -> str:
    """Return the reference as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(title, kind) for title, kind in _SECTIONS), _models()])


def _section(title: str, kind: type[Settings]) -> str:
    rows = [
        f"| `{name}` | {_type(field)} | {_default(field)} | {field.description or ''} |"
        for name, field in kind.model_fields.items()
        if name != "kind"
    ]
    lines = [f"## {title}", "", (kind.__doc__ or "").split("\n\n")[0].strip(), ""]
    return "\n".join([*lines, "| key | value | default | meaning |", "|---|---|---|---|", *rows, ""])


def _models() -> str:
    lines = ["## Models and their options", ""]
    for name, entry in MODELS.items():
        shape = " × ".join(map(str, entry.input_shape))
        lines += [f"### `{name}`", "", f"{entry.source}. It is fed {entry.input_kind} of {shape}.", ""]
        lines += ["| option | value | default | meaning |", "|---|---|---|---|"]
        for option, choice in entry.options.items():
            allowed = (
                ", ".join(f"`{word}`" for word in choice.allowed)
                if isinstance(choice, Choice)
                else f"number from {choice.low:g}, below {choice.high:g}"
            )
            lines.append(f"| `{option}` | {allowed} | `{choice.default}` | {choice.help} |")
        lines.append("")
    return "\n".join(lines)


def _type(field: FieldInfo) -> str:
    words = ", ".join(_words(field.annotation))
    bounds = [
        f"{sign} {getattr(limit, name):g}"
        for limit in field.metadata
        for name, sign in _SIGNS.items()
        if hasattr(limit, name)
    ]
    return " ".join([words, *bounds])


def _words(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (f"`{value}`" for value in get_args(annotation))
    elif get_origin(annotation) is dict:
        yield "mapping"
    elif annotation is NoneType:
        yield "null"
    elif get_args(annotation):
        for argument in get_args(annotation):
            yield from _words(argument)
    elif issubclass(annotation, Settings):
        yield "mapping"
    else:
        yield {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}[annotation.__name__]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Settings):
        return "see below"
    if isinstance(value, dict):
        return "`{}`" if not value else ", ".join(f"`{key}`" for key in value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return {None: "null", "": "empty"}.get(value, f"`{value}`")


if __name__ == "__main__":
    print(reference(), end="")
