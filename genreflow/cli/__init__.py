"""The command `genreflow`."""

import argparse
import sys
from collections.abc import Sequence

from genreflow import __version__
from genreflow.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    0 when all went well, 2 for a mistake in what was asked, 3 when busy, 5 when a file cannot be read or written.
    """
    parser = argparse.ArgumentParser(
        prog="genreflow",
        description="From a folder of music to trained, audited genre classifiers.",
    )
    parser.add_argument("--version", action="version", version=f"genreflow {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_check(commands)
    _add_status(commands)
    _add_models(commands)
    _add_verify(commands)
    _add_predict(commands)
    _add_explain(commands)
    _add_export(commands)
    _add_demo(commands)
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["run"]:  # what follows belongs to snakemake, `--help` included
        return _guarded(lambda: _run(given[1:]))
    options, rest = parser.parse_known_args(given)
    if rest and options.command != "verify":  # whose other arguments are snakemake's
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    return _guarded(lambda: options.action(options))


def _guarded(action) -> int:
    try:
        return action() or 0
    except UserError as error:
        print(f"genreflow: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 2)
    except BrokenPipeError:
        return 1
    except OSError as error:
        print(f"genreflow: {error.strerror or error}: {error.filename or 'a file'}", file=sys.stderr)
        return 5
    except KeyboardInterrupt:
        return 130


def _add_run(commands) -> None:
    commands.add_parser(
        "run",
        help="run the pipeline: snakemake with these arguments, after clearing the lock of a run that died",
        add_help=False,
    )


def _run(arguments: Sequence[str]) -> int:
    from genreflow.cli.run import run

    return run(arguments)


def _add_check(commands) -> None:
    parser = commands.add_parser(
        "check", help="what is wrong with settings, paths and music, and what a run would take"
    )
    parser.add_argument("music", nargs="?", help="a folder of class folders or a manifest; else what is configured")
    parser.add_argument("--configfile", nargs="+", default=[], help="as for snakemake")
    parser.add_argument("--every", action="store_true", help="look into every file, not into a sample")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(action=_check)


def _check(options: argparse.Namespace) -> int:
    from genreflow.cli.check import run

    return run(options.music, options.configfile, every=options.every, as_json=options.json)


def _add_status(commands) -> None:
    parser = commands.add_parser("status", help="how far shards and runs have come, and the time left; writes nothing")
    parser.add_argument("--configfile", nargs="+", default=[], help="as for snakemake")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(action=_status)


def _status(options: argparse.Namespace) -> int:
    from genreflow.cli.status import run

    return run(options.configfile, as_json=options.json)


def _add_models(commands) -> None:
    parser = commands.add_parser("models", help="which models there are, and what one of them wants")
    parser.add_argument("name", nargs="?", help="all of this one")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(action=_models)


def _models(options: argparse.Namespace) -> int:
    from genreflow.cli.models import run

    return run(options.name, as_json=options.json)


def _add_verify(commands) -> None:
    parser = commands.add_parser(
        "verify",
        help="whether all products are as they were written",
        epilog="Other arguments are snakemake's: --directory, --configfile, --cores ...",
    )
    parser.add_argument("--repair", action="store_true", help="make again what is damaged, and nothing else")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(action=_verify)


def _verify(options: argparse.Namespace) -> int:
    from genreflow.cli.verify import run

    return run(options.rest, mend=options.repair, as_json=options.json)


def _add_predict(commands) -> None:
    from genreflow.cli.predict import declare, run

    declare(commands.add_parser("predict", help="what a finished model says of new music, and how sure it may be"))
    commands.choices["predict"].set_defaults(action=run)


def _add_explain(commands) -> None:
    from genreflow.cli.explain import declare, run

    declare(commands.add_parser("explain", help="which seconds and bands of a track decided what a model says"))
    commands.choices["explain"].set_defaults(action=run)


def _add_export(commands) -> None:
    from genreflow.cli.export import declare, run

    declare(commands.add_parser("export", help="a model as a folder to give away: weights, card, ONNX"))
    commands.choices["export"].set_defaults(action=run)


def _add_demo(commands) -> None:
    parser = commands.add_parser("demo", help="write the synthetic corpus into a folder")
    parser.add_argument("folder", help="where the class folders go")
    parser.add_argument("--corpus", choices=["subgenres", "genres", "western", "moods", "tags"], default="subgenres")
    parser.add_argument("--tracks-per-class", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=35.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(action=_demo)


def _demo(options: argparse.Namespace) -> int:
    from genreflow.demo.corpus import plan, write

    tracks = plan(
        tracks_per_class=options.tracks_per_class, seconds=options.seconds, seed=options.seed, corpus=options.corpus
    )
    for number, track in enumerate(tracks, 1):
        write(track, options.folder)
        print(f"\r{number} of {len(tracks)} tracks", end="", file=sys.stderr)
    print(f"\n{options.folder}: set it as `path` of a dataset with `layout: folders`.", file=sys.stderr)
    return 0
