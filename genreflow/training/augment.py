"""Slices as they might have been: shifted, louder, noisy, in part hidden, mixed."""

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
    """The augmentation that the settings ask for, to be applied to batches on their device.

    What is done to a slice follows from seed, epoch and slice number alone: not from the batch that it is in, nor
    from the device. Two things do depend on the batch: the values of the noise (not its level), which also differ
    between a CPU and a GPU; and which slices are mixed, as the partner is another one of the batch.

    Parameters
    ----------
    settings
        `shift`, `gain`, `noise`, `mask_time`, `mask_bands` and `mixup`; what is 0 is left out.
    front_end
        The front-end of the slices; a kind stands for that front-end with its defaults.

    Raises
    ------
    Problems
        When an option, or `crop`, makes no sense for slices of this kind.
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
        """Return the batch and its targets, changed; the tensors given are left as they are.

        Parameters
        ----------
        inputs
            Float32 [b, *shape].
        targets
            Probabilities of the outputs, float32 [b, K]; `mixup` mixes them as it does the slices.
        slices
            Slice numbers, int64 [b].
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
    """Shift each slice in time by up to `share` of its length, either way; what leaves at one end enters at the other.

    All of the music stays, with one seam. Repeating the value at the edge instead would hold a tone, in a waveform a
    constant, which is in no music.

    Parameters
    ----------
    inputs
        [b, ..., n].
    numbers
        Between 0 and 1, float64 [4, b]; the first of each slice is used.
    """
    n = inputs.shape[-1]
    most = int(share * n)
    by = _on_device(_whole(numbers[0], 2 * most + 1) - most, inputs)
    return take_along_time(inputs, (torch.arange(n, device=inputs.device) - by[:, None]) % n)


def gain(inputs: torch.Tensor, decibels: float, numbers: np.ndarray, front_end: FrontEnd) -> torch.Tensor:
    """Change the level of each slice by up to so many dB, up or down, as its values express it.

    Waveforms, magnitudes and powers are multiplied, decibels are added to; of `double_log` decibels, twice as many. The
    lowest values of a spectrogram in decibels, where its range was cut off, move along.
    """
    change = (2 * numbers[0] - 1) * decibels
    match front_end.level:
        case "decibels":
            return inputs + _each(change, inputs)
        case "double_decibels":
            return inputs + _each(2 * change, inputs)
        case "power":
            return inputs * _each(10 ** (change / 10), inputs)
        case "log1p":
            return torch.log1p(torch.expm1(inputs) * _each(10 ** (change / 20), inputs))
    return inputs * _each(10 ** (change / 20), inputs)


def noise(inputs: torch.Tensor, share: float, numbers: np.ndarray, front_end: FrontEnd, *, seed: int) -> torch.Tensor:
    """Add normal noise to each slice, its deviation up to `share` of that of the slice; of music maps, of each map.

    What cannot be negative, such as a magnitude, is kept from becoming so.
    """
    generator = torch.Generator(inputs.device).manual_seed(seed)
    drawn = torch.randn(inputs.shape, generator=generator, device=inputs.device)
    deviation = inputs.std(dim=_alike(inputs, front_end), correction=0, keepdim=True)
    noisy = inputs + drawn * deviation * _each(share * numbers[0], inputs)
    return noisy.clamp_min(0) if front_end.is_nonnegative else noisy


def mask(inputs: torch.Tensor, share: float, numbers: np.ndarray, front_end: FrontEnd, *, axis: int) -> torch.Tensor:
    """Put the mean of the slice, of music maps that of each map, in place of up to `share` of its frames or bands.

    They lie side by side; how many and where is drawn evenly (SpecAugment: Park et al. 2019).

    Parameters
    ----------
    inputs
        [b, *shape].
    numbers
        Between 0 and 1, float64 [4, b]; two of each slice are used.
    axis
        Of frames or bands in `inputs`.
    """
    n = inputs.shape[axis]
    width = _whole(numbers[0], int(share * n) + 1)
    start = _whole(numbers[1], n - width + 1)
    first, end = (_on_device(each, inputs)[:, None] for each in (start, start + width))
    place = torch.arange(n, device=inputs.device)
    sizes = [len(inputs)] + [1] * (inputs.dim() - 1)
    sizes[axis] = n
    is_hidden = ((place >= first) & (place < end)).view(sizes)
    return torch.where(is_hidden, inputs.mean(dim=_alike(inputs, front_end), keepdim=True), inputs)


def mixup(
    inputs: torch.Tensor, targets: torch.Tensor, alpha: float, numbers: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix each slice with another of the batch, by a share from the distribution Beta(alpha, alpha).

    Every slice is the partner of one other: they form a ring in random order. Source: Zhang et al. (2018).

    Parameters
    ----------
    inputs, targets
        [b, *shape]; float32 [b, K].
    numbers
        Between 0 and 1, float64 [4, b]; two of each slice are used.
    """
    own = betaincinv(alpha, alpha, numbers[0])
    ring = np.argsort(numbers[1], kind="stable")
    partner = np.empty_like(ring)
    partner[ring] = np.roll(ring, -1)
    other = _on_device(partner, inputs)
    mixed_inputs, mixed_targets = (torch.lerp(each[other], each, _each(own, each)) for each in (inputs, targets))
    return mixed_inputs, mixed_targets


def _whole(numbers: np.ndarray, count: int | np.ndarray) -> np.ndarray:
    """Return whole numbers 0 .. count - 1, int64, from numbers between 0 and 1."""
    return np.floor(numbers * count).astype(np.int64)


def _on_device(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(values).to(like.device)


def _each(values: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """Return one number a slice, float32 [b, 1, ...], to go with a batch."""
    return _on_device(values.astype(np.float32), like).view(-1, *(1,) * (like.dim() - 1))


def _alike(inputs: torch.Tensor, front_end: FrontEnd) -> tuple[int, ...]:
    """Return the axes along which a slice's values are of one quantity."""
    return (-1,) if "quantity" in front_end.settings.axes else tuple(range(1, inputs.dim()))
