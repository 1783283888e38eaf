"""Preparing new tracks for a model: leveled and cut as its training tracks were."""

import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genreflow.audio.decode import regular_file_size
from genreflow.audio.ingest import ingest
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.features.front_end import FrontEnd
from genreflow.features.slices import cut, to_stored, why_none
from genreflow.inference.files import Item
from genreflow.store.digest import file_sha256
from genreflow.store.writable import temporary_folder

_GROUP = 16  # tracks leveled together, before the first of them is cut


@dataclass(frozen=True)
class PreparedTrack:
    """A track ready for a model, or the reason why it is not.

    Attributes
    ----------
    item
        The file.
    sha256
        Digest of its bytes; empty if they cannot be read.
    reason, message
        Codes, `Q_...` for a file that cannot be used and `W_...` for warnings, and their sentences.
    seconds
        Length.
    stored
        Slices in their stored type, [n, *shape].
    start_s
        Start of each slice, s [n].
    ogg
        The leveled track; the file is deleted when the next track is requested.
    """

    item: Item
    sha256: str = ""
    reason: str = ""
    message: str = ""
    seconds: float = 0.0
    stored: np.ndarray | None = None
    start_s: np.ndarray | None = None
    ogg: Path | None = None


def prepare_tracks(
    items: Sequence[Item],
    audio: AudioSettings,
    settings: InputSettings,
    *,
    workers: int = 1,
    timeout: float = 600.0,
    front_end: FrontEnd | None = None,
) -> Generator[PreparedTrack, None, None]:
    """Yield files leveled and cut, in their order.

    Each file is decoded in a confined process: one that crashes a decoder, or keeps it busy for longer than `timeout`
    s, is refused alone. At most `audio.max_minutes` of a track are in memory.

    Parameters
    ----------
    audio, settings
        Audio and input settings of the training.
    workers
        Files decoded side by side.
    front_end
        The front-end of these settings, by default one on the CPU.
    """
    front_end = front_end or FrontEnd.of(settings.front_end)
    step = max(_GROUP, workers)
    for start in range(0, len(items), step):
        some = items[start : start + step]
        with tempfile.TemporaryDirectory(prefix="genreflow-", dir=temporary_folder()) as folder:
            read = {item: _read(item, audio) for item in some}
            usable = [track for track in read.values() if not track.reason]
            tracks = [
                {"track_id": track.sha256[:16], "path": track.item.path, "bytes": None, "sha256": track.sha256}
                for track in usable
            ]
            table = ingest(
                tracks, audio_folder=folder, settings=audio, stage_key="predict", workers=workers, timeout=timeout
            )
            rows = dict(zip((track.item for track in usable), table.to_pylist(), strict=True))
            for item in some:
                yield _cut(item, rows[item], Path(folder), settings, front_end) if item in rows else read[item]


def _read(item: Item, audio: AudioSettings) -> PreparedTrack:
    """Return a track with the digest of its bytes, or with the reason why it cannot be read."""
    if item.reason:
        return PreparedTrack(item, reason=item.reason, message=item.message)
    try:
        size = regular_file_size(item.path)
        if size > 1e9 * audio.thresholds.max_file_gb:
            message = f"The file has {size / 1e9:.1f} GB; files of up to {audio.thresholds.max_file_gb:g} GB are read."
            return PreparedTrack(item, reason="Q_TOO_BIG", message=message)
        return PreparedTrack(item, file_sha256(item.path))
    except RejectedTrack as refused:
        return PreparedTrack(item, reason=refused.reason, message=refused.message)
    except FileNotFoundError:
        return PreparedTrack(item, reason="Q_GONE", message="The file is no longer there.")
    except PermissionError:
        return PreparedTrack(item, reason="Q_PERMISSION", message="There is no permission to read the file.")
    except OSError as error:
        return PreparedTrack(item, reason="Q_UNREADABLE", message=f"The file cannot be read: {error.strerror}.")


def _cut(item: Item, row: dict, folder: Path, settings: InputSettings, front_end: FrontEnd) -> PreparedTrack:
    if row["verdict"] == "quarantine":
        return PreparedTrack(item, row["sha256"], row["reason"], row["message"])
    ogg = folder / row["ogg"]
    # Random segmentations draw from the track id, here the digest of the content.
    slices = cut(ogg, settings, track_id=row["track_id"], front_end=front_end)
    if not len(slices.array):
        return PreparedTrack(item, row["sha256"], *why_none(slices, settings))
    # Training reads stored slices, so these are rounded to the stored type as well.
    stored = to_stored(slices.array, settings)
    return PreparedTrack(
        item, row["sha256"], row["reason"], row["message"], slices.seconds, stored, slices.start_s, ogg
    )
