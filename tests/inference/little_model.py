"""A model that can be known by heart, music for it, and its run on disk: `low` and `high` by which half is louder."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch
from resealing import reseal, write_facts
from torch import nn

from genreflow.audio.ingest import ingest
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.features.shapes import segment_shape
from genreflow.features.slices import cut, to_stored
from genreflow.models.entry import ModelEntry
from genreflow.store.digest import file_sha256
from genreflow.store.parquet import Header, write_table
from genreflow.store.runs import MODEL, PREDICTIONS, RUN
from genreflow.training import novelty
from genreflow.training.data import SliceSet
from genreflow.training.run import weights_as_bytes

RATE, SHAPE, CLASSES = 8_000, (16, 8), ("high", "low")
AUDIO = AudioSettings(sample_rate=RATE, loudness=-14.0)
INPUT = InputSettings.model_validate(
    {
        "front_end": {"kind": "logmel", "sample_rate": RATE, "n_fft": 256, "hop": 200, "n_mels": SHAPE[0]},
        "segments": {"kind": "midpoint", "frames": SHAPE[1], "count": 6},
    }
)
SECONDS = SHAPE[1] * 200 / RATE  # of a slice


class Halves(nn.Module):
    """The mean level of the upper and of the lower half of the bands, dB, times a number; class 0 is `high`."""

    def __init__(self, *, n_outputs, input_shape):
        super().__init__()
        self.scale = nn.Parameter(torch.full((n_outputs,), 0.1))
        self.half = input_shape[0] // 2

    def forward(self, inputs):
        halves = inputs[:, self.half :].mean(dim=(1, 2)), inputs[:, : self.half].mean(dim=(1, 2))
        return torch.stack(halves, dim=1) * self.scale


class Flat(nn.Sequential):
    """A dense layer, for segments of any shape."""

    def __init__(self, *, n_outputs, input_shape):
        super().__init__(nn.Flatten(), nn.Linear(int(np.prod(input_shape)), n_outputs))


ENTRY = ModelEntry(
    name="halves",
    study="psytrance",
    title="loudness of halves",
    module="little_model",
    builder="Halves",
    input=INPUT.model_dump(mode="json"),
    n_outputs=2,
    source="these tests",
)


def sound(kind, number, seconds=3.0):
    """Return noise below 1 kHz or above 2 kHz, as `kind` says; another number, another piece. `sine` is a bare tone."""
    rng = np.random.default_rng([number, len(kind)])
    if kind == "sine":
        return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE)) / RATE)
    spectrum = np.fft.rfft(rng.normal(size=int(seconds * RATE)))
    hertz = np.fft.rfftfreq(int(seconds * RATE), 1 / RATE)
    edge = rng.uniform(0.9, 1.1)
    expected = hertz < 1_000 * edge if kind == "low" else hertz > 2_000 * edge
    noise = np.fft.irfft(np.where(expected, spectrum, 0.05 * spectrum))
    return 0.1 * noise / noise.std()


def write_music(folder, kinds, n, *, first=0):
    """Write n pieces of each kind as FLAC; return the paths."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = [Path(folder, f"{kind}-{number:02d}.flac") for kind in kinds for number in range(first, first + n)]
    for path in paths:
        kind, number = path.stem.split("-")
        soundfile.write(path, sound(kind, int(number)), RATE)
    return paths


def slices_of(paths, folder):
    """Return the stored slices of some files, by path, made as the pipeline makes them."""
    rows = [
        {"track_id": f"{number:016x}", "path": str(path).encode(), "bytes": None, "sha256": file_sha256(path)}
        for number, path in enumerate(paths)
    ]
    table = ingest(rows, audio_folder=folder, settings=AUDIO, stage_key="tests").to_pylist()
    return {
        path: to_stored(cut(Path(folder, row["ogg"]), INPUT, track_id=row["track_id"]).array, INPUT)
        for path, row in zip(paths, table, strict=True)
    }


def write_run(folder, *, trained_on=(), work=None, classes=CLASSES, tags=False, **changes):
    """Write the run of a model that was trained on some files; it knows them only if there are any."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL).write_bytes(weights_as_bytes(Halves(n_outputs=2, input_shape=SHAPE)))
    facts = {
        "key": "0123456789abcdef",
        "fold": folder.name.removeprefix("fold-"),
        "model": "halves",
        "options": {},
        "classes": list(classes),
        "tags": tags,
        "input_shape": list(SHAPE),
        "input": INPUT.model_dump(mode="json"),
        "audio": AUDIO.model_dump(mode="json"),
        "training": {"crop": None, "crop_windows": 16},
        "status": "finished",
        "parameters": 2,
        "dataset": {"tracks": {"train": len(trained_on)}, "slices": {"train": 6 * len(trained_on)}},
        "versions": {"genreflow": "0"},
    }
    if len(trained_on):
        facts["training_profile"] = learnt(trained_on, work)
    write_facts(folder, **facts | changes)
    return folder


def learnt(paths, work):
    """Return what is kept of training files."""
    slices = slices_of(paths, work)
    names = [f"{number:016x}" for number in range(len(paths))]
    frame = pd.DataFrame({"track_id": np.repeat(names, [len(slices[path]) for path in paths])})
    data = SliceSet(np.concatenate([slices[path] for path in paths]), frame, CLASSES)
    tracks = pd.DataFrame({"track_id": names, "sha256": [file_sha256(path) for path in paths], "group": names})
    return novelty.fit_profile(data, tracks, INPUT)


def write_flat_run(folder, given, **changes):
    """Write a run of a dense layer on an input; return its entry for the registry and the folder."""
    settings = InputSettings.model_validate(given)
    shape = segment_shape(settings)
    entry = ModelEntry(
        name="flat",
        study="psytrance",
        title="dense",
        module="little_model",
        builder="Flat",
        input=given,
        n_outputs=2,
        source="tests",
    )
    changes |= {"model": "flat", "input": settings.model_dump(mode="json"), "input_shape": list(shape)}
    torch.manual_seed(0)
    weights = weights_as_bytes(Flat(n_outputs=2, input_shape=shape))
    write_run(folder, **changes)
    (folder / MODEL).write_bytes(weights)
    reseal(folder)
    return entry, folder


def write_predictions(folder, proba, labels, *, role="test", classes=CLASSES, tags=False, prefix="t"):
    """Write predictions of tracks of one slice each: probabilities [n, K], and a label or list of tags a track."""
    frame = pd.DataFrame(np.asarray(proba, np.float32), columns=[f"p{k}" for k in range(len(classes))])
    frame.insert(0, "track_id", [f"{prefix}{number:04d}" for number in range(len(frame))])
    frame = frame.assign(slice=0, start_s=0.0, role=role, **{"tags" if tags else "label": list(labels)})
    write_table(
        Path(folder) / PREDICTIONS, frame, Header("predictions", facts={"classes": list(classes), "tags": tags})
    )
    if Path(folder, RUN).exists():
        reseal(folder)
