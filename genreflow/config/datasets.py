"""Settings of datasets: paths, labels, and the layouts that modules of `genreflow.datasets.layouts` define."""

import os
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from genreflow.config.audio import AudioSettings
from genreflow.config.base import LATER, MAX_SEED, Settings
from genreflow.store.regular import expand_home

_LONGEST_PATH, _LONGEST_NAME = 4_095, 255  # bytes


def _possible(path: str) -> str:
    """Return a path; raise ValueError for one that no file can have."""
    try:
        given = os.fsencode(expand_home(path))
    except (RuntimeError, ValueError):
        raise ValueError(f"there can be no file {path[:80]!r}; is the name after '~' that of a user?") from None
    if len(given) > _LONGEST_PATH or max(map(len, given.split(b"/"))) > _LONGEST_NAME or b"\0" in given:
        raise ValueError(f"there can be no file {path[:80]!r}; names have at most {_LONGEST_NAME} bytes")
    return path


_LAST = ("library", "folders")  # of the layouts that a folder is compared with

PathText = Annotated[str, AfterValidator(_possible)]


class Labels(Settings):
    """How the labels, or tags, of a dataset become classes. All are text: `NA`, `01` and `None` are names too."""

    classes: list[str] | None = Field(
        None, min_length=1, description="The classes there may be; any other is an error."
    )
    aliases: dict[str, str] = Field(
        default_factory=dict, description="Label -> class, to merge spellings (`Hip-Hop: hiphop`) or classes."
    )
    drop: list[str] = Field(default_factory=list, description="Classes whose tracks are left out.")
    strict: bool = Field(False, description="Refuse labels that differ only in case or blanks instead of merging them.")


class SecondLabels(Settings):
    """Labels of the same tracks from a second source, to check those of a dataset by."""

    path: PathText = Field(min_length=1, description="A CSV file with the columns `path` and `label`.")
    aliases: dict[str, str] = Field(default_factory=dict, description="Label of the second source -> class.")
    disagreements: Literal["keep", "drop"] = Field(
        "keep", description="Keep tracks with a warning where the two differ, or leave them out."
    )


class Layout(Settings):
    """A layout of datasets: its settings, and how to find its tracks.

    A layout is a module of `genreflow.datasets.layouts` with one subclass, whose literal field `layout` names it.
    """

    labels: Labels = Field(Labels(), description="How labels become classes.")
    level: Literal["loudness", "none"] | None = Field(
        None, json_schema_extra=LATER, description="`audio.level` of this dataset, if it is another."
    )
    corrections: PathText | None = Field(
        None,
        json_schema_extra=LATER,
        description="A CSV file with the columns `path` and `corrected`, as a report saves it: the classes of tracks "
        "whose labels are wrong.",
    )
    second_labels: SecondLabels | None = Field(
        None, json_schema_extra=LATER, description="Labels from a second source, to check these by."
    )
    per_class: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        json_schema_extra=LATER,
        description="At most so many tracks of each class, drawn at random before any is read. A collection that grows "
        "keeps most of them: a new track takes at most one other's place.",
    )
    draw_seed: int = Field(0, ge=0, le=MAX_SEED, json_schema_extra=LATER, description="Seed of this draw.")

    def audio(self, usual: AudioSettings) -> AudioSettings:
        """Return how the tracks of the dataset are normalized, given how all others are."""
        return usual if self.level is None else usual.model_copy(update={"level": self.level})

    @classmethod
    def recognize(cls, path: Path) -> dict[str, Any] | None:  # noqa: ARG003  # of a layout that is not recognized
        """Return the settings, besides `layout`, with which a file or folder is of this layout; None if it is not.

        It looks at names, and at the heads of tables; paths in the settings begin with `path` or its parent.
        """
        return None

    def is_album(self, group: str) -> bool:
        """Return whether a group of its tracks is an album, so that `folds.group: auto` may take the artist instead."""
        return group.startswith("album:")

    def find_with(self, tags: Any) -> Any:  # noqa: ARG002  # of a layout that reads no tags
        """Return the same as `find`; `tags` is the `genreflow.datasets.file_facts.TagReader` to read tags with."""
        return self.find()

    def find(self) -> Any:
        """Return the `genreflow.datasets.listing.TrackListing` of the dataset, with labels as they were found.

        Raises
        ------
        UserError
            When the dataset is not there or not as the layout expects; all problems at once.
        """
        raise NotImplementedError


def find_layouts() -> dict[str, type[Layout]]:
    """Return the settings class of each layout by name.

    Modules of layouts are imported by name, as plug-ins: the settings depend on no layout.
    """
    package = import_module("genreflow.datasets.layouts")
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    # By module, because other imports may have loaded some layouts before.
    kinds = sorted(
        (kind for kind in Layout.__subclasses__() if kind.__module__.startswith(package.__name__)),
        key=lambda kind: kind.__module__,
    )
    return {get_args(kind.model_fields["layout"].annotation)[0]: kind for kind in kinds}


def recognized(path: Path) -> dict[str, Any] | None:
    """Return the settings of a dataset in a file or folder, ``layout`` among them; None if no layout fits.

    Class folders come last, as nearly any folder of folders could be that, and tags of files before them.
    """
    layouts = find_layouts()
    for name in [*(name for name in sorted(layouts) if name not in _LAST), *_LAST]:
        settings = layouts[name].recognize(path)
        if settings is not None:
            return {"layout": name, **settings}
    return None
