"""Checks of `genreflow verify --deep` beyond checksums: keys, music, and products made once more.

Products hold the key that they were made with; the present code, settings and tracks must give the same one. Cheap
products are made once more in a separate folder and compared. For those without a checksum, such as figures, this is
the only check.
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
from genreflow.cli.places import SNAKEFILE
from genreflow.datasets import catalog
from genreflow.datasets.names import printable
from genreflow.errors import UserError
from genreflow.plan.datasets import catalog_path
from genreflow.plan.make import Plan, make_plan
from genreflow.plan.staleness import is_of, keys_of
from genreflow.project import layout
from genreflow.repair import Finding
from genreflow.store import costs, parquet
from genreflow.store.atomic import write_bytes
from genreflow.store.digest import file_sha256
from genreflow.store.walk import files_below

# Rules whose jobs take seconds, and rules of which one shard is made.
_CHEAP = (
    "find_duplicates", "index_dataset", "list_quarantine", "assign_folds", "audit_leakage", "map_library",
    "evaluate_study", "draw_figure", "print_figure", "write_report", "write_overview",
)  # fmt: skip
_SAMPLED = ("normalize_audio", "cut_slices")
_PAGES = ("write_report", "write_overview")
_TIMES = re.compile(rb'<section id="cost".*?</section>|<td class="timed.*?</td>', re.DOTALL)


@dataclass
class Compared:
    """Comparison of products with those made once more.

    Attributes
    ----------
    same
        Number of equal products.
    findings
        Products that differ.
    problem
        Reason why others could not be made; empty if all were.
    """

    same: int = 0
    findings: list[Finding] = field(default_factory=list)
    problem: str = ""


def plan_of(configfiles: Sequence[Path], entries: Sequence[str]) -> Plan:
    """Return the plan of these settings with the cataloged tracks."""
    return make_plan(config_of(configfiles, entries), home=SNAKEFILE.parent, refresh=False)


def outdated(plan: Plan) -> list[Finding]:
    """Return the products that are missing, or have another key than the plan."""
    findings = []
    for name, key in keys_of(plan).items():
        path = Path(name)
        if not path.exists():
            findings.append(Finding(path, f"{path} is missing."))
        elif not is_of(path, key):
            findings.append(Finding(path, f"{path} was made from other code, settings or tracks."))
    return findings


def altered_music(plan: Plan) -> Iterator[Finding]:
    """Read all music again; yield the tracks whose bytes changed since they were cataloged, or that are gone."""
    for dataset in plan.datasets.values():
        root = os.fsencode(catalog.root_of(catalog_path(dataset.name)))
        for row in dataset.listed.select(["path", "sha256", "reason"]).to_pylist():
            path = os.path.join(root, row["path"])
            if row["reason"].startswith("Q_") or not re.fullmatch("[0-9a-f]{64}", row["sha256"]):
                continue
            try:
                if file_sha256(path) == row["sha256"]:
                    continue
                problem = "changed since it was cataloged."
            except OSError as error:
                problem = f"cannot be read: {error.strerror}."
            yield Finding(Path(os.fsdecode(path)), f"{printable(path)} {problem}")


@contextmanager
def made_once_more(plan: Plan, command: Sequence[str]) -> Iterator[tuple[Path, Compared]]:
    """Make cheap products, and a shard of each dataset, in a separate folder; yield the folder and the comparison.

    Parameters
    ----------
    plan
        Plan of the current folder, in which nothing is changed.
    command
        Snakemake's command with its settings.
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
        _copy_costs(folder)  # pages show the cost of the jobs that made the products, not of these jobs
        second = subprocess.run([*command, *rules], capture_output=True, text=True)
        yield folder, _compared(folder, first.stderr + second.stderr if first.returncode or second.returncode else "")


def replace(findings: Sequence[Finding], folder: Path) -> None:
    """Replace products by those made once more, keeping modification times."""
    for path in (finding.path for finding in findings):
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
            # The placement is no product: folds made once more are made of it.
            yield from (path for path in files_below(home / room) if path.name != Path(layout.PLACEMENT).name)


def _sample(plan: Plan) -> Iterator[Path]:
    """Yield the products of a random shard of each dataset."""
    for dataset in plan.datasets.values():
        shard = random.choice(dataset.shards)
        audio = Path(layout.AUDIO_FOLDER.format(dataset=dataset.name))
        yield audio / f"{shard}.parquet"
        yield from (Path(each.shard(shard)) for each in dataset.inputs.values())
        try:
            names = parquet.read_table(audio / f"{shard}.parquet", "audio", ["ogg"])["ogg"].to_pylist()
        except UserError:  # damage that the checksums have found
            continue
        yield from (audio / name for name in names if name)


def _mirror(results: Path, copy: Path, without: set[Path]) -> None:
    """Link the files of a folder from another, with their times, except some."""
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
        lines = [line for line in problem.splitlines() if line.strip()]
        compared.problem = lines[-1] if lines else "Snakemake failed"
    for path in sorted((folder / layout.RESULTS).rglob("*")):
        if path.is_symlink() or not path.is_file() or path.name.startswith(".") or path.name == "catalog.parquet":
            continue
        product = path.relative_to(folder)
        if _is_same(product, path):
            compared.same += 1
        else:
            compared.findings.append(Finding(product, f"{product} is damaged (made once more, it differs)."))
    return compared


def _is_same(path: Path, again: Path) -> bool:
    """Return whether two products are equal; pages may differ in the cost of jobs, which repairs add to."""
    try:
        old, new = path.read_bytes(), again.read_bytes()
    except OSError:
        return False
    if path.suffix == ".html":
        old, new = (_TIMES.sub(b"", content) for content in (old, new))
    return old == new


def as_plain(compared: Compared) -> Mapping[str, object]:
    """Return the comparison as a JSON object."""
    return {
        "same": compared.same,
        "differ": [str(each.path) for each in compared.findings],
        "problem": compared.problem,
    }
