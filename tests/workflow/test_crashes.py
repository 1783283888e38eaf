"""Whatever happened before, the next run that ends well leaves what a clean build would have made."""

import os
import random
import shutil
import signal
import time

import pytest
from project import Project

pytestmark = pytest.mark.end_to_end

GENREFLOW = ("genreflow", "run")
ROUNDS = 6


def change(project: Project, rng: random.Random) -> None:
    """Add, replace or remove a track, or change a setting."""
    tracks = sorted((project.work / "music").rglob("*.wav"))
    kind = rng.choice(["add", "replace", "remove", "train", "cut"])
    label = rng.choice(["low", "high"])
    if kind == "add":
        project.add_track(f"{label}/new-{rng.randrange(10**6)}.wav", rng.randrange(100))
    elif kind == "replace":
        track = rng.choice(tracks)
        project.add_track(str(track.relative_to(project.work / "music")), rng.randrange(100))
    elif kind == "remove" and len([track for track in tracks if track.parent.name == label]) > 3:
        next(track for track in tracks if track.parent.name == label).unlink()
    elif kind == "train":
        set_value(project, "batch: ", rng.choice(["4", "6", "8"]), ",")
    elif kind == "cut":
        set_value(project, "kind: midpoint, count: ", rng.choice(["1", "2"]), "}")


def set_value(project: Project, key: str, value: str, end: str) -> None:
    path = project.work / "tiny.yaml"
    before, _, after = path.read_text().partition(key)
    path.write_text(before + key + value + after[after.index(end) :])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_random_changes_and_kills_end_like_a_clean_build(fresh, tmp_path, seed):
    rng = random.Random(seed)
    project = fresh()
    for _ in range(ROUNDS):
        for _ in range(2):
            change(project, rng)
        process = project.start("--cores", "2", front=GENREFLOW)
        time.sleep(rng.uniform(3, 20))
        rng.choice([os.kill, os.killpg])(process.pid, signal.SIGKILL)
        process.wait()
    code, printed = project.run("--cores", "2", front=GENREFLOW)
    assert code == 0, printed
    assert project.jobs() == {}

    clean = Project(tmp_path / "clean")
    clear(project, clean)
    clean.build()
    own, expected = project.hashes(), clean.hashes()
    assert {path: own.get(path) for path in expected} == expected


def clear(project: Project, clean: Project) -> None:
    """Copy a project without its results."""
    project.copy(clean.home.parent)
    for name in ("results", "logs", ".snakemake"):
        shutil.rmtree(clean.work / name, ignore_errors=True)
