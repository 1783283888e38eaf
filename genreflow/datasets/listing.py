"""The tracks of a dataset as its layout lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ListedTrack:
    """One track as its layout lists it.

    Attributes
    ----------
    path
        Path relative to the root of the dataset, as the file system's bytes.
    label
        Class, or an empty string where there is none.
    group
        Album or artist whose tracks must stay together, or None.
    artist
        Artist as the dataset spells it, or None.
    tags
        Tags where a track may have several, or none of them; else None.
    split
        Split given by the dataset (``holdout``, ``train``, ``valid``, ``test``), or None.
    reason, message
        Codes of warnings, separated by spaces, or the one code of a refusal (see `genreflow.audio.verdict`), and their
        sentences; else empty.
    content
        Digest of the content if it is known without reading a file; else None.
    checked
        Whether a listener has checked the label, and confirmed or corrected it.
    """

    path: bytes
    label: str
    group: str | None = None
    artist: str | None = None
    tags: tuple[str, ...] | None = None
    split: str | None = None
    reason: str = ""
    message: str = ""
    content: str | None = None
    checked: bool = False


@dataclass(frozen=True)
class TrackListing:
    """The tracks of a dataset, before their bytes are read.

    Attributes
    ----------
    root
        Folder that paths are relative to; empty for tracks that the pipeline makes.
    tracks
        The tracks.
    notices
        Remarks for the user.
    ignored
        Number of skipped files by label; empty for files outside the classes.
    has_classes
        Whether `labels` of the settings have been applied.
    disagreements
        Path, class, class by a second source, and ``kept`` or ``left out`` of each track whose labels differ.
    """

    root: bytes
    tracks: list[ListedTrack]
    notices: list[str] = field(default_factory=list)
    ignored: Mapping[str, int] = field(default_factory=dict)
    has_classes: bool = False
    disagreements: Sequence[tuple[str, str, str, str]] = ()
