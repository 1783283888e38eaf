import math
from importlib import import_module

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from genreflow.features.mel import mel_filter_bank
from genreflow.models import registry
from genreflow.models.summary import layers, trainable_parameters

CELLS = ("rnn", "lstm", "gru")
BUILDS = [
    ("tagging_waveform_cnn", {}),
    *(("tagging_waveform_rnn", {"cell": cell}) for cell in CELLS),
    *(("tagging_chunk_cnn", {"pool": pool}) for pool in ("mean", "max")),
    *(("tagging_spectrogram_rnn", {"cell": cell}) for cell in CELLS),
    ("tagging_mel_cnn", {"cell": "none"}),
    ("tagging_mel_cnn", {"cell": "gru"}),
    ("tagging_stft_cnn", {"cell": "none"}),
]
EVERY_BUILD = pytest.mark.parametrize(
    ("name", "options"), BUILDS, ids=[" ".join((name, *options.values())) for name, options in BUILDS]
)


def build(name, n_outputs=10, seed=0, **options):
    torch.manual_seed(seed)
    return registry.build(name, n_outputs, **options)


def segments(n, *shape, seed=0):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def shapes(name, **options):
    """Shapes of the layers drawn: (channels, time, bands) or (features,)."""
    return [tuple(layer["shape"]) for layer in layers(build(name, **options), registry.describe(name).input_shape)]


def sizes(name, **options):
    """Sizes of the maps after each convolution and each pooling, in turn."""
    result = []
    network = build(name, **options).to("meta").eval()
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.MaxPool1d | nn.MaxPool2d):
            module.register_forward_hook(lambda _, __, output: result.append(tuple(output.shape[2:])))
    network(torch.zeros(1, *registry.describe(name).input_shape, device="meta"))
    return [size if len(size) > 1 else size[0] for size in result]


class TestLayers:
    """Shapes of models.md, section 6.3, for 29 s at 16 kHz."""

    def test_a(self):
        a = [28_996, 7_249, 7_249, 1_812, 1_812, 453, 453, 113, 113, 28]
        assert sizes("tagging_waveform_cnn") == a
        expected = [(64, 7_249, 1), (64, 1_812, 1), (128, 453, 1), (128, 113, 1), (256, 28, 1), (128,), (10,)]
        assert shapes("tagging_waveform_cnn") == expected

    @pytest.mark.parametrize("cell", CELLS)
    def test_b_is_a_without_the_last_pooling(self, cell):
        assert sizes("tagging_waveform_rnn", cell=cell) == sizes("tagging_waveform_cnn")[:-1]
        assert shapes("tagging_waveform_rnn", cell=cell)[4:] == [(256, 113, 1), (64,), (64,), (10,)]

    @pytest.mark.parametrize("pool", ["mean", "max"])
    def test_c(self, pool):
        assert sizes("tagging_chunk_cnn", pool=pool) == [3_981, 995, 995, 248, 248, 62, 62, 15]
        expected = [(64, 995, 1), (64, 248, 1), (128, 62, 1), (256, 15, 1), (256,), (256,), (128,), (10,)]
        assert shapes("tagging_chunk_cnn", pool=pool) == expected

    @pytest.mark.parametrize("cell", CELLS)
    def test_d(self, cell):
        pooled = sizes("tagging_spectrogram_rnn", cell=cell)
        assert pooled[::2] == [(513, 454), (128, 227), (32, 113), (8, 56)]
        assert pooled[1::2] == [(128, 227), (32, 113), (8, 56), (2, 56)]
        expected = [(32, 227, 128), (64, 113, 32), (128, 56, 8), (128, 56, 2), (64,), (64,), (10,)]
        assert shapes("tagging_spectrogram_rnn", cell=cell) == expected

    def test_the_mel_network(self):
        assert sizes("tagging_mel_cnn") == [907, 226, 226, 56, 56, 14, 14]
        expected = [(128, 226, 1), (128, 56, 1), (256, 14, 1), (256, 14, 1), (512,), (128,), (10,)]
        assert shapes("tagging_mel_cnn") == expected

    @pytest.mark.parametrize("cell", CELLS)
    def test_the_same_with_a_recurrent_layer_over_its_steps(self, cell):
        expected = [(128, 226, 1), (128, 56, 1), (256, 14, 1), (256, 14, 1), (64,), (128,), (10,)]
        assert shapes("tagging_mel_cnn", cell=cell) == expected

    def test_the_same_over_the_sequence_of_linear_spectra(self):
        network = build("tagging_stft_cnn", cell="gru")
        assert network.eval()(torch.zeros(2, 513, 454)).shape == (2, 10)


@pytest.mark.parametrize(("bands", "n_outputs"), [(128, 10), (96, 10), (128, 50)])
def test_the_mel_networks_parameters(bands, n_outputs):
    """A convolution and its normalization have 3 x in x out weights and 3 x out others."""
    widths = [(bands, 128), (128, 128), (128, 256), (256, 256)]
    count = sum(3 * n_in * n_out + 3 * n_out for n_in, n_out in widths) + 513 * 128 + 129 * n_outputs
    assert trainable_parameters(build("tagging_mel_cnn", n_outputs, input_shape=(bands, 907))) == count
    assert (bands, n_outputs) != (128, 10) or count == 462_474


class TestInputs:
    def test_samples_are_the_first_29_seconds(self):
        for name, _ in BUILDS[:6]:
            assert registry.describe(name).input_shape == (464_000,)

    def test_spectrograms_are_consecutive_transforms(self):
        entry = registry.describe("tagging_spectrogram_rnn")
        assert entry.input_shape == (513, 454)
        front_end = entry.input_settings.front_end
        assert (front_end.hop, front_end.window, front_end.magnitude) == (front_end.n_fft, "hann", "log1p")
        assert entry.input_settings.standardize == "band"

    def test_no_mel_band_is_empty(self):
        entry = registry.describe("tagging_mel_cnn")
        assert entry.input_shape == (128, 907)
        assert mel_filter_bank(entry.input_settings.front_end).any(axis=1).all()


class TestFreeAxes:
    @EVERY_BUILD
    @pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
    def test_the_least_sizes_are_the_least(self, name, options):
        """They can be learned from; an axis shorter by one leaves nothing after some pooling."""
        entry = registry.describe(name)
        least = [entry.variable_axes.get(axis, size) for axis, size in enumerate(entry.input_shape)]
        logits = build(name, input_shape=tuple(least), **options).train()(segments(2, *least))
        assert logits.shape == (2, 10) and torch.isfinite(logits).all()
        builder = getattr(import_module(entry.module), entry.builder)
        for axis, size in entry.variable_axes.items():
            shorter = (*least[:axis], size - 1, *least[axis + 1 :])
            with pytest.raises((RuntimeError, ValueError, IndexError)):
                builder(n_outputs=10, input_shape=shorter, **options)(segments(2, *shorter))

    @given(
        build_=st.sampled_from(BUILDS),
        size=st.tuples(st.integers(256, 600), st.integers(64, 500)),
        samples=st.integers(16_448, 500_000),
    )
    @settings(max_examples=20)
    def test_any_larger_size_gives_logits(self, build_, size, samples):
        name, options = build_
        shape = size if len(registry.describe(name).input_shape) == 2 else (samples,)
        with torch.device("meta"):
            assert registry.build(name, 3, input_shape=shape, **options)(torch.zeros(2, *shape)).shape == (2, 3)


class TestChunks:
    def network(self, pool="mean"):
        return build("tagging_chunk_cnn", pool=pool).eval()

    @pytest.mark.parametrize("pool", ["mean", "max"])
    def test_each_is_judged_by_itself_and_then_all_together(self, pool):
        network, x = self.network(pool), segments(2, 3 * 16_000)
        expected = []
        for clip in x:
            judged = torch.cat([network.convolutions(chunk[None, None]) for chunk in clip.split(16_000)])
            expected.append(network.head(judged.mean(dim=0) if pool == "mean" else judged.amax(dim=0)))
        torch.testing.assert_close(network(x), torch.stack(expected), rtol=1e-4, atol=1e-5)

    def test_what_is_left_over_at_the_end_is_not_heard(self):
        network, x = self.network(), segments(1, 3 * 16_000 - 1)
        torch.testing.assert_close(network(x), network(x[:, : 2 * 16_000]))

    def test_their_order_means_nothing(self):
        network, x = self.network(), segments(1, 3 * 16_000)
        swapped = torch.cat([x[:, 32_000:], x[:, :32_000]], dim=1)
        torch.testing.assert_close(network(swapped), network(x), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(network(x.flip(1)), network(x))

    def test_no_clip_gives_no_logits(self):
        assert self.network()(torch.zeros(0, 32_000)).shape == (0, 10)


class TestComputation:
    def test_d_goes_through_time_and_not_through_frequencies(self):
        network, x = build("tagging_spectrogram_rnn").eval(), segments(1, 513, 100)
        seen = []
        network.recurrent.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        network(x)
        maps = network.convolutions(x[:, None])
        assert maps.shape == (1, 128, 2, 12) and seen[0].shape == (1, 12, 256)
        assert torch.equal(seen[0][0, 5], maps[0, :, :, 5].flatten())

    @pytest.mark.parametrize(("name", "stride"), [("tagging_waveform_cnn", 16), ("tagging_chunk_cnn", 4)])
    def test_blocks_normalize_before_the_relu(self, name, stride):
        network = build(name).eval()
        x = y = segments(2, 1, 16_448)
        blocks = [block for block in network.convolutions if isinstance(block, nn.Sequential)]
        for i, block in enumerate(blocks):
            norm = next(layer for layer in block if isinstance(layer, nn.BatchNorm1d))
            assert (norm.eps, norm.momentum) == (1e-3, 0.01)
            for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
                values.data.uniform_(0.5, 1.5)
            y = functional.conv1d(y, block[0].weight, block[0].bias, stride=1 if i else stride, padding=1 if i else 0)
            scale = norm.weight / (norm.running_var + 1e-3).sqrt()
            y = ((y - norm.running_mean[:, None]) * scale[:, None] + norm.bias[:, None]).relu()
            y = functional.max_pool1d(y, 4)
        y = y if len(blocks) == len(network.convolutions) else y.mean(dim=2)
        torch.testing.assert_close(network.convolutions(x), y, rtol=1e-4, atol=1e-4)

    def test_a_few_steps_are_enough_to_know_the_samples(self):
        """With Keras's momentum from variance 1, what evaluation normalizes by would be a hundred times too large."""
        network, x = build("tagging_waveform_cnn").train(), segments(2, 1, 32_000) * 0.05
        convolution, norm, *_ = network.convolutions[0]
        for _ in range(3):
            network.convolutions(x)
        variance = convolution(x).var(dim=(0, 2))
        assert variance.max() < 0.02
        torch.testing.assert_close(norm.running_var, variance)

    def test_a_unit_of_the_mel_networks_last_block_sees_seven_and_a_half_seconds(self):
        """234 frames of 32 ms, by what a unit's gradient reaches when no maximum is picked."""
        network = build("tagging_mel_cnn", input_shape=(8, 907)).eval().double()
        for i, block in enumerate(network.convolutions):
            block[0].weight.data.fill_(1e-3)
            if i < 3:
                block[3] = nn.AvgPool1d(4)
        x = torch.ones(1, 8, 907, dtype=torch.float64, requires_grad=True)
        network.convolutions(x)[0, 0, 7].backward()
        assert x.grad[0, 0].count_nonzero() == 234

    def test_the_mel_network_pools_mean_and_maximum(self):
        network, x = build("tagging_mel_cnn").eval(), segments(2, 128, 200)
        y = network.convolutions(x)
        torch.testing.assert_close(network(x), network.head(torch.cat([y.mean(dim=2), y.amax(dim=2)], dim=1)))

    @EVERY_BUILD
    def test_half_precision_stays_near(self, name, options):
        shape = registry.describe(name).input_shape
        shape = (*shape[:-1], 100 if len(shape) == 2 else 32_000)
        network = build(name, input_shape=shape, **options).eval()
        x = segments(2, *shape)
        with torch.inference_mode():
            full = network(x)
            with torch.autocast("cpu", torch.bfloat16):
                half = network(x)
        assert torch.isfinite(half).all()
        assert (half - full).abs().max() < 0.05 * max(1, full.abs().max())


@EVERY_BUILD
def test_initial_weights_are_those_of_keras(name, options):
    network = build(name, **options)
    recurrent = [layer for layer in network.modules() if isinstance(layer, nn.RNNBase)]
    assert len(recurrent) == (options.get("cell", "none") != "none")
    for layer in recurrent:
        _is_as_in_keras(layer)
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            limit = math.sqrt(6 / (layer.weight[0, 0].numel() * sum(layer.weight.shape[:2])))
            assert 0.95 * limit < layer.weight.abs().max() <= limit
            assert not layer.bias.any()


def _is_as_in_keras(layer):
    """Orthogonal weights back; zero biases but 1 in sum for an LSTM's forget gate; Glorot uniform weights in."""
    hidden = layer.hidden_size
    torch.testing.assert_close(layer.weight_hh_l0.T @ layer.weight_hh_l0, torch.eye(hidden), rtol=0, atol=1e-5)
    bias = layer.bias_ih_l0 + layer.bias_hh_l0
    expected = torch.zeros_like(bias)
    if isinstance(layer, nn.LSTM):
        expected[hidden : 2 * hidden] = 1
    assert torch.equal(bias, expected)
    limit = math.sqrt(6 / sum(layer.weight_ih_l0.shape))
    assert 0.95 * limit < layer.weight_ih_l0.abs().max() <= limit
