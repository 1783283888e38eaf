from typing import get_args

import pytest
import torch
from torch import nn

from genreflow.config.training import Optimizer
from genreflow.training.optimisers import OPTIMISERS, make_optimiser, make_schedule

# Keras 2.2, documentation of its optimizers.
KERAS = {
    "adam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-7, "weight_decay": 0},
    "adadelta": {"lr": 1.0, "rho": 0.95, "eps": 1e-7, "weight_decay": 0},
    "adamax": {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-7, "weight_decay": 0},
    "sgd": {"lr": 1e-2, "momentum": 0, "nesterov": False, "weight_decay": 0},
}


@pytest.mark.parametrize("name", KERAS)
def test_defaults_are_those_of_keras(name):
    group = make_optimiser(name, [torch.nn.Parameter(torch.zeros(1))]).param_groups[0]
    assert {key: group[key] for key in KERAS[name]} == KERAS[name]


@pytest.mark.parametrize("name", KERAS)
def test_a_learning_rate_takes_the_place_of_the_default_only(name):
    group = make_optimiser(name, [torch.nn.Parameter(torch.zeros(1))], learning_rate=0.5).param_groups[0]
    assert {key: group[key] for key in KERAS[name]} == KERAS[name] | {"lr": 0.5}


def test_every_optimiser_that_can_be_set_exists():
    assert set(OPTIMISERS) == set(get_args(Optimizer)) == set(KERAS)


def steps_of(schedule: str) -> list[float]:
    weight = nn.Parameter(torch.zeros(1))
    optimiser = make_optimiser("sgd", [weight])
    scheduler = make_schedule(schedule, optimiser, steps=10)
    sizes = []
    for _ in range(10):
        sizes.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return [*sizes, optimiser.param_groups[0]["lr"]]


def test_a_cosine_schedule_falls_from_the_full_step_to_nothing():
    sizes = steps_of("cosine")
    assert sizes[0] == 1e-2
    assert sizes[5] == pytest.approx(0.5e-2)
    assert sizes[10] == pytest.approx(0, abs=1e-9)
    assert sizes == sorted(sizes, reverse=True)


def test_a_constant_schedule_stays():
    assert set(steps_of("constant")) == {1e-2}
