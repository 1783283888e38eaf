"""Every command of genreflow in a page ends well, in a project that has what the pages name."""

import glob
import json
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from test_commands_in_docs import USED

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

PROJECT = """\
datasets:
  music: {layout: folders, path: music}
studies:
  my_study:
    dataset: music
    inputs:
      slices: {segments: {kind: midpoint, count: 2}}
    folds: {count: 2, group: false}
    models: {psytrance_cnn: {options: {pool: mean, width: 0.25}}}
    training: {epochs: 1, steps_per_epoch: 1, batch: 10}
    experiments: {pooling: {vary: {pool: [mean, max]}}}
    final: {}
"""
# What a page names -> what is there. A setting that no experiment varies would be called `base`.
NAMES = {
    "/data/music": "music",
    "2026-11-30-1": f"{date.today().isoformat()}-1",
    "runs/cnn/": "runs/psytrance_cnn/",
    "psytrance_cnn/base/": "psytrance_cnn/pool=mean/",
}
# Words of commands that other tests run, or that need what no test may ask for.
ELSEWHERE = {
    "demo": "minutes; the test of the wheel and the tutorial run it",
    "--workflow-profile": "a cluster; tests/slurm",
    "results/genres": "the tutorial; tests/docs/test_tutorial.py",
    "results/network": "the same",
    "genres": "the same",
    "more": "the same",
    "musicnn": "29 MB from a registry; tests/weights",
    "MSD_musicnn": "the same",
    "discogs-effnet-bsdynamic-1.onnx": "a file of others; tests/embeddings",
    "best_model.pth": "a file of others; tests/weights",
    "small_cnn": "a network that a recipe adds; tests/docs/test_recipes.py",
    "my.yaml": "the project of a recipe; the same",
    "tags-2026-11-30-120000.undo": "a file with a time in its name; tests/inference",
    "my.undo": "the same",
    "size=medium": "the music of a study; tests/plan/test_study_files.py",
    "integrated_gradients": "the extra captum",
    "...": "words that a reader fills in",
    "…": "the same",
}


def genreflow(work: Path, *words: str) -> subprocess.CompletedProcess:
    """Run a command; what it prints on standard error is in its output, but for commands that print JSON."""
    program = [sys.executable, "-c", "import sys; from genreflow.cli import main; sys.exit(main())", *words]
    return subprocess.run(
        program,
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if "--json" in words else subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A project with two sets of results, new music under the names of the pages, and an exported model."""
    work = tmp_path_factory.mktemp("pages")

    def done(*words):
        result = genreflow(work, *words)
        assert result.returncode == 0, result.stdout[-3000:]

    done("synthesize", "music", "--tracks-per-class", "4", "--seconds", "6")
    done("synthesize", "other_music", "--tracks-per-class", "2", "--seconds", "6", "--seed", "1")
    tracks = sorted((work / "other_music").rglob("*.mp3"))
    for place in ("new", "new music", "a folder"):
        (work / place).mkdir()
        shutil.copy(tracks[0], work / place / "one.mp3")
    for name in ("song.mp3", "new.mp3"):
        shutil.copy(tracks[0], work / name)
    flac = next((work / "other_music").rglob("*.flac"))
    for name in ("song.flac", "mix.flac", "track.flac"):
        shutil.copy(flac, work / name)
    done("synthesize", "another", "--tracks-per-class", "1", "--seconds", "6", "--seed", "2")
    shutil.copy(next((work / "another").rglob("*.*")), work / "music/goa/song.mp3")
    others = [path.relative_to(work) for path in (work / "other_music").rglob("*.*")]
    (work / "list.csv").write_text("path,label\n" + "".join(f"{path},{path.parts[1]}\n" for path in others))
    (work / "list.m3u8").write_text("song.mp3\n")
    (work / "changes.yaml").write_text("limits: {max_quarantine: 0.2}\n")
    (work / "genreflow.yaml").write_text(PROJECT)
    done("run", "--cores", "2")
    (work / "music/dark/album-01").rename(work / "music/dark/album-09")
    done("run", "--cores", "2")
    shutil.copytree(work / "results/my_study", work / "results/your_study")
    done("run", "--cores", "2")  # the page over all studies lists it
    for name in ("my_model", "exported_model"):
        done("export", "results/my_study/runs/psytrance_cnn/pool=mean/fold-final", name)
    shutil.copytree(work, work / "elsewhere", ignore=shutil.ignore_patterns("elsewhere"))
    return work


def prepared(words: list[str], work: Path) -> list[str]:
    """Return the words of a command with the names and files that there are."""
    ready = []
    for word in words:
        for name, own in NAMES.items():
            word = word.replace(name, own)
        ready += sorted(glob.glob(word, root_dir=work)) if "*" in word else [word]
    return ready


COMMANDS = sorted({tuple(words) for _, program, *words in USED if program == "genreflow" and words})


def is_run_elsewhere(words: tuple[str, ...]) -> bool:
    names = {name for word in words for name in (word, "/".join(word.split("/")[:2]), word.split("/")[0])}
    return bool(names & set(ELSEWHERE)) or any(re.fullmatch("[A-Z_]{3,}", word) for word in words)


def test_most_commands_are_run_here():
    left_out = [words for words in COMMANDS if is_run_elsewhere(words)]
    assert len(left_out) < len(COMMANDS) / 2


def test_every_command_ends_well(work):
    faults = []
    for words in COMMANDS:
        if is_run_elsewhere(words) or words[0].startswith("-"):
            continue
        place = work / "copy"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(work, place, symlinks=True, ignore=shutil.ignore_patterns("copy"))
        given = prepared(list(words), place)
        if words[0] == "init":
            (place / "genreflow.yaml").unlink()
        if words[0] == "synthesize":
            shutil.rmtree(place / given[1], ignore_errors=True)
        done = genreflow(place, *given)
        needs_more = "the following arguments are required" in done.stdout  # a command that a sentence names
        if done.returncode and not needs_more:
            faults.append(f"{' '.join(given)}: {done.returncode}: {done.stdout[-300:]}")
        elif "--json" in given:
            json.loads(done.stdout)
    assert not faults, "\n".join(faults)
