"""Harmonic filters with a learnable bandwidth (Won, Chun, Nieto and Serra 2020, data-driven harmonic filters)."""

import numpy as np
import torch
from torch import nn

from genreflow.models.precision import single_precision
from genreflow.models.spectrogram import decibels, hann_window, power_spectrogram

LOWEST_NOTE = 24  # C1, as MIDI counts
STEPS_PER_OCTAVE = 24
# Critical bands after Glasberg and Moore (1990): 24.7 (4.37 f / 1000 + 1) Hz wide.
WIDER_PER_HZ, NARROWEST_HZ = 0.1079, 24.7


class HarmonicSpectrogram(nn.Module):
    """Waveforms float32 [batch, samples] to decibels float32 [batch, harmonics, pitches, 1 + samples // hop].

    Channel `n` holds, for each pitch, the power around the (n + 1)-th multiple of it. The pitches are half-semitones
    from C1 up, as many as have all their harmonics below half the sample rate, by whole semitones: 128 at 16 kHz with
    6 harmonics. A filter is a triangle of height 1 around its frequency f, (0.1079 f + 24.7) / Q Hz wide at its base;
    the one Q of all of them starts at 1 and is learnt.

    What the filters are made of follows from the parameters, so it is not stored with the weights.
    """

    def __init__(self, *, sample_rate: int, n_fft: int, hop: int, harmonics: int) -> None:
        super().__init__()
        self.hop = hop
        pitches = pitch_frequencies(sample_rate / 2 / harmonics)
        centres = np.outer(np.arange(1, harmonics + 1), pitches)[..., np.newaxis]
        bins = np.linspace(0, sample_rate / 2, 1 + n_fft // 2)
        distances = 2 * np.abs(bins - centres) / bandwidths(centres)
        self.register_buffer("window", hann_window(n_fft), persistent=False)
        self.register_buffer("distances", torch.from_numpy(distances).float(), persistent=False)
        self.quality = nn.Parameter(torch.ones(()))
        self.title = f"{harmonics} harmonics, {len(pitches)} pitches"

    def filters(self) -> torch.Tensor:
        """Return the triangles of the present Q, [harmonics, pitches, 1 + n_fft // 2]."""
        return (1 - self.quality * self.distances).relu()

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Transform whole excerpts, mirrored at their ends."""
        with single_precision(samples):
            power = power_spectrogram(samples, self.window, self.hop)
            bands = self.filters().flatten(0, 1) @ power
            return decibels(bands).unflatten(1, self.distances.shape[:2])


def pitch_frequencies(highest: float) -> np.ndarray:
    """Return half-semitones from C1 up to, and without, the whole semitone nearest to `highest` Hz: float64, Hz."""
    highest_note = round(69 + 12 * np.log2(highest / 440))
    count = (highest_note - LOWEST_NOTE) * STEPS_PER_OCTAVE // 12
    notes = LOWEST_NOTE + np.arange(count) * 12 / STEPS_PER_OCTAVE
    return 440 * 2 ** ((notes - 69) / 12)


def bandwidths(frequencies: np.ndarray) -> np.ndarray:
    """Return the widths of the critical bands around `frequencies`, Hz."""
    return WIDER_PER_HZ * frequencies + NARROWEST_HZ
