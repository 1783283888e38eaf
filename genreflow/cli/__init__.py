"""The command `genreflow`: a table of commands, each a module of its name.

Only the module of the requested command is imported, so that no command loads the libraries of another.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from types import ModuleType
from typing import NoReturn

from genreflow import __version__
from genreflow.cli.exits import Exit, guarded, table
from genreflow.errors import UserError, did_you_mean
from genreflow.gpus import let_mps_fall_back
from genreflow.store.text import Sanitized
from genreflow.store.writable import stand_in

_MODEL = "results/my_study/runs/psytrance_cnn"
_RUN = f"{_MODEL}/base/fold-final"


@dataclass(frozen=True)
class Command:
    """A command: its help and examples.

    Its module, of its own name if no `module` is given, has ``declare(parser)`` and ``run(options)``, which returns an
    exit code. With `passes_on`, unknown arguments become ``options.rest``.
    """

    help: str
    examples: tuple[str, ...]
    passes_on: bool = False
    module: str = ""


COMMANDS = {
    "doctor": Command(
        "Check that this machine has everything a run needs.",
        ("genreflow doctor", "genreflow doctor --json"),
    ),
    "init": Command(
        "Make a project of a folder of music: genreflow.yaml, with a model that suits its size.",
        (
            "genreflow init",
            "genreflow init /data/music --yes",
            "genreflow init list.csv --study moods --no-network --project moods",
        ),
    ),
    "demo": Command(
        "Make a project of synthetic music, and run it.",
        ("genreflow demo", "genreflow demo --small", "genreflow demo elsewhere --cores 2"),
    ),
    "synthesize": Command(
        "Write synthetic music into class folders, to try everything with.",
        (
            "genreflow synthesize music",
            "genreflow synthesize music --tracks-per-class 4 --seconds 12",
            "genreflow synthesize clips --corpus tags --seed 1",
        ),
    ),
    "check": Command(
        "Check settings, paths and music, and estimate the cost of a run.",
        (
            "genreflow check",
            "genreflow check --configfile changes.yaml",
            "genreflow check music --every",
            "genreflow check list.csv --json",
        ),
    ),
    "run": Command(
        "Run the pipeline: Snakemake with these arguments, taking over from a run that died.",
        (
            "genreflow run",
            "genreflow run report --cores 8 --resources gpu=1",
            "genreflow run --dry-run --configfile changes.yaml",
        ),
        passes_on=True,
    ),
    "status": Command(
        "Show the progress of shards and training runs, and the time left.",
        ("genreflow status", "genreflow status --json"),
    ),
    "verify": Command(
        "Verify the checksums of all products, and make damaged ones again.",
        (
            "genreflow verify",
            "genreflow verify --repair --cores 4",
            "genreflow verify --json --directory elsewhere",
        ),
        passes_on=True,
    ),
    "tidy": Command(
        "Count, or delete, normalized tracks and shards that nothing needs any more.",
        ("genreflow tidy", "genreflow tidy --delete"),
        passes_on=True,
    ),
    "models": Command(
        "List models, or show the input and options of one.",
        ("genreflow models", "genreflow models psytrance_cnn", "genreflow models random_forest --json"),
    ),
    "weights": Command(
        "List, fetch and find trained weights of public networks.",
        (
            "genreflow weights list",
            "genreflow weights get musicnn",
            "genreflow weights get musicnn --from musicnn-0.1.0-py3-none-any.whl",
            "genreflow weights path MSD_musicnn",
        ),
    ),
    "import": Command(
        "Turn trained weights of another project into a model that predicts.",
        (
            "genreflow import sota --model musicnn --weights best_model.pth --tags mtat my_model",
            "genreflow import sota --model fcn --weights best_model.pth --tags tags.txt my_model",
        ),
        module="import_weights",
    ),
    "compare": Command(
        "Compare finished runs: parameters, metrics, and whether a difference is significant.",
        (
            f"genreflow compare {_MODEL}/pool=mean {_MODEL}/pool=max",
            "genreflow compare results/my_study results/your_study --tracks",
            f"genreflow compare {_MODEL}/* --all --csv compared.csv",
            "genreflow compare my_study@2026-11-30-1 my_study --tracks",
        ),
    ),
    "history": Command(
        "List the earlier results of studies, kept before runs replaced them.",
        ("genreflow history", "genreflow history my_study --json"),
    ),
    "predict": Command(
        "Classify new music with a trained model.",
        (
            f"genreflow predict {_RUN} new/*.mp3",
            "genreflow predict exported_model 'new music' list.m3u8 --output slices.parquet --tracks-output tracks.csv",
            "genreflow predict exported_model mix.flac --histogram --png pictures --json > predictions.json",
            "genreflow predict exported_model 'new music' --write-tags --playlists lists --rekordbox collection.xml",
        ),
    ),
    "undo-tags": Command(
        "Take back the tags that `predict --write-tags` wrote into files.",
        ("genreflow undo-tags tags-2026-11-30-120000.undo", "genreflow undo-tags tags-2026-11-30-120000.undo --yes"),
        module="undo_tags",
    ),
    "evaluate": Command(
        "Test a trained model on labeled music of another collection.",
        (
            f"genreflow evaluate {_RUN} other_music",
            "genreflow evaluate exported_model list.csv --alias Hip-Hop=hiphop --csv tracks.csv",
            "genreflow evaluate exported_model other_music --json",
        ),
    ),
    "explain": Command(
        "Draw the seconds and bands of a track that decided its prediction.",
        (
            f"genreflow explain {_RUN} song.mp3",
            "genreflow explain exported_model song.mp3 --of goa --png goa.png --csv goa.csv",
            "genreflow explain exported_model song.mp3 --method integrated_gradients",
        ),
    ),
    "embed": Command(
        "Write the embeddings of audio files, computed by a trained network, to a table.",
        (
            "genreflow embed music --model MSD_musicnn",
            f"genreflow embed song.mp3 --model {_RUN} --out song.parquet",
            "genreflow embed music --model discogs-effnet-bsdynamic-1.onnx --per track --out tracks.parquet",
        ),
    ),
    "similar": Command(
        "List the tracks of the library that sound most like a track.",
        (
            "genreflow similar goa/song.mp3",
            "genreflow similar new.mp3 --top 20 --study my_study",
            "genreflow similar song.mp3 --json",
        ),
    ),
    "export": Command(
        "Write a trained model as a folder to share: weights, card, ONNX.",
        (f"genreflow export {_RUN} my_model", f"genreflow export {_RUN} my_model --track song.flac"),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code, one of `exits.Exit`."""
    for stream in (sys.stdout, sys.stderr):  # a character that the terminal cannot show must not end the command
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    stand_in()
    let_mps_fall_back()
    with redirect_stdout(Sanitized(sys.stdout)):
        given = list(sys.argv[1:] if arguments is None else arguments)
        return guarded(lambda: _run(given), as_json="--json" in given)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command, with its name as ``options.command``.

    Raises
    ------
    UserError
        When the command or an argument is unknown.
    """
    name = arguments[0] if arguments else ""
    if name and not name.startswith("-") and name not in COMMANDS:
        raise UserError(
            f"unknown command {name!r}.{did_you_mean(name, COMMANDS)} `genreflow --help` lists all commands."
        )
    parser, commands = _parsers(name)
    options, rest = parser.parse_known_args(arguments)
    if rest and not COMMANDS[options.command].passes_on:
        raise UserError(_unknown(rest[0], name, commands[name].format_usage()))
    options.rest = rest
    return options


def parser_of(name: str) -> argparse.ArgumentParser:
    """Return the parser of a command, with its arguments."""
    return _parsers(name)[1][name]


def _run(arguments: Sequence[str]) -> int:
    if not arguments:
        _parsers()[0].print_help()
        return Exit.INPUT
    options = parse(arguments)
    return _module(options.command).run(options)


class _Parser(argparse.ArgumentParser):
    """A parser that raises its errors as sentences."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. See `{self.prog} --help`.")


def _parsers(requested: str = "") -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the parser and those of all commands; only that of the requested command has its arguments."""
    parser = _Parser(
        prog="genreflow",
        description="Turn a folder of music into trained, audited genre classifiers.",
        epilog=f"`genreflow COMMAND --help` shows examples.\n\n{table()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"genreflow {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(
            name,
            help=command.help,
            epilog="\n  ".join(["examples:", *command.examples]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == requested:
            _module(name).declare(subparser)
    return parser, commands.choices


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"genreflow.cli.{COMMANDS[name].module or name}")


def _unknown(word: str, name: str, usage: str) -> str:
    see = f"See `genreflow {name} --help`."
    if not word.startswith("-"):
        return f"unexpected argument {word!r} for `genreflow {name}`. {see}"
    hint = did_you_mean(word.split("=")[0], re.findall(r"--[\w-]+", usage))
    return f"`genreflow {name}` has no option {word}.{hint} {see}"
