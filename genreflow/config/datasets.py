"""Where tracks and their labels come from."""

from typing import Annotated, Literal

from pydantic import Field

from genreflow.config.base import Settings


class Folders(Settings):
    """One sub-folder a class; a folder below it, if any, is an album and keeps its tracks together in folds."""

    layout: Literal["folders"]
    path: str = Field(min_length=1, description="Folder that holds the class folders.")


class Manifest(Settings):
    """A CSV file with the columns path, label and, if known, group (artist or album) and split."""

    layout: Literal["manifest"]
    path: str = Field(min_length=1, description="The CSV file.")
    root: str | None = Field(None, description="Folder that paths are relative to; the manifest's own if not given.")
    allow_absolute: bool = Field(False, description="Accept absolute paths, and paths that lead out of the root.")


class Synthetic(Settings):
    """A corpus made from scratch: five sub-genres of psychedelic trance, to try everything without music."""

    layout: Literal["synthetic"]
    tracks_per_class: int = Field(24, ge=1, description="Tracks in each of the five classes.")
    seconds: float = Field(35.0, ge=3, le=900, description="Length of a track, s.")
    seed: int = Field(0, ge=0, description="Another seed, another corpus.")


Dataset = Annotated[Folders | Manifest | Synthetic, Field(discriminator="layout")]
