"""Measure recall, false pairs, time and memory of the search for copies of a recording.

    python benchmarks/duplicates.py [FOLDER]

The search looks for altered copies of 500 synthetic tracks among all of them: coded as MP3, made quieter, cut,
resampled. Tracks of an album share sounds and tempi and must not match. With a FOLDER of music, its tracks are altered
and looked for as well. The last part searches 30,000 made-up fingerprints of two minutes. About five minutes on two
cores.
"""

import io
import resource
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr

from genreflow.audio.fingerprint import MOST_SECONDS, WORDS_PER_SECOND, fingerprint, to_text
from genreflow.audio.vorbis import encode_ogg
from genreflow.datasets.duplicates import find_pairs
from genreflow.synthetic.corpus import DemoTrack, plan, render

RATE = 44_100
TRACKS, SECONDS, SEED = 500, 32, 2024
MANY = 30_000
CROWD = 300  # copies of one recording, among the many
MAX_SHARE, MIN_RECALL, MAX_SECONDS, MAX_GIGABYTES = 0.02, 0.95, 300, 6


def main() -> None:
    workers = get_context("spawn")
    cost()
    with workers.Pool(2) as pool:
        tracks = plan(tracks_per_class=TRACKS // 5, seconds=SECONDS, seed=SEED)
        copies = pd.DataFrame(pool.map(prints_of_copies, tracks, chunksize=4))
    print(f"\n{TRACKS} synthetic tracks of {SECONDS} s (targets: recall at least {MIN_RECALL}, no false pair)")
    score(copies)
    if len(sys.argv) > 1:
        paths = sorted(path for path in Path(sys.argv[1]).iterdir() if path.suffix in (".flac", ".mp3", ".ogg", ".wav"))
        print(f"\n{len(paths)} tracks of {sys.argv[1]}")
        score(pd.DataFrame(prints_of_file(path) for path in paths))
    with workers.Pool(1) as pool:
        pool.apply(scale)


def cost() -> None:
    """Print what a fingerprint costs beside decoding MP3 and encoding Vorbis, in processor time."""
    music = np.tile(render(plan(tracks_per_class=1, seconds=30, seed=0)[0]), (5, 1))
    coded = io.BytesIO(mp3(music))
    mono = music.mean(axis=1)
    rest = processor_time(lambda: soundfile.read(coded, dtype="float32"), coded)
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


def prints_of_copies(track: DemoTrack) -> dict[str, str]:
    """Return the fingerprints, as text, of a synthetic track and of its copies."""
    return dict(copies_of(render(track)))


def prints_of_file(path: Path) -> dict[str, str]:
    """Return the same for a file."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return dict(copies_of(soxr.resample(samples, rate, RATE) if rate != RATE else samples))


def copies_of(samples: np.ndarray) -> Iterator[tuple[str, str]]:
    """Yield name and fingerprint of the original and of each copy."""
    mono = samples.mean(axis=1)
    decoded = soundfile.read(io.BytesIO(mp3(samples)), dtype="float32", always_2d=True)[0].mean(axis=1)
    half_hop = round((3 + 0.5 / WORDS_PER_SECOND) * RATE)
    yield "original", text(mono)
    yield "MP3 at 128 kbit/s", text(decoded)
    yield "12 dB lower", text(mono * np.float32(10 ** (-12 / 20)))
    yield "3 s cut off", text(mono[3 * RATE :])
    yield "22,050 Hz", text(soxr.resample(mono, RATE, 22_050), 22_050)
    yield "48,000 Hz", text(soxr.resample(mono, RATE, 48_000), 48_000)
    yield "MP3, lower, cut between hops", text(0.25 * decoded[half_hop:])


def mp3(samples: np.ndarray) -> bytes:
    """Return samples as MP3 at a constant 128 kbit/s, which is what libsndfile makes of level 0.66 at 44,100 Hz."""
    buffer = io.BytesIO()
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": 0.66}
    soundfile.write(buffer, samples, RATE, **options)
    return buffer.getvalue()


def text(mono: np.ndarray, rate: int = RATE) -> str:
    return to_text(fingerprint(mono, rate))


def score(prints: pd.DataFrame) -> None:
    """Print how well the copies are found: a row a track, a column a kind of copy."""
    for kind in prints.columns[1:]:
        report(kind, prints[["original", kind]])
    report("all of these at once", prints)


def report(name: str, prints: pd.DataFrame) -> None:
    """Print recall and false pairs of one search in all columns of `prints`; rows are distinct recordings."""
    copies = table([(f"{row:05}-{kind}", words) for kind in prints for row, words in prints[kind].items()])
    start = time.perf_counter()
    pairs = find_pairs(copies, "recordings")
    seconds = time.perf_counter() - start
    right = pairs["a"].str[:5] == pairs["b"].str[:5]
    n_pairs = len(prints) * prints.shape[1] * (prints.shape[1] - 1) // 2
    least = pairs.loc[right, "similarity"].min()
    print(
        f"  {name:30} recall {right.sum() / n_pairs:.3f}  false pairs {(~right).sum()}  similarity from {least:.3f}  "
        f"{seconds:.2f} s"
    )


def table(prints: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(prints, columns=["track_id", "fingerprint"]).assign(sha256=None, samples_sha256=None)


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
    start = time.perf_counter()
    pairs = find_pairs(tracks, "recordings")
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    right = pairs["a"].str[:5] == pairs["b"].str[:5]
    n_matched = pairs.loc[right & (pairs["b"].str.len() > 5), "a"].str[:5].nunique()
    print(f"\n{len(tracks):,} made-up fingerprints of {length} words")
    print(f"  {seconds:.0f} s (target: at most {MAX_SECONDS}), peak {peak:.1f} GB, {before:.1f} GB of it before")
    print(f"  {n_matched} of {originals + 1} recordings with copies found, {(~right).sum()} false pairs")
    linked = pairs.loc[pairs["a"].str.startswith(f"{0:05}"), ["a", "b"]].stack().nunique()
    print(
        f"  {linked} of {CROWD + 1} copies of one recording linked by {(pairs['a'].str[:5] == f'{0:05}').sum()} pairs"
    )


def made_up(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return a fingerprint, uint32 [length], with the statistics of music.

    Sixteen levels move up or down now and then, so that a word in five repeats the one before and four in five are new
    to the track; five levels follow others, so that words of two tracks are equal with a probability of 2**-21, as in
    the synthetic corpus.
    """
    steps = rng.integers(-1, 2, (length, 16)) * (rng.random((length, 16)) < 0.2)
    levels = (rng.integers(0, 6, 16) + np.cumsum(steps, axis=0)).astype(int)
    levels[:, 11:] = levels[:, 6:11]
    folded = np.abs((levels + 3) % 6 - 3)  # 0 1 2 3 2 1 0 1 ...: reflected at either end
    codes = np.array([0, 1, 3, 2], np.uint32)[folded]
    return (codes << np.arange(0, 32, 2, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)


def damaged(words: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a copy cut at random by up to five seconds, with a third of its words whole and 6 % wrong bits."""
    words = words[rng.integers(0, 40) :]
    wrong = (rng.random((len(words), 32)) < 0.09) & (rng.random((len(words), 1)) < 0.67)
    return words ^ (wrong.astype(np.uint32) << np.arange(32, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)


if __name__ == "__main__":
    main()
