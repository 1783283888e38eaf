"""Short-time frames: cutting them, and their spectra, power and zero crossings; one loop serves all front-ends."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

# Samples transformed together: they and their spectra stay in a core's cache.
BLOCK = 1 << 18
# Samples nearer to zero have no sign (librosa).
SILENT = np.float32(1e-10)


def framed(samples: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Return the frames that lie wholly inside an excerpt as a view, ``[frames, length]``.

    Raises
    ------
    ValueError
        When the excerpt is shorter than one frame.
    """
    if len(samples) < length:
        raise ValueError(f"{len(samples)} samples are shorter than one frame of {length}")
    return np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]


def spectra(frames: np.ndarray, window: np.ndarray, n_fft: int | None = None) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the spectra of one block of frames after the other.

    Parameters
    ----------
    frames
        float32 ``[frames, length]``.
    window
        ``[length]``. Its type sets the precision: a float64 window gives complex128 spectra, as in librosa. Single
        precision would drown bands that lie 80 dB below the loudest of their frame in rounding.
    n_fft
        Length of the transform; that of the frames if not given.

    Yields
    ------
    block, spectrum
        Which frames, and their spectra, complex ``[frames of the block, 1 + n_fft // 2]``.
    """
    from scipy.fft import rfft

    step = max(1, BLOCK // frames.shape[1])
    for start in range(0, len(frames), step):
        block = slice(start, min(start + step, len(frames)))
        yield block, rfft(frames[block] * window, n_fft)


def squared(spectrum: np.ndarray) -> np.ndarray:
    """Return the power of a spectrum in single precision."""
    power = spectrum.real.astype(np.float32) ** 2
    power += spectrum.imag.astype(np.float32) ** 2
    return power


def window(name: str, length: int) -> np.ndarray:
    """Return a periodic window, float64 ``[length]``."""
    from scipy.signal.windows import get_window

    return get_window(name, length)


def mean_square(frames: np.ndarray) -> np.ndarray:
    """Return the mean square of each frame."""
    return np.einsum("ij,ij->i", frames, frames) / frames.shape[1]


def zero_crossings(samples: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Return how often the sign changes within each frame inside an excerpt, int64 ``[frames]``."""
    negative = samples < -SILENT
    crossings = np.concatenate(([0], np.cumsum(negative[1:] != negative[:-1])))
    starts = np.arange(0, len(samples) - length + 1, hop)
    return crossings[starts + length - 1] - crossings[starts]


def torch_power(
    samples: "torch.Tensor", window: "torch.Tensor", hop: int, *, pad: int, reflect: bool = False
) -> "torch.Tensor":
    """Return ``|STFT|^2`` of samples ``[batch, n]`` in double precision, ``[batch, bins, frames]``."""
    import torch

    if pad:
        mode = "reflect" if reflect else "constant"
        samples = torch.nn.functional.pad(samples[:, None], (pad, pad), mode=mode)[:, 0]
    spectrum = torch.stft(samples.double(), len(window), hop, window=window, center=False, return_complex=True)
    return torch.view_as_real(spectrum).square().sum(dim=-1)
