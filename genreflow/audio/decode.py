"""Decoding of audio files with FFmpeg (PyAV), which only this package uses.

FFmpeg gets an open file, never a name, and allow lists of formats, codecs and protocols: a playlist, an image or a name
with a colon in it must not make it open something else.

The channels of a track are held one block at a time; only their mean and the levels of each stay in memory.
"""

import dataclasses
import errno
import hashlib
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import av
import numpy as np

from genreflow.audio.bytesource import ByteSource
from genreflow.audio.container import FORMAT_CHANGE, ContainerProbe, probe_container
from genreflow.audio.levels import LevelMeter, Levels
from genreflow.audio.mpeg import has_music_checksum
from genreflow.audio.verdict import RejectedTrack, TrackWarning
from genreflow.config.audio import QualityThresholds

MAX_FRAMES = 2**28  # held at once: 1 GiB

_OPTIONS = {
    "format_whitelist": "aac,aiff,ape,asf,au,caf,dsf,flac,iff,matroska,mov,mp3,mpc,mpc8,ogg,tta,w64,wav,wv",
    "protocol_whitelist": "file",
}
_CODECS = (
    "pcm_", "adpcm_", "gsm", "mp1", "mp2", "mp3", "aac", "alac", "flac", "vorbis", "opus", "libopus", "ac3", "eac3",
    "wma", "wavpack", "tta", "ape", "mpc7", "mpc8", "dsd_", "dst",
)  # fmt: skip
_BLOCK = 65_536  # frames converted at a time, about
_PLANAR_CHANNELS = 7  # PyAV reads planar frames of eight and more channels beyond their bounds
_GROWTH = 2**22  # frames
_OTHER_MUSIC = TrackWarning(
    "W_LAME_CRC", "The audio is not the one that was encoded: the checksum in the LAME tag of the MP3 file differs."
)
_MP4_TAGS = {
    "alac": ("alac",),
    "aac": ("mp4a", "aac "),
    "mp3": (".mp3", "mp4a"),
    "mp3float": (".mp3", "mp4a"),
    "flac": ("fLaC",),
    "opus": ("Opus",),
    "libopus": ("Opus",),
}


@dataclass(frozen=True)
class Decoded:
    """The first audio stream of a file, as one channel.

    Attributes
    ----------
    mono
        float32 [frames]: the mean of the channels without the low-frequency one, or the requested channel. Full scale
        is 1; not clipped.
    rate
        Hz, as in the file.
    channels
        Number of channels in the file.
    levels
        Levels of the channels.
    container, codec
        Format of the file, by its content.
    bits
        Bits of a sample as stored, where the codec is linear; else 0.
    declared_seconds
        The length that the file declares, where such a claim is exact; else None.
    packets, errors
        Packets read, and those among them (or between them) that could not be decoded. Damage at the very end counts
        as missing length, not as errors.
    ends_early
        Whether anything is missing at the end, be it a byte.
    cut
        Whether the file is longer than the requested length.
    checksum
        Whether the samples match the checksum in the file; None where it holds none.
    warnings
        Oddities of the file.
    """

    mono: np.ndarray
    rate: int
    channels: int
    levels: Levels
    container: str
    codec: str
    bits: int
    declared_seconds: float | None
    packets: int
    errors: int
    ends_early: bool
    cut: bool
    checksum: bool | None
    warnings: tuple[TrackWarning, ...]

    @property
    def seconds(self) -> float:
        """Length of the samples."""
        return len(self.mono) / self.rate


def decode(
    path: bytes | str, *, max_seconds: float, thresholds: QualityThresholds, channel: int | None = None
) -> Decoded:
    """Decode at most `max_seconds` of a file's first audio stream: the mean of its channels, or one `channel`.

    Raises
    ------
    RejectedTrack
        If no audio can be decoded; errors of libraries never escape.
    """
    with rejecting_library_errors(), opened(path, thresholds) as file:
        before = _stamp(file)
        container = probe_container(file, junk_bytes=round(1e6 * thresholds.junk_mb))
        decoded = _decode(container, max_seconds, thresholds, channel)
        if container.container == "mp3" and has_music_checksum(container.pieces[0]) is False:
            decoded = dataclasses.replace(decoded, warnings=(*decoded.warnings, _OTHER_MUSIC))
        if _stamp(file) != before:
            raise RejectedTrack("Q_CHANGED", "The file changed while it was read.")
        return decoded


@contextmanager
def rejecting_library_errors() -> Iterator[None]:
    """Turn any error of a library into a `RejectedTrack` with a plain message."""
    try:
        yield
    except RejectedTrack:
        raise
    except MemoryError as error:  # FFmpeg's is a subclass
        raise RejectedTrack("Q_MEMORY", "The memory that a track may take does not suffice to decode it.") from error
    except av.error.EOFError as error:
        raise RejectedTrack("Q_NO_AUDIO", "The file ends before its audio begins.") from error
    except av.error.PatchWelcomeError as error:
        raise RejectedTrack("Q_CODEC", "Its audio is coded in a way that is not supported.") from error
    except av.error.FFmpegError as error:
        message = f"The file is damaged, or holds no audio: {error.strerror}."
        raise RejectedTrack("Q_CONTAINER", message) from error
    except OSError as error:
        raise RejectedTrack("Q_UNREADABLE", f"The file cannot be read: {error.strerror}.") from error
    except (ValueError, ArithmeticError, LookupError, RecursionError, struct.error) as error:
        message = f"The file is damaged: the values in its header make no sense ({type(error).__name__})."
        raise RejectedTrack("Q_CONTAINER", message) from error


def regular_file_size(path: bytes | str) -> int:
    """Return the size of a regular file, bytes. Anything else is never opened: opening a pipe may not return.

    Raises
    ------
    RejectedTrack
        `Q_NOT_FILE`, `Q_GONE`, `Q_PERMISSION` or `Q_UNREADABLE`.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):  # noqa: PTH114 - paths may be bytes
            raise RejectedTrack("Q_NOT_FILE", "This is a link to a file that does not exist.") from None
        raise RejectedTrack("Q_GONE", "The file is no longer there.") from None
    except PermissionError:
        raise RejectedTrack("Q_PERMISSION", "There is no permission to read the file.") from None
    except OSError as error:
        code = "Q_NOT_FILE" if error.errno == errno.ELOOP else "Q_UNREADABLE"
        raise RejectedTrack(code, f"The file cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(status.st_mode):
        raise RejectedTrack("Q_NOT_FILE", "This is not a regular file.")
    return status.st_size


@contextmanager
def opened(path: bytes | str, thresholds: QualityThresholds) -> Iterator[BinaryIO]:
    """Open a regular file that is neither empty nor too large."""
    size = regular_file_size(path)
    if size == 0:
        raise RejectedTrack("Q_EMPTY", "The file has no bytes.")
    if size > 1e9 * thresholds.max_file_gb:
        message = f"The file has {size / 1e9:.1f} GB; files of up to {thresholds.max_file_gb:g} GB are read."
        raise RejectedTrack("Q_TOO_BIG", message)
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise RejectedTrack("Q_GONE", "The file is no longer there.") from None
    except PermissionError:
        raise RejectedTrack("Q_PERMISSION", "There is no permission to read the file.") from None
    with file:
        yield file


def _stamp(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def open_media(piece: ByteSource, *, buffer_bytes: int = 2**15) -> av.container.InputContainer:
    """Open a file for FFmpeg, which may not open any other file on its behalf, and reads so many bytes at once.

    Bytes of its metadata that are no UTF-8 become surrogates.
    """
    media = av.open(piece, options=_OPTIONS, metadata_errors="surrogateescape", buffer_size=buffer_bytes)
    return cast("av.container.InputContainer", media)  # in mode "r"


def metadata_of(file: ByteSource) -> dict[str, str]:
    """Return the metadata of a file and of its first audio stream; text that is no UTF-8 is read as Windows-1252."""
    with open_media(file) as media:
        metadata = dict(media.streams.audio[0].metadata) if media.streams.audio else {}
        return {name: _text(value) for name, value in (metadata | dict(media.metadata)).items()}


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return value


def stream_seconds(stream: av.audio.stream.AudioStream) -> float:
    """Return the length that a stream declares, s; 0 if it declares none."""
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0


def declared_seconds(media: av.container.InputContainer, stream: av.audio.stream.AudioStream) -> float:
    """Return the length that a stream, or else its container, declares, s; 0 if none does."""
    return stream_seconds(stream) or (media.duration or 0) / av.time_base


def packet_seconds(
    media: av.container.InputContainer, stream: av.audio.stream.AudioStream, max_seconds: float
) -> float:
    """Return the summed length of packets, s, up to `max_seconds` or the first error."""
    seconds = 0.0
    with suppress(av.error.FFmpegError):
        for packet in media.demux(stream):
            seconds += float((packet.duration or 0) * (stream.time_base or 0))
            if seconds >= max_seconds:
                break
    return seconds


def _decode(
    container: ContainerProbe, max_seconds: float, thresholds: QualityThresholds, channel: int | None
) -> Decoded:
    reader = _Reader(max_seconds, channel)
    warnings: tuple[TrackWarning, ...] = ()
    header_seconds: float | None = 0.0
    for piece in container.pieces:
        piece.seek(0)
        with open_media(piece) as media:
            stream, warnings = choose_stream(media, container.container, thresholds)
            seconds = stream_seconds(stream)
            header_seconds = header_seconds + seconds if seconds and header_seconds is not None else None
            codec, bits = stream.codec_context.name, _bits(stream.codec_context)
            reader.read(media, stream)
        if reader.is_done:
            break
    reader.finish()
    if not reader.frames:
        raise RejectedTrack("Q_NO_AUDIO", "No audio could be decoded from the file.")
    declared = header_seconds if container.header_is_exact else None
    if container.declared_to_decoded_ratio > 1 and not container.header_is_exact:
        declared = container.declared_to_decoded_ratio * reader.frames / reader.rate
    if reader.format_changed or reader.checksum():  # samples that match their checksum are complete
        declared = None
    flac_is_short = codec == "flac" and declared is not None and declared * reader.rate >= reader.frames + 1
    return Decoded(
        mono=reader.mono.values(),
        rate=reader.rate,
        channels=reader.channels,
        levels=reader.meter.read(),
        container=container.container,
        codec=codec,
        bits=bits,
        declared_seconds=declared,
        packets=reader.packets,
        errors=reader.errors,
        ends_early=container.declared_to_decoded_ratio > 1 or flac_is_short,
        cut=reader.cut,
        checksum=reader.checksum(),
        warnings=container.warnings + warnings + ((FORMAT_CHANGE,) if reader.format_changed else ()),
    )


def choose_stream(
    media: av.container.InputContainer, container: str, thresholds: QualityThresholds
) -> tuple[av.audio.stream.AudioStream, tuple[TrackWarning, ...]]:
    """Return the default audio stream, or else the first, ready to be decoded, and warnings about it."""
    streams = media.streams.audio
    if not streams:
        raise RejectedTrack("Q_NO_AUDIO", "The file has no audio stream.")
    stream = next((stream for stream in streams if stream.disposition & av.stream.Disposition.default), streams[0])
    context = stream.codec_context
    if context is None:
        raise RejectedTrack("Q_CONTAINER", "The header names a coding of the audio that is not known.")
    if not context.name.startswith(_CODECS):
        raise RejectedTrack("Q_CODEC", f"The audio is coded as {context.name}, which is not supported.")
    if context.channels > thresholds.max_channels:
        raise RejectedTrack("Q_CONTAINER", f"The header claims {context.channels} channels; there is no such music.")
    context.thread_count = 1
    if context.name == "flac":  # which ignores damage by default
        context.options = {"err_detect": "crccheck+explode"}
    warnings = []
    if len(streams) > 1:
        message = f"The file has {len(streams)} audio streams; number {streams.index(stream) + 1} is used."
        warnings.append(TrackWarning("W_MULTI_STREAM", message))
    if container == "mp4" and context.codec_tag.strip("\0") not in _MP4_TAGS.get(context.name, (context.codec_tag,)):
        warnings.append(TrackWarning("W_TAG", "The index of the file calls the coding of its audio by a wrong name."))
    return stream, tuple(warnings)


class _Reader:
    """Reads streams up to a limit, and counts packets that cannot be decoded instead of stopping at them."""

    def __init__(self, max_seconds: float, channel: int | None) -> None:
        self.max_seconds, self.channel = max_seconds, channel
        self.mono = _GrowingArray()
        self.rate = self.channels = self.frames = 0
        self.packets = self.errors = 0
        self.cut = self.format_changed = False
        self._pending_errors = 0  # errors at the very end do not count
        self._next_pts: int | None = None
        self._format: tuple[Any, ...] | None = None
        self._queue = av.AudioFifo()
        self._digest: _FlacDigest | None = None

    @property
    def is_done(self) -> bool:
        """Whether reading has ended before the end of the file."""
        return self.cut or self.format_changed

    def read(self, media: av.container.InputContainer, stream: av.audio.stream.AudioStream) -> None:
        """Read a stream, which continues those before."""
        self._digest = _FlacDigest(stream.codec_context)
        self._next_pts = None
        for frame in self._frames(media, stream):
            frame_format = frame.sample_rate, frame.layout.name, frame.format.name
            if self._format is None:
                self._format = frame_format
                self._start(frame)
            if frame_format != self._format:  # the queue would read beyond its bounds
                self.format_changed = True
                return
            if stream.codec_context.name == "flac":
                self._count_dropped(frame)
            self.errors, self._pending_errors = self.errors + self._pending_errors, 0
            self._digest.add(frame)
            frame.pts = None
            self._queue.write(frame)
            while block := self._queue.read(self._block):  # None until there is a whole one
                self._add(block)
            if self.frames + self._queue.samples > self._limit:
                self.cut = True
                return

    def finish(self) -> None:
        """Add the samples that are left in the queue."""
        if rest := self._queue.read():
            self._add(rest)

    def checksum(self) -> bool | None:
        """Return whether the samples match the checksum of the file; None without one, or without all samples."""
        return None if self.is_done or self._digest is None else self._digest.matches()

    def _start(self, frame: av.AudioFrame) -> None:
        self.rate, self.channels = frame.sample_rate, frame.layout.nb_channels
        if not self.rate:
            raise RejectedTrack("Q_RATE", "The header claims a sampling rate of 0 Hz.")
        self.meter = LevelMeter(self.channels, self.rate)
        self._block = self.meter.block_frames(_BLOCK)
        self._limit = min(round(self.max_seconds * self.rate), MAX_FRAMES)
        names = [channel.name for channel in frame.layout.channels]
        self._full_range = [place for place, name in enumerate(names) if name not in ("LFE", "LFE2")]

    def _count_dropped(self, frame: av.AudioFrame) -> None:
        """Count the packets before a frame that the parser of FLAC has silently dropped."""
        if frame.pts is not None:
            lost = 0 if self._next_pts is None else round((frame.pts - self._next_pts) / frame.samples)
            self.packets += max(0, lost - self._pending_errors)
            self._pending_errors = max(lost, self._pending_errors)
            self._next_pts = frame.pts
        if self._next_pts is not None:
            self._next_pts += frame.samples

    def _add(self, frame: av.AudioFrame) -> None:
        """Add a block to the downmix and to the levels."""
        block = _planar(frame)[:, : self._limit - self.frames]
        mono = self.mono.extend(block.shape[1])
        if self.channel is not None:
            mono[:] = block[self.channel]
        elif len(self._full_range) == 2:
            np.add(block[self._full_range[0]], block[self._full_range[1]], out=mono)
            mono *= np.float32(0.5)
        else:
            np.mean(block[self._full_range or slice(None)], axis=0, out=mono)
        self.meter.add(block, mono)
        self.frames += block.shape[1]

    def _frames(
        self, media: av.container.InputContainer, stream: av.audio.stream.AudioStream
    ) -> Iterator[av.AudioFrame]:
        for packet in self._packets(media, stream):
            try:
                yield from cast("list[av.AudioFrame]", packet.decode())
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                self._pending_errors += 1

    def _packets(self, media: av.container.InputContainer, stream: av.audio.stream.AudioStream) -> Iterator[av.Packet]:
        try:
            for packet in media.demux(stream):
                self.packets += 1
                yield packet
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            self._pending_errors += 1


class _GrowingArray:
    """A float32 array that grows in place, so that memory never holds two copies."""

    def __init__(self) -> None:
        self._array = np.empty(0, np.float32)
        self._size = 0

    def extend(self, count: int) -> np.ndarray:
        """Return a view of `count` new values; earlier views become invalid."""
        end = self._size + count
        if end > len(self._array):
            self._array.resize(end + _GROWTH, refcheck=False)
        view = self._array[self._size : end]
        self._size = end
        return view

    def values(self) -> np.ndarray:
        """Return all values."""
        return self._array[: self._size]


class _FlacDigest:
    """The MD5 of decoded FLAC, compared with the one in its header (RFC 9639, 8.2)."""

    def __init__(self, context: av.codec.context.CodecContext) -> None:
        self._bytes, odd_bits = divmod(_bits(context), 8)
        has_md5 = context.name == "flac" and self._bytes and not odd_bits
        expected = bytes(context.extradata or b"")[18:34] if has_md5 else b""
        self._expected = expected if any(expected) else b""
        self._md5 = hashlib.md5(usedforsecurity=False)

    def add(self, frame: av.AudioFrame) -> None:
        """Add a decoded frame."""
        if self._expected:
            width = frame.format.bytes
            samples = np.frombuffer(
                memoryview(frame.planes[0]), np.uint8, frame.samples * frame.layout.nb_channels * width
            )
            if width > self._bytes:  # the samples are in the upper bytes
                samples = samples.reshape(-1, width)[:, -self._bytes :]
            self._md5.update(samples.tobytes())

    def matches(self) -> bool | None:
        """Return whether both are equal; None if the header holds none."""
        return self._md5.digest() == self._expected if self._expected else None


def _bits(context: av.codec.context.CodecContext) -> int:
    """Return the bits of a linear sample as stored; 0 for other codecs."""
    header = bytes(context.extradata or b"")
    if context.name == "flac" and len(header) >= 34:
        return (int.from_bytes(header[12:14], "big") >> 4 & 31) + 1
    linear = re.fullmatch(r"pcm_[sfu](\d+)(le|be)?(_planar)?", context.name)
    return int(linear[1]) if linear else 0


def _planar(frame: av.AudioFrame) -> np.ndarray:
    """Return a frame of any sample format as float32 [channels, frames], scaled to a full scale of 1."""
    channels = frame.layout.nb_channels
    if channels <= _PLANAR_CHANNELS:
        (converted,) = av.AudioResampler(format="fltp").resample(frame)
        return converted.to_ndarray()
    (converted,) = av.AudioResampler(format="flt").resample(frame)
    return np.ascontiguousarray(converted.to_ndarray().reshape(-1, channels).T)
