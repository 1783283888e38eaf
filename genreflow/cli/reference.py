"""The reference of keys, commands and tables, made from settings classes, parsers and declarations by `make docs`.

Keys are written twice: as pages for people, and as JSON schemas for their editors.
"""

import argparse
import csv
import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from genreflow.cli import COMMANDS, parser_of
from genreflow.cli.schemas import schemas
from genreflow.config.audio import AudioSettings, QualityThresholds
from genreflow.config.base import Settings
from genreflow.config.datasets import Labels
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import FRONT_ENDS, SEGMENTS, InputSettings
from genreflow.config.pipeline import (
    LAYOUTS,
    Duplicates,
    FigureSettings,
    History,
    Limits,
    PipelineSettings,
    PredictRequest,
    ReportSettings,
)
from genreflow.config.search import Range, SearchSettings
from genreflow.config.study import Experiment, Fusion, ModelSettings, Protocol, StudySettings
from genreflow.config.training import TrainingSettings
from genreflow.evaluation.columns import meaning
from genreflow.evaluation.study import TABLES
from genreflow.figures.registry import experiment_figures
from genreflow.models.registry import MODELS
from genreflow.project.shipped import shipped

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

Three more keys change the others. `small` holds what differs with `size: small`, usually other music and fewer epochs;
`medium` what differs with `size: medium`, usually fewer models, folds and epochs.
`without_weights` holds what differs where public weights that an input names are not on this machine; the report and
the last lines of a run then say so. Under each, `null` leaves out an input, protocol, model, fusion or experiment.

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

_COMMANDS = """\
# Commands

Every command and its options, as each prints them with `--help`. `genreflow run`, `genreflow verify` and
`genreflow tidy` hand other options on to Snakemake. A command ends with 0, or with the exit code of what went wrong,
which `genreflow --help` lists.
"""

_TABLES = """\
# Tables

The columns of every table that is meant for other programs. Tables of a study lie in `results/<study>/tables/`, as CSV
for spreadsheets and as Parquet, which keeps types and all digits. Shares and probabilities lie between 0 and 1, and an
empty cell is a number that does not exist. In CSV files, text that a spreadsheet would take for a formula begins with
an apostrophe.

```python
import pandas as pd

settings = pd.read_parquet("results/my_study/tables/settings.parquet")
```
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
    ("`figures`", FigureSettings),
    ("`history`", History),
    ("`predict`", PredictRequest),
]

_GENERATED = "<!-- What follows is written by `python -m genreflow.cli.reference docs`. -->"
_CLAIMS = """\
The files `resources/published/<study>_claims.csv`, as reports read them: a claim that an experiment decides is tested
by its pairs or its bound, see the table `claims` of a report. The others say why no test decides them, and what shows
them.
Numbers below the scores (classes, cells of matrices, folds, epochs) stand beside ours in `published_details.csv`.
"""

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def pages() -> dict[str, str]:
    """Return the pages of the reference: file name -> Markdown."""
    return {
        "configuration.md": _page(_CONFIGURATION, _CONFIGURATION_SECTIONS),
        "study-files.md": "\n".join([_page(_STUDY_FILES, _STUDY_SECTIONS), _figures(), _models()]),
        "commands.md": "\n".join([_COMMANDS, *map(_command, COMMANDS)]),
        "tables.md": "\n".join([_TABLES, *_tables()]),
        "studies.md": _studies(),
    }


def _studies() -> str:
    """Return the page of studies: what is written by hand, then every claim of each study and what decides it."""
    published = shipped("resources", "published")
    written = published.parents[1].joinpath("docs", "studies.md").read_text(encoding="utf-8").partition(_GENERATED)[0]
    lines = [f"{written}{_GENERATED}", "", "## Claims and what decides them", "", _CLAIMS]
    for path in sorted(published.glob("*_claims.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [_claim(row) for row in csv.DictReader(file)]
        scores = len(path.with_name(path.name.replace("_claims", "_scores")).read_text("utf-8").splitlines()) - 1
        study = path.stem.removesuffix("_claims")
        lines += [f"### Claims of {study}", "", f"Besides {scores} numbers, each of which has a row of its own.", ""]
        lines += ["| item | claim | decided by |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _claim(row: Mapping[str, str]) -> str:
    decided = row["remark"]
    if row["metric"]:
        bound = f"at least {row['least']}" if row["least"] else f"at most {row['most']}"
        decided = f"experiment `{row['experiment']}`: `{row['metric']}` of {_patterns(row['value'])} {bound}"
    elif row["value"]:
        others = "all others" if row["than"] == "*" else _patterns(row["than"])
        decided = f"experiment `{row['experiment']}`: {_patterns(row['value'])} against {others}"
    return f"| {row['item']} | {row['claim']} | {decided} |"


def _patterns(text: str) -> str:
    """Return values that may hold wildcards in words: `western8_cnn, *|gru`."""
    return " or ".join(f"`{part}`" for part in text.split("|")) if text not in ("", "*") else "all values"


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


def _command(name: str) -> str:
    command, parser = COMMANDS[name], parser_of(name)
    lines = [f"## `genreflow {name}`", "", parser.description or command.help, ""]
    lines += [*_arguments(parser), "```sh", *command.examples, "```", ""]
    return "\n".join(lines)


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the lines of a table of arguments; commands within a command get a table each."""
    formatter, rows = parser._get_formatter(), []
    within: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            within |= action.choices
        elif action.help != argparse.SUPPRESS and action.dest != "help":
            words = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.metavar or action.dest}`"
            meant = formatter._expand_help(action).replace("|", "\\|") if action.help else ""
            rows.append(f"| {words}{_values(action)} | {meant} |")
    if rows:
        yield from ["| argument | meaning |", "|---|---|", *(row.replace("\n", " ") for row in rows), ""]
    for name, inner in within.items():
        yield from [f"### `{parser.prog.rpartition(' ')[2]} {name}`", "", *filter(None, [inner.description]), ""]
        yield from _arguments(inner)


def _values(action: argparse.Action) -> str:
    if action.choices:
        return " " + ", ".join(f"`{choice}`" for choice in action.choices)
    takes_value = action.option_strings and action.nargs != 0
    return f" {_text(action.metavar or action.dest.upper())}" if takes_value else ""


def _text(metavar: str | tuple[str, ...]) -> str:
    words = metavar if isinstance(metavar, str) else " ".join(metavar)
    return words.replace("|", "\\|")


def _tables() -> Iterator[str]:
    """Yield the sections of the tables: those of `genreflow predict`, of studies, and of runs."""
    from genreflow.inference.tracks import COLUMNS
    from genreflow.training.loop import HISTORY

    yield _table_section("predict (tracks)", "`genreflow predict --tracks-output FILE`: a row per track.", COLUMNS)
    sliced = ["file", "slice", "start_s", "label", "<class>"]
    yield _table_section("predict (slices)", "`genreflow predict --output FILE`: a row per slice.", sliced)
    for name, table in TABLES.items():
        columns = [*table.columns, *(["music"] if "protocol" in table.columns else [])]
        yield _table_section(name, f"{table.title or 'Read by figures'}. {table.caption}".strip(), columns)
    predicted = ["track_id", "slice", "start_s", "label", "tags", "role", "p0 … pK-1"]
    of_run = "`results/<study>/runs/<model>/<setting>/fold-<fold>/"
    yield _table_section(
        "predictions", f"{of_run}predictions.parquet`: a row per slice outside the training set.", predicted
    )
    yield _table_section("history", of_run + "history.parquet`: a row per epoch.", HISTORY)


def _table_section(name: str, text: str, columns: Sequence[str]) -> str:
    rows = [f"| `{column}` | {meaning(name, column)} |" for column in columns]
    title = f"`{name}`" if " " not in name else name
    return "\n".join([f"## {title}", "", text, "", "| column | meaning |", "|---|---|", *rows, ""])


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


def schema_files() -> dict[str, str]:
    """Return the schemas: file name below ``resources/schemas`` -> JSON."""
    return {f"{name}.json": json.dumps(schema, indent=1) + "\n" for name, schema in schemas().items()}


if __name__ == "__main__":
    for name, page in pages().items():
        Path(sys.argv[1], name).write_text(page, encoding="utf-8")
    for name, text in schema_files().items():
        shipped("resources", "schemas", name).write_text(text, encoding="utf-8")
