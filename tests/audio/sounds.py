"""Made-up music and files of it."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from genreflow.audio.normalize import normalize
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings

RATE = 44_100


def synthesize(seconds: float, *, rate: int = RATE, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Chords, a beat and noise, float32 [frames, channels], peak 0.5."""
    rng = np.random.default_rng(seed)
    axis = np.arange(round(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * 110 * k * axis + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5, 9))
    noise = rng.standard_normal((len(axis) + 2, channels))
    noise = noise[:-2] + 2 * noise[1:-1] + noise[2:]  # little near the Nyquist frequency, as in music
    beat = np.exp(-12 * (2 * axis % 1))[:, np.newaxis] * noise
    music = tones[:, np.newaxis] + 0.2 * beat
    return (0.5 * music / np.abs(music).max()).astype(np.float32)


def write_audio(path: Path, samples: np.ndarray, rate: int = RATE, **options) -> Path:
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    if path.suffix == ".ogg":
        options.setdefault("subtype", "VORBIS")
    with soundfile.SoundFile(path, "w", rate, channels, **options) as file:
        for start in range(0, len(samples), 65_536):
            file.write(samples[start : start + 65_536])
    return path


def cataloged(path: Path, track_id: str = "t") -> dict:
    content = path.read_bytes()
    return {
        "track_id": track_id,
        "path": bytes(path),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def judged(path: Path | bytes, settings: AudioSettings | None = None) -> str:
    """Return the codes that a file gets, separated by spaces."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return normalize(path, Path(folder, "out.ogg"), settings or AudioSettings(), serial=1).reason
        except RejectedTrack as refused:
            assert refused.message.endswith(".")
            assert not list(Path(folder).iterdir())
            return refused.reason
