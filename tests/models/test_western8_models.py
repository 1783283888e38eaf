import pytest
import torch
from torch import nn
from torch.nn import functional

from genreflow.config.inputs import InputSettings
from genreflow.features.shapes import segment_shape
from genreflow.models import registry
from genreflow.models.summary import layers


def build(name, n_outputs=8, seed=0, **options):
    torch.manual_seed(seed)
    return registry.build(name, n_outputs, **options)


def shapes(name, n_outputs=8, input_shape=None, **options):
    """Return (channels, bands, frames) or (features,) of every layer."""
    input_shape = input_shape or registry.describe(name).input_shape
    result = layers(build(name, n_outputs, input_shape=input_shape, **options), input_shape)
    turned = (layer["shape"] for layer in result)
    return [(shape[0], shape[2], shape[1]) if len(shape) == 3 else tuple(shape) for shape in turned]


def with_seconds(entry, seconds):
    segments = {**entry.input["segments"], "seconds": seconds}
    return InputSettings.model_validate({**entry.input, "segments": segments})


class TestWestern8CNN:
    @pytest.mark.parametrize(
        ("padding", "maps", "flat"),
        [
            (0, [(32, 63, 322), (64, 30, 80), (128, 14, 19), (256, 12, 17)], 52_224),
            (1, [(32, 64, 323), (64, 32, 80), (128, 16, 20), (256, 16, 20)], 81_920),
        ],
    )
    def test_its_maps_are_as_large_as_derived_from_the_layer_list(self, padding, maps, flat):
        assert shapes("western8_cnn", padding=padding) == [*maps, (8,)]
        assert build("western8_cnn", padding=padding).head[-1].in_features == flat

    def test_the_other_readings_of_its_dense_layer(self):
        assert shapes("western8_cnn", dense="dense")[3:] == [(256,), (8,)]
        assert shapes("western8_cnn", dense="pooled")[3:] == [(256, 12, 17), (256,), (8,)]

    @pytest.mark.parametrize(("seconds", "frames"), [(10.0, 431), (15.0, 646), (30.0, 1_292)])
    @pytest.mark.parametrize("dense", ["conv", "dense", "pooled"])
    def test_it_takes_the_excerpts_of_all_lengths_of_the_study(self, seconds, frames, dense):
        given = with_seconds(registry.describe("western8_cnn"), seconds)
        registry.check_input("western8_cnn", given)
        assert segment_shape(given) == (128, frames)
        network = build("western8_cnn", input_shape=(128, frames), dense=dense).eval()
        assert network(torch.zeros(1, 128, frames)).shape == (1, 8)

    @pytest.mark.parametrize("padding", [0, 1])
    @pytest.mark.parametrize("dense", ["conv", "dense", "pooled"])
    def test_the_shortest_segment_that_its_entry_admits_is_long_enough(self, padding, dense):
        least = registry.describe("western8_cnn").variable_axes[1]
        network = build("western8_cnn", input_shape=(128, least), padding=padding, dense=dense).eval()
        assert network(torch.zeros(1, 128, least)).isfinite().all()

    def test_without_padding_that_leaves_a_single_frame(self):
        least = registry.describe("western8_cnn").variable_axes[1]
        assert shapes("western8_cnn", input_shape=(128, least))[-2] == (256, 12, 1)

    def test_it_equals_the_layer_list_written_out(self):
        """Conv, ReLU, pool three times, conv, ReLU, flatten, output: the study's list on the same weights."""
        network = build("western8_cnn", input_shape=(128, 300)).eval()
        x = torch.randn(2, 128, 300)
        convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        y = x[:, None]
        for place, layer in enumerate(convolutions):
            y = functional.conv2d(y, layer.weight, layer.bias).relu()
            y = functional.max_pool2d(y, (2, 4)) if place < 3 else y
        y = functional.linear(y.flatten(1), network.head[-1].weight, network.head[-1].bias)
        torch.testing.assert_close(network(x), y)

    def test_units_are_dropped_once_before_the_output(self):
        network = build("western8_cnn", dropout=0.4)
        assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.4]
        assert isinstance(network.head[0], nn.Dropout)

    def test_initial_weights_are_those_of_torch(self):
        """Uniform up to 1 / sqrt(fan in), biases too."""
        layer = build("western8_cnn").block3[0]
        limit = (64 * 9) ** -0.5
        assert 0.99 * limit < layer.weight.abs().max() <= limit
        assert layer.bias.any()


class TestWestern8FFNN:
    def test_it_has_two_hidden_layers_of_64(self):
        assert shapes("western8_ffnn") == [(64,), (64,), (8,)]

    def test_descriptors_as_they_are_do_not_suit_it(self):
        entry = registry.describe("western8_ffnn")
        raw = InputSettings.model_validate({**entry.input, "standardize": "none"})
        assert list(entry.input_problems(raw)) == ["it takes standardize: element, not none"]


class TestRobertsCNN:
    def test_its_maps_are_as_large_as_derived(self):
        assert shapes("roberts_cnn", 10) == [(16, 63, 164), (32, 30, 40), (64,), (10,)]

    def test_a_segment_is_660_frames_and_a_clip_of_gtzan_646(self):
        entry = registry.describe("roberts_cnn")
        assert entry.input_shape == (128, 660)
        assert segment_shape(with_seconds(entry, 30.0)) == (128, 646)
        registry.check_input("roberts_cnn", with_seconds(entry, 30.0))

    def test_the_range_of_80_decibels_is_brought_to_one(self):
        """What the first layer sees: 0 for the loudest, 1 for 80 dB below."""
        network = build("roberts_cnn", 10).eval()
        seen = []
        network.block1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        network(torch.linspace(-80, 0, 128 * 660).reshape(1, 128, 660))
        assert (seen[0].min(), seen[0].max()) == (0, 1)

    def test_decibels_of_another_range_do_not_suit_it(self):
        entry = registry.describe("roberts_cnn")
        other = {**entry.input, "front_end": {**entry.input["front_end"], "top_db": None, "reference": "one"}}
        problems = list(entry.input_problems(InputSettings.model_validate(other)))
        assert problems == [
            "it takes front_end.reference: max, not one",
            "it takes front_end.top_db: 80.0, not None",
        ]

    def test_the_shortest_segment_that_its_entry_admits_leaves_a_single_frame(self):
        least = registry.describe("roberts_cnn").variable_axes[1]
        assert shapes("roberts_cnn", input_shape=(128, least))[1] == (32, 30, 1)

    def test_initial_weights_are_those_of_keras(self):
        network = build("roberts_cnn", 10)
        limit = (6 / (16 * 9 + 32 * 9)) ** 0.5
        assert 0.98 * limit < network.block2[0].weight.abs().max() <= limit
        assert not network.block2[0].bias.any()
