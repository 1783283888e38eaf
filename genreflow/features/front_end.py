"""Front-ends: samples to the arrays that models are fed.

The settings of a front-end are data (`genreflow.config.inputs`), and name the module whose `FRONT_END` is its class.
The class holds everything else about it: a new front-end is a settings class, a module and its test, and no other
module depends on the kind of a front-end.

Plans need shapes alone, so these modules import SciPy, librosa and torch only in the functions that compute. That of
embeddings lies in a room of its own (`genreflow.embeddings`), because it needs trained networks.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np

from genreflow.config.inputs import FrontEndSettings
from genreflow.config.training import TrainingSettings

if TYPE_CHECKING:
    import torch

S = TypeVar("S", bound=FrontEndSettings)

# The scale of values that depend on the level of the music: a gain multiplies amplitudes and powers, and adds to
# decibels (twice to those of a squared power); log1p is log(1 + amplitude).
Level = Literal["amplitude", "power", "log1p", "decibels", "double_decibels"]

# In the order in which they are applied: masks hide noise, and mixup mixes slices as they are by then.
Augmentation = Literal["shift", "gain", "noise", "mask_time", "mask_bands", "mixup"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("shift", "gain", "noise", "mask_time", "mask_bands", "mixup")


@dataclass(frozen=True)
class Display:
    """A slice for the eye.

    Attributes
    ----------
    values
        The slice, in the unit that is drawn.
    hop_s
        Seconds from one time step to the next; 0 without a time axis.
    unit
        Of the values of bands.
    axis
        Label of the axis of bands.
    units
        Of quantities, by the name of the row.
    """

    values: np.ndarray
    hop_s: float
    unit: str = ""
    axis: str = ""
    units: Mapping[str, str] = field(default_factory=dict)


class FrontEnd(ABC, Generic[S]):
    """A front-end with its settings.

    A subclass has at least `compute`, `describe` and `rows`. The defaults are those of a framed
    front-end without padding whose values do not depend on the level of the music.

    Attributes
    ----------
    folder
        Its products lie in ``results/<dataset>/<folder>/``; those in ``maps`` are HDF5, of which parts can be read.
    cut_after
        Slices in seconds are cut from the array of the whole excerpt, because values depend on music around them.
        If not, each slice is cut from the samples and transformed by itself.
    has_torch
        There is a `torch_transform`.
    uses_librosa
        A job that computes it needs memory for librosa and numba.
    load
        Seconds that a second of music takes on one CPU, besides decoding, where that is much; at most.
    """

    folder: ClassVar[str] = "slices"
    cut_after: ClassVar[bool] = False
    has_torch: ClassVar[bool] = False
    uses_librosa: ClassVar[bool] = False
    load: ClassVar[float] = 0.0

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @staticmethod
    def of(settings: FrontEndSettings) -> "FrontEnd[Any]":
        """Return the front-end of some settings.

        Examples
        --------
        >>> FrontEnd.of(LogMel(n_mels=96)).shape(100)
        (96, 100)
        """
        return import_module(f"genreflow.{settings.module}").FRONT_END(settings)

    # ---- computing --------------------------------------------------------------------------------------------------

    @abstractmethod
    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Return the array of the frames that lie wholly inside an excerpt, float32 ``[*rows, steps]``.

        The first frame begins with the first sample: the `margin` of a centered frame is part of the excerpt.

        Raises
        ------
        ValueError
            When the excerpt, float32 ``[n]``, is shorter than a frame.
        """

    def transform(self, samples: np.ndarray) -> np.ndarray:
        """Return the array of an excerpt by itself, padded at its ends, float32: ``shape(frame_count(n))``."""
        return self.compute(np.pad(samples, self.margin, mode=self.pad_mode))

    def transform_all(self, excerpts: Sequence[np.ndarray]) -> np.ndarray:
        """Return the arrays of excerpts of one length, each by itself, float32 ``[n, *shape]``."""
        return np.stack([self.transform(excerpt) for excerpt in excerpts])

    def on(self, device: str) -> Self:
        """Return this front-end, computing on a device (`genreflow.training.device`), if it has a network."""
        del device
        return self

    @property
    def pad_mode(self) -> Literal["constant", "reflect"]:
        """Mode of `numpy.pad` beyond the ends of an excerpt."""
        return "constant"

    @property
    def dtype(self) -> np.dtype:
        """Type in which slices are stored."""
        return np.dtype(np.float16)

    @property
    def memory_mb(self) -> float:
        """Memory of a job that computes it, without the music, MB."""
        return 550 if self.uses_librosa else 350

    # ---- sizes ------------------------------------------------------------------------------------------------------

    @property
    def sample_rate(self) -> int:
        """Rate of the samples, Hz."""
        return self.settings.sample_rate

    @property
    def hop(self) -> int:
        """Samples from one time step to the next."""
        return self.settings.hop  # type: ignore[union-attr]  # waveforms override it

    @property
    def n_fft(self) -> int:
        """Samples of a time step."""
        return self.settings.n_fft  # type: ignore[union-attr]  # waveforms override it

    @property
    def margin(self) -> int:
        """Samples that a frame begins before its time: half a frame where frames are centered."""
        return 0

    def frame_count(self, n_samples: int) -> int:
        """Return the time steps of an excerpt by itself, 0 if it is shorter than a frame."""
        return max(0, 1 + (n_samples + 2 * self.margin - self.n_fft) // self.hop)

    def frame_span(self, first: int, count: int) -> tuple[int, int]:
        """Return the samples ``start, stop`` that `count` frames from `first` on are computed from.

        Centered frames near the ends of a track reach beyond them: `start` is negative, or `stop` after the end.
        """
        start = first * self.hop - self.margin
        return start, start + (count - 1) * self.hop + self.n_fft

    @property
    def n_rows(self) -> int:
        """Bands or quantities of a slice."""
        return len(self.rows())

    def shape(self, steps: int) -> tuple[int, ...]:
        """Return the shape of a slice of so many time steps."""
        return tuple(steps if axis == "time" else self.n_rows for axis in self.settings.axes)

    # ---- meaning of the values --------------------------------------------------------------------------------------

    @abstractmethod
    def describe(self) -> str:
        """Return a noun phrase for the methods of a report: «slices were turned into …»."""

    @property
    def noun(self) -> str:
        """Name of its slices, in the plural where these have no time."""
        return self.settings.kind

    @abstractmethod
    def rows(self) -> list[str]:
        """Return the name of each row of a slice, or of each value where slices have no rows."""

    def remarks(self) -> list[str]:
        """Return sentences that a reader needs besides `describe`."""
        return []

    @property
    def level(self) -> Level | None:
        """Scale of the values; None where they have no level in common."""
        return None

    @property
    def is_linear(self) -> bool:
        """Whether values are amplitudes or powers, which the ear hears by their logarithm."""
        return self.level in ("amplitude", "power")

    @property
    def is_nonnegative(self) -> bool:
        """Whether no value can be negative."""
        return False

    @property
    def unit(self) -> str:
        """Unit of the values of bands."""
        return ""

    def display(self, array: np.ndarray) -> Display:
        """Return how a slice is shown."""
        return Display(array, self.hop / self.sample_rate, self.unit, "")

    # ---- augmentation -----------------------------------------------------------------------------------------------

    @property
    def gain_problem(self) -> str | None:
        """Why the level of slices cannot be changed; None if it can."""
        return None if self.level else "its values have no level in common"

    def augmentation_problem(self, option: str) -> str | None:
        """Return why one of `AUGMENTATIONS`, or ``crop``, makes no sense for its slices; None if it does."""
        axes = self.settings.axes
        if option == "mixup":
            return None
        if "time" not in axes and option != "gain" and option != "noise":
            return f"{self.noun} have neither time nor bands"
        if "time" not in axes:
            return f"{self.noun} are quantities of several kinds, which have no level in common"
        if option == "mask_bands" and len(axes) == 1:
            return f"a {self.settings.kind} has no bands"
        return self.gain_problem if option == "gain" else None

    def augmentation_problems(self, settings: TrainingSettings) -> Iterator[str]:
        """Yield a sentence for each augmentation that is switched on and makes no sense for its slices."""
        for option in (*AUGMENTATIONS, "crop"):
            if getattr(settings, option) and (problem := self.augmentation_problem(option)):
                yield f"{option}: {problem}. Leave it out."

    # ---- export -----------------------------------------------------------------------------------------------------

    def export_problem(self, *, in_frames: bool) -> str | None:
        """Return why it cannot be a torch module; None if it can.

        Parameters
        ----------
        in_frames
            Slices are runs of frames of the whole track, of which the module sees one slice.
        """
        if not self.has_torch:
            return f"{self.noun} are computed by rules that a network cannot express"
        return self.frames_export_problem if in_frames else None

    @property
    def frames_export_problem(self) -> str | None:
        """Why a frame cannot be computed without the rest of its track; None if it can."""
        return None

    def constants(self) -> dict[str, np.ndarray]:
        """Return the arrays that `torch_transform` needs, such as window and filters."""
        return {}

    def torch_transform(
        self, samples: "torch.Tensor", constants: Mapping[str, "torch.Tensor"], *, pad: int
    ) -> "torch.Tensor":
        """Return `compute` as a function of torch.

        Parameters
        ----------
        samples
            float32 ``[batch, n]``.
        constants
            Those of `constants`, on the device of the samples.
        pad
            Samples that are padded at either end: 0 or `margin`.

        Returns
        -------
        torch.Tensor
            float32 ``[batch, *rows, steps]``.
        """
        raise NotImplementedError


class SpectralFrontEnd(FrontEnd[S]):
    """A front-end whose rows are the bands of one spectrum.

    A subclass has at least `compute`, `describe`, `frequencies` and `band_edges`.
    """

    @staticmethod
    def of(settings: FrontEndSettings) -> "SpectralFrontEnd[Any]":
        """Return the front-end of some settings; raise TypeError if it has no bands."""
        front_end = FrontEnd.of(settings)
        if not isinstance(front_end, SpectralFrontEnd):
            raise TypeError(f"the front-end {settings.kind} has no bands")
        return front_end

    @abstractmethod
    def frequencies(self) -> np.ndarray:
        """Return the frequency of each band, Hz."""

    @abstractmethod
    def band_edges(self, rows: np.ndarray) -> np.ndarray:
        """Return the frequencies between bands, Hz: below band ``rows[i]``, which may be one past the last."""

    def rows(self) -> list[str]:
        """Return the frequency of each band in words."""
        return [f"{hz:,.0f} Hz" for hz in self.frequencies()]

    def display(self, array: np.ndarray) -> Display:
        """Return a slice as it is, with bands as its axis."""
        return Display(array, self.hop / self.sample_rate, self.unit, "Band, center frequency (Hz)")
