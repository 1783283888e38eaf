"""Sound files in order whose sound is not: the cases S01 to S30 of the catalog of bad inputs."""

from hashlib import md5

import numpy as np
from cases import Cases, case
from recordings import RATE, aac, music, sound_file
from scipy.signal import butter, sosfilt
from surgery import flac_audio, flac_info, mp3_frames


def bad_signals() -> Cases:
    """Yield the cases."""
    for family in (_silence, _numbers, _lengths, _levels, _channels, _gaps, _spectra):
        yield from family()


def _as_float(samples: np.ndarray) -> bytes:
    return sound_file(samples.astype(np.float32), subtype="FLOAT")


def _with(samples: np.ndarray, value: float, places: list[int]) -> np.ndarray:
    changed = samples.copy()
    changed[places] = value
    return changed


def _silence() -> Cases:
    nothing = np.zeros((2 * RATE, 2), np.float32)
    for kind in ("wav", "flac", "ogg", "mp3", "aiff"):
        yield case("S01", kind, kind, sound_file(nothing, kind))
    yield case("S01", "m4a", "m4a", aac(nothing))
    yield case("S02", "constant", "wav", sound_file(nothing + 0.5))
    yield case("S02", "constant-float", "wav", _as_float(nothing - 0.9))
    yield case("S02", "music-and-dc", "wav", sound_file(music() + np.float32(0.4)))
    yield case("S18", "denormals", "wav", _as_float(1e-39 * music(2)))
    yield case("S18", "1e-30", "wav", _as_float(1e-30 * music(2)))
    yield case("S21", "one-click", "wav", sound_file(_with(nothing, 0.9, [RATE])))
    yield case("S21", "five-clicks", "wav", sound_file(_with(nothing, 0.9, [RATE // 3 * i for i in range(1, 6)])))


def _numbers() -> Cases:
    few = list(range(1000, 2000, 100))
    yield case("S03", "10-nan", "wav", _as_float(_with(music(), np.nan, few)))
    yield case("S03", "all-nan", "wav", _as_float(np.full((RATE, 2), np.nan)))
    yield case(
        "S03",
        "nan-in-double-aiff",
        "aiff",
        sound_file(_with(music().astype(float), np.nan, few), "aiff", subtype="DOUBLE"),
    )
    yield case("S04", "plus-infinity", "wav", _as_float(_with(music(), np.inf, [5000])))
    yield case("S04", "minus-infinity", "wav", _as_float(_with(music(), -np.inf, [5000])))
    yield case("S04", "one-1e30", "wav", _as_float(_with(music(), 1e30, [5000])))
    yield case("S04", "integers-as-float", "wav", _as_float(32_767 * music()))


def _lengths() -> Cases:
    for kind in ("wav", "flac", "ogg", "mp3", "aiff", "au"):
        yield case("S05", kind, kind, sound_file(music()[1000:1001], kind))
    for kind in ("wav", "ogg", "aiff", "au", "caf", "w64", "rf64"):
        suffix = "wav" if kind == "rf64" else kind
        yield case("S06", kind, suffix, sound_file(music()[:0], kind))
    flac = sound_file(music(), "flac")
    yield case("S06", "flac", "flac", flac_info(flac[: flac_audio(flac)], total=0, md5=md5().digest()))
    yield case("S06", "mp3", "mp3", mp3_frames(sound_file(music(), "mp3"))[0])
    for seconds in (0.1, 0.39, 0.9):
        yield case("S08", f"{seconds}-s", "wav", sound_file(music(seconds)))
    yield case("S08", "0.9-s-mp3", "mp3", sound_file(music(0.9), "mp3"))
    yield case("S08", "1.1-s", "wav", sound_file(music(1.1)))
    yield case("S26", "loud-0.3-s", "wav", sound_file(1.9 * music(0.3)))


def _levels() -> Cases:
    rng = np.random.default_rng(0)
    loud = music() / np.abs(music()).max()
    yield case("S07", "clipped", "wav", sound_file(np.clip(6 * loud, -1, 1)))
    yield case("S07", "clipped-flac", "flac", sound_file(np.clip(6 * loud, -1, 1), "flac"))
    yield case("S07", "clipped-lower", "wav", sound_file(np.clip(6 * loud, -1, 1) * np.float32(0.7)))
    square = np.sign(np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE + 0.1))
    yield case("S07", "square", "wav", sound_file(np.stack([square, square], axis=1)))
    yield case("S07", "full-scale", "wav", sound_file(0.999 * loud))
    hiss = rng.standard_normal((2 * RATE, 2))
    yield case("S16", "noise-at-90-db", "wav", _as_float(10 ** (-90 / 20) * hiss))
    yield case("S16", "one-bit", "wav", sound_file(np.sign(hiss) / 32_768))
    yield case("S16", "music-at-62-lufs", "wav", sound_file(0.002 * music(), subtype="PCM_24"))
    yield case("S16", "music-at-40-lufs", "wav", sound_file(0.025 * music(), subtype="PCM_24"))
    yield case("S17", "40-db-over", "wav", _as_float(100 * music()))
    yield case("S17", "10-db-over", "wav", _as_float(3.16 * loud))
    yield case("S17", "1-db-over", "wav", _as_float(1.12 * loud))
    beats = 0.02 * music()
    beats[:: RATE // 4] = 0.9
    yield case("S25", "peaky", "wav", sound_file(beats))


def _channels() -> Cases:
    mono = music(channels=1)
    yield case("S14", "antiphase", "wav", sound_file(np.hstack([mono, -mono])))
    yield case("S14", "nearly-antiphase", "wav", sound_file(np.hstack([mono, -0.95 * mono])))
    yield case("S14", "half-antiphase", "wav", sound_file(np.hstack([mono, -0.5 * mono])))
    yield case("S19", "right-silent", "wav", sound_file(np.hstack([mono, 0 * mono])))
    yield case("S19", "left-silent", "flac", sound_file(np.hstack([0 * mono, mono]), "flac"))
    yield case("S29", "equal", "wav", sound_file(np.hstack([mono, mono])))


def _gaps() -> Cases:
    whole = music(4)
    for seconds in (0.7, 0.3):
        gap = whole.copy()
        gap[RATE : RATE + round(seconds * RATE)] = 0
        yield case("S23", f"{seconds}-s-gap", "wav", sound_file(gap))
    early = np.concatenate([np.zeros((60 * RATE, 2), np.float32), whole])
    yield case("S20", "60-s-before", "flac", sound_file(early, "flac"))
    yield case("S20", "1-s-before", "wav", sound_file(early[59 * RATE :]))
    yield case("S20", "5-s-behind", "flac", sound_file(np.concatenate([whole, early[: 5 * RATE]]), "flac"))


def _spectra() -> Cases:
    axis = np.arange(3 * RATE) / RATE
    for hertz in (20, 440):
        tone = 0.5 * np.sin(2 * np.pi * hertz * axis)
        yield case("S24", f"{hertz}-hz", "wav", sound_file(np.stack([tone, tone], axis=1)))
    high = sosfilt(butter(8, 10_000, "high", fs=RATE, output="sos"), music(), axis=0)
    yield case("S27", "above-10-khz", "wav", sound_file(high))
    low = sosfilt(butter(16, 9_000, "low", fs=RATE, output="sos"), music(), axis=0)
    yield case("S11", "lowpass-at-9-khz", "wav", sound_file(low))
    rng = np.random.default_rng(1)
    yield case("S28", "white-noise", "wav", sound_file(0.1 * rng.standard_normal((3 * RATE, 2))))
    voiced = np.sin(2 * np.pi * 120 * axis) > 0.9
    vowels = sosfilt(
        butter(2, [300, 3400], "band", fs=RATE, output="sos"), voiced + 0.1 * rng.standard_normal(len(axis))
    )
    syllables = vowels * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * axis))
    yield case("S28", "speech", "wav", sound_file(0.2 * syllables / np.abs(syllables).max()))
