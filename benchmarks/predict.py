"""Measure the speed of predicting new music on one core: decoding, levelling, cutting and the network.

    python benchmarks/predict.py

A psytrance CNN with fresh weights and its own input (30 slices) predicts four synthetic tracks of 240 s, as MP3, FLAC,
Ogg Vorbis and WAV. A file of ten hours then shows the memory that one file can take.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import torch
from ingest import synthesize
from threadpoolctl import threadpool_limits

from genreflow.config.audio import AudioSettings
from genreflow.inference.files import find
from genreflow.inference.tracks import Predictor
from genreflow.models import registry
from genreflow.store.atomic import write_bytes
from genreflow.store.runs import MODEL, RUN, RUN_VERSION
from genreflow.store.sealed import write_sealed
from genreflow.training.run import weights_as_bytes

SECONDS, ROUNDS, TARGET = 240.0, 3, 50.0
HOURS, RATE, MOST_GB = 10, 44_100, 2.0


def untrained(folder: Path) -> Path:
    """Write a psytrance CNN with fresh weights as if it had been trained."""
    entry = registry.describe("psytrance_cnn")
    write_bytes(folder / MODEL, weights_as_bytes(registry.build(entry.name, 5)))
    facts = {
        "model": entry.name,
        "options": {},
        "classes": ["a", "b", "c", "d", "e"],
        "input_shape": list(entry.input_shape),
        "input": entry.input_settings.model_dump(mode="json"),
        "audio": AudioSettings().model_dump(mode="json"),
        "training": {},
    }
    write_sealed(folder / RUN, {"kind": "run", "version": RUN_VERSION, **facts}, files=[MODEL])
    return folder


def long_file(path: Path) -> Path:
    """Write ten hours of FLAC: music at the beginning, quiet noise after it."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.001, RATE * 60)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        file.write(rng.normal(0, 0.1, RATE * 60))
        for _ in range(HOURS * 60 - 1):
            file.write(noise)
    return path


def peak_gb() -> float:
    """Return the most memory that this process or one of its children has held, GB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1e6


def main() -> int:
    torch.set_num_threads(1)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        music = Path(folder, "music")
        music.mkdir()
        synthesize(music, seconds=SECONDS)
        predictor = Predictor(str(untrained(Path(folder))), device="cpu", cores=1)
        items, times = find([str(music)]), []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            judged = [predictor.predict_track(prepared) for prepared in predictor.prepare(items)]
            times.append(time.perf_counter() - start)
            assert all(track.is_usable for track in judged)
        speed = SECONDS * len(items) / min(times)
        print(f"{len(items)} tracks of {SECONDS:g} s in {min(times):.2f} s: {speed:.0f} x real time on one core, "
              f"target {TARGET:g}")  # fmt: skip
        start = time.perf_counter()
        [long] = [
            predictor.predict_track(prepared)
            for prepared in predictor.prepare(find([str(long_file(Path(folder, "long.flac")))]))
        ]
        memory = peak_gb()
        print(f"{HOURS} h in one file: {time.perf_counter() - start:.1f} s with writing it, at most {memory:.2f} GB; "
              f"{long.reason}, target {MOST_GB:g} GB")  # fmt: skip
    return 0 if speed >= TARGET and memory <= MOST_GB and "W_LONG" in long.reason else 1


if __name__ == "__main__":
    sys.exit(main())
