"""`genreflow verify`: whether all products are as they were written, and making again those that are not."""

import argparse
import json
import sys
from collections import Counter

from genreflow.cli import options as shared
from genreflow.cli.exits import Exit
from genreflow.cli.run import repair, working_folder
from genreflow.cli.telling import close, progress
from genreflow.errors import UserError
from genreflow.repair import find_damage, products, put_aside

_EVERY = 200


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.description = "Other arguments are snakemake's: --directory, --configfile, --cores ..."
    parser.add_argument("--repair", action="store_true", help="make again what is damaged, and nothing else")
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Read every product that carries a checksum; print what is damaged, and with `--repair` make it again.

    The other arguments are snakemake's: where it works, and to repair with which settings and on how many cores.

    Returns
    -------
    0 if all is sound, or was made so; 5 if not.
    """
    results = working_folder(options.rest) / "results"
    if not results.is_dir():
        raise UserError(f"{results} does not exist: there is nothing to verify. Start where you ran the pipeline.")
    files = products(results)
    findings = []
    for number, finding in enumerate(find_damage(files), 1):
        findings += [finding] if finding else []
        if number % _EVERY == 0 and sys.stderr.isatty():
            progress(f"{number:,} of {len(files):,} files")
    kinds = Counter(path.suffix for path in files)
    if options.json:
        told = {"files": kinds, "damaged": [{"path": str(each.path), "problem": each.problem} for each in findings]}
        print(json.dumps(told, indent=2))
    else:
        listed = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(kinds.items())) or "none"
        print(f"{len(files):,} files with checksums read ({listed}): {len(findings)} damaged.")
        print(*(f"  {finding.problem}" for finding in findings), sep="\n", end="\n" if findings else "")
    if not findings:
        close(f"All is sound: {results}.")
        return Exit.OK
    if not options.repair:
        close(f"{len(findings):,} products are damaged.", following="genreflow verify --repair, which makes them again")
        return Exit.MACHINE
    for finding in findings:
        put_aside(finding.path)
    return repair(options.rest)
