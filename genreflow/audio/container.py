"""What kind of file this is, by its first bytes alone, and how long it says it is."""

import os
import struct
from typing import BinaryIO

from genreflow.audio.verdict import Refused

HEAD_BYTES = 4096
_OGG_TAIL_BYTES = 65_536  # more than the longest page
_UNKNOWN_SIZE = 0xFFFFFFFF

_FOREIGN = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\x1aE\xdf\xa3": "a Matroska file, which is not supported",
    b"0&\xb2u": "a Windows Media file, which is not supported",
    b"\x00\x05\x16\x07": "an AppleDouble side file",
}


def identify(head: bytes) -> str:
    """Return the container (`wav`, `w64`, `aiff`, `au`, `caf`, `flac`, `ogg`, `mp4`, `mp3` or `aac`) of a file's head.

    Raises
    ------
    Refused
        With `Q_NOT_AUDIO` when the first bytes are those of no supported container, whatever the file is called.
    """
    form, brand = head[:4], head[8:12]
    if form in (b"RIFF", b"RF64", b"BW64") and brand == b"WAVE":
        return "wav"
    if form == b"FORM" and brand in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in (b"ftyp", b"moov", b"mdat"):
        return "mp4"
    for magic, name in {b"riff": "w64", b".snd": "au", b"caff": "caf", b"fLaC": "flac", b"OggS": "ogg"}.items():
        if form == magic:
            return name
    if form[:3] == b"ID3":
        return "mp3"
    return _mpeg_stream(head) or _refuse(head)


def declared_seconds(file: BinaryIO, container: str, header_seconds: float | None) -> float | None:
    """Return the length that a file declares where such a claim is exact, else None.

    Parameters
    ----------
    file
        Open for reading; its position is changed.
    container
        As `identify` returns it.
    header_seconds
        What the demuxer makes of the header. It is an estimate for MPEG streams without a Xing header, the last
        page that happens to be there for Ogg, and cut down to the file's size for WAV.
    """
    if not header_seconds:
        return None
    if container == "wav":
        return header_seconds * _wav_stretch(file)
    if container == "mp3" and not _has_xing(file):
        return None
    if container == "ogg" and not _has_end_of_stream(file):
        return None
    return None if container in ("aac", "w64") else header_seconds


def _mpeg_stream(head: bytes) -> str | None:
    """Return what an MPEG audio frame header announces, if the head begins with a sound one."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer, bitrate, rate = head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if layer == 0:
        return "aac" if head[1] & 0xF0 == 0xF0 and head[2] >> 2 & 0xF < 13 else None
    reserved_version = head[1] >> 3 & 3 == 1
    return None if reserved_version or bitrate in (0, 15) or rate == 3 else "mp3"


def _refuse(head: bytes) -> str:
    guess = "not a known audio file"
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            guess = name
    if head.lstrip()[:64].lower().startswith((b"<!doctype html", b"<html")):
        guess = "a web page"
    elif not any(byte < 9 or 13 < byte < 32 for byte in head):
        guess = "a text file"
    raise Refused("Q_NOT_AUDIO", f"By its content this is {guess}.")


def _wav_stretch(file: BinaryIO) -> float:
    """Return how many times longer the data chunk says it is than what the file still holds of it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(12)
    while len(header := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", header)
        if name == b"data":
            present = size - file.tell()
            return max(1.0, length / present) if present > 0 and length != _UNKNOWN_SIZE else 1.0
        file.seek(length + length % 2, os.SEEK_CUR)
    return 1.0


def _has_xing(file: BinaryIO) -> bool:
    file.seek(0)
    head = file.read(10)
    if head[:3] == b"ID3" and len(head) == 10:
        length = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(10 + length)
    else:
        file.seek(0)
    first_frame = file.read(HEAD_BYTES)
    return b"Xing" in first_frame or b"Info" in first_frame


def _has_end_of_stream(file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _OGG_TAIL_BYTES))
    tail = file.read()
    last = tail.rfind(b"OggS")
    return last >= 0 and last + 6 <= len(tail) and bool(tail[last + 5] & 4)
