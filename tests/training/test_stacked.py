import copy
import re

import pytest
import torch
from small_study import SHAPE, Tiny
from torch import nn
from torch.nn import functional

from genreflow.errors import Problems
from genreflow.models import registry
from genreflow.models.blocks import KERAS_BATCH_NORM, GlobalPool1d, InputNorm, KerasBatchNorm1d, SameConv1d, dense_head
from genreflow.models.standardise import standardised
from genreflow.training.optimisers import OPTIMISERS, make_optimiser
from genreflow.training.stacked import Stacked, can_stack

RUNS, BATCH, CLASSES = 2, 3, 5
SMALL = (5, 12)
# Segments as short as makes sense.
SHORT = {
    "psytrance_cnn": (128, 128),
    "gg12": (40, 16),
    "western8_cnn": (128, 234),
    "western8_ffnn": (25,),
    "roberts_cnn": (128, 40),
    "genre_mood_conv": (40, 40),
    "tagging_waveform_cnn": (16_448,),
    "tagging_chunk_cnn": (32_000,),
    "tagging_mel_cnn": (40, 64),
    "musicnn": (2_048,),
    "samplecnn": (59_049,),
    "self_attention": (4_096,),
    "short_chunk_cnn": (32_512,),
    "net_stft": (40, 16),
    "net_music": (8, 16),
    "nnet1": (40, 32),
    "ann": (25,),
}
RECURRENT = [name for name in registry.MODELS if name.endswith(("rnn", "recurrent", "end2end"))] + ["conflictnet"]
FITTED = [name for name, entry in registry.MODELS.items() if entry.fits]


def build(model, runs=RUNS, dropout=False, **options):
    networks = []
    for seed in range(runs):
        torch.manual_seed(seed)
        networks.append(registry.build(model, CLASSES, input_shape=SHORT[model], **options))
    for layer in [] if dropout else [layer for network in networks for layer in network.modules()]:
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        elif isinstance(getattr(layer, "dropout", None), float):
            layer.dropout = 0.0
    return networks


def small(norm=True, dtype=torch.float64):
    """Return networks that have every kind of layer, small enough for many steps."""
    networks = []
    for seed in range(RUNS):
        torch.manual_seed(seed)
        layers = [
            SameConv1d(SMALL[0], 6, 4),
            KerasBatchNorm1d(6, **KERAS_BATCH_NORM) if norm else nn.Identity(),
            nn.ReLU(),
            nn.Conv1d(6, 6, 3, bias=False),
            nn.BatchNorm1d(6) if norm else nn.Identity(),
            GlobalPool1d("maxmean"),
            *dense_head((12, 8, CLASSES), dropout=0.0),
        ]
        networks.append(nn.Sequential(InputNorm(), *layers).to(dtype))
    return networks


def batches(steps, model=None, runs=RUNS, batch=BATCH, dtype=torch.float32):
    generator = torch.Generator().manual_seed(7)
    inputs = torch.randn(steps, runs, batch, *SHORT.get(model, SMALL), generator=generator, dtype=dtype) * 0.3
    return inputs, torch.randint(CLASSES, (steps, runs, batch), generator=generator)


def losses_of(logits, targets):
    each = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return each.view(targets.shape).mean(dim=1)


def train_separately(networks, optimisers, inputs, targets):
    """Return the losses [steps, runs]."""
    found = torch.zeros(targets.shape[:2], dtype=inputs.dtype)
    for run, (network, optimiser) in enumerate(zip(networks, optimisers, strict=True)):
        for step in range(len(inputs)):
            loss = functional.cross_entropy(network.train()(inputs[step, run]), targets[step, run])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            found[step, run] = loss.detach()
    return found


def train_at_once(stack, optimisers, inputs, targets):
    found = []
    for own_inputs, own_targets in zip(inputs, targets, strict=True):
        losses = losses_of(stack(own_inputs), own_targets)
        for optimiser in optimisers:
            optimiser.zero_grad()
        losses.sum().backward()
        for optimiser in optimisers:
            optimiser.step()
        found.append(losses.detach())
    return torch.stack(found)


def assert_same_states(networks, others, **tolerance):
    for network, other in zip(networks, others, strict=True):
        assert network.state_dict().keys() == other.state_dict().keys()
        for name, tensor in network.state_dict().items():
            torch.testing.assert_close(
                tensor, other.state_dict()[name], msg=lambda text, name=name: f"{name}: {text}", **tolerance
            )


@pytest.mark.parametrize("model", SHORT)
def test_logits_gradients_and_statistics_are_those_of_separate_networks(model):
    """To the precision of float32, which biases before a batch normalisation have no gradient to show."""
    networks = build(model)
    alone = copy.deepcopy(networks)
    inputs, targets = batches(1, model)
    logits = Stacked(networks).train()(inputs[0])
    losses_of(logits, targets[0]).sum().backward()
    for run, network in enumerate(alone):
        own = network.train()(inputs[0, run])
        functional.cross_entropy(own, targets[0, run]).backward()
        torch.testing.assert_close(logits[run], own, atol=1e-3, rtol=1e-3)
        largest = max(weights.grad.abs().max() for weights in network.parameters())
        for (name, weights), stacked in zip(network.named_parameters(), networks[run].parameters(), strict=True):
            assert (stacked.grad - weights.grad).abs().max() < 1e-2 * largest, name
    assert_same_states(networks, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("model", ["net_music", "tagging_chunk_cnn", "self_attention", "ann"])
def test_evaluation_is_that_of_separate_networks(model):
    networks = build(model)
    inputs, _ = batches(1, model)
    stack = Stacked(networks).eval()
    before = copy.deepcopy(stack.state_dict())
    with torch.no_grad():
        logits = stack(inputs[0])
        expected = torch.stack([network(own) for network, own in zip(networks, inputs[0], strict=True)])
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    for name, tensor in stack.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("optimizer", OPTIMISERS)
@pytest.mark.parametrize(("norm", "dtype"), [(False, torch.float32), (True, torch.float64)])
def test_twenty_steps_are_those_of_separate_runs(norm, dtype, optimizer):
    """With an optimiser each or one for all, and with decay of the weights, which leaves biases alone.

    Batch normalisation takes away the biases before it: their gradients are what rounding leaves, of which Adam makes
    whole steps in float32. They change nothing, yet differ in any two orders of addition.
    """
    networks = small(norm, dtype)
    alone, together = copy.deepcopy(networks), copy.deepcopy(networks)
    inputs, targets = (tensor.expand(20, *tensor.shape[1:]) for tensor in batches(1, dtype=dtype))

    def optimiser(parameters):
        return make_optimiser(optimizer, parameters, learning_rate=1e-2, weight_decay=1e-2)

    losses = train_separately(alone, [optimiser(network.parameters()) for network in alone], inputs, targets)
    stack = Stacked(networks).train()
    each = train_at_once(stack, [optimiser(network.parameters()) for network in networks], inputs, targets)
    stack = Stacked(together).train()
    one = train_at_once(stack, [optimiser(stack.parameters())], inputs, targets)
    assert (losses[-1] < losses[0]).all()
    for found, trained in ((each, networks), (one, together)):
        torch.testing.assert_close(found, losses, atol=1e-4, rtol=1e-4)
        assert_same_states(trained, alone, atol=1e-4, rtol=1e-3)


def test_a_run_has_its_own_step_size_and_its_own_clipping():
    networks = small()
    alone = copy.deepcopy(networks)
    inputs, targets = batches(5, dtype=torch.float64)

    def optimisers(group):
        made = []
        for network, rate in zip(group, (1e-1, 1e-2), strict=True):
            made.append(torch.optim.SGD(network.parameters(), lr=rate))
            weights = list(network.parameters())
            made[-1].register_step_pre_hook(
                lambda *_, weights=weights: assert_clipped(nn.utils.clip_grad_norm_(weights, 0.01))
            )
        return made

    def assert_clipped(norm):
        assert norm > 0.01

    train_at_once(Stacked(networks).train(), optimisers(networks), inputs, targets)
    train_separately(alone, optimisers(alone), inputs, targets)
    assert_same_states(networks, alone)


def test_steps_of_other_lengths_are_taken_by_the_networks_themselves():
    """Stacked, a shorter batch that one run alone has, stacked again: as if never stacked."""
    networks = small()
    alone = copy.deepcopy(networks)
    inputs, targets = batches(4, dtype=torch.float64)
    stack = Stacked(networks).train()
    optimisers = [torch.optim.Adam(network.parameters()) for network in networks]
    own = [torch.optim.Adam(network.parameters()) for network in alone]
    train_at_once(stack, optimisers, inputs[:2], targets[:2])
    train_separately(alone, own, inputs[:2], targets[:2])
    for group, some in ((networks, optimisers), (alone, own)):
        train_separately(group[:1], some[:1], inputs[2:3, :1, :2], targets[2:3, :1, :2])
    train_at_once(stack, optimisers, inputs[3:], targets[3:])
    train_separately(alone, own, inputs[3:], targets[3:])
    assert_same_states(networks, alone)


def test_each_run_has_its_own_standardisation():
    networks = []
    for run in range(RUNS):
        network = standardised(Tiny(n_outputs=CLASSES, input_shape=SHAPE), SHAPE, "band")
        network.mean += run
        network.deviation *= run + 1
        networks.append(network.eval())
    inputs = torch.randn(RUNS, BATCH, *SHAPE)
    expected = torch.stack([network(own) for network, own in zip(networks, inputs, strict=True)])
    torch.testing.assert_close(Stacked(networks)(inputs), expected)


def test_bfloat16_differs_by_its_rounding_only():
    networks = build("net_music")
    inputs, _ = batches(1, "net_music")
    expected = torch.stack([network(own) for network, own in zip(networks, inputs[0], strict=True)])
    with torch.autocast("cpu", torch.bfloat16):
        logits = Stacked(networks)(inputs[0])
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), expected, atol=0.05, rtol=0.05)


def test_dropout_draws_anew_for_each_run():
    [network] = build("net_music", runs=1, dropout=True)
    stack = Stacked([network, copy.deepcopy(network)]).train()
    inputs = batches(1, "net_music", runs=1)[0][0].expand(2, -1, -1, -1)
    first, second = stack(inputs)
    assert not torch.allclose(first, second)
    first, second = stack.eval()(inputs)
    torch.testing.assert_close(first, second)


def test_the_mode_of_a_network_that_is_validated_is_its_own():
    networks = build("net_music", dropout=True)
    stack = Stacked(networks).train()
    networks[0].eval()
    inputs = batches(1, "net_music")[0][0]
    assert not torch.allclose(stack(inputs), stack(inputs))


def test_the_networks_state_can_be_replaced_and_moved():
    networks = build("self_attention")
    stack = Stacked(networks).eval()
    networks[1].load_state_dict(networks[0].state_dict())
    stack.double()
    inputs = batches(1, "self_attention", dtype=torch.float64)[0][0]
    first, second = stack(inputs[:1].expand(RUNS, -1, -1))
    assert first.dtype == torch.float64
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("model", SHORT)
def test_what_can_be_stacked_says_so(model):
    assert can_stack(build(model, runs=1)[0]) is None


@pytest.mark.parametrize(
    ("model", "why"),
    [(model, "is recurrent") for model in RECURRENT]
    + [(model, "is fitted at once") for model in FITTED]
    + [("harmonic_cnn", "HarmonicSpectrogram. is of a kind")],
)
def test_what_cannot_be_stacked_says_why(model, why):
    networks = [registry.build(model, 1 if model == "conflictnet" else CLASSES) for _ in range(2)]
    assert re.search(why, can_stack(networks[0]))
    with pytest.raises(Problems, match=why):
        Stacked(networks)


def test_a_layer_of_an_unknown_kind_is_refused():
    class Shifted(nn.Linear):
        """What it does beside its weights nobody knows."""

    assert "Shifted" in can_stack(nn.Sequential(nn.Flatten(), Shifted(2, 3)))
    assert "BatchNorm1d" in can_stack(nn.BatchNorm1d(3, momentum=None))
    assert "InstanceNorm1d" in can_stack(nn.InstanceNorm1d(3, track_running_stats=True))


@pytest.mark.parametrize(
    ("model", "options", "what"),
    [
        ("net_music", {"pool": "max"}, "pool"),
        ("net_music", {"dropout": 0.1}, "head.0"),
        ("psytrance_cnn", {"orient": "mel"}, "all"),
    ],
)
def test_networks_that_are_not_alike_are_refused(model, options, what):
    shape = (8, 16) if model == "net_music" else (128, 128)
    networks = [registry.build(model, CLASSES, input_shape=shape, **each) for each in ({}, {}, options)]
    with pytest.raises(Problems, match=f"Network 3 is not built as the first is: .*{what}"):
        Stacked(networks)


def test_constants_that_differ_are_refused():
    networks = build("self_attention", runs=2)
    networks[1].summary += 1
    with pytest.raises(Problems, match="Network 2 has other constants than the first: summary"):
        Stacked(networks)


def test_no_networks_are_refused():
    with pytest.raises(Problems, match="There are none"):
        Stacked([])
