"""Measure the cost of each stage per hour of audio on this machine: the figures behind docs/scaling.md.

    python benchmarks/scale_costs.py [TRACKS_PER_CLASS]

The script normalizes tracks of 240 s of the synthetic corpus from MP3 and cuts each into 30 log-mel slices; the
psytrance CNN then makes steps on a batch of 100 and predicts, and the tables are made from its predictions. It counts
processor time, which other work on the machine disturbs least. About two minutes on two cores.
"""

import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import soundfile
import torch
from training import a_step, network, random_slices

from genreflow.audio.ingest import ingest
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.study import StudySettings
from genreflow.features.slices import slice_shard
from genreflow.store.digest import file_sha256
from genreflow.store.shards import write_shard
from genreflow.synthetic.corpus import plan, render
from genreflow.synthetic.synth import RATE
from genreflow.training.predict import predict_proba

SECONDS, BATCH, STEPS = 240.0, 100, 5


def main() -> None:
    per_class = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tracks = [as_mp3(folder, track) for track in plan(tracks_per_class=per_class, seconds=SECONDS, seed=0)]
        hours = len(tracks) * SECONDS / 3600
        audio, spent = measured(
            lambda: ingest(tracks, audio_folder=folder / "audio", settings=AudioSettings(), stage_key="0", workers=1)
        )
        size = sum(path.stat().st_size for path in folder.rglob("*.ogg")) / 1e6
        print(
            f"normalize  {spent / hours:6.1f} s of processor an hour of audio, {size / hours:6.1f} MB of OGG",
            flush=True,
        )
        frame, settings = audio.to_pandas(), input_settings()
        shard, spent = measured(lambda: slice_shard(frame, audio_folder=folder / "audio", settings=settings, key=""))
        write_shard(folder / "shard.parquet", shard)
        size = (folder / "shard.parquet").stat().st_size / 1e6
        print(
            f"cut        {spent / hours:6.1f} s of processor an hour of audio ({spent / len(tracks):.3f} s a track), "
            f"{size / len(tracks):.2f} MB of slices a track",
            flush=True,
        )
    train_and_predict()


def as_mp3(folder: Path, track) -> dict[str, object]:
    """Write a track as MP3 and return its row of the catalog."""
    coded, path = io.BytesIO(), folder / f"{track.path.replace('/', '-')}.mp3"
    soundfile.write(coded, render(track), RATE, format="MP3", subtype="MPEG_LAYER_III")
    path.write_bytes(coded.getvalue())
    row = {"track_id": f"{abs(hash(track.path)):016x}"[:16], "path": os.fsencode(path), "bytes": path.stat().st_size}
    return row | {"sha256": file_sha256(path), "reason": "", "message": ""}


def input_settings() -> InputSettings:
    """Return the input of a study that says nothing of it."""
    return next(iter(StudySettings(dataset="any", models={"psytrance_cnn": {}}).inputs.values()))


def train_and_predict() -> None:
    """Print what a slice costs in training and in prediction; one thread waits for no other."""
    torch.set_num_threads(1)
    device, data = torch.device("cpu"), random_slices(BATCH * STEPS)
    inputs, targets = torch.from_numpy(data.arrays[:BATCH]).float(), torch.from_numpy(data.targets[:BATCH])
    step, net = a_step(device), network(device).eval()
    step(inputs, targets)
    _, spent = measured(lambda: [step(inputs, targets) for _ in range(STEPS)])
    print(f"train      {1e3 * spent / BATCH / STEPS:6.2f} ms of processor a slice", flush=True)
    _, spent = measured(lambda: predict_proba(net, data.arrays, device=device))
    print(f"predict    {1e3 * spent / len(data.targets):6.2f} ms of processor a slice")


def measured(work: Callable[[], object]) -> tuple[object, float]:
    """Return what work returns, and the processor time that it and its children took, s."""
    start = _processor_seconds()
    result = work()
    return result, _processor_seconds() - start


def _processor_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


if __name__ == "__main__":
    main()
