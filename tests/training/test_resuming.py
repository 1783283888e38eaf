"""Whatever stops a training, it ends in the weights that it would have had."""

import math
import os
import signal
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import torch
from small_study import SHAPE
from torch import nn

from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.models.blocks import InputNorm
from genreflow.training import loop
from genreflow.training.callbacks import Callback, catch_sigterm
from genreflow.training.checkpoint import Checkpoints
from genreflow.training.loop import Interrupted, train

CPU = torch.device("cpu")
SETTINGS = [
    {},
    {"optimizer": "sgd", "momentum": 0.9, "schedule": "plateau", "plateau_patience": 1, "learning_rate": 0.05},
    {"schedule": "won2020", "epochs": 10},
    {"sampling": "shuffled", "batch": 7, "steps_per_epoch": None, "mixup": 0.4, "shift": 0.5, "noise": 0.2},
    {"crop": 4, "crop_windows": 2, "sampling": "weighted", "optimizer": "adadelta", "restore_best": False},
]


class Stop(Exception):
    """As a kill would, it leaves no time for anything."""


class KillingCallback(Callback):
    """Ends the training so many times, each one to four steps after it resumed."""

    def __init__(self, rng, kills):
        self.rng, self.kills, self.left = rng, kills, 2

    def on_step_end(self, *_):
        self.left -= 1
        if self.left == 0 and self.kills:
            self.kills -= 1
            self.left = int(self.rng.integers(1, 5))
            raise Stop


def network(n_frames):
    torch.manual_seed(0)
    return nn.Sequential(
        InputNorm(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(SHAPE[0] * n_frames, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 3),
    )


def settings(**changes):
    return TrainingSettings(**{"batch": 6, "steps_per_epoch": 5, "epochs": 4, "learning_rate": 0.01} | changes)


def run(data, validation, target, precision=torch.float32, **how):
    model = network(target.crop or SHAPE[1])
    torch.manual_seed(1)
    trained = train(model, data, target, device=CPU, precision=precision, validation=validation, **how)
    return torch.cat([tensor.flatten() for tensor in model.state_dict().values()]), trained


@pytest.fixture
def halves(easy):
    tracks = easy.frame["track_id"].unique()
    return [easy.select(pd.DataFrame({"track_id": part})) for part in (tracks[::2], tracks[1::2])]


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_a_run_killed_again_and_again_ends_in_the_same_weights(halves, tmp_path, monkeypatch, changes):
    check_killed(halves, tmp_path, monkeypatch, settings(**changes))


@pytest.mark.parametrize("changes", [{}, {"keras_epsilon": True}, {"optimizer": "sgd", "learning_rate": 0.05}], ids=str)
def test_the_scale_of_the_loss_goes_on_where_it_was(halves, tmp_path, monkeypatch, changes):
    """The scale doubles every seven steps that do not overflow, and is halved by each one that does."""
    scalers = []

    def scaler(device, enabled):
        scalers.append(torch.amp.GradScaler(device, init_scale=2.0**22, growth_interval=7, enabled=enabled))
        return scalers[-1]

    monkeypatch.setattr(loop, "GradScaler", scaler)
    check_killed(halves, tmp_path, monkeypatch, settings(**changes), torch.float16)
    first, last = (each.get_scale() for each in (scalers[0], scalers[-1]))
    assert first == last != 2.0**22


def check_killed(halves, tmp_path, monkeypatch, target, precision=torch.float32):
    undisturbed, expected = run(*halves, target, precision)

    rng = np.random.default_rng(0)
    monkeypatch.setattr(Checkpoints, "is_due", property(lambda _: rng.random() < 0.4))
    killer, ended = KillingCallback(rng, kills=5), None
    while ended is None:
        with suppress(Stop):
            ended = run(*halves, target, precision, checkpoints=Checkpoints(tmp_path, "a-key"), callbacks=[killer])
    weights, trained = ended
    assert killer.kills == 0
    assert torch.equal(weights, undisturbed)
    assert trained.resumed > 0
    assert trained.kept_epoch == expected.kept_epoch
    message = ["epoch", "steps", "loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate"]
    np.testing.assert_allclose(trained.history[message], expected.history[message], rtol=1e-6)


def test_sigterm_keeps_the_state_and_ends_the_training(halves, tmp_path):
    target = settings()
    undisturbed, _ = run(*halves, target)
    checkpoints = Checkpoints(tmp_path, "a-key")

    class Terminator(Callback):
        def on_step_end(self, epoch, step):
            if (epoch, step) == (2, 3):
                os.kill(os.getpid(), signal.SIGTERM)

    with catch_sigterm() as should_stop, pytest.raises(Interrupted):
        run(*halves, target, checkpoints=checkpoints, callbacks=[Terminator()], should_stop=should_stop)
    weights, trained = run(*halves, target, checkpoints=checkpoints)
    assert torch.equal(weights, undisturbed)
    assert trained.resumed == 1


class Hungry(nn.Module):
    """Runs out of memory with more than a few slices at a time."""

    def __init__(self, most):
        super().__init__()
        torch.manual_seed(0)
        self.most, self.layer = most, nn.Sequential(nn.Flatten(), nn.Linear(math.prod(SHAPE), 3))

    def forward(self, x):
        if self.training and len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.layer(x)


def test_a_batch_that_does_not_fit_is_computed_in_parts_with_the_same_result(easy):
    target = settings(batch=12, epochs=2)
    results = []
    for most in (12, 4):
        model = Hungry(most)
        results.append((model, train(model, easy, target, device=CPU, precision=torch.float32)))
    (whole, in_one), (parted, in_parts) = results
    assert (in_one.parts, in_parts.parts) == (1, 4)
    torch.testing.assert_close(whole.layer[1].weight, parted.layer[1].weight, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(in_one.history["loss"], in_parts.history["loss"], rtol=1e-4)
    assert in_one.history["accuracy"].equals(in_parts.history["accuracy"])


def test_a_batch_that_never_fits_is_told_in_a_sentence(easy):
    with pytest.raises(UserError, match="Not even two slices"):
        train(Hungry(1), easy, settings(), device=CPU, precision=torch.float32)


def test_other_errors_are_not_taken_for_a_lack_of_memory(easy):
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        train(nn.Sequential(nn.Flatten(), nn.Linear(1, 3)), easy, settings(), device=CPU, precision=torch.float32)


def test_the_best_epoch_is_that_of_the_validation_slices_and_patience_ends_the_run(halves):
    data, validation = halves
    _, trained = run(data, validation, settings(epochs=30, early_stopping_patience=3, monitor="loss"))
    history = trained.history
    assert trained.kept_epoch == history.loc[history["validation_loss"].idxmin(), "epoch"]
    assert trained.status == "stopped" or len(history) == 30
    assert len(history) - trained.kept_epoch <= 3
    assert history[["validation_loss", "validation_accuracy"]].notna().all(axis=None)
