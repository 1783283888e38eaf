"""Headers of uncompressed audio that contradict themselves or the size of their data.

Claims that such a header repeats must agree, or decoders silently read samples of the wrong width, from the wrong
channel or at the wrong rate. A contradiction is rejected where it is open which claim is true, and
reported as a warning where the other claims outvote one.
"""

import os
import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from genreflow.audio import headers
from genreflow.audio.bytesource import ByteSource
from genreflow.audio.verdict import RejectedTrack, TrackWarning

_MOST_CHUNKS = 10_000
_UNKNOWN_SIZE = 0xFFFFFFFF
_EXTENSIBLE = 0xFFFE
_FIXED_WIDTH = {6: 1, 7: 1}  # bytes of a sample by the format tag of WAV (A-law, mu-law), whatever its bits
_DIALOGIC = 0x17
_ADPCM_TAGS, _ADPCM_BITS = (0x02, 0x11, _DIALOGIC), 5  # the first by Microsoft and IMA
_LINEAR_TAGS = (1, 3, *_FIXED_WIDTH)
_USUAL_RATES = {base * 2**n for base in (8_000, 11_025, 12_000) for n in range(7)}
_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # by encoding
# Bytes of a sample by the compression type of AIFC; None: as many as its bits take.
_AIFC_WIDTHS = {
    b"NONE": None, b"sowt": None, b"twos": None, b"raw ": 1, b"in24": 3, b"in32": 4, b"23ni": 4, b"fl32": 4, b"FL32": 4,
    b"fl64": 8, b"FL64": 8, b"alaw": 1, b"ALAW": 1, b"ulaw": 1, b"ULAW": 1,
}  # fmt: skip
_AU_HEADER = 24  # bytes, at least
_CHUNK_HEADER = 8
_SSND_HEADER = 8  # bytes: where the samples begin, and the size of their blocks


def check_header(container: str, file: ByteSource) -> list[TrackWarning]:
    """Compare the claims of the header of a WAV, Wave64, AIFF, AU or CAF file.

    Returns
    -------
    A warning (`W_HEADER`) if a claim is wrong and the others outvote it.

    Raises
    ------
    RejectedTrack
        `Q_HEADER` if it is open which of them is true, so that samples may be misread.
    """
    checks = {"wav": _check_wav, "w64": _check_w64, "aiff": _check_aiff, "au": _check_au, "caf": _check_caf}
    wrong = list(checks[container](file)) if container in checks else []
    if not wrong:
        return []
    return [TrackWarning("W_HEADER", f"The header is wrong in what does not matter: {'; '.join(wrong)}.")]


def _check_wav(file: ByteSource) -> Iterator[str]:
    parts: dict[bytes, headers.Chunk] = {}
    for chunk in islice(headers.wav_chunks(file), _MOST_CHUNKS):
        parts.setdefault(chunk.name, chunk)
    if not {b"fmt ", b"data"} <= set(parts):
        return
    length, frames = parts[b"data"].length, None
    if b"ds64" in parts and length == _UNKNOWN_SIZE:
        length, frames = _unpacked(file, parts[b"ds64"].start + 8, "<QQ") or (length, None)
    elif b"fact" in parts:
        (frames,) = _unpacked(file, parts[b"fact"].start, "<I") or (None,)
    if length != _UNKNOWN_SIZE:
        yield from _check_end(file, parts[b"data"].start, length)
    yield from _check_wave_format(file, parts[b"fmt "], length or _UNKNOWN_SIZE, frames or None)


def _check_end(file: ByteSource, start: int, length: int) -> Iterator[str]:
    """Compare the end of the samples of a whole WAV file with the bytes that follow: none, or another chunk."""
    whole, size = (_unpacked(file, 4, "<I") or (0,))[0] + 8, file.seek(0, os.SEEK_END)
    if abs(whole - size) > 1:
        return  # cut off, or with bytes after it: the size ratio deals with that
    end = start + length + length % 2
    if start + length > size + 1:
        yield f"it claims {length} bytes of samples, and there are {size - start}"
    elif end + _CHUNK_HEADER <= size:
        name, more = _unpacked(file, end, "<4sI") or (b"\0", 0)
        if not (name.isascii() and name.decode("ascii").isprintable()) or end + more > size:
            yield f"it claims {length} bytes of samples, and no chunk follows them"
    elif end + 1 < size:
        yield f"it claims {length} bytes of samples, and there are {size - start}"


def _check_w64(file: ByteSource) -> Iterator[str]:
    parts = {chunk.name: chunk for chunk in islice(headers.w64_chunks(file), _MOST_CHUNKS)}
    if b"fmt " in parts and b"data" in parts:
        yield from _check_wave_format(file, parts[b"fmt "], parts[b"data"].length, None)


def _check_wave_format(file: ByteSource, chunk: headers.Chunk, length: int, frames: int | None) -> Iterator[str]:
    """Compare the fields of a format chunk with each other, with the bytes of the data and their number of frames."""
    fields = _unpacked(file, chunk.start, "<HHIIHH")
    if fields is None:
        return
    tag, channels, rate, byte_rate, align, bits = fields
    if tag == _EXTENSIBLE:
        extension = _unpacked(file, chunk.start + 18, "<HIH") if chunk.length >= 40 else None
        if extension is None:
            raise _contradiction("it announces an extension and is too short for one")
        valid, _, tag = extension
        if valid > bits:
            raise _contradiction(f"of {bits} bits of a sample, {valid} are said to be valid")
    if tag in _ADPCM_TAGS:
        if bits > _ADPCM_BITS:
            raise _contradiction(f"its coding takes {_ADPCM_BITS} bits a sample at most, and {bits} are claimed")
        if tag == _DIALOGIC and 2 * byte_rate != rate * channels:
            raise _contradiction(f"its coding takes half a byte a sample, and {byte_rate} bytes a second are claimed")
    if tag not in _LINEAR_TAGS or not channels or not rate:
        return
    width = _FIXED_WIDTH.get(tag, -(-bits // 8))
    if tag in _FIXED_WIDTH and bits not in (0, 8):
        yield f"{bits} bits a sample are claimed, where there are 8"
    yield from _check_rates(channels, width, rate, byte_rate, align)
    size = channels * width
    if length != _UNKNOWN_SIZE:
        yield from _check_length(length, size, width, frames)


def _check_rates(channels: int, width: int, rate: int, byte_rate: int, align: int) -> Iterator[str]:
    size = channels * width
    if align != size:
        claims = f"{channels} channels of {8 * width} bits are {size} bytes a frame, and the block size is {align}"
        if align and byte_rate != rate * size:
            raise _contradiction(claims)
        if not align and byte_rate not in (0, rate * size):
            raise _contradiction(f"{claims}, at {byte_rate} bytes a second")
        yield claims
    if byte_rate != rate * size:
        claims = f"{rate} Hz are {rate * size} bytes a second, and {byte_rate} are claimed"
        if rate not in _USUAL_RATES or any(byte_rate == usual * size for usual in _USUAL_RATES):
            raise _contradiction(claims)
        yield claims


def _check_length(length: int, size: int, width: int, frames: int | None) -> Iterator[str]:
    """Compare the bytes of the data with those of a frame, and with the number of frames where it is given."""
    if length % size:
        yield f"{length} bytes of samples are no whole number of frames of {size} bytes"
    if frames is None or length // size == frames:
        return
    claims = f"{length} bytes are {length // size} frames, and {frames} are claimed"
    if length % frames == 0 and length // width != frames:  # some programs count samples instead of frames
        raise _contradiction(claims)
    yield claims


def _check_aiff(file: ByteSource) -> Iterator[str]:
    parts: dict[bytes, headers.Chunk] = {}
    for chunk in islice(headers.aiff_chunks(file), _MOST_CHUNKS):
        parts.setdefault(chunk.name, chunk)
    if not {b"COMM", b"SSND"} <= set(parts):
        return
    common, sound = parts[b"COMM"], parts[b"SSND"]
    fields, offset = _unpacked(file, common.start, ">HIH"), _unpacked(file, sound.start, ">I")
    if fields is None or offset is None:
        return
    channels, frames, bits = fields
    width = -(-bits // 8)
    if common.length >= 22:  # AIFC
        (kind,) = _unpacked(file, common.start + 18, ">4s") or (b"",)
        if kind not in _AIFC_WIDTHS:
            return
        width = _AIFC_WIDTHS[kind] or width
        if bits and -(-bits // 8) not in (width, 2) and kind not in (b"NONE", b"sowt", b"twos"):
            yield f"{bits} bits a sample are claimed, where there are {8 * width}"
    size, length = channels * width, sound.length - _SSND_HEADER - offset[0]
    if not size:
        raise _contradiction(f"it claims {channels} channels of {bits} bits")
    if sound.length == _UNKNOWN_SIZE or length == frames == 0:
        return
    if frames in (0, _UNKNOWN_SIZE) and length > 0:
        yield f"it claims {frames} frames, and there are {length} bytes of samples"
        return
    if 0 <= length - frames * size <= 1:  # a padding byte may be counted
        return
    expected = f"{channels} channels of {8 * width} bits in {frames} frames are {frames * size} bytes"
    claims = f"{expected}, and there are {max(0, length)}"
    if length <= 0 or length % frames == 0 or length % size:
        raise _contradiction(claims)
    yield claims


def _check_au(file: ByteSource) -> Iterator[str]:
    fields = _unpacked(file, 4, ">5I")
    if fields is None:
        return
    offset, length, encoding, _, channels = fields
    size = channels * _AU_WIDTHS.get(encoding, 0)
    present = file.seek(0, os.SEEK_END) - offset
    if offset < _AU_HEADER:
        raise _contradiction(f"its samples are said to begin at byte {offset}, within the header")
    if not size or present <= 0:
        return
    if length not in (0, _UNKNOWN_SIZE) and length % size:
        raise _contradiction(f"{length} bytes of samples are no whole number of frames of {size} bytes")
    if length == _UNKNOWN_SIZE and present % size:
        yield f"{present} bytes of samples are no whole number of frames of {size} bytes"
    if length < present:
        yield f"it claims {length} bytes of samples, and there are {present}"


def _check_caf(file: ByteSource) -> Iterator[str]:
    for chunk in islice(headers.caf_chunks(file), _MOST_CHUNKS):
        fields = _unpacked(file, chunk.start, ">d4sIIIII") if chunk.name == b"desc" else None
        if fields is None:
            continue
        _, kind, _, packet_bytes, packet_frames, channels, bits = fields
        size = packet_frames * channels * -(-bits // 8)
        if kind == b"lpcm" and packet_bytes != size:
            raise _contradiction(
                f"{channels} channels of {bits} bits are {size} bytes a packet, and {packet_bytes} are claimed"
            )
        return
    yield from ()  # a generator like the other checks, which may yield


def _unpacked(file: ByteSource, start: int, layout: str) -> tuple[Any, ...] | None:
    """Return the fields at a position; None where the file ends before."""
    file.seek(start)
    content = file.read(struct.calcsize(layout))
    return struct.unpack(layout, content) if len(content) == struct.calcsize(layout) else None


def _contradiction(claims: str) -> RejectedTrack:
    return RejectedTrack("Q_HEADER", f"The header contradicts itself, so that its samples would be misread: {claims}.")
