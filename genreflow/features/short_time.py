"""What the hand-crafted features of a segment share: its frames, their spectra and their mel levels.

Arrays have a frame in each row, as the features work along the spectrum of one frame: ``[frames, bins]``.
"""

from functools import cached_property, lru_cache

import numpy as np
from scipy.fft import rfft
from scipy.signal import get_window
from scipy.sparse import csr_array

from genreflow.config.inputs import Descriptors, LogMel
from genreflow.features.mel import mel_filter_bank

# Frames transformed together: their spectra stay in a core's cache.
BLOCK = 128
MEL_BANDS = 128
# The floor of librosa's power_to_db, and its range below the maximum in decibels.
FLOOR = 1e-10
RANGE = 80.0


class ShortTime:
    """The centred frames of a segment and what follows from them, each computed when first asked for.

    Values are those of librosa's ``stft`` and ``melspectrogram``: Hann window, zeros beyond the ends.

    Parameters
    ----------
    samples
        float32 ``[n]`` at ``settings.sample_rate``, finite.
    settings
        Frame length (``n_fft``), step and rate.

    Raises
    ------
    ValueError
        When the segment is shorter than one frame.
    """

    def __init__(self, samples: np.ndarray, settings: Descriptors):
        if samples.ndim != 1 or len(samples) < settings.n_fft:
            raise ValueError(f"samples {samples.shape}: one channel of at least one frame ({settings.n_fft}) is needed")
        self.samples = samples
        self.settings = settings
        self.bin_hz = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate).astype(np.float32)

    def framed(self, samples: np.ndarray) -> np.ndarray:
        """Return frames ``[frames, n_fft]`` of a padded signal, as a view."""
        return np.lib.stride_tricks.sliding_window_view(samples, self.settings.n_fft)[:: self.settings.hop]

    @cached_property
    def frames(self) -> np.ndarray:
        """Centred frames, float32 ``[frames, n_fft]``, a view."""
        return self.framed(np.pad(self.samples, self.settings.n_fft // 2))

    @cached_property
    def power(self) -> np.ndarray:
        """Power spectra, float32 ``[frames, bins]``."""
        # In double precision, as librosa: single would drown bands 80 dB below a frame's loudest in rounding.
        window = get_window("hann", self.settings.n_fft)
        power = np.empty((len(self.frames), len(self.bin_hz)), np.float32)
        for begin in range(0, len(power), BLOCK):
            spectrum = rfft(self.frames[begin : begin + BLOCK] * window)
            bins = spectrum.real.astype(np.float32) ** 2
            bins += spectrum.imag.astype(np.float32) ** 2
            power[begin : begin + BLOCK] = bins
        return power

    @cached_property
    def magnitude(self) -> np.ndarray:
        """Magnitude spectra, float32 ``[frames, bins]``."""
        return np.sqrt(self.power)

    @cached_property
    def mel_level(self) -> np.ndarray:
        """Mel power of 128 bands, dB re 1, within 80 dB of the segment's maximum; float32 ``[frames, 128]``."""
        filters = _mel_filters(self.settings)
        mel = np.concatenate(
            [(filters @ self.power[begin : begin + BLOCK].T).T for begin in range(0, len(self.power), BLOCK)]
        )
        return decibels(mel)


def decibels(power: np.ndarray) -> np.ndarray:
    """Return ``10 log10`` of a power, cut 80 dB below its maximum, as ``librosa.power_to_db``."""
    level = 10 * np.log10(np.maximum(power, FLOOR))
    return np.maximum(level, level.max() - RANGE)


def scaled(vectors: np.ndarray, norm: float) -> np.ndarray:
    """Return the rows of ``[n, d]`` divided by their norm; a row of zeros stays as it is."""
    length = np.linalg.norm(vectors, norm, axis=1, keepdims=True)
    return vectors / np.where(length < np.finfo(vectors.dtype).tiny, 1, length)


@lru_cache(maxsize=8)
def _mel_filters(settings: Descriptors) -> csr_array:
    mel = LogMel(sample_rate=settings.sample_rate, n_fft=settings.n_fft, hop=settings.hop, n_mels=MEL_BANDS)
    return csr_array(mel_filter_bank(mel))
