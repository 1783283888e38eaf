import math
from importlib import import_module

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from genreflow.config.inputs import InputSettings
from genreflow.models import registry
from genreflow.models.attention import AdditiveSelfAttention, DotProductSelfAttention
from genreflow.models.blocks import Recurrent
from genreflow.models.summary import layers, trainable_parameters

CELLS = ("lstm", "gru")
BUILDS = [
    ("genre_mood_conv", {}),
    *((f"genre_mood_{name}", {"cell": cell}) for name in ("recurrent", "conv_recurrent", "end2end") for cell in CELLS),
    ("conflictnet", {}),
]
EVERY_BUILD = pytest.mark.parametrize(
    ("name", "options"), BUILDS, ids=[" ".join((name, *options.values())) for name, options in BUILDS]
)


def build(name, n_outputs=4, seed=0, **options):
    torch.manual_seed(seed)
    return registry.build(name, n_outputs, **options)


def segments(n, *shape, seed=0):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def shapes(name, **options):
    """Shapes of the layers drawn: (channels, time, bands) or (features,)."""
    return [tuple(layer["shape"]) for layer in layers(build(name, 10, **options), registry.describe(name).input_shape)]


def lengths(network, samples):
    """Lengths after each convolution and each pooling, in turn."""
    result = []
    network = network.to("meta").eval()
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.MaxPool1d | nn.AvgPool1d):
            module.register_forward_hook(lambda _, __, output: result.append(output.shape[-1]))
    network(torch.zeros(1, samples, device="meta"))
    return result


class TestLayers:
    """Shapes of models.md, section 5.3."""

    def test_a_halves_the_map_three_times(self):
        assert shapes("genre_mood_conv") == [(32, 65, 64), (64, 32, 32), (128, 16, 16), (128,), (10,)]

    @pytest.mark.parametrize("cell", CELLS)
    def test_b_reads_130_frames(self, cell):
        assert shapes("genre_mood_recurrent", cell=cell) == [(256, 130, 1), (128,), (64,), (10,)]

    @pytest.mark.parametrize("cell", CELLS)
    def test_c_reads_what_the_convolutions_leave(self, cell):
        expected = [(32, 65, 64), (64, 32, 32), (128, 16, 16), (128,), (64,), (10,)]
        assert shapes("genre_mood_conv_recurrent", cell=cell) == expected

    @pytest.mark.parametrize("cell", CELLS)
    def test_end2end_shortens_samples_to_57_steps(self, cell):
        network = build("genre_mood_end2end", cell=cell)
        assert lengths(network, 66_150) == [66_145, 8_268, 8_265, 1_377, 1_374, 229, 57]
        expected = [(64, 8_268, 1), (128, 1_377, 1), (256, 229, 1), (256, 57, 1), (128, 57, 1), (128, 57, 1), (64,)]
        assert shapes("genre_mood_end2end", cell=cell) == [*expected, (10,)]

    def test_conflictnet_is_what_keras_prints_of_the_original(self):
        network = build("conflictnet", 1)
        drawn = layers(network, (240_000,))
        assert [(layer["name"], layer["parameters"]) for layer in drawn] == [
            ("conv 64 @ 6, BN, max 8", 448 + 256 // 2),  # Keras counts running means and variances: 896 in all.
            ("conv 128 @ 4, BN, max 6", 32_896 + 512 // 2),
            ("conv 256 @ 4, BN, max 6", 131_328 + 1_024 // 2),
            ("mean 4", 0),
            ("LSTM 128", 197_120),
            ("additive attention", 8_257),
            ("LSTM 64", 49_408),
            ("dense 1", 65),
        ]
        assert trainable_parameters(network) == 421_314 - 896 == 420_418
        assert lengths(network, 240_000) == [239_995, 29_999, 29_996, 4_999, 4_996, 832, 208]


def test_inputs_are_those_of_the_study():
    """3 s at 22,050 Hz are 66,150 samples, or 130 centered frames every 512."""
    for name, _ in BUILDS[:5]:
        assert registry.describe(name).input_shape == (128, 130)
    assert registry.describe("genre_mood_end2end").input_shape == (66_150,)
    assert registry.describe("genre_mood_end2end").input_settings.peak
    assert registry.describe("conflictnet").input_shape == (240_000,)


def test_bands_frames_and_rates_may_be_others():
    wide = {
        "front_end": {"kind": "logmel", "sample_rate": 44_100, "n_mels": 96},
        "segments": {"kind": "split", "seconds": 5},
    }
    registry.check_input("genre_mood_conv", InputSettings.model_validate(wide))
    clips = {"front_end": {"kind": "waveform", "sample_rate": 4_000}, "segments": {"kind": "whole", "seconds": 29}}
    registry.check_input("conflictnet", InputSettings.model_validate(clips))


class TestFreeAxes:
    @EVERY_BUILD
    @pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
    def test_the_least_sizes_are_the_least(self, name, options):
        """They can be learned from; an axis shorter by one leaves nothing after some pooling."""
        entry = registry.describe(name)
        least = [entry.variable_axes.get(axis, size) for axis, size in enumerate(entry.input_shape)]
        logits = build(name, input_shape=tuple(least), **options).train()(segments(2, *least))
        assert logits.shape == (2, 4) and torch.isfinite(logits).all()
        builder = getattr(import_module(entry.module), entry.builder)
        for axis, size in entry.variable_axes.items():
            shorter = (*least[:axis], size - 1, *least[axis + 1 :])
            with pytest.raises((RuntimeError, ValueError, IndexError)):
                builder(n_outputs=4, input_shape=shorter, **options)(segments(2, *shorter))

    @given(
        build_=st.sampled_from(BUILDS),
        size=st.tuples(st.integers(8, 200), st.integers(8, 60)),
        samples=st.integers(1_325, 60_000),
    )
    @settings(max_examples=20)
    @pytest.mark.end_to_end
    def test_any_larger_size_gives_logits(self, build_, size, samples):
        name, options = build_
        shape = size if len(registry.describe(name).input_shape) == 2 else (samples,)
        with torch.device("meta"):
            assert registry.build(name, 3, input_shape=shape, **options)(torch.zeros(2, *shape)).shape == (2, 3)


class TestComputation:
    def test_a_and_c_share_their_convolutions(self):
        """Written out: convolution of the padded map, ReLU, pooling, three times."""
        for name in ("genre_mood_conv", "genre_mood_conv_recurrent"):
            network = build(name).eval()
            y = x = segments(2, 128, 130)[:, None]
            for block in network.convolutions:
                y = functional.max_pool2d(functional.conv2d(y, block[0].weight, block[0].bias, padding=1).relu(), 2)
            torch.testing.assert_close(network.convolutions(x), y)

    def test_c_goes_through_time_and_not_through_bands(self):
        network = build("genre_mood_conv_recurrent", input_shape=(128, 264)).eval()
        x = segments(1, 128, 264)
        seen = []
        network.recurrent.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        network(x)
        maps = network.convolutions(x[:, None])
        assert maps.shape == (1, 128, 16, 33) and seen[0].shape == (1, 33, 128 * 16)
        assert torch.equal(seen[0][0, 5], maps[0, :, :, 5].flatten())

    def test_end2end_normalizes_after_the_relu(self):
        network = build("genre_mood_end2end").eval()
        x = segments(2, 9_000)
        y = x[:, None]
        for block, pool in zip(network.convolutions, (8, 6, 6), strict=False):
            norm = next(layer for layer in block if isinstance(layer, nn.BatchNorm1d))
            assert (norm.eps, norm.momentum) == (1e-3, 0.01)
            for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
                values.data.uniform_(0.5, 1.5)
            y = functional.conv1d(y, block[0].weight, block[0].bias).relu()
            scale = norm.weight / (norm.running_var + 1e-3).sqrt()
            y = (y - norm.running_mean[:, None]) * scale[:, None] + norm.bias[:, None]
            y = functional.max_pool1d(y, pool)
        y = functional.avg_pool1d(y, 4)
        torch.testing.assert_close(network.convolutions(x[:, None]), y, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("cell", ("rnn", *CELLS))
    def test_the_last_state_is_forward_at_the_end_and_backward_at_the_beginning(self, cell):
        sequence = Recurrent(cell, 5, 7, bidirectional=True, returns="sequence")
        last = Recurrent(cell, 5, 7, bidirectional=True)
        last.load_state_dict(sequence.state_dict())
        x = segments(3, 11, 5)
        y = sequence(x)
        torch.testing.assert_close(last(x), torch.cat([y[:, -1, :7], y[:, 0, 7:]], dim=1))

    def test_an_lstm_is_the_textbooks(self):
        """Hochreiter and Schmidhuber's with forget gates, step by step; gates in the order input, forget, cell, out."""
        layer = Recurrent("lstm", 5, 7, one_bias=True)
        w, u, b, second = (weights.detach().numpy() for weights in layer.layer.parameters())
        assert not second.any()
        x = segments(1, 9, 5)
        h, c = np.zeros(7), np.zeros(7)
        for step in x[0].numpy():
            i, f, g, o = np.split(w @ step + u @ h + b, 4)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
        np.testing.assert_allclose(layer(x).detach().numpy()[0], h, rtol=1e-4, atol=1e-6)

    def test_conflictnet_hears_no_loudness(self):
        """Its samples are divided by their RMS, as the original's were beforehand; silence stays silence."""
        network = build("conflictnet").eval()
        x = segments(2, 4_000) * torch.tensor([[0.5], [0.01]])
        torch.testing.assert_close(network(x * 0.1), network(x))
        rms = x.square().mean(dim=1, keepdim=True).sqrt()
        torch.testing.assert_close(super(type(network), network).forward(x / rms), network(x))
        assert torch.isfinite(network(torch.zeros(1, 4_000))).all()
        end2end = build("genre_mood_end2end").eval()
        assert not torch.allclose(end2end(x), end2end(x * 0.1))

    @pytest.mark.parametrize("name", ["genre_mood_end2end", "conflictnet"])
    def test_a_few_steps_are_enough_to_know_the_samples(self, name):
        """Evaluation gives what training saw; with Keras's momentum from variance 1, it would after 500 steps."""
        network, x = build(name), segments(4, 8_000) * 0.1
        with torch.no_grad():
            for _ in range(3):
                trained = network.train()(x)
            torch.testing.assert_close(network.eval()(x), trained, rtol=0.02, atol=0.002)

    @EVERY_BUILD
    def test_half_precision_stays_near(self, name, options):
        network = build(name, **options).eval()
        x = segments(2, *(size if size < 1_000 else 8_000 for size in registry.describe(name).input_shape))
        with torch.inference_mode():
            full = network(x)
            with torch.autocast("cpu", torch.bfloat16):
                half = network(x)
        assert torch.isfinite(half).all()
        assert (half - full).abs().max() < 0.05 * max(1, full.abs().max())


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


class TestAttention:
    def test_dot_product_attention_is_softmax_of_h_ht_times_h(self):
        x = segments(3, 6, 4)
        expected = []
        for h in x.double().numpy():
            fit = np.exp(h @ h.T)
            expected.append(fit / fit.sum(axis=1, keepdims=True) @ h)
        assert not list(DotProductSelfAttention().parameters())
        np.testing.assert_allclose(DotProductSelfAttention()(x).numpy(), expected, rtol=1e-4, atol=1e-5)

    def test_additive_attention_is_that_of_keras_self_attention(self):
        """Its formulas, one pair of steps after another."""
        torch.manual_seed(0)
        attention = AdditiveSelfAttention(4, hidden=3)
        q, b, k, v, c = (
            weights.detach().double().numpy()
            for weights in (*attention.query.parameters(), *attention.key.parameters(), *attention.energy.parameters())
        )
        x = segments(2, 6, 4) * 3
        for h, given_ in zip(x.double().numpy(), attention(x).detach().numpy(), strict=True):
            for t in range(6):
                fit = [math.exp(math.tanh((v @ np.tanh(q @ h[t] + k @ h[s] + b) + c).item())) for s in range(6)]
                np.testing.assert_allclose(given_[t], np.array(fit) / sum(fit) @ h, rtol=1e-4, atol=1e-5)

    def test_additive_attention_has_the_8257_parameters_of_the_original(self):
        assert trainable_parameters(AdditiveSelfAttention(128)) == 2 * 128 * 32 + 32 + 32 + 1 == 8_257

    @pytest.mark.parametrize("attention", [DotProductSelfAttention(), AdditiveSelfAttention(4)])
    @given(order=st.permutations(range(5)))
    @settings(max_examples=20)
    def test_attention_does_not_know_the_order_of_steps(self, attention, order):
        x = segments(2, 5, 4)
        torch.testing.assert_close(attention(x[:, order]), attention(x)[:, order])

    @pytest.mark.parametrize("attention", [DotProductSelfAttention(), AdditiveSelfAttention(4)])
    def test_equal_steps_stay_as_they_are(self, attention):
        x = segments(2, 1, 4).expand(2, 7, 4)
        torch.testing.assert_close(attention(x), x.clone())

    def test_large_products_are_weighed_in_full_precision(self):
        """128 features near 1 have products near 128, which bfloat16 knows to the nearest 0.5."""
        x = (1 + 0.05 * segments(1, 57, 128)).bfloat16()
        with torch.autocast("cpu", torch.bfloat16):
            half = DotProductSelfAttention()(x)
        assert half.dtype == torch.float32
        torch.testing.assert_close(half, DotProductSelfAttention()(x.float()))


class TestInitialWeights:
    @EVERY_BUILD
    def test_they_are_those_of_keras(self, name, options):
        network = build(name, **options)
        recurrent = [layer for layer in network.modules() if isinstance(layer, nn.RNNBase)]
        assert len(recurrent) == {"genre_mood_conv": 0, "genre_mood_conv_recurrent": 1}.get(name, 2)
        for layer in recurrent:
            _is_as_in_keras(layer)
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
                receptive = layer.weight[0, 0].numel()
                limit = math.sqrt(6 / (receptive * sum(layer.weight.shape[:2])))
                assert 0.85 * limit < layer.weight.abs().max() <= limit
                assert layer.bias is None or not layer.bias.any()

    def test_conflictnets_second_biases_stay_zero(self):
        network = build("conflictnet", seed=1).train()
        optimizer = torch.optim.Adam(network.parameters(), weight_decay=0.1)
        network(segments(2, 4_000)).square().sum().backward()
        optimizer.step()
        biases = {name: bias for name, bias in network.named_parameters() if "bias_hh" in name}
        assert len(biases) == 2 and not any(bias.any() for bias in biases.values())


def _is_as_in_keras(layer):
    """Orthogonal weights back; zero biases but 1 in sum for an LSTM's forget gate; Glorot uniform weights in."""
    hidden = layer.hidden_size
    for end in ("", "_reverse") if layer.bidirectional else ("",):
        back = getattr(layer, f"weight_hh_l0{end}").detach()
        torch.testing.assert_close(back.T @ back, torch.eye(hidden), rtol=0, atol=1e-5)
        bias = getattr(layer, f"bias_ih_l0{end}") + getattr(layer, f"bias_hh_l0{end}")
        expected = torch.zeros_like(bias)
        if isinstance(layer, nn.LSTM):
            expected[hidden : 2 * hidden] = 1
        assert torch.equal(bias, expected)
        comes_in = getattr(layer, f"weight_ih_l0{end}")
        limit = math.sqrt(6 / sum(comes_in.shape))
        assert 0.95 * limit < comes_in.abs().max() <= limit
