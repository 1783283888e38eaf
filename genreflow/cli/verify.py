"""`genreflow verify`: whether all products are as they were written, and making again those that are not."""

import json
import sys
from collections import Counter
from collections.abc import Sequence

from genreflow.cli.run import repair, working_folder
from genreflow.errors import UserError
from genreflow.repair import find_damage, products, put_aside

_EVERY = 200


def run(arguments: Sequence[str], *, mend: bool = False, as_json: bool = False) -> int:
    """Read every product that carries a checksum; print what is damaged, and with `mend` make it again.

    Parameters
    ----------
    arguments
        Of snakemake: where it works, and for `mend` with which settings and on how many cores.

    Returns
    -------
    0 if all is sound, or was made so; 1 if not.
    """
    results = working_folder(arguments) / "results"
    if not results.is_dir():
        raise UserError(f"{results} does not exist: there is nothing to verify.")
    files = products(results)
    findings = []
    for number, finding in enumerate(find_damage(files), 1):
        findings += [finding] if finding else []
        if number % _EVERY == 0 and sys.stderr.isatty():
            print(f"\r{number:,} of {len(files):,} files", end="", file=sys.stderr)
    kinds = Counter(path.suffix for path in files)
    if as_json:
        told = {"files": kinds, "damaged": [{"path": str(each.path), "problem": each.problem} for each in findings]}
        print(json.dumps(told, indent=2))
    else:
        listed = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(kinds.items())) or "none"
        print(f"{len(files):,} files with checksums read ({listed}): {len(findings)} damaged.")
        print(*(f"  {finding.problem}" for finding in findings), sep="\n", end="\n" if findings else "")
    if not findings:
        return 0
    if not mend:
        print("`genreflow verify --repair` makes them again, and nothing else.", file=sys.stderr)
        return 1
    for finding in findings:
        put_aside(finding.path)
    return repair(arguments)
