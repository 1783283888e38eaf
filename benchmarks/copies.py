"""Measure which copies of a recording are found, false pairs, time and memory, against Chromaprint.

    python benchmarks/copies.py [FOLDER]

The tracks of FOLDER are cut into pieces of 20 s, of which neighbors share 10 s; each piece is edited and looked for
among all pieces. Pieces of one track that share no audio are different, though songs repeat passages. The same is done
for synthetic tracks, which share sounds, tempi and loops within an album. Chromaprint takes part where its program
`fpcalc` is installed (Debian: libchromaprint-tools): any two of its fingerprints are compared at every lag, and its
limit is the best there can be, the highest with no more false pairs than ours. The last part searches 30,000 made-up
fingerprints of two minutes.
"""

import io
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import pandas as pd
import soundfile
import soxr
from scipy.signal import butter, lfilter

from genreflow.audio.fingerprint import MOST_SECONDS, WORDS_PER_SECOND, fingerprint, levels, to_text
from genreflow.audio.vorbis import encode_ogg
from genreflow.datasets.duplicates import find_pairs
from genreflow.synthetic.corpus import CORPORA, plan, render

RATE = 44_100
PIECE, SHARED = 20, 10  # s
LATER = 0.8 + 0.5 / WORDS_PER_SECOND  # s that each copy begins later, so that no two hops agree
TRACKS_PER_CLASS, SEED = 4, 2024  # an album of each class of each corpus
MANY = 30_000
CROWD = 300  # copies of one recording, among the many
MAX_SHARE, MAX_SECONDS, MAX_GIGABYTES = 0.02, 120, 3


class Piece(NamedTuple):
    """Part of a track, and a copy of it.

    Attributes
    ----------
    track, begin
        Where it is from, s.
    edit
        What was done to it; empty for the piece itself.
    ours, theirs
        The words of both fingerprints.
    """

    track: str
    begin: int
    edit: str
    ours: np.ndarray
    theirs: np.ndarray


def main() -> None:
    workers = get_context("spawn")
    cost()
    if shutil.which("fpcalc") is None:
        print("\nChromaprint: fpcalc is not installed, so its columns are empty")
    with workers.Pool(2) as pool:
        if len(sys.argv) > 1:
            paths = sorted(path for path in Path(sys.argv[1]).iterdir() if path.suffix in SUFFIXES)
            score(f"tracks of {sys.argv[1]}", pool.map(pieces_of_file, paths, chunksize=1))
        for corpus in ("subgenres", "genres", "moods"):
            tracks = range(TRACKS_PER_CLASS * len(CORPORA[corpus].kinds))
            made = pool.starmap(pieces_of_synthetic, [(corpus, number) for number in tracks], chunksize=1)
            score(f"synthetic {corpus}", made)
    with workers.Pool(1) as pool:
        pool.apply(scale)


# ---- edits ----------------------------------------------------------------------------------------------------------


def coded(mono: np.ndarray, **options: object) -> np.ndarray:
    """Return samples after a lossy codec."""
    buffer = io.BytesIO()
    soundfile.write(buffer, mono, RATE, **options)
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32")[0]


def noisy(mono: np.ndarray, decibels: float) -> np.ndarray:
    """Add white noise so much below the music."""
    noise = np.random.default_rng(0).standard_normal(len(mono)).astype(np.float32)
    return mono + noise * np.sqrt(np.mean(mono**2) / 10 ** (decibels / 10))


def boosted(mono: np.ndarray, low: float | None, high: float) -> np.ndarray:
    """Make a range of frequencies 8 dB louder."""
    order, kind, limits = (1, "low", high) if low is None else (1, "band", (low, high))
    return (mono + 1.5 * lfilter(*butter(order, limits, kind, fs=RATE), mono)).astype(np.float32)


def speed(mono: np.ndarray, percent: float) -> np.ndarray:
    """Play faster and higher, as a turntable does."""
    return soxr.resample(mono, RATE * (1 + percent / 100), RATE)


def tempo(mono: np.ndarray, percent: float) -> np.ndarray:
    """Play faster at the same pitch."""
    return librosa.effects.time_stretch(mono, rate=1 + percent / 100)


def pitch(mono: np.ndarray, percent: float) -> np.ndarray:
    """Play higher at the same tempo."""
    return librosa.effects.pitch_shift(mono, sr=RATE, n_steps=12 * np.log2(1 + percent / 100))


MP3 = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}
EDITS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "cut": lambda mono: mono,
    "12 dB lower": lambda mono: mono / 4,
    "MP3 at 128 kbit/s": lambda mono: coded(mono, **MP3, compression_level=0.66),
    "MP3 at 40 kbit/s": lambda mono: coded(mono, **MP3, compression_level=0.95),
    "Vorbis, lowest quality": lambda mono: coded(mono, format="OGG", subtype="VORBIS", compression_level=1.0),
    "noise at -20 dB": lambda mono: noisy(mono, 20),
    "noise at -10 dB": lambda mono: noisy(mono, 10),
    "bass up": lambda mono: boosted(mono, None, 200),
    "middle up": lambda mono: boosted(mono, 300, 3_000),
    **{f"speed {percent:+} %": partial(speed, percent=percent) for percent in (-2, -1, 1, 2)},
    **{f"tempo {percent:+} %": partial(tempo, percent=percent) for percent in (-3, 3)},
    **{f"pitch {percent:+} %": partial(pitch, percent=percent) for percent in (-2, -1, 1, 2)},
}
SUFFIXES = (".flac", ".mp3", ".ogg", ".wav")


# ---- pieces ---------------------------------------------------------------------------------------------------------


def pieces_of_file(path: Path) -> list[Piece]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return list(pieces(path.stem, soxr.resample(samples, rate, RATE) if rate != RATE else samples))


def pieces_of_synthetic(corpus: str, number: int) -> list[Piece]:
    track = plan(tracks_per_class=TRACKS_PER_CLASS, seconds=PIECE + SHARED, seed=SEED, corpus=corpus)[number]
    return list(pieces(track.path, render(track)))


def pieces(name: str, samples: np.ndarray) -> Iterator[Piece]:
    """Yield every piece of a track and every edit of it; the left channel alone is an edit of stereo music."""
    for begin in range(0, len(samples) // RATE - PIECE + 1, PIECE - SHARED):
        stereo = samples[begin * RATE : (begin + PIECE) * RATE]
        mono = stereo.mean(axis=1)
        yield Piece(name, begin, "", *both_prints(mono))
        later = round(LATER * RATE)
        if stereo.shape[1] > 1:
            yield Piece(name, begin, "left channel", *both_prints(stereo[later:, 0]))
        for edit, change in EDITS.items():
            yield Piece(name, begin, edit, *both_prints(change(mono[later:])))


def both_prints(mono: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return fingerprint(mono, RATE), chromaprint(mono)


def chromaprint(mono: np.ndarray) -> np.ndarray:
    """Return the words of Chromaprint, uint32, about eight a second; none where it is not installed."""
    if shutil.which("fpcalc") is None:
        return np.empty(0, np.uint32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.wav"
        soundfile.write(path, mono, RATE)
        # Exit code 3 is that of Chromaprint 1.5.1 with FFmpeg 5 for the end of any file.
        done = subprocess.run(["fpcalc", "-raw", "-json", str(path)], capture_output=True)
    if done.returncode not in (0, 3):
        raise RuntimeError(done.stderr.decode())
    return np.array(json.loads(done.stdout)["fingerprint"], np.uint32)


# ---- scores ---------------------------------------------------------------------------------------------------------


def score(name: str, made: list[list[Piece]]) -> None:
    """Print a row an edit: how many copies are found among all pieces, and how many pairs are false."""
    every = [piece for pieces in made for piece in pieces]
    originals = [piece for piece in every if not piece.edit]
    print(f"\n{len(originals)} pieces of {PIECE} s, {name}")
    print(f"  {'edit':24} {'copies':>6} {'recall':>7} {'Chromaprint':>11} {'false pairs':>11} {'Chromaprint':>11}")
    row("shares 10 s", originals, lambda a, b: abs(a.begin - b.begin) == PIECE - SHARED)
    for edit in dict.fromkeys(piece.edit for piece in every if piece.edit):
        copies = [piece for piece in every if piece.edit == edit]
        row(edit, originals + copies, lambda a, b: a.begin == b.begin)


def row(edit: str, pieces: list[Piece], is_copy: Callable[[Piece, Piece], bool]) -> None:
    """Print a row; pairs of one track that are neither copies nor without common audio do not count."""
    pairs = [(i, j) for i in range(len(pieces)) for j in range(i + 1, len(pieces))]
    same = np.array([pieces[i].track == pieces[j].track for i, j in pairs])
    right = same & np.array([is_copy(pieces[i], pieces[j]) for i, j in pairs])
    wrong = ~same | np.array([abs(pieces[i].begin - pieces[j].begin) >= PIECE for i, j in pairs])
    names = [f"{number:05}" for number in range(len(pieces))]
    found = find_pairs(
        table([(name, to_text(piece.ours)) for name, piece in zip(names, pieces, strict=True)]), "recordings"
    )
    linked = set(zip(found["a"].astype(int), found["b"].astype(int), strict=True))
    ours = np.array([pair in linked for pair in pairs])
    cells = [f"{right.sum():6}", f"{ours[right].mean():7.2f}", f"{'–':>11}", f"{ours[wrong].sum():11}", f"{'–':>11}"]
    if len(pieces[0].theirs):
        shares = np.array([wrong_bits(pieces[i].theirs, pieces[j].theirs) for i, j in pairs])
        limit = np.sort(shares[wrong])[ours[wrong].sum()]
        cells[2], cells[4] = f"{(shares[right] < limit).mean():11.2f}", f"{(shares[wrong] < limit).sum():11}"
    print(f"  {edit:24} " + " ".join(cells), flush=True)


def wrong_bits(a: np.ndarray, b: np.ndarray, least: int = 48) -> float:
    """Return the least share of differing bits at any lag, of so many words at least."""
    wrong = np.bitwise_count(a[:, None] ^ b[None, :])
    lags = range(least - len(a), len(b) - least + 1)
    return min((float(np.diagonal(wrong, lag).mean()) / 32 for lag in lags), default=1.0)


def table(prints: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(prints, columns=["track_id", "fingerprint"]).assign(sha256=None, samples_sha256=None)


# ---- cost -----------------------------------------------------------------------------------------------------------


def cost() -> None:
    """Print what a fingerprint costs beside decoding MP3 and encoding Vorbis, in processor time."""
    music = np.tile(render(plan(tracks_per_class=1, seconds=30, seed=0)[0]), (5, 1))
    file = io.BytesIO()
    soundfile.write(file, music, RATE, **MP3, compression_level=0.66)
    mono = music.mean(axis=1)
    rest = processor_time(lambda: soundfile.read(file, dtype="float32"), file)
    rest += processor_time(lambda: encode_ogg(mono, RATE, quality=6, serial=0))
    own = processor_time(lambda: fingerprint(mono, RATE))
    print(
        f"fingerprint of {len(mono) / RATE:.0f} s: {1e3 * own:.1f} ms, {own / rest:.1%} of decoding and encoding "
        f"(target: at most {MAX_SHARE:.0%})"
    )


def processor_time(work: Callable[[], object], file: io.BytesIO | None = None) -> float:
    """Return the least of five times, s; a file is rewound before each."""
    times = []
    for _ in range(5):
        if file:
            file.seek(0)
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def scale() -> None:
    """Print time, memory, recall and false pairs for many made-up fingerprints."""
    rng = np.random.default_rng(0)
    length = round(MOST_SECONDS * WORDS_PER_SECOND) - 20
    prints = [made_up(rng, length) for _ in range(MANY)]
    originals = MANY // 100
    planted = [(f"{row:05}-copy", to_text(damaged(prints[row], rng))) for row in range(1, 1 + originals)]
    crowd = [(f"{0:05}-copy{number}", to_text(damaged(prints[0], rng))) for number in range(CROWD)]
    tracks = table([(f"{row:05}", to_text(words)) for row, words in enumerate(prints)][: MANY - originals - CROWD])
    tracks = pd.concat([tracks, table(planted), table(crowd)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start, start_cpu = time.perf_counter(), time.process_time()
    pairs = find_pairs(tracks, "recordings")
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    right = pairs["a"].str[:5] == pairs["b"].str[:5]
    n_matched = pairs.loc[right & (pairs["b"].str.len() > 5), "a"].str[:5].nunique()
    print(f"\n{len(tracks):,} made-up fingerprints of {length} words")
    print(f"  {seconds:.0f} s, {cpu:.0f} s of the processor (target: at most {MAX_SECONDS})")
    print(f"  peak {peak:.1f} GB (target: at most {MAX_GIGABYTES}), {before:.1f} GB of it before")
    print(f"  {n_matched} of {originals + 1} recordings with copies found, {(~right).sum()} false pairs")
    linked = pairs.loc[pairs["a"].str.startswith(f"{0:05}"), ["a", "b"]].stack().nunique()
    print(
        f"  {linked} of {CROWD + 1} copies of one recording linked by {(pairs['a'].str[:5] == f'{0:05}').sum()} pairs"
    )


def made_up(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return a fingerprint, uint32 [length], with the statistics of music.

    Sixteen levels move up or down, five of them like others; a word in six repeats the one before. Two tracks have
    equal words with a probability of 2**-22, and equal signs twice with one of 2**-22 as well: real and synthetic
    tracks with 2**-21, and 2**-22 to 2**-24.
    """
    steps = rng.integers(-1, 2, (length, 16)) * (rng.random((length, 16)) < 0.7) * (rng.random((length, 1)) > 0.15)
    moves = (rng.integers(0, 6, 16) + np.cumsum(steps, axis=0)).astype(int)
    moves[:, 11:] = moves[:, 6:11]
    return words_of(np.abs((moves + 3) % 6 - 3))  # 0 1 2 3 2 1 0 1 ...: reflected at either end


def damaged(words: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a copy cut at random by up to five seconds; in two words of three, a level in five moves by a step."""
    whole = levels(words[rng.integers(0, 40) :]).astype(int)
    moved = (rng.random(whole.shape) < 0.2) & (rng.random((len(whole), 1)) < 0.67)
    return words_of(np.clip(whole + moved * rng.choice([-1, 1], whole.shape), 0, 3))


def words_of(levels: np.ndarray) -> np.ndarray:
    """Return the words that have these levels, [m, 16] of 0 to 3."""
    codes = np.array([0, 1, 3, 2], np.uint32)[levels]
    return (codes << np.arange(0, 32, 2, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)


if __name__ == "__main__":
    main()
