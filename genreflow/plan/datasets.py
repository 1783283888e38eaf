"""The products of a dataset: its shards and inputs, and the keys of each."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from genreflow.config.audio import AudioSettings
from genreflow.config.folds import FoldSettings
from genreflow.config.inputs import INFORMED, InputSettings, embedding_in
from genreflow.config.pipeline import Dataset, Duplicates, PipelineSettings
from genreflow.datasets import catalog, progress, scan
from genreflow.datasets.artists import artist_key, group_of, tagged_artists
from genreflow.datasets.catalog import OF_FILES
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.datasets.shards import shard_names
from genreflow.features.front_end import FrontEnd
from genreflow.models import registry
from genreflow.plan.stages import key, network_code, versions
from genreflow.project import layout
from genreflow.store.digest import digest, file_sha256
from genreflow.store.regular import expand_home


@dataclass
class InputPlan:
    """One input of one dataset; how models standardize it is no part of it.

    Attributes
    ----------
    name
        Name of its folder: front-end, segmentation, and a digest of all settings.
    """

    name: str
    settings: InputSettings
    dataset: "DatasetPlan"

    @property
    def names(self) -> dict[str, str]:
        """The wildcards of its products (`genreflow.project.layout.INPUT`)."""
        return {
            "dataset": self.dataset.name,
            "kind": FrontEnd.of(self.settings.front_end).folder,
            "input": self.name,
        }

    @property
    def folder(self) -> str:
        """Its folder below that of the dataset."""
        return "{kind}/{input}".format(**self.names)

    @property
    def is_embedding(self) -> bool:
        """Whether a network computes it."""
        return embedding_in(self.settings.front_end) is not None

    @property
    def suffix(self) -> str:
        """Suffix of its shards: arrays that are large and read in part are stored as HDF5."""
        return "h5" if self.names["kind"] == "maps" else "parquet"

    @cached_property
    def index(self) -> str:
        """Its index file."""
        return layout.INDEX.format(**self.names)

    def shard(self, shard: str) -> str:
        """Return the file of one of its shards."""
        return layout.SHARD.format(**self.names, shard=shard, suffix=self.suffix)

    @property
    def shard_files(self) -> list[str]:
        """The files of all its shards."""
        return list(map(self.shard, self.dataset.shards))

    @cached_property
    def shard_keys(self) -> dict[str, str]:
        """Shard -> key of its slices."""
        stages, settings = self._versions, self.settings.model_dump(mode="json")  # once, not for each shard
        return {shard: key(stages, settings, *self._network, audio) for shard, audio in self.dataset.audio_keys.items()}

    @property
    def _versions(self) -> dict[str, int]:
        """The versions of the stages that cut it."""
        front_end, segments = self.settings.front_end, self.settings.segments.kind
        kinds = [front_end.kind, *(part.kind for part in getattr(front_end, "parts", ()))]
        return versions("slices", "segments", *kinds, *(["rhythm"] if segments in INFORMED else []))

    @property
    def _network(self) -> list[Any]:
        """The code that a network of ours computes embeddings with; empty for other inputs."""
        given = embedding_in(self.settings.front_end)
        if given is None or not given.resolved.network:
            return []
        entry = registry.describe(given.resolved.network)
        return [versions("layers", given.resolved.front_end), entry.builder, network_code(entry.module)]

    @cached_property
    def index_key(self) -> str:
        """Key of the index."""
        return key(
            versions("index"),
            self.shard_keys,
            self.dataset.labels_key,
            self.dataset.duplicates_key,
            self.dataset.duplicates.across_classes,
        )


@dataclass
class DatasetPlan:
    """One dataset: its shards, and the keys of their products.

    Tracks are listed first; keys need the hashes of their bytes, which `record` adds.

    Attributes
    ----------
    listed
        The tracks, `genreflow.datasets.catalog.SCHEMA`; hashes may be missing.
    notices
        Remarks of its layout for the user.
    inputs
        Name -> input, for every input of a study.
    """

    name: str
    settings: Dataset
    audio: AudioSettings
    duplicates: Duplicates
    shard_size: int
    listed: pa.Table
    notices: list[str] = field(default_factory=list)
    inputs: dict[str, InputPlan] = field(default_factory=dict)

    @property
    def is_synthetic(self) -> bool:
        """Whether the tracks are made by the pipeline itself."""
        return isinstance(self.settings, Synthetic)

    @cached_property
    def tracks(self) -> pd.DataFrame:
        """Its tracks without their files: ``track_id, label, tags, group, artist, split, …``.

        A track without a group of its own has that of its artist.
        """
        tracks = self.listed.drop(["path", "checked", *OF_FILES]).to_pandas()
        return tracks.assign(group=group_of(tracks))

    def tracks_for(self, folds: FoldSettings) -> pd.DataFrame:
        """Return its tracks with the groups that folds keep together."""
        if folds.group != "auto":
            return self.tracks
        return self.tracks.assign(group=pd.Series(self.listed["artist_group"].to_pylist(), dtype=object))

    @cached_property
    def artist_groups(self) -> dict[str, str | None]:
        """Track_id -> group for `folds.group: auto`."""
        return catalog.artist_groups(self.listed)

    @property
    def checked(self) -> list[str]:
        """Identifiers of the tracks whose label a listener has confirmed or corrected."""
        return self.listed.filter(self.listed["checked"])["track_id"].to_pylist()

    @cached_property
    def tagged_artists(self) -> dict[str, str]:
        """Track_id -> artist by the tags of its file, for tracks whose artist the dataset does not name."""
        names = tagged_artists(catalog.embedded_tags(self.listed))
        unnamed = self.tracks.loc[[artist_key(artist) is None for artist in self.tracks["artist"]], "track_id"]
        return {track_id: names[track_id] for track_id in unnamed if track_id in names}

    @cached_property
    def members(self) -> dict[str, list[int]]:
        """Shard -> the rows of its tracks."""
        members: dict[str, list[int]] = {}
        for row, shard in enumerate(shard_names(self.listed["track_id"].to_pylist(), self.shard_size)):
            members.setdefault(shard, []).append(row)
        return dict(sorted(members.items()))

    @property
    def shards(self) -> list[str]:
        """Names of the shards."""
        return list(self.members)

    @property
    def duplicates_file(self) -> str:
        """The table of its equal recordings."""
        return layout.DUPLICATES.format(dataset=self.name)

    @cached_property
    def raw_keys(self) -> dict[str, str]:
        """Shard -> key of the tracks themselves: their ids, their hashes, and which are refused unread."""
        rows = [
            (row["track_id"], row["sha256"], row["reason"].startswith("Q_"))
            for row in self.listed.select(["track_id", "sha256", "reason"]).to_pylist()
        ]
        return {shard: key([rows[row] for row in members]) for shard, members in self.members.items()}

    @cached_property
    def audio_keys(self) -> dict[str, str]:
        """Shard -> key of the normalized audio."""
        return {shard: key(self.ogg_key, raw) for shard, raw in self.raw_keys.items()}

    @cached_property
    def ogg_key(self) -> str:
        """The key that, with the bytes of a track, names its normalized audio."""
        return key(versions("audio"), self.audio)

    @cached_property
    def duplicates_key(self) -> str:
        """Key of the pairs of equal recordings."""
        return key(versions("duplicates"), self.duplicates.search, self.audio_keys)

    @cached_property
    def labels_key(self) -> str:
        """Key of the labels: names, classes, tags, groups and splits, without the text of messages."""
        second = getattr(self.settings, "second_labels", None)
        sources = [] if second is None else [file_sha256(expand_home(second.path))]
        return key(self.listed.drop([*OF_FILES, "message", "checked"]).to_pydict(), *sources)

    def add_input(self, settings: InputSettings) -> InputPlan:
        """Return the plan of an input, which all studies share; standardization does not matter when it is cut."""
        settings = settings.model_copy(update={"standardize": "none"})
        name = f"{settings.front_end.kind}-{settings.segments.kind}-{digest(settings, length=6)}"
        return self.inputs.setdefault(name, InputPlan(name, settings, self))

    def record(self, listing: scan.Listing) -> None:
        """Read the bytes of new tracks and bring the catalog up to date."""
        self.listed = scan.record(listing, catalog_path(self.name))
        note, audio = (Path(each.format(dataset=self.name)) for each in (layout.AUDIO_PROGRESS, layout.AUDIO_FOLDER))
        progress.expect(note, audio, self.audio_keys)

    def look_up(self, listing: scan.Listing) -> None:
        """Take the hashes of tracks from the catalog, where they are known; nothing is read and nothing is written."""
        self.listed = scan.look_up(listing, catalog_path(self.name))


def catalog_path(dataset: str) -> Path:
    """Return the path of the catalog of a dataset."""
    return Path(layout.CATALOG.format(dataset=dataset))


def plan_dataset(name: str, listed: pa.Table, notices: list[str], settings: PipelineSettings) -> DatasetPlan:
    """Plan a dataset whose tracks are listed, with the remarks of its layout."""
    dataset = settings.datasets[name]
    audio = dataset.audio(settings.audio)
    return DatasetPlan(name, dataset, audio, settings.duplicates, settings.limits.shard_size, listed, notices)


def listed_before(name: str) -> tuple[pa.Table, list[str]]:
    """Return the tracks of a dataset, and the remarks of its layout, from its catalog on disk."""
    path = catalog_path(name)
    return catalog.read(path), catalog.notices_of(path)
