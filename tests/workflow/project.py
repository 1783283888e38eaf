"""A copy of the pipeline and a tiny corpus, to run real Snakemake on."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import soundfile
from filelock import FileLock

HOME = Path(__file__).parents[2]
CODE = [
    "Snakefile", "config.yaml", "workflow", "genreflow", "snakemake_logger_plugin_genreflow", "profiles", "resources",
    "studies", "envs", "pyproject.toml",
]  # fmt: skip
RATE = 22_050

CONFIG = """\
studies: [tiny.yaml]
datasets:
  tiny: {layout: folders, path: music}
limits: {shard_size: 4, train_threads: 1, device: cpu}
"""
STUDY = """\
title: Tiny
dataset: tiny
inputs:
  slices:
    segments: {kind: midpoint, count: 2}
folds: {count: 2}
models:
  psytrance_cnn: {options: {pool: mean}}
training: {batch: 6, epochs: 1, steps_per_epoch: 1, precision: float32}
experiments:
  pooling: {vary: {pool: [mean, max]}}
final: {}
"""
# Products that hold the time something took.
TIMED = re.compile(
    r"run\.json|history\.parquet|tables/(runs|history)\.|training\.(png|svg)|index\.html|report\.html|data/(cost|runs)\.csv"
)


def tone(number: int, seconds: float = 6.0) -> np.ndarray:
    """Return a decaying chord on a noisy ground; another number, another sound."""
    rng = np.random.default_rng(number)
    time = np.arange(int(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * (110 + 37 * number) * k * time) / k for k in (1, 2, 3))
    return (0.1 * chord * np.exp(-(time % 0.5) * 4) + 0.01 * rng.normal(size=len(time))).astype(np.float32)


class Project:
    """A folder with the code in `home` and a user's files and results in `work`."""

    def __init__(self, folder: Path) -> None:
        self.home, self.work = folder / "home", folder / "work"

    @classmethod
    def make(cls, folder: Path, *, tracks_per_class: int = 4) -> "Project":
        """Make a project with two classes of short tracks."""
        project = cls(folder)
        for name in CODE:
            source = HOME / name
            ignore = shutil.ignore_patterns("__pycache__")
            copy = shutil.copytree if source.is_dir() else shutil.copy
            project.home.mkdir(parents=True, exist_ok=True)
            copy(source, project.home / name, **({"ignore": ignore} if source.is_dir() else {}))
        project.work.mkdir(parents=True, exist_ok=True)
        for place, label in enumerate(("low", "high")):
            for number in range(tracks_per_class):
                project.add_track(f"{label}/{number}.wav", 10 * place + number)
        (project.work / "my.yaml").write_text(CONFIG)
        (project.work / "tiny.yaml").write_text(STUDY)
        return project

    @classmethod
    def built_once(cls, shared: Path) -> "Project":
        """Return a project in `shared` that the first who asks for it builds; not to be changed."""
        folder = shared / "built"
        with FileLock(f"{folder}.lock"):
            if not (folder / "done").exists():
                cls.make(folder).build()
                (folder / "done").touch()
        return cls(folder)

    def copy(self, folder: Path) -> "Project":
        """Return a copy of everything, times of files included."""
        shutil.copytree(self.home.parent, folder, symlinks=True, dirs_exist_ok=True)
        return Project(folder)

    def add_track(self, name: str, number: int) -> None:
        """Write a track below music/."""
        path = self.work / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(number), RATE)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a file of the code or, if it is not there, of the user."""
        file = self.home / path if (self.home / path).exists() else self.work / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def raise_version(self, path: str) -> None:
        """Raise the version of a stage in the code."""
        file = self.home / path
        text, changes = re.subn(
            r"(?m)^STAGE_VERSION = (\d+)$", lambda line: f"STAGE_VERSION = {int(line[1]) + 1}", file.read_text()
        )
        assert changes == 1
        file.write_text(text)

    def start(
        self,
        *arguments: str,
        front: tuple[str, ...] = ("snakemake",),
        also: Mapping[str, str] = MappingProxyType({}),
        snakefile: Path | None = None,
        configfile: str | None = "my.yaml",
        **options,
    ) -> subprocess.Popen:
        """Start snakemake in the user's folder, with variables of the environment that hold `also`."""
        beside = Path(sys.executable).with_name(front[0])
        command = [str(beside), *front[1:], *arguments, "--snakefile", str(snakefile or self.home / "Snakefile")]
        command += ["--configfile", configfile] if configfile else []
        environment = {**os.environ, "PYTHONPATH": str(self.home), "OMP_NUM_THREADS": "1", **also}
        return subprocess.Popen(
            command,
            cwd=self.work,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A test run in the background ignores Ctrl-C, and what it starts would do so too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **options,
        )

    def run(self, *arguments: str, **options) -> tuple[int, str]:
        """Run snakemake to its end; return its exit code and what it printed."""
        process = self.start(*arguments, **options)
        printed, _ = process.communicate()
        return process.returncode, printed

    def build(self, *arguments: str) -> str:
        """Run snakemake, which must succeed."""
        code, printed = self.run("--cores", "2", *arguments)
        assert code == 0, printed
        return printed

    def jobs(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule a run would start; targets without work of their own are left out."""
        code, printed = self.run("--dry-run", *arguments)
        assert code == 0, printed
        return self.jobs_in(printed)

    @staticmethod
    def jobs_in(printed: str) -> dict[str, int]:
        """Return the counts of jobs in the message of a dry run."""
        counts = {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", printed, re.M)}
        return {name: count for name, count in counts.items() if "_" in name}

    def hashes(self) -> dict[str, str]:
        """Return the digest of every product that does not hold times; earlier results are none."""
        results = self.work / "results"
        files = (
            path
            for path in sorted(results.rglob("*"))
            if path.is_file() and "history" not in path.relative_to(results).parts
        )
        return {
            str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if not TIMED.search(str(path)) and path.name != "catalog.parquet" and not path.name.startswith(".")
        }
