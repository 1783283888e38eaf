"""net_stft and net_music of Senac et al. (2017), nnet1 of Zhang et al. (2016)."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from genreflow.errors import UserError
from genreflow.models import registry
from genreflow.models.summary import layers, trainable_parameters

BLOCK = [[256, 125, 1]] * 4 + [[512]]
HEAD = [[300], [150], [10]]


def build(name, seed=0, **options):
    torch.manual_seed(seed)
    return registry.build(name, 10, **options).eval()


def segments(name, n=2):
    return torch.rand(n, *registry.describe(name).input_shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("net_stft", BLOCK + HEAD),
        ("net_music", BLOCK + HEAD),
        ("nnet1", [[128, 125, 1], [128, 62, 1], [128, 59, 1], [128, 29, 1], [256, 26, 1], [512], *HEAD]),
    ],
)
def test_layers_have_the_published_shapes(name, shapes):
    drawn = layers(build(name), registry.describe(name).input_shape)
    assert [layer["shape"] for layer in drawn] == shapes


def test_three_seconds_are_128_frames():
    assert registry.describe("net_stft").input_shape == registry.describe("nnet1").input_shape == (513, 128)
    assert registry.describe("net_music").input_shape == (8, 128)


def test_the_two_networks_differ_in_the_first_kernel_alone():
    stft, music = build("net_stft").state_dict(), build("net_music").state_dict()
    assert {key for key in stft if stft[key].shape != music[key].shape} == {"conv1.weight"}
    assert stft.keys() == music.keys()


def images(network, x):
    """The published block on (frame, row) images with Conv2d: kernels of 4 x rows, then of 4 x 1."""
    shortcut = functional.conv2d(
        x.transpose(1, 2)[:, None], network.conv1.weight.permute(0, 2, 1)[:, None], network.conv1.bias
    ).relu()
    y = shortcut
    for layer in (network.conv2, network.conv3):
        before = functional.conv2d(functional.pad(y, (0, 0, 1, 2)), layer.weight[..., None], layer.bias)
        y = before.relu()
    return shortcut, before


@pytest.mark.parametrize("name", ["net_stft", "net_music"])
@pytest.mark.parametrize("add", ["after", "before"])
def test_it_equals_the_published_two_dimensional_network(name, add):
    network = build(name, add=add)
    x = segments(name)
    shortcut, last = images(network, x)
    y = last.relu() + shortcut if add == "after" else (last + shortcut).relu()
    assert y.shape == (2, 256, 125, 1)
    y = torch.cat([y.mean(dim=(2, 3)), y.amax(dim=(2, 3))], dim=1)
    first, second, third = (layer for layer in network.head if isinstance(layer, nn.Linear))
    torch.testing.assert_close(network(x), third(second(first(y).relu()).relu()), rtol=1e-4, atol=1e-5)


def test_nnet1_equals_the_published_two_dimensional_network():
    network = build("nnet1")
    x = segments("nnet1")
    y = functional.conv2d(
        x.transpose(1, 2)[:, None], network.conv1.weight.permute(0, 2, 1)[:, None], network.conv1.bias
    ).relu()
    for layer in (network.conv2, network.conv3):
        y = functional.conv2d(functional.max_pool2d(y, (2, 1)), layer.weight[..., None], layer.bias).relu()
    y = torch.cat([y.mean(dim=(2, 3)), y.amax(dim=(2, 3))], dim=1)
    first, second, third = (layer for layer in network.head if isinstance(layer, nn.Linear))
    torch.testing.assert_close(network(x), third(second(first(y).relu()).relu()), rtol=1e-4, atol=1e-5)


def test_the_order_of_the_features_means_nothing():
    """What the study says of its maps: with the kernels' rows in the same order, any order gives the same result."""
    network, other = build("net_music"), build("net_music")
    order = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        other.conv1.weight.copy_(network.conv1.weight[:, order])
    x = segments("net_music")
    torch.testing.assert_close(network(x), other(x[:, order]))
    assert not torch.allclose(network(x), network(x[:, order]))


@pytest.mark.parametrize("name", ["net_stft", "net_music", "nnet1"])
class TestOptions:
    @pytest.mark.parametrize(("pool", "pooled"), [("max", 256), ("mean", 256), ("maxmean", 512)])
    def test_pooling_is_by_maximum_by_mean_or_by_both(self, name, pool, pooled):
        network = build(name, pool=pool)
        sizes = [layer["shape"] for layer in layers(network, registry.describe(name).input_shape)]
        assert [pooled] in sizes
        assert trainable_parameters(build(name)) - trainable_parameters(network) == (512 - pooled) * 300

    def test_normalization_is_of_each_convolution(self, name):
        network = build(name, norm="batch")
        filters = [layer.num_features for layer in network.modules() if isinstance(layer, nn.BatchNorm1d)]
        assert filters == [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv1d)]
        assert trainable_parameters(network) - trainable_parameters(build(name)) == 2 * sum(filters)
        given = network.train().norm1(network.conv1(segments(name, 4)))
        assert given.mean(dim=(0, 2)).abs().max() < 1e-3

    def test_dropout_is_before_each_dense_layer(self, name):
        kinds = [type(layer).__name__ for layer in build(name, dropout=0.4).head]
        assert kinds == ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
        assert {layer.p for layer in build(name, dropout=0.4).head if isinstance(layer, nn.Dropout)} == {0.4}

    def test_segments_may_be_as_short_as_the_entry_says(self, name):
        rows, _ = registry.describe(name).input_shape
        least = registry.describe(name).variable_axes[1]
        for frames in (least, 301):
            network = registry.build(name, 10, input_shape=(rows, frames)).eval()
            assert network(torch.rand(1, rows, frames)).shape == (1, 10)
        with pytest.raises(RuntimeError):
            network(torch.rand(1, rows, least - 1))
        with pytest.raises(UserError, match="takes segments"):
            registry.build(name, 10, input_shape=(rows, least - 1))

    def test_initial_weights_are_glorot_uniform(self, name):
        """Of the published kernels: the first has one channel, and 4 x rows of them."""
        network = build(name)
        rows = registry.describe(name).input_shape[0]
        filters = network.conv1.out_channels
        fans = {"conv1": 4 * rows * (1 + filters), "conv2": 8 * filters, "head.1": 512 + 300, "head.4": 300 + 150}
        for layer, both in fans.items():
            limit = math.sqrt(6 / both)
            weight = network.get_submodule(layer).weight
            assert 0.98 * limit < weight.abs().max() <= limit
            assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.03)
            assert not network.get_submodule(layer).bias.any()


def test_an_option_of_the_shortcut_is_refused_where_there_is_none():
    with pytest.raises(UserError, match="no such option"):
        registry.build("nnet1", 10, add="before")


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_shortcut_is_drawn_from_the_first_convolution_to_the_third(norm):
    drawn = layers(build("net_stft", norm=norm), (513, 128))
    [total] = [place for place, layer in enumerate(drawn) if layer["name"] == "sum"]
    per_convolution = 1 if norm == "none" else 2
    assert total == 3 * per_convolution
    assert drawn[total]["joins"] == per_convolution - 1
