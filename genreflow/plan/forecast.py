"""Forecast from a sample the verdicts of a run on the tracks of a dataset.

Some tracks are decoded as a run decodes them, the lengths of more are looked up, and nothing is written. Unknown tracks
are assumed to be good; the forecast states how many were decoded.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genreflow.audio.excerpts import at_rate
from genreflow.audio.normalize import gain_of, measure
from genreflow.audio.probing import Probed, Workers, in_workers, probe_all
from genreflow.audio.verdict import RejectedTrack
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.pipeline import Duplicates, Limits
from genreflow.datasets import index
from genreflow.datasets.catalog import OF_FILES
from genreflow.datasets.duplicates import COLUMNS as PAIR_COLUMNS
from genreflow.datasets.duplicates import find_pairs
from genreflow.features.shapes import segments_within
from genreflow.features.slices import fate_of, too_short

PROBED = 400  # files whose length is looked up; these give the hours of audio to a few per cent
DECODED_SECONDS = 1_800.0  # of audio that is decoded
_FEWEST_DECODED = 4
_PROBE_TIMEOUT, _DECODE_TIMEOUT = 20.0, 40.0  # s; upper bounds of limits.track_timeout

# How a track was examined.
DECODED, LOOKED_UP, UNSEEN = "decoded", "looked up", ""


@dataclass(frozen=True)
class Forecast:
    """The forecast of a dataset.

    Attributes
    ----------
    tracks
        A row a track of the catalog: its columns but for stamps and hashes, and ``known`` (`DECODED`, ...),
        ``seconds`` (NaN if unknown), ``reason`` and ``message`` with which it will be refused before it is cut.
    fates
        Input -> track_id -> its fate when it is cut, for decoded tracks.
    pairs
        Copies of a recording among the decoded tracks.
    unknown
        Track_id -> why nothing could be found out about it.
    bandwidth_hz
        Median bandwidth of the decoded tracks; None without any.
    """

    tracks: pd.DataFrame
    fates: Mapping[str, Mapping[str, dict[str, Any]]]
    pairs: pd.DataFrame
    unknown: Mapping[str, str]
    bandwidth_hz: float | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every track was decoded or is refused."""
        return bool(((self.tracks["known"] == DECODED) | self._refused).all())

    @property
    def looked_at(self) -> pd.Series:
        """Mask of the tracks about which anything is known."""
        return (self.tracks["known"] != UNSEEN) | self._refused

    @property
    def _refused(self) -> pd.Series:
        return self.tracks["reason"].str.startswith("Q_")

    def index(self, name: str, settings: InputSettings, *, across_classes: str) -> pd.DataFrame:
        """Return the index of an input, with ``known``; tracks without a known fault have all their slices."""
        refused = self._refused
        audio = pd.DataFrame(dict.fromkeys(index.AUDIO_COLUMNS), index=self.tracks.index)
        audio = audio.assign(
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
            tracks, audio, pd.DataFrame(cut, columns=columns), self.pairs, across_classes=across_classes
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
    """Examine the tracks of a dataset on disk, in confined workers.

    Parameters
    ----------
    listed
        The tracks, `genreflow.datasets.catalog.SCHEMA`.
    root
        The folder that their paths are below.
    inputs
        Name -> input, for each that is cut.
    every
        Decode all of them, however long that takes; otherwise a sample.
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
    """Return the forecast of synthetic tracks: all are good."""
    tracks = frame_of(listed).assign(known=DECODED, seconds=seconds)
    return Forecast(tracks, {}, pd.DataFrame(columns=PAIR_COLUMNS), {})


def frame_of(listed: pa.Table) -> pd.DataFrame:
    """Return the tracks of a catalog as not yet examined."""
    tracks = listed.drop(OF_FILES).to_pandas()
    return tracks.assign(reason=tracks["reason"].fillna(""), known=UNSEEN, seconds=np.nan)


def _first(track_ids: Sequence[str], probed: Mapping[str, Probed], longest: float) -> list[str]:
    """Return the first tracks that last `DECODED_SECONDS` together, at least a few, and a few of unknown length."""
    seconds = {track_id: probed[track_id].seconds for track_id in track_ids}
    known = {track_id: length for track_id, length in seconds.items() if length is not None}
    unknown = [track_id for track_id in track_ids if track_id not in known]
    ends = np.cumsum([min(length, longest) for length in known.values()])
    count = max(_FEWEST_DECODED, int(np.searchsorted(ends, DECODED_SECONDS, side="right")))
    return [*known][:count] + unknown[:_FEWEST_DECODED]


@dataclass(frozen=True)
class _Decoded:
    seconds: float
    samples_sha256: str
    fingerprint: str
    fates: Mapping[str, dict[str, Any]]
    bandwidth_hz: float
    reason: str = ""
    message: str = ""


def _decode(track_id: str, path: bytes, audio: AudioSettings, inputs: Mapping[str, InputSettings]) -> _Decoded | Probed:
    """Decode a track as a run does (runs in a worker)."""
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
    return _Decoded(record.seconds, record.samples_sha256, record.fingerprint, fates, record.bandwidth_hz)


def _joined(
    tracks: pd.DataFrame,
    probed: Mapping[str, Probed | _Decoded],
    duplicates: Duplicates,
    inputs: Mapping[str, InputSettings],
) -> Forecast:
    decoded = {track_id: each for track_id, each in probed.items() if isinstance(each, _Decoded)}
    known = {track_id: DECODED if track_id in decoded else LOOKED_UP for track_id in probed}
    refused = {track_id: each for track_id, each in probed.items() if each.reason}
    seconds = {track_id: each.seconds for track_id, each in probed.items()}
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
        i: each.message or "Its length is not in its header."
        for i, each in probed.items()
        if not each.reason and each.seconds is None
    }
    bandwidths = [each.bandwidth_hz for each in decoded.values()]
    return Forecast(tracks, fates, pairs, unknown, float(np.median(bandwidths)) if bandwidths else None)


def _fate_by_length(track_id: str, seconds: float, settings: InputSettings) -> dict[str, Any]:
    """Return the fate of a track by its length alone; one of unknown length is long enough."""
    fate = {"track_id": track_id, "padded_s": 0.0, "verdict": "accept", "reason": "", "message": ""}
    if np.isnan(seconds):
        return fate | {"slices": settings.segments.count}
    if refusal := too_short(seconds, settings):
        return fate | {"slices": 0, "verdict": "quarantine", "reason": refusal[0], "message": refusal[1]}
    return fate | {"slices": segments_within(int(seconds * settings.front_end.sample_rate), settings)}
