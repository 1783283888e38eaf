"""Tempo from the autocorrelation of onset strength, with librosa's values."""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import get_window

from genreflow.features.short_time import BLOCK, ShortTime

# The span that is searched for repetition, seconds; the tempo thought likeliest beforehand; the fastest looked for.
WINDOW_S = 8.0
LIKELIEST_BPM = 120.0
FASTEST_BPM = 320.0


def onset_strength(sound: ShortTime) -> np.ndarray:
    """Return the mean rise of the mel levels since the frame before, dB ``[frames]``, delayed by half a frame."""
    rise = np.maximum(np.diff(sound.mel_level, axis=0), 0).mean(axis=1)
    delay = 1 + sound.settings.n_fft // (2 * sound.settings.hop)
    return np.pad(rise, (delay, 0))[: len(sound.frames)]


def tempo(sound: ShortTime) -> float:
    """Return the tempo, beats a minute; 0 where there are no onsets (librosa: 117, its prior's best).

    The lag that is best by mean autocorrelation and a log-normal prior around 120, an octave wide.

    Raises
    ------
    ValueError
        When the window of 8 s has no room for two frames.
    """
    rate, hop = sound.settings.sample_rate, sound.settings.hop
    length = int(WINDOW_S * rate) // hop
    if length < 2:
        raise ValueError(f"hop {hop} is too long for a tempo: {WINDOW_S:g} s have {length} frames")
    strength = onset_strength(sound)
    if not strength.any():
        return 0.0
    bpm = 60 * rate / (hop * np.arange(1, length))
    prior = -0.5 * np.log2(bpm / LIKELIEST_BPM) ** 2
    score = np.log1p(1e6 * mean_autocorrelation(strength, length)[1:]) + prior
    return float(bpm[np.argmax(np.where(bpm < FASTEST_BPM, score, -np.inf))])


def mean_autocorrelation(strength: np.ndarray, length: int) -> np.ndarray:
    """Return the mean over time of the windowed autocorrelation ``[length]``, each 1 at lag 0."""
    padded = np.pad(strength, length // 2, mode="linear_ramp")
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(strength)]
    shape = get_window("hann", length)
    n_fft = next_fast_len(2 * length - 1, real=True)
    total = np.zeros(n_fft // 2 + 1)
    for begin in range(0, len(windows), BLOCK):
        excerpt = windows[begin : begin + BLOCK] * shape
        energy = np.einsum("ij,ij->i", excerpt, excerpt)
        audible = energy > 0
        # The inverse transform is linear: one of the mean stands for the mean of all.
        spectrum = rfft(excerpt[audible], n_fft)
        total += (1 / energy[audible]) @ (spectrum.real**2 + spectrum.imag**2)
    return irfft(total / len(windows), n_fft)[:length]
