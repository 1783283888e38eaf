"""How long Snakemake needs to see what there is to do for 30,000 tracks, and how much memory.

    python benchmarks/scheduling.py [TRACKS]

Makes a catalogue of tiny files in ten class folders with albums, and times `snakemake --dry-run` of the whole psytrance
CNN study: the first time (all files are hashed), again, and with everything built (as far as records go) and one
track added. The peer is Snakemake alone: a dry run of a Snakefile with one job.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HOME = Path(__file__).parents[1]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
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


def make_music(folder: Path, tracks: int) -> None:
    """Write tracks of a few bytes: ten classes, albums of ten."""
    for number in range(tracks):
        album = folder / f"class-{number % 10}" / f"album-{number // 100}"
        album.mkdir(parents=True, exist_ok=True)
        (album / f"{number}.mp3").write_bytes(b"track %d" % number)


def timed(*arguments: str, cwd: Path) -> tuple[float, float, str]:
    """Return seconds, peak memory (MB) and output of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(output)
    return time.perf_counter() - start, usage.ru_maxrss / 1e3, output


def show(name: str, measured: tuple[float, float, str]) -> None:
    """Print one line, with the number of jobs."""
    seconds, megabytes, output = measured
    jobs = next((line.split()[1] for line in output.splitlines() if line.startswith("total ")), "0")
    print(f"{name:<34} {seconds:>6.2f} s {megabytes:>6.0f} MB {jobs:>8} jobs", flush=True)


def main() -> None:
    tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_music(folder / "music", tracks)
        (folder / "my.yaml").write_text(CONFIG)
        (folder / "large.yaml").write_text(STUDY)
        (folder / "floor").mkdir()
        (folder / "floor/Snakefile").write_text("rule all:\n    output: 'x'\n    shell: 'touch x'\n")
        dry_run = (SNAKEMAKE, "--dry-run", "--snakefile", str(HOME / "Snakefile"), "--configfile", "my.yaml")
        print(f"{tracks:,} tracks")
        show("Snakemake alone, one job", timed(SNAKEMAKE, "--dry-run", cwd=folder / "floor"))
        show("first dry run, files hashed", timed(*dry_run, cwd=folder))
        for _ in range(3):
            show("dry run, nothing built", timed(*dry_run, cwd=folder))
        (folder / "music/class-0/album-0/new.mp3").write_bytes(b"new")
        show("dry run, one track added", timed(*dry_run, cwd=folder))


if __name__ == "__main__":
    main()
