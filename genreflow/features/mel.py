"""Log-mel spectrograms, with librosa's values or torchaudio's.

Shapes: samples ``[n]``, spectrograms ``[n_mels, n_frames]``. Frame `f` is centered on sample ``f * hop``.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from genreflow.config.inputs import LogMel
from genreflow.features.frames import framed, spectra, squared, torch_power, window
from genreflow.features.front_end import Display, Level, SpectralFrontEnd

if TYPE_CHECKING:
    import torch
    from scipy.sparse import csr_array

# Raise it when log-mel slices would have other values.
STAGE_VERSION = 1

# Decibels for each power of ten of mel power, and the power that lower ones are raised to: librosa's power_to_db,
# and its amplitude_to_db (which expects no power) as the code of the psytrance study used it.
DECIBELS = {"power": (10.0, 1e-10), "double_log": (20.0, 1e-5)}
_HALF_MAX = float(np.finfo(np.float16).max)


class LogMelFrontEnd(SpectralFrontEnd[LogMel]):
    """Log-mel spectrograms with centered frames.

    With the defaults of the settings they are librosa's ``power_to_db(melspectrogram(center=True,
    pad_mode="constant"))`` without its limit of range; with ``mel="htk", padding="reflect"`` torchaudio's
    ``AmplitudeToDB(MelSpectrogram)``.
    """

    has_torch = True

    def compute(self, samples: np.ndarray) -> np.ndarray:
        """Return the levels of the frames inside an excerpt, float32 ``[n_mels, frames]``.

        The ``max`` of ``reference``, and the maximum that ``top_db`` is a range below, are the excerpt's.
        """
        settings = self.settings
        power = mel_power(samples, settings)
        level = _level(power, settings)
        return _scaled_by_frame(level) if settings.scale == "frame_minmax" else level

    @property
    def margin(self) -> int:
        """Half a frame."""
        return self.settings.n_fft // 2

    @property
    def pad_mode(self) -> Literal["constant", "reflect"]:
        """Zeros, or the samples mirrored."""
        return "reflect" if self.settings.padding == "reflect" else "constant"

    @property
    def dtype(self) -> np.dtype:
        """Decibels as float16; others as float32, because of their range, or to equal the original to 1e-5."""
        return np.dtype(np.float16 if self.settings.decibels in DECIBELS else np.float32)

    @property
    def n_rows(self) -> int:
        """Mel bands."""
        return self.settings.n_mels

    def describe(self) -> str:
        """Return bands, window, hop, rate and range in words."""
        mel = self.settings
        scale = "mel" if mel.decibels == "none" else "log-mel"
        return (
            f"{mel.n_mels}-band {scale} spectrograms ({mel.n_fft:,}-sample Hann window, hop {mel.hop:,} samples at "
            f"{mel.sample_rate:,} Hz, {mel.fmin:g} to {_highest(mel):,.0f} Hz)"
        )

    @property
    def level(self) -> Level | None:
        """Decibels, twice decibels or power; None of log10(1 + 10000 S), which a gain does not shift evenly."""
        levels: dict[str, Level] = {"power": "decibels", "double_log": "double_decibels", "none": "power"}
        return levels.get(self.settings.decibels)

    @property
    def is_nonnegative(self) -> bool:
        """Whether values are powers, or 0 to 1."""
        return self.settings.decibels not in DECIBELS or self.settings.scale == "frame_minmax"

    @property
    def unit(self) -> str:
        """Decibels, power, or 0 to 1."""
        if self.settings.scale == "frame_minmax":
            return "0 to 1"
        return {"none": "power", "musicnn": "log10(1 + 10,000 power)"}.get(self.settings.decibels, "dB")

    def frequencies(self) -> np.ndarray:
        """Return the center of each band, Hz."""
        return _corners(self.settings)[1:-1]

    def band_edges(self, rows: np.ndarray) -> np.ndarray:
        """Return the frequencies half-way between the centers of bands, and ``fmin`` and ``fmax`` at the ends, Hz."""
        corners = _corners(self.settings)
        edges = np.interp(rows + 0.5, np.arange(len(corners)), corners)
        edges[0], edges[-1] = self.settings.fmin, _highest(self.settings)
        return edges

    def display(self, array: np.ndarray) -> Display:
        """Return the slice as it is."""
        unit = "0 to 1, scaled by frame" if self.settings.scale == "frame_minmax" else self.unit
        return Display(array, self.hop / self.sample_rate, unit, "Mel band, center frequency (Hz)")

    @property
    def gain_problem(self) -> str | None:
        """Why levels are the same whatever the gain; None if they are not."""
        if self.settings.scale == "frame_minmax":
            return "`scale: frame_minmax` has taken the level out of every frame"
        if self.settings.reference == "max":
            return "`reference: max` has taken the level out of every slice"
        return super().gain_problem

    @property
    def frames_export_problem(self) -> str | None:
        """Why levels cannot be computed from one slice alone; None if they can."""
        if self.settings.reference == "max" or self.settings.top_db is not None:
            return "its levels depend on the loudest of all segments of a track, and a network sees one"
        if self.settings.padding == "reflect":
            return "at the ends of a track its frames see the track mirrored, and a network does not see the ends"
        return None

    def constants(self) -> dict[str, np.ndarray]:
        """Return window and filters."""
        return {"window": window("hann", self.settings.n_fft), "filters": mel_filter_bank(self.settings)}

    def torch_transform(
        self, samples: "torch.Tensor", constants: Mapping[str, "torch.Tensor"], *, pad: int
    ) -> "torch.Tensor":
        """Return levels, float32 ``[batch, n_mels, frames]``."""
        import torch

        settings = self.settings
        reflect = settings.padding == "reflect"
        spectrum = torch_power(samples, constants["window"], settings.hop, pad=pad, reflect=reflect)
        power = constants["filters"] @ spectrum.float()
        if settings.decibels == "none":
            return power
        if settings.decibels == "musicnn":
            level = (1 + 10_000 * power.clamp(max=_HALF_MAX).half().float()).log10()
        else:
            factor, floor = DECIBELS[settings.decibels]
            level = factor * power.clamp(min=floor).log10()
        if settings.reference == "max":
            level = level - level.amax(dim=(1, 2), keepdim=True)
        if settings.top_db is not None:
            level = torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - settings.top_db)
        if settings.scale == "none":
            return level
        low, high = level.amin(dim=1, keepdim=True), level.amax(dim=1, keepdim=True)
        return (level - low) / torch.where(high > low, high - low, torch.ones_like(low))


FRONT_END = LogMelFrontEnd


def log_mel(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    """Return the log-mel spectrogram of an excerpt by itself, float32 ``[n_mels, frames]``."""
    return LogMelFrontEnd(settings).transform(samples)


def mel_power(samples: np.ndarray, settings: LogMel) -> np.ndarray:
    """Return the mel power ``|STFT|^2`` of the frames inside an excerpt, float32 ``[n_mels, frames]``."""
    frames = framed(samples, settings.n_fft, settings.hop)
    filters = sparse_filter_bank(settings)
    power = np.empty((settings.n_mels, len(frames)), np.float32)
    for block, spectrum in spectra(frames, window("hann", settings.n_fft)):
        power[:, block] = filters @ squared(spectrum).T
    return power


def mel_filter_bank(settings: LogMel) -> np.ndarray:
    """Return triangular filters: on Slaney's mel scale of unit area over frequency in Hz, on HTK's of height 1.

    Returns
    -------
    np.ndarray
        float32 ``[n_mels, 1 + n_fft // 2]``, as ``librosa.filters.mel`` or ``torchaudio.functional.melscale_fbanks``.
    """
    bins = np.fft.rfftfreq(settings.n_fft, 1 / settings.sample_rate)
    corners = _corners(settings)
    left, center, right = (corners[i : i + settings.n_mels, np.newaxis] for i in range(3))
    triangles = np.maximum(np.minimum((bins - left) / (center - left), (right - bins) / (right - center)), 0)
    return (triangles if settings.mel == "htk" else triangles * 2 / (right - left)).astype(np.float32)


@lru_cache(maxsize=8)
def sparse_filter_bank(settings: LogMel) -> "csr_array":
    """Return `mel_filter_bank` as a sparse matrix: two filters at most cover a bin."""
    from scipy.sparse import csr_array

    # Four times faster than the dense product.
    return csr_array(mel_filter_bank(settings))


def _highest(settings: LogMel) -> float:
    return settings.sample_rate / 2 if settings.fmax is None else settings.fmax


def _corners(settings: LogMel) -> np.ndarray:
    """Return the corners of the triangles, Hz ``[n_mels + 2]``: evenly spaced in mel."""
    low, high = (_hz_to_mel(hz, settings.mel) for hz in (settings.fmin, _highest(settings)))
    return _mel_to_hz(np.linspace(low, high, settings.n_mels + 2), settings.mel)


# Slaney's scale (Auditory Toolbox, 1998): linear to 1 kHz (15 mel), then 27 mel for each factor of 6.4. The other is
# HTK's (O'Shaughnessy, 1987). They are librosa's, written out because importing it takes longer than cutting a track.
_KNEE_HZ, _KNEE_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float, scale: str) -> float:
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    return hz * _KNEE_MEL / _KNEE_HZ if hz < _KNEE_HZ else _KNEE_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP


def _mel_to_hz(mel: np.ndarray, scale: str) -> np.ndarray:
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    bent = _KNEE_HZ * np.exp(_LOG_STEP * (mel - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _KNEE_HZ / _KNEE_MEL, bent)


def _level(power: np.ndarray, settings: LogMel) -> np.ndarray:
    """Return mel power on the scale of `decibels`."""
    if settings.decibels == "none":
        return power
    if settings.decibels == "musicnn":
        # The original multiplies in half precision, which newer versions of NumPy let overflow. Its networks were
        # trained on powers rounded to half precision, and this keeps that rounding alone.
        return np.log10(1 + 10_000 * np.minimum(power, _HALF_MAX).astype(np.float16).astype(np.float32))
    return _decibels(power, settings)


def _decibels(power: np.ndarray, settings: LogMel) -> np.ndarray:
    # Absolute by default, without librosa's top_db: a track's maximum is unknown where only its middle is decoded.
    factor, floor = DECIBELS[settings.decibels]
    level = factor * np.log10(np.maximum(power, floor))
    if settings.reference == "max":
        level -= level.max()
    return level if settings.top_db is None else np.maximum(level, level.max() - settings.top_db)


def _scaled_by_frame(level: np.ndarray) -> np.ndarray:
    """Scale each frame to 0..1 over its bands; a frame that is the same in all bands becomes 0."""
    low, high = level.min(axis=0), level.max(axis=0)
    return (level - low) / np.where(high > low, high - low, 1)
