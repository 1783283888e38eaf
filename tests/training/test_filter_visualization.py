import numpy as np
import pyarrow as pa
import pytest
import torch
from resealing import reseal
from small_study import SHAPE, TRAINING
from torch import nn

from genreflow.errors import UserError
from genreflow.models.entry import ModelEntry
from genreflow.models.registry import MODELS
from genreflow.store.parquet import Header, array_column, write_table
from genreflow.training.filter_visualization import (
    Ascent,
    maximize_activations,
    mean_activations,
    visualize_filters,
)

BANDS, FRAMES = 16, 24


class Small(nn.Module):
    """Three convolutions, which are called in another order than they are listed in."""

    def __init__(self, *, n_outputs, input_shape):
        super().__init__()
        self.last = nn.Conv1d(12, 6, 3)
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv1d(4 * input_shape[0], 12, 3, padding=1)
        self.norm = nn.BatchNorm1d(12)
        self.head = nn.Linear(6, n_outputs)

    def forward(self, x):
        x = self.first(x[:, None]).relu()
        x = self.norm(self.second(x.flatten(1, 2))).relu()
        return self.head(self.last(x).relu().mean(dim=2))


def network(seed=0):
    torch.manual_seed(seed)
    return Small(n_outputs=3, input_shape=(BANDS, FRAMES)).eval()


@pytest.fixture(scope="module")
def slices():
    """Levels that fall with frequency, noisier in the higher bands."""
    noise = np.random.default_rng(0).normal(size=(20, BANDS, FRAMES))
    bands = np.arange(BANDS)[:, None]
    return (-10 - 3 * bands + (1 + bands) * noise).astype(np.float32)


@pytest.mark.parametrize("ascent", [Ascent(), Ascent(blur=0)], ids=["usual", "sharp"])
def test_channels_are_activated_more_than_to_any_random_input(slices, ascent):
    model = network()
    rows, arrays = maximize_activations(model, slices, ascent=ascent)
    rng = np.random.default_rng(1)
    low, high = slices.min(axis=(0, 2))[:, None], slices.max(axis=(0, 2))[:, None]
    mean, deviation = slices.mean(axis=(0, 2))[:, None], slices.std(axis=(0, 2))[:, None]
    usual = mean + deviation * rng.normal(size=(25, BANDS, FRAMES))
    spread = rng.uniform(low, high, size=(25, BANDS, FRAMES))
    random = np.concatenate([usual.clip(low, high), spread]).astype(np.float32)
    layers = list(rows["module"].unique())
    with torch.no_grad():
        message = mean_activations(model, layers, torch.from_numpy(random))
        again = mean_activations(model, layers, torch.from_numpy(arrays))
    for place, row in enumerate(rows.itertuples()):
        assert row.after > message[row.module][:, row.channel].max()
        assert row.after > row.before
        assert row.after == pytest.approx(float(again[row.module][place, row.channel]), abs=1e-4)


def test_layers_come_in_the_order_of_their_calls(slices):
    rows, arrays = maximize_activations(network(), slices)
    result = rows.groupby(["layer", "module"], sort=False)["channel"].count()
    assert result.to_dict() == {("conv 1", "first"): 4, ("conv 2", "second"): 8, ("conv 3", "last"): 6}
    assert arrays.shape == (18, BANDS, FRAMES)
    assert arrays.dtype == np.float32


def test_inputs_stay_within_the_range_of_real_ones(slices):
    _, arrays = maximize_activations(network(), slices, ascent=Ascent(step=1.0))
    low, high = slices.min(axis=(0, 2))[:, None], slices.max(axis=(0, 2))[:, None]
    assert (arrays >= low - 1e-3).all()
    assert (arrays <= high + 1e-3).all()
    assert np.isclose(arrays, high, atol=1e-3).any()


def test_a_filter_that_adds_up_bands_shows_its_weights():
    """The activation is linear, so the ascent ends where decay and step are equal, along the weights."""
    weights = torch.tensor([0.0, 3.0, 0.0, -1.0])
    model = nn.Sequential(nn.Conv1d(4, 1, 1))
    with torch.no_grad():
        model[0].weight.copy_(weights[None, :, None])
    real = np.random.default_rng(0).normal(size=(500, 4, 5)).astype(np.float32)
    _, [array] = maximize_activations(model, real, ascent=Ascent(steps=300, step=0.02, decay=0.04, blur=0))
    result = (array - real.mean(axis=(0, 2))[:, None]) / real.std(axis=(0, 2))[:, None]
    expected = 0.5 * weights / weights.square().mean().sqrt()
    np.testing.assert_allclose(result, np.tile(expected[:, None], 5), atol=0.02)


def test_channels_that_respond_alike_are_not_shown_twice(slices):
    model = nn.Sequential(nn.Conv1d(BANDS, 24, 3))
    torch.manual_seed(0)
    with torch.no_grad():
        kinds = torch.randn(6, BANDS, 3)
        model[0].weight.copy_(kinds.repeat(4, 1, 1) * torch.arange(1, 25)[:, None, None])
    rows, _ = maximize_activations(model, slices, channels=6)
    assert sorted(rows["channel"] % 6) == list(range(6))
    assert rows["channel"].is_monotonic_increasing
    assert (rows["channel"] >= 18).all()  # of each kind the strongest


def test_blur_makes_smoother_pictures(slices):
    rough, smooth = (maximize_activations(network(), slices, ascent=Ascent(blur=blur))[1] for blur in (0, 0.5))
    assert np.abs(np.diff(smooth, axis=2)).mean() < 0.8 * np.abs(np.diff(rough, axis=2)).mean()


def test_the_network_is_left_as_it_was(slices):
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    maximize_activations(model, slices, ascent=Ascent(steps=2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(weights.requires_grad and weights.grad is None for weights in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_network_without_convolutions_is_refused_in_words(slices):
    with pytest.raises(UserError, match="no convolutions"):
        maximize_activations(nn.Sequential(nn.Flatten(), nn.Linear(BANDS * FRAMES, 3)), slices)


@pytest.fixture
def trained(tmp_path, monkeypatch, tiny, run_tiny, study):
    """Return a function that trains a network on the small study and shows its filters."""
    settings = MODELS[tiny].input | {"segments": {"kind": "midpoint", "frames": SHAPE[1]}}
    entry = ModelEntry(
        name="small", study="psytrance", title="of these tests", module=__name__, builder="Small",
        input=settings, variable_axes={1: 4}, n_outputs=3, source="these tests",
    )  # fmt: skip
    monkeypatch.setitem(MODELS, "small", entry)
    named = study.tracks.assign(shard="shard-" + study.tracks["shard"]).drop(columns="label")
    write_table(study.index, named, Header("index", facts={"suffix": ".parquet"}))

    def show(model="small", front_end=None, **changes):
        run_tiny(model=model, **changes)
        if front_end:
            reseal(study.folder / "run", input={"front_end": {"kind": front_end}, "segments": {"kind": "split"}})
        return visualize_filters(study.folder / "run", index=study.index, folds=study.folds, threads=1)

    return show


def test_a_trained_network_gives_the_same_bytes_twice(trained, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rows, arrays, facts = trained()
        table = pa.Table.from_pandas(rows, preserve_index=False).append_column("array", array_column(arrays))
        write_table(tmp_path / name / "filters.parquet", table, Header("filters", facts=facts))
    one, two = ((tmp_path / name / "filters.parquet").read_bytes() for name in ("one", "two"))
    assert one == two


def test_facts_say_what_the_arrays_are(trained, study):
    rows, arrays, facts = trained()
    assert (facts["front_end"]["kind"], facts["front_end"]["hop"]) == ("logmel", 882)
    assert (facts["model"], facts["shape"], facts["dtype"]) == ("small", list(SHAPE), "float32")
    assert arrays.shape == (len(rows), *SHAPE)
    training = np.array([study.arrays[track_id] for track_id in trained_tracks(study)], float)
    np.testing.assert_allclose(facts["average"], training.mean(axis=(0, 1, 3)), atol=1e-3)
    np.testing.assert_allclose(facts["deviation"], training.std(axis=(0, 1, 3)), rtol=0.01)


def trained_tracks(study):
    held = study.tracks.index < 3
    return study.tracks.loc[~held & (study.tracks.index // 3 % 2 != 0), "track_id"]


def test_inputs_are_as_long_as_the_parts_that_the_network_takes(trained):
    _, arrays, facts = trained(training=TRAINING.model_copy(update={"crop": 4}))
    assert arrays.shape[1:] == (SHAPE[0], 4)
    assert facts["shape"] == [SHAPE[0], 4]


def test_models_that_hear_samples_are_refused_in_words(trained):
    with pytest.raises(UserError, match="small is fed waveform") as refused:
        trained(front_end="waveform")
    assert "Leave `filters` out of the study." in str(refused.value)


def test_models_without_convolutions_are_refused_by_name(trained):
    with pytest.raises(UserError, match="tiny: It has no convolutions"):
        trained(model="tiny")
