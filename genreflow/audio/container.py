"""Probing of containers by their bytes alone: format, start and end of the audio, claimed length."""

import os
from dataclasses import dataclass
from pathlib import Path

from genreflow.audio import headers, mpeg, ogg
from genreflow.audio.bytesource import ByteSource, Excerpt
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
# The first bytes of files that have one magic number.
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
_SIZE_RATIOS = {
    "caf": headers.caf_size_ratio,
    "au": headers.au_size_ratio,
    "matroska": headers.matroska_size_ratio,
    "asf": headers.asf_size_ratio,
    "dsf": headers.dsf_size_ratio,
    "dff": headers.dsdiff_size_ratio,
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


@dataclass(frozen=True)
class ContainerProbe:
    """The format of a file and the extent of its audio.

    Attributes
    ----------
    container
        A key of `_SUFFIXES`: `wav`, `flac`, `mp3` ...
    pieces
        The parts for FFmpeg to read one after the other, without tags, junk, and audio of another format.
    header_is_exact
        Whether the length that FFmpeg reads from the header is that of the audio, and no estimate.
    declared_to_decoded_ratio
        Claimed bytes over present bytes: more than 1 if the file ends too early.
    warnings
        Oddities of the file.
    """

    container: str
    pieces: tuple[Excerpt, ...]
    header_is_exact: bool
    declared_to_decoded_ratio: float
    warnings: tuple[TrackWarning, ...]


def probe_container(file: ByteSource, *, junk_bytes: int) -> ContainerProbe:
    """Probe an open file, whose position is changed; `junk_bytes` are searched for the start of an MPEG stream.

    Raises
    ------
    RejectedTrack
        `Q_NOT_AUDIO` or `Q_NO_AUDIO`, whatever the name of the file; or the code of an unusable header.
    """
    container, start, warnings = _locate(file, junk_bytes)
    audio = Excerpt(file, start)
    pieces: tuple[Excerpt, ...] = (audio,)
    header_is_exact, ratio = False, 1.0
    match container:
        case "wav":
            headers.check_wav(audio)
            ratio = headers.wav_size_ratio(audio)
            head = headers.full_width_head(audio, headers.wav_chunks(audio))
            pieces = (Excerpt(file, start + len(head), header=head),)
        case "w64":
            ratio = headers.w64_size_ratio(audio)
            head = headers.full_width_head(audio, headers.w64_chunks(audio))
            pieces = (Excerpt(file, start + len(head), header=head),)
        case "aiff":
            headers.check_aiff(audio)
            ratio = headers.aiff_size_ratio(audio)
        case "mp4":
            ratio, header_is_exact = headers.mp4_size_ratio(audio), True
        case "caf" | "au" | "matroska" | "asf" | "dsf" | "dff":
            ratio = _SIZE_RATIOS[container](audio)
        case "wv" | "tta" | "ape":
            header_is_exact = True
        case "mpc":  # FFmpeg reads a wrong length from stream version 8
            header_is_exact = _read(file, start, 4) != b"MPCK"
        case "mp3":
            header_is_exact = mpeg.counts_its_frames(audio)
        case "flac":
            header, begin = headers.flac_audio(audio)
            pieces, header_is_exact = (Excerpt(file, start + begin, header=header),), True
        case "ogg":
            streams = ogg.scan_pages(audio)
            bounds = [start + link for link in streams.links or [0]]
            ends = [*bounds[1:], None if streams.stop is None else start + streams.stop]
            pieces = tuple(Excerpt(file, begin, end) for begin, end in zip(bounds, ends, strict=True))
            # Where no page is missing, all audio is there, whatever the position of the last page.
            header_is_exact = streams.ended and streams.gaps > 0
            warnings += _ogg_warnings(streams)
    warnings += tuple(check_header(container, audio))
    return ContainerProbe(container, pieces, header_is_exact, ratio, warnings)


def extension_warning(path: bytes | str, container: str) -> list[TrackWarning]:
    """Return a warning if the extension of a file is that of another container."""
    suffix = Path(os.fsdecode(path)).suffix[1:].lower()
    if suffix in _SUFFIXES[container]:
        return []
    name = f"ends in .{suffix}" if suffix.isalnum() and suffix.isascii() else "has no extension of audio"
    message = f"The name of the file {name}, but by its content it is {_NAMES.get(container, container.upper())}."
    return [TrackWarning("W_EXTENSION", message)]


def identify(head: bytes) -> str | None:
    """Return the container of a file by its first bytes; None for an unsupported one."""
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


def _locate(file: ByteSource, junk_bytes: int) -> tuple[str, int, tuple[TrackWarning, ...]]:
    """Return the container, its start, and warnings about the bytes before it."""
    start, head = _behind_tags(file)
    container = identify(head)
    is_stream = container in ("mp3", "aac")
    if container and (not is_stream or mpeg.is_sequence(head, 0, is_end=len(head) < _HEAD_BYTES)):
        return container, start, ()
    if not start and (guess := _guess(head)) != _UNKNOWN:  # it cannot hold a frame
        raise RejectedTrack("Q_NOT_AUDIO", f"By its content this is {guess}.")
    first = mpeg.find_sequence(file, start, junk_bytes)
    if first is None and start:  # the tag may be shorter than it claims
        first = mpeg.find_sequence(file, _TAG_HEADER, junk_bytes)
    if first is None and start:
        raise RejectedTrack("Q_NO_AUDIO", "The file holds a tag, and no audio behind it.")
    frame = None if first is None else mpeg.frame(_read(file, first, _HEAD_BYTES))
    if first is None or frame is None:
        raise RejectedTrack("Q_NOT_AUDIO", f"By its content this is {_UNKNOWN}.")
    if start:
        warning = TrackWarning("W_TAG", "The tag at the start of the file is not as long as it declares.")
    else:
        warning = TrackWarning("W_LEADING_JUNK", f"The first {first} bytes of the file are no audio, and are skipped.")
    return frame[0], first, (warning,)


def _behind_tags(file: ByteSource) -> tuple[int, bytes]:
    """Return the end of the ID3 tags at the start of a file, and the bytes there."""
    start = 0
    for _ in range(_MOST_TAGS):
        head = _read(file, start, _HEAD_BYTES)
        length = mpeg.id3_length(head)
        if not length:
            break
        start += length
    return start, head


def _read(file: ByteSource, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _guess(head: bytes) -> str:
    """Return the kind of a file that is no audio, by its first bytes."""
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            return name
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    text = head.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")
    if text.lstrip()[:64].lower().startswith(("<!doctype html", "<html")):
        return "a web page"
    return "a text file" if all(sign >= " " or sign.isspace() for sign in text) else _UNKNOWN


def _ogg_warnings(streams: ogg.Streams) -> tuple[TrackWarning, ...]:
    warnings = []
    if streams.gaps:
        message = f"Pages of the Ogg stream are missing or damaged in {streams.gaps} places: audio is lost there."
        warnings.append(TrackWarning("W_GAP", message))
    if not streams.has_audio and streams.links:
        raise RejectedTrack("Q_NO_AUDIO", "The Ogg file has no audio stream of a known kind.")
    if not streams.ended:
        warnings.append(TrackWarning("W_NO_EOS", "The Ogg stream does not end where it should: it may be cut short."))
    if streams.stop is not None:
        warnings.append(FORMAT_CHANGE)
    return tuple(warnings)
