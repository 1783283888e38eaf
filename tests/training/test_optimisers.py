from typing import get_args

import pytest
import torch

from genreflow.config.training import Optimizer
from genreflow.training.optimisers import OPTIMISERS, make_optimiser

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
