"""`genreflow models`: list models, or show the input and options of one."""

import argparse
import textwrap
from typing import Any

from genreflow.cli import options as shared
from genreflow.cli.console import print_json, print_result
from genreflow.models import sizes
from genreflow.models.entry import ModelEntry
from genreflow.models.registry import MODELS, describe
from genreflow.plan.advice import FEW, FEWEST, SOME

_HEADINGS = ("model", "study", "suits", "input", "segment", "parameters", "GMAC")
_NOTE = """\
suits: tracks in each class from which it is a good choice, trained from nothing (docs/choosing.md).
GMAC: billions of multiply-accumulate operations per segment, without the front-end."""
_WIDTH = 100


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "List models, or show the input and options of one."
    parser.add_argument("name", nargs="?", help="the model to show")
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Print a row per model, or the card of one."""
    name = options.name
    if options.json:
        entries = MODELS.values() if name is None else [describe(name)]
        values = {"models": [_facts(entry) for entry in entries]}
        print_json("models", values, gmac="billions of multiply-accumulate operations a segment")
    elif name is None:
        print(table())
        print_result(f"{len(MODELS)} models.", following="genreflow models NAME")
    else:
        print(card(describe(name)))
        print_result("Put the last lines into a study file.", following="genreflow check --configfile my.yaml")
    return 0


def table() -> str:
    """Return a row per model: what it is from, suits and is fed, its trainable parameters, the cost of a segment."""
    rows = [_HEADINGS, *(_row(entry) for entry in MODELS.values())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([*lines, "", _NOTE])


def card(entry: ModelEntry) -> str:
    """Return description, input, options and assumptions of a model, and its lines in a study file."""
    facts = _facts(entry)
    lines = [f"{entry.name}: {entry.title}", "", f"source      {entry.source}", f"input       {entry.expected_input}"]
    if facts["parameters"] is not None:
        lines.append(f"parameters  {facts['parameters']:,} with {entry.n_outputs} outputs, {facts['gmac']:.3g} GMAC")
    if entry.options:
        lines += ["", "options"]
        width = max(map(len, entry.options))
        for name, option in entry.options.items():
            lines += _hanging(f"  {name:<{width}}  ", f"{option.help} ({option.values}; default: {option.default})")
    if entry.assumptions:
        lines += ["", "assumptions where the sources are silent"]
        for choice in entry.assumptions:
            lines += _hanging("  - ", choice)
    return "\n".join([*lines, "", "in a study file", textwrap.indent(snippet(entry), "  ")])


def snippet(entry: ModelEntry) -> str:
    """Return the lines of a study file that put the model on the input of its study."""
    lines = ["inputs:", "  the_input:"]
    for key, value in entry.input.items():
        text = ", ".join(f"{name}: {_plain(each)}" for name, each in value.items()) if isinstance(value, dict) else None
        lines.append(f"    {key}: {_plain(value) if text is None else f'{{{text}}}'}")
    return "\n".join([*lines, "models:", f"  {entry.name}: {{}}"])


def _row(entry: ModelEntry) -> tuple[str, ...]:
    facts = _facts(entry)
    size = " x ".join(f"{size:,}" for size in entry.input_shape)
    parameters = "-" if facts["parameters"] is None else f"{facts['parameters']:,}"
    cost = "-" if facts["gmac"] is None else f"{facts['gmac']:.3g}"
    return entry.name, entry.study, f"{facts['suits_from']}+", entry.input_kind, size, parameters, cost


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    words = _HEADINGS.index("input") + 1
    cells = [cell.ljust(width) for cell, width in zip(row[:words], widths[:words], strict=True)]
    cells += [cell.rjust(width) for cell, width in zip(row[words:], widths[words:], strict=True)]
    return "  ".join(cells).rstrip()


def _facts(entry: ModelEntry) -> dict[str, Any]:
    size = None if entry.is_estimator else sizes.of(entry)
    return {
        "name": entry.name,
        "study": entry.study,
        "title": entry.title,
        "input": entry.input_kind,
        "segment": list(entry.input_shape),
        "outputs": entry.n_outputs,
        "suits_from": _suits_from(entry),
        "parameters": size and size.parameters,
        "gmac": size and size.gmac,
        "options": {name: option.default for name, option in entry.options.items()},
        "source": entry.source,
        "chosen": list(entry.assumptions),
    }


def _suits_from(entry: ModelEntry) -> int:
    """Return the tracks in each class from which a model is a good choice, by docs/choosing.md."""
    if entry.is_estimator:
        return FEWEST
    return SOME if entry.input_kind in ("descriptors", "embedding") else FEW


def _hanging(start: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start))


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
