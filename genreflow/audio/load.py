"""One track as samples, prepared as the pipeline prepares its tracks."""

import os
import tempfile

import numpy as np

from genreflow.audio.excerpts import Track
from genreflow.audio.ingest import ingest
from genreflow.config.audio import AudioSettings
from genreflow.errors import UserError
from genreflow.store.digest import file_sha256
from genreflow.store.writable import temporary_folder


def load(
    path: str | os.PathLike, *, sr: int = 22_050, loudness: float = -23.0, max_minutes: float = 20.0
) -> tuple[np.ndarray, int]:
    """Decode a track to mono at one loudness and one rate.

    The samples are those from which the pipeline computes features: mixed down, brought to `loudness` (EBU R128),
    stored as Ogg Vorbis, decoded and resampled. The file is decoded in a confined process.

    Parameters
    ----------
    path
        An audio file of any format that FFmpeg decodes.
    sr
        Sampling rate, Hz, at most 44,100.
    loudness
        Integrated loudness, LUFS; the true peak stays below -1 dBTP.
    max_minutes
        Of a longer track only the beginning is decoded.

    Returns
    -------
    y : np.ndarray [shape=(n,), dtype=float32]
        Samples, full scale being 1.
    sr : int
        Their rate, Hz.

    Raises
    ------
    UserError
        When the file cannot be used; the message begins with a code of docs/verdicts.md.
    FileNotFoundError
        When there is no such file.

    Examples
    --------
    >>> import genreflow as gf
    >>> y, sr = gf.load("song.mp3", sr=22_050)
    >>> y.dtype, y.ndim, sr
    (dtype('float32'), 1, 22050)
    """
    settings = AudioSettings(loudness=float(loudness), max_minutes=float(max_minutes))
    if not 0 < sr <= settings.sample_rate:
        raise UserError(f"sr: {sr} Hz is not between 1 and {settings.sample_rate:,} Hz, the rate of stored audio.")
    track = {"track_id": "0" * 16, "path": os.fsencode(path), "bytes": None, "sha256": file_sha256(path)}
    with tempfile.TemporaryDirectory(prefix="genreflow-", dir=temporary_folder()) as folder:
        [row] = ingest([track], audio_folder=folder, settings=settings, stage_key="load").to_pylist()
        if row["verdict"] == "quarantine":
            raise UserError(f"{row['reason']}: {os.fsdecode(path)}: {row['message']}")
        return Track.open(os.path.join(folder, row["ogg"]), sr).read(), sr
