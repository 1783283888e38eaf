"""A tiny project built up to each of its stages, and what an undisturbed run of that stage does and leaves."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from project import Project

LEFT_BY_A_KILL = ".mapped-"
_NORMALIZED = re.compile(r"tiny/audio/ogg/\w+/\w+\.ogg")


@dataclass(frozen=True)
class Stage:
    """A stage: its products below results/, what it reads below the user's folder, and who uses files in it.

    Of a costly one a cell makes only the products with `part` in their names.
    """

    name: str
    products: tuple[str, ...]
    reads: str
    who: str = "job"
    part: str = ""


STAGES = [
    Stage("catalog", ("tiny/catalog.parquet",), "music/*/*.wav", who="head"),
    Stage("normalize", ("tiny/audio/s*.parquet", "tiny/audio/ogg/*/*.ogg"), "music/*/*.wav", who="job worker"),
    Stage("duplicates", ("tiny/duplicates.parquet",), "results/tiny/audio/s*.parquet"),
    Stage("cut", ("tiny/slices/*/s*.parquet",), "results/tiny/audio/ogg/*/*.ogg"),
    Stage("index", ("tiny/slices/*/index.parquet", "quarantine.*"), "results/tiny/slices/*/s*.parquet"),
    Stage("folds", ("tiny/protocols/*/*",), "results/tiny/slices/*/index.parquet"),
    Stage("train", ("tiny/runs/*/*/fold-*/*",), "results/tiny/slices/*/s*.parquet", part="pool=mean/fold-2/"),
    Stage("map", ("tiny/inspection/map.parquet",), "results/tiny/slices/*/s*.parquet"),
    Stage("evaluate", ("tiny/tables/*",), "results/tiny/runs/*/*/fold-*/predictions.parquet"),
    Stage("figures", ("tiny/figures/*",), "results/tiny/tables/*.parquet", part="figures/confusion-"),
    Stage("report", ("tiny/report/**/*", "tiny/report.html", "index.html"), "results/tiny/tables/*.parquet"),
]
# The catalog is brought up to date by every run: what is made of it first is there already.
_BESIDE = {"catalog": "duplicates"}


@dataclass(frozen=True)
class Moment:
    """One use of a file: o(pen to read), r(ead), c(reate), w(rite), s(ync) or n (rename), and by whom."""

    op: str
    who: str


@dataclass
class Base:
    """A project whose products are there up to a stage, and what the stage is when nothing disturbs it.

    Attributes
    ----------
    project, whole
        What a cell starts from, and the same with all stages done.
    expected
        Product below results/ -> digest of its content, empty if it holds times; when the stage is done.
    made
        Those of them that the stage makes.
    """

    stage: Stage
    project: Project
    whole: Project
    shim: Path
    expected: Mapping[str, str]
    made: Sequence[str]
    sizes: Mapping[str, int]
    moments: list[Moment] = field(default_factory=list)

    @property
    def targets(self) -> list[str]:
        """What the command asks for."""
        if self.stage.name == "catalog":
            return ["audio"]
        return [f"results/{name}" for name in self.expected if _is_target(name)]

    @property
    def watched(self) -> str:
        """Parts of the paths of all that the stage reads and writes."""
        patterns = [self.stage.reads, *(f"results/{pattern}" for pattern in self.stage.products)]
        return ":".join(sorted({pattern.partition("*")[0] for pattern in patterns}))

    @property
    def pages(self) -> int:
        """The room that what it makes takes on a disk, in pages of 4 KiB."""
        return sum(-(-self.sizes[name] // 4096) for name in self.made)

    @property
    def kinds(self) -> dict[str, list[str]]:
        """The products by what they are called, for all but the catalog."""
        result = defaultdict(list)
        for name in self.made:
            path = Path(name)
            result[path.suffix if path.suffix in (".ogg", ".png", ".svg", ".csv") else path.name].append(name)
        return {} if self.stage.name == "catalog" else dict(result)

    def problem(self, project: Project) -> str:
        """Return in what the products of a project are not those of an undisturbed run; nothing if they are."""
        return differences(self.expected, project)


def prepare(
    folder: Path, stages: Sequence[Stage], shim: Path, cell: type, *, built: Path | None, map: Callable
) -> Iterator[Base]:
    """Build the project, and for each stage a copy that lacks the stage and all after it; run each once, watched."""
    library = folder / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, shim, "-ldl"], check=True)
    if built is None:
        built = folder / "built"
        Project.make(built).build()
    return map(lambda stage: _base(folder, Project(built), stage, library, cell), stages)


def _base(folder: Path, built: Project, stage: Stage, shim: Path, cell: type) -> Base:
    by_stage = {each.name: _products(built, each) for each in STAGES}
    names = [each.name for each in STAGES]
    there = names[: names.index(_BESIDE.get(stage.name, stage.name)) + 1]
    known = contents(built)
    expected = {name: known[name] for each in there for name in by_stage[each]}
    made = [name for name in by_stage[stage.name] if stage.part in name]
    project = built.copy(folder / f"base-{stage.name}")
    results = project.work / "results"
    for name in known:
        if name not in expected or name in made:
            (results / name).unlink()
    sizes = {name: (built.work / "results" / name).stat().st_size for name in made}
    base = Base(stage, project, built, shim, expected, made, sizes)
    place = folder / f"undisturbed-{stage.name}"
    place.mkdir()
    undisturbed = cell(base, place, None)
    undisturbed.again(ops="orcwsn", at=0)
    lines = [line.split(maxsplit=3) for line in (undisturbed.control / "moments").read_text().splitlines()]
    base.moments = [Moment(op, who) for _, op, who, *_ in lines]
    shutil.rmtree(place)
    return base


def differences(expected: Mapping[str, str], project: Project) -> str:
    """Return in what the products of a project are not those expected; nothing if they are."""
    result = contents(project)
    missing, more = expected.keys() - result.keys(), result.keys() - expected.keys()
    # What a track was for a while is kept as it was normalized, should it be so again.
    more = {name for name in more if not _NORMALIZED.fullmatch(name)}
    others = [name for name, content in expected.items() if result.get(name, content) != content]
    differences = {"missing": missing, "left over": more, "not the same": others}
    return "; ".join(f"{what}: {', '.join(sorted(names)[:3])}" for what, names in differences.items() if names)


def contents(project: Project) -> dict[str, str]:
    """Return the digest of every file below results/; of what holds times, nothing but that it is there."""
    results = project.work / "results"
    files = (path for path in results.rglob("*") if path.is_file() and not path.name.startswith(LEFT_BY_A_KILL))
    result = {str(path.relative_to(results)): "" for path in files} | project.hashes()
    with suppress(FileNotFoundError, pa.ArrowInvalid):
        catalog = pq.read_table(results / "tiny/catalog.parquet").drop(["mtime_ns", "ctime_ns"])
        result["tiny/catalog.parquet"] = hashlib.sha256(repr(catalog.to_pydict()).encode()).hexdigest()
    return result


def _products(project: Project, stage: Stage) -> list[str]:
    results = project.work / "results"
    result = {path for pattern in stage.products for path in results.glob(pattern) if path.is_file()}
    return sorted(str(path.relative_to(results)) for path in result if not path.name.startswith("."))


def _is_target(name: str) -> bool:
    """Tell whether a rule names a product: not what lies beside a table or a page."""
    return not name.endswith((".ogg", "/catalog.parquet")) and (
        "/report/" not in name or name.endswith("/report/index.html")
    )
