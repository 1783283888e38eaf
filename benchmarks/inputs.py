"""Seconds of audio a second and core that each front-end transforms: genreflow against plain librosa.

Run ``python benchmarks/inputs.py [folder of .ogg files]``; without a folder, four excerpts are synthesized. Both sides
get the same 30 s in memory and run on one core, in one process, turn by turn, after a warm-up; each figure is the best
of the rounds. Target: log-mel at least 1.5 times faster; two thirds of its time go into the transform in double
precision, which librosa does too. After that, each feature that is
computed here although librosa has it, and what informed cutting costs for a track of 300 s.
"""
# ruff: noqa: E402 - threads are pinned before the libraries that read their number are loaded

import os

for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import soundfile
from plain import plain_descriptors
from scipy.signal import find_peaks

from genreflow.config.inputs import Beats, Descriptors, InputSettings, LogMel, MusicMaps, Stft
from genreflow.features.chroma import estimate_tuning
from genreflow.features.descriptor_sets import ShortTime
from genreflow.features.front_end import FrontEnd
from genreflow.features.mel import log_mel, mel_filter_bank
from genreflow.features.rhythm import beat_frames, onset_envelope, tempo
from genreflow.features.segments import segment_starts
from genreflow.synthetic.corpus import plan, render
from genreflow.synthetic.synth import RATE

SECONDS = 30
WESTERN8 = LogMel(sample_rate=22_050, hop=512, padding="reflect", reference="max", top_db=80.0)
WON = LogMel(sample_rate=16_000, n_fft=512, hop=256, n_mels=96, mel="htk", padding="reflect")

MAJOR = [1.5613, 0.8396, 1.1929, 0.7586, 1.4157, 1.03, 0.8756, 1.5361, 0.8415, 1.2141, 0.7235, 1.1331]
MINOR = [1.6222, 0.8027, 1.1587, 1.3813, 0.9795, 1.0486, 0.8595, 1.5466, 1.0523, 1.0179, 1.1278, 0.9862]


@dataclass(frozen=True)
class Case:
    """A front-end: its rate, our function and the plain one."""

    name: str
    rate: int
    own: Callable[[np.ndarray], np.ndarray]
    plain: Callable[[np.ndarray], np.ndarray]


def plain_log_mel(y: np.ndarray, mel: LogMel) -> np.ndarray:
    is_htk = mel.mel == "htk"
    power = librosa.feature.melspectrogram(
        y=y,
        sr=mel.sample_rate,
        n_fft=mel.n_fft,
        hop_length=mel.hop,
        n_mels=mel.n_mels,
        pad_mode="reflect",
        htk=is_htk,
        norm=None if is_htk else "slaney",
    )
    return librosa.power_to_db(power, ref=np.max if mel.reference == "max" else 1.0, top_db=mel.top_db)


def plain_stft(y: np.ndarray, stft: Stft) -> np.ndarray:
    return np.abs(librosa.stft(y, n_fft=stft.n_fft, hop_length=stft.hop, window=stft.window, center=False))


def plain_maps(y: np.ndarray, sr: int) -> np.ndarray:
    """Return the eight features as the feature_maps study describes them, frame by frame where librosa has none."""
    frames = librosa.util.frame(y, frame_length=1024, hop_length=512).T
    X = np.abs(np.fft.rfft(frames * np.hamming(1024)))
    hz = librosa.fft_frequencies(sr=sr, n_fft=1024)
    share = X / (X.sum(axis=1, keepdims=True) + 1e-12)
    chroma = np.array([plain_chroma(frame, hz) for frame in X])
    change = np.linalg.norm(np.diff(chroma_to_centroid(chroma), axis=0), axis=1)
    return np.array(
        [
            np.mean(frames**2, axis=1),
            np.sum(frames[:, 1:] * frames[:, :-1] < 0, axis=1) / 1024 * sr / 2,
            X[:, hz > 1500].sum(axis=1) / (X.sum(axis=1) + 1e-12),
            librosa.feature.spectral_flatness(S=X.T, power=2)[0],
            -np.sum(share * np.log(share + 1e-12), axis=1) / np.log(513),
            [plain_roughness(frame, hz) for frame in X],
            plain_key_clarity(y, sr, len(X)),
            np.append(0, change),
        ]
    )


def plain_roughness(x: np.ndarray, hz: np.ndarray) -> float:
    peaks, _ = find_peaks(x, prominence=0.01 * np.ptp(x))
    peaks = np.sort(peaks[np.argsort(x[peaks])][-100:])
    if len(peaks) < 2:
        return 0.0
    left, middle, right = x[peaks - 1], x[peaks], x[peaks + 1]
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    f, a = (peaks + shift) * hz[1], middle - 0.25 * (left - right) * shift
    i, j = np.triu_indices(len(peaks), 1)
    distance = 0.24 / (0.0207 * f[i] + 18.96) * (f[j] - f[i])
    return np.mean(a[i] * a[j] * (np.exp(-3.51 * distance) - np.exp(-5.75 * distance)))


def plain_chroma(x: np.ndarray, hz: np.ndarray) -> np.ndarray:
    inside = (hz >= 100) & (hz <= 6400)
    notes = np.arange(-18, 57)
    nearest = np.abs(hz[inside, np.newaxis] - 261.6256 * 2 ** (notes / 12)).argmin(axis=1)
    chroma = np.zeros(12)
    for note in np.unique(nearest):
        weight = 0.5 if note in (nearest[0], nearest[-1]) else 1
        chroma[notes[note] % 12] += weight * x[inside][nearest == note].mean()
    return chroma / (chroma.max() + 1e-6)


def chroma_to_centroid(chroma: np.ndarray) -> np.ndarray:
    step = np.arange(12) * np.pi
    circles = ((1, 7 / 6), (1, 3 / 2), (0.5, 2 / 3))
    basis = np.array([radius * wave(step * ratio) for radius, ratio in circles for wave in (np.sin, np.cos)])
    return chroma / (chroma.sum(axis=1, keepdims=True) + 1e-12) @ basis.T


def plain_key_clarity(y: np.ndarray, sr: int, n_frames: int) -> np.ndarray:
    windows = librosa.util.frame(y, frame_length=6 * sr, hop_length=3 * sr).T
    hz = librosa.fft_frequencies(sr=sr, n_fft=6 * sr)
    clarity = []
    for window in windows:
        chroma = plain_chroma(np.abs(np.fft.rfft(window * np.hamming(6 * sr))), hz)
        profiles = [np.roll(profile, turn) for profile in (MAJOR, MINOR) for turn in range(12)]
        clarity.append(max(np.corrcoef(chroma, profile)[0, 1] for profile in profiles))
    centers = (np.arange(n_frames) * 512 + 512) / sr
    nearest = np.clip(np.round((centers - 3) / 3).astype(int), 0, len(clarity) - 1)
    return np.array(clarity)[nearest]


def cases() -> Iterator[Case]:
    for name, mel in (("log-mel, western8", WESTERN8), ("log-mel, won2020", WON)):
        yield Case(name, mel.sample_rate, lambda y, mel=mel: log_mel(y, mel), lambda y, mel=mel: plain_log_mel(y, mel))
    yield Case("STFT, feature_maps", 22_050, FrontEnd.of(Stft()).transform, lambda y: plain_stft(y, Stft()))
    yield Case("music maps", 22_050, FrontEnd.of(MusicMaps()).transform, lambda y: plain_maps(y, 22_050))
    for which in ("means25", "means36", "full"):
        given = Descriptors(set=which)
        yield Case(
            f"descriptors, {which}",
            given.sample_rate,
            FrontEnd.of(given).transform,
            lambda y, given=given: plain_descriptors(y, given.sample_rate, given.set),
        )


def excerpts(folder: Path | None) -> Iterator[np.ndarray]:
    """Yield 30 s from the middle of each track, float32 at 44,100 Hz."""
    if folder is None:
        for track in plan(tracks_per_class=1, seconds=SECONDS, seed=1)[:4]:
            yield render(track).mean(axis=1).astype(np.float32)
        return
    for path in sorted(folder.glob("*.ogg")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = librosa.resample(samples.mean(axis=1), orig_sr=rate, target_sr=RATE)
        if len(mono) >= SECONDS * RATE:
            begin = (len(mono) - SECONDS * RATE) // 2
            yield mono[begin : begin + SECONDS * RATE]


def best_seconds(runs: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the best time of each run; they take turns."""
    times = []
    for _ in range(rounds):
        for run in runs:
            begin = time.perf_counter()
            run()
            times.append(time.perf_counter() - begin)
    return np.reshape(times, (rounds, len(runs))).min(axis=0).tolist()


def compare(music: list[np.ndarray], rounds: int) -> None:
    print(f"{'':24}{'genreflow':>12}{'librosa':>12}{'ratio':>8}   largest difference, relative")
    for case in cases():
        own = plain = worst = 0.0
        for excerpt in music:
            y = librosa.resample(excerpt, orig_sr=RATE, target_sr=case.rate)
            actual, expected = case.own(y), case.plain(y)
            # Of maps and bands a share of their range, of single numbers (some of which are nearly 0) of them or 1.
            spread = np.ptp(expected, axis=-1, keepdims=True) if expected.ndim > 1 else np.maximum(np.abs(expected), 1)
            worst = max(worst, np.max(np.abs(actual - expected) / np.maximum(spread, 1e-9)))
            seconds = best_seconds([partial(case.own, y), partial(case.plain, y)], rounds)
            own, plain = own + seconds[0], plain + seconds[1]
        audio = SECONDS * len(music)
        print(f"{case.name:24}{audio / own:10.0f} x{audio / plain:10.0f} x{plain / own:8.2f}   {worst:.1e}")


def features(excerpt: np.ndarray, rounds: int) -> None:
    """Print the CPU time of each feature that is computed here, and of librosa's function, both on one spectrogram.

    librosa's is used wherever ours is not at least twice as fast.
    """
    sr, n_fft = 22_050, 2_048
    y = librosa.resample(excerpt, orig_sr=RATE, target_sr=sr)
    sound = ShortTime(y, Descriptors())
    S, P = np.ascontiguousarray(sound.magnitude.T), np.ascontiguousarray(sound.power.T)
    strength = librosa.onset.onset_strength(S=sound.mel_level, sr=sr)
    envelope = onset_envelope(excerpt, RATE)
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "mel filters": (
            lambda: mel_filter_bank(LogMel(sample_rate=sr, hop=512)),
            lambda: librosa.filters.mel(sr=sr, n_fft=n_fft),
        ),
        "zero-crossing rate": (sound.zcr, lambda: librosa.feature.zero_crossing_rate(y)),
        "RMS": (sound.rmse, lambda: librosa.feature.rms(y=y)),
        "centroid": (sound.spectral_centroid, lambda: librosa.feature.spectral_centroid(S=S, sr=sr)),
        "bandwidth": (sound.spectral_bandwidth, lambda: librosa.feature.spectral_bandwidth(S=S, sr=sr)),
        "roll-off": (sound.spectral_rolloff, lambda: librosa.feature.spectral_rolloff(S=S, sr=sr)),
        "tuning": (
            lambda: estimate_tuning(sound.power, sound.bin_hz, 12),
            lambda: librosa.estimate_tuning(S=P, sr=sr),
        ),
        "tempo": (
            lambda: tempo(strength, sr, 512),
            lambda: librosa.feature.tempo(onset_envelope=strength, sr=sr),
        ),
        "beats": (
            lambda: beat_frames(envelope, RATE),
            lambda: librosa.beat.beat_track(onset_envelope=envelope, sr=RATE),
        ),
    }
    for name, (own, peer) in pairs.items():
        times = [min(cpu_seconds(run) for _ in range(rounds + 1)) for run in (own, peer)]
        print(f"{name:24}{1e3 * times[0]:9.2f} ms{1e3 * times[1]:9.2f} ms{times[1] / times[0]:8.1f}")


def cpu_seconds(run: Callable[[], object]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


def informed(music: np.ndarray, rounds: int) -> None:
    """Print what it costs to find the beats of 300 s, and to cut on them."""
    track = np.tile(music, 10)
    settings = InputSettings(segments=Beats())

    def own() -> np.ndarray:
        return beat_frames(onset_envelope(track, RATE), RATE)

    def cut() -> np.ndarray:
        return segment_starts(len(track), settings, track_id="00", samples=lambda: track)

    def plain() -> np.ndarray:
        return librosa.beat.beat_track(y=librosa.resample(track, orig_sr=RATE, target_sr=22_050), sr=22_050)[1]

    own(), plain()
    seconds = best_seconds([own, cut, plain], rounds)
    print("beats of 300 s: genreflow {:.2f} s ({:.2f} s with cutting), librosa {:.2f} s".format(*seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="Ogg Vorbis files; synthesized if not given")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="Empty filters detected")
    music = list(excerpts(options.folder))
    compare(music, options.rounds)
    features(music[0], options.rounds)
    informed(music[0], options.rounds)


if __name__ == "__main__":
    main()
