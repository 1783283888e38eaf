"""What every layout finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ListedTrack:
    """One track as a layout sees it.

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
        What the layout has to say of the track: codes of warnings (separated by spaces) or the one code of a
        refusal, as in `genreflow.audio.verdict`, and plain sentences; else empty.
    content
        Digest of the content where the layout knows it without a file; else None.
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


@dataclass(frozen=True)
class TrackListing:
    """All that a layout found: tracks, the folder they are relative to, and remarks for the user.

    `ignored` counts the files that were passed over, by the class they lie in (empty for those beside the classes).
    """

    root: bytes
    tracks: list[ListedTrack]
    notices: list[str] = field(default_factory=list)
    ignored: Mapping[str, int] = field(default_factory=dict)
