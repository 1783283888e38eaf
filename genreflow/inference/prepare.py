"""New tracks as a model wants them: levelled and cut as its training tracks were."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genreflow.audio.decode import regular_file_size
from genreflow.audio.ingest import ingest
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.features.slices import cut, to_stored, why_none
from genreflow.inference.files import Item
from genreflow.store.digest import file_sha256
from genreflow.store.writable import temporary_folder

_TOGETHER = 16  # tracks that are levelled before the first of them is cut


@dataclass(frozen=True)
class PreparedTrack:
    """A track, ready for a model; or why it is not.

    Attributes
    ----------
    item
        The file.
    sha256
        Of its bytes; empty if they cannot be read.
    reason, message
        `Q_...` if it cannot be used, `W_...` of what is odd about it, and the sentences.
    seconds
        Its length.
    stored
        Its slices, [n, *shape], of the type that is stored.
    start_s
        Where they begin, [n], s.
    ogg
        The levelled track; it is there until the next one is asked for.
    """

    item: Item
    sha256: str = ""
    reason: str = ""
    message: str = ""
    seconds: float = 0.0
    stored: np.ndarray | None = None
    start_s: np.ndarray | None = None
    ogg: Path | None = None


def listen(
    items: Sequence[Item], audio: AudioSettings, settings: InputSettings, *, workers: int = 1, timeout: float = 600.0
) -> Iterator[PreparedTrack]:
    """Level and cut files one after the other, in their order.

    Files are decoded in processes of their own, which are confined: a file that crashes a decoder, or keeps it busy for
    longer than `timeout` s, costs itself. Of long tracks no more than `audio.max_minutes` is ever in memory.

    Parameters
    ----------
    audio, settings
        Those of the training.
    workers
        Files that are decoded side by side.
    """
    step = max(_TOGETHER, workers)
    for start in range(0, len(items), step):
        some = items[start : start + step]
        with tempfile.TemporaryDirectory(prefix="genreflow-", dir=temporary_folder()) as folder:
            found = {item: _read(item, audio) for item in some}
            usable = [heard for heard in found.values() if not heard.reason]
            tracks = [
                {"track_id": heard.sha256[:16], "path": heard.item.path, "bytes": None, "sha256": heard.sha256}
                for heard in usable
            ]
            table = ingest(
                tracks, audio_folder=folder, settings=audio, stage_key="predict", workers=workers, timeout=timeout
            )
            rows = dict(zip((heard.item for heard in usable), table.to_pylist(), strict=True))
            for item in some:
                yield _cut(item, rows[item], Path(folder), settings) if item in rows else found[item]


def _read(item: Item, audio: AudioSettings) -> PreparedTrack:
    """Return the digest of a file's bytes, or why it cannot even be read."""
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
        return PreparedTrack(
            item, reason="Q_UNREADABLE", message=f"The file cannot be read: {os.strerror(error.errno)}."
        )


def _cut(item: Item, row: dict, folder: Path, settings: InputSettings) -> PreparedTrack:
    if row["verdict"] == "quarantine":
        return PreparedTrack(item, row["sha256"], row["reason"], row["message"])
    ogg = folder / row["ogg"]
    # Where cutting is random, it draws from the content.
    slices = cut(ogg, settings, track_id=row["track_id"])
    if not len(slices.array):
        return PreparedTrack(item, row["sha256"], *why_none(slices, settings))
    # A track must look the same here as it did in training, where it was stored.
    stored = to_stored(slices.array, settings)
    return PreparedTrack(
        item, row["sha256"], row["reason"], row["message"], slices.seconds, stored, slices.start_s, ogg
    )
