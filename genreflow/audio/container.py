"""What kind of file this is, by its bytes alone: where its audio begins and ends, and how long it says it is."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from genreflow.audio import chunks, headers, mpeg, ogg
from genreflow.audio.contradictions import check_header
from genreflow.audio.verdict import RejectedTrack, TrackWarning

_HEAD_BYTES = 16_384  # more than a sequence of frames takes
_MOST_TAGS = 16
_TAG_HEADER = 10

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
    b"\x00\x05\x16\x07": "an AppleDouble side file",
}
_SUFFIXES = {
    "wav": ("wav", "wave", "bwf", "rf64"),
    "w64": ("w64",),
    "aiff": ("aif", "aiff", "aifc", "afc"),
    "au": ("au", "snd"),
    "caf": ("caf",),
    "flac": ("flac",),
    "ogg": ("ogg", "oga", "ogx", "opus"),
    "mp4": ("m4a", "mp4", "m4b", "m4p", "m4r", "m4v", "mov", "alac", "3gp"),
    "mp3": ("mp3", "mp2", "mp1", "mpga", "mpa"),
    "aac": ("aac", "adts"),
    "matroska": ("mka", "mkv", "webm", "weba"),
    "asf": ("wma", "asf", "wmv"),
    "wv": ("wv",),
    "tta": ("tta",),
    "ape": ("ape",),
    "mpc": ("mpc", "mp+", "mpp"),
    "dsf": ("dsf",),
    "dff": ("dff",),
}
# How files begin that have one magic number.
_MAGIC = {
    b"riff": "w64",
    b".snd": "au",
    b"caff": "caf",
    b"fLaC": "flac",
    ogg.CAPTURE: "ogg",
    headers.EBML: "matroska",
    headers.ASF: "asf",
    b"wvpk": "wv",
    b"TTA1": "tta",
    b"MAC ": "ape",
    b"MPCK": "mpc",
    b"MP+\x07": "mpc",
    b"MP+\x17": "mpc",
    b"DSD ": "dsf",
    b"FRM8": "dff",
}
_UNKNOWN = "not a known audio file"
FORMAT_CHANGE = TrackWarning("W_FORMAT_CHANGE", "The audio format changes midway; the first part is used.")
_NAMES = {
    "w64": "Wave64",
    "flac": "FLAC",
    "ogg": "Ogg",
    "mp4": "MPEG-4",
    "aac": "AAC (ADTS)",
    "matroska": "Matroska (WebM)",
    "asf": "Windows Media",
    "wv": "WavPack",
    "tta": "True Audio",
    "ape": "Monkey's Audio",
    "mpc": "Musepack",
    "dff": "DSDIFF",
}


class Excerpt:
    """A part of an open file that reads like a file of its own, behind a header that may be given.

    It has no name, since FFmpeg would go by the suffix.
    """

    def __init__(self, file: BinaryIO, start: int, stop: int | None = None, *, header: bytes = b"") -> None:
        self._file, self._start, self._header = file, start, header
        self._size = len(header) + (file.seek(0, os.SEEK_END) if stop is None else stop) - start
        self._place = 0

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes from here on."""
        left = max(0, self._size - self._place)
        if self._place < len(self._header):
            left = len(self._header) - self._place
        size = left if size < 0 else min(size, left)
        if self._place < len(self._header):
            found = self._header[self._place : self._place + size]
        else:
            self._file.seek(self._start + self._place - len(self._header))
            found = self._file.read(size)
        self._place += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place and return it."""
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place


@dataclass(frozen=True)
class ContainerProbe:
    """What a file says of itself.

    Parameters
    ----------
    container
        A key of `_SUFFIXES`: `wav`, `flac`, `mp3` ...
    pieces
        What FFmpeg is to read, one behind the other: without tags and junk, or what is of another format.
    header_is_exact
        Whether the length that FFmpeg reads from the header is that of the audio, and no estimate.
    stretch
        The bytes that the file claims to have over those that are there: more than 1 if it ends too early.
    cautions
        What is odd about the file.
    """

    container: str
    pieces: tuple[Excerpt, ...]
    header_is_exact: bool
    declared_to_decoded_ratio: float
    cautions: tuple[TrackWarning, ...]


def probe_container(file: BinaryIO, *, junk_bytes: int) -> ContainerProbe:
    """Examine an open file, whose position is changed; `junk_bytes` are searched for the start of an MPEG stream.

    Raises
    ------
    Refused
        `Q_NOT_AUDIO` or `Q_NO_AUDIO`, whatever the file is called; and what a header that is no good is refused with.
    """
    container, start, cautions = _locate(file, junk_bytes)
    audio = Excerpt(file, start)
    pieces, header_is_exact, declared_to_decoded_ratio = (audio,), False, 1.0
    match container:
        case "wav":
            chunks.check_wav(audio)
            declared_to_decoded_ratio = chunks.wav_stretch(audio)
            head = chunks.full_width_head(audio, chunks.wav_chunks(audio))
            pieces = (Excerpt(file, start + len(head), header=head),)
        case "w64":
            declared_to_decoded_ratio = chunks.w64_stretch(audio)
            head = chunks.full_width_head(audio, chunks.w64_chunks(audio))
            pieces = (Excerpt(file, start + len(head), header=head),)
        case "caf":
            declared_to_decoded_ratio = chunks.caf_stretch(audio)
        case "aiff":
            chunks.check_aiff(audio)
            declared_to_decoded_ratio = chunks.aiff_stretch(audio)
        case "au":
            declared_to_decoded_ratio = chunks.au_stretch(audio)
        case "mp4":
            declared_to_decoded_ratio, header_is_exact = chunks.mp4_stretch(audio), True
        case "matroska":
            declared_to_decoded_ratio = headers.matroska_stretch(audio)
        case "asf":
            declared_to_decoded_ratio = headers.asf_stretch(audio)
        case "dsf":
            declared_to_decoded_ratio = headers.dsf_stretch(audio)
        case "dff":
            declared_to_decoded_ratio = headers.dsdiff_stretch(audio)
        case "wv" | "tta" | "ape":
            header_is_exact = True
        case "mpc":  # of stream version 8 FFmpeg has the length wrong
            header_is_exact = _read(file, start, 4) != b"MPCK"
        case "mp3":
            header_is_exact = mpeg.counts_its_frames(audio)
        case "flac":
            header, begin = chunks.flac_audio(audio)
            pieces, header_is_exact = (Excerpt(file, start + begin, header=header),), True
        case "ogg":
            streams = ogg.scan_pages(audio)
            bounds = [start + link for link in streams.links or [0]]
            ends = [*bounds[1:], None if streams.stop is None else start + streams.stop]
            pieces = tuple(Excerpt(file, begin, end) for begin, end in zip(bounds, ends, strict=True))
            # Where no page is missing all is there, whatever its position says.
            header_is_exact = streams.ended and streams.gaps > 0
            cautions += _ogg_cautions(streams)
    cautions += tuple(check_header(container, audio))
    return ContainerProbe(container, pieces, header_is_exact, declared_to_decoded_ratio, cautions)


def extension_caution(path: bytes | str, container: str) -> list[TrackWarning]:
    """Return a caution where the name of a file is that of another container."""
    suffix = Path(os.fsdecode(path)).suffix[1:].lower()
    if suffix in _SUFFIXES[container]:
        return []
    name = f"ends in .{suffix}" if suffix.isalnum() and suffix.isascii() else "has no extension of audio"
    message = f"The name of the file {name}, but by its content it is {_NAMES.get(container, container.upper())}."
    return [TrackWarning("W_EXTENSION", message)]


def identify(head: bytes) -> str | None:
    """Return the container whose files begin with `head`; None for no supported one."""
    form, brand = head[:4], head[8:12]
    if form in (b"RIFF", b"RF64", b"BW64") and brand == b"WAVE":
        return "wav"
    if form == b"FORM" and brand in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mp4"
    if form in _MAGIC:
        return _MAGIC[form]
    frame = mpeg.frame(head)
    return frame and frame[0]


def _locate(file: BinaryIO, junk_bytes: int) -> tuple[str, int, tuple[TrackWarning, ...]]:
    """Return the container, the place where it begins, and what is odd about what comes before."""
    start, head = _behind_tags(file)
    container = identify(head)
    if container not in (None, "mp3", "aac") or mpeg.is_sequence(head, 0, is_end=len(head) < _HEAD_BYTES):
        return container, start, ()
    if not start and (guess := _guess(head)) != _UNKNOWN:  # no frame is to be found in it
        raise RejectedTrack("Q_NOT_AUDIO", f"By its content this is {guess}.")
    found = mpeg.find_sequence(file, start, junk_bytes)
    if found is None and start:  # the tag may be shorter than it says
        found = mpeg.find_sequence(file, _TAG_HEADER, junk_bytes)
    if found is None and start:
        raise RejectedTrack("Q_NO_AUDIO", "The file holds a tag, and no audio behind it.")
    if found is None:
        raise RejectedTrack("Q_NOT_AUDIO", f"By its content this is {_UNKNOWN}.")
    if start:
        caution = TrackWarning("W_TAG", "The tag at the start of the file is not as long as it says.")
    else:
        caution = TrackWarning("W_LEADING_JUNK", f"The first {found} bytes of the file are no audio, and are skipped.")
    return mpeg.frame(_read(file, found, _HEAD_BYTES))[0], found, (caution,)


def _behind_tags(file: BinaryIO) -> tuple[int, bytes]:
    """Return where the ID3 tags at the start of a file end, and the bytes there."""
    start = 0
    for _ in range(_MOST_TAGS):
        head = _read(file, start, _HEAD_BYTES)
        length = mpeg.id3_length(head)
        if not length:
            break
        start += length
    return start, head


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _guess(head: bytes) -> str:
    """Return what a file that begins with `head` is, other than audio."""
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return name
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    text = head.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")
    if text.lstrip()[:64].lower().startswith(("<!doctype html", "<html")):
        return "a web page"
    return "a text file" if all(sign >= " " or sign.isspace() for sign in text) else _UNKNOWN


def _ogg_cautions(streams: ogg.Streams) -> tuple[TrackWarning, ...]:
    cautions = []
    if streams.gaps:
        message = f"Pages of the Ogg stream are missing or damaged in {streams.gaps} places: audio is lost there."
        cautions.append(TrackWarning("W_GAP", message))
    if not streams.has_audio and streams.links:
        raise RejectedTrack("Q_NO_AUDIO", "The Ogg file has no audio stream of a known kind.")
    if not streams.ended:
        cautions.append(TrackWarning("W_NO_EOS", "The Ogg stream does not end where it should: it may be cut short."))
    if streams.stop is not None:
        cautions.append(FORMAT_CHANGE)
    return tuple(cautions)
