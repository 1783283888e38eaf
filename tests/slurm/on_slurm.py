"""The workflow on a real Slurm of two pretend nodes: `make test-slurm`; of which CI runs what is not slow.

It installs Slurm where it may. Where it may not, it says so and exits with code 77: that is no failure of genreflow.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pretend_cluster import CannotRunError, PretendCluster, SlurmJob
from project import HOME, Project

from genreflow.store.costs import SUFFIX, attempts

NOT_RUN = 77
# What the pretend cluster needs besides the profile: it has no accounting, and a test does not wait for a busy cluster.
PROFILE = (
    "--workflow-profile", "slurm", "--slurm-status-command", "squeue",
    "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2",
)  # fmt: skip
GENERIC = ("--workflow-profile", "cluster-generic", "--seconds-between-status-checks", "2")
PATIENCE_S = 300


@pytest.fixture(scope="session")
def cluster() -> Iterator[PretendCluster]:
    try:
        with PretendCluster.started() as cluster:
            yield cluster
    except CannotRunError as reason:
        pytest.exit(f"NOT RUN ON SLURM: {reason}.", returncode=NOT_RUN)


@pytest.fixture(scope="module")
def built(cluster, tmp_path_factory) -> Project:
    """The project as it is built without Slurm; not to be changed."""
    project = Project.make(tmp_path_factory.mktemp("local"))
    project.edit("my.yaml", "device: cpu", "device: auto")  # with `cpu` no GPU would be asked for
    project.build()
    return project


@pytest.fixture(scope="module")
def trained(built, tmp_path_factory) -> Project:
    """The project with trainings that take a while, trained without Slurm; not to be changed."""
    project = longer(built.copy(tmp_path_factory.mktemp("trained") / "project"))
    project.build("train")
    return project


@pytest.fixture
def untrained(built, tmp_path) -> Project:
    """A copy that wants the same trainings."""
    return longer(built.copy(tmp_path / "project"))


def longer(project: Project) -> Project:
    project.edit("tiny.yaml", "epochs: 1", "epochs: 150")
    project.edit("tiny.yaml", "[mean, max]", "[mean]")
    return project


def table(title: str, jobs: list[SlurmJob]) -> None:
    """Print the jobs of a test."""
    print(f"\n{title}\n   job  {'rule':36} {'partition':9} {'node':6} cpus     MB  min gpus  runs  state")
    for job in jobs:
        print(
            f"{job.number:6}  {job.rule:36} {job.partition:9} {job.node:6} {job.cpus:4} {job.memory_mb:6} "
            f"{job.minutes:4} {job.gpus:4}  {job.runs:4}  {job.state}"
        )


def weights(project: Project) -> dict[str, str]:
    return {path: sha for path, sha in project.hashes().items() if path.endswith("model.safetensors")}


def same_weights(project: Project, trained: Project) -> None:
    mean = {path: sha for path, sha in weights(trained).items() if "pool=mean" in path}
    assert len(mean) == 3
    assert {path: sha for path, sha in weights(project).items() if "pool=mean" in path} == mean


def running(cluster: PretendCluster, since: int) -> list[SlurmJob]:
    return [job for job in cluster.jobs() if job.number > since and job.state == "RUNNING" and job.rule == "train_run"]


def at_work(cluster: PretendCluster, since: int) -> list[SlurmJob]:
    """Return the trainings that run, or have ended and not left their node yet."""
    states = ("RUNNING", "COMPLETING")
    return [job for job in cluster.jobs() if job.number > since and job.state in states and job.rule == "train_run"]


def numbers(jobs: list[SlurmJob]) -> set[int]:
    return {job.number for job in jobs}


def last_number(cluster: PretendCluster) -> int:
    return max((job.number for job in cluster.jobs()), default=0)


def has_checkpoint(project: Project, job: SlurmJob) -> bool:
    fold = job.wildcards.rpartition("_")[2]
    return bool(list(project.work.glob(f"results/tiny/runs/*/*/fold-{fold}/.checkpoint")))


@contextmanager
def heading(project: Project, *arguments: str) -> Iterator[subprocess.Popen]:
    """Start snakemake, and see to it that it has ended."""
    head = project.start(*arguments)
    try:
        yield head
    finally:
        if head.poll() is None:
            os.killpg(head.pid, signal.SIGKILL)
            head.communicate()


@pytest.fixture(scope="module")
def ran(cluster, built, tmp_path_factory) -> tuple[Project, list[SlurmJob]]:
    """A run from nothing through profiles/slurm, during which a track appears in the music; and its jobs."""
    since = last_number(cluster)
    project = Project(tmp_path_factory.mktemp("slurm") / "project")
    shutil.copytree(built.home, project.home)
    project.work.mkdir()
    shutil.copytree(built.work / "music", project.work / "music")
    for name in ("my.yaml", "tiny.yaml"):
        shutil.copy2(built.work / name, project.work / name)
    with heading(project, *PROFILE) as head:
        cluster.wait(lambda: last_number(cluster) > since or head.poll() is not None, PATIENCE_S, "a first job")
        project.add_track("low/late.wav", 99)
        printed, _ = head.communicate()
    jobs = [job for job in cluster.jobs() if job.number > since]
    table("The whole run through profiles/slurm", jobs)
    assert head.returncode == 0, printed + cluster.last_words()
    return project, jobs


def test_products_are_those_of_a_local_run(ran, built):
    project, _ = ran
    own, expected = project.hashes(), built.hashes()
    equal = len(own.items() & expected.items())
    print(f"\n{len(expected)} products without Slurm, {len(own)} with it, {equal} of them the same bytes")
    assert own == expected


def test_every_job_was_one_that_slurm_completed(ran):
    _, jobs = ran
    assert {(job.state, job.runs) for job in jobs} == {("COMPLETED", 1)}


def test_trainings_get_a_gpu_each_and_nothing_else_does(ran):
    _, jobs = ran
    trainings = [job for job in jobs if job.rule == "train_run"]
    assert len(trainings) == 5
    assert {(job.gpus, job.partition, job.node) for job in trainings} == {(1, "gpu", "gpu01")}
    assert {(job.gpus, job.partition, job.node) for job in jobs if job not in trainings} == {(0, "cpu", "cpu01")}


def test_small_jobs_go_together_and_ask_for_what_one_of_them_needs(ran):
    """Slurm's executor runs the jobs of a group one after another."""
    project, jobs = ran
    [shards] = [job for job in jobs if "cut_slices" in job.rule]
    [figures] = [job for job in jobs if "draw_figure" in job.rule]
    assert (shards.cpus, figures.cpus) == (4, 1)
    assert len(list((project.work / "results").rglob("figures/*.png"))) > 5
    [table] = [job for job in jobs if job.rule == "find_duplicates"]  # nearly as large as one figure
    assert table.memory_mb <= figures.memory_mb < 2 * table.memory_mb


def test_a_track_that_comes_during_the_run_waits_for_the_next(ran):
    """The catalog is the business of the process that the user started, and not of jobs on nodes."""
    project, _ = ran
    assert pq.read_metadata(project.work / "results/tiny/catalog.parquet").num_rows == 8
    assert "normalize_audio" in project.jobs()


def test_what_each_job_took_is_on_record(ran):
    project, _ = ran
    logs = {log.with_suffix("") for log in (project.work / "logs").rglob("*.log")}
    costs = {cost.with_name(cost.name.removesuffix(SUFFIX)) for cost in project.work.rglob(f"*{SUFFIX}")}
    assert len(logs) > 20
    assert costs == logs
    assert [record["done"] for log in logs for record in attempts(f"{log}.log")] == [True] * len(logs)


@pytest.mark.slow
def test_the_demo_ends_in_the_products_of_a_local_run(cluster, tmp_path):
    since = last_number(cluster)
    local, sent = (Project.make(tmp_path / place, tracks_per_class=0) for place in ("local", "sent"))
    for project in (local, sent):
        (project.work / "my.yaml").write_text("limits: {train_threads: 1}\n")  # which decides how sums are rounded
    local.build("--resources", "gpu=2")
    code, printed = sent.run(*PROFILE)
    table("The demo through profiles/slurm", [job for job in cluster.jobs() if job.number > since])
    assert code == 0, printed
    own, expected = sent.hashes(), local.hashes()
    equal = len(own.items() & expected.items())
    print(f"\n{len(expected)} products without Slurm, {equal} of them the same bytes with it")
    assert own == expected


@pytest.mark.slow
def test_a_killed_head_whose_jobs_run_on_does_no_harm(cluster, untrained, trained):
    since = last_number(cluster)
    with heading(untrained, "train", *PROFILE):
        cluster.wait(lambda: len(running(cluster, since)) == 3, PATIENCE_S, "three trainings")
    orphans = [job for job in cluster.jobs() if job.number > since]
    assert untrained.run("--unlock", "--cores", "1")[0] == 0
    between = last_number(cluster)
    code, printed = untrained.run("train", *PROFILE)

    cluster.wait(lambda: not at_work(cluster, since), PATIENCE_S, "the orphans' end")
    jobs = [job for job in cluster.jobs() if job.number > since]
    table(f"The head was killed after job {between}, and another one started", jobs)
    assert code == 0, printed
    assert {job.wildcards for job in orphans} <= {job.wildcards for job in jobs if job.number > between}
    same_weights(untrained, trained)
    assert untrained.jobs("train") == {}
    assert not list((untrained.work / "results").rglob("*.tmp"))


@pytest.mark.slow
def test_what_the_documentation_says_cancels_the_jobs_of_this_folder_alone(cluster, untrained):
    since = last_number(cluster)
    other = subprocess.run(
        ["sbatch", "--parsable", "--chdir=/", "--output=/dev/null", "--wrap=sleep 600"], capture_output=True, text=True
    )
    with heading(untrained, "train", *PROFILE):
        cluster.wait(lambda: len(running(cluster, since)) == 3, PATIENCE_S, "three trainings")
    [command] = re.findall(r"^squeue .*scancel$", (HOME / "docs/clusters.md").read_text(), re.M)
    subprocess.run(command, shell=True, check=True, cwd=untrained.work)
    cluster.wait(lambda: not at_work(cluster, since), PATIENCE_S, "the orphans' end")
    states = {job.number: job.state for job in cluster.jobs() if job.number > since}
    assert states.pop(int(other.stdout)) in ("RUNNING", "PENDING")
    assert set(states.values()) == {"CANCELLED"}
    cluster.cancel(int(other.stdout))


@pytest.mark.slow
def test_any_batch_system_will_do(cluster, built, tmp_path):
    """profiles/cluster-generic, with Slurm's commands: from the slices on."""
    since = last_number(cluster)
    project = built.copy(tmp_path / "project")
    shutil.rmtree(project.work / "results/tiny/runs")
    code, printed = project.run(*GENERIC)
    jobs = [job for job in cluster.jobs() if job.number > since]
    table("Training and all that follows through profiles/cluster-generic", jobs)
    assert code == 0, printed
    assert sorted((job.gpus, job.node) for job in jobs) == [(0, "cpu01")] * 3 + [(1, "gpu01")] * 5
    assert {job.state for job in jobs} == {"COMPLETED"}
    assert project.hashes() == built.hashes()


@pytest.mark.slow
def test_a_job_that_fails_is_not_waited_for(cluster, built, tmp_path):
    """The status command of profiles/cluster-generic sees what has become of a job that was cancelled."""
    script = built.home / "profiles/cluster-generic/status.sh"
    job = subprocess.run(
        ["sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 600"], capture_output=True, text=True
    )
    number = job.stdout.strip()
    cluster.wait(lambda: status(script, number) == "running", 30, "running")
    cluster.cancel(int(number))
    cluster.wait(lambda: status(script, number) == "failed", 30, "failed")
    assert status(script, "99999999") == "failed"


def status(script: Path, number: str) -> str:
    return subprocess.run([script, number], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_a_cancelled_job_a_killed_one_and_a_lost_node_end_in_the_same_weights(cluster, untrained, trained):
    # The last test: Slurm 22.05 may count a GPU of the lost node as taken for ever.
    since = last_number(cluster)
    with heading(untrained, "train", *PROFILE) as head:

        def next_victim(*but: int) -> SlurmJob:
            """Return a training that has written a checkpoint, other than these."""

            def finished() -> list[SlurmJob]:
                assert head.poll() is None, head.communicate()[0]
                jobs = [job for job in running(cluster, since) if job.number not in but]
                return [job for job in jobs if has_checkpoint(untrained, job)]

            cluster.wait(finished, PATIENCE_S, "a training with a checkpoint")
            return finished()[0]

        cancelled = next_victim()
        cluster.cancel(cancelled.number)
        killed = next_victim(cancelled.number)
        scripts = [
            process for process in cluster.processes(killed) if "/.snakemake/scripts/" in " ".join(process.cmdline())
        ]
        assert scripts
        for process in scripts:
            process.send_signal(signal.SIGKILL)
        cluster.wait(lambda: killed.number not in numbers(at_work(cluster, since)), 60, "the killed job's end")
        lost = next_victim(cancelled.number, killed.number)
        cluster.lose("gpu01")
        cluster.wait(lambda: lost.number not in numbers(running(cluster, since)), 120, "the lost node noticed")
        cluster.bring_back("gpu01")
        printed, _ = head.communicate()

    jobs = {job.number: job for job in cluster.jobs() if job.number > since}
    table(f"Cancelled: {cancelled.number}; killed: {killed.number}; on the lost node: {lost.number}", [*jobs.values()])
    assert head.returncode == 0, printed
    assert (jobs[cancelled.number].state, jobs[killed.number].state) == ("CANCELLED", "FAILED")
    for victim in (cancelled, killed):
        again = next(job for job in jobs.values() if job.wildcards == victim.wildcards and job.number > victim.number)
        assert again.memory_mb == 2 * victim.memory_mb
        assert again.minutes == 2 * victim.minutes
    assert jobs[lost.number].runs == 2
    same_weights(untrained, trained)
    runs = [json.loads(path.read_text()) for path in untrained.work.glob("results/tiny/runs/*/pool=mean/*/run.json")]
    assert sum(run["resumed"] for run in runs) >= 2
    assert untrained.jobs("train") == {}
