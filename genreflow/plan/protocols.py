"""The protocols of a study: which tracks take part, and how they are divided into folds."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from genreflow.config.folds import FoldSettings
from genreflow.config.load import settings_from
from genreflow.config.study import Protocol, StudySettings
from genreflow.errors import UserError
from genreflow.folds.assign import select
from genreflow.folds.collections import check_collections, collections_of, of_shared_classes
from genreflow.folds.feasibility import classes_of, is_tagged, possible_count
from genreflow.folds.roles import HOLDOUT
from genreflow.plan.datasets import DatasetPlan, catalog_path
from genreflow.project.specs import ProtocolSpec


@dataclass(frozen=True)
class ProtocolPlan:
    """A protocol with its fold settings resolved, and the dataset it divides."""

    name: str
    title: str
    settings: Protocol
    folds: FoldSettings
    dataset: DatasetPlan

    @property
    def spec(self) -> ProtocolSpec:
        """The specification of the job that assigns folds."""
        return ProtocolSpec(self.settings.classes, self.settings.tracks, self.folds, self.settings.imbalance)

    @property
    def group_catalogs(self) -> list[str]:
        """The catalog, where tracks are kept together by the artists in it; else nothing."""
        return [str(catalog_path(self.dataset.name))] if self.folds.group == "auto" else []

    @property
    def artist_catalogs(self) -> list[str]:
        """The catalog, where the tags in it name artists; else nothing."""
        return [str(catalog_path(self.dataset.name))] if self.dataset.tagged_artists else []

    @property
    def has_holdout(self) -> bool:
        """Whether tracks are held out for the final model."""
        return self.folds.holdout > 0 or self.dataset.tracks["split"].eq(HOLDOUT).any()

    @property
    def has_validation(self) -> bool:
        """Whether its folds have validation tracks."""
        is_given = self.folds.scheme == "given" and self.dataset.tracks["split"].eq("valid").any()
        return bool(self.folds.validation or self.folds.valid or is_given)

    @property
    def tracks(self) -> pd.DataFrame:
        """The listed tracks that take part."""
        tracks = _selected(self.dataset, self.settings, self.folds)
        return of_shared_classes(tracks) if self.folds.leaves_collections_out else tracks

    @property
    def collections(self) -> list[str]:
        """The collections that its folds test, one each; none of other schemes."""
        return collections_of(self.tracks) if self.folds.leaves_collections_out else []

    @property
    def leaves_split(self) -> bool:
        """Whether the dataset comes with a split that the protocol does not use."""
        return self.folds.scheme != "given" and {"train", "test"} <= set(self.dataset.tracks["split"])

    @cached_property
    def is_tagged(self) -> bool:
        """Whether its tracks have tags instead of classes."""
        return is_tagged(self.dataset.tracks)

    @cached_property
    def classes(self) -> list[str]:
        """The classes, or tags, that its tracks may have."""
        tracks = self.tracks if self.folds.leaves_collections_out else self.dataset.tracks
        return sorted(self.settings.classes or classes_of(tracks))

    @property
    def n_training_tracks(self) -> int:
        """Upper bound of the number of tracks that a fold trains on."""
        folds, tracks = self.folds, self.n_tracks
        if folds.scheme == "given":
            return int(self.dataset.tracks["split"].eq("train").sum())
        if folds.scheme == "random":
            return round((tracks - folds.holdout) * (1 - folds.test - folds.valid))
        return round((tracks - folds.holdout) * (1 - (1 + folds.validation) / folds.count))

    @property
    def n_validation_tracks(self) -> int:
        """Upper bound of the number of tracks that choose the best epoch of a fold."""
        folds, tracks = self.folds, self.n_tracks
        if folds.scheme == "given":
            return int(self.dataset.tracks["split"].eq("valid").sum())
        if folds.scheme == "random":
            return round((tracks - folds.holdout) * folds.valid)
        return round((tracks - folds.holdout) / folds.count) if folds.validation else 0

    @property
    def n_tracks(self) -> int:
        """Upper bound of the number of tracks that take part."""
        return min(self.settings.tracks or sys.maxsize, len(self.dataset.listed))


def plan_protocol(study: str, settings: StudySettings, name: str, datasets: Mapping[str, DatasetPlan]) -> ProtocolPlan:
    """Plan a protocol of a study, whose dataset is among `datasets`."""
    protocol = settings.all_protocols[name]
    dataset = datasets[protocol.dataset or settings.dataset]
    if protocol.top is not None:
        classes = [label for label in commonest(dataset.tracks) if label in (protocol.classes or [label])]
        protocol = protocol.model_copy(update={"classes": sorted(classes[: protocol.top])})
    folds = settings_from(
        FoldSettings,
        {**settings.folds.model_dump(exclude_unset=True), **protocol.folds},
        f"study {study}: protocols.{name}.folds",
    )
    if folds.fewer_if_needed:
        folds = folds.model_copy(update={"count": possible_count(_selected(dataset, protocol, folds), folds)})
    if folds.leaves_collections_out:
        try:
            check_collections(_selected(dataset, protocol, folds))
        except UserError as error:
            raise UserError(f"study {study}: {error}") from None
        folds = folds.model_copy(update={"count": len(collections_of(dataset.tracks))})
    return ProtocolPlan(name, protocol.title or name, protocol, folds, dataset)


def commonest(tracks: pd.DataFrame) -> list[str]:
    """Return the classes, or tags, of tracks, the commonest first; equally common ones by name."""
    labels = tracks["tags"].explode() if is_tagged(tracks) else tracks["label"]
    counts = labels.dropna().value_counts()
    return sorted(counts.index, key=lambda label: (-counts[label], label))


def _selected(dataset: DatasetPlan, protocol: Protocol, folds: FoldSettings) -> pd.DataFrame:
    """Return the listed tracks that take part."""
    tracks = dataset.tracks_for(folds)
    if protocol.classes is None and protocol.tracks is None and protocol.imbalance == 1:
        return tracks
    return select(tracks, classes=protocol.classes, most=protocol.tracks, imbalance=protocol.imbalance)
