"""Ogg Vorbis files: the only writer, a reader that can start anywhere, and the comparison of both.

The same samples give the same bytes in every process: the random serial number that libsndfile draws for each stream
is replaced by one that the caller chooses, and frames are written in chunks of a fixed length.
"""

import errno
import io
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from scipy.fft import rfft

from genreflow.audio.ogg import HEADER, page_checksum, scan_pages
from genreflow.audio.verdict import RejectedTrack
from genreflow.errors import Damaged, UserError
from genreflow.store.atomic import write_bytes

# libvorbis keeps one write on the stack and crashes at about two million frames (libsndfile#1095). The length of the
# chunks changes the first samples, so another length would be a new version of every file.
CHUNK_FRAMES = 65_536

# Within the last page, libsndfile seeks to a wrong position: off by the cut part of the last block. A page has at most
# 255 packets of at most 1024 frames; before that, seeking is exact.
_LAST_PAGE_FRAMES = 2**18
_SERIAL_AT, _CHECKSUM_AT = 14, 22  # bytes of a page before its serial number and its checksum (RFC 3533)
_DIGEST = re.compile("[0-9a-f]{16}")
_SYSTEM_ERROR = 2  # of libsndfile: the system did not let it open or read the file

# Of the comparison of an encoded file with its samples.
_EXCERPT = 8192  # frames
_EVENLY = 4  # excerpts from start to end, beside the loudest
_HIGHEST = 16_000.0  # Hz; what coders do to higher frequencies is hardly heard
_QUIET = 1e-4  # -40 dB: quieter excerpts are judged as if they had this much of the power of the loudest
_LENGTH_TOLERANCE = 0.001  # seconds


def check_pages(path: str | os.PathLike) -> None:
    """Raise Damaged if a page of a file is missing or differs from the written one; libvorbis would skip it.

    A file that is named by a digest must also be the one that was written under this name, see `serial_of`.
    UserError if there is no such file.
    """
    try:
        with open(path, "rb") as file:
            streams = scan_pages(file)
            file.seek(_SERIAL_AT)
            serial = int.from_bytes(file.read(4), "little")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    if streams.gaps or not streams.ended:
        raise Damaged(path, f"{streams.gaps} pages are not sound" if streams.gaps else "its end is missing")
    if _DIGEST.fullmatch(Path(path).stem) and serial != serial_of(path):
        raise Damaged(path, "it was written under another name")


def serial_of(path: str | os.PathLike) -> int:
    """Return the serial number of the stream in a file that is named by a digest: its first eight digits."""
    return int(Path(path).stem[:8], 16)


def encode_ogg(samples: np.ndarray, rate: int, *, quality: float, serial: int, comment: str = "") -> bytes:
    """Return `samples` (float32 [n] or [n, channels]) as an Ogg Vorbis file.

    Parameters
    ----------
    samples
        Full scale is 1; higher samples are not clipped.
    rate
        Hz.
    quality
        -1 (smallest) to 10, as in `oggenc -q`.
    serial
        Number of the Ogg stream, 0 to 2**32 - 1.
    comment
        Text for the COMMENT tag.
    """
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    level = min(1.0, 1 - quality / 10)
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", rate, channels, format="OGG", subtype="VORBIS", compression_level=level
    ) as file:
        if comment:
            file.comment = comment
        for start in range(0, len(samples), CHUNK_FRAMES):
            file.write(samples[start : start + CHUNK_FRAMES])
    return with_serial(buffer.getbuffer(), serial)


def write_ogg(
    path: str | os.PathLike, samples: np.ndarray, rate: int, *, quality: float, serial: int, comment: str = ""
) -> None:
    """Write `samples` as an Ogg Vorbis file, atomically; parameters as in `encode_ogg`."""
    write_bytes(path, encode_ogg(samples, rate, quality=quality, serial=serial, comment=comment))


class OggReader:
    """An Ogg Vorbis file, or the bytes of one, that can be read from any frame on.

    It is opened anew for each read: after a first read, libsndfile sometimes seeks to a wrong position (14 of 300
    random reads of a track came out shifted; after opening, none).
    """

    def __init__(self, source: str | os.PathLike | bytes) -> None:
        self._source = source
        with _opened(source) as file:
            self.frames = file.frames

    def read(self, start: int = 0, frames: int = -1) -> np.ndarray:
        """Return `frames` frames (to the end if -1) from frame `start` on, float32 [n] or [n, channels].

        A partial read equals that slice of a full read, sample for sample.
        """
        exact = min(start, max(0, self.frames - _LAST_PAGE_FRAMES))
        with _opened(self._source) as file:
            file.seek(exact)
            file.read(start - exact, dtype="float32")
            return file.read(frames, dtype="float32")


@contextmanager
def _opened(source: str | os.PathLike | bytes) -> Iterator[soundfile.SoundFile]:
    """Yield an open file; if the system does not let it be opened or read, raise the error of the system."""
    try:
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
            yield file
    except soundfile.LibsndfileError as error:
        if isinstance(source, bytes) or error.code != _SYSTEM_ERROR:
            raise
        raise _system_error(source) from None


def _system_error(path: str | os.PathLike) -> Exception:
    """Return the error with which the system refuses to read a file; libsndfile hides it."""
    try:
        with open(path, "rb") as file:
            file.read(1)
    except FileNotFoundError:
        return Damaged(path, "it is missing")
    except OSError as error:
        return error
    return OSError(errno.EIO, os.strerror(errno.EIO), os.fspath(path))


def read_ogg(path: str | os.PathLike, *, start: int = 0, frames: int = -1) -> np.ndarray:
    """Return a part of a file, as `OggReader.read` does."""
    return OggReader(path).read(start, frames)


def ogg_frames(path: str | os.PathLike) -> int:
    """Return the number of frames."""
    with _opened(path) as file:
        return file.frames


def ogg_rate(path: str | os.PathLike) -> int:
    """Return the sampling rate, Hz."""
    with _opened(path) as file:
        return file.samplerate


def ogg_comment(path: str | os.PathLike) -> str:
    """Return the text of the COMMENT tag, empty if there is none."""
    with _opened(path) as file:
        return file.comment


def with_serial(source: bytes | memoryview, serial: int) -> bytes:
    """Return an Ogg file of one stream with its serial number replaced and its page checksums renewed (RFC 3533)."""
    ogg, start = bytearray(source), 0
    while start < len(ogg):
        segments = ogg[start + 26]
        end = start + HEADER + segments + sum(ogg[start + HEADER : start + HEADER + segments])
        struct.pack_into("<I", ogg, start + _SERIAL_AT, serial)
        struct.pack_into("<I", ogg, start + _CHECKSUM_AT, 0)  # the checksum is computed with zeros in its place
        ogg[start + _CHECKSUM_AT : start + _CHECKSUM_AT + 4] = page_checksum(ogg[start:end])
        start = end
    return bytes(ogg)


def check_coded(reader: OggReader, samples: np.ndarray, rate: int, *, snr: float) -> None:
    """Reject an encoded file (`Q_ENCODER`) that differs from `samples`, float32 [n] at `rate` Hz, in length or sound.

    Excerpts at the start, the end, the loudest point and some in between are compared below 16 kHz; in each, the
    coding error must be `snr` dB below the signal.
    """
    if abs(reader.frames - len(samples)) > _LENGTH_TOLERANCE * rate:
        raise RejectedTrack(
            "Q_ENCODER", f"The encoder made {reader.frames} frames of {len(samples)}; nothing was written."
        )
    powers = np.array([_powers(samples[place], reader.read(place.start, _EXCERPT), rate) for place in _places(samples)])
    signal, error = powers.T
    signal = np.maximum(signal, _QUIET * signal.max())
    worst = 10 * np.log10((signal / np.maximum(error, np.finfo(float).tiny)).min())
    if worst < snr:
        message = f"The coding error is {worst:.1f} dB below the signal; {snr:g} dB are needed. Nothing was written."
        raise RejectedTrack("Q_ENCODER", message)


def _places(samples: np.ndarray) -> list[slice]:
    last = max(0, len(samples) - _EXCERPT)
    starts = np.linspace(0, last, _EVENLY).astype(int).tolist()
    loudest = min(last, max(0, int(np.argmax(samples)) - _EXCERPT // 2))
    return [slice(start, start + _EXCERPT) for start in sorted({*starts, loudest})]


def _powers(samples: np.ndarray, coded: np.ndarray, rate: int) -> tuple[float, float]:
    """Return the power of a signal and that of its coding error, below 16 kHz."""
    window = np.hanning(len(samples)).astype(np.float32)
    highest = 1 + int(min(1.0, 2 * _HIGHEST / rate) * (len(samples) // 2))
    signal, error = rfft(np.stack([samples, coded - samples]) * window, axis=1)[:, :highest]
    return float(np.vdot(signal, signal).real), float(np.vdot(error, error).real)
