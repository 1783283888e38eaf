"""Magnitude spectrograms.

Shapes: samples ``[n]``, spectrograms ``[1 + n_fft // 2, n_frames]``. Frame `f` begins with sample ``f * hop``, or,
where frames are centered, is centered on it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from genreflow.config.inputs import Stft
from genreflow.features.frames import framed, spectra, torch_power, window
from genreflow.features.front_end import Display, Level, SpectralFrontEnd

if TYPE_CHECKING:
    import torch

# Raise it when STFT slices would have other values.
STAGE_VERSION = 1

# Magnitudes are shown in decibels above this one.
FLOOR = 1e-5


class StftFrontEnd(SpectralFrontEnd[Stft]):
    """Magnitudes of the short-time Fourier transform, linear or as ``log(1 + magnitude)``."""

    has_torch = True
    is_nonnegative = True

    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Return the magnitudes of the frames inside an excerpt, float32 ``[bins, frames]``."""
        settings = self.settings
        frames = framed(samples, settings.n_fft, settings.hop)
        magnitude = np.empty((1 + settings.n_fft // 2, len(frames)), np.float32)
        # Single precision, unlike log-mel: no logarithm enlarges the rounding of magnitudes near 0.
        for block, spectrum in spectra(frames, window(settings.window, settings.n_fft).astype(np.float32)):
            magnitude[:, block] = np.abs(spectrum).T
        return np.log1p(magnitude, out=magnitude) if settings.magnitude == "log1p" else magnitude

    @property
    def margin(self) -> int:
        """Half a frame, if frames are centered."""
        return self.settings.n_fft // 2 if self.settings.centered else 0

    @property
    def n_rows(self) -> int:
        """Frequency bins."""
        return 1 + self.settings.n_fft // 2

    def describe(self) -> str:
        """Return bins, window, hop and rate in words."""
        settings = self.settings
        logarithm = "the logarithms of 1 + the " if settings.magnitude == "log1p" else ""
        return (
            f"{logarithm}magnitudes of {1 + settings.n_fft // 2} frequencies ({settings.n_fft:,}-sample "
            f"{settings.window.capitalize()} window, hop {settings.hop:,} samples at {settings.sample_rate:,} Hz)"
        )

    @property
    def level(self) -> Level:
        """Amplitudes, or their log1p."""
        return "log1p" if self.settings.magnitude == "log1p" else "amplitude"

    @property
    def unit(self) -> str:
        """Magnitude, or its logarithm."""
        return "log(1 + magnitude)" if self.settings.magnitude == "log1p" else "magnitude"

    def frequencies(self) -> np.ndarray:
        """Return the frequency of each bin, Hz."""
        return np.fft.rfftfreq(self.settings.n_fft, 1 / self.settings.sample_rate)

    def band_edges(self, rows: np.ndarray) -> np.ndarray:
        """Return the frequencies half-way between bins, Hz."""
        return np.maximum(rows - 0.5, 0) * self.settings.sample_rate / self.settings.n_fft

    def display(self, array: np.ndarray) -> Display:
        """Return the levels of a slice, dB."""
        magnitude = np.expm1(array) if self.settings.magnitude == "log1p" else array
        levels = 20 * np.log10(np.maximum(magnitude, FLOOR))
        return Display(levels, self.hop / self.sample_rate, "dB", "Frequency (Hz)")

    def constants(self) -> dict[str, np.ndarray]:
        """Return the window."""
        return {"window": window(self.settings.window, self.settings.n_fft)}

    def torch_transform(
        self, samples: "torch.Tensor", constants: Mapping[str, "torch.Tensor"], *, pad: int
    ) -> "torch.Tensor":
        """Return magnitudes, float32 ``[batch, bins, frames]``."""
        magnitude = torch_power(samples, constants["window"], self.settings.hop, pad=pad).sqrt().float()
        return magnitude.log1p() if self.settings.magnitude == "log1p" else magnitude


FRONT_END = StftFrontEnd
