import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from no_float64 import NoFloat64
from small_study import CLASSES, SHAPE, Tiny
from torch import nn

from genreflow.config.training import TrainingSettings
from genreflow.errors import UserError
from genreflow.training.callbacks import Callback
from genreflow.training.device import choose_device, choose_precision
from genreflow.training.loader import SliceLoader, window_starts
from genreflow.training.loop import HISTORY, steps_per_epoch, train
from genreflow.training.predict import predict_proba, predict_windows

CPU = torch.device("cpu")


class Recorder(Callback):
    def __init__(self, rows):
        self.on_epoch_end = rows.append


def run(data, *, seed=0, precision=torch.float32, rows=None, **settings):
    torch.manual_seed(seed)
    model = Tiny(n_outputs=len(CLASSES), input_shape=SHAPE)
    settings = TrainingSettings(**({"batch": 15, "steps_per_epoch": 12, "epochs": 4, "seed": seed} | settings))
    callbacks = [] if rows is None else [Recorder(rows)]
    return model, train(model, data, settings, device=CPU, precision=precision, callbacks=callbacks)


def weights(model):
    return torch.cat([tensor.flatten() for tensor in model.state_dict().values()])


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_an_easy_set_is_learned(easy, precision):
    model, trained = run(easy, learning_rate=0.02, precision=precision)
    assert trained.status == "finished"
    assert (predict_proba(model, easy.arrays, device=CPU).argmax(axis=1) == easy.targets).mean() == 1
    assert trained.history["loss"].iloc[-1] < 0.1 * trained.history["loss"].iloc[0]
    assert weights(model).dtype == torch.float32


@pytest.mark.parametrize("optimizer", ["adam", "adadelta", "adamax", "sgd"])
def test_every_optimizer_lowers_the_loss(easy, optimizer):
    _, trained = run(easy, optimizer=optimizer)
    assert trained.history["loss"].iloc[-1] < trained.history["loss"].iloc[0]


def test_the_history_has_a_row_an_epoch_and_reaches_callbacks_as_it_grows(easy):
    rows = []
    _, trained = run(easy, epochs=3, steps_per_epoch=2, rows=rows)
    assert list(trained.history.columns) == HISTORY
    assert trained.history[["validation_loss", "validation_accuracy"]].isna().all(axis=None)
    assert trained.history["learning_rate"].is_monotonic_decreasing
    assert trained.history["epoch"].tolist() == [1, 2, 3]
    assert trained.history["steps"].tolist() == [2, 2, 2]
    assert trained.history["accuracy"].between(0, 1).all()
    pd.testing.assert_frame_equal(pd.DataFrame(rows)[HISTORY], trained.history)
    assert trained.first_step_seconds > 0


def test_the_same_seed_trains_the_same_weights_and_another_others(easy):
    assert torch.equal(weights(run(easy)[0]), weights(run(easy)[0]))
    assert not torch.equal(weights(run(easy)[0]), weights(run(easy, seed=1)[0]))


def test_a_slice_that_is_not_a_number_ends_the_run_with_the_initial_weights(easy):
    arrays = easy.arrays.copy()
    arrays[0, 0, 0] = np.nan
    model, trained = run(dataclasses.replace(easy, arrays=arrays))
    assert trained.status == "diverged"
    assert trained.history.empty
    assert trained.kept_epoch == 0
    torch.manual_seed(0)
    assert torch.equal(weights(model), weights(Tiny(n_outputs=len(CLASSES), input_shape=SHAPE)))


def best_epoch(history):
    """The latest of the epochs with the best training accuracy."""
    return history.loc[history["accuracy"] == history["accuracy"].max(), "epoch"].iloc[-1]


UNSTEADY = {"optimizer": "sgd", "learning_rate": 4.0, "steps_per_epoch": 1, "schedule": "constant"}


def test_the_weights_of_the_epoch_with_the_best_training_accuracy_are_kept(easy):
    model, trained = run(easy, epochs=11, **UNSTEADY)
    assert trained.status == "finished"
    assert trained.kept_epoch == best_epoch(trained.history) < 11
    until_then, _ = run(easy, epochs=int(trained.kept_epoch), **UNSTEADY)
    assert torch.equal(weights(model), weights(until_then))


def test_a_run_that_diverges_later_keeps_its_best_finite_epoch(easy):
    """Every update takes the loss further up, until it is no number any more."""
    kept = []
    growing = UNSTEADY | {"learning_rate": 50.0}
    model, trained = run(easy, epochs=200, rows=kept, **growing)
    assert trained.status == "diverged"
    assert 0 < len(trained.history) == len(kept) < 200
    assert np.isfinite(trained.history["loss"]).all()
    assert trained.kept_epoch == best_epoch(trained.history)
    assert torch.isfinite(weights(model)).all()
    until_then, _ = run(easy, epochs=int(trained.kept_epoch), **growing)
    assert torch.equal(weights(model), weights(until_then))


def test_predictions_are_probabilities_and_do_not_depend_on_the_batch(easy):
    model, _ = run(easy, epochs=1)
    whole = predict_proba(model, easy.arrays, device=CPU)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-6)
    for batch in (1, 7):
        np.testing.assert_allclose(predict_proba(model, easy.arrays, device=CPU, batch=batch), whole, atol=1e-6)
    assert predict_proba(model, easy.arrays[:0], device=CPU).shape == (0, len(CLASSES))


def test_predicting_uses_no_dropout(easy):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(48, 3)).train()
    first, second = (predict_proba(model, easy.arrays, device=CPU) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_device_is_the_gpu_if_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    with pytest.raises(UserError, match="no NVIDIA GPU"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cpu") == CPU


@pytest.mark.parametrize(("native", "chosen"), [(True, torch.bfloat16), (False, torch.float32)])
def test_bfloat16_is_used_where_the_processor_has_it(monkeypatch, native, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
    assert choose_precision("auto", CPU) == chosen
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU) == torch.bfloat16


@pytest.mark.parametrize(
    ("n_slices", "given", "steps"),
    [
        (22_050, None, 221),  # one pass
        (880, None, 50),  # 80 clips of 30 s: one pass would be 9 steps
        (880, 92, 92),
        (22_050, 3, 3),
    ],
)
def test_an_epoch_is_one_pass_but_not_too_few_steps(n_slices, given, steps):
    assert steps_per_epoch(n_slices, TrainingSettings(batch=100, steps_per_epoch=given)) == steps


def test_the_validation_loss_of_crops_is_the_mean_over_windows_and_not_the_loss_of_their_mean(easy):
    """Won et al. (2020) choose the best epoch by it."""
    torch.manual_seed(0)
    crop, windows = SHAPE[-1] - 2, 2
    model = Tiny(n_outputs=len(CLASSES), input_shape=(*SHAPE[:-1], crop))
    settings = TrainingSettings(
        batch=15, steps_per_epoch=4, epochs=1, crop=crop, crop_windows=windows, restore_best=False
    )
    history = train(model, easy, settings, device=CPU, precision=torch.float32, validation=easy).history
    parts = [easy.arrays[..., start : start + crop] for start in window_starts(SHAPE[-1], crop, windows)]
    proba = [predict_proba(model, part, device=CPU)[np.arange(len(easy)), easy.targets] for part in parts]
    assert history["validation_loss"].iloc[-1] == pytest.approx(np.mean([-np.log(each).mean() for each in proba]))
    assert history["validation_loss"].iloc[-1] != pytest.approx(-np.log(np.mean(proba, axis=0)).mean(), rel=1e-6)


def test_inference_mode_does_not_last_into_the_code_that_takes_the_predictions(easy):
    model = Tiny(n_outputs=len(CLASSES), input_shape=SHAPE)
    loader = SliceLoader(easy.arrays, CPU)
    for _ in predict_windows(model, loader, None, crop=None, windows=1, tags=False, batch=4):
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "adadelta", "adamax", "sgd"])
def test_no_step_of_a_training_uses_float64(easy, optimizer):
    """Nor does what goes with it: augmentation, crops, validation, predictions."""
    changes = {"shift": 0.5, "gain": 3.0, "noise": 0.1, "mask_time": 0.2, "mask_bands": 0.2, "mixup": 0.2, "crop": 4}
    settings = TrainingSettings(batch=6, steps_per_epoch=2, epochs=2, optimizer=optimizer, crop_windows=2, **changes)
    model = Tiny(n_outputs=len(CLASSES), input_shape=(SHAPE[0], 4))
    with NoFloat64():
        train(model, easy, settings, device=CPU, precision=torch.float32, validation=easy)
