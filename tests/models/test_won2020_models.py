"""The models of Won et al. (2020): shapes as published, spectrograms against double precision, and their parts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from genreflow.config.inputs import InputSettings, LogMel
from genreflow.errors import UserError
from genreflow.features.mel import log_mel
from genreflow.models import registry
from genreflow.models.attention import EncoderLayer, SelfAttention
from genreflow.models.sample_level import GatedBlock
from genreflow.models.spectrogram import (
    HarmonicSpectrogram,
    LogMelSpectrogram,
    bandwidths,
    pitch_frequencies,
    single_precision,
)
from genreflow.models.summary import layers, multiply_adds
from genreflow.models.won2020 import ResidualBlock

NAMES = [name for name, entry in registry.MODELS.items() if entry.study == "won2020"]
LENGTHS = {
    "fcn": 464_000,
    "crnn": 464_000,
    "musicnn": 48_000,
    "samplecnn": 59_049,
    "samplecnn_se": 59_049,
    "short_chunk_cnn": 59_049,
    "short_chunk_res": 59_049,
    "harmonic_cnn": 80_000,
    "self_attention": 240_000,
}
WITHOUT_SPECTROGRAM = {"samplecnn", "samplecnn_se"}

RATE, N_FFT, HOP = 16_000, 512, 256


def build(name, *, n_outputs=50, seed=0, **options):
    torch.manual_seed(seed)
    return registry.build(name, n_outputs, **options)


def waveforms(n, samples, seed=0):
    return torch.randn(n, samples, generator=torch.Generator().manual_seed(seed)) * 0.1


def log_mel_layer(n_mels):
    return LogMelSpectrogram(settings_of(n_mels))


def settings_of(n_mels):
    return LogMel(sample_rate=RATE, n_fft=N_FFT, hop=HOP, n_mels=n_mels, mel="htk", padding="reflect")


def harmonic_layer():
    return HarmonicSpectrogram(sample_rate=RATE, n_fft=N_FFT, hop=HOP, harmonics=6)


def power(samples):
    """|STFT|^2 in double precision, written out: [257, frames]."""
    padded = np.pad(samples.astype(np.float64), N_FFT // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    frames = [padded[start : start + N_FFT] * window for start in range(0, len(samples) + 1, HOP)]
    return np.abs(np.fft.rfft(frames, axis=1)).T ** 2


def decibels(values):
    return 10 * np.log10(np.maximum(values, 1e-10))


def mel_filters(n_mels):
    """Triangles of height 1 between edges equally far apart on HTK's mel scale, 0 to 8000 Hz."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), n_mels + 2) / 2595) - 1)
    bins = np.arange(N_FFT // 2 + 1) * RATE / N_FFT
    return np.array([np.interp(bins, edges[band : band + 3], [0, 1, 0]) for band in range(n_mels)])


def music(samples=8_000, seed=3):
    """A chord above noise."""
    time = np.arange(samples) / RATE
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220, 277.2, 329.6, 1_760))
    return (0.1 * chord + 0.02 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


# Channels, frames, bands of maps; features of vectors. Sizes of the published code for the study's input.
SHAPES = {
    ("fcn", "n_mels=96"): [
        [1, 1813, 96],
        [1, 1813, 96],
        [64, 453, 48],
        [128, 113, 24],
        [128, 28, 12],
        [128, 5, 4],
        [64, 1, 1],
        [50],
    ],
    ("fcn", "n_mels=128"): [
        [1, 1813, 128],
        [1, 1813, 128],
        [64, 453, 64],
        [128, 113, 32],
        [128, 28, 16],
        [128, 5, 5],
        [64, 1, 1],
        [50],
    ],
    ("crnn", "n_mels=96"): [
        [1, 1813, 96],
        [1, 1813, 96],
        [64, 906, 48],
        [128, 302, 16],
        [128, 75, 4],
        [128, 18, 1],
        [32],
        [50],
    ],
    ("crnn", "n_mels=128"): [
        [1, 1813, 128],
        [1, 1813, 128],
        [64, 906, 64],
        [128, 302, 21],
        [128, 75, 5],
        [128, 18, 1],
        [32],
        [50],
    ],
    ("musicnn", "n_mels=96"): [
        [1, 188, 96],
        [1, 188, 96],
        [561, 188, 1],
        [64, 188, 1],
        *(2 * [[64, 188, 1], [64, 188, 1]]),  # a convolution, and its sum with its input
        [753, 188, 1],
        [1506],
        [200],
        [200],
        [50],
    ],
    ("samplecnn", ""): [
        [128, 19683, 1],
        [128, 6561, 1],
        [128, 2187, 1],
        [256, 729, 1],
        [256, 243, 1],
        [256, 81, 1],
        [256, 27, 1],
        [256, 9, 1],
        [256, 3, 1],
        [512, 1, 1],
        [512, 1, 1],
        [50],
    ],
    ("samplecnn_se", ""): [
        [128, 19683, 1],
        [128, 6561, 1],
        [128, 2187, 1],
        [256, 729, 1],
        [256, 243, 1],
        [256, 81, 1],
        [256, 27, 1],
        [256, 9, 1],
        [256, 3, 1],
        [512, 1, 1],
        [512, 1, 1],
        [512],
        [512],
        [50],
    ],
    ("short_chunk_cnn", ""): [
        [1, 231, 128],
        [1, 231, 128],
        [128, 115, 64],
        [128, 57, 32],
        [256, 28, 16],
        [256, 14, 8],
        [256, 7, 4],
        [256, 3, 2],
        [512, 1, 1],
        [512],
        [512],
        [512],
        [50],
    ],
    ("short_chunk_res", ""): [
        [1, 231, 128],
        [1, 231, 128],
        [128, 116, 64],
        [128, 58, 32],
        [256, 29, 16],
        [256, 15, 8],
        [256, 8, 4],
        [256, 4, 2],
        [512, 2, 1],
        [512],
        [512],
        [512],
        [50],
    ],
    ("harmonic_cnn", ""): [
        [6, 313, 128],
        [6, 313, 128],
        [128, 156, 64],
        [128, 78, 32],
        [128, 39, 16],
        [128, 19, 8],
        [256, 9, 4],
        [256, 3, 2],
        [256, 1, 1],
        [256],
        [256],
        [256],
        [50],
    ],
    ("self_attention", ""): [
        [1, 938, 128],
        [1, 938, 128],
        [128, 469, 64],
        [128, 235, 32],
        [256, 118, 16],
        [256, 118, 8],
        [256, 118, 4],
        [256, 118, 2],
        [256, 118, 1],
        [256, 119, 1],
        [256, 119, 1],
        [256],
        [50],
    ],
}


def options_of(text):
    pairs = (pair.split("=") for pair in text.split())
    return {name: int(value) if value.isdigit() else value for name, value in pairs}


@pytest.mark.parametrize(("name", "options"), SHAPES)
def test_layers_have_the_published_shapes(name, options):
    result = layers(build(name, **options_of(options)), (LENGTHS[name],))
    assert [layer["shape"] for layer in result] == SHAPES[name, options]


def test_every_model_of_the_study_has_its_shapes_and_length_tested():
    assert {name for name, _ in SHAPES} == set(LENGTHS) == set(NAMES)


@pytest.mark.parametrize(
    ("options", "heights"),
    [("n_mels=96", (67, 38)), ("n_mels=128", (89, 51)), ("n_mels=128 kernels=fixed", (67, 38))],
)
def test_musicnn_has_kernels_of_the_published_sizes_side_by_side(options, heights):
    kernels = build("musicnn", **options_of(options)).kernels.to("meta")
    seen = []
    for block in (*kernels.timbre, *kernels.rhythm):
        block.register_forward_hook(lambda block, _, y: seen.append((tuple(block[0].kernel_size), tuple(y.shape[1:]))))
    n_mels = options_of(options)["n_mels"]
    assert kernels(torch.zeros(2, 1, n_mels, 188, device="meta")).shape == (2, 561, 188)
    assert seen == [
        *(((height, 7), (204, n_mels - height + 1, 188)) for height in heights),
        *(((length,), (51, 188)) for length in (129, 65, 33)),
    ]


# 10^9 multiply-adds of the convolutions, per segment. The matrix product with the filters comes on top, and with
# self_attention the encoder: 2 layers of 119 places, 788,480 weights each, and 2 x 119^2 x 256 of attention itself.
@pytest.mark.parametrize(
    ("name", "billions", "others"),
    [
        ("fcn", 2.15, 96 * 257 * 1813),
        ("crnn", 4.06, 96 * 257 * 1813),
        ("musicnn", 1.20, 96 * 257 * 188),
        ("samplecnn", 1.73, 0),
        ("samplecnn_se", 4.86, 0),
        ("short_chunk_cnn", 2.01, 128 * 257 * 231),
        ("short_chunk_res", 2.77, 128 * 257 * 231),
        ("self_attention", 13.2, 128 * 257 * 938 + 2 * (119 * 786_432 + 2 * 119**2 * 256)),
        ("harmonic_cnn", 4.24, 768 * 257 * 313),
    ],
)
def test_a_segment_costs_as_much_as_derived(name, billions, others):
    result = multiply_adds(build(name), (LENGTHS[name],)) - others
    digits = 1 if name == "self_attention" else 2
    assert round(result / 1e9, digits) == billions


class TestInput:
    @pytest.mark.parametrize("name", NAMES)
    def test_it_is_a_waveform_of_the_published_length(self, name):
        entry = registry.describe(name)
        assert entry.input_shape == (LENGTHS[name],)
        assert entry.input_settings.front_end.sample_rate == RATE

    @pytest.mark.parametrize("name", NAMES)
    def test_short_segments_are_sixteen_a_clip(self, name):
        segments = registry.describe(name).input_settings.segments
        assert (segments.kind, segments.count) == (("whole", 1) if LENGTHS[name] == 464_000 else ("chunks", 16))

    @pytest.mark.parametrize("name", NAMES)
    def test_a_spectrogram_in_the_network_binds_the_sample_rate(self, name):
        entry = registry.describe(name)
        given = {**entry.input, "front_end": {"kind": "waveform", "sample_rate": 22_050}}
        problems = list(entry.input_problems(InputSettings.model_validate(given)))
        expected = [] if name in WITHOUT_SPECTROGRAM else ["it takes front_end.sample_rate: 16000, not 22050"]
        assert problems == expected

    @pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_SPECTROGRAM))
    def test_the_shortest_and_an_odd_length_work(self, name):
        least = registry.describe(name).variable_axes[0]
        for samples in (least, least + 12_345):
            network = build(name, n_outputs=3, input_shape=(samples,)).eval()
            with torch.inference_mode():
                assert network(waveforms(1, samples)).shape == (1, 3)

    @pytest.mark.parametrize("name", sorted(set(NAMES) - {"musicnn", "self_attention", "short_chunk_res"}))
    def test_pooling_leaves_nothing_of_what_is_shorter(self, name):
        least = registry.describe(name).variable_axes[0]
        with pytest.raises(UserError, match=f"at least {least}"):
            registry.build(name, 3, input_shape=(least - 1,))
        network = build(name, n_outputs=3, input_shape=(least,)).eval()
        # Sample-level networks round up in their first convolution, which forgives two samples.
        shorter = least - (3 if name in WITHOUT_SPECTROGRAM else 1)
        with pytest.raises(RuntimeError, match=r"too small|output size: 0"):
            network(waveforms(1, shorter))

    @pytest.mark.parametrize(
        ("name", "samples", "features"),
        [
            ("fcn", 2_559 * HOP - 1, 64),
            ("fcn", 2_559 * HOP, 2 * 64),
            ("samplecnn", 2 * 3**10, 2 * 512),
            ("samplecnn_se", 2 * 3**10, 2 * 512),
        ],
    )
    def test_what_is_left_of_longer_waveforms_reaches_the_first_dense_layer(self, name, samples, features):
        network = build(name, n_outputs=3, input_shape=(samples,))
        dense = next(layer for layer in network.head if isinstance(layer, nn.Linear))
        assert dense.in_features == features
        assert layers(network, (samples,))[-1]["shape"] == [3]


class TestLogMelSpectrogram:
    @pytest.mark.parametrize(
        ("samples", "frames"), [(464_000, 1813), (48_000, 188), (59_049, 231), (80_000, 313), (240_000, 938)]
    )
    def test_frames_are_as_many_as_published(self, samples, frames):
        assert log_mel_layer(96)(torch.zeros(1, samples)).shape == (1, 1, 96, frames)
        assert harmonic_layer().to("meta")(torch.zeros(1, samples, device="meta")).shape == (1, 6, 128, frames)

    @pytest.mark.parametrize("n_mels", [96, 128])
    def test_values_are_those_of_double_precision(self, n_mels):
        samples = music()
        result = log_mel_layer(n_mels)(torch.from_numpy(samples)[None])[0, 0]
        assert result.dtype == torch.float32
        np.testing.assert_allclose(result, decibels(mel_filters(n_mels) @ power(samples)), atol=2e-3)

    @settings(max_examples=20)
    @given(samples=st.integers(257, 4_000), seed=st.integers(0, 2**32 - 1), n_mels=st.sampled_from([96, 128]))
    def test_values_are_those_of_the_features(self, samples, seed, n_mels):
        noise = 0.1 * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)
        result = log_mel_layer(n_mels)(torch.from_numpy(noise)[None])[0, 0].numpy()
        expected = log_mel(noise, settings_of(n_mels))
        # A power that cancels almost to nothing has few correct digits left in single precision.
        np.testing.assert_allclose(10 ** (result / 10), 10 ** (expected / 10), rtol=1e-3, atol=1e-5)

    def test_one_of_128_filters_is_empty_and_stays_at_the_floor(self):
        empty = (log_mel_layer(128).filters == 0).all(dim=1)
        assert empty.sum() == 1
        level = log_mel_layer(128)(torch.from_numpy(music())[None])[0, 0]
        assert (level[empty] == -100).all()
        assert (level[~empty] > -100).all()

    @pytest.mark.parametrize("layer", [log_mel_layer(96), harmonic_layer()])
    def test_silence_is_at_the_floor_and_harms_no_gradient(self, layer):
        silence = torch.zeros(2, 2_000, requires_grad=True)
        level = layer(silence)
        assert (level == -100).all()
        level.sum().backward()
        assert torch.isfinite(silence.grad).all()

    @pytest.mark.parametrize("layer", [log_mel_layer(96), harmonic_layer()])
    def test_mixed_precision_changes_nothing(self, layer):
        x = torch.from_numpy(music())[None]
        with torch.autocast("cpu", torch.bfloat16):
            assert (layer.window[None] @ layer.window[:, None]).dtype == torch.bfloat16
            mixed = layer(x)
            with single_precision(x):
                assert not torch.is_autocast_enabled("cpu")
        assert mixed.dtype == torch.float32
        assert torch.equal(mixed, layer(x))


@pytest.mark.slow  # bfloat16 is slow on many CPUs
@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_SPECTROGRAM - {"fcn"}))
def test_networks_learn_in_mixed_precision_from_spectrograms_in_single(name):
    least = registry.describe(name).variable_axes[0]
    network = build(name, n_outputs=3, input_shape=(least,)).train()
    seen = []
    network.input.register_forward_hook(lambda _, __, output: seen.append(output.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(waveforms(2, least))
    assert seen == [torch.float32]
    assert logits.dtype == torch.bfloat16
    functional.cross_entropy(logits.float(), torch.tensor([0, 2])).backward()
    assert all(torch.isfinite(weights.grad).all() for weights in network.parameters())


def test_what_follows_from_the_settings_is_not_stored():
    stored = {name: set(build(name).state_dict()) for name in ("fcn", "harmonic_cnn", "self_attention")}
    assert {"input.0.quality"} == {key for key in stored["harmonic_cnn"] if key.startswith("input.0")}
    assert not {key for key in stored["fcn"] if key.startswith("input.0")}
    assert "summary" in stored["self_attention"]


class TestHarmonicSpectrogram:
    def test_pitches_and_bandwidths_are_as_published(self):
        pitches = pitch_frequencies(RATE / 2 / 6)
        assert len(pitches) == 128
        np.testing.assert_allclose(pitches[[0, 1, 64, 127]], [32.7032, 33.6615, 207.652, 1280.975], rtol=2e-6)
        np.testing.assert_allclose(bandwidths(pitches[[0, 127]]), [28.229, 162.917], atol=5e-4)
        assert 6 * pitches[-1] == pytest.approx(7_685.8, abs=0.1)

    @pytest.mark.parametrize("quality", [1.0, 0.5, 3.0])
    def test_filters_are_the_published_triangles(self, quality):
        layer = harmonic_layer()
        layer.quality.data.fill_(quality)
        filters = layer.filters().detach().numpy()
        assert filters.shape == (6, 128, 257)
        bins = np.linspace(0, 8_000, 257)
        for harmonic in range(6):
            for place in range(0, 128, 9):
                center = (harmonic + 1) * 32.7031956626 * 2 ** (place / 24)
                slope = 2 / ((0.1079 * center + 24.7) / quality)
                rising, falling = 1 + slope * (bins - center), 1 - slope * (bins - center)
                expected = np.maximum(0, np.minimum(rising, falling))
                np.testing.assert_allclose(filters[harmonic, place], expected, atol=2e-5)

    def test_a_tone_lights_up_the_pitches_it_is_a_harmonic_of(self):
        pitches = pitch_frequencies(RATE / 2 / 6)
        tone = torch.sin(2 * torch.pi * 3 * float(pitches[70]) * torch.arange(8_000) / RATE)
        level = harmonic_layer()(tone[None])[0, :, :, 10]
        assert level[2].argmax() == 70
        assert level[0].argmax() == pytest.approx(70 + 24 * np.log2(3), abs=1)

    def test_values_are_those_of_double_precision(self):
        samples = music()
        layer = harmonic_layer()
        filters = layer.filters().detach().double().numpy()
        expected = decibels(np.einsum("hpb,bt->hpt", filters, power(samples)))
        np.testing.assert_allclose(layer(torch.from_numpy(samples)[None])[0].detach(), expected, atol=5e-3)

    def test_the_bandwidth_follows_its_gradient(self):
        layer, x = harmonic_layer(), torch.from_numpy(music())[None]
        layer(x).mean().backward()
        with torch.no_grad():
            levels = []
            for quality in (0.99, 1.01):
                layer.quality.fill_(quality)
                levels.append(layer(x).mean().item())
        assert layer.quality.grad.item() < 0  # narrower filters let less through
        # Filters that begin or end to reach a bin within the step bend the curve a little.
        assert layer.quality.grad.item() == pytest.approx((levels[1] - levels[0]) / 0.02, rel=0.1)


class TestSelfAttention:
    def test_the_vector_in_front_is_fixed_and_not_learnt(self):
        network = build("self_attention", seed=5)
        # The first numbers of numpy's generator with seed 0.
        expected = [0.5488135, 0.71518937, 0.60276338, 0.54488318, 0.4236548]
        np.testing.assert_allclose(network.summary[:5], expected, rtol=1e-6)
        assert network.summary.shape == (256,)
        assert "summary" not in dict(network.named_parameters())

    def test_more_segments_than_64_may_be_in_a_batch(self):
        network = build("self_attention", n_outputs=3).eval()
        x = waveforms(70, 512)
        with torch.inference_mode():
            torch.testing.assert_close(network(x)[66:], network(x[66:]), rtol=1e-4, atol=1e-5)

    def test_it_attends_without_knowing_positions(self):
        encoder = build("self_attention").encoder.eval()
        x = torch.randn(1, 12, 256, generator=torch.Generator().manual_seed(0))
        shuffled = torch.cat([x[:, :1], x[:, 1:].flip(1)], dim=1)
        with torch.inference_mode():
            torch.testing.assert_close(encoder(x)[:, 0], encoder(shuffled)[:, 0], rtol=1e-4, atol=1e-5)

    def test_a_layer_equals_torchs_own(self):
        torch.manual_seed(0)
        layer = EncoderLayer(32, 4, 48, dropout=0.4, attention_dropout=0.5).eval()
        other = nn.TransformerEncoderLayer(
            32, 4, 48, activation="gelu", layer_norm_eps=1e-12, batch_first=True, norm_first=False
        ).eval()
        pairs = [
            (other.self_attn.out_proj, layer.attention.output),
            (other.linear1, layer.dense[0]),
            (other.linear2, layer.dense[2]),
            (other.norm1, layer.attention_norm),
            (other.norm2, layer.dense_norm),
        ]
        for norm in (layer.attention_norm, layer.dense_norm):
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
        for theirs, ours in pairs:
            theirs.load_state_dict(ours.state_dict())
        other.self_attn.in_proj_weight.data.copy_(layer.attention.queries_keys_values.weight)
        other.self_attn.in_proj_bias.data.copy_(layer.attention.queries_keys_values.bias)
        x = torch.randn(3, 7, 32)
        torch.testing.assert_close(layer(x), other(x), rtol=1e-4, atol=1e-5)

    def test_half_of_the_attention_is_dropped_in_training(self):
        """Four places look at all alike, values are 1: what is left of the weights of 1/4, each doubled, adds up."""
        torch.manual_seed(0)
        attention = SelfAttention(8, 2, dropout=0.5)
        nn.init.zeros_(attention.queries_keys_values.weight)
        attention.queries_keys_values.bias.data = torch.tensor(16 * [0.0] + 8 * [1.0])
        nn.init.eye_(attention.output.weight)
        nn.init.zeros_(attention.output.bias)
        x = torch.zeros(500, 4, 8)
        sums = attention.train()(x).detach()
        assert set(sums.mul(2).round().div(2).unique().tolist()) == {0.0, 0.5, 1.0, 1.5, 2.0}
        assert sums.mean().item() == pytest.approx(1, abs=0.03)
        assert (sums == 0).float().mean().item() == pytest.approx(1 / 16, abs=0.02)
        torch.testing.assert_close(attention.eval()(x), torch.ones(500, 4, 8))

    def test_dropout_is_as_published(self):
        network = build("self_attention")
        assert [layer.attention.dropout for layer in network.encoder] == [0.5, 0.5]
        assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.4, 0.4, 0.5]


def normalized(x, norm):
    """Batch normalization in evaluation, written out."""
    shape = (-1, *(1,) * (x.ndim - 2))
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return x * scale.view(shape) + (norm.bias - norm.running_mean * scale).view(shape)


def used(block, x):
    """The block after a few training batches, so that its statistics are no longer 0 and 1."""
    for _ in range(3):
        block.train()(x)
    return block.eval()


class TestBlocks:
    @pytest.mark.parametrize(
        ("n_in", "stride", "pool"), [(4, (2, 1), None), (6, 2, None), (6, 1, (2, 3)), (4, 1, None)]
    )
    def test_a_residual_block_is_two_convolutions_plus_a_shortcut(self, n_in, stride, pool):
        torch.manual_seed(0)
        x = torch.randn(3, n_in, 9, 13)
        block = used(ResidualBlock(n_in, 6, stride=stride, pool=pool), x)
        first, norm1, _, second, norm2 = block.main
        y = functional.conv2d(x, first.weight, first.bias, stride=stride, padding=1)
        y = functional.conv2d(normalized(y, norm1).relu(), second.weight, second.bias, padding=1)
        shortcut = x
        if n_in != 6 or stride != 1:
            convolution, norm = block.shortcut
            assert convolution.kernel_size == (3, 3)
            shortcut = normalized(functional.conv2d(x, convolution.weight, convolution.bias, stride, 1), norm)
        y = (normalized(y, norm2) + shortcut).relu()
        torch.testing.assert_close(block(x), functional.max_pool2d(y, pool) if pool else y)

    @pytest.mark.parametrize(("n_in", "kernel", "stride", "pool"), [(1, 3, 3, None), (6, 3, 1, 3), (6, 1, 1, None)])
    def test_a_gated_block_weighs_its_channels_by_their_means(self, n_in, kernel, stride, pool):
        torch.manual_seed(0)
        x = torch.randn(3, n_in, 27)
        block = used(GatedBlock(n_in, 6, kernel, stride=stride, pool=pool), x)
        first, norm1, _, second, norm2 = block.main
        y = functional.conv1d(x, first.weight, first.bias, stride, kernel // 2)
        y = functional.conv1d(normalized(y, norm1).relu(), second.weight, second.bias, padding=kernel // 2)
        y = normalized(y, norm2)
        squeeze, _, excite, _ = block.gate
        gate = 1 / (1 + torch.exp(-excite(squeeze(y.sum(dim=2) / y.shape[2]).clamp(min=0))))
        shortcut = x
        if n_in != 6:
            convolution, norm = block.shortcut
            shortcut = normalized(functional.conv1d(x, convolution.weight, convolution.bias, stride, 1), norm)
        y = (shortcut + y * gate[:, :, None]).relu()
        torch.testing.assert_close(block(x), functional.max_pool1d(y, pool) if pool else y)

    def test_musicnn_hands_every_level_to_its_head(self):
        """The middle's convolutions add their input, the first one's apart; all is pooled together."""
        network = build("musicnn").eval()
        x = waveforms(2, 4_000)
        with torch.inference_mode():
            low = network.kernels(network.input(x))
            first = network.middle[0](low)
            second = first + network.middle[1](first)
            third = second + network.middle[2](second)
            levels = torch.cat([low, first, second, third], dim=1)
            assert levels.shape == (2, 753, 16)
            expected = network.head(torch.cat([levels.mean(dim=2), levels.max(dim=2).values], dim=1))
            torch.testing.assert_close(network(x), expected)
            # Timbre: the largest response over the bands; rhythm: the response to the mean of the bands.
            spectrogram = network.input(x)
            timbre, rhythm = network.kernels.timbre[1], network.kernels.rhythm[2]
            torch.testing.assert_close(low[:, 204:408], timbre(spectrogram).flatten(2, 2).max(dim=2).values)
            torch.testing.assert_close(low[:, -51:], rhythm(spectrogram[:, :, 0:96].sum(dim=2) / 96))

    def test_crnn_decides_by_the_last_state_of_its_upper_layer(self):
        network = build("crnn").eval()
        maps = torch.randn(2, 128, 1, 18, generator=torch.Generator().manual_seed(0))
        network.input, network.blocks = nn.Identity(), nn.Identity()
        with torch.inference_mode():
            states, _ = network.recurrent.layer(maps[:, :, 0].transpose(1, 2))
            torch.testing.assert_close(network(maps), network.head(states[:, -1]))
