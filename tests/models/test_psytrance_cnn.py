import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from genreflow.models import registry
from genreflow.models.blocks import GlobalPool1d, InputNorm, SameConv1d

SHAPE = (128, 128)


def build(*, n_outputs=5, seed=0, **options):
    torch.manual_seed(seed)
    return registry.build("psytrance_cnn", n_outputs=n_outputs, input_shape=SHAPE, **options)


def segments(n, seed=0):
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 20 - 40


def n_parameters(network):
    return sum(weights.numel() for weights in network.parameters())


@pytest.mark.parametrize(
    ("pool", "n_outputs", "count"),
    [
        # The study's own model summary prints 7,224,841 with pool max, two of them batch-norm statistics.
        ("max", 5, 7_224_839),
        ("mean", 5, 7_224_839),
        ("maxmean", 5, 8_797_703),
        # A class more is a row of 2048 weights and a bias more.
        ("maxmean", 10, 8_797_703 + 5 * 2_049),
        ("max", 2, 7_224_839 - 3 * 2_049),
    ],
)
def test_parameters_are_as_many_as_published(pool, n_outputs, count):
    assert n_parameters(build(pool=pool, n_outputs=n_outputs)) == count


def test_both_orientations_have_the_same_parameters():
    assert n_parameters(build(orient="mel")) == n_parameters(build(orient="time"))


def test_the_first_kernel_spans_one_whole_axis_and_slides_along_the_other():
    """Along time: what a filter sees of a segment shifted by a frame is what it saw, a frame earlier."""
    network = build(orient="time").eval()
    x = segments(1)
    here, there = network.conv1(x), network.conv1(x.roll(-1, dims=2))
    torch.testing.assert_close(here[..., 1:100], there[..., :99])


def test_orientations_differ_by_a_transposition():
    time, mel = build(orient="time").eval(), build(orient="mel").eval()
    x = segments(2)
    torch.testing.assert_close(time(x), mel(x.transpose(1, 2)))
    assert not torch.allclose(time(x), mel(x))


def test_it_equals_the_published_two_dimensional_network():
    """The layer table of the study, written with Conv2d on (frame, mel) images, run on the same weights."""
    network = build().eval()
    x = segments(2)
    y = functional.batch_norm(
        x.transpose(1, 2)[:, None], torch.zeros(1), torch.ones(1), network.norm.weight, network.norm.bias, eps=1e-3
    )
    y = functional.conv2d(y, network.conv1.weight.permute(0, 2, 1)[:, None], network.conv1.bias).relu()
    assert y.shape == (2, 256, 125, 1)
    shortcut = y
    for layer in (network.conv2, network.conv3, network.conv4, network.conv5):
        y = functional.conv2d(functional.pad(y, (0, 0, 1, 2)), layer.weight[..., None], layer.bias).relu()
    y = torch.cat([y, shortcut], dim=1)
    assert y.shape == (2, 768, 125, 1)
    y = torch.cat([y.mean(dim=(2, 3)), y.amax(dim=(2, 3))], dim=1)
    for layer in (layer for layer in network.head if isinstance(layer, nn.Linear)):
        y = layer(y.relu())
    torch.testing.assert_close(network(x), y, rtol=1e-4, atol=1e-4)


def test_pooling_puts_the_mean_first():
    x = torch.tensor([[[0.0, 2.0, 4.0], [1.0, 1.0, 7.0]]])
    assert GlobalPool1d("maxmean")(x).tolist() == [[2.0, 3.0, 4.0, 7.0]]
    assert GlobalPool1d("mean")(x).tolist() == [[2.0, 3.0]]
    assert GlobalPool1d("max")(x).tolist() == [[4.0, 7.0]]


def test_an_even_same_convolution_pads_one_before_and_two_after():
    convolution = SameConv1d(1, 1, 4, bias=False)
    nn.init.ones_(convolution.weight)
    x = torch.arange(1.0, 6.0)[None, None]
    # Windows of 0 1 2 3 4 5 0 0, as Keras and padding="same" have them.
    assert convolution(x).flatten().tolist() == [6.0, 10.0, 14.0, 12.0, 9.0]


@pytest.mark.parametrize(("pool", "dropouts"), [("maxmean", 4), ("max", 3), ("mean", 3)])
def test_pooled_features_are_dropped_out_twice_only_with_both_poolings(pool, dropouts):
    layers = [layer for layer in build(pool=pool, dropout=0.5).head if isinstance(layer, nn.Dropout)]
    assert [layer.p for layer in layers] == [0.5] * dropouts


def test_initial_weights_are_those_of_keras():
    """Glorot uniform: limit sqrt(6 / (fan in + fan out)) of the published kernels (height, width, in, out)."""
    network = build()
    kernels = {
        "conv1": (4 * 128 * 1, 4 * 128 * 256),
        "conv2": (4 * 256, 4 * 256),
        "conv5": (4 * 256, 4 * 512),
        "head.2": (1536, 2048),
        "head.5": (2048, 2048),
    }
    for name, (fan_in, fan_out) in kernels.items():
        layer = network.get_submodule(name)
        limit = math.sqrt(6 / (fan_in + fan_out))
        assert 0.99 * limit < layer.weight.abs().max() <= limit, name
        assert layer.weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.01), name
        assert abs(layer.weight.mean()) < 0.01 * limit, name
        assert not layer.bias.any(), name


def test_the_gradient_reaches_every_parameter():
    network = build(dropout=0.0).train()
    functional.cross_entropy(network(segments(4)), torch.tensor([0, 1, 2, 3])).backward()
    assert [name for name, weights in network.named_parameters() if not weights.grad.any()] == []


def test_a_batch_of_one_can_be_trained_and_predicted():
    network = build()
    assert network.train()(segments(1)).shape == (1, 5)
    assert network.eval()(segments(1)).shape == (1, 5)


class TestInputNorm:
    def test_in_training_a_batch_has_mean_zero_and_variance_one(self):
        y = InputNorm().train()(segments(8))
        assert y.mean().item() == pytest.approx(0, abs=1e-4)
        assert y.std().item() == pytest.approx(1, abs=1e-3)

    def test_a_few_batches_are_enough_to_know_the_input(self):
        """With Keras's momentum from mean 0, three batches would give a mean of -1.2 instead of -40."""
        norm = InputNorm().train()
        batches = [segments(4, seed) for seed in range(3)]
        for batch in batches:
            norm(batch)
        everything = torch.cat(batches)
        assert norm.running_mean.item() == pytest.approx(everything.mean().item(), rel=1e-3)
        assert norm.running_var.item() == pytest.approx(everything.var().item(), rel=1e-2)

    def test_later_batches_move_the_statistics_as_in_keras(self):
        norm = InputNorm().train()
        for _ in range(100):
            norm(torch.zeros(1, 2, 2))
        norm(torch.ones(1, 2, 2))
        assert norm.running_mean.item() == pytest.approx(0.01)
        assert norm.eps == 1e-3


def test_no_segment_gives_no_logits():
    network = registry.build("psytrance_cnn", n_outputs=5, input_shape=(128, 128)).eval()
    assert network(torch.zeros(0, 128, 128)).shape == (0, 5)
