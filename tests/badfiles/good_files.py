"""Files of every format, rate and number of channels that are to be accepted."""

from cases import Cases, case
from recordings import SHORT, SUFFIX, aac, base, coded, music, sound_file
from surgery import mp3_frames, riff, wave_format, without_xing

_SUBTYPES = {
    "wav": "PCM_U8 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW IMA_ADPCM MS_ADPCM GSM610 G721_32 NMS_ADPCM_32",
    "rf64": "FLOAT",
    "w64": "FLOAT",
    "aiff": "PCM_S8 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW IMA_ADPCM GSM610 DWVW_16",
    "au": "PCM_S8 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW G721_32 G723_24 G723_40",
    "caf": "PCM_24 FLOAT ULAW ALAC_16 ALAC_24",
    "flac": "PCM_S8 PCM_24",
}
_RATES = (3_000, 4_000, 8_000, 11_025, 16_000, 22_050, 32_000, 37_800, 44_101, 48_000, 88_200, 96_000, 192_000, 384_000)
_MONO = ("GSM610", "G721_32", "G723_24", "G723_40", "NMS_ADPCM_32", "DWVW_16")


def good_files() -> Cases:
    """Yield the cases."""
    yield from _formats()
    yield from _encodings()
    yield from _rates()
    yield from _channels()
    yield from _suffixes()


def _formats() -> Cases:
    for kind in ("wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg", "opus", "mp3", "m4a", "aac",
                 "mka", "webm", "wv", "tta", "wma"):  # fmt: skip
        yield case("good", kind, SUFFIX.get(kind, kind), base(kind, SHORT))
    yield case("good", "mp2", "mp2", coded(music(SHORT), "mp2", "mp2", bit_rate=384_000))
    yield case("good", "mp3-mono", "mp3", sound_file(music(SHORT, channels=1), "mp3"))
    yield case("good", "mp3-vbr", "mp3", sound_file(music(SHORT), "mp3", bitrate_mode="VARIABLE"))
    yield case("good", "wav-ieee-extensible", "wav", sound_file(music(SHORT), "WAVEX", subtype="FLOAT"))
    yield case("good", "aiff-sowt", "aiff", sound_file(music(SHORT), "aiff", endian="LITTLE"))
    yield case("good", "alac", "m4a", coded(music(SHORT), "alac", "ipod"))
    yield case("C19", "flac-in-ogg", "ogg", coded(music(SHORT), "flac", "ogg"))
    yield case("C19", "opus-named-ogg", "ogg", base("opus", SHORT))
    yield case("C19", "other-vorbis-encoder", "ogg", coded(music(SHORT), "vorbis", "ogg", coding={"strict": "-2"}))
    yield case(
        "C28", "alac-24-96", "m4a", coded(music(SHORT, rate=96_000), "alac", "ipod", rate=96_000, sample_format="s32p")
    )
    yield case("C28", "aac-8k", "m4a", aac(music(SHORT, rate=8_000), rate=8_000, bit_rate=48_000))
    yield case("C28", "aac-5.1", "m4a", aac(music(SHORT, channels=6)))
    yield case("C14", "mp3-vbr-without-xing", "mp3", _unmarked_vbr())


def _unmarked_vbr() -> bytes:
    """Return frames of 128 and 320 kb/s in turn, each second of its own, as old encoders wrote them."""
    quiet = sound_file(music(SHORT, seed=1), "mp3", compression_level=0.7)
    return without_xing(quiet) + without_xing(base("mp3", SHORT)) + without_xing(quiet)


def _encodings() -> Cases:
    for kind, subtypes in _SUBTYPES.items():
        for subtype in subtypes.split():
            samples = music(SHORT, channels=1 if subtype in _MONO else 2)
            content = sound_file(samples, kind, subtype=subtype)
            yield case("good", f"{kind}-{subtype.lower()}", SUFFIX.get(kind, kind), content)
    yield case("C24", "mp3-in-wav", "wav", _mp3_in_wav())


def _mp3_in_wav() -> bytes:
    """Return bare MP3 frames in a data chunk."""
    content = b"".join(mp3_frames(base("mp3", SHORT))[1:])
    form = wave_format(0x55, byte_rate=40_000, align=1, bits=0) + b"\x0c\0\x01\0\x02\0\0\0\x14\x04\x01\0\x71\x05"
    return riff(
        b"fmt " + len(form).to_bytes(4, "little") + form, b"data" + len(content).to_bytes(4, "little") + content
    )


def _rates() -> Cases:
    for rate in _RATES:
        spec = "S11" if rate <= 8_000 else "S22" if rate in (37_800, 44_101) else "S10" if rate > 96_000 else "good"
        yield case(spec, f"{rate}-hz", "wav", sound_file(music(SHORT, rate=rate), rate=rate))
    yield case("S11", "1000000-hz", "wav", sound_file(music(SHORT, rate=1_000_000, channels=1), rate=1_000_000))
    yield case("good", "mp3-22050-hz", "mp3", sound_file(music(SHORT, rate=22_050), "mp3", rate=22_050))
    yield case("good", "flac-192000-hz", "flac", sound_file(music(SHORT, rate=192_000), "flac", rate=192_000))


def _channels() -> Cases:
    for channels in (1, 3, 6, 8, 32):
        yield case("S09", f"{channels}-channels", "wav", sound_file(music(SHORT, channels=channels)))
    yield case("C23", "wavex-6-channels", "wav", sound_file(music(SHORT, channels=6), "WAVEX", subtype="PCM_16"))
    yield case("S09", "flac-8-channels", "flac", sound_file(music(SHORT, channels=8), "flac"))
    yield case("S09", "ogg-6-channels", "ogg", sound_file(music(SHORT, channels=6), "ogg"))


def _suffixes() -> Cases:
    """Yield names that say what the file is, though not in the usual way."""
    for suffix, kind in {
        "WAV": "wav", "wave": "wav", "aif": "aiff", "aifc": "aiff", "snd": "au", "oga": "ogg", "mp4": "m4a",
        "m4b": "m4a", "Mp3": "mp3", "bwf": "wav",
    }.items():  # fmt: skip
        yield case("C06", f"right-as-{suffix}", suffix, base(kind, SHORT))
