"""Waveforms: the samples themselves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from genreflow.config.inputs import Waveform
from genreflow.features.front_end import FrontEnd, Level

if TYPE_CHECKING:
    import torch

# Raise it when stored waveforms would have other values.
STAGE_VERSION = 1


class WaveformFrontEnd(FrontEnd[Waveform]):
    """Samples as they are; a time step is a sample."""

    folder = "maps"  # a slice is as long as its music: HDF5, of which parts can be read
    has_torch = True
    hop = n_fft = 1
    level: Level = "amplitude"
    unit = "full scale 1"

    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Return the samples."""
        return samples

    @property
    def dtype(self) -> np.dtype:
        """Whole numbers up to `genreflow.store.shards.FULL_SCALE`."""
        return np.dtype(np.int16)

    def rows(self) -> list[str]:
        """Return the one name of all samples."""
        return ["all"]

    def describe(self) -> str:
        """Return the rate in words."""
        return f"waveforms at {self.settings.sample_rate:,} Hz"

    def torch_transform(
        self, samples: "torch.Tensor", constants: Mapping[str, "torch.Tensor"], *, pad: int
    ) -> "torch.Tensor":
        """Return the samples."""
        del constants, pad  # samples need neither
        return samples


FRONT_END = WaveformFrontEnd
