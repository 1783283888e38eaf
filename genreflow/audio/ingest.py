"""One shard: its tracks normalised in worker processes, which are confined; every track gives one row."""

import dataclasses
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from pebble import ProcessExpired, ProcessPool
from threadpoolctl import threadpool_limits

from genreflow.audio.container import extension_caution
from genreflow.audio.decode import decode, regular_file_size
from genreflow.audio.normalise import normalise, stored_record
from genreflow.audio.verdict import Refused
from genreflow.config.audio import AudioSettings
from genreflow.store.digest import digest, file_sha256

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
) -> pa.Table:
    """Normalise the tracks of a shard and return their `audio` table, one row a track, in the order given.

    A file that an earlier run made from the same bytes under the same `stage_key` is used again.

    Parameters
    ----------
    tracks
        Rows of the catalogue: `track_id`, `path` (as the file system has it), `bytes` (None if not
        known beforehand), `sha256`; `mtime_ns` and `ctime_ns`, if a file of the same size may be another one; and
        `reason` and `message`, if the catalogue refuses a track itself (`Q_...`).
    audio_folder
        Receives `ogg/<kk>/<key>.ogg`, where the key is that of the source's content and of the stage.
    stage_key
        Names everything else that the result depends on.
    report
        Called with each row once it is there; the largest files come first.
    timeout
        Seconds a track may take. A decoder that hangs or crashes costs one track.
    workers
        Tracks that are worked on side by side, each with one thread.
    memory_gb
        Memory that a track may take, GB. Where the system itself runs out of it, tracks are tried again one by one.

    Raises
    ------
    OSError
        When the results cannot be written; what is wrong with a track is said in its row instead.
    """
    shard = _Shard(tracks, Path(audio_folder), settings, stage_key, timeout, memory_gb)
    rows: dict[int, Row] = {}

    def keep(place: int, outcome: Row) -> None:
        rows[place] = shard.row(place, outcome)
        if report:
            report(rows[place])

    for place, track in enumerate(tracks):
        if (track.get("reason") or "").startswith("Q_"):
            keep(place, _refusal(track["reason"], track["message"]))
    left = sorted(set(range(len(tracks))) - set(rows), key=lambda place: -(tracks[place]["bytes"] or 0))
    killed = []
    for place, outcome in shard.work(left, workers):
        if outcome is _KILLED:
            killed.append(place)
        else:
            keep(place, outcome)
    for place, outcome in shard.work(killed, workers=1):
        keep(place, outcome)
    return pa.Table.from_pylist([rows[place] for place in range(len(tracks))], schema=SCHEMA)


@dataclasses.dataclass(frozen=True)
class _Shard:
    """What `ingest` was given."""

    tracks: Sequence[Row]
    audio_folder: Path
    settings: AudioSettings
    stage_key: str
    timeout: float
    memory_gb: float

    def work(self, places: Sequence[int], workers: int) -> Iterator[tuple[int, Row]]:
        """Yield place and outcome of some of the tracks as they are done."""
        if not places:
            return
        fork = multiprocessing.get_context("fork")
        with ProcessPool(
            min(workers, len(places)), context=fork, initializer=_confine, initargs=[self.memory_gb]
        ) as pool:
            futures = {}
            for place in places:
                arguments = [self.tracks[place], self.audio_folder / self.ogg(place), self.settings]
                futures[pool.schedule(_outcome, args=arguments, timeout=self.timeout)] = place
            try:
                for future in as_completed(futures):
                    yield futures[future], self._result(future)
            except BaseException:
                pool.stop()
                raise

    def ogg(self, place: int) -> str:
        """Return the path of a normalised track below the audio folder."""
        key = digest(self.tracks[place]["sha256"], self.stage_key)
        return f"ogg/{key[:2]}/{key}.ogg"

    def row(self, place: int, outcome: Row) -> Row:
        """Return the row of a track."""
        ogg = None if outcome["verdict"] == "quarantine" else self.ogg(place)
        names = {"track_id": self.tracks[place]["track_id"], "sha256": self.tracks[place]["sha256"], "ogg": ogg}
        return dict.fromkeys(SCHEMA.names) | outcome | names

    def _result(self, future: Future) -> Row:
        try:
            return future.result()
        except TimeoutError:
            return _refusal("Q_DECODER_TIMEOUT", f"It could not be decoded within {self.timeout:g} s.")
        except ProcessExpired as death:
            if death.exitcode == -signal.SIGKILL:
                return _KILLED
            return _refusal("Q_DECODER_CRASH", f"The decoder crashed on it ({_cause(death.exitcode)}).")
        except (OSError, MemoryError):
            raise  # the results cannot be written: no fault of the track
        except Exception as error:
            return _refusal("Q_INTERNAL", f"An error of genreflow itself ({type(error).__name__}); please report it.")


def _refusal(reason: str, message: str) -> Row:
    return {"verdict": "quarantine", "reason": reason, "message": message}


_KILLED = _refusal("Q_MEMORY", "The system stopped its decoder (SIGKILL), as it does when memory runs out.")


def _confine(memory_gb: float) -> None:
    """Limit this process, a worker, to some memory beyond what it has now, to one thread, and to no input."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + round(1e9 * memory_gb)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threadpool_limits(1)


def _outcome(track: Row, ogg: Path, settings: AudioSettings) -> Row:
    """Return what the audio table says of a track, save its names (runs in the worker)."""
    try:
        _check_unchanged(track)
        _check_known(track, settings)
        record = stored_record(ogg) or normalise(track["path"], ogg, settings, serial=int(ogg.stem[:8], 16))
    except Refused as refused:
        return _refusal(refused.reason, refused.message)
    except MemoryError:
        return _refusal("Q_MEMORY", "The memory that a track may take does not suffice for it.")
    outcome = dataclasses.asdict(record)
    for caution in extension_caution(track["path"], record.container):  # of this name, not of the content
        outcome["verdict"] = "warn"
        outcome["reason"] = f"{caution.reason} {outcome['reason']}".strip()
        outcome["message"] = f"{caution.message} {outcome['message']}".strip()
    return outcome


def _check_unchanged(track: Row) -> None:
    size = regular_file_size(track["path"])
    if track["bytes"] is not None and size != track["bytes"]:
        raise Refused("Q_CHANGED", f"The file had {track['bytes']} bytes when it was catalogued, and now {size}.")
    if track.get("mtime_ns") is None:
        return
    status = os.stat(track["path"])
    is_touched = (status.st_mtime_ns, status.st_ctime_ns) != (track["mtime_ns"], track["ctime_ns"])
    if is_touched and file_sha256(track["path"]) != track["sha256"]:
        raise Refused("Q_CHANGED", "The file is another one than when it was catalogued.")


def _check_known(track: Row, settings: AudioSettings) -> None:
    """Refuse a file whose bytes are not known by their SHA-256: what is made of it could not be told from others."""
    if len(track["sha256"]) < _SHA256_DIGITS:
        decode(track["path"], max_seconds=1.0, gates=settings.gates)  # says what is wrong with it
        raise Refused("Q_UNREADABLE", "It could not be read when it was catalogued; the next run tries again.")


def _cause(exit_code: int) -> str:
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
