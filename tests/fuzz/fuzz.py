"""Sound files damaged at random, through the workers: whatever they hold, the pipeline says something sensible.

``python tests/fuzz/fuzz.py --cases 2000 --seed 0`` prints what became of them, and exits with 1 if a promise was
broken. Case `n` of a seed is always the same file, however many cases there are.
"""

import argparse
import hashlib
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import psutil
import soundfile

sys.path.append(str(Path(__file__).parents[1] / "badfiles"))

import contradictions
from recordings import OPUS_RATE, aac, base, coded, music, sound_file
from surgery import flac_silence, without_xing

from genreflow.audio.ingest import ingest
from genreflow.audio.loudness import integrated_loudness, true_peak
from genreflow.audio.verdict import verdict_of
from genreflow.config.audio import AudioSettings

FORMATS = ("wav", "aiff", "au", "flac", "ogg", "opus", "mp3", "m4a")
SETTINGS = AudioSettings(min_seconds=0.4, max_minutes=0.5, loudness=-14.0)  # many reach the ceiling
SECONDS = 1.2
SHARD = 100
TIMEOUT = 20.0  # seconds a case may take
SLOWEST = 10.0  # seconds a case should take at most
MEMORY = 800  # MB a worker may have
PEAK_MARGIN = 0.1  # dB over the ceiling
LOUDNESS_MARGIN = 0.3  # LU between the written file and the record
SENTENCES = re.compile(r"[A-Z0-9](.|\n)*\w.*\.")
FLIPS = 50  # MP3 files with a flipped bit
AGAIN = 5  # cases of a shard that are ingested twice


@dataclass
class Summary:
    """What became of the cases.

    Attributes
    ----------
    violations
        Sentences on broken promises, with the number of the case.
    verdicts
        How often each verdict was given, by format.
    reasons
        How often each code was given.
    seconds, slowest
        Of the whole run, and of the slowest case.
    worker_mb, parent_mb
        Peak memory.
    """

    violations: list[str] = field(default_factory=list)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    cases: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    worker_mb: float = 0.0
    parent_mb: float = 0.0

    def __str__(self) -> str:
        lines = [
            f"{self.cases} cases in {self.seconds:.1f} s ({self.cases / self.seconds:.1f} a second), "
            f"the slowest {self.slowest:.2f} s; peak memory {self.worker_mb:.0f} MB in workers, "
            f"{self.parent_mb:.0f} MB in the parent",
            "format  accept    warn  quarantine",
        ]
        for name in FORMATS:
            counts = [self.verdicts[name, verdict] for verdict in ("accept", "warn", "quarantine")]
            lines.append(f"{name:6}{counts[0]:8}{counts[1]:8}{counts[2]:12}")
        lines.append(", ".join(f"{code} {count}" for code, count in self.reasons.most_common()))
        return "\n".join([*lines, *(f"VIOLATION {violation}" for violation in self.violations)])


# --------------------------------------------------------------------------- mutants

Mutation = Callable[[bytearray, np.random.Generator], bytearray]


def _place(content: bytearray, rng: np.random.Generator) -> int:
    """Return a place: in one case of three near the start, where the headers are."""
    return int(rng.integers(min(len(content), 600 if rng.random() < 1 / 3 else len(content)) or 1))


def _block(content: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    start = _place(content, rng)
    return start, min(len(content), start + int(2 ** rng.uniform(0, 14)))


def _flip_bits(content: bytearray, rng: np.random.Generator) -> bytearray:
    for _ in range(int(2 ** rng.uniform(0, 6))):
        content[_place(content, rng)] ^= 1 << int(rng.integers(8))
    return content


def _truncate(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[: _place(content, rng)]


def _delete(content: bytearray, rng: np.random.Generator) -> bytearray:
    start, stop = _block(content, rng)
    return content[:start] + content[stop:]


def _double(content: bytearray, rng: np.random.Generator) -> bytearray:
    start, stop = _block(content, rng)
    return content[:stop] + content[start:]


def _zero(content: bytearray, rng: np.random.Generator) -> bytearray:
    start, stop = _block(content, rng)
    return content[:start] + bytes(stop - start) + content[stop:]


def _scramble(content: bytearray, rng: np.random.Generator) -> bytearray:
    start, stop = _block(content, rng)
    return content[:start] + rng.bytes(stop - start) + content[stop:]


def _change_number(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Write a number that lengths and counts are afraid of over one, two, four or eight bytes."""
    form = rng.choice(["B", "<H", ">H", "<I", ">I", "<Q", ">Q"])
    size = struct.calcsize(form)
    most = 2 ** (8 * size) - 1
    number = int(rng.choice([0, 1, 2, 3])) if rng.random() < 0.3 else most >> int(rng.integers(8 * size))
    start = max(0, min(_place(content, rng), len(content) - size))
    content[start : start + size] = struct.pack(form, number)
    return content


def _splice(content: bytearray, rng: np.random.Generator) -> bytearray:
    other = seed_file(FORMATS[rng.integers(len(FORMATS))])
    start, stop = _block(bytearray(other), rng)
    place = _place(content, rng)
    return content[:place] + other[start:stop] + content[place:]


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits, _truncate, _delete, _double, _zero, _scramble, _change_number, _change_number, _splice,
)  # fmt: skip


@cache
def seed_file(kind: str) -> bytes:
    """Return the sound file of a format that mutants are made of: short pages, and an index that comes first."""
    if kind == "opus":
        samples = music(SECONDS, rate=OPUS_RATE)
        return coded(samples, "libopus", "ogg", rate=OPUS_RATE, muxing={"page_duration": "100000"})
    if kind == "m4a":
        return aac(music(SECONDS), muxing={"movflags": "faststart"})
    return base(kind, SECONDS)


def mutant(number: int, seed: int) -> tuple[str, bytes]:
    """Return format and content of a case; every sixteenth is the file as it was."""
    rng = np.random.default_rng([seed, number])
    kind = FORMATS[number % len(FORMATS)]
    content = bytearray(seed_file(kind))
    if is_whole(number):
        return kind, bytes(content)
    for _ in range(int(rng.integers(1, 4))):
        content = MUTATIONS[rng.integers(len(MUTATIONS))](content, rng)
        if not content:
            break
    return kind, bytes(content)


def is_whole(number: int) -> bool:
    """Tell whether a case is a file without damage."""
    return number // len(FORMATS) % 16 == 0


# --------------------------------------------------------------------------- promises


def run(cases: int, seed: int, *, keep: Path | None = None) -> Summary:
    """Ingest mutants and return what became of them; those that break a promise are written to the folder `keep`."""
    summary, start = Summary(), time.monotonic()
    for first in range(0, cases, SHARD):
        with tempfile.TemporaryDirectory() as home:
            shard = _Shard(range(first, min(cases, first + SHARD)), seed, Path(home), summary)
            for number, violation in shard.violations():
                kind, content = mutant(number, seed)
                summary.violations.append(f"case {number} of seed {seed} ({kind}): {violation}")
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{number}.{kind}").write_bytes(content)
    summary.seconds = time.monotonic() - start
    summary.worker_mb, summary.parent_mb = _peak_mb(resource.RUSAGE_CHILDREN), _peak_mb(resource.RUSAGE_SELF)
    if summary.worker_mb > summary.parent_mb + MEMORY:  # a worker begins as a copy of its parent
        summary.violations.append(f"a worker took {summary.worker_mb:.0f} MB")
    return summary


class _Shard:
    """Some cases, ingested together."""

    def __init__(self, numbers: range, seed: int, home: Path, summary: Summary) -> None:
        self.numbers, self.seed, self.home, self.summary = numbers, seed, home, summary
        self.before = set(psutil.Process().children())
        (home / "in").mkdir()
        self.tracks = [self._written(number) for number in numbers]

    def violations(self) -> Iterator[tuple[int, str]]:
        """Yield the number of a case and what is wrong with what became of it."""
        seconds, rows = self._ingested("out")
        self.summary.cases += len(rows)
        self.summary.slowest = max(self.summary.slowest, *seconds.values())
        if [row["track_id"] for row in rows] != [track["track_id"] for track in self.tracks]:
            yield self.numbers[0], f"{len(self.tracks)} cases gave other {len(rows)} rows"
            return
        for number, track, row in zip(self.numbers, self.tracks, rows, strict=True):
            self.summary.verdicts[FORMATS[number % len(FORMATS)], row["verdict"]] += 1
            self.summary.reasons.update(row["reason"].split())
            if seconds[row["track_id"]] > SLOWEST:
                yield number, f"it took {seconds[row['track_id']]:.1f} s"
            if is_whole(number) and row["verdict"] != "accept":
                yield number, f"a good file was not accepted: {row['message']}"
            if hashlib.sha256(Path(os.fsdecode(track["path"])).read_bytes()).hexdigest() != track["sha256"]:
                yield number, "the file was changed"
            for violation in [*_said_oddly(row), *(_written_oddly(self.home / "out", row) if row["ogg"] else ())]:
                yield number, violation
        yield from self._left_over(rows)
        yield from self._another_time(rows)

    def _written(self, number: int) -> dict:
        kind, content = mutant(number, self.seed)
        path = self.home / "in" / f"{number}.{kind}"
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return {"track_id": str(number), "path": bytes(path), "bytes": len(content), "sha256": digest}

    def _ingested(self, folder: str, count: int | None = None) -> tuple[dict[str, float], list[dict]]:
        seconds, last = {}, [time.monotonic()]

        def note(row: dict) -> None:
            now = time.monotonic()
            seconds[row["track_id"]], last[0] = now - last[0], now

        rows = ingest(
            self.tracks[:count],
            audio_folder=self.home / folder,
            settings=SETTINGS,
            stage_key="fuzz",
            report=note,
            timeout=TIMEOUT,
        )
        return seconds, rows.to_pylist()

    def _left_over(self, rows: list[dict]) -> Iterator[tuple[int, str]]:
        files = {str(path.relative_to(self.home / "out")) for path in (self.home / "out").rglob("*") if path.is_file()}
        if files != {row["ogg"] for row in rows if row["ogg"]}:
            yield self.numbers[0], "files of no track, or tracks without their file, are in the audio folder"
        if children := set(psutil.Process().children()) - self.before:
            yield self.numbers[0], f"{len(children)} processes are left"

    def _another_time(self, rows: list[dict]) -> Iterator[tuple[int, str]]:
        """Compare a few cases with what a second run makes of them."""
        _, again = self._ingested("again", AGAIN)
        for number, first, second in zip(self.numbers, rows, again, strict=False):
            if first != second:
                yield number, "a second run says otherwise"
            elif first["ogg"] and not _same_bytes(*(self.home / name / first["ogg"] for name in ("out", "again"))):
                yield number, "a second run writes another file"


def _said_oddly(row: dict) -> Iterator[str]:
    """Yield what is wrong with verdict, codes and message of a row."""
    verdict, codes, message = row["verdict"], row["reason"].split(), row["message"]
    if verdict not in ("accept", "warn", "quarantine"):
        yield f"the verdict is {verdict!r}"
    if verdict != verdict_of(codes) or (verdict == "quarantine" and len(codes) != 1):
        yield f"{verdict} with the codes {row['reason']!r}"
    if "Q_DECODER_TIMEOUT" in codes:
        yield "the decoder hung"
    if bool(codes) != bool(message) or (message and not SENTENCES.fullmatch(message)):
        yield f"the message is {message!r}"
    if (verdict == "quarantine") != (row["ogg"] is None):
        yield f"{verdict}, and the file {row['ogg']}"


def _written_oddly(folder: Path, row: dict) -> Iterator[str]:
    """Yield what is wrong with the file that was written, read with another library than the one that checked it."""
    with soundfile.SoundFile(folder / row["ogg"]) as file:
        form, samples = (file.samplerate, file.channels), file.read(dtype="float32")
    if form != (SETTINGS.sample_rate, 1) or len(samples) != row["frames"]:
        yield f"{len(samples)} frames at {form} were written, not {row['frames']}"
        return
    if not np.isfinite(samples).all():
        yield "the written file holds NaN or infinity"
        return
    peak = true_peak(samples)
    if peak > SETTINGS.true_peak + PEAK_MARGIN:
        yield f"the written file has a true peak of {peak:.2f} dBTP"
    expected, level = row["lufs"] + row["gain_db"], integrated_loudness(samples, SETTINGS.sample_rate)
    if abs(level - expected) > LOUDNESS_MARGIN or expected > SETTINGS.loudness + LOUDNESS_MARGIN:
        yield f"the written file has {level:.2f} LUFS, where {expected:.2f} are recorded"


def _same_bytes(first: Path, second: Path) -> bool:
    return first.read_bytes() == second.read_bytes()


def _peak_mb(who: int) -> float:
    return resource.getrusage(who).ru_maxrss * 1024 / 1e6


# --------------------------------------------------------------------------- bombs

BOMBS = {"silence": "Q_SILENT", "music": "W_LONG"}  # and what is to be said of each
BOMB_MEMORY = 500  # MB a worker may have


def bomb(kind: str) -> tuple[dict, float]:
    """Ingest ten hours of silence in 400 kB, or 25 minutes of music, with the default settings.

    Returns
    -------
    row, worker_mb
        The row of the track, and the peak memory of this process's workers so far.
    """
    content = flac_silence(36_000) if kind == "silence" else without_xing(sound_file(music(30), "mp3")) * 50
    with tempfile.TemporaryDirectory() as home:
        path = Path(home, "bomb.flac" if kind == "silence" else "bomb.mp3")
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        track = {"track_id": "bomb", "path": bytes(path), "bytes": len(content), "sha256": sha256}
        del content
        rows = ingest([track], audio_folder=home, settings=AudioSettings(), stage_key="bomb", timeout=300.0)
    return rows.to_pylist()[0], _peak_mb(resource.RUSAGE_CHILDREN)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that break a promise")
    parser.add_argument("--bomb", choices=BOMBS, help="nothing but one large file, and what memory it takes")
    arguments = parser.parse_args()
    if arguments.bomb:
        row, worker_mb = bomb(arguments.bomb)
        print(f"{arguments.bomb}: {row['verdict']} {row['reason']}, {worker_mb:.0f} MB in the worker")
        return int(worker_mb > BOMB_MEMORY or BOMBS[arguments.bomb] not in row["reason"].split())
    summary = run(arguments.cases, arguments.seed, keep=arguments.keep)
    print(summary)
    headers = contradictions.run(arguments.cases, arguments.seed, flips=FLIPS)
    print(headers)
    bombs = [subprocess.run([sys.executable, __file__, "--bomb", kind]).returncode for kind in BOMBS]
    return int(bool(summary.violations or headers.silent) or headers.flips_found < headers.flips or any(bombs))


if __name__ == "__main__":
    sys.exit(main())
