"""Measure time and memory of Snakemake's planning for 30,000 tracks.

    python benchmarks/scheduling.py [TRACKS]

The script makes a catalog of tiny files in ten class folders with albums and times the whole psytrance CNN study on it:
dry runs with nothing built; a run whose jobs only copy a file, so that nearly all time is Snakemake's own; runs with
everything built; and dry runs after a track was added, replaced or removed, and after a value of a grid changed. The
peer is Snakemake alone: a dry run of a Snakefile with one job. About three minutes on two cores.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from genreflow.store.parquet import Header, write_table

HOME = Path(__file__).parents[1]
CODE = [
    "Snakefile",
    "config.yaml",
    "workflow",
    "genreflow",
    "snakemake_logger_plugin_genreflow",
    "profiles",
    "resources",
    "studies",
    "envs",
]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
MAX_SECONDS, MAX_MEGABYTES, MAX_RUN = 6, 500, 60
CONFIG = """\
studies: [large.yaml]
datasets:
  large: {layout: folders, path: music}
"""
STUDY = """\
dataset: large
models:
  psytrance_cnn: {}
experiments:
  dropout: {vary: {dropout: [0.2, 0.5, 0.8]}}
"""
COPY = 'for file in {output}; do cp stub.parquet "$file"; done'


@dataclass(frozen=True)
class Measured:
    """What a command took: seconds, processor time (s), peak memory (MB); and what it printed."""

    seconds: float
    processor: float
    megabytes: float
    output: str

    @property
    def jobs(self) -> dict[str, int]:
        """Rule -> number of jobs, by Snakemake's own table; rules without work of their own are left out."""
        counts = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", self.output, re.M)}
        return {name: count for name, count in counts.items() if "_" in name}


def make_music(folder: Path, tracks: int) -> None:
    """Write tracks of a few bytes: ten classes, albums of ten."""
    for number in range(tracks):
        album = folder / f"class-{number % 10}" / f"album-{number // 100}"
        album.mkdir(parents=True, exist_ok=True)
        (album / f"{number}.mp3").write_bytes(b"track %d" % number)


def make_project(folder: Path, tracks: int) -> None:
    """Write music, settings, and the file that stands for every product."""
    make_music(folder / "music", tracks)
    (folder / "my.yaml").write_text(CONFIG)
    (folder / "large.yaml").write_text(STUDY)
    write_table(folder / "stub.parquet", pa.table({"stub": [0]}), Header("stub"))


def stand_in(folder: Path, work: str, only: Sequence[str] = ()) -> Path:
    """Copy the workflow so that each job, or those of some scripts only, does `work` in a shell; return its Snakefile.

    Rules, files, parameters and keys are the real ones: what it builds, the real workflow takes for built.
    """
    for name in CODE:
        source = HOME / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    for rules in (folder / "workflow/rules").glob("*.smk"):
        names = "|".join(only) or r"\w+"
        text = re.sub(rf'script:\s+"\.\./scripts/({names})\.py"', lambda _: f"shell: {work!r}", rules.read_text())
        rules.write_text(text)
    snakefile = folder / "Snakefile"
    snakefile.write_text(snakefile.read_text().partition("onsuccess:")[0])  # which reads tables
    return snakefile


def timed(*arguments: str, cwd: Path) -> Measured:
    """Run a command, which must succeed."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(output[-4_000:])
    seconds = time.perf_counter() - start
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3, output)


def show(name: str, measured: Measured, floor: Measured | None = None, *, rules: bool = False) -> Measured:
    """Print one line: what it took, how many times what Snakemake alone takes, and the number of jobs."""
    ratio = f"{measured.processor / floor.processor:>6.1f} x" if floor else " " * 8
    jobs = " ".join(f"{rule} {count}" for rule, count in measured.jobs.items()) if rules else ""
    print(
        f"{name:<34} {measured.seconds:>6.2f} s {measured.processor:>7.2f} s of processor {ratio} "
        f"{measured.megabytes:>5.0f} MB {sum(measured.jobs.values()):>6} jobs",
        flush=True,
    )
    if jobs:
        print(f"    {jobs}", flush=True)
    return measured


def main() -> None:
    tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_project(folder, tracks)
        (folder / "floor").mkdir()
        (folder / "floor/Snakefile").write_text("rule all:\n    output: 'x'\n    shell: 'touch x'\n")
        ours = ("--snakefile", str(HOME / "Snakefile"), "--configfile", "my.yaml")
        dry_run, run = (SNAKEMAKE, "--dry-run", *ours), (SNAKEMAKE, "--cores", "2", *ours)
        print(
            f"{tracks:,} tracks (targets: dry run and nothing to do in {MAX_SECONDS} s, {MAX_MEGABYTES} MB; "
            f"a run of trivial jobs in {MAX_RUN} s)"
        )
        floor = show("Snakemake alone, one job", timed(SNAKEMAKE, "--dry-run", cwd=folder / "floor"))
        show("first dry run, files hashed", timed(*dry_run, cwd=folder), floor)
        for _ in range(3):
            show("dry run, nothing built", timed(*dry_run, cwd=folder), floor)
        build(folder, floor)
        for _ in range(3):
            show("dry run, all built", timed(*dry_run, cwd=folder), floor, rules=True)
        show("run, all built", timed(*run, cwd=folder), floor)
        changes(folder, dry_run, floor)
        show("one job on another machine", timed(*one_job(folder), cwd=folder), floor)


def build(folder: Path, floor: Measured) -> None:
    """Run all jobs, each of which copies a file or some, and print what the copying alone takes."""
    snakefile = stand_in(folder / "stand_in", COPY)
    # More cores than there are: the jobs wait for Snakemake, never the other way round.
    command = (SNAKEMAKE, "--cores", "16", "--snakefile", str(snakefile), "--configfile", "my.yaml")
    whole = show("run of trivial jobs", timed(*command, cwd=folder), floor)
    finished = max(int(number) for number in re.findall(r"(\d+) of \d+ steps", whole.output))
    copying = COPY.replace("{output}", "out")
    alone = timed("bash", "-c", f"for job in $(seq {finished}); do bash -c '{copying}'; done", cwd=folder)
    each = 1e3 * (whole.seconds - alone.seconds) / finished
    print(f"    {finished} jobs; the copying alone {alone.seconds:.1f} s; {each:.1f} ms of Snakemake a job", flush=True)


def one_job(folder: Path) -> tuple[str, ...]:
    """Return the command that an executor has another machine run for a job, which has to read the Snakefile first."""
    shard = min((folder / "results/large/audio").glob("*.parquet")).stem
    job = f"normalize_audio:dataset=large,shard={shard}"
    where = ("--mode", "remote", "--executor", "local", "--cores", "1", "--nolock", "--force")
    what = ("--target-jobs", job, "--allowed-rules", "normalize_audio")
    return SNAKEMAKE, "--snakefile", str(folder / "stand_in/Snakefile"), "--configfile", "my.yaml", *what, *where


def changes(folder: Path, dry_run: tuple[str, ...], floor: Measured) -> None:
    """Print what there is to do after one thing has changed; each is taken back before the next."""
    new, old = folder / "music/class-0/album-0/new.mp3", folder / "music/class-0/album-0/0.mp3"
    content = old.read_bytes()
    new.write_bytes(b"new")
    show("one track added", timed(*dry_run, cwd=folder), floor, rules=True)
    new.unlink()
    old.write_bytes(b"another")
    show("one track replaced", timed(*dry_run, cwd=folder), floor, rules=True)
    old.unlink()
    show("one track removed", timed(*dry_run, cwd=folder), floor, rules=True)
    old.write_bytes(content)
    show("taken back", timed(*dry_run, cwd=folder), floor, rules=True)
    study = folder / "large.yaml"
    study.write_text(STUDY.replace("0.8", "0.7"))
    show("one value of the grid changed", timed(*dry_run, cwd=folder), floor, rules=True)
    study.write_text(STUDY.replace("psytrance_cnn: {}", "psytrance_cnn: {training: {epochs: 21}}"))
    show("more epochs", timed(*dry_run, cwd=folder), floor, rules=True)


if __name__ == "__main__":
    main()
