"""What is to be built of a dataset."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa

from genreflow.config.audio import AudioSettings
from genreflow.config.datasets import Dataset, Synthetic
from genreflow.config.inputs import InputSettings
from genreflow.config.pipeline import Duplicates, PipelineSettings
from genreflow.datasets import catalog, progress, scan
from genreflow.datasets.artists import group_of
from genreflow.datasets.shards import shard_names
from genreflow.plan.stages import STAGES, key, versions
from genreflow.store.digest import digest


@dataclass
class InputPlan:
    """One input of one dataset: its folder name, its settings but for `standardise`, and the keys of its products."""

    name: str
    settings: InputSettings
    dataset: "DatasetPlan"

    @property
    def folder(self) -> str:
        """Its folder below that of the dataset."""
        rooms = {"waveform": "maps", "maps": "maps", "descriptors": "descriptors"}
        return f"{rooms.get(self.settings.front_end.kind, 'slices')}/{self.name}"

    @property
    def suffix(self) -> str:
        """Suffix of its shards: what is large and read in part lies in HDF5."""
        return "h5" if self.folder.startswith("maps/") else "parquet"

    @property
    def index(self) -> str:
        """Its index."""
        return f"results/{self.dataset.name}/{self.folder}/index.parquet"

    def shard(self, shard: str) -> str:
        """Return the file of one of its shards."""
        return f"results/{self.dataset.name}/{self.folder}/{shard}.{self.suffix}"

    @cached_property
    def shard_keys(self) -> dict[str, str]:
        """Shard -> key of its slices."""
        return {shard: key(self._versions, self.settings, audio) for shard, audio in self.dataset.audio_keys.items()}

    @property
    def _versions(self) -> dict[str, int]:
        """The versions of the stages that cut it."""
        front_end, segments = self.settings.front_end.kind, self.settings.segments.kind
        own = [front_end] if front_end in STAGES else []
        return versions("slices", "segments", *own, *(["rhythm"] if segments in ("beats", "onsets") else []))

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
    """One dataset: its shards, and the keys of what is made of them.

    Its tracks are known at once; keys need their bytes, and are to be asked for only when these have been read.

    Attributes
    ----------
    listed
        The tracks, `catalogue.SCHEMA`; hashes may be missing.
    inputs
        Folder name -> input, for every input that a study asks for.
    """

    name: str
    settings: Dataset
    audio: AudioSettings
    duplicates: Duplicates
    shard_size: int
    listed: pa.Table
    inputs: dict[str, InputPlan] = field(default_factory=dict)

    @property
    def is_synthetic(self) -> bool:
        """Whether the tracks are made by the pipeline itself."""
        return isinstance(self.settings, Synthetic)

    @cached_property
    def tracks(self) -> pd.DataFrame:
        """What the catalogue says of its tracks, but for the files: ``track_id, label, group, artist, split, …``.

        A track without a group of its own has that of its artist.
        """
        tracks = self.listed.drop(["path", "bytes", "mtime_ns", "ctime_ns", "sha256"]).to_pandas()
        return tracks.assign(group=group_of(tracks))

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

    @cached_property
    def raw_keys(self) -> dict[str, str]:
        """Shard -> key of the tracks themselves: which they are, what their bytes are, which are refused unseen."""
        rows = [
            (row["track_id"], row["sha256"], row["reason"].startswith("Q_"))
            for row in self.listed.select(["track_id", "sha256", "reason"]).to_pylist()
        ]
        return {shard: key([rows[row] for row in members]) for shard, members in self.members.items()}

    @cached_property
    def audio_keys(self) -> dict[str, str]:
        """Shard -> key of the normalised audio."""
        return {shard: key(self.ogg_key, raw) for shard, raw in self.raw_keys.items()}

    @cached_property
    def ogg_key(self) -> str:
        """The key that, with the bytes of a track, names its normalised audio."""
        return key(versions("audio"), self.audio)

    @cached_property
    def duplicates_key(self) -> str:
        """Key of the pairs of equal recordings."""
        return key(versions("duplicates"), self.duplicates.search, self.audio_keys)

    @cached_property
    def labels_key(self) -> str:
        """Key of what the catalogue says beyond the audio: names, labels, groups, splits; not in which words."""
        return key(self.listed.drop(["bytes", "mtime_ns", "ctime_ns", "sha256", "message"]).to_pydict())

    def add_input(self, settings: InputSettings) -> InputPlan:
        """Plan an input, once for all studies that share it; how models standardise it is no matter of cutting."""
        settings = settings.model_copy(update={"standardise": "none"})
        name = f"{settings.front_end.kind}-{settings.segments.kind}-{digest(settings, length=6)}"
        return self.inputs.setdefault(name, InputPlan(name, settings, self))

    def record(self, listing: scan.Listing, *, writes: bool = True) -> None:
        """Read the bytes of new tracks and bring the catalogue up to date; without `writes` only if it is missing."""
        self.listed = scan.record(listing, catalogue_path(self.name), writes=writes)
        progress.expect(Path("logs", self.name, "progress.json"), Path("results", self.name, "audio"), self.audio_keys)


def catalogue_path(dataset: str) -> Path:
    """Return where the catalogue of a dataset lies."""
    return Path("results", dataset, "catalog.parquet")


def plan_dataset(name: str, listed: pa.Table, settings: PipelineSettings) -> DatasetPlan:
    """Plan a dataset of which the tracks are known."""
    return DatasetPlan(
        name, settings.datasets[name], settings.audio, settings.duplicates, settings.limits.shard_size, listed
    )


def listed_before(name: str) -> pa.Table:
    """Return the tracks of a dataset as its catalogue has them."""
    return catalog.read(catalogue_path(name))
