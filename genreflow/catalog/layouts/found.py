"""What every layout finds."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FoundTrack:
    """One track as a layout sees it.

    Attributes
    ----------
    path
        Path relative to the root of the dataset, as the file system's bytes.
    label
        Class, or an empty string where there is none.
    group
        Album or artist whose tracks must stay together, or None.
    split
        Split given by the dataset (``holdout``, ``train``, ...), or None.
    content
        Digest of the content where the layout knows it without a file; else None.
    """

    path: bytes
    label: str
    group: str | None = None
    split: str | None = None
    content: str | None = None


@dataclass(frozen=True)
class Found:
    """All that a layout found: tracks, the folder they are relative to, and remarks for the user."""

    root: bytes
    tracks: list[FoundTrack]
    notices: list[str] = field(default_factory=list)
