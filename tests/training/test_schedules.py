import io
import math
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from genreflow.config.training import Schedule as ScheduleName
from genreflow.config.training import TrainingSettings
from genreflow.training.optimizers import Schedule, phases


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Where others use the processors, threads wait for each other far longer than so small a network takes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))


def sizes_of(settings, steps, scores=None):
    """Return the step sizes of a training, [epochs, steps]."""
    schedule = Schedule(settings, network(), steps=steps)
    sizes = np.empty((settings.epochs, steps))
    for epoch in range(settings.epochs):
        schedule.begin_epoch(epoch)
        for step in range(steps):
            sizes[epoch, step] = schedule.learning_rate
            schedule.step()
        schedule.end_epoch(0.0 if scores is None else scores[epoch])
    return sizes


def test_a_cosine_falls_from_the_full_step_towards_nothing():
    sizes = sizes_of(TrainingSettings(optimizer="sgd", epochs=5), steps=4).ravel()
    expected = [1e-2 * (1 + math.cos(math.pi * step / 20)) / 2 for step in range(20)]
    np.testing.assert_allclose(sizes, expected, rtol=1e-12)


def test_a_constant_step_stays():
    assert (sizes_of(TrainingSettings(schedule="constant", learning_rate=0.3, epochs=3), steps=2) == 0.3).all()


def test_a_plateau_makes_the_steps_smaller_after_so_many_epochs_without_improvement():
    """As Keras's ReduceLROnPlateau with min_delta 0: the third epoch in a row that is no better counts."""
    scores = [1, 2, 2, 1, 2, 1, 3, 3, math.nan, 3, 4, 4, 4, 4, 4, 4, 4, 4]
    settings = TrainingSettings(
        schedule="plateau", plateau_patience=3, plateau_factor=0.5, learning_rate=1.0, epochs=len(scores)
    )
    sizes = sizes_of(settings, steps=2, scores=scores)
    assert (sizes[:, 0] == sizes[:, 1]).all()
    assert sizes[:, 0].tolist() == [1] * 5 + [0.5] * 5 + [0.25] * 4 + [0.125] * 3 + [0.0625]


def test_only_a_plateau_looks_at_what_is_watched():
    worse = np.linspace(1, 0, 20)
    for name in set(get_args(ScheduleName)) - {"plateau"}:
        settings = TrainingSettings(schedule=name, epochs=20, plateau_patience=1)
        np.testing.assert_array_equal(sizes_of(settings, 2, worse), sizes_of(settings, 2, -worse))


def course_of(epochs):
    """Return optimizer, step size and whether the best weights are loaded before it, of each epoch of won2020."""
    schedule = Schedule(TrainingSettings(schedule="won2020", epochs=epochs), network(), steps=1)
    course = []
    for epoch in range(epochs):
        reload_best = schedule.begin_epoch(epoch)
        course.append((type(schedule.optimizer).__name__, schedule.learning_rate, reload_best))
    return course


@pytest.mark.parametrize(
    ("epochs", "lengths"),
    [
        (200, (80, 20, 20, 80)),  # 1-80, 81-100, 101-120, 121-200 in the published code
        (60, (24, 6, 6, 24)),
        (10, (4, 1, 1, 4)),
        (3, (2, 0, 0, 1)),
        (1, (1, 0, 0, 0)),
    ],
)
def test_the_schedule_of_won_2020(epochs, lengths):
    kinds = [("Adam", 1e-4), ("SGD", 1e-3), ("SGD", 1e-4), ("SGD", 1e-5)]
    expected = [
        (*kind, number > 0 and epoch == 0)
        for number, (kind, length) in enumerate(zip(kinds, lengths, strict=True))
        for epoch in range(length)
    ]
    assert course_of(epochs) == expected


def test_the_optimizers_of_won_2020_are_torchs():
    """Adam with L2, not AdamW, then SGD with Nesterov's momentum; decay 1e-4 of all parameters."""
    schedule = Schedule(TrainingSettings(schedule="won2020", epochs=10), model := network(), steps=1)
    for epoch, target in [(0, {"eps": 1e-8, "betas": (0.9, 0.999)}), (4, {"momentum": 0.9, "nesterov": True})]:
        schedule.begin_epoch(epoch)
        (group,) = schedule.optimizer.param_groups
        assert len(group["params"]) == len(list(model.parameters()))
        assert group["weight_decay"] == 1e-4
        assert {key: group[key] for key in target} == target


def test_sgd_keeps_its_momentum_where_only_its_step_gets_smaller():
    """The published code sets the step size of the optimizer it has."""
    schedule = Schedule(TrainingSettings(schedule="won2020", epochs=10), network(), steps=1)
    schedule.begin_epoch(4)
    sgd = schedule.optimizer
    schedule.begin_epoch(5)
    assert schedule.optimizer is sgd


@given(epochs=st.integers(1, 300))
def test_phases_follow_each_other_and_end_with_the_training(epochs):
    for name in get_args(ScheduleName):
        ends = [phase.end for phase in phases(TrainingSettings(schedule=name, epochs=epochs))]
        assert ends[-1] == epochs
        assert ends[0] >= 1
        assert all(one <= other for one, other in pairwise(ends))


def test_momentum_and_decay_of_the_settings_are_used():
    settings = TrainingSettings(optimizer="sgd", momentum=0.8, weight_decay=0.02)
    weights, others = Schedule(settings, network(), steps=1).optimizer.param_groups
    assert (weights["momentum"], weights["nesterov"], weights["weight_decay"]) == (0.8, True, 0.02)
    assert (others["momentum"], others["nesterov"], others["weight_decay"]) == (0.8, True, 0.0)


class Training:
    """A loop as the engine's, that can be left and taken up after any of its calls."""

    STEPS = 3

    def __init__(self, settings):
        self.settings = settings
        self.model = network()
        self.schedule = Schedule(settings, self.model, steps=self.STEPS)
        self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.epoch = self.step = 0
        self.sizes = []

    def advance(self):
        """Make a step, and close the epoch after the last."""
        if self.step == 0 and self.schedule.begin_epoch(self.epoch):
            self.model.load_state_dict(self.best)
        generator = torch.Generator().manual_seed(100 * self.epoch + self.step)
        inputs = torch.randn(6, 4, generator=generator)
        self.schedule.zero_grad()
        (self.model(inputs) - inputs.sum(dim=1, keepdim=True)).square().mean().backward()
        self.sizes.append(self.schedule.learning_rate)
        self.schedule.step()
        self.step += 1
        if self.step == self.STEPS:
            self.step, self.epoch = 0, self.epoch + 1
            score = float(self.epoch % 4)
            if score >= 2:
                self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
            self.schedule.end_epoch(score)

    def interrupted(self):
        """Return a training in a new process, as it were, that goes on from here: state on disk is bytes."""
        buffer = io.BytesIO()
        state = {"weights": self.model.state_dict(), "best": self.best, "schedule": self.schedule.state_dict()}
        torch.save(state, buffer)
        buffer.seek(0)
        state = torch.load(buffer, weights_only=True)
        again = Training(self.settings)
        for parameter in again.model.parameters():
            nn.init.normal_(parameter)
        again.model.load_state_dict(state["weights"])
        again.best = state["best"]
        again.schedule.load_state_dict(state["schedule"])
        again.epoch, again.step, again.sizes = self.epoch, self.step, list(self.sizes)
        return again


CASES = [
    {"schedule": "cosine"},
    {"schedule": "constant", "optimizer": "adadelta"},
    {"schedule": "constant", "optimizer": "adamax"},
    {"schedule": "cosine", "optimizer": "adamw", "weight_decay": 0.1},
    {"schedule": "plateau", "optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01, "plateau_patience": 2},
    {"schedule": "won2020"},
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(str(value) for value in case.values()))
def test_a_training_interrupted_after_any_step_goes_on_to_the_same_steps_and_weights(case):
    whole, resumed = Training(TrainingSettings(epochs=10, **case)), []
    total = 10 * Training.STEPS
    for _ in range(total):
        resumed.append(whole.interrupted())
        whole.advance()
    for until, training in enumerate(resumed):
        for _ in range(total - until):
            training.advance()
        assert training.sizes == whole.sizes, until
        for name, tensor in whole.model.state_dict().items():
            assert torch.equal(training.model.state_dict()[name], tensor), (until, name)


@settings(max_examples=20, deadline=None)
@given(places=st.sets(st.integers(0, 29), max_size=6))
def test_it_may_be_interrupted_any_number_of_times(places):
    ten_epochs = TrainingSettings(epochs=10, schedule="won2020")
    whole, training = Training(ten_epochs), Training(ten_epochs)
    for number in range(30):
        whole.advance()
        training = training.interrupted() if number in places else training
        training.advance()
    assert training.sizes == whole.sizes
    assert all(torch.equal(*pair) for pair in zip(training.model.parameters(), whole.model.parameters(), strict=True))
