"""From normalised tracks to the `slices` table: decode the middle, transform it, cut it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genreflow.audio.vorbis import ogg_frames, read_ogg
from genreflow.config.inputs import InputSettings, LogMel
from genreflow.errors import UserError
from genreflow.features.logmel import frame_count, frame_span, log_mel_of_frames
from genreflow.features.segments import midpoint
from genreflow.store.parquet import Header, array_column

# Of values up to 128 dB, float16 keeps every one to within 1/32 dB.
STORED = np.dtype(np.float16)


@dataclass(frozen=True)
class Slices:
    """The slices of one track.

    Attributes
    ----------
    array
        float32 ``[n, n_mels, frames]``: rows are mel bands, columns are time.
    start_s
        float64 ``[n]``: the centre of each slice's first frame, seconds from the track's beginning.
    seconds
        Length of the whole track.
    """

    array: np.ndarray
    start_s: np.ndarray
    seconds: float


def cut(path: str | os.PathLike, settings: InputSettings) -> Slices:
    """Cut a normalised Ogg Vorbis track into slices, decoding no more of it than they need.

    Raises
    ------
    UserError
        When the file ends early.
    """
    mel, segments = settings.front_end, settings.segments
    n_samples = ogg_frames(path)
    starts = midpoint(frame_count(n_samples, mel), segments)
    array = np.empty((len(starts), mel.n_mels, segments.frames), np.float32)
    if len(starts):
        excerpt = _excerpt(path, n_samples, int(starts[0]), len(starts) * segments.frames, mel)
        spectrogram = log_mel_of_frames(excerpt, mel)
        array[:] = spectrogram.reshape(mel.n_mels, len(starts), segments.frames).swapaxes(0, 1)
    return Slices(array, starts * mel.hop / mel.sample_rate, n_samples / mel.sample_rate)


def slice_shard(
    tracks: pd.DataFrame, *, audio_folder: str | os.PathLike, settings: InputSettings, key: str
) -> tuple[pa.Table, Header]:
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

    Returns
    -------
    table, header
        The `slices` table (``track_id, slice, start_s, array``), tracks in the order of the index. The header's
        fact `tracks` tells what became of each, ``track_id, slices, verdict, reason, message``, by the cutting
        alone.
    """
    ids, numbers, starts, arrays, fates = [], [], [], [], []
    for row in tracks.loc[tracks["verdict"] != "quarantine"].itertuples():
        slices = cut(Path(audio_folder) / row.ogg, settings)
        n = len(slices.array)
        ids += [row.track_id] * n
        numbers += range(n)
        starts.append(slices.start_s)
        arrays.append(array_column(slices.array.astype(STORED)))
        fates.append({"track_id": row.track_id, "slices": n, **_fate(n, slices.seconds, settings)})
    shape = (settings.front_end.n_mels, settings.segments.frames)
    table = pa.table(
        {
            "track_id": pa.array(ids, pa.string()),
            "slice": pa.array(numbers, pa.int32()),
            "start_s": pa.array(np.concatenate([np.empty(0), *starts])),
            "array": pa.chunked_array(arrays, pa.binary(STORED.itemsize * shape[0] * shape[1])),
        }
    )
    facts = {
        "shape": list(shape),
        "dtype": STORED.name,
        "front_end": settings.front_end.model_dump(mode="json"),
        "segments": settings.segments.model_dump(mode="json"),
        "tracks": fates,
    }
    return table, Header("slices", key, facts=facts)


def _excerpt(path: str | os.PathLike, n_samples: int, first: int, count: int, mel: LogMel) -> np.ndarray:
    """Decode what `count` frames from `first` on look at; beyond the track's ends that is zeros."""
    start, stop = frame_span(first, count, mel)
    inside, end = max(start, 0), min(stop, n_samples)
    samples = read_ogg(path, start=inside, frames=end - inside)
    if len(samples) != end - inside:
        raise UserError(f"{path} is damaged: it ends early. Delete it and run again: it will be rebuilt.")
    return np.pad(samples, (inside - start, stop - end))


def _fate(slices: int, seconds: float, settings: InputSettings) -> dict[str, Any]:
    wanted = settings.segments.count
    if slices == 0:
        needed = settings.segments.frames * settings.front_end.hop / settings.front_end.sample_rate
        message = f"It lasts {seconds:.1f} s; one slice needs {needed:.2f} s."
        return {"verdict": "quarantine", "reason": "Q_TOO_SHORT", "message": message}
    if slices < wanted:
        message = f"It lasts {seconds:.1f} s, enough for {slices} slices of {wanted}."
        return {"verdict": "warn", "reason": "W_FEWER_SLICES", "message": message}
    return {"verdict": "accept", "reason": "", "message": ""}
