"""Kills, failures and mistakes: nothing stale is left standing, and nothing needs a hand."""

import json
import os
import signal
import subprocess
import time

import pytest
from project import Project

pytestmark = pytest.mark.end_to_end

GENREFLOW = ("genreflow", "run")


def kill_when(project: Project, pattern: str, *arguments: str) -> None:
    """Start a run and kill snakemake, not its jobs, as soon as a product of this name is there."""
    process = project.start("--cores", "2", *arguments)
    deadline = time.monotonic() + 120
    while not list((project.work / "results").glob(pattern)):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("tiny/audio/s*.parquet", marks=pytest.mark.slow),
        pytest.param("tiny/slices/*/s*.parquet", marks=pytest.mark.slow),
        "tiny/runs/*/*/fold-*/model.safetensors",
    ],
)
def test_a_run_killed_in_any_stage_ends_in_the_same_products(fresh, built, pattern):
    project = fresh()
    kill_when(project, pattern)
    code, printed = project.run("--cores", "2", front=GENREFLOW)
    assert code == 0, printed
    assert "taking over" in printed
    assert project.hashes() == built.hashes()
    assert project.jobs() == {}


def test_a_killed_run_does_not_let_older_products_stand(project):
    project.edit("tiny.yaml", "batch: 6", "batch: 8")
    before = project.hashes()
    for old in project.work.glob("results/tiny/runs/*/*/fold-1/run.json"):
        old.unlink()
    kill_when(project, "tiny/runs/*/*/fold-1/run.json")
    code, printed = project.run("--cores", "2", front=GENREFLOW)
    assert code == 0, printed
    after = project.hashes()
    changed = {path for path in before if before[path] != after[path]}
    assert {path for path in before if path.endswith("model.safetensors")} <= changed
    assert project.jobs() == {}


def test_a_failed_stage_does_not_let_older_products_stand(project, tmp_path):
    """Snakemake records a failed job as done; only complete targets and chained keys notice."""
    [shard, *_] = sorted(project.work.glob("results/tiny/slices/*/s*.parquet"))
    sound, stamp = shard.read_bytes(), shard.stat()

    project.edit("tiny.yaml", "batch: 6", "batch: 8")
    shard.write_bytes(sound[:-1_000])
    os.utime(shard, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    code, printed = project.run("--cores", "2")
    assert code == 1
    assert "Traceback" not in printed
    assert f"slices/{shard.parent.name}/{shard.name}" in printed

    shard.write_bytes(sound)
    os.utime(shard, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    counts = project.jobs()
    assert counts == {"train_run": 5, "evaluate_study": 1, "draw_figure": 7, "write_report": 1, "write_overview": 1}


def test_a_training_killed_midway_goes_on_from_its_checkpoint(project):
    project.edit("tiny.yaml", "epochs: 1", "epochs: 40")
    project.edit("tiny.yaml", "[mean, max]", "[mean]")
    undisturbed = project.copy(project.work.parents[1] / "undisturbed")
    undisturbed.build("train")

    kill_when(project, "tiny/runs/*/*/fold-*/.checkpoint", "train")
    trainings = ["pkill", "-9", "-f", f"{project.work}/.snakemake/scripts"]
    subprocess.run(trainings, check=False)  # snakemake's jobs outlive it
    assert list((project.work / "results").glob("tiny/runs/*/*/fold-*/.checkpoint"))
    code, printed = project.run("train", "--cores", "2", front=GENREFLOW)
    assert code == 0, printed
    runs = [json.loads(path.read_text()) for path in project.work.glob("results/tiny/runs/*/*/fold-*/run.json")]
    assert sum(run["resumed"] for run in runs) >= 1
    weights = {path: sha for path, sha in project.hashes().items() if path.endswith("model.safetensors")}
    assert weights.items() <= undisturbed.hashes().items()
    assert not list((project.work / "results").glob("**/.checkpoint*"))


def test_a_second_run_is_refused_while_the_first_lives(project):
    project.edit("tiny.yaml", "epochs: 1", "epochs: 50")
    first = project.start("--cores", "2", "--force", "train", front=GENREFLOW)
    try:
        time.sleep(6)
        assert first.poll() is None, first.communicate()[0]
        code, printed = project.run("--cores", "2", front=GENREFLOW)
        assert code == 3
        assert str(first.pid) in printed
        assert "Traceback" not in printed
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def test_a_plain_snakemake_is_seen_as_well(project):
    project.edit("tiny.yaml", "epochs: 1", "epochs: 50")
    first = project.start("--cores", "2", "train")
    try:
        time.sleep(6)
        assert first.poll() is None, first.communicate()[0]
        code, printed = project.run("--cores", "2", front=GENREFLOW)
        assert code == 3
        assert f"process {first.pid}" in printed
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("my.yaml", "datasets:", "datsets:", "Did you mean 'datasets'?"),
        ("my.yaml", "path: music", "path: musik", "'musik' does not exist"),
        ("my.yaml", "[tiny.yaml]", "[small.yaml]", "there is no file small.yaml"),
        ("tiny.yaml", "dataset: tiny", "dataset: tinny", "Did you mean 'tiny'?"),
        ("tiny.yaml", "psytrance_cnn:", "psytrance_cnm:", "Did you mean 'psytrance_cnn'?"),
        ("tiny.yaml", "pool: [mean, max]", "pol: [mean, max]", "Did you mean 'pool'?"),
        ("tiny.yaml", "pool: [mean, max]", "pool: [mean, min]", "is not one of max, mean, maxmean"),
        ("tiny.yaml", "count: 2}\nfolds", "count: 0}\nfolds", "segments.count"),
        ("tiny.yaml", "count: 2}\nmodels", "count: 5}\nmodels", "Either set folds.count to 4 or less"),
    ],
)
def test_a_mistake_in_the_settings_is_told_before_anything_runs(project, file, old, new, message):
    project.edit(file, old, new)
    before = project.hashes()
    code, printed = project.run("--cores", "2")
    assert code == 2, printed
    assert message in printed
    assert "Traceback" not in printed
    assert project.hashes() == before


def test_interrupting_leaves_no_job_behind(project):
    project.edit("tiny.yaml", "epochs: 1", "epochs: 200")
    process = project.start("--cores", "2", "train", front=GENREFLOW)
    time.sleep(8)
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=30)
    left = subprocess.run(["pgrep", "-f", str(project.work)], capture_output=True, text=True, check=False).stdout
    assert left == ""
