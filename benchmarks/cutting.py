"""Measure the memory and time of cutting a shard of 32 tracks, for the input of each registered model.

One process cuts each shard and prints its peak memory. All 32 tracks are the same synthetic file of 300 s. Target:
below 1.5 GB each.
"""

import multiprocessing
import tempfile
import time
from pathlib import Path

import pandas as pd

from genreflow.audio.vorbis import write_ogg
from genreflow.config.inputs import InputSettings
from genreflow.features.slices import slice_shard
from genreflow.models.registry import MODELS
from genreflow.synthetic.corpus import plan, render
from genreflow.synthetic.synth import RATE

TRACKS, SECONDS, TARGET = 32, 300.0, 1.5


def cut(path: Path, settings: dict, answer) -> None:
    """Cut a shard; answer with peak memory in GB, seconds, and bytes of the array."""
    tracks = pd.DataFrame(
        {"track_id": [f"{number:016x}" for number in range(TRACKS)], "verdict": "accept", "ogg": path.name}
    )
    begin = time.perf_counter()
    shard = slice_shard(tracks, audio_folder=path.parent, settings=InputSettings.model_validate(settings), key="")
    seconds = time.perf_counter() - begin
    answer.put((_peak_gb(), seconds, shard.array.nbytes / 1e6))


def _peak_gb() -> float:
    # getrusage would tell the parent's memory as well, from before the process became another program.
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1e6


def main() -> None:
    """Print a row an input, and the largest of all."""
    inputs: dict[str, tuple[dict, list[str]]] = {}
    for entry in MODELS.values():
        inputs.setdefault(str(entry.input_settings), (dict(entry.input), []))[1].append(entry.name)
    context = multiprocessing.get_context("spawn")
    peaks = []
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "track.ogg")
        samples = render(plan(tracks_per_class=1, seconds=SECONDS, seed=0)[0]).mean(axis=1)
        write_ogg(path, samples, RATE, quality=6.0, serial=1)
        print(f"{TRACKS} tracks of {SECONDS:g} s   peak GB   seconds   array MB")
        for settings, names in inputs.values():
            answer = context.Queue()
            worker = context.Process(target=cut, args=(path, settings, answer))
            worker.start()
            worker.join()
            peak, seconds, size = answer.get(timeout=1)
            peaks.append(peak)
            print(f"{', '.join(names)[:60]:60} {peak:6.2f} {seconds:8.1f} {size:8.0f}", flush=True)
    print(f"most: {max(peaks):.2f} GB (target: below {TARGET} GB)")


if __name__ == "__main__":
    main()
