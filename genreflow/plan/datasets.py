"""What is to be built of a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from genreflow.catalog import catalogue, scan
from genreflow.catalog.shards import shard_names
from genreflow.config.audio import AudioSettings
from genreflow.config.datasets import Dataset, Synthetic
from genreflow.config.inputs import InputSettings
from genreflow.store.digest import digest


@dataclass(frozen=True)
class InputPlan:
    """One input of one dataset: its folder name, its settings, and the keys of its products."""

    name: str
    settings: InputSettings
    shard_keys: Mapping[str, str]
    index_key: str


@dataclass(frozen=True)
class DatasetPlan:
    """One dataset: its shards, and the keys of what is made of them.

    Attributes
    ----------
    raw_keys
        Shard -> key of the tracks themselves: which they are and what their bytes are.
    audio_keys
        Shard -> key of the normalised audio.
    labels_key
        Key of what the catalogue says beyond the audio: names, labels, groups, splits.
    tracks
        ``track_id, label, group, split`` of the catalogue.
    inputs
        Folder name -> input, for every input that a study asks for.
    """

    name: str
    settings: Dataset
    raw_keys: Mapping[str, str]
    audio_keys: Mapping[str, str]
    labels_key: str
    tracks: pd.DataFrame
    inputs: dict[str, InputPlan] = field(default_factory=dict)

    @property
    def shards(self) -> list[str]:
        """Names of the shards."""
        return list(self.audio_keys)

    @property
    def is_synthetic(self) -> bool:
        """Whether the tracks are made by the pipeline itself."""
        return isinstance(self.settings, Synthetic)

    def add_input(self, settings: InputSettings, code: Mapping[str, str]) -> InputPlan:
        """Plan an input, once for all studies that share it."""
        name = f"{settings.front_end.kind}-{settings.segments.kind}-{digest(settings, length=6)}"
        if name not in self.inputs:
            keys = {shard: digest(code["cut_slices"], settings, key) for shard, key in self.audio_keys.items()}
            index_key = digest(code["index_dataset"], keys, self.labels_key)
            self.inputs[name] = InputPlan(name, settings, keys, index_key)
        return self.inputs[name]


def ogg_key(audio: AudioSettings, code: Mapping[str, str]) -> str:
    """Return the key that, with the bytes of a track, names its normalised audio."""
    return digest(code["normalise_audio"], audio)


def plan_dataset(
    name: str,
    settings: Dataset,
    *,
    shard_size: int,
    audio: AudioSettings,
    code: Mapping[str, str],
    refresh: bool,
) -> DatasetPlan:
    """Bring the catalogue up to date (with `refresh`), or read it as it is, and plan its shards."""
    path = Path("results", name, "catalog.parquet")
    tracks = scan.refresh(settings, path, raw=path.parent / "raw") if refresh else catalogue.read(path)
    rows = tracks.select(["track_id", "sha256", "reason"]).to_pylist()
    members: dict[str, list[tuple[str, str, bool]]] = {}
    for row, shard in zip(rows, shard_names([row["track_id"] for row in rows], shard_size), strict=True):
        members.setdefault(shard, []).append((row["track_id"], row["sha256"], row["reason"].startswith("Q_")))
    made_by = code["synthesise_tracks"] if isinstance(settings, Synthetic) else ""
    raw_keys = {shard: digest(made_by, tracks) for shard, tracks in sorted(members.items())}
    audio_keys = {shard: digest(ogg_key(audio, code), key) for shard, key in raw_keys.items()}
    labels_key = digest(tracks.drop(["bytes", "mtime_ns", "ctime_ns", "sha256"]).to_pydict())
    labels = tracks.select(["track_id", "label", "group", "split"]).to_pandas()
    return DatasetPlan(name, settings, raw_keys, audio_keys, labels_key, labels)
