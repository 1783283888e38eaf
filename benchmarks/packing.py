"""Measure what training all folds of a setting in one process saves: 5 folds of 3 settings.

    python benchmarks/packing.py [--tracks 100] [--steps 20] [--device auto|cpu|cuda] [--threads 2]

Both ways train the psytrance CNN with three poolings on the same random slices, eight a track, one job after another,
as on a machine with one GPU. The two ways alternate from setting to setting. The difference is starts of Python and
torch, and reading of slices. Weights and predictions must be equal, byte for byte on a CPU. Runs without Snakemake and
librosa.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pandas as pd

from genreflow.config.folds import FoldSettings
from genreflow.folds.assign import assign
from genreflow.store.digest import file_sha256
from genreflow.store.parquet import Header, read_frame, write_table
from genreflow.store.shards import Shard, write_shard

CLASSES = ("dark", "downtempo", "fullon", "goa", "techno")
POOLS, FOLDS, SLICES = ("max", "mean", "maxmean"), 5, 8


def corpus(folder: Path, n_tracks: int) -> None:
    """Write a shard of noise that classes shift a little, its index and its folds."""
    rng = np.random.default_rng(0)
    ids = [f"{i:016x}" for i in range(n_tracks)]
    labels = [CLASSES[i % len(CLASSES)] for i in range(n_tracks)]
    rows = pd.DataFrame({"track_id": np.repeat(ids, SLICES), "slice": np.tile(np.arange(SLICES), n_tracks)})
    arrays = rng.normal(-20, 15, (len(rows), 128, 128))
    for place, label in enumerate(np.repeat(labels, SLICES)):
        arrays[place, 20 * CLASSES.index(label) : 20 * CLASSES.index(label) + 20] += 6
    facts = {"shape": [128, 128], "dtype": "float16"}
    shard = Shard.of([rows.assign(start_s=0.0)], [arrays.astype(np.float16)], key="", facts=facts)
    write_shard(folder / "s.parquet", shard)
    tracks = pd.DataFrame({"track_id": ids, "label": labels, "group": None})
    write_table(folder / "index.parquet", tracks.assign(slices=SLICES, sha256=ids), Header("index"))
    folds = assign(tracks, FoldSettings(count=FOLDS))
    write_table(folder / "folds.parquet", folds, Header("folds", facts={"classes": list(CLASSES), "tags": False}))


def job(order: dict) -> None:
    """Train what one process is asked for."""
    from genreflow.config.audio import AudioSettings
    from genreflow.config.inputs import InputSettings
    from genreflow.config.training import TrainingSettings
    from genreflow.models.registry import check_options
    from genreflow.project.specs import TrainingSpec
    from genreflow.training.multi_fold import train_folds

    folder, network, pool = Path(order["folder"]), "psytrance_cnn", order["pool"]
    training = TrainingSettings(batch=100, epochs=1, steps_per_epoch=order["steps"])
    options = check_options(network, {"pool": pool})
    spec = TrainingSpec("packing", network, pool, network, options, training, InputSettings(), AudioSettings())
    folders = [folder / order["way"] / pool / f"fold-{fold}" for fold in order["folds"]]
    for _ in train_folds(
        spec, folders, key="", shards=[folder / "s.parquet"], index=folder / "index.parquet",
        folds=folder / "folds.parquet", device=order["device"], threads=order["threads"], since=order["since"],
    ):  # fmt: skip
        pass


def timed(order: dict) -> float:
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, __file__, "--job", json.dumps(order | {"since": time.time()})], check=True, text=True
    )
    return time.perf_counter() - begin


def same(folder: Path, pool: str, fold: str) -> tuple[bool, float]:
    """Tell whether both ways made the same bytes, and by how much slice accuracies differ."""
    places = [folder / way / pool / f"fold-{fold}" for way in ("apart", "packed")]
    hashes = [[file_sha256(place / name) for name in ("model.safetensors", "predictions.parquet")] for place in places]
    accuracies = []
    for place in places:
        predictions = read_frame(place / "predictions.parquet", "predictions")
        answers = np.array(CLASSES)[predictions[[f"p{i}" for i in range(len(CLASSES))]].to_numpy().argmax(axis=1)]
        accuracies.append((answers == predictions["label"]).mean())
    return hashes[0] == hashes[1], abs(accuracies[0] - accuracies[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        job(json.loads(options.job))
        return
    with tempfile.TemporaryDirectory() as name:
        folder, seconds = Path(name), {"apart": 0.0, "packed": 0.0}
        corpus(folder, options.tracks)
        numbers = [str(fold) for fold in range(1, FOLDS + 1)]
        common = {"folder": name, "steps": options.steps, "device": options.device, "threads": options.threads}
        for place, pool in enumerate(POOLS):
            for way in ("apart", "packed") if place % 2 else ("packed", "apart"):
                jobs = [numbers] if way == "packed" else [[number] for number in numbers]
                for folds in jobs:
                    seconds[way] += timed(common | {"way": way, "pool": pool, "folds": folds})
        pairs = [same(folder, pool, fold) for pool in POOLS for fold in numbers]
        starts = [
            json.loads(path.read_text())["seconds"]["start_to_first_step"]
            for path in sorted(folder.glob("apart/*/*/run.json"))
        ]
    runs = len(pairs)
    print(f"{runs} runs of {options.steps} steps of 100 slices, {options.tracks} tracks")
    print(f"a process each   {seconds['apart']:7.1f} s   {seconds['apart'] / runs:5.1f} s a run")
    print(f"a process of 5   {seconds['packed']:7.1f} s   {seconds['packed'] / runs:5.1f} s a run")
    print(f"separate : packed {seconds['apart'] / seconds['packed']:.2f}")
    print(f"start of a process to its first step: {np.median(starts):.1f} s (median), {max(starts):.1f} s (longest)")
    equal = sum(is_same for is_same, _ in pairs)
    print(f"equal bytes: {equal} of {runs}; largest difference of slice accuracy: {max(by for _, by in pairs):.4f}")


if __name__ == "__main__":
    main()
