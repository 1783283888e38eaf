"""Small files of music in six formats, and their tags, written as taggers write them (mutagen)."""

import shutil
from pathlib import Path

import av
import mutagen
import numpy as np
import soundfile
from mutagen import id3

FORMATS = ("mp3", "flac", "ogg", "opus", "m4a", "wav")
SECONDS = 1.5
_FRAMES = {
    "genre": id3.TCON, "artist": id3.TPE1, "album_artist": id3.TPE2, "album": id3.TALB, "title": id3.TIT2,
    "grouping": id3.TIT1,
}  # fmt: skip
_ATOMS = {
    "genre": "\xa9gen", "artist": "\xa9ART", "album_artist": "aART", "album": "\xa9alb", "title": "\xa9nam",
    "grouping": "\xa9grp",
}  # fmt: skip


def write_file(path: Path, seed: int = 0, seconds: float = SECONDS) -> Path:
    """Write music, which depends on the seed, in the format of the suffix; without tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rate = 48_000 if path.suffix == ".opus" else 44_100
    time = np.arange(round(seconds * rate)) / rate
    pitch = 220 * 2 ** rng.uniform(0, 2)
    samples = 0.2 * np.sin(2 * np.pi * pitch * time)[:, None] + rng.normal(0, 0.02, (len(time), 2))
    kinds = {".mp3": ("MP3", None), ".ogg": ("OGG", "VORBIS"), ".opus": ("OGG", "OPUS"), ".aiff": ("AIFF", "PCM_16")}
    if path.suffix == ".m4a":
        _write_aac(path, samples.astype(np.float32), rate)
    else:
        kind, subtype = kinds.get(path.suffix, (path.suffix[1:].upper(), "PCM_16"))
        soundfile.write(path, samples, rate, format=kind, subtype=subtype)
    return path


def _write_aac(path: Path, samples: np.ndarray, rate: int) -> None:
    with av.open(str(path), "w", format="ipod") as media:
        stream = media.add_stream("aac", rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout="stereo")
        frame.rate = rate
        media.mux([*stream.encode(frame), *stream.encode(None)])


def write_tags(path: Path, **fields: str | list[str]) -> None:
    """Set fields of a file; several values are written as players do: as lists, or separated by zeros."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    for field, value in fields.items():
        values = [value] if isinstance(value, str) else value
        if isinstance(file.tags, id3.ID3):
            frame = _FRAMES.get(field)
            file.tags.add(frame(3, values) if frame else id3.TXXX(3, desc=field, text=values))
        elif path.suffix == ".m4a":
            atom = _ATOMS.get(field)
            file.tags[atom or f"----:com.apple.iTunes:{field}"] = values if atom else [v.encode() for v in values]
        else:
            file.tags[{"album_artist": "albumartist"}.get(field, field)] = values
    file.save()


def write_library(folder: Path, count: int = 60, seconds: float = 0) -> dict[str, dict[str, str | list[str]]]:
    """Write `count` files as artist/album/track in six formats; return path -> its tags.

    Their genres are spelled in several ways; each tenth has none, and each tenth two. All hold the same music, unless
    `seconds` are given, which each lasts.
    """
    templates = {kind: write_file(folder / f"template.{kind}", seed=1) for kind in FORMATS}
    spellings = {"Drum & Bass": ["Drum & Bass", "drum & bass", "Drum & Bass "], "Goa": ["Goa", "GOA", "goa"]}
    tags: dict[str, dict[str, str | list[str]]] = {}
    for number in range(count):
        kind, artist = FORMATS[number % len(FORMATS)], f"Artist {number // 5}"
        path = folder / artist / f"Album {number // 5}" / f"{number:02}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if seconds:
            write_file(path, seed=number, seconds=seconds)
        else:
            shutil.copy(templates[kind], path)
        genre = ["Drum & Bass", "Goa"][number // 5 % 2]
        values: dict[str, str | list[str]] = {
            "artist": artist,
            "album": f"Album {number // 5}",
            "title": f"Nº {number}",
        }
        if number % 10 != 9:
            values["genre"] = spellings[genre][number % 3]
        if number % 10 == 8:
            values["genre"] = [genre, "Ambient"]
        write_tags(path, **values)
        tags[str(path.relative_to(folder))] = values
    for template in templates.values():
        template.unlink()
    return tags
