"""Check the model of docs/scaling.md against the real job graph on simulated nodes.

    python benchmarks/simulated_cluster.py [TRACKS NODES ...]

Every job of the psytrance CNN study sleeps for the time that the model predicts, divided so that the run takes about
half a minute, and occupies one of a number of nodes, which are a resource of Snakemake. Order, waiting and Snakemake's
own time are real; the work is not. Without arguments: 1,000 tracks on 1, 4, 16 and 64 nodes, and 30,000 on 256. About
five minutes on two cores.
"""

import math
import re
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scheduling import SNAKEMAKE, make_project, stand_in, timed

RUNS, CASES = 16, ((1_000, 1), (1_000, 4), (1_000, 16), (1_000, 64), (30_000, 256))
WANTED_SECONDS = 30  # of sleep on the longest way through a run
WORK = 'sleep "$(cat "times/{rule}")" && for file in {output}; do cp stub.parquet "$file"; done'
LOCAL = ("index_dataset", "list_quarantine", "assign_folds", "audit_leakage", "write_overview")


@dataclass(frozen=True)
class Costs:
    """What docs/scaling.md measures, on nodes of two cores: s an hour of audio, a slice, or a track."""

    hours_a_track: float = 1 / 12
    normalize: float = 10.5  # s of a node an hour of audio
    cut: float = 0.8  # likewise
    train: float = 4.3e-3 / 2  # s of a node a slice and epoch
    epochs: int = 20
    slices: int = 30
    training_share: float = 0.8
    a_job: float = 0.015  # s of Snakemake, on the one machine where it runs


@dataclass(frozen=True)
class Stage:
    """Jobs of one rule that may run side by side, and what each takes on a node, s."""

    rule: str
    jobs: int
    seconds: float


def stages(tracks: int, shards: int, costs: Costs) -> list[Stage]:
    """Return the stages of a run in their order; what looks at all tracks grows with their number."""
    shard_hours = tracks * costs.hours_a_track / shards
    whole = tracks / 30_000
    slices = tracks * costs.slices * costs.training_share
    return [
        Stage("normalize_audio", shards, shard_hours * costs.normalize),
        Stage("cut_slices", shards, shard_hours * costs.cut),
        Stage("find_duplicates", 1, 45 * whole),
        Stage("index_dataset", 1, 7 * whole),
        Stage("assign_folds", 1, 7 * whole),
        Stage("train_run", RUNS, costs.epochs * slices * costs.train),
        Stage("evaluate_study", 1, 60 * whole),
        Stage("draw_figure", 7, 10 + 20 * whole),
        Stage("write_report", 1, 60 * whole),
    ]


def makespan(plan: Iterable[Stage], nodes: int, a_job: float) -> float:
    """Return how long a run takes by the model, s.

    The jobs of a stage are alike and go through in rounds; a stage begins when the one before has ended. But no more
    jobs begin than Snakemake can begin.
    """
    return sum(max(math.ceil(stage.jobs / nodes) * stage.seconds, stage.jobs * a_job) for stage in plan)


def main() -> None:
    given = [int(each) for each in sys.argv[1:]]
    for tracks, nodes in [(given[0], nodes) for nodes in given[1:]] if given else CASES:
        with tempfile.TemporaryDirectory() as name:
            simulate(Path(name), tracks, nodes, Costs())


def simulate(folder: Path, tracks: int, nodes: int, costs: Costs) -> None:
    """Run the job graph on pretend nodes, and print how long it took and should have taken."""
    make_project(folder, tracks)
    snakefile = stand_in(folder / "stand_in", WORK)
    common = ("--snakefile", str(snakefile), "--configfile", "my.yaml")
    planned = timed(SNAKEMAKE, "--dry-run", *common, cwd=folder)
    plan = stages(tracks, planned.jobs["cut_slices"], costs)
    factor = makespan(plan, nodes, 0) / WANTED_SECONDS
    (folder / "times").mkdir()
    for rule in planned.jobs:
        (folder / "times" / rule).write_text("0")
    for stage in plan:
        (folder / "times" / stage.rule).write_text(f"{stage.seconds / factor:.4f}")
    hurried = [Stage(stage.rule, stage.jobs, stage.seconds / factor) for stage in plan]
    predicted = planned.seconds + makespan(hurried, nodes, costs.a_job)
    local = [f"{rule}:node=0" for rule in LOCAL]
    command = (SNAKEMAKE, *common, "--cores", "100000", "--resources", f"node={nodes}", "gpu=100000")
    took = timed(*command, "--default-resources", "node=1", "--set-resources", *local, cwd=folder)
    jobs = int(re.findall(r"(\d+) of \d+ steps", took.output)[-1])
    print(
        f"{tracks:>9,} tracks {jobs:>6,} jobs {nodes:>4} nodes, {factor:>7.0f} times as fast as life: predicted "
        f"{predicted:>6.1f} s, took {took.seconds:>6.1f} s ({took.seconds / predicted - 1:+.0%})",
        flush=True,
    )


if __name__ == "__main__":
    main()
