"""Short excerpts of tracks for playback on a page, as MP3, which every browser plays."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from genreflow.audio.excerpts import at_rate
from genreflow.audio.vorbis import check_pages, ogg_frames, ogg_rate, read_ogg
from genreflow.errors import Damaged
from genreflow.store.atomic import write_bytes
from genreflow.store.digest import digest

COMPRESSION = 0.7  # of libsndfile, 0 to 1: a variable bit rate, some 55 kbit/s of mono music
SUFFIX = ".mp3"
_SEAL = 16  # hex digits
_RATES = frozenset({8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000})  # of MPEG, Hz
_OTHERWISE = 44_100
FADE_S = 0.02  # a cut within a wave would click


@dataclass(frozen=True)
class Clip:
    """An excerpt: the normalized track (Ogg Vorbis), its start and its duration (s)."""

    path: Path
    begin_s: float
    seconds: float

    @property
    def key(self) -> str:
        """Digest of what it is cut from and how: normalized tracks are named by their content."""
        return digest(self.path.name, round(self.begin_s, 3), self.seconds, COMPRESSION)


def cut_clip(clip: Clip) -> bytes:
    """Return an excerpt as MP3 at the sample rate of the track, if MP3 knows that, faded in and out.

    Raises
    ------
    Damaged
        When the file of the track is damaged.
    """
    check_pages(clip.path)
    rate, frames = ogg_rate(clip.path), ogg_frames(clip.path)
    length = min(frames, round(clip.seconds * rate))
    begin = min(round(clip.begin_s * rate), frames - length)
    samples = read_ogg(clip.path, start=begin, frames=length)
    ramp = np.linspace(0, 1, min(round(FADE_S * rate), len(samples) // 2), dtype=np.float32)
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    if rate not in _RATES:
        samples, rate = at_rate(samples, rate, _OTHERWISE), _OTHERWISE
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="MP3", subtype="MPEG_LAYER_III", compression_level=COMPRESSION)
    return file.getvalue()


def write_clips(clips: Iterable[Clip], folder: Path) -> Iterator[str]:
    """Write the excerpts that `folder` lacks, yield the name of each, and remove other excerpts from the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {path.name.partition("-")[0]: path for path in folder.glob(f"*{SUFFIX}") if _is_sound(path)}
    current = set()
    for clip in clips:
        path = known.get(clip.key)
        if path is None:
            content = cut_clip(clip)
            path = folder / f"{clip.key}-{_seal(content)}{SUFFIX}"
            write_bytes(path, content)
        current.add(path.name)
        yield path.name
    for path in folder.iterdir():
        if path.suffix in (SUFFIX, ".ogg") and path.name not in current:  # Ogg is that of an earlier release
            path.unlink()


def check_clip(path: Path) -> None:
    """Raise Damaged if an excerpt is not as it was written: its name ends with a digest of its content."""
    if path.stem.rpartition("-")[2] != _seal(path.read_bytes()):
        raise Damaged(path, "its content does not fit its name")


def _is_sound(path: Path) -> bool:
    try:
        check_clip(path)
    except Damaged:
        return False
    return True


def _seal(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_SEAL]
