"""Several datasets as one, of which each track remembers where it is from."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from genreflow.config.datasets import Layout
from genreflow.datasets.file_facts import TagReader
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.splits import SPLITS
from genreflow.errors import Gathering, UserError, did_you_mean


class Collections(Layout):
    """Other datasets of this file as one, for `folds.scheme: leave_one_collection_out`.

    Classes are matched by name, after the `labels` of each. Splits of the datasets are not used. Tracks are normalized
    once more for this dataset, even where those of its parts have been.
    """

    layout: Literal["collections"]
    of: list[str] = Field(min_length=2, description="Names of datasets in config.yaml, none of them synthetic.")
    parts: dict[str, Any] = Field(default_factory=dict, exclude=True, json_schema_extra={"internal": True})

    def is_album(self, group: str) -> bool:
        """Return whether its dataset takes it for an album."""
        name, _, own = group.partition("/")
        return name in self.parts and self.parts[name].is_album(own)

    def find(self) -> TrackListing:
        """Find the tracks of all datasets, see `find_with`."""
        return self.find_with(TagReader())

    def find_with(self, tags: TagReader) -> TrackListing:
        """Find the tracks of all datasets; `split` of a track is the name of its dataset.

        Groups of two datasets are different groups, even if their names are equal; artists are matched by name.
        """
        from genreflow.datasets.scan import list_dataset  # which lists layouts

        listings, problems = {}, Gathering()
        for name, part in self.parts.items():
            with problems.step():
                listings[name] = list_dataset(part, tags)
        problems.raise_any()
        root = os.path.commonpath([os.path.realpath(listing.root) for listing in listings.values()])
        tracks = [
            _of_collection(name, track, os.path.relpath(os.path.realpath(listing.root), root))
            for name, listing in listings.items()
            for track in listing.tracks
        ]
        twice = [path for path, times in Counter(track.path for track in tracks).items() if times > 1]
        if twice:
            raise UserError(f"{len(twice):,} files are in two of the datasets {', '.join(self.of)}: name each once.")
        ignored = sum((Counter(listing.ignored) for listing in listings.values()), Counter())
        notices = [f"{name}: {notice}" for name, listing in listings.items() for notice in listing.notices]
        has_tags = any(track.tags is not None for track in tracks)
        return TrackListing(root, tracks, notices, ignored, has_classes=has_tags)


def with_parts(datasets: Mapping[str, Layout], known: Mapping[str, Any]) -> tuple[dict[str, Layout], dict[str, str]]:
    """Return datasets whose `collections` hold the settings of the datasets that they name, and the problem of each.

    `known` has the names of all datasets, also of those whose settings are wrong and have been reported.
    """
    resolved, problems = dict(datasets), {}
    for name, settings in datasets.items():
        if isinstance(settings, Collections):
            parts = {other: datasets[other] for other in settings.of if other in datasets}
            resolved[name] = settings.model_copy(update={"parts": parts})
            if faults := list(_faults(settings, datasets, known)):
                problems[name] = f"datasets.{name}.of: {'; '.join(faults)}"
    return resolved, problems


def _faults(settings: Collections, datasets: Mapping[str, Layout], known: Mapping[str, Any]) -> Iterator[str]:
    for other in dict.fromkeys(settings.of):
        if other not in known:
            yield f"{other!r} is not under `datasets`.{did_you_mean(other, known)}"
        elif isinstance(datasets.get(other), Collections) or _is_made(datasets.get(other)):
            yield f"{other!r} has no files of its own; name datasets that have."
        elif other in SPLITS:
            yield f"{other!r} is the name of a part of a split; rename the dataset."
        if settings.of.count(other) > 1:
            yield f"{other!r} is named twice."


def _is_made(settings: Layout | None) -> bool:
    return settings is not None and not hasattr(settings, "path")


def _of_collection(name: str, track: ListedTrack, folder: bytes) -> ListedTrack:
    group = None if track.group is None else f"{name}/{track.group}"
    return replace(track, path=os.path.normpath(os.path.join(folder, track.path)), group=group, split=name)
