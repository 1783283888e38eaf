"""A network small enough to compute embeddings in no time: its bundle on disk, and the settings of its embedding."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from resealing import write_facts

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import Embedding, InputSettings
from genreflow.embeddings.sources import resolve
from genreflow.features.shapes import segment_shape
from genreflow.models import registry
from genreflow.store.runs import MODEL
from genreflow.training.run import weights_as_bytes

RATE, BANDS, FRAMES, HOP = 16_000, 12, 64, 200
INPUT = {
    "front_end": {"kind": "logmel", "sample_rate": RATE, "n_fft": 512, "hop": HOP, "n_mels": BANDS},
    "segments": {"kind": "midpoint", "frames": FRAMES, "count": 3},
}
PATCH_S = (FRAMES - 1) * HOP / RATE
CLASSES = ("high", "low", "mid")


def music(seconds, rate, seed=0):
    """Return chords over noise bursts, float32 with a peak of about 0.5; another seed, another chord."""
    time = np.arange(round(seconds * rate)) / rate
    roots = 110 * 2 ** ((np.array((0, 5, 7))[(time // 0.6).astype(int) % 3] + 0.3 * seed) / 12)
    turns = np.cumsum(roots) / rate
    chord = sum(np.sin(2 * np.pi * part * turns) / part for part in (1, 2, 3, 5)) * 0.15
    noise = np.random.default_rng(int(10 * seed)).standard_normal(len(time)) * 0.1
    return (chord + noise * np.exp(-15 * (time % 0.4))).astype(np.float32)


def write_bundle(folder, *, network="tagging_mel_cnn", given=INPUT, classes=CLASSES, seed=0, **changes):
    """Write the run of a network with weights drawn from a seed; return its folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = InputSettings.model_validate(given)
    shape = segment_shape(settings)
    options = registry.check_options(network, {})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = registry.build(network, len(classes), input_shape=shape, **options)
    (folder / MODEL).write_bytes(weights_as_bytes(made))
    facts = {
        "key": "0123456789abcdef",
        "fold": "final",
        "model": network,
        "options": options,
        "classes": list(classes),
        "tags": False,
        "input_shape": list(shape),
        "input": settings.model_dump(mode="json"),
        "audio": AudioSettings().model_dump(mode="json"),
        "training": {"crop": None, "crop_windows": 16},
        "status": "finished",
        "versions": {"genreflow": "0"},
    }
    write_facts(folder, **facts | changes)
    return folder


@cache
def shared_bundle():
    """Return the folder of one bundle that all tests of a process read."""
    folder = Path(tempfile.mkdtemp(prefix="genreflow-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_bundle(folder / "tiny")


def embedding(**settings):
    """Return the settings of the embedding of that network, resolved."""
    return resolve(Embedding(model=str(shared_bundle()), **settings))
