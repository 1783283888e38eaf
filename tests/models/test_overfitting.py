"""Every model learns sixteen easy segments by heart, of classes or, where its study is about them, of tags."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from genreflow.models import registry

N, N_OUTPUTS, STEPS, EVERY = 16, 4, 300, 4
NETWORKS = [name for name, entry in registry.MODELS.items() if not entry.is_estimator]
FITTED = [name for name, entry in registry.MODELS.items() if entry.is_estimator]


def shape_of(entry):
    """The study's own segments, as short as the model takes them: a matter of patience alone."""
    return tuple(
        min(size, max(64, 2 * entry.variable_axes.get(axis, size))) for axis, size in enumerate(entry.input_shape)
    )


def easy_segments(entry, seed=0):
    """Return segments [16, ...] and targets [16, 4]: a target is a tone, a band or a number that stands out."""
    rng = np.random.default_rng(seed)
    shape = shape_of(entry)
    if entry.study in ("tagging", "won2020"):
        targets = np.array([[(number >> bit) & 1 for bit in range(N_OUTPUTS)] for number in range(N)])
    else:
        targets = np.eye(N_OUTPUTS, dtype=int)[np.arange(N) % N_OUTPUTS]
    segments = rng.normal(0, 0.05, (N, *shape))
    for target in range(N_OUTPUTS):
        there = targets[:, target] == 1
        if entry.input_kind == "waveform":
            segments[there] += 0.2 * np.sin(2 * np.pi * 0.02 * (target + 1) * np.arange(shape[0]))
        elif entry.input_kind == "descriptors":
            segments[there, target::N_OUTPUTS] += 1
        else:
            band = shape[0] // N_OUTPUTS
            segments[there, target * band : (target + 1) * band] += 1
    return torch.from_numpy(segments).float(), torch.from_numpy(targets)


def share_right(logits, targets):
    if (targets.sum(dim=1) == 1).all():
        return (logits.argmax(dim=1) == targets.argmax(dim=1)).float().mean().item()
    return ((logits > 0) == (targets == 1)).float().mean().item()


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_sixteen_segments(name):
    entry = registry.describe(name)
    torch.manual_seed(0)
    network = registry.build(name, N_OUTPUTS, input_shape=shape_of(entry))
    segments, targets = easy_segments(entry)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    best = 0.0
    for step in range(1, STEPS + 1):
        logits = network.train()(segments)
        if (targets.sum(dim=1) == 1).all():
            loss = functional.cross_entropy(logits, targets.argmax(dim=1))
        else:
            loss = functional.binary_cross_entropy_with_logits(logits, targets.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % EVERY == 0:
            with torch.inference_mode():
                best = max(best, share_right(network.eval()(segments), targets))
            if best > 0.95:
                return
    pytest.fail(f"{best:.3f} right after {STEPS} steps")


@pytest.mark.parametrize("name", FITTED)
def test_a_fitted_model_knows_sixteen_segments(name):
    entry = registry.describe(name)
    options = {"neighbors": 3} if name == "knn" else {}
    model = registry.build(name, N_OUTPUTS, input_shape=shape_of(entry), **options)
    segments, targets = easy_segments(entry)
    model.fit(segments.numpy(), targets.argmax(dim=1).numpy(), groups=np.arange(N), seed=0, threads=1)
    with torch.inference_mode():
        assert share_right(model(segments), targets) > 0.95
