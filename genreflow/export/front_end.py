"""Front-ends as torch modules, so that a network can be exported together with its front-end.

Float32 [batch, samples] to float32 [batch, *shape], equal to `genreflow.features.slices.cut` and rounded like stored
slices. Spectra are computed in double precision, as there.
"""

import numpy as np
import torch
from scipy.signal import get_window
from torch import nn

from genreflow.config.inputs import InFrames, InputSettings, LogMel, Stft, Waveform
from genreflow.features.mel import DECIBELS, mel_filter_bank
from genreflow.features.shapes import margin, segment_frames, segment_samples
from genreflow.features.slices import stored_dtype
from genreflow.store.shards import FULL_SCALE

_STORED = {np.dtype(np.float16): torch.float16, np.dtype(np.float32): torch.float32}


def obstacle(settings: InputSettings) -> str | None:
    """Return why an input cannot be a torch module; None if it can."""
    front_end = settings.front_end
    if not isinstance(front_end, LogMel | Stft | Waveform):
        return f"{front_end.kind} are computed by rules that a network cannot express"
    if isinstance(settings.segments, InFrames) and isinstance(front_end, LogMel):
        if front_end.reference == "max" or front_end.top_db is not None:
            return "its levels depend on the loudest of all segments of a track, and a network sees one"
        if front_end.padding == "reflect":
            return "at the ends of a track its frames see the track mirrored, and a network does not see the ends"
    return None


def samples_wanted(settings: InputSettings) -> int:
    """Return the number of samples that a segment is computed from.

    For segments in frames these reach from the start of the first frame to the end of the last, half a window beyond
    the segment on either side.
    """
    front_end = settings.front_end
    if isinstance(settings.segments, InFrames) and not isinstance(front_end, Waveform):
        return (segment_frames(settings) - 1) * front_end.hop + front_end.n_fft
    return segment_samples(settings)


class FrontEnd(nn.Module):
    """Samples float32 [batch, `samples_wanted`] to segments as a network is fed, float32 [batch, *shape]."""

    filters: torch.Tensor
    window: torch.Tensor

    def __init__(self, settings: InputSettings) -> None:
        super().__init__()
        self.settings = settings
        front_end = settings.front_end
        if isinstance(front_end, LogMel):
            self.register_buffer("filters", torch.from_numpy(mel_filter_bank(front_end)), persistent=False)
        if isinstance(front_end, LogMel | Stft):
            name = "hann" if isinstance(front_end, LogMel) else front_end.window
            window = torch.from_numpy(get_window(name, front_end.n_fft).astype(np.float64))
            self.register_buffer("window", window, persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Transform segments, each by itself."""
        if self.settings.peak:
            peaks = samples.abs().amax(dim=1, keepdim=True)
            samples = samples / torch.where(peaks > 0, peaks, torch.ones_like(peaks))
        match self.settings.front_end:
            case LogMel() as front_end:
                found = self._log_mel(samples, front_end)
            case Stft() as front_end:
                found = self._power(samples, front_end).sqrt().float()
                found = found.log1p() if front_end.magnitude == "log1p" else found
            case Waveform():
                return (samples.clamp(-1, 1) * FULL_SCALE).round() / FULL_SCALE
        return found.to(_STORED[stored_dtype(self.settings)]).float()

    def _power(self, samples: torch.Tensor, front_end: LogMel | Stft) -> torch.Tensor:
        """Return ``|STFT|^2``, float64 [batch, bins, frames]."""
        beyond = 0 if isinstance(self.settings.segments, InFrames) else margin(front_end)
        if beyond:
            mode = "reflect" if getattr(front_end, "padding", "zeros") == "reflect" else "constant"
            samples = nn.functional.pad(samples[:, None], (beyond, beyond), mode=mode)[:, 0]
        spectrum = torch.stft(
            samples.double(), front_end.n_fft, front_end.hop, window=self.window, center=False, return_complex=True
        )
        return torch.view_as_real(spectrum).square().sum(dim=-1)

    def _log_mel(self, samples: torch.Tensor, front_end: LogMel) -> torch.Tensor:
        power = self.filters @ self._power(samples, front_end).float()
        if front_end.decibels == "none":
            return power
        factor, floor = DECIBELS[front_end.decibels]
        level = factor * power.clamp(min=floor).log10()
        if front_end.reference == "max":
            level = level - level.amax(dim=(1, 2), keepdim=True)
        if front_end.top_db is not None:
            level = torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - front_end.top_db)
        if front_end.scale == "none":
            return level
        low, high = level.amin(dim=1, keepdim=True), level.amax(dim=1, keepdim=True)
        return (level - low) / torch.where(high > low, high - low, torch.ones_like(low))
