"""Measure the time of ingest as a ratio over the library calls that it needs in any case.

    python benchmarks/ingest.py [FOLDER]

Without a folder of music, the script synthesizes four tracks (MP3, FLAC, Ogg Vorbis, WAV) of 150 s. The bare sum is:
decode every frame to an array (PyAV), average the channels, resample where the rate differs (soxr), encode in chunks at
the same quality (soundfile). Each side runs in one process, file by file; the best of three rounds counts. A larger
shard then runs with one worker and with two; this ratio means something only on two idle processors.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

from genreflow.audio.ingest import ingest
from genreflow.audio.vorbis import CHUNK_FRAMES
from genreflow.config.audio import AudioSettings
from genreflow.store.digest import file_sha256

TARGET = 1.25
WORKERS, WORKERS_TARGET = 2, 1.8
COPIES = 3  # of each track in the shard that several workers share
ROUNDS = 3
SETTINGS = AudioSettings()


def synthesize(folder: Path, *, seconds: float = 150.0, rate: int = 44_100) -> None:
    """Write a piece with a beat, a bass, chords and noise, mastered to about -11 LUFS, in four formats."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(int(seconds * rate)) / rate
    beat = np.exp(-10 * (2.1 * time_axis % 1))
    tones = sum(np.sin(2 * np.pi * 55 * k * time_axis + k) / k for k in (1, 2, 3, 5, 8, 13, 34))
    noise = rng.standard_normal((len(time_axis), 2))
    music = np.tanh(0.45 * (tones + beat)[:, None] + 0.35 * beat[:, None] * noise + 0.03 * noise)
    for suffix in ("mp3", "flac", "ogg", "wav"):
        _write(folder / f"track.{suffix}", music.astype(np.float32) * 0.9, rate)


def _write(path: Path, samples: np.ndarray, rate: int, **options: float) -> None:
    subtype = "VORBIS" if path.suffix == ".ogg" else None
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(path, "w", rate, channels, subtype, **options) as file:
        for start in range(0, len(samples), CHUNK_FRAMES):
            file.write(samples[start : start + CHUNK_FRAMES])


def bare(path: Path, destination: Path) -> None:
    with av.open(str(path)) as media:
        stream = media.streams.audio[0]
        rate, channels = stream.rate, stream.channels
        samples = np.concatenate([frame.to_ndarray() for frame in media.decode(stream)], axis=1)
    if len(samples) != channels:  # interleaved
        samples = samples.reshape(-1, channels).T
    mono = samples.mean(axis=0, dtype=np.float32)
    if np.issubdtype(samples.dtype, np.integer):
        mono /= np.iinfo(samples.dtype).max
    if rate != SETTINGS.sample_rate:
        mono = soxr.resample(mono, rate, SETTINGS.sample_rate, quality="HQ")
    _write(destination, mono, SETTINGS.sample_rate, compression_level=1 - SETTINGS.quality / 10)


def best_times(*sides: Callable[[int], None]) -> np.ndarray:
    """Return the best wall and processor time of each side, [sides, 2]; they take turns to share disturbances."""
    times = np.empty((ROUNDS, len(sides), 2))
    for turn in range(ROUNDS):
        for side, work in enumerate(sides):
            start = time.perf_counter(), _processor_seconds()
            work(turn)
            times[turn, side] = time.perf_counter() - start[0], _processor_seconds() - start[1]
    return times.min(axis=0)


def _processor_seconds() -> float:
    """Return the processor time used by this process and its finished children."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch, "music")
        if len(sys.argv) < 2:
            folder.mkdir()
            synthesize(folder)
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".mp3", ".flac", ".ogg", ".wav"))
        tracks = [
            {"track_id": path.name, "path": bytes(path), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
            for path in paths
        ]
        rows = []

        # A shard has some dozen tracks: with four, the last one alone would decide what a second worker is worth.
        shard = [track | {"sha256": f"{track['sha256']}{copy}"} for copy in range(COPIES) for track in tracks]

        def ours(turn: int) -> None:
            table = ingest(tracks, audio_folder=Path(scratch, f"ours{turn}"), settings=SETTINGS, stage_key="")
            rows[:] = table.to_pylist()

        def alone(turn: int, *, workers: int = 1) -> None:
            out = Path(scratch, f"shard{turn}-{workers}")
            ingest(shard, audio_folder=out, settings=SETTINGS, stage_key="", workers=workers)

        def together(turn: int) -> None:
            alone(turn, workers=WORKERS)

        def theirs(turn: int) -> None:
            for path in paths:
                bare(path, Path(scratch, f"{turn}-{path.stem}.ogg"))

        (bare_wall, bare_cpu), (our_wall, our_cpu) = best_times(theirs, ours)
        (alone_wall, _), (side_wall, side_cpu) = best_times(alone, together)
    for row in rows:
        print(f"{row['track_id'][-40:]:40}  {row['verdict']}  {row['reason']}  gain {row['gain_db']:.1f} dB")
    audio = sum(row["seconds"] for row in rows)
    print(f"{len(rows)} tracks, {audio:.0f} s of audio")
    print(f"wall: bare {bare_wall:.2f} s, ingest {our_wall:.2f} s ({audio / our_wall:.0f} x real time)")
    print(f"processor: bare {bare_cpu:.2f} s, ingest {our_cpu:.2f} s")
    print(f"ratio: wall {our_wall / bare_wall:.3f}, processor {our_cpu / bare_cpu:.3f} (target: at most {TARGET})")
    print(
        f"{len(shard)} tracks with {WORKERS} workers: wall {side_wall:.2f} s, processor {side_cpu:.2f} s, "
        f"{alone_wall / side_wall:.2f} x as fast as with one (target: at least {WORKERS_TARGET})"
    )


if __name__ == "__main__":
    main()
