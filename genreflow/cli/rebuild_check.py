"""What `genreflow verify --deep` looks at beyond checksums: keys, the music itself, and products made once more.

Products name the key that made them. Worked out anew from the code, settings and tracks as they are now, it tells
whether they are of these. And whatever is cheap is made once more in a folder of its own, from the rest as it is, and
compared: what carries no checksum, such as a figure, is checked by nothing else.
"""

import os
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from genreflow.cli.check import config_of
from genreflow.cli.run import SNAKEFILE
from genreflow.datasets import catalog
from genreflow.datasets.names import printable
from genreflow.errors import UserError
from genreflow.plan.datasets import catalogue_path
from genreflow.plan.make import Plan, make_plan
from genreflow.plan.staleness import is_of, keys_of
from genreflow.project import layout
from genreflow.repair import Finding
from genreflow.store import costs, parquet
from genreflow.store.atomic import write_bytes
from genreflow.store.digest import file_sha256
from genreflow.store.walk import files_below

# Rules whose jobs take seconds, and those of which one shard is made once more.
_CHEAP = (
    "find_duplicates", "index_dataset", "list_quarantine", "assign_folds", "audit_leakage", "map_library",
    "evaluate_study", "draw_figure", "write_report", "write_overview",
)  # fmt: skip
_SAMPLED = ("normalise_audio", "cut_slices")
_PAGES = ("write_report", "write_overview")
_NUMBER = re.compile(rb"\d+(?:[.,]\d+)*")


@dataclass
class Compared:
    """What came of making products once more.

    Attributes
    ----------
    same
        How many were the same.
    findings
        Those that were not.
    problem
        Why others could not be made; empty if all were.
    """

    same: int = 0
    findings: list[Finding] = field(default_factory=list)
    problem: str = ""


def plan_of(configfiles: Sequence[Path], entries: Sequence[str]) -> Plan:
    """Return what these settings ask for, with the tracks as they were catalogued."""
    return make_plan(config_of(configfiles, entries), home=SNAKEFILE.parent, refresh=False)


def outdated(plan: Plan) -> list[Finding]:
    """Return the products that are missing, or of another key than code, settings and tracks have now."""
    found = []
    for name, key in keys_of(plan).items():
        path = Path(name)
        if not path.exists():
            found.append(Finding(path, f"{path} is missing."))
        elif not is_of(path, key):
            found.append(Finding(path, f"{path} is of other code, settings or tracks than there are now."))
    return found


def altered_music(plan: Plan) -> Iterator[Finding]:
    """Read all music again; yield the tracks whose bytes are not those that were catalogued, or that went."""
    for dataset in plan.datasets.values():
        root = os.fsencode(catalog.root_of(catalogue_path(dataset.name)))
        for row in dataset.listed.select(["path", "sha256", "reason"]).to_pylist():
            path = os.path.join(root, row["path"])
            if row["reason"].startswith("Q_") or not re.fullmatch("[0-9a-f]{64}", row["sha256"]):
                continue
            try:
                if file_sha256(path) == row["sha256"]:
                    continue
                problem = "has other bytes than when it was catalogued."
            except OSError as error:
                problem = f"cannot be read: {error.strerror}."
            yield Finding(Path(os.fsdecode(path)), f"{printable(path)} {problem}")


@contextmanager
def made_once_more(plan: Plan, command: Sequence[str]) -> Iterator[tuple[Path, Compared]]:
    """Make what is cheap, and a shard of each dataset, once more in a folder of its own; yield it and the comparison.

    Parameters
    ----------
    plan
        Of the working folder, which is the current one; nothing in it is touched.
    command
        Snakemake's command, with its settings.
    """
    here = Path.cwd()
    with tempfile.TemporaryDirectory(prefix=".verify-", dir=here) as place:
        folder = Path(place)
        for path in here.iterdir():
            if path.name not in (layout.RESULTS, layout.LOGS, ".snakemake") and not path.name.startswith(".verify-"):
                (folder / path.name).symlink_to(path)
        _mirror(Path(layout.RESULTS), folder / layout.RESULTS, set(_cheap_products(plan)) | set(_sample(plan)))
        rules = ["--directory", place, "--nolock", "--rerun-triggers", "mtime", "--allowed-rules", *_CHEAP, *_SAMPLED]
        _copy_costs(folder)
        first = subprocess.run([*command, *rules, "--omit-from", *_PAGES], capture_output=True, text=True)
        _copy_costs(folder)  # pages tell what jobs took: those of the products, not of these
        second = subprocess.run([*command, *rules], capture_output=True, text=True)
        yield folder, _compared(folder, first.stderr + second.stderr if first.returncode or second.returncode else "")


def replace(found: Sequence[Finding], folder: Path) -> None:
    """Put the products that were made once more in the place of others, with the times of these."""
    for path in (finding.path for finding in found):
        stamp = path.stat() if path.exists() else None
        write_bytes(path, (folder / path).read_bytes())
        if stamp is not None:
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def _cheap_products(plan: Plan) -> Iterator[Path]:
    yield from map(Path, (f"{layout.QUARANTINE}.csv", f"{layout.QUARANTINE}.parquet", layout.OVERVIEW))
    for dataset in plan.datasets.values():
        yield Path(layout.DUPLICATES.format(dataset=dataset.name))
        yield from (Path(each.index) for each in dataset.inputs.values())
    for study in plan.studies.values():
        home = Path(layout.STUDY.format(study=study.name))
        yield from (Path(path.format(study=study.name)) for path in (layout.SINGLE_PAGE, layout.MAP))
        for room in ("protocols", "tables", "figures", "report"):
            yield from files_below(home / room)


def _sample(plan: Plan) -> Iterator[Path]:
    """Yield the products of one shard of each dataset, drawn at random."""
    for dataset in plan.datasets.values():
        shard = random.choice(dataset.shards)
        audio = Path(layout.AUDIO_FOLDER.format(dataset=dataset.name))
        yield audio / f"{shard}.parquet"
        yield from (Path(each.shard(shard)) for each in dataset.inputs.values())
        try:
            names = parquet.read_table(audio / f"{shard}.parquet", "audio", ["ogg"])["ogg"].to_pylist()
        except UserError:  # damaged, which is found by its checksum
            continue
        yield from (audio / name for name in names if name)


def _mirror(results: Path, copy: Path, without: set[Path]) -> None:
    """Make a folder of links to the files of another, with their times, some left out."""
    for path in files_below(results):
        if path in without or path.name.startswith("."):
            continue
        link, stamp = copy / path.relative_to(results), path.stat()
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
        os.utime(link, ns=(stamp.st_atime_ns, stamp.st_mtime_ns), follow_symlinks=False)


def _copy_costs(folder: Path) -> None:
    for path in (log for log in files_below(Path(layout.LOGS)) if log.name.endswith(costs.SUFFIX)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / path)


def _compared(folder: Path, problem: str) -> Compared:
    compared = Compared()
    if problem:
        told = [line for line in problem.splitlines() if line.strip()]
        compared.problem = told[-1] if told else "snakemake could not go on"
    for path in sorted((folder / layout.RESULTS).rglob("*")):
        if path.is_symlink() or not path.is_file() or path.name.startswith(".") or path.name == "catalog.parquet":
            continue
        mine = path.relative_to(folder)
        if _is_same(mine, path):
            compared.same += 1
        else:
            compared.findings.append(Finding(mine, f"{mine} is damaged (made once more, it is another)."))
    return compared


def _is_same(path: Path, again: Path) -> bool:
    """Tell whether two products are the same; pages may differ in the seconds that jobs took."""
    try:
        mine, other = path.read_bytes(), again.read_bytes()
    except OSError:
        return False
    if path.suffix == ".html" or path.name == "cost.csv":
        mine, other = (_NUMBER.sub(b"0", each) for each in (mine, other))
    return mine == other


def as_plain(compared: Compared) -> Mapping[str, object]:
    """Return the comparison for programs."""
    return {
        "same": compared.same,
        "differ": [str(each.path) for each in compared.findings],
        "problem": compared.problem,
    }
