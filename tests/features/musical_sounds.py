"""Sounds that descriptors are tried on, float32 at 22,050 Hz."""

import numpy as np
from scipy.signal import chirp, sawtooth

RATE = 22_050
SEMITONE = 2 ** (1 / 12)


def seconds(length: float) -> np.ndarray:
    return np.arange(int(length * RATE)) / RATE


def noise(length: float = 6) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(length * RATE)).astype(np.float32)


def sweep(length: float = 6) -> np.ndarray:
    return (chirp(seconds(length), 40, length, 10_000, "logarithmic") * 0.5).astype(np.float32)


def music(length: float = 6) -> np.ndarray:
    """Four chords of saw-teeth a fifth of a semitone sharp, over noise bursts at 125 BPM, and a short silence."""
    t = seconds(length)
    roots = 110 * SEMITONE ** (np.array((0, 5, 7, 3))[(t // 1.92).astype(int) % 4] + 0.2)
    turns = np.cumsum(roots) / RATE
    chord = sum(sawtooth(2 * np.pi * ratio * turns) for ratio in (1, SEMITONE**4, SEMITONE**7)) * 0.1
    pulse = noise(length) * np.exp(-20 * (t % 0.48))
    return ((chord + pulse) * (np.abs(t - 2.5) > 0.1)).astype(np.float32)


def tone(hz: float, length: float = 3) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * seconds(length))).astype(np.float32)


def clicks(period: int, length: float = 20) -> np.ndarray:
    samples = np.zeros(int(length * RATE), np.float32)
    for start in range(0, len(samples) - 64, period):
        samples[start : start + 64] = 0.5 * np.hanning(64) * np.sin(np.arange(64))
    return samples
