"""Short excerpts of tracks for playback on a page."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genreflow.audio.vorbis import check_pages, encode_ogg, ogg_frames, ogg_rate, read_ogg, serial_of
from genreflow.store.atomic import write_bytes
from genreflow.store.digest import digest

QUALITY = 3.0
FADE_S = 0.02  # a cut within a wave would click


@dataclass(frozen=True)
class Clip:
    """An excerpt: the normalized track (Ogg Vorbis), its start and its duration (s)."""

    path: Path
    begin_s: float
    seconds: float

    @property
    def name(self) -> str:
        """File name, a digest of the content: normalized tracks are named by their content."""
        return digest(self.path.name, round(self.begin_s, 3), self.seconds, QUALITY) + ".ogg"


def cut_clip(clip: Clip) -> bytes:
    """Return an excerpt as Ogg Vorbis at the sample rate of the track, faded in and out.

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
    return encode_ogg(samples, rate, quality=QUALITY, serial=serial_of(clip.name))


def write_clips(clips: Iterable[Clip], folder: Path) -> Iterator[str]:
    """Write the excerpts that `folder` lacks, yield the name of each, and remove other excerpts from the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    current = set()
    for clip in clips:
        current.add(clip.name)
        if not (folder / clip.name).exists():
            write_bytes(folder / clip.name, cut_clip(clip))
        yield clip.name
    for path in folder.glob("*.ogg"):
        if path.name not in current:
            path.unlink()
