"""What every model of the registry promises, and the published numbers of trainable parameters."""

import csv
from pathlib import Path

import pytest
import safetensors.torch
import torch
from no_float64 import NoFloat64
from torch import nn

from genreflow.errors import UserError
from genreflow.models import registry
from genreflow.models.summary import layers, trainable_parameters

with open(Path(__file__).with_name("parameters.csv"), encoding="utf-8") as _file:
    PUBLISHED = [row for row in csv.DictReader(_file) if row["name"] in registry.MODELS]
NETWORKS = [name for name, entry in registry.MODELS.items() if not entry.is_estimator]


def options_of(row):
    pairs = (pair.split("=") for pair in row["options"].split())
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


def build(name, n_outputs=3, seed=0, **options):
    torch.manual_seed(seed)
    return registry.build(name, n_outputs, **options)


def segments(name, n, seed=0):
    shape = registry.describe(name).input_shape
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed)) * 0.1


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: f"{row['name']} {row['options']} {row['n_outputs']}")
def test_trainable_parameters_are_as_many_as_published(row):
    network = build(row["name"], int(row["n_outputs"]), **options_of(row))
    assert trainable_parameters(network) == int(row["parameters"])


@pytest.mark.parametrize("name", registry.MODELS)
def test_its_entry_states_the_number_of_parameters_that_it_has(name):
    entry = registry.describe(name)
    if entry.parameters is not None:
        assert trainable_parameters(build(name, entry.n_outputs)) == entry.parameters
    assert not list(entry.input_problems(entry.input_settings))
    assert entry.is_estimator == hasattr(build(name), "fit")


@pytest.mark.parametrize("name", NETWORKS)
class TestNetwork:
    def test_it_learns_with_all_its_parameters(self, name):
        """One step forward and back: a finite loss, and a gradient for every trainable parameter; without float64."""
        network = build(name).train()
        assert torch.float64 not in {tensor.dtype for tensor in [*network.parameters(), *network.buffers()]}
        with NoFloat64():
            logits = network(segments(name, 2))
            assert logits.shape == (2, 3)
            nn.functional.cross_entropy(logits, torch.tensor([0, 2])).backward()
        without = [
            parameter
            for parameter, weights in network.named_parameters()
            if weights.requires_grad and (weights.grad is None or not torch.isfinite(weights.grad).all())
        ]
        assert not without
        for parameter, weights in network.named_parameters():
            if weights.requires_grad and weights.ndim > 1:
                assert weights.grad.any(), f"{parameter} has no part in the result"

    def test_a_segment_is_judged_by_itself(self, name):
        """In evaluation, what else is in the batch changes nothing, and a batch may be a single segment."""
        network = build(name).eval()
        x = segments(name, 3)
        with torch.inference_mode():
            together, alone = network(x), network(x[1:2])
        torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)

    def test_weights_written_and_read_give_the_same_results(self, name):
        network, other = build(name, seed=1).eval(), build(name, seed=2).eval()
        stored = safetensors.torch.save({key: value.contiguous() for key, value in network.state_dict().items()})
        other.load_state_dict(safetensors.torch.load(stored))
        x = segments(name, 1)
        with torch.inference_mode():
            assert torch.equal(network(x), other(x))

    def test_the_same_seed_gives_the_same_weights(self, name):
        one, two = build(name, seed=3).state_dict(), build(name, seed=3).state_dict()
        assert all(torch.equal(one[key], two[key]) for key in one)

    def test_its_layers_can_be_drawn(self, name):
        network = build(name)
        drawn = layers(network, registry.describe(name).input_shape)
        assert sum(layer["parameters"] for layer in drawn) == trainable_parameters(network)
        assert drawn[-1]["shape"] == [3]


@pytest.mark.parametrize("name", registry.MODELS)
def test_a_segment_of_another_kind_is_refused_with_both_shapes(name):
    with pytest.raises(UserError, match=r"takes segments of .*, not 1 x 2 x 3"):
        registry.build(name, 2, input_shape=(1, 2, 3))
