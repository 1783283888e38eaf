"""`genreflow verify`: check the checksums of all products, and make damaged ones again."""

import argparse
import contextlib
import os
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli import rebuild_check
from genreflow.cli.check import config_of
from genreflow.cli.console import info, print_json, print_result, progress, quoted
from genreflow.cli.exits import Exit
from genreflow.cli.places import SNAKEFILE, NoProject
from genreflow.cli.run import command_of, entries_of, in_project, repair, working_folder
from genreflow.errors import UserError
from genreflow.folds.placement import restore
from genreflow.plan.validate import validate
from genreflow.project import layout
from genreflow.project.layout import is_earlier
from genreflow.repair import Finding, each_once, find_damage, products, set_aside_damaged
from genreflow.store.text import count
from genreflow.store.walk import check_folder

_EVERY = 200
_NAMED = 20  # outdated products listed one by one


@dataclass
class Verified:
    """Findings of a verification.

    Attributes
    ----------
    files
        Number of files with checksums by suffix.
    damaged
        Products that are not as they were written.
    earlier
        Damage in earlier results of studies, which nothing makes again.
    music
        Tracks whose bytes changed since they were cataloged; found by `--deep` alone, like the following.
    outdated
        Products that are missing, or made from other code, settings or tracks.
    again
        Comparison with products made once more; None if there was none.
    """

    files: Counter[str]
    damaged: list[Finding]
    earlier: list[Finding] = field(default_factory=list)
    music: list[Finding] = field(default_factory=list)
    outdated: list[Finding] = field(default_factory=list)
    again: rebuild_check.Compared | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged; outdated products are right for their own settings."""
        again = self.again is not None and (self.again.findings or self.again.problem)
        return not (self.damaged or self.earlier or self.music or again)


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Verify the checksums of all products. Other arguments are Snakemake's: --cores, ..."
    parser.add_argument("--repair", action="store_true", help="make damaged products again, and nothing else")
    parser.add_argument(
        "--deep", action="store_true", help="also read all music, check all keys, and make cheap products once more"
    )
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Read every product with a checksum and print damage; with `--repair`, make damaged products again.

    With `--deep`, also list outdated products, read all music again, and make cheap products once more to compare them.
    The other arguments are Snakemake's: its folder, settings and cores.

    Returns
    -------
    0 if all products are sound, or were repaired; else 5.
    """
    arguments = _arguments(options)
    results = working_folder(arguments) / layout.RESULTS
    links = each_once(products(results))
    if not links:
        raise UserError(f"{results} holds no products: nothing has run there, or nothing has been finished.")
    findings = _damaged(list(links))
    verified = Verified(
        Counter(path.suffix for path in links),
        [finding for finding in findings if not is_earlier(finding.path.relative_to(results))],
        list(_earlier(findings, links, results)),
    )
    mended = _mended(verified.damaged, arguments) if options.repair and verified.damaged else Exit.OK
    if options.deep and mended == Exit.OK:
        _look_deeper(verified, arguments, repairs=options.repair)
    if options.json:
        print_json("verify", _as_plain(verified))
    else:
        print("\n".join(_lines(verified)))
    if verified.is_sound:
        print_result(f"All products are sound: {results}.")
        return Exit.OK
    again = verified.again or rebuild_check.Compared()
    if not (verified.damaged or verified.music or again.findings or again.problem):
        return _only_earlier(verified)
    if mended != Exit.OK:
        return mended
    if verified.music or (again.problem and (options.repair or not verified.damaged)):
        print_result("The damage listed above cannot be repaired from here.")
        return Exit.MACHINE
    number = count(len(verified.damaged) + len(again.findings), "damaged product")
    if not options.repair:
        words = ["genreflow", "verify", *(["--deep"] if options.deep else []), "--repair", *options.rest]
        print_result(f"Found {number}.", following=shlex.join(words))
        return Exit.MACHINE
    info(f"Made {number} again: {results}.") if verified.earlier else print_result(f"Made {number} again: {results}.")
    return _only_earlier(verified) if verified.earlier else Exit.OK


def _only_earlier(verified: Verified) -> int:
    """Print what to do about damage of earlier results, which is all that is left; return the exit code."""
    entries = list(dict.fromkeys(_entry_of(finding.path) for finding in verified.earlier))
    print_result(
        f"{count(len(entries), 'entry', 'entries')} of the history {'is' if len(entries) == 1 else 'are'} damaged, and "
        "nothing makes earlier results again. The present ones are sound.",
        following=f"remove them: rm -r {' '.join(map(quoted, entries))}",
    )
    return Exit.MACHINE


def _entry_of(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.parent.name == Path(layout.EARLIER).name)


def _earlier(findings: Sequence[Finding], links: Mapping[Path, Sequence[Path]], results: Path) -> Iterator[Finding]:
    """Yield the damage of earlier results; they share the bytes of each product that no run has replaced since."""
    for finding in findings:
        if is_earlier(finding.path.relative_to(results)):
            yield finding
        for path in links[finding.path]:
            yield Finding(path, f"{path} is damaged: it is the same file as {finding.path}.")


def _arguments(options: argparse.Namespace) -> list[str]:
    """Return Snakemake's arguments for the project; checksums alone can be read without one.

    Raises
    ------
    UserError
        Where there are no results, or no settings that are needed.
    """
    try:
        arguments, lacks = in_project(options.rest), None
    except NoProject as error:
        arguments, lacks = options.rest, error
    results = working_folder(arguments) / layout.RESULTS
    check_folder(results)
    if not results.is_dir():
        raise lacks or UserError(f"{results} does not exist: nothing has run there yet.")
    if lacks is not None and (options.repair or options.deep):
        raise lacks
    return arguments


def _mended(damaged: Sequence[Finding], arguments: Sequence[str]) -> int:
    """Make damaged products again before any comparison uses them; return the exit code."""
    _check_owners(damaged, arguments)
    placements = [finding.path for finding in damaged if finding.path.name == Path(layout.PLACEMENT).name]
    for path in placements:
        restore(path)
    for finding in damaged:
        if finding.path not in placements:
            set_aside_damaged(finding.path)
    return repair(arguments)


def _check_owners(damaged: Sequence[Finding], arguments: Sequence[str]) -> None:
    """Raise UserError if a product belongs to no dataset or study of the settings: nothing can make it."""
    folder = working_folder(arguments)
    _, configfiles = command_of(arguments)
    with contextlib.chdir(folder):
        validated = validate(config_of(configfiles, entries_of(arguments)), SNAKEFILE.parent, look=False)
    owners = {*validated.settings.datasets, *validated.studies}
    parts = {finding.path: finding.path.relative_to(folder / "results").parts for finding in damaged}
    foreign = [path for path, names in parts.items() if len(names) > 1 and names[0] not in owners]
    if foreign:
        raise UserError(
            f"Nothing in these settings makes {foreign[0]} ({count(len(foreign), 'damaged product')} of this kind). "
            "Nothing was changed. Name the settings that made it: genreflow verify --repair --configfile FILE"
        )


def _damaged(files: Sequence[Path]) -> list[Finding]:
    findings = []
    for number, finding in enumerate(find_damage(files), 1):
        findings += [finding] if finding else []
        if number % _EVERY == 0 and sys.stderr.isatty():
            progress(f"{number:,} of {len(files):,} files")
    return findings


def _look_deeper(verified: Verified, arguments: Sequence[str], *, repairs: bool) -> None:
    """Check keys, music, and products made once more; if it `repairs`, these replace products that differ."""
    command, configfiles = command_of(arguments)
    os.chdir(working_folder(arguments))
    plan = rebuild_check.plan_of(configfiles, entries_of(arguments))
    verified.music = list(rebuild_check.altered_music(plan))
    verified.outdated = rebuild_check.outdated(plan)
    if verified.outdated or verified.music:
        return
    with rebuild_check.made_once_more(plan, command) as (folder, verified.again):
        if repairs:
            rebuild_check.replace(verified.again.findings, folder)


def _lines(verified: Verified) -> list[str]:
    kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(verified.files.items())) or "none"
    lines = [f"{verified.files.total():,} files with checksums read ({kinds}): {_damage(verified)}."]
    lines += [f"  {finding.problem}" for finding in [*verified.damaged, *verified.earlier, *verified.music]]
    if verified.outdated:
        lines.append(f"{len(verified.outdated):,} products are outdated; `genreflow run` makes them again:")
        lines += [f"  {finding.problem}" for finding in verified.outdated[:_NAMED]]
        lines += [f"  ... and {len(verified.outdated) - _NAMED:,} more"] if len(verified.outdated) > _NAMED else []
    if verified.again is not None:
        again = verified.again
        lines.append(f"{again.same:,} products made once more are the same, {len(again.findings):,} are not.")
        lines += [f"  {finding.problem}" for finding in again.findings]
        lines += [f"  Others could not be made: {again.problem}"] if again.problem else []
    return lines


def _damage(verified: Verified) -> str:
    earlier = f", and {len(verified.earlier):,} of earlier results" if verified.earlier else ""
    return f"{len(verified.damaged):,} damaged{earlier}"


def _as_plain(verified: Verified) -> dict[str, object]:
    def plain(findings: Sequence[Finding]) -> list[dict[str, str]]:
        return [{"path": str(each.path), "problem": each.problem} for each in findings]

    report: dict[str, object] = {"files": verified.files, "damaged": plain(verified.damaged)}
    report["damaged_earlier_results"] = plain(verified.earlier)
    if verified.again is not None or verified.outdated or verified.music:
        report |= {"music": plain(verified.music), "outdated": plain(verified.outdated)}
        report["made_once_more"] = verified.again and rebuild_check.as_plain(verified.again)
    return report
