"""Answers of a trained model on the labeled tracks of another collection."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.config.datasets import Layout
from genreflow.datasets.artists import group_of
from genreflow.datasets.duplicates import find_pairs, recordings
from genreflow.datasets.index import read_index, shard_files
from genreflow.datasets.listing import ListedTrack, TrackListing
from genreflow.datasets.names import printable
from genreflow.datasets.scan import list_dataset
from genreflow.errors import UserError
from genreflow.evaluation.cross_dataset import JUDGED, KNOWN, OTHER_CLASS, REFUSED, TRACKS, Inside
from genreflow.evaluation.evaluate import evaluate
from genreflow.folds.roles import HOLDOUT
from genreflow.inference.files import Item
from genreflow.inference.prepare import PreparedTrack
from genreflow.inference.tracks import SEEN, UNKNOWN, Predictor, TrackPrediction
from genreflow.project.layout import run_folders, study_of_run
from genreflow.store.digest import file_sha256
from genreflow.store.parquet import read_frame
from genreflow.store.shards import read_arrays, read_rows
from genreflow.store.text import listing

# Raise it when the same model would be judged otherwise on the same tracks.
STAGE_VERSION = 1

_OWN, _OTHER = "own/", "other/"  # before the ids of tracks, which two datasets may share


@dataclass(frozen=True)
class LabeledTrack:
    """A track of another collection, prepared for a model.

    Attributes
    ----------
    track_id, title, label, group
        As in the index of its dataset.
    prepared
        Its slices, or the reason why it has none.
    ogg
        Its normalized audio below the folder of the dataset; empty where that is not kept.
    """

    track_id: str
    title: str
    label: str
    group: str
    prepared: PreparedTrack
    ogg: str = ""


def judge(
    predictor: Predictor,
    tracks: Iterable[LabeledTrack],
    *,
    known: Collection[str] = (),
    on_track: Callable[[int], None] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the tracks of another collection, and tell which of them count.

    Parameters
    ----------
    predictor
        A model of classes.
    tracks
        The tracks.
    known
        Ids of those that are also in the training collection; the model's own record of its training tracks is asked
        as well.
    on_track
        Called after each track with the number of tracks done.

    Returns
    -------
    tracks, slices
        A row per track, `genreflow.evaluation.cross_dataset.TRACKS`; and a row per slice of the tracks that count, as
        in the predictions of a run, in the role of a holdout.
    """
    rows, parts = [], []
    for number, track in enumerate(tracks, start=1):
        row, slices = _judged(predictor, track, is_known=track.track_id in known)
        rows.append(row)
        if slices is not None:
            parts.append(slices)
        if on_track:
            on_track(number)
    columns = ["track_id", "slice", "start_s", "label", "role", *_columns(predictor)]
    predictions = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    table = pd.DataFrame(rows, columns=list(TRACKS)).astype({"slices": int, "seconds": float, "answered": bool})
    return table.sort_values("track_id", ignore_index=True), predictions


def indexed_tracks(index: str | Path) -> Iterator[LabeledTrack]:
    """Yield the tracks of a dataset that the pipeline has cut, shard by shard, given the index of an input."""
    rows = read_index(Path(index))
    shards = {path.stem: path for path in shard_files(index)}
    for shard, members in rows.groupby("shard", sort=True):
        stored = read_rows(shards[str(shard)])
        arrays = read_arrays(shards[str(shard)], np.arange(len(stored)))
        places = stored.groupby("track_id").indices
        for row in members.to_dict("records"):
            yield _indexed(row, stored, arrays, places.get(row["track_id"], np.empty(0, int)))


def listed_tracks(predictor: Predictor, dataset: Layout) -> "ListedTracks":
    """Return the tracks of a dataset that no pipeline has cut; its files are read when they are iterated over.

    Raises
    ------
    UserError
        Every problem of the dataset; and when the model predicts tags, or knows none of the classes.
    """
    if predictor.is_tagged:
        raise UserError("evaluate: only models of classes can be tested on labeled tracks, and this one predicts tags.")
    found = list_dataset(dataset)
    labels = {track.label for track in found.tracks}
    if not labels & set(predictor.bundle.classes):
        raise UserError(
            f"evaluate: the model knows none of the classes {listing(sorted(labels), 8)}; its own are "
            f"{listing(predictor.bundle.classes, 8)}. Say which are the same: --alias THEIRS=OURS."
        )
    return ListedTracks(predictor, found)


@dataclass(frozen=True)
class ListedTracks:
    """The labeled files of a dataset, prepared for a model one by one."""

    predictor: Predictor
    found: TrackListing

    def __len__(self) -> int:
        return len(self.found.tracks)

    def __iter__(self) -> Iterator[LabeledTrack]:
        tracks = self.found.tracks
        groups = group_of(pd.DataFrame([(each.group, each.artist) for each in tracks], columns=["group", "artist"]))
        prepared = self.predictor.prepare(list(map(self._item, tracks)))
        for track, group, ready in zip(tracks, groups, prepared, strict=True):
            title = printable(track.path)
            yield LabeledTrack(title, title, track.label, group or "", ready)

    def trained_on(self) -> list[str]:
        """Return the titles of the files whose bytes the model was trained on."""
        profile = self.predictor.training_profile
        if profile is None:
            return []
        known = []
        for item in map(self._item, self.found.tracks):
            try:
                digest = "" if item.reason else file_sha256(item.path)
            except OSError:  # `prepare` says why it cannot be read
                continue
            if digest and profile.was_trained_on(digest, np.empty(0)):
                known.append(item.title)
        return known

    def _item(self, track: ListedTrack) -> Item:
        refusal = (track.reason, track.message) if track.reason.startswith("Q_") else ("", "")
        return Item(os.path.join(self.found.root, track.path), *refusal)


def cross_validated(predictor: Predictor) -> Inside:
    """Return the cross-validated accuracy of a model that lies among the runs of its setting; else an empty one."""
    setting = predictor.bundle.folder.resolve().parent
    if study_of_run(predictor.bundle.folder.resolve()) is None or len(run_folders(setting)) < 2:
        return Inside()
    scores = evaluate(setting).loc["track_accuracy_majority"]
    return Inside(float(scores["value"]), float(scores["low"]), float(scores["high"]))


def known_tracks(own: Sequence[str | os.PathLike], other: Sequence[str | os.PathLike], search: str) -> set[str]:
    """Return the tracks of another dataset that are recordings of the training dataset, too.

    Parameters
    ----------
    own, other
        Shards of normalized audio of the two.
    search
        As in `genreflow.datasets.duplicates.find_pairs`.
    """
    tracks = pd.concat([_fingerprints(own, _OWN), _fingerprints(other, _OTHER)], ignore_index=True)
    recording = recordings(tracks["track_id"], find_pairs(tracks, search))
    is_own = tracks["track_id"].str.startswith(_OWN)
    known = ~is_own & recording.notna() & recording.isin(recording[is_own].dropna())
    return set(tracks.loc[known, "track_id"].str.removeprefix(_OTHER))


def _judged(predictor: Predictor, track: LabeledTrack, *, is_known: bool) -> tuple[dict[str, Any], pd.DataFrame | None]:
    answer = predictor.predict_track(track.prepared)
    fate = _fate(predictor, track, answer, is_known)
    row: dict[str, Any] = {
        "track_id": track.track_id,
        "title": track.title,
        "label": track.label,
        "group": track.group or track.track_id,
        "fate": fate,
        "predicted": answer.best,
        "runner_up": answer.runner_up,
        "probability": answer.probability,
        "answered": answer.is_usable and answer.label != UNKNOWN,
        "distance": answer.distance,
        "slices": len(answer.slices),
        "seconds": answer.seconds,
        "ogg": track.ogg,
    }
    if fate != JUDGED:
        return row, None
    names = dict(zip(predictor.bundle.classes, _columns(predictor), strict=True))
    slices = answer.slices.drop(columns="label").rename(columns=names)
    return row, slices.assign(track_id=track.track_id, slice=np.arange(len(slices)), label=track.label, role=HOLDOUT)


def _fate(predictor: Predictor, track: LabeledTrack, answer: TrackPrediction, is_known: bool) -> str:
    if not answer.is_usable:
        return REFUSED
    if is_known or SEEN in answer.reason.split():
        return KNOWN
    return JUDGED if track.label in predictor.bundle.classes else OTHER_CLASS


def _columns(predictor: Predictor) -> list[str]:
    return [f"p{number}" for number in range(len(predictor.bundle.classes))]


def _indexed(row: Mapping[str, Any], stored: pd.DataFrame, arrays: np.ndarray, places: np.ndarray) -> LabeledTrack:
    item = Item(os.fsencode(row["title"]))
    prepared = PreparedTrack(item, row["sha256"], row["reason"], row["message"])
    if row["slices"]:
        starts = stored["start_s"].to_numpy()[places]
        prepared = PreparedTrack(
            item, row["sha256"], row["reason"], row["message"], row["seconds"], arrays[places], starts
        )
    return LabeledTrack(row["track_id"], row["title"], row["label"], row["group"], prepared, row["ogg"] or "")


def _fingerprints(shards: Sequence[str | os.PathLike], prefix: str) -> pd.DataFrame:
    columns = ["track_id", "verdict", "sha256", "samples_sha256", "fingerprint"]
    tracks = pd.concat([read_frame(path, "audio", columns) for path in shards], ignore_index=True)
    usable = tracks[tracks["verdict"] != "quarantine"]
    return usable.assign(track_id=prefix + usable["track_id"])
