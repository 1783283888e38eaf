"""Normalized tracks to the segments that models are fed: decode, transform, cut."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.audio.excerpts import Track
from genreflow.audio.verdict import verdict_of
from genreflow.config.inputs import InFrames, InputSettings
from genreflow.features.front_end import FrontEnd
from genreflow.features.segments import frames_of_segments, padding, peak_normalized, segment_starts, start_step
from genreflow.features.shapes import least_samples, samples_of, segment_frames, segment_samples, segment_shape
from genreflow.store.shards import FULL_SCALE, Shard

# Raise it when slices of every front-end would change: reading, the silence gate, the types they are stored in.
STAGE_VERSION = 1

SILENT_LEVEL = -60.0  # dBFS; normalized music is some 45 dB louder


@dataclass(frozen=True)
class Slices:
    """The segments of one track.

    Attributes
    ----------
    array
        float32 ``[n, *shape]``, see `segment_shape`.
    start_s
        float64 ``[n]``: where each segment starts, seconds from the track's beginning. Of segments in frames that is
        the center of the first frame.
    seconds
        Length of the whole track.
    silent
        How many segments were left out because they are silent.
    padded_s
        Zeros that complete the last segment, s.
    """

    array: np.ndarray
    start_s: np.ndarray
    seconds: float
    silent: int = 0
    padded_s: float = 0.0


def to_stored(array: np.ndarray, settings: InputSettings) -> np.ndarray:
    """Return segments as they are stored; `genreflow.store.shards.as_fed` turns them into the input of a model.

    Of levels up to 128 dB float16 keeps every one to within 1/32 dB, and of magnitudes eleven bits; waveforms are
    whole numbers up to `FULL_SCALE`; values of a wide range stay float32.
    """
    dtype = FrontEnd.of(settings.front_end).dtype
    return np.rint(array.clip(-1, 1) * FULL_SCALE).astype(dtype) if dtype == np.int16 else array.astype(dtype)


def cut(
    path: str | os.PathLike, settings: InputSettings, *, track_id: str, front_end: FrontEnd | None = None
) -> Slices:
    """Cut a normalized Ogg Vorbis track into segments, decoding no more of it than they need.

    Segments below `SILENT_LEVEL` are left out: they carry a label and no music.

    Parameters
    ----------
    path
        The track.
    settings
        What to compute and where to cut.
    track_id
        Hexadecimal; where cutting is random, it draws from it.
    front_end
        The front-end of these settings, by default one on the CPU.

    Raises
    ------
    UserError
        When the file ends early.
    """
    track = Track.open(path, settings.front_end.sample_rate)
    starts = segment_starts(track.n_samples, settings, track_id=track_id, samples=track.read)
    shape = segment_shape(settings)
    if not len(starts):
        return Slices(np.empty((0, *shape), np.float32), np.empty(0), track.seconds)
    cut_out = _frames_cut if isinstance(settings.segments, InFrames) else _samples_cut
    array, levels = cut_out(track, starts, settings, front_end or FrontEnd.of(settings.front_end))
    audible = levels >= SILENT_LEVEL
    start_s = starts * start_step(settings) / settings.front_end.sample_rate
    padded_s = padding(starts, track.n_samples, settings) / settings.front_end.sample_rate
    return Slices(array[audible], start_s[audible], track.seconds, int((~audible).sum()), padded_s)


def fate_of(samples: np.ndarray, seconds: float, settings: InputSettings, *, track_id: str) -> dict[str, Any]:
    """Return the fate of a track by the cutting alone, as in the facts of a shard, without computing arrays.

    Parameters
    ----------
    samples
        The whole track at the rate of the input, levelled, float32 ``[n]``.
    seconds
        Its length.
    """
    starts = segment_starts(len(samples), settings, track_id=track_id, samples=lambda: samples)
    step = start_step(settings)
    length = settings.segments.frames * step if isinstance(settings.segments, InFrames) else segment_samples(settings)
    audible = _levels([samples[start * step : start * step + length] for start in starts]) >= SILENT_LEVEL
    padded_s = padding(starts, len(samples), settings) / settings.front_end.sample_rate
    placed = Slices(starts[audible], starts[audible], seconds, int((~audible).sum()), padded_s)
    n = len(placed.array)
    return {"track_id": track_id, "slices": n, "padded_s": padded_s, **_fate(placed, settings)}


def slice_shard(
    tracks: pd.DataFrame,
    *,
    audio_folder: str | os.PathLike,
    settings: InputSettings,
    key: str,
    device: str = "cpu",
) -> Shard:
    """Cut every usable track of a shard's audio index.

    Parameters
    ----------
    tracks
        Rows of the audio index; those it has quarantined are passed over.
    audio_folder
        The folder that ``ogg`` in the index is relative to.
    settings
        What to compute and where to cut.
    key
        The key of the product.
    device
        Where the network of an embedding computes: ``cpu``, ``cuda``, ``mps`` or ``auto``.

    Returns
    -------
    Shard
        Tracks in the order of the index. The header's fact `tracks` holds the outcome of each, ``track_id, slices,
        padded_s, verdict, reason, message``, by the cutting alone.
    """
    parts, rows, fates = [], [], []
    front_end = FrontEnd.of(settings.front_end).on(device)
    for row in tracks.loc[tracks["verdict"] != "quarantine"].itertuples():
        slices = cut(Path(audio_folder) / row.ogg, settings, track_id=row.track_id, front_end=front_end)
        n = len(slices.array)
        parts.append(to_stored(slices.array, settings))
        rows.append(pd.DataFrame({"track_id": row.track_id, "slice": np.arange(n), "start_s": slices.start_s}))
        fates.append({"track_id": row.track_id, "slices": n, "padded_s": slices.padded_s, **_fate(slices, settings)})
    shape, dtype = segment_shape(settings), front_end.dtype
    facts = {
        "shape": list(shape),
        "dtype": dtype.name,
        "front_end": settings.front_end.model_dump(mode="json"),
        "segments": settings.segments.model_dump(mode="json"),
        "peak": settings.peak,
        "tracks": fates,
    }
    return Shard.of(rows, [np.empty((0, *shape), dtype), *parts], key=key, facts=facts)


def _frames_cut(
    track: Track, starts: np.ndarray, settings: InputSettings, front_end: FrontEnd
) -> tuple[np.ndarray, np.ndarray]:
    """Return segments that are runs of frames of the track's spectrogram, and their levels."""
    length = segment_frames(settings)
    first, count = int(starts[0]), int(starts[-1] - starts[0]) + length
    begin, end = front_end.frame_span(first, count)
    excerpt = _padded(track, begin, end, front_end)
    spectrogram = front_end.compute(excerpt)
    array = np.stack([spectrogram[:, at : at + length] for at in starts - first])
    samples = excerpt[first * front_end.hop - begin :]
    spans = [slice(at * front_end.hop, (at + length) * front_end.hop) for at in starts - first]
    return array, _levels([samples[span] for span in spans])


def _padded(track: Track, begin: int, end: int, front_end: FrontEnd) -> np.ndarray:
    """Return the samples from `begin` to before `end`; beyond the track's ends the padding of the front-end."""
    if front_end.pad_mode == "constant":
        return track.read(begin, end)
    inside, last = max(begin, 0), min(end, track.n_samples)
    return np.pad(track.read(inside, last), (inside - begin, end - last), mode=front_end.pad_mode)


def _samples_cut(
    track: Track, starts: np.ndarray, settings: InputSettings, front_end: FrontEnd
) -> tuple[np.ndarray, np.ndarray]:
    """Return segments in seconds and their levels, cut before or after they are transformed (`FrontEnd.cut_after`)."""
    length, first = segment_samples(settings), int(starts.min())
    excerpt = track.read(first, int(starts.max()) + length)
    segments = [excerpt[at : at + length] for at in starts - first]
    levels = _levels(segments)
    if front_end.cut_after:
        whole = front_end.transform(peak_normalized(excerpt) if settings.peak else excerpt)
        frames = segment_frames(settings)
        places = frames_of_segments(starts - first, len(excerpt), settings)
        return np.stack([whole[:, at : at + frames] for at in places]), levels
    if settings.peak:
        segments = [peak_normalized(segment) for segment in segments]
    return front_end.transform_all(segments), levels


def _levels(segments: list[np.ndarray]) -> np.ndarray:
    """Return the RMS level of each segment's samples, dBFS."""
    powers = np.array([np.dot(segment, segment) / max(1, len(segment)) for segment in segments])
    return 10 * np.log10(np.maximum(powers, 1e-30))


def _fate(cut: Slices, settings: InputSettings) -> dict[str, Any]:
    slices, count = len(cut.array), settings.segments.count
    if slices == 0:
        return _verdict(*why_none(cut, settings))
    if cut.silent:
        message = f"{cut.silent} of {cut.silent + slices} slices are silent and were left out."
        return _verdict("W_SILENT_SLICES", message)
    if slices < count:
        return _verdict("W_FEWER_SLICES", f"It gives {slices} slices of {count}, lasting {cut.seconds:.1f} s.")
    return {"verdict": "accept", "reason": "", "message": ""}


def why_none(cut: Slices, settings: InputSettings) -> tuple[str, str]:
    """Return why a track gives no slices: a code and a sentence."""
    if cut.silent:
        return "Q_SILENT", "Where slices are cut, the track is silent."
    return too_short(cut.seconds, settings) or (
        "Q_NO_PLACE", f"It has no place to cut a slice: {settings.segments.kind} found none.",
    )  # fmt: skip


def too_short(seconds: float, settings: InputSettings) -> tuple[str, str] | None:
    """Return the code and the sentence with which a track is refused that is too short for a slice, or None."""
    rate = settings.front_end.sample_rate
    least = least_samples(settings)
    if int(seconds * rate + 1e-6) >= least:
        return None
    lasts, needs = apart(seconds, least / rate)
    padding = (samples_of(1, settings) - least) / rate
    padded = f", with the {padding:.3g} s that may be padded" if padding else ""
    return "Q_TOO_SHORT", f"It lasts {lasts} s; one slice needs {needs} s{padded}."


def apart(shorter: float, longer: float) -> tuple[str, str]:
    """Write two lengths, s, with as many digits as show that they differ: two at least, and six at most."""
    for digits in range(2, 7):
        texts = f"{shorter:.{digits}f}", f"{longer:.{digits}f}"
        if texts[0] != texts[1]:
            break
    return texts


def _verdict(reason: str, message: str) -> dict[str, str]:
    return {"verdict": verdict_of(reason), "reason": reason, "message": message}
