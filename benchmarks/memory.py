"""Compare the memory that every rule requests and uses, for studies of 10, 50, 161, 400 and 1,000 classes.

    python benchmarks/memory.py [CLASSES ...]

Each number of classes gets a project with a study of classes and one of as many tags. Normalized audio and slices are
made up and linked to their places. Every other job is real, with trainings of 3 steps and every kind of figure. Each
job writes its peak memory beside its `mem_mb`, less the share of Snakemake's own processes. A project of a few
synthetic tracks then runs the first rules. Target: no job uses more than it requests, and none requests more than three
times what it uses. About fifteen minutes on two cores for 1,000 classes, one for 10.
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import scale
from duplicates import MOST_SECONDS, WORDS_PER_SECOND, made_up
from scheduling import HOME, SNAKEMAKE, stand_in, timed

from genreflow.audio.fingerprint import to_text
from genreflow.audio.ingest import SCHEMA
from genreflow.audio.vorbis import write_ogg
from genreflow.config.load import read_yaml
from genreflow.plan import job_resources
from genreflow.plan.datasets import DatasetPlan, InputPlan
from genreflow.plan.make import Plan, make_plan
from genreflow.store.parquet import Header, write_table
from genreflow.store.shards import Shard, write_shard

CLASSES = (10, 50, 161, 400, 1_000)
LEAST_TRACKS, TRACKS_PER_CLASS = 400, 5
MOST_TIMES = 3.0
RATE, SECONDS, SLICES = 44_100, 20, 2
WORDS = round(MOST_SECONDS * WORDS_PER_SECOND) - 20  # of a fingerprint, those of a long track
MADE = ("normalize_audio", "cut_slices")
# Put before every script: the peak of its process, as it ends, and what it was given.
NOTE = """\
import atexit, json
@atexit.register
def _note():
    import resource
    lines = open("/proc/self/status").read().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    beside = snakemake.threads * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    peak += beside if {name!r} == "normalize_audio" else 0
    facts = [snakemake.rule, str(snakemake.output[0]), snakemake.resources.mem_mb, peak]
    open("took.jsonl", "a").write(json.dumps(facts) + chr(10))
"""
CONFIG = """\
studies: [classes.yaml, tags.yaml]
datasets:
  music: {layout: folders, path: music}
  tagged: {layout: manifest, path: tags.csv, multilabel: true}
limits: {device: cpu, train_threads: 1}
predict: {study: classes, files: [sound.ogg]}
"""
INPUT = """\
inputs:
  slices: {segments: {kind: midpoint, count: 2}}
training: {epochs: 1, steps_per_epoch: 3, batch: 100, sampling: shuffled, predict_training: true}
folds: {count: 2}
"""
STUDIES = {
    "classes": """\
dataset: music
models:
  psytrance_cnn: {}
experiments:
  dropout:
    vary: {dropout: [0.2, 0.5]}
    figures: [bars, ranking, grouped, sweep, losses, differences, confusions, training_confusions, triple,
      precision_recall, published]
analysis: [slices]
filters: true
snippets: {songs: {model: psytrance_cnn}}
diagrams: [workflow]
"""
    + INPUT,
    "tags": """\
dataset: tagged
models:
  psytrance_cnn: {}
experiments:
  model: {vary: {model: [psytrance_cnn]}, figures: [ranking, roc, pr, areas]}
analysis: [slices]
final: null
"""
    + INPUT,
    "sounds": """\
dataset: synthetic
inputs:
  slices: {}
models: {}
""",
}
SYNTHETIC = """\
studies: [sounds.yaml]
datasets:
  synthetic: {layout: synthetic, tracks_per_class: 2, seconds: 90}
limits: {audio_threads: 2}
"""


def main() -> None:
    numbers = [int(number) for number in sys.argv[1:]] or CLASSES
    show(measured_audio())
    for number in numbers:
        show(measured(number))


def measured(classes: int) -> pd.DataFrame:
    """Return a row a job of a study of so many classes, and one of so many tags."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder, tracks = Path(name), max(LEAST_TRACKS, TRACKS_PER_CLASS * classes)
        make_project(folder, classes, tracks)
        snakefile = noted(folder, scale.LINK, MADE)
        plan = make_plan(
            read_yaml(HOME / "config.yaml") | read_yaml(Path("my.yaml")), home=folder / "home", refresh=True
        )
        for given in plan.inputs:
            make_products(given.dataset, given)
        timed(
            SNAKEMAKE,
            "all",
            "predict",
            "--cores",
            "2",
            "--snakefile",
            str(snakefile),
            "--configfile",
            "my.yaml",
            cwd=folder,
        )
        return taken(plan).assign(classes=classes, tracks=tracks)


def measured_audio() -> pd.DataFrame:
    """Return a row a job of the first rules, which have nothing to do with classes."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        (folder / "my.yaml").write_text(SYNTHETIC)
        (folder / "sounds.yaml").write_text(STUDIES["sounds"])
        snakefile = noted(folder, "", ())
        timed(SNAKEMAKE, "slices", "--cores", "2", "--snakefile", str(snakefile), "--configfile", "my.yaml", cwd=folder)
        plan = make_plan(read_yaml(HOME / "config.yaml") | read_yaml(Path("my.yaml")), home=HOME, refresh=False)
        jobs = taken(plan).assign(classes=0, tracks=10)
        return jobs[jobs["rule"].isin(["synthesize_tracks", *MADE])]


def noted(folder: Path, work: str, linked: tuple[str, ...]) -> Path:
    """Copy the workflow with its scripts noting their peaks, the `linked` ones replaced; return its Snakefile."""
    # No script is called "-": without names all would be replaced.
    snakefile = stand_in(folder / "home", work, only=linked or ("-",))
    for script in (folder / "home/workflow/scripts").glob("*.py"):
        script.write_text(NOTE.format(name=script.stem) + script.read_text())
    return snakefile


def taken(plan: Plan) -> pd.DataFrame:
    """Return what the jobs noted: ``rule, output, asked, used``, MB."""
    rows = [json.loads(line) for line in Path("took.jsonl").read_text().splitlines()]
    jobs = pd.DataFrame(rows, columns=["rule", "output", "requested", "used"])
    return jobs.assign(requested=jobs["requested"] - job_resources.snakemake_mb(plan))


def make_project(folder: Path, classes: int, tracks: int) -> None:
    """Write tracks of a few bytes in folders of classes, and a manifest of as many tags."""
    names = [f"genre {number:04}" for number in range(classes)]
    rows, rng = [], np.random.default_rng(0)
    for number in range(tracks):
        file = folder / "music" / names[number % classes] / f"{number}.mp3"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"track %d" % number)
        tags = {names[number % classes], *rng.choice(names, 2)}
        rows.append({"path": str(file.relative_to(folder)), "tags": ";".join(sorted(tags))})
    pd.DataFrame(rows).to_csv(folder / "tags.csv", index=False)
    (folder / "my.yaml").write_text(CONFIG)
    for name, text in STUDIES.items():
        (folder / f"{name}.yaml").write_text(text)
    sound = 0.1 * rng.standard_normal(RATE * SECONDS).astype(np.float32)
    write_ogg(folder / "sound.ogg", sound, RATE, quality=2, serial=1)


def make_products(dataset: DatasetPlan, plan: InputPlan) -> None:
    """Write shards of audio and slices of a dataset; all tracks have the same sound behind them."""
    rng = np.random.default_rng(0)
    ogg = Path(f"results/{dataset.name}/audio/ogg/00/noise.ogg")
    ogg.parent.mkdir(parents=True, exist_ok=True)
    ogg.write_bytes(Path("sound.ogg").read_bytes())
    front_end, segments = (part.model_dump(mode="json") for part in (plan.settings.front_end, plan.settings.segments))
    facts = {"dtype": "float16", "front_end": front_end, "segments": segments, "shape": [128, 128], "peak": False}
    ids, hashes = (dataset.listed[name].to_pylist() for name in ("track_id", "sha256"))
    for shard, members in dataset.members.items():
        rows = [scale.audio_row(ids[row], hashes[row], row + 1, to_text(made_up(rng, WORDS))) for row in members]
        rows = [row | {"seconds": float(SECONDS), "frames": RATE * SECONDS} for row in rows]
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        folder = Path(f"made/results/{dataset.name}/audio")
        write_table(folder / f"{shard}.parquet", table, Header("audio", dataset.audio_keys[shard]))
        used = [row["track_id"] for row in rows if row["verdict"] == "accept"]
        fate = {"slices": SLICES, "verdict": "accept", "reason": "", "message": ""}
        frames = [scale.slice_rows([track]).head(SLICES) for track in used]
        arrays = [(10 * rng.standard_normal((SLICES, 128, 128)) - 40).astype(np.float16) for _ in used]
        shard_facts = facts | {"tracks": [{"track_id": track} | fate for track in used]}
        write_shard(
            f"made/{plan.shard(shard)}", Shard.of(frames, arrays, key=plan.shard_keys[shard], facts=shard_facts)
        )


def show(jobs: pd.DataFrame) -> None:
    """Print a row a rule and number of classes: of the job that used most for what it asked, both in MB."""
    jobs = jobs.assign(share=jobs["used"] / jobs["requested"])
    worst = jobs.loc[jobs.groupby(["rule", "classes"])["share"].idxmax()]
    least = jobs.groupby(["rule", "classes"])["share"].min()
    print(f"{'rule':18} {'classes':>7} {'tracks':>7} {'asked':>7} {'used':>7}   asked over used, least and most")
    for row in worst.itertuples():
        times, most = 1 / row.share, 1 / least[row.rule, row.classes]
        mark = "  TOO LITTLE" if times < 1 else "  MUCH" if times > MOST_TIMES else ""
        numbers = f"{row.classes:7,} {row.tracks:7,} {row.requested:7.0f} {row.used:7.0f}"
        print(f"{row.rule:18} {numbers}   {times:.1f} to {most:.1f}{mark}  {row.output}", flush=True)


if __name__ == "__main__":
    main()
