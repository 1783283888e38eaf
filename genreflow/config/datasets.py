"""Where tracks and their labels come from."""

import os
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from genreflow.config.base import MAX_SEED, Settings
from genreflow.store.regular import expand_home

_LONGEST_PATH, _LONGEST_NAME = 4_095, 255  # bytes


def _possible(path: str) -> str:
    """Refuse a path that no file can have, which the system would answer with errors of its own."""
    try:
        given = os.fsencode(expand_home(path))
    except (RuntimeError, ValueError):
        raise ValueError(f"there can be no file {path[:80]!r}; is the name after '~' that of a user?") from None
    if len(given) > _LONGEST_PATH or max(map(len, given.split(b"/"))) > _LONGEST_NAME or b"\0" in given:
        raise ValueError(f"there can be no file {path[:80]!r}; names have at most {_LONGEST_NAME} bytes")
    return path


PathText = Annotated[str, AfterValidator(_possible)]


class Labels(Settings):
    """How the labels of a dataset become classes. They are text: `NA`, `01` and `None` are names like any other."""

    classes: list[str] | None = Field(
        None, min_length=1, description="The classes there may be; any other is an error."
    )
    aliases: dict[str, str] = Field(
        default_factory=dict, description="Label -> class, to merge spellings (`Hip-Hop: hiphop`) or classes."
    )
    drop: list[str] = Field(default_factory=list, description="Classes whose tracks are left out.")
    strict: bool = Field(False, description="Refuse labels that differ only in case or blanks instead of merging them.")


class Folders(Settings):
    """One sub-folder a class; a folder below it, if any, is an album and keeps its tracks together in folds."""

    layout: Literal["folders"]
    path: PathText = Field(min_length=1, description="Folder that holds the class folders.")
    labels: Labels = Field(Labels(), description="How labels become classes.")
    follow_links: bool = Field(False, description="Accept links to files and folders outside `path`.")


class Manifest(Settings):
    """A CSV file with the columns path, label and, if known, group or album, artist and split."""

    layout: Literal["manifest"]
    path: PathText = Field(min_length=1, description="The CSV file.")
    root: PathText | None = Field(
        None, description="Folder that paths are relative to; the manifest's own if not given."
    )
    allow_absolute: bool = Field(False, description="Accept absolute paths, and paths that lead out of the root.")
    labels: Labels = Field(Labels(), description="How labels become classes.")
    multilabel: bool = Field(
        False, description="The column `tags`, in place of label, holds any number of tags, separated by semicolons."
    )
    conflict: Literal["stop", "drop"] = Field("stop", description="What to do with a path that has two labels.")
    max_missing: float = Field(0.01, ge=0, le=1, description="Share of rows whose file may be missing.")


class Gtzan(Settings):
    """GTZAN: ten folders of 100 clips, ``blues/blues.00000.au`` (or .wav).

    Its split is the fault-filtered one of Kereliuk et al. 2015: 443 / 197 / 290 clips, no artist on two sides, 70
    faulty clips in no part.
    """

    layout: Literal["gtzan"]
    path: PathText = Field(min_length=1, description="Folder that holds the ten genre folders.")
    known_bad: Literal["quarantine", "keep"] = Field(
        "quarantine", description="What becomes of reggae.00086, which is noise; most published results kept it."
    )


class MagnaTagATune(Settings):
    """MagnaTagATune: clips in folders 0 to f, and annotations_final.csv; a track has any number of tags."""

    layout: Literal["magnatagatune"]
    path: PathText = Field(min_length=1, description="Folder that holds the folders 0 to f.")
    annotations: PathText | None = Field(None, description="annotations_final.csv; the one in `path` if not given.")
    top: int = Field(50, ge=1, le=188, description="Only the commonest tags, counted over all clips, are used.")
    untagged: bool = Field(False, description="Keep clips that have none of these tags.")
    split: Literal["none", "folders"] = Field("folders", description="folders: train 0-b, valid c, test d-f.")


class Emotion4Q(Settings):
    """4-Quadrant audio emotion: folders Q1 to Q4, and the artists from its metadata where they are there."""

    layout: Literal["emotion4q"]
    path: PathText = Field(min_length=1, description="Folder that holds Q1 to Q4.")


class Fma(Settings):
    """Free Music Archive: ``000/000002.mp3``, and tracks.csv with its two header rows."""

    layout: Literal["fma"]
    path: PathText = Field(min_length=1, description="Folder that holds the folders 000 to 155.")
    metadata: PathText = Field(min_length=1, description="tracks.csv, or the folder it is in.")
    subset: Literal["small", "medium", "large", "full"] = Field("small", description="Which subset of the archive.")
    split: Literal["none", "official"] = Field("official", description="official: training, validation and test.")
    labels: Labels = Field(Labels(), description="How top genres become classes.")


class Synthetic(Settings):
    """A corpus made from scratch, to try everything without music."""

    layout: Literal["synthetic"]
    corpus: Literal["subgenres", "genres", "western", "moods", "tags"] = Field(
        "subgenres",
        description="subgenres: five of psychedelic trance; genres: ten, named as GTZAN's; western: eight, named as "
        "western8's; moods: four quadrants; tags: clips with several tags each.",
    )
    tracks_per_class: int = Field(
        24, ge=1, le=100_000, description="Tracks in each class; of tags, in each of ten families."
    )
    seconds: float = Field(35.0, ge=3, le=900, description="Length of a track, s.")
    seed: int = Field(0, ge=0, le=MAX_SEED, description="Another seed, another corpus.")


Dataset = Annotated[
    Folders | Manifest | Gtzan | MagnaTagATune | Emotion4Q | Fma | Synthetic, Field(discriminator="layout")
]
LAYOUTS = {get_args(kind.model_fields["layout"].annotation)[0]: kind for kind in get_args(get_args(Dataset)[0])}
