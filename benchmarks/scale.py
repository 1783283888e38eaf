"""Measure time and memory of the jobs that read a whole dataset, for 30,000 tracks.

    python benchmarks/scale.py [TRACKS]

The workflow runs on made-up products: normalized audio, slices and trained runs are written beforehand and linked to
their places. The scripts of the later rules (copies, index, folds, leakage, map, tables, figures, report) then run,
each in a process whose time and peak memory are printed. Tracks have fingerprints of two minutes and 30 slices. A slice
has 4 frames instead of 128, which would need 29 GB; reading the rest depends on the disk alone. The last part ingests a
real shard, and again with one more track. About ten minutes on two cores and 3 GB of disk.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import soundfile
from duplicates import MOST_SECONDS, WORDS_PER_SECOND, made_up
from scheduling import HOME, SNAKEMAKE, make_project, stand_in, timed

from genreflow.audio.fingerprint import to_text
from genreflow.audio.ingest import SCHEMA, ingest
from genreflow.audio.vorbis import write_ogg
from genreflow.config.audio import AudioSettings
from genreflow.config.load import read_yaml
from genreflow.datasets.index import read_index
from genreflow.folds.roles import FINAL, HOLDOUT, TEST, TRAIN, VALIDATION
from genreflow.models.registry import build
from genreflow.models.summary import layers
from genreflow.plan.datasets import DatasetPlan
from genreflow.plan.make import make_plan
from genreflow.plan.studies import StudyPlan
from genreflow.project.layout import RunId
from genreflow.store.atomic import write_text
from genreflow.store.digest import digest, file_sha256
from genreflow.store.parquet import Header, read_frame, write_table
from genreflow.store.runs import write_run
from genreflow.store.shards import Shard, write_shard

MADE = ("normalize_audio", "cut_slices", "train_run")
LINK = 'for file in {output}; do ln -f "made/$file" "$file"; done'
# Put before every script: what its process took, as it ends.
NOTE = """\
import atexit, json, resource, time
_start = time.time()
@atexit.register
def _note():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = [{name!r}, time.time() - _start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3]
    open("took.jsonl", "a").write(json.dumps(told) + chr(10))
"""
SLICES, SHAPE = 30, (128, 4)
RATE, SECONDS = 44_100, 90


def main() -> None:
    tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        folder = Path(name)
        make_project(folder, tracks)
        home = folder / "stand_in"
        snakefile = stand_in(home, LINK, only=MADE)
        for script in (home / "workflow/scripts").glob("*.py"):
            script.write_text(NOTE.format(name=script.stem) + script.read_text())
        command = (SNAKEMAKE, "--cores", "4", "--snakefile", str(snakefile), "--configfile", "my.yaml")
        plan = make_plan(read_yaml(HOME / "config.yaml") | read_yaml(Path("my.yaml")), home=home, refresh=True)
        begin = time.perf_counter()
        make_audio_and_slices(plan.datasets["large"])
        print(f"{tracks:,} tracks; made up in {time.perf_counter() - begin:.0f} s", flush=True)
        show(*timed_targets(command, "folds"))
        make_runs(plan.studies["large"])
        show(*timed_targets(command))
    one_more_track()


def timed_targets(command: tuple[str, ...], *targets: str) -> tuple[float, pd.DataFrame]:
    """Run the workflow to its targets; return the time it took, and what each script took since the last time."""
    Path("took.jsonl").write_text("")
    whole = timed(command[0], *targets, *command[1:], cwd=Path())
    took = [json.loads(line) for line in Path("took.jsonl").read_text().splitlines()]
    return whole.seconds, pd.DataFrame(took, columns=["script", "seconds", "processor", "megabytes"])


def show(seconds: float, took: pd.DataFrame) -> None:
    """Print a line a script: number of jobs, most time, most memory."""
    for script, jobs in took.groupby("script", sort=False):
        most = jobs.max(numeric_only=True)
        print(
            f"  {script:<18} {len(jobs):>3} jobs, most {most.seconds:>7.1f} s, {most.processor:>7.1f} s of processor, "
            f"{most.megabytes:>6.0f} MB"
        )
    print(f"  all of them, with Snakemake and the links, {seconds:.0f} s", flush=True)


def make_audio_and_slices(dataset: DatasetPlan) -> None:
    """Write shards of audio and slices; one track in 500 is refused, all others have the same sound behind them."""
    rng = np.random.default_rng(0)
    words = round(MOST_SECONDS * WORDS_PER_SECOND) - 20
    plan = next(iter(dataset.inputs.values()))
    front_end = plan.settings.front_end.model_dump(mode="json")
    facts = {"dtype": "float16", "front_end": front_end, "segments": plan.settings.segments.model_dump(mode="json")}
    noise = 0.1 * rng.standard_normal(RATE * SECONDS).astype(np.float32)
    Path("results/large/audio/ogg/00").mkdir(parents=True)
    write_ogg("results/large/audio/ogg/00/noise.ogg", noise, RATE, quality=2, serial=1)
    ids, hashes = (dataset.listed[name].to_pylist() for name in ("track_id", "sha256"))
    for shard, members in dataset.members.items():
        rows = []
        for row in members:
            seed = row - (row % 200 == 1)  # one of 200 is a copy of the one before
            text = to_text(made_up(np.random.default_rng(seed), words))
            rows.append(audio_row(ids[row], hashes[row], row, text))
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        write_table(f"made/results/large/audio/{shard}.parquet", table, Header("audio", dataset.audio_keys[shard]))
        used = [row["track_id"] for row in rows if row["verdict"] == "accept"]
        fates = [
            {"track_id": track, "slices": SLICES, "verdict": "accept", "reason": "", "message": ""} for track in used
        ]
        frames = [slice_rows([track]) for track in used]
        arrays = [(rng.standard_normal((SLICES, *SHAPE)) - 40).astype(np.float16) for _ in used]
        shard_facts = facts | {"shape": list(SHAPE), "peak": False, "tracks": fates}
        write_shard(
            f"made/{plan.shard(shard)}", Shard.of(frames, arrays, key=plan.shard_keys[shard], facts=shard_facts)
        )


def audio_row(track: str, sha256: str, number: int, text: str) -> dict[str, object]:
    """Return a track's row of the audio table."""
    row = {
        "track_id": track, "sha256": sha256, "verdict": "accept", "reason": "", "message": "", "container": "MP3",
        "codec": "MPEG_LAYER_III", "source_rate": 44_100, "channels": 2, "seconds": float(SECONDS), "lufs": -14.0,
        "gain_db": -3.0, "true_peak": -1.5, "peak_limited": False, "ogg": "ogg/00/noise.ogg", "frames": SECONDS * RATE,
        "samples_sha256": digest(track, length=64), "bandwidth_hz": 16_000.0, "fingerprint": text,
    }  # fmt: skip
    if number % 500 == 0:
        refused = {"verdict": "quarantine", "reason": "Q_EMPTY", "message": "The file is empty.", "ogg": None}
        return row | refused | {"fingerprint": None, "samples_sha256": None}
    return row


def slice_rows(tracks: list[str]) -> pd.DataFrame:
    """Return ``track_id, slice, start_s`` of the slices of some tracks."""
    number = np.tile(np.arange(SLICES), len(tracks))
    return pd.DataFrame(
        {"track_id": np.repeat(np.asarray(tracks, object), SLICES), "slice": number, "start_s": 2.56 * number}
    )


def make_runs(study: StudyPlan) -> None:
    """Write what trainings leave, by models that are right more often than by chance."""
    network = layers(build("psytrance_cnn", 10), (128, 128))
    for run in study.runs:
        job = study.job(run.model_setting)
        folds = read_frame(job.folds, "folds")
        settings = {name: getattr(job.spec, name).model_dump(mode="json") for name in ("training", "input", "audio")}
        facts = {"key": job.key, "model": job.spec.network, "options": job.spec.options, "layers": network}
        make_run(run, facts | settings, folds, job.index)


def make_run(run: RunId, facts: dict, folds: pd.DataFrame, index: str) -> None:
    folder = Path("made/results/large", run.path)
    roles = folds[folds["fold"] == run.fold]
    classes = sorted(folds["label"].unique())
    judged = roles[roles["role"].isin([HOLDOUT if run.fold == FINAL else TEST, VALIDATION])]
    rng = np.random.default_rng(int(digest(run.path), 16) % 2**32)
    rows = slice_rows(list(judged["track_id"]))
    rows["label"] = np.repeat(judged["label"].to_numpy(), SLICES)
    rows["role"] = np.repeat(judged["role"].to_numpy(), SLICES)
    proba = np.exp(rng.normal(size=(len(rows), len(classes)), scale=2))
    proba[np.arange(len(rows)), pd.Index(classes).get_indexer(rows["label"])] *= np.exp(rng.normal(2, 2, len(rows)))
    proba = (proba / proba.sum(axis=1, keepdims=True)).astype(np.float32)
    rows = rows.join(pd.DataFrame(proba, columns=[f"p{number}" for number in range(len(classes))]))
    write_table(
        folder / "predictions.parquet",
        rows,
        Header("predictions", facts["key"], facts={"classes": classes, "tags": False}),
    )
    history = pd.DataFrame({"epoch": np.arange(1, 21), "steps": 15})
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds"):
        history[name] = rng.random(len(history))
    write_table(folder / "history.parquet", history, Header("history", facts["key"]))
    trained = roles.loc[roles["role"] == TRAIN, "track_id"]
    sha256 = read_index(index).set_index("track_id")["sha256"]
    info = facts | {
        "fold": run.fold, "classes": classes, "tags": False, "status": "finished", "epochs": 20, "kept_epoch": 20,
        "resumed": 0, "parts": 1, "steps": 300, "device": "cpu", "precision": "float32", "input_shape": [128, 128],
        "seconds": {"total": 100.0}, "versions": {},
        "dataset": {"tracks": {"train": len(trained)}, "training_tracks": digest(sorted(sha256[trained].unique()))},
    }  # fmt: skip
    write_text(folder / "model.safetensors", "none")
    write_run(folder, info)


def one_more_track() -> None:
    """Ingest a shard of short real tracks, and again with one more: only that one is encoded."""
    with tempfile.TemporaryDirectory() as name:
        folder, rng, tracks = Path(name), np.random.default_rng(0), []
        for number in range(32):
            path = folder / f"{number}.wav"
            soundfile.write(path, 0.1 * rng.standard_normal(3 * RATE).astype(np.float32), RATE)
            row = {"track_id": f"{number:016x}", "path": str(path).encode(), "bytes": path.stat().st_size}
            tracks.append(row | {"sha256": file_sha256(path), "reason": "", "message": ""})
        for members in (tracks[:-1], tracks):
            begin, start = time.perf_counter(), time.time()
            ingest(members, audio_folder=folder / "audio", settings=AudioSettings(), stage_key="0", workers=2)
            fresh = sum(path.stat().st_mtime >= start for path in folder.rglob("*.ogg"))
            seconds = time.perf_counter() - begin
            print(f"a shard of {len(members)} tracks of 3 s: {seconds:.1f} s, {fresh} encoded", flush=True)


if __name__ == "__main__":
    main()
