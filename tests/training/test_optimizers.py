import math
from typing import get_args

import pytest
import torch
from torch import nn

from genreflow.config.training import Optimizer
from genreflow.errors import UserError
from genreflow.training.optimizers import OPTIMIZERS, make_optimizer

# Keras 2.2, documentation of its optimizers.
KERAS = {
    "adam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-7, "weight_decay": 0},
    "adadelta": {"lr": 1.0, "rho": 0.95, "eps": 1e-7, "weight_decay": 0},
    "adamax": {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-7, "weight_decay": 0},
    "sgd": {"lr": 1e-2, "momentum": 0, "nesterov": False, "weight_decay": 0},
}
# AdamW came to Keras later: values of its Adam, and no decay unless asked for.
ALL = KERAS | {"adamw": KERAS["adam"]}


def only_group(name, **settings):
    (group,) = make_optimizer(name, [nn.Parameter(torch.zeros(1))], **settings).param_groups
    return {key: group[key] for key in ALL[name]}


@pytest.mark.parametrize("name", ALL)
def test_defaults_are_those_of_keras(name):
    assert only_group(name) == ALL[name]
    assert OPTIMIZERS[name][1]["lr"] == ALL[name]["lr"]


@pytest.mark.parametrize("name", ALL)
def test_a_learning_rate_takes_the_place_of_the_default_only(name):
    assert only_group(name, learning_rate=0.5) == ALL[name] | {"lr": 0.5}


def test_every_optimizer_that_can_be_set_exists():
    assert set(OPTIMIZERS) == set(get_args(Optimizer)) == set(ALL)


def after(name, gradients, **settings):
    """Return a weight, 1 at first, after an update by each gradient."""
    weight = nn.Parameter(torch.ones(1, 1, dtype=torch.float64))
    optimizer = make_optimizer(name, [weight], **settings)
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
    return weight.item()


def test_momentum_is_nesterovs():
    """As Keras writes it: v = m v - lr g, then w = w + m v - lr g."""
    weight, velocity = 1.0, 0.0
    for gradient in (1.0, -0.5, 2.0):
        velocity = 0.9 * velocity - 0.1 * gradient
        weight += 0.9 * velocity - 0.1 * gradient
    assert after("sgd", (1.0, -0.5, 2.0), learning_rate=0.1, momentum=0.9) == pytest.approx(weight)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"sgd"}))
def test_momentum_of_another_optimizer_is_refused(name):
    with pytest.raises(UserError, match=rf"momentum: {name} has no"):
        make_optimizer(name, [nn.Parameter(torch.zeros(1))], momentum=0.9)


@pytest.mark.parametrize("name", sorted(set(ALL) - {"adamw"}))
def test_decay_is_the_gradient_of_a_penalty(name):
    decayed = after(name, [0.3], weight_decay=0.1)
    assert decayed == pytest.approx(after(name, [0.3 + 0.1 * 1.0]))


def test_decay_of_adam_goes_through_its_moments_and_that_of_adamw_beside_them():
    plain = after("adam", [0.3], learning_rate=0.01)
    # The first step of Adam is the step size, however large the gradient.
    assert after("adam", [0.3], learning_rate=0.01, weight_decay=0.1) == pytest.approx(plain, abs=1e-7)
    assert after("adamw", [0.3], learning_rate=0.01, weight_decay=0.1) == pytest.approx(plain - 0.01 * 0.1 * 1)


def network():
    return nn.Sequential(nn.Conv1d(1, 3, 2), nn.BatchNorm1d(3), nn.Flatten(), nn.Linear(3, 2))


@pytest.mark.parametrize("name", ALL)
def test_biases_and_scales_of_normalization_are_not_decayed_unless_all_is(name):
    def shrunk(decayed):
        model = network()
        for parameter in model.parameters():
            nn.init.ones_(parameter)
            parameter.grad = torch.zeros_like(parameter)
        make_optimizer(name, model.parameters(), weight_decay=0.1, decayed=decayed).step()
        return {key for key, parameter in model.named_parameters() if (parameter < 1).all()}

    assert shrunk("weights") == {"0.weight", "3.weight"}
    assert shrunk("all") == {key for key, _ in network().named_parameters()}


def keras_adam(gradients, learning_rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Return a weight, 0 at first, after each update as Keras 2.2.4 computes it (keras/optimizers.py, `Adam`)."""
    weight = m = v = 0.0
    for step, gradient in enumerate(gradients, start=1):
        rate = learning_rate * (1 - beta_2**step) ** 0.5 / (1 - beta_1**step)
        m, v = beta_1 * m + (1 - beta_1) * gradient, beta_2 * v + (1 - beta_2) * gradient**2
        weight -= rate * m / (v**0.5 + epsilon)
        yield weight


@pytest.mark.parametrize("size", [1.0, 1e-4, 1e-6])
def test_adam_of_keras_adds_epsilon_before_the_bias_is_corrected(size):
    gradients = [size * factor for factor in (1.0, -0.5, 2.0, 0.1, 0.7)]
    weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = make_optimizer("adam", [weight], keras_epsilon=True)
    ours = []
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
        ours.append(weight.item())
    assert ours == pytest.approx(list(keras_adam(gradients)), rel=1e-6)


def test_the_place_of_epsilon_matters_for_tiny_gradients_and_is_pytorchs_unless_asked_for():
    first = {}
    for keras_epsilon in (False, True):
        weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        weight.grad = torch.full_like(weight, 1e-6)
        make_optimizer("adam", [weight], keras_epsilon=keras_epsilon).step()
        first[keras_epsilon] = weight.item()
    assert first[False] == pytest.approx(-1e-3 / 1.1) and first[True] == pytest.approx(-1e-3 / 4.162, rel=1e-3)
    assert type(make_optimizer("adamax", [weight], keras_epsilon=True)) is torch.optim.Adamax


def test_a_restored_optimizer_goes_on_with_the_epsilon_of_its_step():
    def steps(optimizer, weight, n):
        for _ in range(n):
            weight.grad = torch.full_like(weight, 1e-6)
            optimizer.step()

    whole, part, rest = (nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(3))
    steps(make_optimizer("adam", [whole], keras_epsilon=True), whole, 6)
    before = make_optimizer("adam", [part], keras_epsilon=True)
    steps(before, part, 3)
    after = make_optimizer("adam", [rest], keras_epsilon=True)
    after.load_state_dict(before.state_dict())
    rest.data = part.data.clone()
    steps(after, rest, 3)
    assert torch.equal(rest, whole)


@pytest.mark.parametrize("name", ["adam", "adamw", "adadelta", "adamax", "sgd"])
def test_a_step_whose_gradients_overflow_is_no_step(name):
    """As float16 makes them, and `torch.amp.GradScaler` finds them: it must also not count for Adam's moments."""
    weights = []
    for gradients in ([1.0, 0.5], [1.0, math.inf, 0.5]):
        weight = nn.Parameter(torch.ones(3))
        optimizer = make_optimizer(name, [weight], learning_rate=0.1, keras_epsilon=True)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=100)
        for gradient in gradients:
            optimizer.zero_grad()
            scaler.scale((weight * gradient).sum()).backward()
            scaler.step(optimizer)
            scaler.update()
        weights.append(weight.detach())
        assert scaler.get_scale() == (2.0 if math.inf in gradients else 4.0)
    assert torch.equal(*weights)
