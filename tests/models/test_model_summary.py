"""What is told of a network without computing anything."""

import pytest
import torch
from torch import nn

from genreflow.models.blocks import Recurrent
from genreflow.models.summary import layers, multiply_adds


class Joined(nn.Module):
    """Three convolutions [batch, 4, n], a sum, another, a concatenation of three."""

    joins = {"c": [("sum", "a")], "end": [("sum", "b"), ("concat", "a", "b")]}  # noqa: RUF012 - a description

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Conv1d(4, 4, 1) for _ in range(3))
        self.end = nn.Conv1d(12, 2, 1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(a) + a
        c = self.c(b) + b
        return self.end(torch.cat([c, a, b], dim=1)).mean(dim=-1)


def test_sums_and_concatenations_are_layers_that_know_their_sources():
    drawn = layers(Joined(), (4, 9))
    assert [(layer["name"], layer["shape"][0], layer["joins"]) for layer in drawn] == [
        ("conv 4 @ 1 × 1", 4, None),
        ("conv 4 @ 1 × 1", 4, None),
        ("sum", 4, 0),
        ("conv 4 @ 1 × 1", 4, None),
        ("sum", 4, 2),  # of what went on from the first sum
        ("concat", 12, [0, 2]),
        ("conv 2 @ 1 × 1", 2, None),
    ]


@pytest.mark.parametrize(("by", "channels"), [("sum", 4), ("concat", 8)])
def test_one_join_is_named_in_short(by, channels):
    network = nn.Sequential(nn.Conv1d(2, 4, 1), nn.Conv1d(4, 4, 1), nn.AdaptiveMaxPool1d(1))
    network.joins, network.joins_by = {"2": "0"}, by
    assert layers(network, (2, 9))[2] == {"name": by, "shape": [channels, 9, 1], "parameters": 0, "joins": 0}


def test_a_module_that_is_called_twice_has_its_parameters_once():
    shared = nn.Linear(3, 3)
    drawn = layers(nn.Sequential(shared, nn.ReLU(), shared), (3,))
    assert [layer["parameters"] for layer in drawn] == [12, 0]


def test_shapes_are_channels_time_bands_whatever_the_axes_of_the_layer():
    class Titled(nn.Module):
        title = "three in one"

        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(1, 6, 1)

        def forward(self, x):
            return self.convolution(x[:, None])

    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps, self.lines = Titled(), nn.Conv2d(6, 5, (4, 1))
            self.steps, self.last = Recurrent("gru", 5, 3, returns="sequence"), Recurrent("gru", 3, 2)

        def forward(self, x):
            lines = self.lines(self.maps(x)).squeeze(2)
            return self.last(self.steps(lines.transpose(1, 2)))

    drawn = layers(Turned(), (4, 7))
    assert [(layer["name"], layer["shape"]) for layer in drawn] == [
        ("three in one", [6, 7, 4]),
        ("conv 5 @ 4 × 1", [5, 7, 1]),
        ("GRU 3", [3, 7, 1]),
        ("GRU 2", [2]),
    ]


def test_nothing_is_computed_and_the_network_stays_as_it_was():
    network = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    layers(network, (3,))
    assert multiply_adds(network, (3,)) == 6
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not network[0]._forward_hooks


def test_what_is_fitted_is_drawn_though_it_needs_numbers():
    class Fitted(nn.Module):
        title = "a rule"

        def fit(self):
            """Be what is fitted."""

        def forward(self, x):
            return torch.stack([x.sum(dim=1), -x.sum(dim=1)], dim=1) if x.sum().item() == 0 else x

    assert layers(Fitted(), (5,)) == [{"name": "a rule", "shape": [2], "parameters": 0, "joins": None}]
