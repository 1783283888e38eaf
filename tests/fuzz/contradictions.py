"""Headers changed so that they contradict themselves, and MP3 audio with flipped bits: is any of it used in silence?

The oracle reads headers by itself. A change is *detectable* if samples would be read otherwise (channels, width, rate,
place, kind) and the header now contradicts another of its claims, or the size of the data or of the file.
"""

import os
import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from recordings import base, music, sound_file
from surgery import mp3_frames

from genreflow.audio.decode import decode
from genreflow.audio.quality import check
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings

SETTINGS = AudioSettings(min_seconds=0.4, max_minutes=0.5)
SECONDS = 0.6
FLAGS = ("W_HEADER", "W_TRUNCATED", "W_LENGTH_MISMATCH")  # what says that something is wrong with a header
DAMAGE = ("W_LAME_CRC", "W_DECODE_ERRORS", "W_TRUNCATED")
LINEAR_GUID = b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"  # end of the GUID of linear samples
_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}


@dataclass
class Claims:
    """What a header says: `fields` (name -> place, form), how samples are read, and whether all of it agrees."""

    fields: dict[str, tuple[int, str]]
    reading: tuple
    agrees: bool


def _get(content: bytes, place: int, form: str) -> int:
    return struct.unpack_from(form, content, place)[0]


def _wav(content: bytes) -> Claims:
    places, place = {}, 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        places.setdefault(name, place + 8)
        place += 8 + min(size, len(content)) + size % 2
    start, data = places[b"fmt "], places[b"data"]
    fields = {
        "tag": (start, "<H"), "channels": (start + 2, "<H"), "rate": (start + 4, "<I"), "byte_rate": (start + 8, "<I"),
        "align": (start + 12, "<H"), "bits": (start + 14, "<H"), "length": (data - 4, "<I"),
    }  # fmt: skip
    values = {name: _get(content, *where) for name, where in fields.items()}
    tag, length = values["tag"], values["length"]
    if tag == 0xFFFE:
        fields["valid"], tag = (start + 18, "<H"), _get(content, start + 24, "<H")
    width = 1 if tag in (6, 7) else -(-values["bits"] // 8)
    size = values["channels"] * width
    agrees = values["align"] == size and values["byte_rate"] == values["rate"] * size and size > 0
    if b"ds64" in places:
        length, frames = _get(content, places[b"ds64"] + 8, "<Q"), _get(content, places[b"ds64"] + 16, "<Q")
        agrees = agrees and frames in (0, length // size)
    agrees = agrees and length % size == 0 and data + length + length % 2 == len(content)
    if b"fact" in places:
        fields["fact"] = places[b"fact"], "<I"
        agrees = agrees and _get(content, places[b"fact"], "<I") == length // size
    return Claims(fields, (tag, values["channels"], width, values["rate"]), agrees)


def _aiff(content: bytes) -> Claims:
    places, place = {}, 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from(">4sI", content, place)
        places.setdefault(name, place + 8)
        place += 8 + size + size % 2
    common, sound = places[b"COMM"], places[b"SSND"]
    fields = {
        "channels": (common, ">H"), "frames": (common + 2, ">I"), "bits": (common + 6, ">H"),
        "length": (sound - 4, ">I"), "offset": (sound, ">I"),
    }  # fmt: skip
    values = {name: _get(content, *where) for name, where in fields.items()}
    kind = content[common + 18 : common + 22] if content[8:12] == b"AIFC" else b"NONE"
    width = {b"fl32": 4, b"FL32": 4, b"fl64": 8}.get(kind, -(-values["bits"] // 8))
    expected = values["frames"] * values["channels"] * width
    agrees = values["length"] - 8 - values["offset"] == expected
    return Claims(fields, (values["channels"], width, values["offset"]), agrees)


def _au(content: bytes) -> Claims:
    names = ("offset", "length", "encoding", "rate", "channels")
    fields = {name: (4 + 4 * i, ">I") for i, name in enumerate(names)}
    values = {name: _get(content, *where) for name, where in fields.items()}
    size = values["channels"] * _AU_WIDTHS.get(values["encoding"], 0)
    agrees = size > 0 and values["length"] % size == 0 and values["offset"] + values["length"] == len(content)
    return Claims(fields, tuple(values[name] for name in ("offset", "encoding", "rate", "channels")), agrees)


def _wave_extensible(channels: int) -> bytes:
    """Return a file with the long format chunk, of 24 bits."""
    samples = (music(SECONDS, channels=channels) * 2**23).astype("<i4")
    data = samples.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    size = 3 * channels
    form = struct.pack("<HHIIHHHHIH", 0xFFFE, channels, 44_100, 44_100 * size, size, 24, 22, 24, 0, 1) + LINEAR_GUID
    body = b"WAVE" + b"fmt " + struct.pack("<I", 40) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def seeds() -> list[tuple[str, Callable[[bytes], Claims], bytes]]:
    """Return suffix, oracle and content of the sound files whose headers are changed."""
    stereo, mono = music(SECONDS), music(SECONDS, channels=1)
    wavs = [sound_file(stereo), sound_file(mono, subtype="PCM_24"), sound_file(stereo, subtype="FLOAT")]
    wavs += [sound_file(mono, subtype="ULAW"), _wave_extensible(6), _wave_extensible(2), base("rf64", SECONDS)]
    aiffs = [sound_file(stereo, "aiff"), sound_file(mono, "aiff", subtype="PCM_24")]
    aiffs += [sound_file(stereo, "aiff", endian="LITTLE"), sound_file(stereo, "aiff", subtype="FLOAT")]
    aus = [
        sound_file(stereo, "au"),
        sound_file(mono, "au", subtype="PCM_24"),
        sound_file(stereo, "au", subtype="FLOAT"),
    ]
    return [
        *(("wav", _wav, content) for content in wavs),
        *(("aiff", _aiff, content) for content in aiffs),
        *(("au", _au, content) for content in aus),
    ]


def mutated(content: bytes, claims: Claims, rng: np.random.Generator) -> bytes:
    """Return a file of which one to three claims are changed, to values that are near or usual."""
    changed = bytearray(content)
    for name in rng.choice(list(claims.fields), rng.integers(1, 4), replace=False):
        place, form = claims.fields[name]
        value, most = _get(content, place, form), 256 ** struct.calcsize(form) - 1
        usual = {"channels": (1, 2, 3, 4, 6, 8), "bits": (8, 16, 24, 32, 64), "rate": (8_000, 22_050, 48_000, 96_000)}
        options = [value ^ 1 << int(rng.integers(8)), 2 * value, value // 2, value + 1, value - 1, 0]
        options += [3 * value, int(rng.integers(1, 65_536))] + list(usual.get(str(name), ())) * 2
        struct.pack_into(form, changed, place, int(options[rng.integers(len(options))]) & most)
    return bytes(changed)


@dataclass
class TrackListing:
    """How many changes were made, how many of them are detectable, and what became of these."""

    cases: int = 0
    detectable: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    flips: int = 0
    flips_found: int = 0
    silent: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        codes = ", ".join(f"{code} {count}" for code, count in self.verdicts.most_common())
        lines = [
            f"headers: {self.cases} changed, {self.detectable} detectably, {len(self.silent)} of these not noticed",
            f"  {codes}",
            f"MP3: {self.flips_found} of {self.flips} files with a flipped bit found",
        ]
        return "\n".join([*lines, *(f"SILENT {each}" for each in self.silent)])


def run(cases: int, seed: int, *, flips: int) -> TrackListing:
    """Judge files with changed headers, and MP3 files with flipped bits."""
    result, files = TrackListing(), seeds()
    for number in range(cases):
        rng = np.random.default_rng([seed, number])
        suffix, oracle, content = files[number % len(files)]
        original = oracle(content)
        if not original.agrees:
            raise ValueError(f"the {suffix} file that is to be changed contradicts itself")
        changed = mutated(content, original, rng)
        now = oracle(changed)
        result.cases += 1
        if now.agrees or now.reading == original.reading:
            continue
        result.detectable += 1
        codes = codes_of(changed)
        result.verdicts.update(codes or ["(none)"])
        if not any(code.startswith("Q_") or code in FLAGS for code in codes):
            result.silent.append(
                f"case {number} of seed {seed} ({suffix}): {original.reading} -> {now.reading}, {codes}"
            )
    for content in flipped(flips, seed):
        result.flips += 1
        result.flips_found += any(code.startswith("Q_") or code in DAMAGE for code in codes_of(content))
    return result


def flipped(count: int, seed: int) -> Iterator[bytes]:
    """Yield MP3 files, in each of which one bit of the audio is another."""
    content = base("mp3", SECONDS)
    start = len(mp3_frames(content)[0])
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        damaged = bytearray(content)
        damaged[rng.integers(start, len(content))] ^= 1 << int(rng.integers(8))
        yield bytes(damaged)


def codes_of(content: bytes) -> list[str]:
    """Return the codes of a sound file before any of its level."""
    handle, path = tempfile.mkstemp()
    os.close(handle)
    try:
        Path(path).write_bytes(content)
        with np.errstate(all="ignore"):
            decoded = decode(path, max_seconds=60 * SETTINGS.max_minutes, thresholds=SETTINGS.thresholds)
        return [caution.reason for caution in check(decoded, SETTINGS)]
    except RejectedTrack as refused:
        return [refused.reason]
    finally:
        os.unlink(path)
