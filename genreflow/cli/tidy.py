"""`genreflow tidy`: count, or delete, normalized tracks, shards and earlier results that nothing needs any more.

Normalized tracks are named by the content of their source and by the settings, so that going back to either costs
nothing. Therefore removed tracks and abandoned settings leave theirs behind, and so do shards that were split. Earlier
results are needed unless only so many are asked for.
"""

import argparse
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from genreflow.cli import options as shared
from genreflow.cli.console import print_json, print_result
from genreflow.cli.exits import Exit
from genreflow.cli.rebuild_check import plan_of
from genreflow.cli.run import check_places, claimed, command_of, entries_of, in_project, working_folder
from genreflow.errors import UserError
from genreflow.plan.datasets import DatasetPlan
from genreflow.plan.staleness import is_of
from genreflow.project import history, layout
from genreflow.store import parquet
from genreflow.store.text import count
from genreflow.store.walk import check_folder

_SHARD = re.compile("({shard})[.]({suffix})".format(**layout.WILDCARDS))


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = "Count files that nothing needs any more. Other arguments are Snakemake's: --configfile ..."
    parser.add_argument("--delete", action="store_true", help="delete them")
    parser.add_argument(
        "--history", type=_number, metavar="N", help="of earlier results, count only the newest N of a study as needed"
    )
    shared.json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the size of the files that no dataset of these settings needs; with `--delete`, delete them.

    Training runs are kept, and so are inputs that only other studies need.
    """
    arguments = in_project(options.rest)
    folder = claimed(arguments)[0] if options.delete else working_folder(arguments)
    check_places(folder)
    _, configfiles = command_of(arguments)
    os.chdir(folder)
    spare = {
        dataset.name: sorted(unneeded(dataset))
        for dataset in plan_of(configfiles, entries_of(arguments)).datasets.values()
    }
    sizes = {name: _bytes(files) for name, files in spare.items()}
    studies = sorted(path.parent for path in Path().glob(layout.EARLIER.format(study="*")))
    old = {study.name: old_entries(study, options.history) for study in studies}
    held = {study.name: history.sizes(study)[1] for study in studies}
    freed = {study.name: history.freed(old[study.name]) for study in studies}
    if options.json:
        print_json("tidy", _as_json(spare, sizes, old, held, freed), bytes="bytes", held="bytes", freed="bytes")
    else:
        for name, files in spare.items():
            print(f"{name}: {len(files):,} files, {sizes[name] / 1e9:.2f} GB")
        for name, entries in old.items():
            beyond = f"; {len(entries):,} old entries hold {freed[name] / 1e9:.2f} GB of it" if entries else ""
            print(f"{name}: earlier results hold {held[name] / 1e9:.2f} GB that nothing else needs{beyond}")
    whole = f"{sum(map(len, spare.values())):,} files of {sum(sizes.values()) / 1e9:.2f} GB"
    if entries := [entry for each in old.values() for entry in each]:
        whole += f", and {count(len(entries), 'entry', 'entries')} of the history of {sum(freed.values()) / 1e9:.2f} GB"
    if options.delete:
        for path in (path for files in spare.values() for path in files):
            path.unlink()
        for entry in entries:
            history.remove(entry)
        print_result(f"Deleted {whole}.")
    elif entries or any(spare.values()):
        words = ["genreflow", "tidy", "--delete", *([f"--history {options.history}"] if entries else [])]
        print_result(f"{whole} are not needed.", following=" ".join(words))
    else:
        print_result("All files are needed.")
    return Exit.OK


def old_entries(study: Path, newest: int | None) -> list[Path]:
    """Return the entries of a study's history but for the newest so many; none without a number."""
    folders = history.folders(study)
    return [] if newest is None else folders[: max(0, len(folders) - newest)]


def _as_json(
    spare: Mapping[str, list[Path]],
    sizes: Mapping[str, int],
    old: Mapping[str, list[Path]],
    held: Mapping[str, int],
    freed: Mapping[str, int],
) -> dict[str, object]:
    return {
        "datasets": {name: {"files": list(map(str, spare[name])), "bytes": sizes[name]} for name in spare},
        "history": {
            name: {
                "held": held[name],
                "old_entries": list(map(str, old[name])),
                "freed": freed[name],
            }
            for name in old
        },
    }


def _number(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def unneeded(dataset: DatasetPlan) -> Iterator[Path]:
    """Yield normalized tracks that no shard of a dataset names, and shards that it no longer has.

    Raises
    ------
    UserError
        When its audio is not current.
    """
    audio = Path(layout.AUDIO_FOLDER.format(dataset=dataset.name))
    check_folder(audio.parent)
    check_folder(audio)
    named: set[str] = set()
    for shard, key in dataset.audio_keys.items():
        table = audio / f"{shard}.parquet"
        if not table.exists() or not is_of(table, key):
            raise UserError(
                f"{table} was made with other settings or tracks, so the needed files are unknown."
                " Run the pipeline first: `genreflow run audio` with the same arguments."
            )
        named |= set(parquet.read_table(table, "audio", ["ogg"])["ogg"].to_pylist())
    yield from (ogg for ogg in audio.glob(layout.OGG) if str(ogg.relative_to(audio)) not in named)
    folders = [
        audio,
        Path(layout.RAW_FOLDER.format(dataset=dataset.name)),
        *(Path(given.index).parent for given in dataset.inputs.values()),
    ]
    shards = (path for folder in folders for path in folder.glob("s*") if _SHARD.fullmatch(path.name))
    yield from (path for path in shards if path.stem not in dataset.members)


def _bytes(files: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in files)
