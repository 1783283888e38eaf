"""Bytes to samples. The only place where FFmpeg (PyAV) is used.

FFmpeg is given an open file, never a name, and white lists of formats and protocols: a playlist, an image or a
name with a colon in it must not make it open something else.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import av
import numpy as np

from genreflow.audio.container import HEAD_BYTES, declared_seconds, identify
from genreflow.audio.verdict import Refused

MAX_VALUES = 2**29  # samples times channels that are held at once: 2 GiB

_OPTIONS = {
    "format_whitelist": "aac,aiff,au,caf,flac,mp3,mov,ogg,w64,wav",
    "protocol_whitelist": "file",
}
_BLOCK = 65_536  # frames converted at a time
_PLANAR_CHANNELS = 7  # PyAV reads planar frames of eight and more channels out of bounds


@dataclass(frozen=True)
class Decoded:
    """The first audio stream of a file.

    Parameters
    ----------
    samples
        float32 [frames, channels], full scale is 1; not clipped.
    rate
        Hz, as in the file.
    container, codec
        What the file is, by its content.
    declared_seconds
        The length the file declares, where such a claim is exact; else None.
    packets, errors
        Packets read, and those among them (or between them) that could not be decoded.
    cut
        Whether the file goes on after what was wanted of it.
    format_changed
        Whether the stream goes on at another rate, layout or sample format; only the first part is here.
    """

    samples: np.ndarray
    rate: int
    container: str
    codec: str
    declared_seconds: float | None
    packets: int
    errors: int
    cut: bool
    format_changed: bool

    @property
    def seconds(self) -> float:
        """Length of the samples."""
        return len(self.samples) / self.rate


def decode(path: bytes | str, *, max_seconds: float) -> Decoded:
    """Decode at most `max_seconds` of a file's first audio stream.

    Raises
    ------
    Refused
        When there is no audio to be had; never an error of a library.
    """
    try:
        with _regular_file(path) as file:
            before = _stamp(file)
            container = identify(file.read(HEAD_BYTES))
            decoded = _decode(file, container, max_seconds)
            if _stamp(file) != before:
                raise Refused("Q_CHANGED", "The file changed while it was read.")
            return decoded
    except Refused:
        raise
    except av.error.FFmpegError as error:
        raise Refused("Q_CONTAINER", f"FFmpeg cannot read it: {error.strerror}.") from error
    except MemoryError as error:
        raise Refused("Q_TOO_BIG", "The decoded audio does not fit into memory.") from error
    except OSError as error:
        raise Refused("Q_UNREADABLE", f"The file cannot be read: {error.strerror}.") from error
    except Exception as error:
        raise Refused("Q_CONTAINER", f"It cannot be decoded ({type(error).__name__}: {error}).") from error


@contextmanager
def _regular_file(path: bytes | str) -> Iterator[BinaryIO]:
    """Open a non-empty regular file; a pipe or a device is never opened, since reading it may not return."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("Q_NOT_FILE", "This is not a regular file.")
        if status.st_size == 0:
            raise Refused("Q_EMPTY", "The file has no bytes.")
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        if os.path.islink(path):  # noqa: PTH114 - paths may be bytes
            raise Refused("Q_NOT_FILE", "This is a link to a file that does not exist.") from None
        raise Refused("Q_GONE", "The file is no longer there.") from None
    except PermissionError:
        raise Refused("Q_PERMISSION", "There is no permission to read the file.") from None
    with file:
        yield file


def _stamp(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _decode(file: BinaryIO, container: str, max_seconds: float) -> Decoded:
    file.seek(0)
    with av.open(_Nameless(file), options=_OPTIONS, metadata_errors="replace") as media:
        if not media.streams.audio:
            raise Refused("Q_NO_AUDIO", "The file has no audio stream.")
        stream = media.streams.audio[0]
        if stream.codec_context is None:
            raise Refused("Q_CONTAINER", "There is no decoder for its audio stream.")
        codec = stream.codec_context.name
        header_seconds = float(stream.duration * stream.time_base) if stream.duration else None
        reader = _Reader(media, stream, max_seconds)
        blocks = list(reader.blocks())
    if not blocks:
        raise Refused("Q_NO_AUDIO", "No audio could be decoded from the file.")
    return Decoded(
        samples=np.concatenate(blocks, axis=1)[:, : reader.limit].T,
        rate=reader.rate,
        container=container,
        codec=codec,
        declared_seconds=declared_seconds(file, container, header_seconds),
        packets=reader.packets,
        errors=reader.errors,
        cut=reader.frames > reader.limit,
        format_changed=reader.format_changed,
    )


class _Nameless:
    """A file without its name, since FFmpeg would go by the suffix."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


class _Reader:
    """Reads a stream up to a limit, and counts what cannot be decoded instead of stopping at it."""

    def __init__(
        self, media: av.container.InputContainer, stream: av.audio.stream.AudioStream, max_seconds: float
    ) -> None:
        self.media = media
        self.stream = stream
        self.max_seconds = max_seconds
        self.rate = self.limit = 0
        self.packets = self.errors = self.frames = 0
        self.format_changed = False

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield float32 [channels, frames]; blocks are large, since codecs give as few as 64 frames at a time."""
        gathered = av.AudioFifo()
        first = None
        for frame in self._frames():
            form = frame.sample_rate, frame.layout.name, frame.format.name
            if first is None:
                first, self.rate = form, frame.sample_rate
                self.limit = min(round(self.max_seconds * self.rate), MAX_VALUES // frame.layout.nb_channels)
            if form != first:  # the queue would read out of bounds
                self.format_changed = True
                break
            frame.pts = None
            gathered.write(frame)
            self.frames += frame.samples
            if gathered.samples >= _BLOCK:
                yield _planar(gathered.read())
            if self.frames > self.limit:
                break
        if gathered.samples:
            yield _planar(gathered.read())

    def _frames(self) -> Iterator[av.AudioFrame]:
        for packet in self._packets():
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self.errors += 1

    def _packets(self) -> Iterator[av.Packet]:
        try:
            for packet in self.media.demux(self.stream):
                self.packets += 1
                yield packet
        except av.error.FFmpegError:
            self.errors += 1


def _planar(frame: av.AudioFrame) -> np.ndarray:
    """Return a frame of any sample format as float32 [channels, frames], scaled to a full scale of 1."""
    channels = frame.layout.nb_channels
    if channels <= _PLANAR_CHANNELS:
        (converted,) = av.AudioResampler(format="fltp").resample(frame)
        return converted.to_ndarray()
    (converted,) = av.AudioResampler(format="flt").resample(frame)
    return converted.to_ndarray().reshape(-1, channels).T
