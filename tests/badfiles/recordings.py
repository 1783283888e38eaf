"""Short made-up music, and sound files of it in every format, as bytes.

The music is such that nothing can be said against it: dense, broadband, on both sides, and well below full scale.
"""

import io
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import av
import numpy as np
import soundfile
from surgery import with_serial

RATE, OPUS_RATE = 44_100, 48_000
SECONDS, SHORT = 3.0, 1.2
CHUNK = 65_536

# How soundfile calls the formats that it writes for us: format, subtype, further options.
BY_SOUNDFILE: dict[str, tuple[str, str, dict]] = {
    "wav": ("WAV", "PCM_16", {}),
    "rf64": ("RF64", "PCM_16", {}),
    "w64": ("W64", "PCM_16", {}),
    "aiff": ("AIFF", "PCM_16", {}),
    "au": ("AU", "PCM_16", {}),
    "caf": ("CAF", "PCM_16", {}),
    "flac": ("FLAC", "PCM_16", {}),
    "ogg": ("OGG", "VORBIS", {"compression_level": 0.4}),
    "opus": ("OGG", "OPUS", {"compression_level": 0.2}),
    "mp3": ("MP3", "MPEG_LAYER_III", {"compression_level": 0.0, "bitrate_mode": "CONSTANT"}),  # 320 kb/s
}
# How PyAV calls those that it writes: codec, muxer, rate.
_CODED = {
    "m4a": ("aac", "ipod", RATE),
    "aac": ("aac", "adts", RATE),
    "mka": ("flac", "matroska", RATE),
    "webm": ("libopus", "webm", OPUS_RATE),
    "wv": ("wavpack", "wv", RATE),
    "tta": ("tta", "tta", RATE),
    "wma": ("wmav2", "asf", RATE),
}
SUFFIX = {"rf64": "wav"}


def music(seconds: float = SECONDS, *, rate: int = RATE, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Return music, float32 [frames, channels], peak 0.5: chords, a bass, hiss and a beat, all pressed together."""
    rng = np.random.default_rng(seed)
    frames = round(seconds * rate)
    axis = np.arange(frames) / rate
    chord = sum(
        np.sin(2 * np.pi * pitch * k * axis + rng.uniform(0, 6)) / k
        for pitch in (110, 138.6, 164.8)
        for k in (1, 2, 3, 5, 8, 13)
        if pitch * k < rate / 2.2
    )
    common = 0.3 * chord + 0.8 * rng.standard_normal(frames)
    own = rng.standard_normal((frames, channels))
    beat = 1 + 0.3 * np.exp(-8 * (2 * axis % 1))
    mixture = (common[:, np.newaxis] + 0.25 * own) * beat[:, np.newaxis]
    return (0.5 * np.tanh(mixture)).astype(np.float32)


def sound_file(
    samples: np.ndarray, kind: str = "wav", *, rate: int = RATE, subtype: str | None = None, **options
) -> bytes:
    """Return `samples` ([frames] or [frames, channels]) as a file of one of the formats of `BY_SOUNDFILE`.

    `options` go to soundfile; `tags` is a mapping of its tag names to texts.
    """
    form, usual, more = BY_SOUNDFILE.get(kind, (kind, subtype, {}))
    tags: Mapping[str, str] = options.pop("tags", {})
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", rate, channels, format=form, subtype=subtype or usual, **(more | options)
    ) as file:
        for name, text in tags.items():
            setattr(file, name, text)
        for start in range(0, len(samples), CHUNK):  # libvorbis cannot take more at once
            file.write(samples[start : start + CHUNK])
    content = buffer.getvalue()
    if form == "OGG":
        return with_serial(content, 1)  # libsndfile draws the number at random
    stamp = content.find(b"PEAK", 0, 400) + 12  # and notes the time in files of floats
    return content[:stamp] + bytes(4) + content[stamp + 4 :] if stamp > 12 else content


def coded(
    samples: np.ndarray,
    codec: str,
    muxer: str,
    *,
    rate: int = RATE,
    bit_rate: int | None = 320_000,
    layout: str | None = None,
    sample_format: str | None = None,
    tracks: int = 1,
    picture: bool = False,
    muxing: Mapping[str, str] | None = None,
    coding: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> bytes:
    """Return `samples` [frames, channels] as FFmpeg codes and muxes them.

    Parameters
    ----------
    tracks
        How many audio streams with the same content.
    picture
        Whether a video stream of a few frames comes first.
    muxing, coding
        Options of the muxer and of the encoder.
    """
    channels = samples.shape[1]
    layout = layout or {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    handle, path = tempfile.mkstemp()  # some muxers open their file a second time, by its name
    os.close(handle)
    with av.open(path, "w", format=muxer, options=dict(muxing or {})) as media:
        media.metadata.update(tags or {})
        video = _video(media) if picture else None
        streams = [media.add_stream(codec, rate=rate, layout=layout, options=dict(coding or {})) for _ in range(tracks)]
        for stream in streams:
            if bit_rate and codec not in ("alac", "flac"):
                stream.bit_rate = bit_rate
            if sample_format:
                stream.codec_context.format = av.AudioFormat(sample_format)
            stream.codec_context.open()
        if video:
            _draw(media, video)
        for stream in streams:
            context = stream.codec_context
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, 0
            resampler = av.AudioResampler(format=context.format, frame_size=context.frame_size or 4096)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                media.mux(stream.encode(part))
            media.mux(stream.encode(None))
    content = Path(path).read_bytes()
    os.unlink(path)
    return with_serial(content, 1) if muxer == "ogg" else content  # drawn at random here too


def aac(samples: np.ndarray, **options) -> bytes:
    """Return an M4A file with AAC."""
    return coded(samples, "aac", "ipod", **options)


def video_only() -> bytes:
    """Return an MP4 file with a video stream and no audio."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as media:
        _draw(media, _video(media))
    return buffer.getvalue()


def _video(media: av.container.OutputContainer) -> av.VideoStream:
    stream = media.add_stream("mpeg4", rate=25)
    stream.width = stream.height = 32
    stream.pix_fmt = "yuv420p"
    return stream


def _draw(media: av.container.OutputContainer, stream: av.VideoStream) -> None:
    for number in range(5):
        frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 * number, np.uint8), format="rgb24")
        frame.pts = number
        media.mux(stream.encode(frame))
    media.mux(stream.encode(None))


@cache
def base(kind: str, seconds: float = SECONDS) -> bytes:
    """Return the usual music as a sound file of the format `kind`: those of `BY_SOUNDFILE`, and of `_CODED`."""
    if kind in _CODED:
        codec, muxer, rate = _CODED[kind]
        bit_rate = 128_000 if kind in ("wma", "webm") else 320_000
        muxing = None if kind in ("m4a", "aac") else {"fflags": "bitexact"}
        return coded(music(seconds, rate=rate), codec, muxer, rate=rate, bit_rate=bit_rate, muxing=muxing)
    if kind == "opus":
        return sound_file(music(seconds, rate=OPUS_RATE), kind, rate=OPUS_RATE)
    return sound_file(music(seconds), kind)
