"""What a run will find in the music of a dataset: some tracks decoded as it decodes them, the lengths of more.

Nothing is written. What is not known of a track is taken to be good, and how much is known is part of the result.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genreflow.audio.excerpts import at_rate
from genreflow.audio.normalise import gain_of, measure
from genreflow.audio.probing import Probed, Workers, in_workers, probe_all
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.pipeline import Duplicates, Limits
from genreflow.datasets import index
from genreflow.datasets.duplicates import COLUMNS as PAIR_COLUMNS
from genreflow.datasets.duplicates import find_pairs
from genreflow.features.shapes import segments_within
from genreflow.features.slices import fate_of, too_short

PROBED = 400  # files of a dataset whose length is looked up; hours of audio are known to some per cent from so many
DECODED_SECONDS = 1_800.0  # of music that is decoded
_FEWEST_DECODED = 4
_PROBE_TIMEOUT, _DECODE_TIMEOUT = 20.0, 40.0  # s, where the limits do not ask for less

# How much is known of a track.
DECODED, LOOKED_UP, UNSEEN = "decoded", "looked up", ""


@dataclass(frozen=True)
class Forecast:
    """What is known of the tracks of a dataset.

    Attributes
    ----------
    tracks
        A row a track of the catalogue: its columns but for stamps and hashes, and ``known`` (`DECODED`, ...),
        ``seconds`` (NaN if not known), ``reason`` and ``message`` with which it will be refused before it is cut.
    fates
        Input -> track_id -> what becomes of it by the cutting, as far as it was decoded.
    pairs
        Equal recordings among the decoded tracks.
    unknown
        Track_id -> why a look at it showed nothing.
    """

    tracks: pd.DataFrame
    fates: Mapping[str, Mapping[str, dict[str, Any]]]
    pairs: pd.DataFrame
    unknown: Mapping[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether all that a run will find is known."""
        return bool(((self.tracks["known"] == DECODED) | self._refused).all())

    @property
    def looked_at(self) -> pd.Series:
        """Which tracks anything is known of."""
        return (self.tracks["known"] != UNSEEN) | self._refused

    @property
    def refused(self) -> pd.DataFrame:
        """The tracks that will be refused before they are cut."""
        return self.tracks[self._refused]

    @property
    def _refused(self) -> pd.Series:
        return self.tracks["reason"].str.startswith("Q_")

    @property
    def cannot_be_judged(self) -> pd.Series:
        """Which tracks a look showed nothing of."""
        return self.tracks["track_id"].isin(self.unknown)

    def index(self, name: str, settings: InputSettings, *, across_classes: str) -> pd.DataFrame:
        """Return the index of an input, with ``known``; tracks that nothing speaks against have all their slices."""
        refused = self._refused
        heard = pd.DataFrame(dict.fromkeys(index.HEARD), index=self.tracks.index)
        heard = heard.assign(
            shard="", track_id=self.tracks["track_id"], seconds=self.tracks["seconds"],
            verdict=np.where(refused, "quarantine", "accept"), reason="", message="",
        )  # fmt: skip
        fates = self.fates.get(name, {})
        cut = [
            fates.get(row.track_id) or _fate_by_length(row.track_id, row.seconds, settings)
            for row in self.tracks[~refused].itertuples()
        ]
        columns = ["track_id", "slices", "padded_s", "verdict", "reason", "message"]
        tracks = self.tracks.drop(columns=["seconds", "known"])
        joined = index.join(
            tracks, heard, pd.DataFrame(cut, columns=columns), self.pairs, across_classes=across_classes
        )
        return joined.merge(self.tracks[["track_id", "known"]], on="track_id")


def forecast(
    listed: pa.Table,
    root: bytes,
    *,
    audio: AudioSettings,
    duplicates: Duplicates,
    limits: Limits,
    inputs: Mapping[str, InputSettings],
    every: bool,
) -> Forecast:
    """Look at the tracks of a dataset that lies on the disk, in confined workers.

    Parameters
    ----------
    listed
        The tracks, `genreflow.datasets.catalog.SCHEMA`.
    root
        The folder that their paths are below.
    inputs
        Name -> input, for each that is cut.
    every
        Decode all of them, however long that takes; else some, and look up the lengths of more.
    """
    tracks = frame_of(listed)
    whole = dict(zip(tracks["track_id"], (os.path.join(root, path) for path in tracks["path"]), strict=True))
    # Ids are digests of paths, so the first of them are a fair draw.
    usable = tracks.loc[~tracks["reason"].str.startswith("Q_"), "track_id"].tolist()
    sample = usable if every else usable[:PROBED]
    count = min(limits.audio_threads, os.cpu_count() or 1)
    most = 60 * audio.max_minutes
    probing = Workers(count, min(limits.track_timeout, _PROBE_TIMEOUT), limits.track_memory_gb)
    paths = [whole[track_id] for track_id in sample]
    probed = dict(
        zip(sample, probe_all(paths, thresholds=audio.thresholds, max_seconds=most, workers=probing), strict=True)
    )
    chosen = [track_id for track_id in sample if not probed[track_id].reason]
    if not every:
        chosen = _first(chosen, probed, most)
    timeout = limits.track_timeout if every else min(limits.track_timeout, _DECODE_TIMEOUT)
    tasks = [(track_id, whole[track_id], audio, inputs) for track_id in chosen]
    results = in_workers(_decode, tasks, Workers(count, timeout, limits.track_memory_gb))
    decoded = {chosen[place]: result for place, result in results}
    return _joined(tracks, probed | decoded, duplicates, inputs)


def of_synthetic(listed: pa.Table, seconds: float) -> Forecast:
    """Return the forecast of tracks that the pipeline will make: all are as they should be."""
    tracks = frame_of(listed).assign(known=DECODED, seconds=seconds)
    return Forecast(tracks, {}, pd.DataFrame(columns=PAIR_COLUMNS), {})


def frame_of(listed: pa.Table) -> pd.DataFrame:
    """Return the tracks of a catalogue of which nothing is known."""
    tracks = listed.drop(["bytes", "mtime_ns", "ctime_ns", "sha256"]).to_pandas()
    return tracks.assign(reason=tracks["reason"].fillna(""), known=UNSEEN, seconds=np.nan)


def _first(track_ids: Sequence[str], probed: Mapping[str, Probed], longest: float) -> list[str]:
    """Return the first tracks that are `DECODED_SECONDS` together, and a few at least; of unknown length, a few."""
    known = [track_id for track_id in track_ids if probed[track_id].seconds is not None]
    unknown = [track_id for track_id in track_ids if probed[track_id].seconds is None]
    ends = np.cumsum([min(probed[track_id].seconds, longest) for track_id in known])
    count = max(_FEWEST_DECODED, int(np.searchsorted(ends, DECODED_SECONDS, side="right")))
    return known[:count] + unknown[:_FEWEST_DECODED]


@dataclass(frozen=True)
class _Decoded:
    seconds: float
    samples_sha256: str
    fingerprint: str
    fates: Mapping[str, dict[str, Any]]
    reason: str = ""
    message: str = ""


def _decode(track_id: str, path: bytes, audio: AudioSettings, inputs: Mapping[str, InputSettings]) -> _Decoded | Probed:
    """Return what a run will find in a track (runs in a worker)."""
    try:
        samples, record, _ = measure(path, audio)
    except RejectedTrack as refused:
        return Probed(reason=refused.reason, message=refused.message)
    except MemoryError:
        return Probed(reason="Q_MEMORY", message="The memory that a track may take does not suffice for it.")
    samples *= np.float32(10 ** (gain_of(record, audio) / 20))
    fates = {}
    for name, settings in inputs.items():
        as_read = at_rate(samples, audio.sample_rate, settings.front_end.sample_rate)
        fates[name] = fate_of(as_read, record.seconds, settings, track_id=track_id)
    return _Decoded(record.seconds, record.samples_sha256, record.fingerprint, fates)


def _joined(
    tracks: pd.DataFrame,
    found: Mapping[str, Probed | _Decoded],
    duplicates: Duplicates,
    inputs: Mapping[str, InputSettings],
) -> Forecast:
    decoded = {track_id: each for track_id, each in found.items() if isinstance(each, _Decoded)}
    known = {track_id: DECODED if track_id in decoded else LOOKED_UP for track_id in found}
    refused = {track_id: each for track_id, each in found.items() if each.reason}
    seconds = {track_id: each.seconds for track_id, each in found.items()}
    ids = tracks["track_id"]
    tracks = tracks.assign(
        known=ids.map(known).fillna(UNSEEN),
        seconds=ids.map(seconds).astype(float),
        reason=[refused[i].reason if i in refused else reason for i, reason in zip(ids, tracks["reason"], strict=True)],
        message=[refused[i].message if i in refused else text for i, text in zip(ids, tracks["message"], strict=True)],
    )
    prints = [(i, None, each.samples_sha256, each.fingerprint) for i, each in decoded.items()]
    prints = pd.DataFrame(prints, columns=["track_id", "sha256", "samples_sha256", "fingerprint"])
    pairs = find_pairs(prints, duplicates.search) if len(prints) else pd.DataFrame(columns=PAIR_COLUMNS)
    fates = {name: {track_id: each.fates[name] for track_id, each in decoded.items()} for name in inputs}
    unknown = {
        i: each.message or "Its header does not tell how long it is."
        for i, each in found.items()
        if not each.reason and each.seconds is None
    }
    return Forecast(tracks, fates, pairs, unknown)


def _fate_by_length(track_id: str, seconds: float, settings: InputSettings) -> dict[str, Any]:
    """Return what becomes of a track by its length alone; one of unknown length is long enough."""
    fate = {"track_id": track_id, "padded_s": 0.0, "verdict": "accept", "reason": "", "message": ""}
    if np.isnan(seconds):
        return fate | {"slices": settings.segments.count}
    if refusal := too_short(seconds, settings):
        return fate | {"slices": 0, "verdict": "quarantine", "reason": refusal[0], "message": refusal[1]}
    return fate | {"slices": segments_within(int(seconds * settings.front_end.sample_rate), settings)}
