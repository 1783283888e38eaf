"""Damage to containers and codecs: the cases C01 to C35 of the catalog of bad inputs."""

import gzip
import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from cases import Cases, case, noise_bytes
from recordings import RATE, SHORT, SUFFIX, aac, base, coded, music, sound_file, video_only
from surgery import (
    BEGIN,
    END,
    SAMPLE_ENTRY,
    SAMPLE_SIZES,
    Page,
    aiff,
    box,
    boxes,
    change_box,
    chunk,
    chunks,
    encrypted,
    extended,
    flac_audio,
    flac_info,
    flac_picture,
    flac_silence,
    id3,
    id3_frame,
    id3_picture,
    id3_text,
    mp3_frames,
    ogg,
    packet_page,
    pages,
    rewritten,
    riff,
    vorbis_comments,
    wave_format,
    with_flac_block,
    with_serial,
    without_xing,
)

KINDS = ("wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg", "opus", "mp3", "m4a", "aac")
HEADERS = {
    "wav": 44, "rf64": 104, "w64": 104, "aiff": 54, "au": 24, "caf": 4096, "flac": 86, "ogg": 58, "opus": 47, "mp3": 4,
    "m4a": 28, "aac": 7,
}  # fmt: skip
PAGE_404 = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not found.</body></html>\n"


def bad_containers() -> Cases:
    """Yield the cases."""
    for family in (
        _cut, _misnamed, _not_audio, _id3_tags, _covers_and_tails, _junk_before, _damage_amid, _joined_mp3,
        _chained_ogg, _ogg_pages, _flac_info, _wav_chunks, _wav_format, _contradictions, _au_headers, _aiff_headers,
        _mp4_boxes,
        _not_files, _side_files, _long, _playlists, _many_tags, _polyglots, _gone_and_changed,
    ):  # fmt: skip
        yield from family()


def faststart(samples: np.ndarray) -> bytes:
    """Return an M4A file that begins with its index."""
    return aac(samples, muxing={"movflags": "faststart"})


def _cut() -> Cases:
    for kind in KINDS:
        content, suffix = base(kind), SUFFIX.get(kind, kind)
        yield case("C01", kind, suffix, b"")
        yield case("C02", kind, suffix, content[: HEADERS[kind]])
        share = 0.7 if kind == "opus" else 0.5  # its first pages are long
        yield case("C03", kind, suffix, content[: int(share * len(content))])
        yield case("C04", kind, suffix, content[:20])
        yield case("C05", kind, suffix, content[:-1])
    content = faststart(music())
    yield case("C03", "m4a-faststart", "m4a", content[: len(content) // 2])
    yield case("C05", "m4a-faststart", "m4a", content[:-1])
    for percent in (97, 93, 85):
        content = base("wav")
        yield case("C03", f"wav-{percent}-percent", "wav", content[: 44 + (len(content) - 44) * percent // 400 * 4])


def _misnamed() -> Cases:
    for kind, suffix in (
        ("mp3", "wav"), ("wav", "mp3"), ("flac", "ogg"), ("m4a", "mp3"), ("ogg", "flac"), ("aiff", "wav"),
        ("opus", "mp3"), ("wav", "xyz"), ("wav", "txt.mp3"), ("wav", ""),
    ):  # fmt: skip
        yield case("C06", f"{kind}-as-{suffix or 'nothing'}", suffix, base(kind, SHORT))
    for kind in ("mka", "wv", "wma"):
        yield case("C06", f"{kind}-as-wav", "wav", base(kind, SHORT))


def _not_audio() -> Cases:
    text = b"This is no music. " * 500
    for suffix in ("mp3", "wav", "flac", "au", "m4a"):
        yield case("C07", f"text-as-{suffix}", suffix, text)
        yield case("C08", f"html-as-{suffix}", suffix, PAGE_404)
    yield case("C07", "utf-16-text", "mp3", text.decode().encode("utf-16"))
    yield case("C08", "html-with-bom", "mp3", b"\xef\xbb\xbf\n" + PAGE_404)
    for name, content in _foreign().items():
        for suffix in ("mp3", "flac", "wav") if name in ("elf", "random", "zeros") else ("mp3",):
            yield case("C09", f"{name}-as-{suffix}", suffix, content)
    yield case("C09", "random-behind-mpeg-sync", "mp3", b"\xff\xfb\x90\x64" + noise_bytes(60_000))
    for name, codec, muxer in (("flv", "aac", "flv"), ("voc", "pcm_u8", "voc"), ("mpegts", "aac", "mpegts")):
        yield case("C09", name, "wav", coded(music(1.5), codec, muxer, muxing={"fflags": "bitexact"}))


def _foreign() -> dict[str, bytes]:
    pixels = zlib.compress(bytes(3 * 32 * 32 + 32))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (
            (b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)),
            (b"IDAT", pixels),
            (b"IEND", b""),
        )
    )
    return {
        "png": png,
        "zip": _zip("song.mp3", base("mp3", SHORT)),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(9) + noise_bytes(20_000, 1),
        "random": b"\x01" + noise_bytes(60_000, 2),
        "zeros": bytes(60_000),
        "gzip": gzip.compress(base("wav", SHORT), mtime=0),
        "pdf": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + noise_bytes(5_000, 3),
        "avi": riff(chunk(b"LIST", b"hdrl" + bytes(60)), kind=b"AVI "),
        "midi": b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", 4) + b"\0\xff\x2f\0",
    }


def _zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _id3_tags() -> Cases:
    title, mp3 = id3_text(b"TIT2", "Song"), base("mp3")
    padding = bytes(2000)
    yield case("C10", "size-beyond-the-file", "mp3", id3(title, size=0x0FFFFFFF) + mp3)
    yield case("C10", "size-too-small", "mp3", id3(title, padding, size=10) + mp3)
    yield case("C10", "size-not-syncsafe", "mp3", id3(title, padding, syncsafe=False) + mp3)
    yield case("C10", "random-frames", "mp3", id3(noise_bytes(3000, 4)) + mp3)
    yield case("C10", "frame-size-lie", "mp3", id3(b"TIT2" + struct.pack(">I", 0x7FFFFFFF) + bytes(502)) + mp3)
    yield case("C10", "tag-only", "mp3", id3(title, padding))
    yield case("C10", "two-tags", "mp3", id3(title, padding) + id3(title, padding) + mp3)
    yield case("C10", "before-flac", "flac", id3(title, padding) + base("flac"))
    yield case("C10", "before-aac", "aac", id3(title, padding) + base("aac"))
    yield case(
        "C10", "text-not-utf-8", "flac", with_flac_block(base("flac"), 4, vorbis_comments([b"TITLE=caf\xe9\xff"]))
    )


def _covers_and_tails() -> Cases:
    image = b"\xff\xd8\xff\xe0" + noise_bytes(6_000_000, 5)
    yield case("C11", "mp3", "mp3", id3(id3_picture(image)) + base("mp3", SHORT))
    yield case("C11", "flac", "flac", with_flac_block(base("flac", SHORT), 6, flac_picture(image)))
    yield case("C11", "m4a", "m4a", _with_cover(base("m4a", SHORT), image))
    yield case("C11", "ogg", "ogg", _with_big_comment(base("ogg", SHORT), 400_000))
    tail = b"APETAGEX" + struct.pack("<IIII", 2000, 40, 1, 0x80000000) + noise_bytes(100, 6) + b"TAG" + b"x" * 125
    for kind in ("mp3", "wav", "flac", "aiff", "ogg"):
        yield case("C12", kind, kind, base(kind, SHORT) + tail)
    small = b"\xff\xd8\xff\xe0" + noise_bytes(3000, 7)
    yield case("C13", "mp3", "mp3", id3(id3_picture(small)) + base("mp3", SHORT))
    yield case("C13", "video-first", "m4a", coded(music(SHORT), "aac", "mp4", picture=True))


def _with_cover(file: bytes, image: bytes) -> bytes:
    item = box(b"covr", box(b"data", struct.pack(">II", 13, 0) + image))
    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    meta = box(b"udta", box(b"meta", bytes(4) + handler + box(b"ilst", item)))
    return change_box(file, [b"moov"], lambda moov: change_box(moov, [b"udta"], lambda _: None) + meta)


def _with_big_comment(file: bytes, size: int) -> bytes:
    """Return an Ogg Vorbis file with another comment header, over as many pages as it takes."""
    first, headers, *audio = pages(file)
    setup = headers.body[headers.body.index(b"\x05vorbis") :]
    comment = b"METADATA_BLOCK_PICTURE=" + b"A" * size
    packets = [b"\x03vorbis" + vorbis_comments([comment]) + b"\x01", setup]
    lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
    body, parts = b"".join(packets), []
    for start in range(0, len(lacing), 255):
        part = lacing[start : start + 255]
        begun_before = start > 0 and lacing[start - 1] == 255
        ends_here = any(value < 255 for value in part)
        parts.append(Page(int(begun_before), 0 if ends_here else -1, 1, len(parts) + 1, part, body[: sum(part)]))
        body = body[sum(part) :]
    return ogg([first, *parts, *(replace(page, sequence=len(parts) + 1 + i) for i, page in enumerate(audio))])


def _junk_before() -> Cases:
    mp3 = base("mp3")
    yield case("C15", "64-kb", "mp3", b"RJMX" + noise_bytes(64_000, 8).replace(b"\xff", b"\0") + mp3)
    yield case("C15", "1-kb-zeros", "mp3", bytes(1024) + mp3)
    yield case("C15", "2-mb-zeros", "mp3", bytes(2_000_000) + mp3)


def _damage_amid() -> Cases:
    for kind in ("wav", "aiff", "flac", "ogg", "opus", "mp3", "m4a", "alac"):
        content = coded(music(), "alac", "ipod") if kind == "alac" else base(kind)
        suffix = "m4a" if kind == "alac" else kind
        yield case("C16", f"{kind}-one-flip", suffix, flipped(content, 1))
        yield case("C16", f"{kind}-40-flips", suffix, flipped(content, 40))
        middle = len(content) // 2
        yield case("C16", f"{kind}-junk", suffix, content[:middle] + noise_bytes(3000, 9) + content[middle + 3000 :])
        yield case("C16", f"{kind}-hole", suffix, content[:middle] + bytes(8000) + content[middle + 8000 :])
    long = sound_file(music(12), "flac", compression_level=0.0)
    yield case("C16", "long-flac-one-flip", "flac", flipped(long, 1))


def flipped(content: bytes, count: int) -> bytes:
    """Return `content` with bits flipped, none of them in its first or last tenth."""
    damaged = np.frombuffer(content, np.uint8).copy()
    rng = np.random.default_rng(count)
    places = rng.integers(len(content) // 10, len(content) - len(content) // 10, count)
    damaged[places] ^= np.uint8(1) << rng.integers(0, 8, count).astype(np.uint8)
    return damaged.tobytes()


def _joined_mp3() -> Cases:
    first = base("mp3")
    other_rate = sound_file(music(rate=48_000, seed=1), "mp3", rate=48_000)
    mono = sound_file(music(channels=1, seed=1), "mp3")
    yield case("C17", "same", "mp3", first + sound_file(music(seed=1), "mp3"))
    yield case("C17", "same-without-xing", "mp3", without_xing(first) + without_xing(sound_file(music(seed=1), "mp3")))
    yield case("C17", "other-rate", "mp3", first + other_rate)
    yield case("C17", "other-rate-without-xing", "mp3", without_xing(first) + without_xing(other_rate))
    yield case("C17", "other-channels", "mp3", first + mono)
    yield case("C17", "other-rate-too-soon", "mp3", b"".join(mp3_frames(first)[1:20]) + without_xing(other_rate))
    yield case("C17", "two-wavs", "wav", base("wav") + sound_file(music(seed=1)))
    yield case("C17", "two-flacs", "flac", base("flac") + sound_file(music(seed=1), "flac"))


def _chained_ogg() -> Cases:
    links = {
        "same": ("ogg", with_serial(sound_file(music(seed=1), "ogg"), 2)),
        "other-rate": ("ogg", with_serial(sound_file(music(rate=48_000, seed=1), "ogg", rate=48_000), 2)),
        "other-channels": ("ogg", with_serial(sound_file(music(channels=1, seed=1), "ogg"), 2)),
        "other-codec": ("ogg", with_serial(base("opus"), 2)),
        "same-opus": ("opus", with_serial(sound_file(music(rate=48_000, seed=1), "opus", rate=48_000), 2)),
    }
    for name, (kind, link) in links.items():
        yield case("C18", name, kind, base(kind) + link)
    first, second = pages(base("ogg")), pages(with_serial(sound_file(music(seed=1), "ogg"), 2))
    mixed = [page for pair in zip(first, second, strict=True) for page in pair]
    yield case("C18", "side-by-side", "ogg", ogg(mixed))


def _ogg_pages() -> Cases:
    for kind in ("ogg", "opus"):
        parts = pages(base(kind))
        middle = len(parts) // 2
        yield case("C20", f"{kind}-last-page-lost", kind, ogg(parts[:-1]))
        yield case("C20", f"{kind}-page-lost", kind, ogg(parts[:middle] + parts[middle + 1 :]))
        packed = [page.pack() for page in parts]
        bad = parts[middle].pack(checksum=0xDEADBEEF)
        yield case("C20", f"{kind}-bad-checksum", kind, b"".join([*packed[:middle], bad, *packed[middle + 1 :]]))
        unknown = replace(parts[middle], granule=-1)
        yield case("C20", f"{kind}-granule-unknown", kind, ogg([*parts[:middle], unknown, *parts[middle + 1 :]]))
        yield case("C20", f"{kind}-no-end-mark", kind, ogg([*parts[:-1], replace(parts[-1], flags=0)]))
        last = replace(parts[-1], granule=100 * parts[-1].granule)
        yield case("C20", f"{kind}-last-granule-lie", kind, ogg([*parts[:-1], last]))
    yield case("C20", "header-page-lost", "ogg", ogg([page for page in pages(base("ogg")) if page.sequence != 1]))
    theora = b"\x80theora\x03\x02\x01" + struct.pack(">HH", 2, 2) + bytes(30)
    speex = b"Speex   1.2" + bytes(17) + struct.pack("<13i", 1, 80, 16_000, 1, 4, 1, -1, 320, 0, 1, 0, 0, 0)
    for name, head in (("theora", theora), ("speex", speex), ("unknown", b"\x07unknown" + bytes(30))):
        rest = [packet_page(noise_bytes(400, i), sequence=i, flags=END * (i == 9), granule=i) for i in range(1, 10)]
        yield case("C21", name, "ogg", ogg([packet_page(head, flags=BEGIN), *rest]))


def _flac_info() -> Cases:
    flac = base("flac")
    total = round(3 * RATE)
    yield case("C22", "md5-wrong", "flac", flac_info(flac, md5=bytes(range(16))))
    yield case(
        "C22",
        "md5-wrong-24-bit",
        "flac",
        flac_info(sound_file(music(), "flac", subtype="PCM_24"), md5=bytes(range(16))),
    )
    yield case("C22", "md5-unset", "flac", flac_info(flac, md5=bytes(16)))
    yield case("C22", "total-0", "flac", flac_info(flac, total=0))
    yield case("C22", "total-2-to-36", "flac", flac_info(flac, total=2**36 - 1))
    yield case("C22", "total-doubled", "flac", flac_info(flac, total=2 * total))
    yield case("C22", "total-halved", "flac", flac_info(flac, total=total // 2))
    yield case("C22", "total-doubled-md5-unset", "flac", flac_info(flac, total=2 * total, md5=bytes(16)))
    yield case("C22", "total-halved-md5-unset", "flac", flac_info(flac, total=total // 2, md5=bytes(16)))
    yield case("C22", "no-streaminfo", "flac", b"fLaC" + flac[42:])
    yield case("C22", "no-header", "flac", flac[flac_audio(flac) :])


def _wav_chunks() -> Cases:
    parts = chunks(base("wav"))
    form, data = chunk(b"fmt ", parts[b"fmt "]), parts[b"data"]
    half = len(data) // 8 * 4
    note = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"Song\0\0"))
    for name, size in (("unknown", 0xFFFFFFFF), ("0", 0), ("tripled", 3 * len(data)), ("halved", half)):
        yield case("C23", f"data-size-{name}", "wav", riff(form, chunk(b"data", data, size=size)))
    for name, content in {
        "odd-byte": [form, chunk(b"data", data + b"\x01")],
        "list-first": [note, form, chunk(b"data", data)],
        "list-last": [form, chunk(b"data", data), note],
        "bext": [chunk(b"bext", bytes(602)), form, chunk(b"data", data)],
        "id3-chunk": [form, chunk(b"data", data), chunk(b"id3 ", id3(id3_text(b"TIT2", "Song")))],
        "odd-chunk-padded": [form, chunk(b"note", b"odd"), chunk(b"data", data)],
        "odd-chunk-unpadded": [form, chunk(b"note", b"odd")[:-1], chunk(b"data", data)],
        "two-data-chunks": [form, chunk(b"data", data[:half]), chunk(b"data", data[half:])],
        "no-fmt": [chunk(b"data", data)],
        "fmt-last": [chunk(b"data", data), form],
        "no-data": [form, note],
        "chunk-bomb": [form, chunk(b"note", b"x", size=2**31), chunk(b"data", data)],
        "fmt-bomb": [chunk(b"fmt ", parts[b"fmt "], size=2**31 - 1), chunk(b"data", data)],
    }.items():
        yield case("C23", name, "wav", riff(*content))
    yield case("C23", "riff-size-0", "wav", b"RIFF" + bytes(4) + base("wav", SHORT)[8:])
    yield case("C23", "junk-behind", "wav", base("wav", SHORT) + noise_bytes(5000, 10))
    yield case("C23", "big-endian", "wav", _rifx())


def _rifx() -> bytes:
    samples = np.frombuffer(chunks(base("wav", SHORT))[b"data"], "<i2").astype(">i2").tobytes()
    form = struct.pack(">HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)
    return riff(chunk(b"fmt ", form, order=">"), chunk(b"data", samples, order=">"), form=b"RIFX", order=">")


def _wav_format() -> Cases:
    data = chunks(base("wav", SHORT))[b"data"]
    for name, lie in {
        "0-channels": {"channels": 0},
        "65535-channels": {"channels": 65_535},
        "rate-0": {"rate": 0},
        "rate-4e9": {"rate": 4_000_000_000},
        "0-bits": {"bits": 0},
        "7-bits": {"bits": 7},
        "13-bits": {"bits": 13},
        "65535-bits": {"bits": 65_535},
        "block-align-0": {"align": 0, "byte_rate": 4 * RATE},
        "byte-rate-0": {"byte_rate": 0},
        "unknown-codec": {"tag": 0x9999},
        "float-of-16-bits": {"tag": 3},
        "mp3-that-is-pcm": {"tag": 0x55},
    }.items():
        yield case("C24", name, "wav", riff(chunk(b"fmt ", wave_format(**lie)), chunk(b"data", data)))


def _contradictions() -> Cases:
    """Headers whose fields contradict each other or the size of the data; samples are 16 bits in stereo."""
    wav = base("wav", SHORT)
    for name, lie in {
        "channels-doubled": [(22, "<H", 4)],
        "channels-halved": [(22, "<H", 1)],
        "8-bits-of-16": [(34, "<H", 8)],
        "24-bits-of-16": [(34, "<H", 24)],
        "rate-halved": [(24, "<I", RATE // 2)],
        "rate-one-bit-off": [(24, "<I", RATE ^ 16)],
        "block-align-wrong": [(32, "<H", 6)],
        "byte-rate-nonsense": [(28, "<I", 123_457)],
    }.items():
        yield case("C24", name, "wav", rewritten(wav, *lie))
    extensible = sound_file(music(SHORT), "WAVEX", subtype="PCM_24")
    yield case("C24", "extensible-valid-bits-beyond", "wav", rewritten(extensible, (38, "<H", 32)))
    yield case("C24", "extensible-channels-halved", "wav", rewritten(extensible, (22, "<H", 1)))
    floats = sound_file(music(SHORT), subtype="FLOAT")
    frames = round(SHORT * RATE)
    yield case("C24", "float-fact-halved", "wav", rewritten(floats, (floats.index(b"fact") + 8, "<I", frames // 2)))
    rf64 = base("rf64", SHORT)
    yield case("C24", "rf64-channels-halved", "wav", rewritten(rf64, (rf64.index(b"fmt ") + 10, "<H", 1)))
    au = base("au", SHORT)
    yield case("C25", "mono-of-stereo-odd", "au", rewritten(au, (8, ">I", 4 * frames - 2)))
    yield case("C25", "offset-within-header", "au", rewritten(au, (4, ">I", 12)))
    yield case("C25", "size-halved", "au", rewritten(au, (8, ">I", 2 * frames)))
    aiff, aifc = base("aiff", SHORT), sound_file(music(SHORT), "aiff", endian="LITTLE")
    common = aiff.index(b"COMM") + 8
    yield case("C26", "channels-halved", "aiff", rewritten(aiff, (common, ">H", 1)))
    yield case("C26", "8-bits-of-16", "aiff", rewritten(aiff, (common + 6, ">H", 8)))
    yield case("C26", "frames-one-off", "aiff", rewritten(aiff, (common + 2, ">I", frames - 1)))
    yield case("C26", "aifc-channels-doubled", "aiff", rewritten(aifc, (aifc.index(b"COMM") + 8, ">H", 4)))
    caf = base("caf", SHORT)
    yield case("C26", "caf-channels-halved", "caf", rewritten(caf, (caf.index(b"desc") + 12 + 24, ">I", 1)))


def _au_headers() -> Cases:
    au = base("au", SHORT)
    offset, size, encoding, rate, channels = struct.unpack_from(">5I", au, 4)
    data = au[offset:]

    def header(**lie: int) -> bytes:
        values = {"offset": 24, "size": size, "encoding": encoding, "rate": rate, "channels": channels} | lie
        return b".snd" + struct.pack(">5I", *values.values())

    yield case("C25", "size-unknown", "au", header(size=0xFFFFFFFF) + data)
    yield case("C25", "offset-beyond-the-file", "au", header(offset=2**24) + data)
    yield case("C25", "encoding-99", "au", header(encoding=99) + data)
    yield case("C25", "long-note", "au", header(offset=24 + 4096) + b"note" * 1024 + data)
    yield case("C25", "rate-0", "au", header(rate=0) + data)
    yield case("C25", "0-channels", "au", header(channels=0) + data)
    yield case("C25", "size-times-4", "au", header(size=4 * size) + data)
    yield case("C25", "headerless", "au", data)
    yield case("C25", "headerless-mu-law", "au", sound_file(music(channels=1), "au", subtype="ULAW")[24:])


def _aiff_headers() -> Cases:
    parts = chunks(base("aiff", SHORT), order=">")
    common, sound = parts[b"COMM"], chunk(b"SSND", parts[b"SSND"], order=">")

    def header(frames: bytes = common[2:6], rate: bytes = common[8:18]) -> bytes:
        return chunk(b"COMM", common[:2] + frames + common[6:8] + rate, order=">")

    yield case("C26", "rate-nan", "aiff", aiff(header(rate=b"\x7f\xff" + b"\xff" * 8), sound))
    yield case("C26", "rate-0", "aiff", aiff(header(rate=bytes(10)), sound))
    yield case("C26", "rate-infinite", "aiff", aiff(header(rate=b"\x7f\xff\x80" + bytes(7)), sound))
    yield case("C26", "rate-huge", "aiff", aiff(header(rate=extended(2**40)), sound))
    yield case("C26", "rate-negative", "aiff", aiff(header(rate=b"\xc0" + common[9:18]), sound))
    yield case("C26", "frames-0", "aiff", aiff(header(frames=bytes(4)), sound))
    yield case("C26", "frames-times-4", "aiff", aiff(header(frames=struct.pack(">I", round(4 * SHORT * RATE))), sound))
    yield case("C26", "header-last", "aiff", aiff(sound, header()))
    yield case("C26", "no-header", "aiff", aiff(sound))
    yield case("C26", "no-sound", "aiff", aiff(header()))


def _mp4_boxes() -> Cases:
    m4a = base("m4a", SHORT)
    fast = faststart(music(SHORT))
    yield case("C27", "faststart", "m4a", fast)
    yield case("C27", "fragmented", "m4a", aac(music(SHORT), muxing={"movflags": "frag_keyframe+empty_moov"}))
    yield case("C27", "video-only", "m4a", video_only())
    yield case("C27", "two-audio-tracks", "m4a", coded(music(SHORT), "aac", "mp4", tracks=2))
    renamed = change_box(m4a, SAMPLE_ENTRY, lambda stsd: stsd.replace(b"mp4a", b"zzzz"))
    yield case("C27", "sample-entry-renamed", "m4a", renamed)
    yield case("C27", "no-moov", "m4a", change_box(m4a, [b"moov"], lambda _: None))
    yield case("C27", "mdat-size-0-amid", "m4a", m4a.replace(m4a[m4a.index(b"mdat") - 4 :][:8], bytes(4) + b"mdat"))
    open_end = [box(name, content, size=0 if name == b"mdat" else None) for name, content in boxes(fast)]
    yield case("C27", "mdat-size-0-last", "m4a", b"".join(open_end))
    bomb = change_box(m4a, SAMPLE_SIZES, lambda stsz: stsz[:8] + struct.pack(">I", 2**31) + stsz[12:])
    yield case("C27", "sample-count-bomb", "m4a", bomb)
    yield case("C27", "free-first", "m4a", m4a.replace(b"ftyp", b"free", 1))  # as old QuickTime wrote them
    yield case("C29", "enca", "m4a", encrypted(m4a, b"enca", b"cenc"))
    yield case("C29", "drms", "m4p", encrypted(m4a, b"drms", b"itun"))


def _not_files() -> Cases:
    def open_socket(path: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)

    def sparse(path: bytes) -> None:
        with open(path, "wb") as file:
            file.write(base("wav")[:44])
            file.truncate(2**40)

    def forbidden(path: bytes) -> None:
        with open(path, "wb") as file:
            file.write(base("wav"))
        os.chmod(path, 0)

    def links_to(target: str) -> Callable[[bytes], None]:
        return lambda path: os.symlink(os.path.basename(path) if target == "itself" else target, path)

    yield case("C30", "fifo", "mp3", os.mkfifo)
    yield case("C30", "socket", "mp3", open_socket)
    yield case("C30", "dangling-link", "mp3", links_to("nowhere.mp3"))
    yield case("C30", "link-to-itself", "mp3", links_to("itself"))
    yield case("C30", "folder", "mp3", os.mkdir)
    yield case("C30", "sparse-1-tb", "wav", sparse, apart=True)
    if os.geteuid() != 0:  # root may read anything
        yield case("C30", "no-permission", "wav", forbidden)


def _side_files() -> Cases:
    for name in (
        "._song.mp3", ".DS_Store", "Thumbs.db", "album.cue", "list.m3u", "desktop.ini", "cover.JPG", "album.nfo",
        "rip.log", "song.lrc", "list.m3u8", "tracks.pls", "booklet.pdf",
    ):  # fmt: skip
        content = b"\0\x05\x16\x07" + bytes(100) if name.startswith("._") else b"beside the music"
        yield replace(case("C31", name, "", content), name=b"C31/" + name.encode())


def _long() -> Cases:
    yield case("C32", "ten-hours-of-silence", "flac", flac_silence(36_000))
    frames = without_xing(base("mp3"))
    yield case("C32", "too-long", "mp3", frames * 27)


def _playlists() -> Cases:
    yield case("C33", "target", "wav", base("wav", SHORT))
    for name, text in {
        "ffconcat": "ffconcat version 1.0\nfile C33-target.wav\n",
        "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nC33-target.wav\n#EXT-X-ENDLIST\n",
        "hls-http": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nhttp://127.0.0.1:9/x.wav\n#EXT-X-ENDLIST\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="x" type="static"/>\n',
        "asx": '<asx version="3.0"><entry><ref href="C33-target.wav"/></entry></asx>\n',
        "file-url": "file:C33-target.wav\n",
    }.items():
        for suffix in ("wav", "mp3") if name in ("ffconcat", "hls") else ("wav",):
            yield case("C33", f"{name}-as-{suffix}", suffix, text.encode())
    for number, name in enumerate(
        ("concat:C33-target.wav|C33-target.wav", "subfile,,start,0,end,9999,,:C33-target.wav", "http:x.wav", "a:b.wav",
         "file:C33-target.wav", "-i.wav", "%05d.wav", "pipe:0.wav", "data:audio.wav")
    ):  # fmt: skip
        yield replace(case("C33", f"name-{number}", "wav", base("wav", SHORT)), name=name.encode())


def _many_tags() -> Cases:
    keys = [f"KEY{number}=value {number}".encode() for number in range(100_000)]
    yield case("C34", "flac-100000-keys", "flac", with_flac_block(base("flac", SHORT), 4, vorbis_comments(keys)))
    frames = [id3_frame(b"TXXX", f"\0key {number}\0value".encode()) for number in range(20_000)]
    yield case("C34", "mp3-20000-keys", "mp3", id3(*frames) + base("mp3", SHORT))
    yield case("C34", "mp3-one-long-text", "mp3", id3(id3_text(b"TIT2", "la" * 2_000_000)) + base("mp3", SHORT))


def _polyglots() -> Cases:
    yield case("C09", "zip-behind-mp3", "mp3", base("mp3", SHORT) + _zip("x.txt", b"hello"))
    yield case(
        "C09", "html-in-id3", "mp3", id3(id3_text(b"TIT2", "</script><script>alert(1)</script>")) + base("mp3", SHORT)
    )
    yield case(
        "C09",
        "html-in-wav",
        "wav",
        riff(chunk(b"html", PAGE_404), *(chunk(*part) for part in chunks(base("wav", SHORT)).items())),
    )
    yield case("C09", "pdf-before-mp3", "mp3", b"%PDF-1.4\n" + base("mp3", SHORT))
    yield case("C09", "gif-before-zip", "mp3", b"GIF89a" + bytes(10) + _zip("song.mp3", base("mp3", SHORT)))


def _gone_and_changed() -> Cases:
    yield case("C35", "gone", "wav", lambda _: None, apart=True)
    yield case("C35", "grown", "wav", base("wav"), apart=True)
