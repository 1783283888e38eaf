import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.config.inputs import Descriptors, LogMel, MusicMaps, Stft, Waveform
from genreflow.config.training import TrainingSettings
from genreflow.errors import Problems
from genreflow.training.augment import Augment
from genreflow.training.sampling import repeats

# What each option is set to where it is tested, and a front-end that it suits.
OPTIONS = {"shift": 0.5, "gain": 6.0, "noise": 0.3, "mask_time": 0.5, "mask_bands": 0.5, "mixup": 0.4}
SHAPE = (6, 20)


def batch_of(b, shape=SHAPE, seed=0):
    """Return b slices of normal numbers around -40, and targets of three classes."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(b, *shape, generator=generator) * 10 - 40, torch.eye(3)[torch.arange(b) % 3]


def augmented(inputs, targets=None, *, front_end="logmel", slices=None, epoch=0, seed=0, **options):
    targets = torch.eye(len(inputs)) if targets is None else targets
    slices = np.arange(len(inputs)) if slices is None else slices
    return Augment(TrainingSettings(seed=seed, **options), front_end)(inputs, targets, slices, epoch=epoch)


def test_without_options_nothing_happens():
    inputs, targets = batch_of(4)
    same_inputs, same_targets = augmented(inputs, targets)
    assert same_inputs is inputs
    assert same_targets is targets


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_changes_slices_and_leaves_what_it_was_given(option):
    inputs, targets = batch_of(8)
    before = inputs.clone(), targets.clone()
    changed, new_targets = augmented(inputs, targets, **{option: OPTIONS[option]})
    assert changed.shape == inputs.shape
    assert changed.dtype == torch.float32
    assert not torch.equal(changed, inputs)
    assert torch.equal(inputs, before[0])
    assert torch.equal(targets, before[1])
    assert torch.equal(new_targets, targets) == (option != "mixup")


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in ("noise", "mixup")])
def test_what_is_done_to_a_slice_does_not_depend_on_its_batch(option):
    inputs, _ = batch_of(8)
    whole = augmented(inputs, **{option: OPTIONS[option]})[0]
    some = [5, 2, 7]
    part = augmented(inputs[some], slices=np.array(some), **{option: OPTIONS[option]})[0]
    assert torch.equal(part, whole[some])


def test_the_level_of_the_noise_does_not_depend_on_the_batch_though_its_values_do():
    inputs, _ = batch_of(8, (4, 5_000))
    whole = augmented(inputs, noise=0.5)[0] - inputs
    part = augmented(inputs[4:], slices=np.arange(4, 8), noise=0.5)[0] - inputs[4:]
    assert not torch.equal(part, whole[4:])
    torch.testing.assert_close(part.std(dim=(1, 2)), whole[4:].std(dim=(1, 2)), rtol=0.05, atol=0)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_same_seed_and_epoch_do_the_same_and_others_do_not(option):
    inputs, targets = batch_of(8)
    one = augmented(inputs, targets, **{option: OPTIONS[option]})[0]
    assert torch.equal(one, augmented(inputs, targets, **{option: OPTIONS[option]})[0])
    assert not torch.equal(one, augmented(inputs, targets, epoch=1, **{option: OPTIONS[option]})[0])
    assert not torch.equal(one, augmented(inputs, targets, seed=1, **{option: OPTIONS[option]})[0])


def test_an_option_changes_nothing_of_what_another_draws():
    inputs, _ = batch_of(8)
    shifted = augmented(inputs, shift=0.5)[0]
    louder = augmented(shifted, gain=6.0)[0]
    assert torch.equal(augmented(inputs, shift=0.5, gain=6.0)[0], louder)


def test_a_slice_that_comes_again_is_changed_in_another_way():
    inputs, targets = batch_of(1)
    again = np.full(5, 3)
    augment = Augment(TrainingSettings(gain=6.0), "logmel")
    arguments = inputs.repeat(5, 1, 1), targets.repeat(5, 1), again
    assert len(augment(*arguments, epoch=0)[0].unique(dim=0)) == 1
    assert len(augment(*arguments, epoch=0, repeats=repeats([again])[0])[0].unique(dim=0)) == 5


@settings(max_examples=30)
@given(
    shape=st.sampled_from([(1,), (7,), (3, 1), (3, 9)]),
    b=st.integers(1, 5),
    share=st.floats(0, 1),
    option=st.sampled_from(["shift", "mask_time"]),
)
def test_any_share_of_any_shape_can_be_shifted_and_hidden(shape, b, share, option):
    inputs, _ = batch_of(b, shape)
    changed = augmented(inputs, front_end="waveform" if len(shape) == 1 else "logmel", **{option: share})[0]
    assert changed.shape == inputs.shape
    assert torch.isfinite(changed).all()


class TestShift:
    @pytest.mark.parametrize(("shape", "front_end"), [((6, 20), "logmel"), ((20,), "waveform"), ((8, 20), "maps")])
    def test_a_slice_goes_around_in_time_as_a_whole(self, shape, front_end):
        inputs, _ = batch_of(200, shape)
        shifted = augmented(inputs, front_end=front_end, shift=0.25)[0]
        result = set()
        for one, other in zip(inputs, shifted, strict=True):
            result.update(by for by in range(-10, 10) if torch.equal(one.roll(by, -1), other))
        assert result == set(range(-5, 6))


class TestMasks:
    def hidden(self, inputs, masked):
        return (masked != inputs).numpy()

    def test_a_stretch_of_frames_is_hidden_behind_the_mean(self):
        inputs, _ = batch_of(300)
        masked = augmented(inputs, mask_time=0.4)[0]
        widths = []
        for one, other, hidden in zip(inputs, masked, self.hidden(inputs, masked), strict=True):
            frames = np.flatnonzero(hidden.any(axis=0))
            assert hidden[:, frames].all()
            assert len(frames) == 0 or len(frames) == np.ptp(frames) + 1
            torch.testing.assert_close(other[:, frames], one.mean().expand(6, len(frames)))
            widths.append(len(frames))
        assert set(widths) == set(range(9))

    def test_neighboring_bands_are_hidden_behind_the_mean(self):
        inputs, _ = batch_of(100)
        masked = augmented(inputs, mask_bands=0.5)[0]
        widths = []
        for one, other, hidden in zip(inputs, masked, self.hidden(inputs, masked), strict=True):
            bands = np.flatnonzero(hidden.any(axis=1))
            assert hidden[bands].all()
            assert len(bands) == 0 or len(bands) == np.ptp(bands) + 1
            torch.testing.assert_close(other[bands], one.mean().expand(len(bands), 20))
            widths.append(len(bands))
        assert set(widths) == {0, 1, 2, 3}

    def test_a_mask_may_be_anywhere(self):
        inputs, _ = batch_of(300)
        hidden = self.hidden(inputs, augmented(inputs, mask_time=0.3)[0]).any(axis=1)
        assert hidden.any(axis=0).all()

    def test_music_maps_are_hidden_each_behind_its_own_mean(self):
        inputs, _ = batch_of(20, (8, 20))
        means = inputs.mean(dim=-1, keepdim=True).expand_as(inputs)
        for option in ("mask_time", "mask_bands"):
            masked = augmented(inputs, front_end="maps", **{option: 0.9})[0]
            hidden = self.hidden(inputs, masked)
            assert hidden.any()
            torch.testing.assert_close(masked[hidden], means[hidden])


class TestGain:
    """A slice is changed as it would have been if the sound had been so much louder."""

    @pytest.mark.parametrize(
        ("front_end", "of_amplitude"),
        [
            (Waveform(), lambda x: x),
            (Stft(), lambda x: x),
            (Stft(magnitude="log1p"), np.log1p),
            (LogMel(), lambda x: 20 * np.log10(x)),
            (LogMel(decibels="double_log"), lambda x: 40 * np.log10(x)),
            (LogMel(decibels="none"), lambda x: x**2),
        ],
    )
    def test_it_is_the_level_of_the_sound(self, front_end, of_amplitude):
        amplitude = np.random.default_rng(0).uniform(0.1, 2, (500, 4))
        inputs = torch.from_numpy(of_amplitude(amplitude)).float()[:, None]
        louder = augmented(inputs, front_end=front_end, gain=6.0)[0].double().numpy()
        shares = np.log10(self.amplitude_of(louder[:, 0], front_end) / amplitude) * 20
        np.testing.assert_allclose(shares, shares[:, :1].repeat(4, axis=1), atol=2e-4)
        assert -6 < shares.min() < -5.8
        assert 5.8 < shares.max() < 6
        # 500 uniform numbers: the mean is within 4 standard errors of 0.
        assert abs(shares[:, 0].mean()) < 4 * 12 / math.sqrt(12 * 500)

    def amplitude_of(self, values, front_end):
        match front_end:
            case Stft(magnitude="log1p"):
                return np.expm1(values)
            case LogMel(decibels="power"):
                return 10 ** (values / 20)
            case LogMel(decibels="double_log"):
                return 10 ** (values / 40)
            case LogMel():
                return np.sqrt(values)
        return values


class TestNoise:
    def test_its_deviation_is_up_to_a_share_of_that_of_the_slice(self):
        inputs, _ = batch_of(200, (8, 500))
        scaled = inputs * torch.logspace(-3, 3, 200)[:, None, None]
        added = (augmented(scaled, noise=0.5)[0] - scaled).double()
        share = added.std(dim=(1, 2)) / scaled.double().std(dim=(1, 2))
        assert 0.47 < share.max() < 0.52
        assert share.min() < 0.03
        assert share.mean() == pytest.approx(0.25, abs=0.05)
        standard = (added / added.std(dim=(1, 2), keepdim=True)).flatten()
        assert standard.abs().gt(1.96).double().mean() == pytest.approx(0.05, abs=0.002)

    def test_each_music_map_has_noise_of_its_own_deviation(self):
        inputs = torch.randn(50, 8, 400) * torch.logspace(-4, 3, 8)[:, None]
        added = augmented(inputs, front_end="maps", noise=1.0)[0] - inputs
        share = added.std(dim=-1) / inputs.std(dim=-1)
        torch.testing.assert_close(share, share.mean(dim=1, keepdim=True).expand(-1, 8), rtol=0.2, atol=1e-3)

    @pytest.mark.parametrize(
        ("front_end", "is_kept"),
        [(Stft(), True), (LogMel(decibels="none"), True), (LogMel(), False), (Waveform(), False)],
    )
    def test_what_cannot_be_negative_stays_so(self, front_end, is_kept):
        inputs = torch.rand(20, 4, 50) ** 4
        noisy = augmented(inputs[:, 0] if front_end.kind == "waveform" else inputs, front_end=front_end, noise=1.0)[0]
        assert bool((noisy >= 0).all()) == is_kept


class TestMixup:
    def test_slices_and_targets_are_mixed_alike_each_with_another(self):
        inputs = torch.eye(12) * 3
        mixed, targets = augmented(inputs, front_end="waveform", mixup=1.0)
        torch.testing.assert_close(mixed, 3 * targets)
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(12))
        assert ((targets > 0).sum(dim=1) == 2).all()
        assert (targets.diagonal() > 0).all()
        # A partner each, and each the partner of one.
        assert ((targets > 0).sum(dim=0) == 2).all()

    @pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
    def test_the_share_is_of_the_beta_distribution(self, alpha):
        inputs = torch.zeros(4_000, 1)
        targets = torch.zeros(4_000, 2)
        targets[::2, 0] = targets[1::2, 1] = 1
        index = torch.arange(4_000.0)[:, None]
        _, mixed = augmented(inputs, torch.cat([targets, index, index**0], dim=1), front_end="waveform", mixup=alpha)
        is_even = (torch.arange(4_000) % 2 == 0)[:, None]
        own = torch.where(is_even, mixed[:, :1], mixed[:, 1:2])[:, 0].double()
        # A partner of the same class hides the share; half of the partners are of the other.
        own = own[own < 1 - 1e-6]
        assert own.mean() == pytest.approx(0.5, abs=0.04)
        if alpha >= 1:  # below, shares within rounding of 1 have been dropped
            assert own.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)

    def test_any_alpha_gives_shares(self):
        for alpha in (0.001, 0.01, 0.1, 10.0):
            _, targets = augmented(torch.zeros(500, 1), front_end="waveform", mixup=alpha)
            assert torch.isfinite(targets).all()
            torch.testing.assert_close(targets.sum(dim=1), torch.ones(500))

    def test_a_slice_alone_stays_as_it_is(self):
        inputs, targets = batch_of(1)
        mixed, same = augmented(inputs, targets, mixup=1.0)
        torch.testing.assert_close(mixed, inputs)
        assert torch.equal(same, targets)


def test_all_that_does_not_suit_is_said_at_once():
    order = TrainingSettings(shift=0.1, mask_bands=0.1, gain=3.0, noise=0.1, mixup=0.2, crop=10)
    with pytest.raises(Problems, match="Augmentation of descriptors slices") as caught:
        Augment(order, Descriptors())
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "shift",
        "gain",
        "noise",
        "mask_bands",
        "crop",
    ]
    with pytest.raises(Problems, match=r"mask_bands: a waveform has no bands\. Leave it out"):
        Augment(order, "waveform")


@pytest.mark.parametrize("front_end", [LogMel(scale="frame_minmax"), LogMel(reference="max"), MusicMaps()])
def test_a_level_that_is_not_there_cannot_be_changed(front_end):
    with pytest.raises(Problems, match="gain: "):
        Augment(TrainingSettings(gain=3.0), front_end)
    Augment(TrainingSettings(shift=0.1, mask_time=0.1, mask_bands=0.1, noise=0.1, mixup=0.2), front_end)
