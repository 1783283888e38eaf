"""Normalization of a shard of tracks in confined worker processes: one row per track."""

import dataclasses
import os
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from genreflow.audio.container import extension_warning
from genreflow.audio.decode import decode, regular_file_size
from genreflow.audio.normalize import normalize, stored_record
from genreflow.audio.packets import packets_sha256
from genreflow.audio.verdict import UNSETTLED, RejectedTrack, verdict_of
from genreflow.audio.vorbis import serial_of
from genreflow.audio.workers import CRASHES, Died, Result, TimedOut, run_confined
from genreflow.config.audio import AudioSettings
from genreflow.errors import MachineProblems
from genreflow.store.digest import digest, file_sha256
from genreflow.store.parquet import Header, write_table

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
        ("samples_sha256", pa.string()),
        ("bandwidth_hz", pa.float64()),
        ("fingerprint", pa.string()),
    ]
)

Row = dict[str, Any]
_SHA256_DIGITS = 64
_FEW, _MANY = 2, 0.1  # unsettled tracks, at least, and as a share of all: with more, the machine is the cause


def ingest(
    tracks: Sequence[Row],
    *,
    audio_folder: str | os.PathLike,
    settings: AudioSettings,
    stage_key: str,
    report: Callable[[Row], None] | None = None,
    timeout: float = 600.0,
    workers: int = 1,
    memory_gb: float = 4.0,
    most_unsettled: int | None = None,
) -> pa.Table:
    """Normalize the tracks of a shard and return their `audio` table, one row per track, in the given order.

    A file that an earlier run made from the same bytes under the same `stage_key` is reused.

    A track that times out, crashes or is killed is tried again with nothing beside it before that counts. Verdicts
    in `UNSETTLED` are not about the bytes of a file; the owner of the table should try these tracks again.

    Parameters
    ----------
    tracks
        Rows of the catalog: `track_id`, `path` (as in the file system), `bytes` (None if unknown), `sha256`;
        `mtime_ns`, `ctime_ns` and `packets`, if a file of the same size may be another one; and `reason` and
        `message`, if the catalog itself rejects a track (`Q_...`).
    audio_folder
        Folder for `ogg/<kk>/<key>.ogg`; the key depends on the source's content and on the stage.
    stage_key
        A digest of everything else that the result depends on.
    report
        Called with each row as it is finished; the largest files come first.
    timeout
        Processor time that a track may take, and time that its worker may wait without taking any, s. A decoder that
        hangs or crashes costs one track.
    workers
        Tracks that are processed side by side, each with one thread.
    memory_gb
        Memory that a track may take, GB.
    most_unsettled
        Tracks that may stay unsettled; by default a tenth of them, and two at least.

    Raises
    ------
    MachineProblems
        If so many tracks stay unsettled that the machine must be the cause.
    OSError
        If the results cannot be written; defects of a track appear in its row instead.
    """
    shard = _Shard(tracks, Path(audio_folder), settings, stage_key, timeout, memory_gb)
    rows: dict[int, Row] = {}

    def keep(place: int, outcome: Row) -> None:
        rows[place] = shard.row(place, outcome)
        if report:
            report(rows[place])

    for place, track in enumerate(tracks):
        if (track.get("reason") or "").startswith("Q_"):
            keep(place, _rejection(track["reason"], track["message"]))
    left = sorted(set(range(len(tracks))) - set(rows), key=lambda place: -(tracks[place]["bytes"] or 0))
    most = max(_FEW, _MANY * len(left)) if most_unsettled is None else most_unsettled
    open_places: list[int] = []
    while left:
        retried = []
        with closing(shard.work(left, workers)) as outcomes:
            for place, outcome in outcomes:
                if outcome["reason"] in _TRIED_AGAIN:
                    retried.append(place)
                else:
                    keep(place, outcome)
                if len(retried) > most:
                    break
        with closing(shard.work(retried, workers=1)) as outcomes:
            for place, outcome in outcomes:
                keep(place, outcome)
                if outcome["reason"] in UNSETTLED:
                    open_places.append(place)
                if len(open_places) > most:
                    raise MachineProblems(_UNFIT, [_named(tracks[each], rows[each]) for each in open_places])
        left, workers = [place for place in left if place not in rows], 1
    return pa.Table.from_pylist([rows[place] for place in range(len(tracks))], schema=SCHEMA)


def unsettled(table: pa.Table) -> set[str]:
    """Return the ids of the tracks of an `audio` table whose verdict is not about their bytes."""
    rows = zip(table["track_id"].to_pylist(), table["reason"].to_pylist(), strict=True)
    return {track_id for track_id, reason in rows if reason in UNSETTLED}


def write(path: Path, table: pa.Table, key: str, settings: AudioSettings) -> int:
    """Write an `audio` table with its settings; return the number of its tracks for the next run to retry."""
    again = len(unsettled(table))
    facts = {"unsettled": again, "settings": settings.model_dump(mode="json")}
    write_table(path, table, Header("audio", key, facts=facts))
    return again


@dataclasses.dataclass(frozen=True)
class _Shard:
    """The arguments of `ingest`, and the names of results."""

    tracks: Sequence[Row]
    audio_folder: Path
    settings: AudioSettings
    stage_key: str
    timeout: float
    memory_gb: float

    def work(self, places: Sequence[int], workers: int) -> Generator[tuple[int, Row], None, None]:
        """Yield position and outcome of some of the tracks as they are done."""
        tasks = {place: (self.tracks[place], self.audio_folder / self.ogg(place), self.settings) for place in places}
        results = run_confined(_normalize, tasks, workers=workers, timeout=self.timeout, memory_gb=self.memory_gb)
        with closing(results):
            for place, result in results:
                yield place, _outcome_of(result)

    def ogg(self, place: int) -> str:
        """Return the path of a normalized track below the audio folder."""
        key = digest(self.tracks[place]["sha256"], self.stage_key)
        return f"ogg/{key[:2]}/{key}.ogg"

    def row(self, place: int, outcome: Row) -> Row:
        """Return the row of a track."""
        ogg = None if outcome["verdict"] == "quarantine" else self.ogg(place)
        names = {"track_id": self.tracks[place]["track_id"], "sha256": self.tracks[place]["sha256"], "ogg": ogg}
        return dict.fromkeys(SCHEMA.names) | outcome | names


def _outcome_of(result: Result) -> Row:
    """Return the outcome of a track from the result of its worker."""
    match result.error:
        case None:
            return result.value
        case TimedOut():
            return _rejection(
                "Q_DECODER_TIMEOUT", f"It could not be decoded: its decoder was stopped after {result.error}."
            )
        case Died() as death if -death.exit_code in CRASHES:
            return _rejection("Q_DECODER_CRASH", f"The decoder crashed on it ({_cause(death.exit_code)}).")
        case Died() as death:
            hint = ", as the system does when memory runs out" if death.exit_code == -signal.SIGKILL else ""
            return _rejection("Q_MACHINE", f"Its decoder was ended from outside ({_cause(death.exit_code)}{hint}).")
        case OSError() | MemoryError():
            raise result.error  # the results cannot be written: no fault of the track
    name = type(result.error).__name__
    return _rejection("Q_INTERNAL", f"An error of genreflow itself ({name}); please report it.")


def _rejection(reason: str, message: str) -> Row:
    return {"verdict": "quarantine", "reason": reason, "message": message}


_TRIED_AGAIN = (*UNSETTLED, "Q_DECODER_CRASH")
_UNFIT = (
    "The machine did not let many tracks be decoded: is there memory for them, does their disk answer, are the limits "
    "limits.track_timeout and limits.track_memory_gb high enough? Put that right and run the same command again."
)


def _named(track: Row, row: Row) -> str:
    path = repr(os.fsencode(track["path"]).decode("utf-8", "replace"))[1:-1]
    return f"{path}: {row['reason']} {row['message']}"


def _normalize(track: Row, ogg: Path, settings: AudioSettings) -> Row:
    """Normalize a track and return its row of the audio table without names (runs in the worker)."""
    try:
        _check_unchanged(track)
        _check_known(track, settings)
        record = stored_record(ogg) or normalize(track["path"], ogg, settings, serial=serial_of(ogg))
    except RejectedTrack as rejected:
        return _rejection(rejected.reason, rejected.message)
    except MemoryError:
        return _rejection("Q_MEMORY", "The memory that a track may take does not suffice for it.")
    outcome = dataclasses.asdict(record)
    for warning in extension_warning(track["path"], record.container):  # which depends on the name, not on the content
        outcome["reason"] = f"{warning.reason} {outcome['reason']}".strip()
        outcome["message"] = f"{warning.message} {outcome['message']}".strip()
        outcome["verdict"] = verdict_of(outcome["reason"])
    return outcome


def _check_unchanged(track: Row) -> None:
    size = regular_file_size(track["path"])
    if track["bytes"] is not None and size != track["bytes"]:
        raise RejectedTrack("Q_CHANGED", f"The file had {track['bytes']} bytes when it was cataloged, and now {size}.")
    if track.get("mtime_ns") is None:
        return
    status = os.stat(track["path"])
    is_touched = (status.st_mtime_ns, status.st_ctime_ns) != (track["mtime_ns"], track["ctime_ns"])
    if is_touched and not _has_same_audio(track):
        raise RejectedTrack("Q_CHANGED", "The file is another one than when it was cataloged.")


def _has_same_audio(track: Row) -> bool:
    """Return whether a file has the cataloged bytes, or at least, after an edit of its tags, their audio."""
    if file_sha256(track["path"]) == track["sha256"]:
        return True
    return bool(track.get("packets")) and packets_sha256(track["path"]) == track["packets"]


def _check_known(track: Row, settings: AudioSettings) -> None:
    """Reject a file without a SHA-256: its result could not be distinguished from others."""
    if len(track["sha256"]) < _SHA256_DIGITS:
        decode(track["path"], max_seconds=1.0, thresholds=settings.thresholds)  # rejects it for its own defect, if any
        raise RejectedTrack("Q_UNREADABLE", "It could not be read when it was cataloged; the next run tries again.")


def _cause(exit_code: int) -> str:
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
