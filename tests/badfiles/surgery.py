"""Cutting sound files open: chunks, pages, boxes, frames and tags, read and put together again."""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache


def rewritten(file: bytes, *numbers: tuple[int, str, int]) -> bytes:
    """Return a file with other numbers in it: places, forms of `struct`, values."""
    changed = bytearray(file)
    for place, form, value in numbers:
        struct.pack_into(form, changed, place, value)
    return bytes(changed)


# --------------------------------------------------------------------------- RIFF, AIFF


def chunk(name: bytes, content: bytes, *, size: int | None = None, order: str = "<") -> bytes:
    """Return a RIFF chunk (an AIFF one with `order` ``>``), padded to even length; `size` is what it claims."""
    padding = b"\0" * (len(content) % 2)
    return name + struct.pack(order + "I", len(content) if size is None else size) + content + padding


def chunks(file: bytes, *, order: str = "<") -> dict[bytes, bytes]:
    """Return the chunks of a RIFF WAVE or AIFF file by name, in order."""
    result, place = {}, 12
    while place + 8 <= len(file):
        name, size = struct.unpack_from(order + "4sI", file, place)
        result[name] = file[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
    return result


def riff(*parts: bytes, form: bytes = b"RIFF", kind: bytes = b"WAVE", order: str = "<") -> bytes:
    """Return a file of chunks."""
    body = kind + b"".join(parts)
    return form + struct.pack(order + "I", len(body)) + body


def aiff(*parts: bytes, kind: bytes = b"AIFF") -> bytes:
    """Return an AIFF file of chunks."""
    return riff(*parts, form=b"FORM", kind=kind, order=">")


def wave_format(
    tag: int = 1, channels: int = 2, rate: int = 44_100, byte_rate: int | None = None, align: int = 4, bits: int = 16
) -> bytes:
    """Return the content of a WAVE `fmt ` chunk."""
    byte_rate = min(rate * align, 0xFFFFFFFF) if byte_rate is None else byte_rate
    return struct.pack("<HHIIHH", tag, channels, rate, byte_rate, align, bits)


def extended(number: int) -> bytes:
    """Return a positive whole number as the 80-bit float of AIFF."""
    exponent = number.bit_length() - 1
    return struct.pack(">HQ", 16383 + exponent, number << (63 - exponent))


# --------------------------------------------------------------------------- Ogg


@dataclass(frozen=True)
class Page:
    """A page of an Ogg file (RFC 3533)."""

    flags: int
    granule: int
    serial: int
    sequence: int
    lacing: bytes
    body: bytes

    def pack(self, *, checksum: int | None = None) -> bytes:
        """Return the page as bytes, with its own checksum or a wrong one."""
        head = struct.pack("<4sBBqII", b"OggS", 0, self.flags, self.granule, self.serial, self.sequence)
        tail = bytes([len(self.lacing)]) + self.lacing + self.body
        checksum = _ogg_checksum(head + bytes(4) + tail) if checksum is None else checksum
        return head + struct.pack("<I", checksum) + tail


BEGIN, END = 2, 4  # flags of the first and the last page of a stream


def pages(file: bytes) -> list[Page]:
    """Return the pages of an Ogg file."""
    result, place = [], 0
    while place < len(file):
        _, _, flags, granule, serial, sequence, _, segments = struct.unpack_from("<4sBBqIIIB", file, place)
        start = place + 27 + segments
        lacing = file[place + 27 : start]
        place = start + sum(lacing)
        result.append(Page(flags, granule, serial, sequence, lacing, file[start:place]))
    return result


def ogg(parts: Sequence[Page]) -> bytes:
    """Return an Ogg file of pages."""
    return b"".join(page.pack() for page in parts)


def with_serial(file: bytes, serial: int) -> bytes:
    """Return an Ogg file of one stream under another number."""
    return ogg([replace(page, serial=serial) for page in pages(file)])


def packet_page(packet: bytes, *, serial: int = 1, sequence: int = 0, flags: int = 0, granule: int = 0) -> Page:
    """Return a page that holds one packet of at most 65,024 bytes."""
    lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    return Page(flags, granule, serial, sequence, lacing, packet)


@cache
def _crc_table(polynomial: int, bits: int) -> list[int]:
    table, top = [], 1 << bits - 1
    for byte in range(256):
        register = byte << bits - 8
        for _ in range(8):
            register = register << 1 ^ (polynomial if register & top else 0)
        table.append(register & (1 << bits) - 1)
    return table


def _crc(content: bytes, polynomial: int, bits: int) -> int:
    """Return a cyclic redundancy check, most significant bit first, from a register of zeros."""
    table, register, rest = _crc_table(polynomial, bits), 0, (1 << bits) - 1
    for byte in content:
        register = register << 8 & rest ^ table[register >> bits - 8 ^ byte]
    return register


def _ogg_checksum(page: bytes) -> int:
    return _crc(page, 0x04C11DB7, 32)


# --------------------------------------------------------------------------- FLAC


def flac_info(file: bytes, *, total: int | None = None, md5: bytes | None = None) -> bytes:
    """Return a FLAC file whose STREAMINFO says another number of samples, or another MD5 of them."""
    file = bytearray(file)
    packed = int.from_bytes(file[18:26], "big")  # 20 bits rate, 3 channels, 5 bits a sample, 36 samples
    if total is not None:
        packed = packed >> 36 << 36 | total
    file[18:26] = packed.to_bytes(8, "big")
    file[26:42] = file[26:42] if md5 is None else md5
    return bytes(file)


def flac_block(kind: int, content: bytes, *, last: bool = False) -> bytes:
    """Return a FLAC metadata block."""
    return bytes([kind | last << 7]) + len(content).to_bytes(3, "big") + content


def with_flac_block(file: bytes, kind: int, content: bytes) -> bytes:
    """Return a FLAC file with a metadata block behind STREAMINFO, which must not be its last one."""
    return file[:42] + flac_block(kind, content) + file[42:]


def flac_audio(file: bytes) -> int:
    """Return where the audio frames of a FLAC file begin."""
    place, last = 4, False
    while not last:
        last = bool(file[place] & 0x80)
        place += 4 + int.from_bytes(file[place + 1 : place + 4], "big")
    return place


def flac_picture(image: bytes) -> bytes:
    """Return the content of a PICTURE block (a front cover)."""
    mime = b"image/jpeg"
    return struct.pack(">II", 3, len(mime)) + mime + struct.pack(">6I", 0, 500, 500, 24, 0, len(image)) + image


def vorbis_comments(comments: Sequence[bytes]) -> bytes:
    """Return Vorbis comments as FLAC holds them."""
    listed = b"".join(struct.pack("<I", len(comment)) + comment for comment in comments)
    return struct.pack("<I", 4) + b"test" + struct.pack("<I", len(comments)) + listed


def flac_silence(seconds: int, *, rate: int = 44_100) -> bytes:
    """Return a FLAC file of stereo silence as small as it can be: 18 bytes or less for 1.5 s."""
    block, total = 65_535, seconds * rate
    info = struct.pack(">HH", block, block) + bytes(6) + (rate << 44 | 1 << 41 | 15 << 36 | total).to_bytes(8, "big")
    frames = [_silent_frame(number, min(block, total - number * block)) for number in range(-(-total // block))]
    return b"fLaC" + flac_block(0, info + bytes(16), last=True) + b"".join(frames)


def _silent_frame(number: int, length: int) -> bytes:
    """Return a frame of two constant subframes of zeros (RFC 9639, section 9)."""
    head = b"\xff\xf8\x79\x18" + chr(number).encode("utf-8", "surrogatepass") + struct.pack(">H", length - 1)
    head += bytes([_crc(head, 0x07, 8)])
    frame = head + bytes(6)
    return frame + struct.pack(">H", _crc(frame, 0x8005, 16))


# --------------------------------------------------------------------------- MP3


def id3(*frames: bytes, size: int | None = None, syncsafe: bool = True) -> bytes:
    """Return an ID3v2.3 tag of frames; `size` is what it claims."""
    body = b"".join(frames)
    size = len(body) if size is None else size
    digits = [size >> shift & 0x7F for shift in (21, 14, 7, 0)] if syncsafe else list(size.to_bytes(4, "big"))
    return b"ID3\x03\x00\x00" + bytes(digits) + body


def id3_frame(name: bytes, content: bytes) -> bytes:
    """Return a frame of an ID3v2.3 tag."""
    return name + struct.pack(">I", len(content)) + b"\0\0" + content


def id3_text(name: bytes, text: str) -> bytes:
    """Return a text frame, in UTF-16 as version 2.3 wants it."""
    return id3_frame(name, b"\x01" + text.encode("utf-16"))


def id3_picture(image: bytes) -> bytes:
    """Return a front cover."""
    return id3_frame(b"APIC", b"\0image/jpeg\0\x03\0" + image)


_BIT_RATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # MPEG-1 layer III
_SAMPLE_RATES = (44_100, 48_000, 32_000)


def mp3_frames(file: bytes) -> list[bytes]:
    """Return the frames of an MPEG-1 layer III file without tags; the first one may be that of Xing or LAME."""
    frames, place = [], 0
    while place + 4 <= len(file):
        if file[place] != 0xFF or file[place + 1] & 0xFE != 0xFA:
            raise ValueError(f"no MPEG-1 layer III frame at byte {place}")
        bits = file[place + 2]
        length = 144_000 * _BIT_RATES[bits >> 4] // _SAMPLE_RATES[bits >> 2 & 3] + (bits >> 1 & 1)
        frames.append(file[place : place + length])
        place += length
    return frames


def without_xing(file: bytes) -> bytes:
    """Return an MP3 file without the frame that counts the others."""
    first, *others = mp3_frames(file)
    if b"Xing" not in first and b"Info" not in first:
        raise ValueError("there is no such frame")
    return b"".join(others)


# --------------------------------------------------------------------------- MP4


def box(name: bytes, content: bytes, *, size: int | None = None) -> bytes:
    """Return an MP4 box."""
    return struct.pack(">I", len(content) + 8 if size is None else size) + name + content


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the boxes in a row."""
    place = 0
    while place + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, place)
        yield name, content[place + 8 : place + size]
        place += size


def change_box(content: bytes, path: Sequence[bytes], change: Callable[[bytes], bytes | None]) -> bytes:
    """Return boxes in a row with the first one at `path` changed, or taken out where `change` returns None.

    `change` is given the content of the box. Offsets into the file are not touched: what lies before the audio
    must keep its length.
    """
    parts, todo = [], True
    for name, inner in boxes(content):
        if name == path[0] and todo:
            todo = False
            changed = change(inner) if len(path) == 1 else change_box(inner, path[1:], change)
            parts += [] if changed is None else [box(name, changed)]
        else:
            parts.append(box(name, inner))
    if todo:
        raise ValueError(f"there is no box {path[0]!r}")
    return b"".join(parts)


SAMPLE_ENTRY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
SAMPLE_SIZES = (*SAMPLE_ENTRY[:-1], b"stsz")


def encrypted(file: bytes, entry: bytes, scheme: bytes) -> bytes:
    """Return an MP4 file (moov last) whose sample entry says that its audio is encrypted.

    The entry `mp4a` becomes `entry` (``enca`` or ``drms``) with a `sinf` box that names the scheme, as a protected
    file has it; and the audio becomes noise.
    """

    def protect(stsd: bytes) -> bytes:
        ((original, inner),) = boxes(stsd[8:])
        sinf = box(
            b"sinf",
            box(b"frma", original)
            + box(b"schm", bytes(4) + scheme + struct.pack(">I", 0x10000))
            + box(b"schi", box(b"tenc", bytes(6) + b"\x01\x08" + bytes(range(16)))),
        )
        return stsd[:8] + box(entry, inner + sinf)

    file = change_box(file, [b"mdat"], lambda audio: bytes(byte ^ 0x5A for byte in audio))
    return change_box(file, SAMPLE_ENTRY, protect)
