"""The command `genreflow`: a table of commands, each a module that declares what it takes and runs it.

Only the module of the command that is asked for is imported, so that none waits for what another needs.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import NoReturn

from genreflow import __version__
from genreflow.cli.exits import Exit, guarded, table
from genreflow.errors import UserError, did_you_mean
from genreflow.store.text import Sanitized
from genreflow.store.writable import stand_in

_MODEL = "results/my_study/runs/psytrance_cnn"
_RUN = f"{_MODEL}/base/fold-final"


@dataclass(frozen=True)
class Command:
    """A command: what it is for, in a line, and how it is used.

    Its module, of the same name, has ``declare(parser)`` and ``run(options)``, which returns an exit code. What
    `passes_on` arguments takes those that are not its own as ``options.rest``.
    """

    help: str
    examples: tuple[str, ...]
    passes_on: bool = False


COMMANDS = {
    "doctor": Command(
        "whether this machine has all that a run needs; leaves nothing behind",
        ("genreflow doctor", "genreflow doctor --json"),
    ),
    "demo": Command(
        "write music made from scratch into a folder, to try everything with",
        (
            "genreflow demo music",
            "genreflow demo music --tracks-per-class 4 --seconds 12",
            "genreflow demo clips --corpus tags --seed 1",
        ),
    ),
    "check": Command(
        "what is wrong with settings, paths and music, and what a run would take",
        (
            "genreflow check",
            "genreflow check --configfile my.yaml",
            "genreflow check music --every",
            "genreflow check list.csv --json",
        ),
    ),
    "run": Command(
        "run the pipeline: snakemake with these arguments, after clearing the lock of a run that died",
        (
            "genreflow run --cores 8 --configfile my.yaml",
            "genreflow run report --cores 8 --resources gpu=1",
            "genreflow run --dry-run --configfile my.yaml",
        ),
        passes_on=True,
    ),
    "status": Command(
        "how far shards and runs have come, and the time left; writes nothing",
        ("genreflow status", "genreflow status --configfile my.yaml --json"),
    ),
    "verify": Command(
        "whether all products are as they were written",
        (
            "genreflow verify",
            "genreflow verify --repair --cores 4 --configfile my.yaml",
            "genreflow verify --json --directory elsewhere",
        ),
        passes_on=True,
    ),
    "tidy": Command(
        "how much of the disk holds what nothing needs any more; and deletes it, if asked to",
        ("genreflow tidy --configfile my.yaml", "genreflow tidy --delete --configfile my.yaml"),
        passes_on=True,
    ),
    "models": Command(
        "which models there are, and what one of them wants",
        ("genreflow models", "genreflow models psytrance_cnn", "genreflow models random_forest --json"),
    ),
    "compare": Command(
        "what two or more finished runs differ in, and whether one is better",
        (
            f"genreflow compare {_MODEL}/pool=mean {_MODEL}/pool=max",
            "genreflow compare results/my_study results/your_study --tracks",
            f"genreflow compare {_MODEL}/* --all --csv compared.csv",
        ),
    ),
    "predict": Command(
        "what a finished model says of new music, and how sure it may be",
        (
            f"genreflow predict {_RUN} new/*.mp3",
            "genreflow predict exported_model 'new music' list.m3u8 --csv slices.csv --tracks-csv tracks.csv",
            "genreflow predict exported_model mix.flac --histogram --png pictures",
            "genreflow predict exported_model 'new music' --json > told.json",
        ),
    ),
    "explain": Command(
        "which seconds and bands of a track decided what a model says",
        (
            f"genreflow explain {_RUN} song.mp3",
            "genreflow explain exported_model song.mp3 --of goa --png goa.png --csv goa.csv",
            "genreflow explain exported_model song.mp3 --method integrated_gradients",
        ),
    ),
    "export": Command(
        "a model as a folder to give away: weights, card, ONNX",
        (f"genreflow export {_RUN} my_model", f"genreflow export {_RUN} my_model --track song.flac"),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code, one of `exits.Exit`."""
    for stream in (sys.stdout, sys.stderr):  # a name that a terminal cannot show must not end the command
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    stand_in()
    with redirect_stdout(Sanitized(sys.stdout)):
        return guarded(lambda: _run(list(sys.argv[1:] if arguments is None else arguments)))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command, ``options.command`` being its name.

    Raises
    ------
    UserError
        When there is no such command, or it does not take such arguments.
    """
    name = arguments[0] if arguments else ""
    if name and not name.startswith("-") and name not in COMMANDS:
        raise UserError(f"there is no command {name!r}.{did_you_mean(name, COMMANDS)} `genreflow --help` lists them.")
    parser, commands = _parsers(name)
    options, rest = parser.parse_known_args(arguments)
    if rest and not COMMANDS[options.command].passes_on:
        raise UserError(_unknown(rest[0], name, commands[name].format_usage()))
    options.rest = rest
    return options


def _run(arguments: Sequence[str]) -> int:
    if not arguments:
        _parsers()[0].print_help()
        return Exit.INPUT
    options = parse(arguments)
    return _module(options.command).run(options)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are sentences."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. `{self.prog} --help` shows what it takes.")


def _parsers(asked: str = "") -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the parser, and those of all commands, of which only the one asked for has declared what it takes."""
    parser = _Parser(
        prog="genreflow",
        description="From a folder of music to trained, audited genre classifiers.",
        epilog=f"`genreflow COMMAND --help` has examples.\n\n{table()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"genreflow {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        mine = commands.add_parser(
            name,
            help=command.help,
            epilog="\n  ".join(["examples:", *command.examples]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == asked:
            _module(name).declare(mine)
    return parser, commands.choices


def _module(name: str):
    return importlib.import_module(f"genreflow.cli.{name}")


def _unknown(word: str, name: str, usage: str) -> str:
    shows = f"`genreflow {name} --help` shows what it takes."
    if not word.startswith("-"):
        return f"{word!r} is one too many for `genreflow {name}`. {shows}"
    hint = did_you_mean(word.split("=")[0], re.findall(r"--[\w-]+", usage))
    return f"`genreflow {name}` has no option {word}.{hint} {shows}"
