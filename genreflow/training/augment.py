"""Augmentation of slices: shift in time, gain, noise, masks and mixup."""

import numpy as np
import torch
from scipy.special import betaincinv

from genreflow.config.inputs import FRONT_ENDS, FrontEndSettings
from genreflow.config.training import TrainingSettings
from genreflow.errors import Problems
from genreflow.features.front_end import AUGMENTATIONS, FrontEnd
from genreflow.training.loader import take_along_time
from genreflow.training.sampling import Purpose, uniform

# Raise it when augmented slices would change; only trainings that augment depend on it.
STAGE_VERSION = 1


class Augment:
    """Augments batches on their device, as set in the training settings.

    The augmentation of a slice depends on seed, epoch and slice number alone, neither on the rest of the batch nor on
    the device. There are two exceptions: the values of the noise (not its level) depend on the batch and differ between
    CPU and GPU; and a slice is mixed with another one of its batch.

    Parameters
    ----------
    settings
        `shift`, `gain`, `noise`, `mask_time`, `mask_bands` and `mixup`; those that are 0 are off.
    front_end
        Front-end of the slices; a kind stands for that front-end with its defaults.

    Raises
    ------
    Problems
        When an option, or `crop`, does not suit this front-end.
    """

    def __init__(self, settings: TrainingSettings, front_end: FrontEndSettings | str) -> None:
        own = FRONT_ENDS[front_end]() if isinstance(front_end, str) else front_end
        self._front_end = FrontEnd.of(own)
        if problems := list(self._front_end.augmentation_problems(settings)):
            raise Problems(f"Augmentation of {own.kind} slices:", problems)
        self._seed = settings.seed
        self._amounts: dict[Purpose, float] = {
            name: getattr(settings, name) for name in AUGMENTATIONS if getattr(settings, name)
        }

    def __call__(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        slices: np.ndarray,
        *,
        epoch: int,
        repeats: np.ndarray | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the augmented batch and its targets; the arguments are not modified.

        Parameters
        ----------
        inputs
            Float32 [batch, *shape].
        targets
            Probabilities of the outputs, float32 [batch, K]; `mixup` mixes them like the slices.
        slices
            Slice numbers, int64 [batch].
        epoch
            Counted from 0.
        repeats
            See `genreflow.training.sampling.uniform`.
        """
        for name, amount in self._amounts.items():
            numbers = uniform(name, slices, seed=self._seed, epoch=epoch, repeats=repeats)
            match name:
                case "shift":
                    inputs = shift(inputs, amount, numbers)
                case "gain":
                    inputs = gain(inputs, amount, numbers, self._front_end)
                case "noise":
                    batch_seed = np.random.SeedSequence([self._seed, epoch, *slices]).generate_state(1, np.uint64)[0]
                    inputs = noise(inputs, amount, numbers, self._front_end, seed=int(batch_seed))
                case "mask_time":
                    inputs = mask(inputs, amount, numbers, self._front_end, axis=-1)
                case "mask_bands":
                    inputs = mask(inputs, amount, numbers, self._front_end, axis=1)
                case "mixup":
                    inputs, targets = mixup(inputs, targets, amount, numbers)
        return inputs, targets


def shift(inputs: torch.Tensor, share: float, numbers: np.ndarray) -> torch.Tensor:
    """Roll each slice along time by up to `share` of its length in either direction.

    All of the music is kept, with one seam. Padding with the edge value instead would hold a tone or, in a waveform, a
    constant, which does not occur in music.

    Parameters
    ----------
    inputs
        [batch, ..., n].
    numbers
        Random numbers in (0, 1), float64 [4, batch]; the first of each slice is used.
    """
    n = inputs.shape[-1]
    most = int(share * n)
    offsets = _on_device(_integers(numbers[0], 2 * most + 1) - most, inputs)
    return take_along_time(inputs, (torch.arange(n, device=inputs.device) - offsets[:, None]) % n)


def gain(inputs: torch.Tensor, decibels: float, numbers: np.ndarray, front_end: FrontEnd) -> torch.Tensor:
    """Change the level of each slice by up to so many dB, up or down.

    Waveforms, magnitudes and powers are scaled; decibels are shifted, `double_log` decibels by twice as much. The lower
    end of a limited range of decibels moves along.
    """
    change = (2 * numbers[0] - 1) * decibels
    match front_end.level:
        case "decibels":
            return inputs + _per_slice(change, inputs)
        case "double_decibels":
            return inputs + _per_slice(2 * change, inputs)
        case "power":
            return inputs * _per_slice(10 ** (change / 10), inputs)
        case "log1p":
            return torch.log1p(torch.expm1(inputs) * _per_slice(10 ** (change / 20), inputs))
    return inputs * _per_slice(10 ** (change / 20), inputs)


def noise(inputs: torch.Tensor, share: float, numbers: np.ndarray, front_end: FrontEnd, *, seed: int) -> torch.Tensor:
    """Add normal noise with a deviation of up to `share` of that of the slice; of music maps, of each map.

    Values that cannot be negative, such as magnitudes, are clipped at 0.
    """
    generator = torch.Generator(inputs.device).manual_seed(seed)
    drawn = torch.randn(inputs.shape, generator=generator, device=inputs.device)
    deviation = inputs.std(dim=_axes_of_quantity(inputs, front_end), correction=0, keepdim=True)
    noisy = inputs + drawn * deviation * _per_slice(share * numbers[0], inputs)
    return noisy.clamp_min(0) if front_end.is_nonnegative else noisy


def mask(inputs: torch.Tensor, share: float, numbers: np.ndarray, front_end: FrontEnd, *, axis: int) -> torch.Tensor:
    """Replace up to `share` of the frames or bands with the mean of the slice; of music maps, of each map.

    Width and position of the block are uniformly distributed (SpecAugment: Park et al. 2019).

    Parameters
    ----------
    inputs
        [batch, *shape].
    numbers
        Random numbers in (0, 1), float64 [4, batch]; the first two of each slice are used.
    axis
        Axis of frames or bands in `inputs`.
    """
    n = inputs.shape[axis]
    width = _integers(numbers[0], int(share * n) + 1)
    start = _integers(numbers[1], n - width + 1)
    first, end = (_on_device(each, inputs)[:, None] for each in (start, start + width))
    position = torch.arange(n, device=inputs.device)
    sizes = [len(inputs)] + [1] * (inputs.dim() - 1)
    sizes[axis] = n
    is_masked = ((position >= first) & (position < end)).view(sizes)
    return torch.where(is_masked, inputs.mean(dim=_axes_of_quantity(inputs, front_end), keepdim=True), inputs)


def mixup(
    inputs: torch.Tensor, targets: torch.Tensor, alpha: float, numbers: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix each slice with another one of the batch, with a weight from Beta(alpha, alpha) (Zhang et al. 2018).

    Every slice is the partner of one other: they form a ring in random order.

    Parameters
    ----------
    inputs, targets
        [batch, *shape]; float32 [batch, K].
    numbers
        Random numbers in (0, 1), float64 [4, batch]; the first two of each slice are used.
    """
    own = betaincinv(alpha, alpha, numbers[0])
    ring = np.argsort(numbers[1], kind="stable")
    partner = np.empty_like(ring)
    partner[ring] = np.roll(ring, -1)
    other = _on_device(partner, inputs)
    mixed_inputs, mixed_targets = (torch.lerp(each[other], each, _per_slice(own, each)) for each in (inputs, targets))
    return mixed_inputs, mixed_targets


def _integers(numbers: np.ndarray, count: int | np.ndarray) -> np.ndarray:
    """Return integers 0 .. count - 1, int64, from numbers in (0, 1)."""
    return np.floor(numbers * count).astype(np.int64)


def _on_device(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(values).to(like.device)


def _per_slice(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Return one number per slice, float32 [batch, 1, ...], which broadcasts with a batch."""
    return _on_device(values.astype(np.float32), like).view(-1, *(1,) * (like.dim() - 1))


def _axes_of_quantity(inputs: torch.Tensor, front_end: FrontEnd) -> tuple[int, ...]:
    """Return the axes along which the values of a slice are of one quantity."""
    return (-1,) if "quantity" in front_end.settings.axes else tuple(range(1, inputs.dim()))
