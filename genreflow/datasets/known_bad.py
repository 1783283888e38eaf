"""Known defects of published datasets, so that they are explained; a new defect is still reported."""

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass

from genreflow.datasets.dataset_root import stem
from genreflow.datasets.listing import ListedTrack
from genreflow.datasets.tables import read_header
from genreflow.project.shipped import shipped
from genreflow.store.digest import file_sha256

_SAID = {
    "note": ("W_KNOWN_ISSUE", "Known of this file, in some copies of the dataset"),
    "quarantine": ("Q_KNOWN_BAD", "The file is known to be bad"),
}


@dataclass(frozen=True)
class KnownBad:
    """A defect.

    Attributes
    ----------
    file
        Path below the dataset; without a suffix where copies of the dataset differ in format.
    sha256
        Content of the defective file, or empty: then the name alone decides.
    verdict
        ``quarantine``: no copy is any good. ``note``: some copies are, so the file is tried.
    reason, source
        The defect, and its reference.
    """

    file: str
    sha256: str
    verdict: str
    reason: str
    source: str


def known_bad(dataset: str) -> list[KnownBad]:
    """Return the known defects of a dataset, ``resources/known_bad/<dataset>.csv``."""
    table = read_header(shipped("resources", "known_bad", f"{dataset}.csv"))
    return [KnownBad(*row) for _, row in table.rows()]


def marked(tracks: Iterable[ListedTrack], root: bytes, dataset: str, *, keep: bool = False) -> list[ListedTrack]:
    """Return tracks with their known defects as `reason` (``Q_KNOWN_BAD``, ``W_KNOWN_ISSUE``) and `message`.

    A defect is found by the path of a track below `root`, with or without its suffix, and by content where it is known.
    With `keep`, files that are known to be bad are used all the same.
    """
    defects = {os.fsencode(defect.file): defect for defect in known_bad(dataset)}
    return [_marked(track, root, defects, keep) for track in tracks]


def _marked(track: ListedTrack, root: bytes, defects: dict[bytes, KnownBad], keep: bool) -> ListedTrack:
    defect = defects.get(track.path) or defects.get(stem(track.path))
    if defect is None or (defect.sha256 and _content(os.path.join(root, track.path)) != defect.sha256):
        return track
    reason, opening = _SAID[defect.verdict]
    if keep:
        reason = _SAID["note"][0]
    return dataclasses.replace(track, reason=reason, message=f"{opening}: {defect.reason} ({defect.source}).")


def _content(path: bytes) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None
