"""Measure the time from an Ogg Vorbis file to 30 log-mel slices, against a plain librosa script.

Run ``python benchmarks/slices.py [folder of .ogg files]``; without a folder, the script synthesizes four tracks of
300 s. Both sides run on one core, in one process, on the same files, after a warm-up; each figure is the best of the
rounds. Target: at least 3 times faster, within 0.01 dB.
"""
# ruff: noqa: E402 - threads are pinned before the libraries that read their number are loaded

import os

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np

from genreflow.audio.vorbis import write_ogg
from genreflow.config.inputs import InputSettings
from genreflow.features.slices import cut, to_stored
from genreflow.synthetic.corpus import plan, render
from genreflow.synthetic.synth import RATE

SETTINGS = InputSettings()


def with_genreflow(path: Path) -> np.ndarray:
    return cut(path, SETTINGS, track_id="0").array


def with_librosa(path: Path) -> np.ndarray:
    mel, segments = SETTINGS.front_end, SETTINGS.segments
    samples, rate = librosa.load(path, sr=mel.sample_rate, mono=True)
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=rate,
        n_fft=mel.n_fft,
        hop_length=mel.hop,
        n_mels=mel.n_mels,
        center=True,
        pad_mode="constant",
    )
    level = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None)
    count = min(segments.count, level.shape[1] // segments.frames)
    first = (level.shape[1] - count * segments.frames) // 2
    middle = level[:, first : first + count * segments.frames]
    return middle.reshape(mel.n_mels, count, segments.frames).swapaxes(0, 1)


def best_seconds(run: Callable[[Path], np.ndarray], path: Path, rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        run(path)
        times.append(time.perf_counter() - begin)
    return min(times)


def synthesize(folder: Path) -> None:
    for track in plan(tracks_per_class=1, seconds=300, seed=1)[:4]:
        write_ogg(folder / f"{track.label}.ogg", render(track).mean(axis=1), RATE, quality=6, serial=1)


def compare(folder: Path, rounds: int) -> None:
    paths = sorted(folder.glob("*.ogg"))
    own, plain, difference, stored = [], [], [], []
    for path in paths:
        # These are also the warm-up of both sides and of the disk cache.
        expected, actual = with_librosa(path), with_genreflow(path)
        difference.append(np.abs(actual - expected).max())
        stored.append(np.abs(to_stored(actual, SETTINGS).astype(np.float32) - expected).max())
        plain.append(best_seconds(with_librosa, path, rounds))
        own.append(best_seconds(with_genreflow, path, rounds))
        print(f"{path.name:20} librosa {plain[-1]:.3f} s   genreflow {own[-1]:.3f} s   {len(actual)} slices")
    print(f"{len(paths)} tracks: librosa {np.mean(plain):.3f} s, genreflow {np.mean(own):.3f} s a track")
    print(f"ratio {np.sum(plain) / np.sum(own):.2f} (target 3)")
    print(f"largest difference {max(difference):.2e} dB in float32 (target 1e-2), {max(stored):.2e} dB as stored")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="Ogg Vorbis files; synthesized if not given")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.folder:
        compare(options.folder, options.rounds)
    else:
        with tempfile.TemporaryDirectory() as folder:
            synthesize(Path(folder))
            compare(Path(folder), options.rounds)


if __name__ == "__main__":
    main()
