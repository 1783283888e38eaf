"""Golden outputs of sound: synthetic music, normalized audio, copies, and what is cut and computed from it."""

import dataclasses

import numpy as np
import pandas as pd
import soundfile
from golden import golden, of_frame, summary
from scipy.signal import sawtooth
from tiny_embedding import embedding

from genreflow.audio.fingerprint import fingerprint, from_text, to_text
from genreflow.audio.normalize import normalize
from genreflow.audio.verdict import RejectedTrack
from genreflow.audio.vorbis import write_ogg
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import (
    FRONT_ENDS,
    SEGMENTS,
    Descriptors,
    InputSettings,
    Joined,
    LogMel,
    MusicMaps,
    Stft,
    Waveform,
)
from genreflow.datasets.duplicates import find_pairs
from genreflow.features.front_end import FrontEnd
from genreflow.features.segments import segment_starts
from genreflow.features.slices import slice_shard

RATE = 22_050


def music(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Return three chords of saw-teeth over noise bursts at 125 BPM, and a short silence; float32, peak about 0.5."""
    time = np.arange(int(seconds * rate)) / rate
    roots = 110 * 2 ** ((np.array((0, 5, 7))[(time // 1.92).astype(int) % 3] + 0.2 + seed) / 12)
    turns = np.cumsum(roots) / rate
    chord = sum(sawtooth(2 * np.pi * ratio * turns) for ratio in (1, 1.26, 1.5)) * 0.1
    noise = np.random.default_rng(seed).standard_normal(len(time)) * 0.1
    return ((chord + noise * np.exp(-20 * (time % 0.48))) * (np.abs(time - 2.5) > 0.1)).astype(np.float32)


# ---- normalized audio -----------------------------------------------------------------------------------------------

SOURCES = {
    "audio-stereo": ("wav", 44_100, lambda: np.stack([music(4, 44_100), 0.5 * music(4, 44_100, 1)], axis=1)),
    "audio-quiet-8khz": ("flac", 8_000, lambda: 0.02 * music(5, 8_000)),
    "audio-mp3": ("mp3", 32_000, lambda: music(4, 32_000)),
    "audio-too-short": ("wav", 44_100, lambda: music(0.5, 44_100)),
    "audio-silent": ("wav", 44_100, lambda: np.zeros(88_200, np.float32)),
}


def _normalized(folder, kind):
    suffix, rate, samples = SOURCES[kind]
    source, target = folder / f"source.{suffix}", folder / "out.ogg"
    soundfile.write(source, samples(), rate)
    try:
        record = dataclasses.asdict(normalize(str(source), target, AudioSettings(loudness=-14.0), serial=1))
    except RejectedTrack as refused:
        return {"reason": [refused.reason]}
    bits = np.unpackbits(from_text(record["fingerprint"]).view(np.uint8))
    words = ("verdict", "reason", "container", "codec")
    numbers = ("source_rate", "channels", "seconds", "lufs", "gain_db", "true_peak", "frames", "bandwidth_hz")
    coded, _ = soundfile.read(target, dtype="float32")
    return {
        "words": [record[name] for name in words],
        "numbers": [record[name] for name in numbers],
        "samples": summary(coded),
        "fingerprint": [bits.size, bits.mean()],
    }


for _kind in SOURCES:
    golden("audio", name=_kind, rtol=5e-3, atol=0.02)(lambda folder, kind=_kind: _normalized(folder, kind))


@golden("duplicates", rtol=1e-2, atol=5e-3)
def of_duplicates(folder):
    """A recording, its excerpt at another level, another recording, and two equal files."""
    one = music(24)
    hiss = 0.03 * np.random.default_rng(1).standard_normal(len(one)).astype(np.float32)
    sounds = {"a": one, "b": (one + hiss)[RATE:] * np.float32(0.3), "c": music(24, seed=3), "d": one, "e": one}
    content = {"a": "1", "b": "2", "c": "3", "d": "4", "e": "4"}
    tracks = pd.DataFrame(
        [
            {"track_id": name, "sha256": content[name], "samples_sha256": f"s{content[name]}",
             "fingerprint": to_text(fingerprint(sound, RATE))}
            for name, sound in sounds.items()
        ]
    )  # fmt: skip
    return of_frame(find_pairs(tracks, "recordings")) | of_frame(find_pairs(tracks, "exact"), "exact")


# ---- front-ends -----------------------------------------------------------------------------------------------------

TOLERANCES = {"logmel": {"rtol": 1e-3, "atol": 0.02}, "stft": {"rtol": 1e-3}}
VARIANTS = {
    "logmel-default": LogMel(n_fft=2_048),  # the psytrance study's window
    "logmel-htk": LogMel(sample_rate=16_000, n_fft=512, hop=256, n_mels=96, mel="htk", padding="reflect"),
    "logmel-as-coded": LogMel(n_fft=2_048, decibels="double_log", scale="frame_minmax", n_mels=64),
    "logmel-range": LogMel(n_fft=2_048, reference="max", top_db=80.0, fmin=30.0, fmax=8_000.0),
    "logmel-power": LogMel(n_fft=2_048, decibels="none", hop=512),
    "stft-tagging": Stft(hop=1024, window="hann", centered=True, magnitude="log1p"),
    "maps-long-chroma": MusicMaps(chroma="long", profiles="krumhansl"),
    "descriptors-means36": Descriptors(set="means36"),
    "descriptors-texture": Descriptors(set="texture"),
    "descriptors-full": Descriptors(set="full"),
    "joined-two-rates": Joined(parts=(Descriptors(), Descriptors(set="texture", sample_rate=16_000))),
}


def _front_end(settings):
    """Return the array of an excerpt, padded and not; of quantities a summary each."""
    front_end, sound = FrontEnd.of(settings), music(3, settings.sample_rate)
    if settings.axes == ("quantity", "time"):
        return {f"map {number}": summary(row) for number, row in enumerate(front_end.transform(sound))}
    return {"segment": summary(front_end.transform(sound)), "frames": summary(front_end.compute(sound))}


def _default(kind):
    """Return the default settings of a front-end; of embeddings those of a tiny network, since weights are no code."""
    return embedding() if kind == "embedding" else FRONT_ENDS[kind]()


# Every front-end has its defaults as a case, so that a new one needs none of its own.
for _name, _settings in ({f"{kind}-default": _default(kind) for kind in FRONT_ENDS} | VARIANTS).items():
    golden(_settings.kind, name=_name, **{"rtol": 5e-3, "atol": 5e-3} | TOLERANCES.get(_settings.kind, {}))(
        lambda _folder, settings=_settings: _front_end(settings)
    )


# ---- where to cut ---------------------------------------------------------------------------------------------------


def _starts(kind):
    segments = SEGMENTS[kind]()
    changes = {name: value for name, value in (("count", 6), ("frames", 20), ("seconds", 1.5)) if name in
               type(segments).model_fields}  # fmt: skip
    if kind == "random_offset":
        changes |= {"earliest": 1, "latest": 9}
    settings = InputSettings(
        front_end=LogMel(sample_rate=RATE, hop=512), segments=SEGMENTS[kind](**changes), standardize="none"
    )
    sound = music(14)
    sound[5 * RATE : 6 * RATE] *= 0.01
    return {"starts": segment_starts(len(sound), settings, track_id="0f" * 8, samples=lambda: sound)}


for _kind in SEGMENTS:
    # A beat that falls between two frames may go to either.
    golden("rhythm" if _kind in ("beats", "onsets") else "segments", name=f"segments-{_kind}", rtol=0, atol=1)(
        lambda _folder, kind=_kind: _starts(kind)
    )


def _slices(folder, front_end, segments):
    sound = np.concatenate([music(5), np.zeros(2 * RATE, np.float32), music(1, seed=2)])
    write_ogg(folder / "t.ogg", sound, RATE, quality=6, serial=1)
    tracks = pd.DataFrame({"track_id": ["0f" * 8], "verdict": ["accept"], "ogg": ["t.ogg"]})
    settings = InputSettings(front_end=front_end, segments=segments)
    shard = slice_shard(tracks, audio_folder=folder, settings=settings, key="k")
    fates = pd.DataFrame(shard.header.facts["tracks"])
    return {
        "arrays": summary(np.asarray(shard.array, np.float64)),
        "dtype": [shard.header.facts["dtype"]],
    } | of_frame(shard.rows) | of_frame(fates, "fate")  # fmt: skip


@golden("slices", rtol=5e-3, atol=0.5)
def of_slices_waveform(folder):
    return _slices(folder, Waveform(sample_rate=16_000), SEGMENTS["sliding"](seconds=1.5, count=6))


@golden("slices", rtol=5e-3, atol=0.05)
def of_slices_logmel(folder):
    return _slices(folder, LogMel(sample_rate=RATE, hop=512), SEGMENTS["split"](seconds=1.0, count=8))


@golden("slices", rtol=5e-3, atol=0.05)
def of_slices_frames(folder):
    return _slices(folder, LogMel(sample_rate=RATE, hop=512), SEGMENTS["midpoint"](frames=40, count=8))
