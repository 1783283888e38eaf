"""The reference of every key of config.yaml and of study files, made from the settings classes by `make docs`."""

import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from genreflow.config.audio import AudioSettings, QualityThresholds
from genreflow.config.base import Settings
from genreflow.config.datasets import Labels
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import FRONT_ENDS, SEGMENTS, InputSettings
from genreflow.config.pipeline import (
    LAYOUTS,
    Duplicates,
    History,
    Limits,
    PipelineSettings,
    PredictRequest,
    ReportSettings,
)
from genreflow.config.search import Range, SearchSettings
from genreflow.config.study import Experiment, Fusion, ModelSettings, Protocol, StudySettings
from genreflow.config.training import TrainingSettings
from genreflow.figures.registry import experiment_figures
from genreflow.models.registry import MODELS

_STUDY_FILES = """\
# Study files

A study defines inputs, folds, models and experiments for a dataset. It is a file of its own, or stands under its name
in `studies` of `genreflow.yaml`. Only `dataset` is required. Unknown keys, wrong types and impossible values are
refused before anything runs, all at once.

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

Two more keys change the others. `small` holds what differs with `size: small`, usually other music and fewer epochs.
`without_weights` holds what differs where public weights that an input names are not on this machine; the report and
the last lines of a run then say so. Under both, `null` leaves out an input, protocol, model, fusion or experiment.

An experiment compares values of any option of its model, any key of `training`, or `input`. A run is named by
the settings that the experiments of its model vary, so that experiments with a common setting share its runs.
"""

_CONFIGURATION = """\
# Configuration

Every key of `config.yaml`, and of the files that change it: first `genreflow.yaml` of the project, which every command
finds in its folder or above, then files of `--configfile`. Unknown keys, wrong types and impossible values are refused
before anything runs, all at once; `genreflow check` also lists them, with an estimate of the cost of a run.

```yaml
datasets:
  my_music: {layout: folders, path: music}
studies:
  my_study: # the content of a study file, or `studies: [my_study.yaml]`
    dataset: my_music
    models: {psytrance_cnn: {}}
```

Mappings are merged with those of `config.yaml`, and all else replaces them. A dataset that gives its `layout` is yours
alone, even where a shipped one has its name; without `layout` it changes that one (`gtzan: {path: /data/gtzan}`).
`--config key=value` comes last; its values are YAML, as in a file (`--config 'limits={max_runs: 50}'`).

Numbers are plain decimals (`5e-3`, `1000`). Text such as `010`, `1:30`, `0x1F` or `2018-02-30` stays text and never
becomes another number; keys are text as they are written (`on`, `01`). Aliases, tags and keys given twice are refused.
"""

_STUDY_SECTIONS: list[tuple[str, type[Settings]]] = [
    ("Top level", StudySettings),
    ("`inputs.<name>`", InputSettings),
    *((f"`inputs.<name>.front_end` with `kind: {kind}`", settings) for kind, settings in FRONT_ENDS.items()),
    *((f"`inputs.<name>.segments` with `kind: {kind}`", settings) for kind, settings in SEGMENTS.items()),
    ("`folds`", FoldSettings),
    ("`protocols.<name>`", Protocol),
    ("`models.<name>`", ModelSettings),
    ("`training`", TrainingSettings),
    ("`fusions.<name>`", Fusion),
    ("`experiments.<name>`", Experiment),
    ("`search`", SearchSettings),
    ("`search.space.<name>`, for numbers", Range),
]

_CONFIGURATION_SECTIONS: list[tuple[str, type[Settings]]] = [
    ("Top level", PipelineSettings),
    *((f"`datasets.<name>` with `layout: {layout}`", kind) for layout, kind in LAYOUTS.items()),
    ("`datasets.<name>.labels`", Labels),
    ("`audio`", AudioSettings),
    ("`audio.thresholds`", QualityThresholds),
    ("`duplicates`", Duplicates),
    ("`limits`", Limits),
    ("`report`", ReportSettings),
    ("`history`", History),
    ("`predict`", PredictRequest),
]

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def pages() -> dict[str, str]:
    """Return the pages of the reference: file name -> Markdown."""
    return {
        "configuration.md": _page(_CONFIGURATION, _CONFIGURATION_SECTIONS),
        "study-files.md": "\n".join([_page(_STUDY_FILES, _STUDY_SECTIONS), _figures(), _models()]),
    }


def _page(introduction: str, sections: Sequence[tuple[str, type[Settings]]]) -> str:
    return "\n".join([introduction, *(_section(title, kind) for title, kind in sections)])


def _section(title: str, kind: type[Settings]) -> str:
    rows = [
        f"| `{name}` | {_type(field)} | {_default(field)} | {field.description or ''} |"
        for name, field in sorted(kind.model_fields.items(), key=lambda item: item[0] == "labels")
        if name not in ("kind", "layout") and not _is_internal(field)
    ]
    lines = [f"## {title}", "", inspect.cleandoc(kind.__doc__ or ""), ""]
    return "\n".join([*lines, "| key | value | default | meaning |", "|---|---|---|---|", *rows, ""])


def _is_internal(field: FieldInfo) -> bool:
    """Return whether a field is filled in by the program, and no key for users."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("internal"))


def _figures() -> str:
    rows = [f"| `{name}` | {entry.title} | {entry.caption} |" for name, entry in experiment_figures().items()]
    return "\n".join(
        ["## Figures of an experiment", "", "| figure | shows | how to read it |", "|---|---|---|", *rows, ""]
    )


def _models() -> str:
    lines = ["## Models and their options", ""]
    for name, entry in MODELS.items():
        lines += [f"### `{name}`", "", f"{entry.source}. Input: {entry.expected_input}.", ""]
        if not entry.options:
            continue
        lines += ["| option | value | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{option}` | {choice.values} | `{choice.default}` | {choice.help} |"
            for option, choice in entry.options.items()
        ]
        lines.append("")
    return "\n".join(lines)


def _type(field: FieldInfo) -> str:
    words = ", ".join(_words(field.annotation))
    bounds = [
        f"{sign} {_number(getattr(limit, name))}"
        for limit in field.metadata
        for name, sign in _SIGNS.items()
        if hasattr(limit, name)
    ]
    return " ".join([words, *bounds])


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _words(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (f"`{value}`" for value in get_args(annotation))
    elif get_origin(annotation) is Annotated:
        yield from _words(get_args(annotation)[0])
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
    if isinstance(value, list):
        return f"`{value}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return {None: "null", "": "empty"}.get(value, f"`{value}`")


if __name__ == "__main__":
    for name, page in pages().items():
        Path(sys.argv[1], name).write_text(page, encoding="utf-8")
