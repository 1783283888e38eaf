"""One shard: its tracks normalised one by one, each in a worker process; every track gives one row."""

import dataclasses
import multiprocessing
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pebble import ProcessExpired, ProcessPool

from genreflow.audio.normalise import normalise, stored_record
from genreflow.audio.verdict import Refused
from genreflow.config.audio import AudioSettings
from genreflow.store.digest import digest

SCHEMA = pa.schema(
    [
        ("track_id", pa.string()),
        ("sha256", pa.string()),
        ("verdict", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("container", pa.string()),
        ("codec", pa.string()),
        ("source_rate", pa.int32()),
        ("channels", pa.int32()),
        ("seconds", pa.float64()),
        ("lufs", pa.float64()),
        ("gain_db", pa.float64()),
        ("true_peak", pa.float64()),
        ("peak_limited", pa.bool_()),
        ("ogg", pa.string()),
        ("frames", pa.int64()),
    ]
)

Row = dict[str, Any]


def ingest(
    tracks: Sequence[Row],
    *,
    audio_folder: str | os.PathLike,
    settings: AudioSettings,
    stage_key: str,
    report: Callable[[Row], None] | None = None,
    timeout: float = 600.0,
) -> pa.Table:
    """Normalise the tracks of a shard and return their `audio` table, one row a track, in the order given.

    A file that an earlier run made from the same bytes under the same `stage_key` is used again.

    Parameters
    ----------
    tracks
        Rows of the catalogue: `track_id`, `path` (as the file system has it), `bytes` (None if not
        known beforehand), `sha256`.
    audio_folder
        Receives `ogg/<kk>/<key>.ogg`, where the key is that of the source's content and of the stage.
    stage_key
        Names everything else that the result depends on.
    report
        Called with each row once it is there.
    timeout
        Seconds a track may take. A decoder that hangs or crashes costs one track.

    Raises
    ------
    OSError
        When the results cannot be written; what is wrong with a track is said in its row instead.
    """
    rows = []
    with ProcessPool(max_workers=1, context=multiprocessing.get_context("fork")) as pool:
        for track in tracks:
            ogg = _ogg_path(track["sha256"], stage_key)
            work = pool.schedule(_outcome, args=[track, Path(audio_folder) / ogg, settings], timeout=timeout)
            try:
                outcome = work.result()
            except TimeoutError:
                outcome = _refusal("Q_DECODER_TIMEOUT", f"It could not be decoded within {timeout:g} s.")
            except ProcessExpired as death:
                outcome = _refusal("Q_DECODER_CRASH", f"The decoder crashed on it (exit code {death.exitcode}).")
            rows.append(_row(track, ogg, outcome))
            if report:
                report(rows[-1])
    if len(rows) != len(tracks):
        raise AssertionError(f"{len(tracks)} tracks gave {len(rows)} rows")
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _outcome(track: Row, ogg: Path, settings: AudioSettings) -> Row:
    """Return what the audio table says of a track, save its names (runs in the worker)."""
    try:
        _check_unchanged(track)
        record = stored_record(ogg) or normalise(track["path"], ogg, settings, serial=int(ogg.stem[:8], 16))
        return dataclasses.asdict(record)
    except Refused as refused:
        return _refusal(refused.reason, refused.message)
    except MemoryError:
        return _refusal("Q_TOO_BIG", "The audio does not fit into memory.")


def _check_unchanged(track: Row) -> None:
    try:
        size = os.stat(track["path"]).st_size
    except FileNotFoundError:
        raise Refused("Q_GONE", "The file is no longer there.") from None
    except OSError as error:
        raise Refused("Q_UNREADABLE", f"The file cannot be read: {error.strerror}.") from error
    if track["bytes"] is not None and size != track["bytes"]:
        raise Refused("Q_CHANGED", f"The file had {track['bytes']} bytes when it was catalogued, and now {size}.")


def _ogg_path(sha256: str, stage_key: str) -> str:
    key = digest(sha256, stage_key)
    return f"ogg/{key[:2]}/{key}.ogg"


def _refusal(reason: str, message: str) -> Row:
    return {"verdict": "quarantine", "reason": reason, "message": message}


def _row(track: Row, ogg: str, outcome: Row) -> Row:
    used = outcome["verdict"] != "quarantine"
    names = {"track_id": track["track_id"], "sha256": track["sha256"], "ogg": ogg if used else None}
    return dict.fromkeys(SCHEMA.names) | outcome | names
