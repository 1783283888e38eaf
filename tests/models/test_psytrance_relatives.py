"""gg12, from which the psytrance study takes its network, and the recurrent network that it leaves to others."""

import numpy as np
import pytest
import torch
from scipy.signal import get_window
from torch import nn
from torch.nn import functional

from genreflow.features.front_end import FrontEnd
from genreflow.models import registry
from genreflow.models.blocks import Recurrent
from genreflow.models.summary import layers, trainable_parameters


def build(name, seed=0, n_outputs=5, **options):
    torch.manual_seed(seed)
    return registry.build(name, n_outputs, **options).eval()


def slices(n, seed=0):
    return torch.randn(n, 128, 128, generator=torch.Generator().manual_seed(seed)) * 20 - 40


class TestGG12:
    def test_layers_have_the_published_shapes(self):
        drawn = layers(build("gg12", n_outputs=16), (513, 128))
        convolutions = [[256, 125, 1]] * 5
        assert [layer["shape"] for layer in drawn] == [
            [1, 128, 513], *convolutions, [512, 125, 1], [1024], [480], [240], [16]
        ]  # fmt: skip
        assert drawn[6] == {"name": "concat", "shape": [512, 125, 1], "parameters": 0, "joins": 1}

    def test_it_equals_the_published_two_dimensional_network(self):
        network = build("gg12")
        x = torch.rand(2, 513, 128, generator=torch.Generator().manual_seed(0))
        y = functional.batch_norm(x.transpose(1, 2)[:, None], torch.zeros(1), torch.ones(1), eps=1e-3)
        y = functional.conv2d(y, network.conv1.weight.permute(0, 2, 1)[:, None], network.conv1.bias).relu()
        shortcut = y
        for layer in (network.conv2, network.conv3, network.conv4, network.conv5):
            y = functional.conv2d(functional.pad(y, (0, 0, 1, 2)), layer.weight[..., None], layer.bias).relu()
        y = torch.cat([y, shortcut], dim=1)
        y = torch.cat([y.mean(dim=(2, 3)), y.amax(dim=(2, 3))], dim=1)
        first, second, third = (layer for layer in network.head if isinstance(layer, nn.Linear))
        torch.testing.assert_close(network(x), third(second(first(y).relu()).relu()), rtol=1e-4, atol=1e-5)

    def test_its_input_is_the_first_128_centered_frames_of_3_seconds(self):
        """As published: 130 centered frames of 66,150 samples, of which 128 are kept."""
        settings = registry.describe("gg12").input_settings
        samples = np.random.default_rng(0).uniform(-1, 1, 66_150).astype(np.float32)
        whole = FrontEnd.of(settings.front_end).transform(samples)
        assert whole.shape == (513, 130)
        ours = FrontEnd.of(settings.front_end).transform(samples[: round(settings.segments.seconds * 22_050)])
        assert ours.shape == (513, 128)
        np.testing.assert_array_equal(ours[:, :127], whole[:, :127])
        # The last frame lacks its last three samples, which the window all but takes away.
        np.testing.assert_allclose(ours[:, 127], whole[:, 127], atol=1e-3)

    def test_a_periodic_window_is_all_but_the_published_symmetric_one(self):
        periodic, symmetric = get_window("hann", 1_024), get_window("hann", 1_024, fftbins=False)
        assert np.abs(periodic - symmetric).max() < 0.0031

    def test_dropout_is_once_before_each_dense_layer(self):
        kinds = [type(layer).__name__ for layer in build("gg12").head]
        assert kinds == ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]

    @pytest.mark.parametrize(("pool", "pooled"), [("max", 512), ("mean", 512), ("maxmean", 1024)])
    def test_pooling_may_be_single(self, pool, pooled):
        assert layers(build("gg12", pool=pool), (513, 128))[7]["shape"] == [pooled]

    def test_all_130_frames_would_do(self):
        network = registry.build("gg12", 16, input_shape=(513, 130)).eval()
        assert network(torch.rand(1, 513, 130)).shape == (1, 16)


class TestPsytranceCRNN:
    def test_layers_are_as_its_table_says(self):
        drawn = layers(build("psytrance_crnn"), (128, 128))
        assert [(layer["name"], layer["shape"], layer["parameters"]) for layer in drawn] == [
            ("batch norm", [1, 128, 128], 2),
            ("conv 256 @ 4, BN, max 2", [256, 62, 1], 131_328 + 512),
            ("conv 256 @ 4, BN, max 2", [256, 29, 1], 262_400 + 512),
            ("conv 256 @ 4, BN, max 2", [256, 13, 1], 262_400 + 512),
            ("GRU 128, 2 layers", [128], 3 * (256 + 128 + 2) * 128 + 3 * (128 + 128 + 2) * 128),
            ("dense 5", [5], 645),
        ]

    def test_its_convolutions_are_the_first_three_of_the_study(self):
        study, ours = build("psytrance_cnn"), build("psytrance_crnn")
        theirs = [study.conv1, study.conv2, study.conv3]
        result = [layer for layer in ours.modules() if isinstance(layer, nn.Conv1d)]
        assert [layer.weight.shape for layer in result] == [layer.weight.shape for layer in theirs]
        assert trainable_parameters(ours) * 9 < trainable_parameters(study)

    @pytest.mark.parametrize(("cell", "kind"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)])
    def test_the_cell_and_its_size_may_be_chosen(self, cell, kind):
        network = build("psytrance_crnn", cell=cell, hidden=40)
        [recurrent] = [layer for layer in network.modules() if isinstance(layer, Recurrent)]
        assert type(recurrent.layer) is kind
        assert recurrent.layer.hidden_size == 40
        assert network(slices(2)).shape == (2, 5)

    @pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
    def test_it_learns_a_few_slices_by_heart(self, cell):
        network = build("psytrance_crnn", cell=cell, hidden=64, dropout=0.0).train()
        x, y = slices(10), torch.arange(10) % 5
        optimizer = torch.optim.Adam(network.parameters())
        for _ in range(15):
            optimizer.zero_grad()
            functional.cross_entropy(network(x), y).backward()
            optimizer.step()
        assert functional.cross_entropy(network(x), y) < 0.1

    def test_the_shortest_slice_is_as_its_entry_says(self):
        network = registry.build("psytrance_crnn", 5, input_shape=(64, 29)).eval()
        assert network(torch.zeros(1, 64, 29)).shape == (1, 5)
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 64, 28))
