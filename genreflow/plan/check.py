"""What a run would do and need, and whether it would come to its end, before anything runs."""

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import bdtr

from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.config.pipeline import Dataset, Duplicates, Limits
from genreflow.datasets import scan
from genreflow.datasets.index import check_losses, padded, usable_tracks
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.datasets.names import printable
from genreflow.errors import Problems, UserError
from genreflow.features.shapes import segment_shape
from genreflow.plan.datasets import InputPlan
from genreflow.plan.forecast import DECODED, UNSEEN, Forecast, forecast, of_synthetic
from genreflow.plan.make import Plan, validate_config
from genreflow.plan.protocols import ProtocolPlan
from genreflow.plan.studies import StudyPlan
from genreflow.project import layout

# What an hour of mono Vorbis at 44.1 kHz takes at these qualities: six tracks of pop, jazz and orchestra, rounded up.
_OGG_QUALITIES, _OGG_BYTES_PER_HOUR = [0, 3, 6, 10], [20e6, 29e6, 38e6, 85e6]
_BYTES_PER_VALUE = 2.0  # of most inputs; the others are small
_RUN_BYTES = 36e6  # a network of nine million weights, its history and predictions


_CHANCE = 0.99  # with which a sample loses no more than this, if the whole loses as much as is allowed


@dataclass(frozen=True)
class DatasetOutlook:
    """What is known of a dataset before a run.

    Attributes
    ----------
    tracks, classes
        All tracks, and how many each class has (tags: how many carry each).
    ignored, notices
        Files passed over, and remarks of the layout.
    looked_at, decoded, refused
        How many files were looked at, and how many of these decoded as a run does; and which of them will certainly be
        refused: title, reason, message.
    unknown
        Files that a look showed nothing of: title, why.
    hours
        Hours of audio in all tracks that will be used, extrapolated from those looked at; None where nothing is known.
    losses
        Why nothing would be trained, if more files are refused than the limits allow.
    lost_classes
        Classes of which every file will be refused.
    """

    name: str
    tracks: int
    classes: Mapping[str, int]
    ignored: int
    notices: list[str]
    looked_at: int = 0
    decoded: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    hours: float | None = None
    losses: list[str] = field(default_factory=list)
    lost_classes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class InputOutlook:
    """How many tracks an input of a dataset can use, is too long for, and pads, by `longest_padding` s at most."""

    name: str
    usable: int
    too_short: int
    padded: int
    longest_padding: float


@dataclass(frozen=True)
class StudyOutlook:
    """What a study will train: settings, protocols, runs, and at most so many slices of its main input.

    `losses` and `problems` are why a run would stop before it trains anything: files refused beyond the limits, and
    tracks that cannot be divided.
    """

    name: str
    dataset: str
    settings: int
    protocols: int
    runs: int
    slices: int
    inputs: list[InputOutlook] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outlook:
    """All of it, with the disk space that it takes and that there is, in bytes.

    `is_complete` says whether every file was decoded, so that a run will find nothing else.
    """

    datasets: list[DatasetOutlook]
    studies: list[StudyOutlook]
    needed: float
    free: int
    is_complete: bool = True

    @property
    def fits(self) -> bool:
        """Whether there is room for the results."""
        return self.needed < self.free


def check(config: Mapping[str, Any], *, home: Path, every: bool = False) -> Outlook:
    """Look at settings, paths and datasets without writing anything.

    Parameters
    ----------
    config
        The content of config.yaml, with what other files change.
    home
        Folder of the Snakefile.
    every
        Decode every file, and not a sample.

    Raises
    ------
    UserError
        All that is wrong, at once.
    """
    plan, listings = validate_config(config, home=home, look=True)
    settings = plan.settings
    forecasts = {
        name: _forecast(
            settings.datasets[name],
            listing,
            settings.audio,
            settings.duplicates,
            settings.limits,
            {planned.name: planned.settings for planned in plan.datasets[name].inputs.values()},
            every=every,
        )
        for name, listing in listings.items()
    }
    datasets = [_dataset(name, listing, forecasts[name], settings.audio) for name, listing in listings.items()]
    studies = [_study(study, forecasts, plan) for study in plan.studies.values()]
    return Outlook(
        datasets,
        studies,
        sum(_bytes_needed(plan, datasets)),
        shutil.disk_usage(Path.cwd()).free,
        all(known.is_complete for known in forecasts.values()),
    )


def check_music(name: str, settings: Dataset, *, every: bool = False) -> tuple[DatasetOutlook, bool]:
    """Look at one dataset that no study need know of, as `check` does; return also whether all of it was decoded."""
    listing = scan.list_tracks(settings, raw=Path(layout.RAW_FOLDER.format(dataset=name)))
    known = _forecast(settings, listing, AudioSettings(), Duplicates(), Limits(), {}, every=every)
    outlook = _dataset(name, listing, known, AudioSettings())
    heard = known.index("", InputSettings(segments={"kind": "whole", "seconds": 0.5}), across_classes="quarantine")
    losses = _losses(heard, known, Limits())
    return replace(outlook, losses=losses), known.is_complete


def _forecast(
    settings: Dataset,
    listing: scan.Listing,
    audio: AudioSettings,
    duplicates: Duplicates,
    limits: Limits,
    inputs: Mapping[str, InputSettings],
    *,
    every: bool,
) -> Forecast:
    if isinstance(settings, Synthetic):
        return of_synthetic(listing.tracks, settings.seconds)
    root = os.fsencode(listing.facts["root"])
    return forecast(listing.tracks, root, audio=audio, duplicates=duplicates, limits=limits, inputs=inputs, every=every)


def _dataset(name: str, listing: scan.Listing, known: Forecast, audio: AudioSettings) -> DatasetOutlook:
    tracks = known.tracks
    classes = Counter(
        one
        for tags, label in zip(tracks["tags"], tracks["label"], strict=True)
        for one in ([label] if tags is None else tags)
    )
    titles = [printable(path) for path in tracks["path"]]
    titled = tracks.assign(title=titles)
    refused = titled[tracks["reason"].str.startswith("Q_")]
    looked_at = int(known.looked_at.sum())
    lengths = tracks["seconds"].dropna().clip(upper=60 * audio.max_minutes)
    usable = len(tracks) * (1 - len(refused) / max(1, looked_at))
    return DatasetOutlook(
        name=name,
        tracks=len(tracks),
        classes=dict(sorted(classes.items(), key=lambda item: (-item[1], item[0]))),
        ignored=sum(listing.facts["ignored"].values()),
        notices=listing.facts["notices"],
        looked_at=looked_at,
        decoded=int((tracks["known"] == DECODED).sum()),
        refused=sorted(refused[["title", "reason", "message"]].itertuples(index=False, name=None)),
        unknown=sorted(
            (title, known.unknown[track_id])
            for title, track_id in zip(titles, tracks["track_id"], strict=True)
            if track_id in known.unknown
        ),
        hours=float(usable * lengths.mean() / 3600) if len(lengths) else None,
        lost_classes=sorted(set(tracks["label"]) - set(tracks.loc[~tracks["reason"].str.startswith("Q_"), "label"])),
    )


def _study(study: StudyPlan, forecasts: Mapping[str, Forecast], plan: Plan) -> StudyOutlook:
    across = plan.settings.duplicates.across_classes
    indexes = {
        planned.index: forecasts[planned.dataset.name].index(planned.name, planned.settings, across_classes=across)
        for planned in study.fed_inputs
    }
    losses, problems = [], []
    for name in study.used_protocols:
        fed = study.fed_inputs_of(name)
        for planned in fed:
            known = forecasts[planned.dataset.name]
            losses += [
                f"{planned.name}: {loss}" for loss in _losses(indexes[planned.index], known, plan.settings.limits)
            ]
        problems += _division_problems(study.protocols[name], [indexes[planned.index] for planned in fed])
    return StudyOutlook(
        name=study.name,
        dataset=", ".join(study.settings.datasets),
        settings=len(study.resolver.cross_validated),
        protocols=len(study.protocols),
        runs=len(study.runs),
        slices=len(study.dataset.listed) * next(iter(study.settings.inputs.values())).segments.count,
        inputs=[_input(planned, indexes[planned.index]) for planned in study.fed_inputs],
        losses=list(dict.fromkeys(losses)),
        problems=list(dict.fromkeys(problems)),
    )


def _input(planned: InputPlan, index: pd.DataFrame) -> InputOutlook:
    lacking = padded(index)
    return InputOutlook(
        name=planned.name,
        usable=int((index["slices"] > 0).sum()),
        too_short=int((index["reason"] == "Q_TOO_SHORT").sum()),
        padded=lacking["tracks"],
        longest_padding=lacking["longest"],
    )


def _losses(index: pd.DataFrame, known: Forecast, limits: Limits) -> list[str]:
    """Return why a run would train nothing, given what is known of files; those that cannot be judged count as lost."""
    cannot = index["track_id"].isin(known.unknown) & (index["verdict"] != "quarantine")
    index = index.assign(
        verdict=index["verdict"].mask(cannot, "quarantine"), reason=index["reason"].mask(cannot, "not known")
    )
    if known.is_complete:
        parts = [(index, limits.max_quarantine, limits.max_class_loss)]
    else:
        seen = index[(index["known"] != UNSEEN) | (index["verdict"] == "quarantine")]
        decoded = index[index["known"] == DECODED]
        parts = [(part, _most_by_chance(len(part), limits.max_quarantine), 1.0) for part in (seen, decoded)]
    for part, most, most_of_a_class in parts:
        try:
            check_losses(part.reset_index(drop=True), most=most, most_of_a_class=most_of_a_class)
        except Problems as error:
            return error.problems
    return []


def _most_by_chance(n: int, most: float) -> float:
    """Return the share that a sample of `n` loses at most by chance, if of all tracks no more than `most` are lost."""
    return next(lost for lost in range(n + 1) if bdtr(lost, n, most) >= _CHANCE or lost == n) / max(1, n)


def _division_problems(protocol: ProtocolPlan, indexes: list[pd.DataFrame]) -> Iterable[str]:
    """Return why the tracks of a protocol cannot be divided into its folds, after those that are refused."""
    from genreflow.folds.assign import assign, select  # loads scikit-learn, which takes as long as all the rest

    try:
        tracks = select(usable_tracks(indexes), classes=protocol.settings.classes, most=protocol.settings.tracks)
        assign(tracks, protocol.folds)
    except UserError as error:
        return [f"protocol {protocol.name}: {error}"]
    return []


def _bytes_needed(plan: Plan, datasets: list[DatasetOutlook]) -> Iterator[float]:
    """Yield what normalised audio, slices and runs take on the disk if all of them are made anew."""
    for outlook in datasets:
        dataset = plan.datasets[outlook.name]
        yield (outlook.hours or 0) * np.interp(plan.settings.audio.quality, _OGG_QUALITIES, _OGG_BYTES_PER_HOUR)
        for planned in dataset.inputs.values():
            values = prod(segment_shape(planned.settings)) * planned.settings.segments.count
            yield _BYTES_PER_VALUE * values * outlook.tracks
    yield _RUN_BYTES * sum(len(study.runs) for study in plan.studies.values())
