"""Golden outputs of models: forward passes, five steps of training, estimators, and how models are looked at."""

import numpy as np
import torch
from golden import golden, of_frame, summary
from golden_sound import RATE, music
from small_study import Study
from torch import nn

from genreflow.audio.vorbis import write_ogg
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import InputSettings, LogMel, Waveform
from genreflow.config.training import TrainingSettings
from genreflow.features.front_end import AUGMENTATIONS
from genreflow.models import registry
from genreflow.models.summary import trainable_parameters
from genreflow.plan.stages import network_code, version
from genreflow.project.specs import Dimension, SearchSpec
from genreflow.store.parquet import Header, read_frame, write_table
from genreflow.training.augment import Augment
from genreflow.training.filter_visualization import maximize_activations
from genreflow.training.run import run_fold
from genreflow.training.search import inner_folds, run_trial
from genreflow.training.snippet_predictions import random_segments
from genreflow.training.trials import choose

NETWORKS = [name for name, entry in registry.MODELS.items() if not entry.is_estimator]
ESTIMATORS = [name for name, entry in registry.MODELS.items() if entry.is_estimator]


def waves(*shape: int, scale: float = 1.0) -> np.ndarray:
    """Return fixed values in (-scale, scale), float32."""
    places = np.arange(1, np.prod(shape) + 1, dtype=np.float64)
    return (scale * np.sin(places * 0.917 + 1e-3 * places**1.5)).reshape(shape).astype(np.float32)


def code_of(model: str) -> str:
    """Return the version of a model: its code counts in its key, too."""
    return f"{version('layers')}, code {network_code(registry.module_of(model))[:8]}"


# ---- forward passes -------------------------------------------------------------------------------------------------


def _forward(name):
    shape = registry.describe(name).input_shape
    torch.manual_seed(0)
    network = registry.build(name, 3).eval()
    with torch.inference_mode():
        logits = network(torch.from_numpy(waves(1, *shape, scale=0.3)))
    return {"logits": logits, "parameters": [trainable_parameters(network)]}


for _name in NETWORKS:
    golden("layers", name=f"network-{_name}", version=code_of(_name), rtol=5e-3, atol=1e-3)(
        lambda _folder, name=_name: _forward(name)
    )


# ---- five steps, and estimators -------------------------------------------------------------------------------------

SPECTROGRAM = {"front_end": {"kind": "logmel"}, "segments": {"kind": "midpoint"}}
NUMBERS = {"front_end": {"kind": "descriptors"}, "segments": {"kind": "random_offset"}, "standardize": "element"}
FIVE = {"batch": 6, "epochs": 1, "steps_per_epoch": 5, "precision": "float32"}
TRAININGS = {
    "psytrance_cnn": ((128, 128), SPECTROGRAM, FIVE | {"learning_rate": 1e-3, "predict_training": True}),
    "psytrance_crnn": ((128, 32), SPECTROGRAM | {"standardize": "band"},
                       FIVE | {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 1e-2, "sampling": "weighted"}),
    "gg12": ((513, 48), {"front_end": {"kind": "stft"}, "segments": {"kind": "midpoint", "frames": 48}},
             FIVE | {"optimizer": "adadelta", "sampling": "shuffled", "crop": 40, "crop_windows": 3, "accumulate": 2}),
    "ann": ((25,), NUMBERS, FIVE | {"schedule": "won2020", "epochs": 4, "steps_per_epoch": 2, "restore_best": False}),
}  # fmt: skip


def _run(folder, model, shape, given, training):
    study = Study(folder, shape)
    facts = run_fold(**study.arguments(model, "run", input=given, training=TrainingSettings(**training)))
    history = read_frame(folder / "run/history.parquet", "history")
    predictions = read_frame(folder / "run/predictions.parquet", "predictions")
    training_profile = [
        np.ravel(np.asarray(value, float)) for value in facts["training_profile"].values() if _is_numeric(value)
    ]
    return {
        "facts": [facts["steps"], facts["parameters"], facts["kept_epoch"], *facts["input_shape"]],
        "layers": [f"{layer['parameters']} {layer['shape']}" for layer in facts["layers"]],
        "training_profile": summary(np.concatenate(training_profile)) if training_profile else [],
    } | of_frame(history, "history", without=("seconds",)) | of_frame(predictions, "predictions")  # fmt: skip


def _is_numeric(value):
    try:
        np.asarray(value, float)
    except (TypeError, ValueError):
        return False
    return True


for _name, (_shape, _given, _training) in TRAININGS.items():
    _stage = "cropping" if "crop" in _training else "training"
    golden(_stage, name=f"training-{_name}", rtol=5e-3, atol=5e-3)(
        lambda folder, name=_name, shape=_shape, given=_given, training=_training: _run(
            folder, name, shape, given, training
        )
    )

for _name in ESTIMATORS:
    golden("fitting", name=f"fitting-{_name}", version=f"{version('fitting')}; layers {code_of(_name)}", atol=5e-3)(
        lambda folder, name=_name: _run(folder, name, (25,), NUMBERS, {})
    )


@golden("search", rtol=1e-2, atol=1e-2)
def of_search(folder):
    study = Study(folder, (25,))
    spec = study.arguments("logistic_regression", "run", input=NUMBERS, training=TrainingSettings())["spec"]
    space = [Dimension("C", "options", None, 1e-3, 10.0, True)]
    search = SearchSpec(spec, space, "log_loss", parallel=2, prune=True, seed=1, inner=FoldSettings(count=2, seed=1))
    table, facts = inner_folds(study.folds, study.index, "1", search)
    write_table(folder / "inner.parquet", table, Header("folds", facts=facts))
    trials = [
        run_trial(
            search, number, fold="1", key="", path=folder / f"{number:04}.json", shards=study.shards,
            index=study.index, folds=folder / "inner.parquet", threads=1,
        )
        for number in range(12)
    ]  # fmt: skip
    return {
        "values": [trial["values"]["C"] for trial in trials],
        "steps": [value for trial in trials for _, value in trial["steps"]],
        "status": [trial["status"] for trial in trials],
        "best": [choose(search, trials)["number"]],
    }


# ---- augmentation, filters, snippets --------------------------------------------------------------------------------

AMOUNTS = {"shift": 0.5, "gain": 6.0, "noise": 0.5, "mask_time": 0.5, "mask_bands": 0.5, "mixup": 0.4}
assert AMOUNTS.keys() == set(AUGMENTATIONS)


def _augmented(front_end, shape, amounts):
    augment = Augment(TrainingSettings(**amounts), front_end)
    inputs, targets = torch.from_numpy(waves(4, *shape)), torch.eye(4)
    changed, mixed = augment(inputs, targets, np.arange(4), epoch=1)
    return {"inputs": summary(changed), "targets": mixed}


for _name, _amount in AMOUNTS.items():
    golden("augmentation", name=f"augmentation-{_name}")(
        lambda _folder, name=_name, amount=_amount: _augmented(LogMel(), (16, 20), {name: amount})
    )


@golden("augmentation")
def of_augmentation_waveform(folder):
    return _augmented(Waveform(), (200,), {"shift": 0.3, "gain": 6.0, "noise": 0.2, "mask_time": 0.2})


@golden("filters", rtol=1e-2, atol=1e-2)
def of_filters(folder):
    network = nn.Sequential(
        nn.Unflatten(1, (1, 8)), nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(1, 2), nn.Conv1d(24, 4, 3)
    )
    with torch.no_grad():
        for number, weights in enumerate(network.parameters()):
            weights.copy_(torch.from_numpy(waves(number + 1, weights.numel())[number].reshape(weights.shape)))
    rows, arrays = maximize_activations(network.eval(), 3 * waves(20, 8, 12) - 10)
    return of_frame(rows) | {"arrays": summary(arrays)}


@golden("snippets", rtol=5e-3, atol=0.05)
def of_snippets(folder):
    write_ogg(folder / "t.ogg", music(6), RATE, quality=6, serial=1)
    mel = {"kind": "logmel", "sample_rate": RATE, "hop": 512}
    frames = InputSettings(front_end=mel, segments={"kind": "midpoint", "frames": 20})
    seconds = InputSettings(front_end=mel, segments={"kind": "split", "seconds": 0.5})
    return {
        kind: summary(random_segments(folder / "t.ogg", settings, 6, track_id="0f" * 8))
        for kind, settings in (("frames", frames), ("seconds", seconds))
    }
