"""Spectrograms that a network computes itself: waveforms to decibels, in single precision whatever the rest is in."""

import torch
from torch import nn

from genreflow.config.inputs import LogMel
from genreflow.features.mel import DECIBELS, mel_filter_bank
from genreflow.models.precision import single_precision


class LogMelSpectrogram(nn.Module):
    """Waveforms float32 [batch, samples] to decibels float32 [batch, 1, bands, 1 + samples // hop].

    The values of `genreflow.features.mel.log_mel` with ``padding: reflect``, in single precision: torchaudio's
    ``AmplitudeToDB(MelSpectrogram)`` with ``mel: htk``. Window and filters follow from the settings, so they are not
    stored with the weights.

    Parameters
    ----------
    settings
        Rate, frames and bands. Of the rest its defaults hold: no reference, no limit of range, no scaling.
    """

    def __init__(self, settings: LogMel) -> None:
        super().__init__()
        self.hop = settings.hop
        self.register_buffer("window", hann_window(settings.n_fft), persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filter_bank(settings)), persistent=False)
        self.title = f"log-mel, {settings.n_mels} bands"

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Transform whole excerpts, mirrored at their ends."""
        with single_precision(samples):
            power = power_spectrogram(samples, self.window, self.hop)
            return decibels(self.filters @ power)[:, None]


def hann_window(n_fft: int) -> torch.Tensor:
    """Return the periodic Hann window, float32 [n_fft], rounded from double precision."""
    return torch.hann_window(n_fft, dtype=torch.float64).float()


def power_spectrogram(samples: torch.Tensor, window: torch.Tensor, hop: int) -> torch.Tensor:
    """Return ``|STFT|^2`` of [batch, samples], mirrored at the ends: [batch, 1 + n_fft // 2, 1 + samples // hop].

    The samples must be more than half a window.
    """
    spectrum = torch.stft(samples, len(window), hop, window=window, pad_mode="reflect", return_complex=True)
    # Not abs() squared: its derivative has no value at 0, and digital silence is all zeros.
    return spectrum.real.square() + spectrum.imag.square()


def decibels(power: torch.Tensor) -> torch.Tensor:
    """Return the level of powers, dB; -100 for what is below 1e-10."""
    factor, floor = DECIBELS["power"]
    return factor * power.clamp(min=floor).log10()
