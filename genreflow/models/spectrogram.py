"""Spectrograms as layers: waveforms to decibels, in float32 whatever the precision of the training."""

import numpy as np
import torch
from torch import nn

from genreflow.config.inputs import LogMel
from genreflow.features.mel import DECIBELS, mel_filter_bank
from genreflow.models.blocks import single_precision

_LOWEST_NOTE = 24  # C1, as a MIDI number
_STEPS_PER_OCTAVE = 24


class LogMelSpectrogram(nn.Module):
    """Waveforms float32 [batch, samples] to decibels float32 [batch, 1, bands, 1 + samples // hop].

    The values of `genreflow.features.mel.log_mel` with ``padding: reflect``; with ``mel: htk`` those of torchaudio's
    ``AmplitudeToDB(MelSpectrogram)``. Window and filters follow from the settings, so they are not stored with the
    weights.

    Parameters
    ----------
    settings
        Sample rate, frames and bands; the rest has to have its defaults (no reference, no `top_db`, no scaling).
    """

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self, settings: LogMel) -> None:
        super().__init__()
        self.hop = settings.hop
        self.register_buffer("window", hann_window(settings.n_fft), persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filter_bank(settings)), persistent=False)
        self.title = f"log-mel, {settings.n_mels} bands"

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Return the spectrograms of excerpts, mirrored at their ends."""
        with single_precision(samples):
            power = power_spectrogram(samples, self.window, self.hop)
            return decibels(self.filters @ power)[:, None]


class HarmonicSpectrogram(nn.Module):
    """Waveforms float32 [batch, samples] to decibels float32 [batch, harmonics, pitches, 1 + samples // hop].

    Data-driven harmonic filters of Won, Chun, Nieto and Serra (2020). Channel `n` holds, for each pitch, the power
    around its (n + 1)-th multiple. The pitches are half-semitones from C1 up, as many as have all their harmonics
    below half the sample rate, by whole semitones: 128 at 16 kHz with 6 harmonics. A filter is a triangle of height 1
    around its frequency f, (0.1079 f + 24.7) / Q Hz wide at its base; the Q of all filters starts at 1 and is learned.

    Window and distances follow from the parameters, so they are not stored with the weights.
    """

    window: torch.Tensor
    distances: torch.Tensor

    def __init__(self, *, sample_rate: int, n_fft: int, hop: int, harmonics: int) -> None:
        super().__init__()
        self.hop = hop
        pitches = pitch_frequencies(sample_rate / 2 / harmonics)
        centers = np.outer(np.arange(1, harmonics + 1), pitches)[..., np.newaxis]
        bins = np.linspace(0, sample_rate / 2, 1 + n_fft // 2)
        distances = 2 * np.abs(bins - centers) / bandwidths(centers)
        self.register_buffer("window", hann_window(n_fft), persistent=False)
        self.register_buffer("distances", torch.from_numpy(distances).float(), persistent=False)
        self.quality = nn.Parameter(torch.ones(()))
        self.title = f"{harmonics} harmonics, {len(pitches)} pitches"

    def filters(self) -> torch.Tensor:
        """Return the triangles for the current Q, [harmonics, pitches, 1 + n_fft // 2]."""
        return (1 - self.quality * self.distances).relu()

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Return the spectrograms of excerpts, mirrored at their ends."""
        with single_precision(samples):
            power = power_spectrogram(samples, self.window, self.hop)
            bands = self.filters().flatten(0, 1) @ power
            return decibels(bands).unflatten(1, self.distances.shape[:2])


def pitch_frequencies(highest: float) -> np.ndarray:
    """Return the half-semitones from C1 up to, but without, the semitone nearest to `highest` Hz: float64, Hz."""
    highest_note = round(69 + 12 * np.log2(highest / 440))
    count = (highest_note - _LOWEST_NOTE) * _STEPS_PER_OCTAVE // 12
    notes = _LOWEST_NOTE + np.arange(count) * 12 / _STEPS_PER_OCTAVE
    return 440 * 2 ** ((notes - 69) / 12)


def bandwidths(frequencies: np.ndarray) -> np.ndarray:
    """Return the widths in Hz of the critical bands around `frequencies`, 24.7 (4.37 f / 1000 + 1).

    Source: Glasberg and Moore (1990).
    """
    return 0.1079 * frequencies + 24.7


def hann_window(n_fft: int) -> torch.Tensor:
    """Return the periodic Hann window, float32 [n_fft], rounded from double precision."""
    return torch.hann_window(n_fft, dtype=torch.float64).float()


def power_spectrogram(samples: torch.Tensor, window: torch.Tensor, hop: int) -> torch.Tensor:
    """Return ``|STFT|^2`` of [batch, samples], mirrored at the ends: [batch, 1 + n_fft // 2, 1 + samples // hop].

    There must be more samples than half a window.
    """
    spectrum = torch.stft(samples, len(window), hop, window=window, pad_mode="reflect", return_complex=True)
    # Not abs() squared: its derivative is undefined at 0, and digital silence is all zeros.
    return spectrum.real.square() + spectrum.imag.square()


def decibels(power: torch.Tensor) -> torch.Tensor:
    """Return the level of powers in dB, -100 at least."""
    factor, floor = DECIBELS["power"]
    return factor * power.clamp(min=floor).log10()
