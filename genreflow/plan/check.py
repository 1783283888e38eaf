"""The outlook of a run before it begins: its work, its needs, and the problems that would stop it."""

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
from genreflow.config.inputs import InputSettings, Whole
from genreflow.config.pipeline import Dataset, Duplicates, Limits
from genreflow.datasets import scan
from genreflow.datasets.duplicates import grouped_by_artist
from genreflow.datasets.index import check_losses, padded, usable_tracks
from genreflow.datasets.layouts.synthetic import Synthetic
from genreflow.datasets.names import printable
from genreflow.errors import Problems, UserError
from genreflow.features.shapes import segment_shape
from genreflow.folds.assign import assign, select
from genreflow.folds.placement import read_placement
from genreflow.plan.advice import advice
from genreflow.plan.datasets import InputPlan
from genreflow.plan.duration import Duration, core_seconds, durations
from genreflow.plan.forecast import DECODED, UNSEEN, Forecast, forecast, of_synthetic
from genreflow.plan.make import Plan, validate_config
from genreflow.plan.pace import of_this_machine
from genreflow.plan.protocols import ProtocolPlan
from genreflow.plan.studies import StudyPlan
from genreflow.project import layout

# Size of an hour of mono Vorbis at 44.1 kHz by quality, from six tracks of pop, jazz and orchestra, rounded up.
_OGG_QUALITIES, _OGG_BYTES_PER_HOUR = [0, 3, 6, 10], [20e6, 29e6, 38e6, 85e6]
_BYTES_PER_VALUE = 2.0  # in most inputs; the others are small
_RUN_BYTES = 36e6  # a network of nine million weights, its history and predictions
_CONFIDENCE = 0.99  # of the bound on the losses of a sample


@dataclass(frozen=True)
class DatasetOutlook:
    """A dataset before a run.

    Attributes
    ----------
    tracks, classes
        Number of tracks, in all and by class or tag.
    ignored, notices
        Number of ignored files, and remarks of the layout.
    looked_at, decoded, refused
        Number of files examined, and number of those decoded as a run does; title, reason and message of those that
        will be refused.
    unknown
        Title of each file about which nothing could be found out, and why.
    hours
        Hours of audio in all usable tracks, extrapolated from those examined; None if unknown.
    losses
        Why nothing would be trained, if more files are refused than the limits allow.
    lost_classes
        Classes whose files will all be refused.
    advice
        Sentences on the models to begin with; of a dataset without a study.
    bandwidth_hz
        Median bandwidth of the decoded tracks; None if none was decoded.
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
    advice: list[str] = field(default_factory=list)
    bandwidth_hz: float | None = None


@dataclass(frozen=True)
class InputOutlook:
    """An input of a study.

    Attributes
    ----------
    usable, too_short, fewer, padded
        Numbers of tracks: with slices, too short for any, with fewer slices than asked for, and padded.
    longest_padding
        Seconds.
    typical_slices
        Median number of slices of the usable tracks.
    """

    name: str
    usable: int
    too_short: int
    padded: int
    longest_padding: float
    fewer: int = 0
    typical_slices: int = 0


@dataclass(frozen=True)
class StudyOutlook:
    """A study: the numbers of its settings, protocols, runs, trials, and (upper bound) slices of its main input.

    `losses` and `problems` would stop a run before it trains anything: files refused beyond the limits, and tracks that
    cannot be divided into folds. `notices` say what the study does without. `duration` is how long
    the study takes by itself; None if the length of its music is unknown.
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
    trials: int = 0
    notices: list[str] = field(default_factory=list)
    duration: Duration | None = None


@dataclass(frozen=True)
class Outlook:
    """Datasets and studies, and the disk space that is needed and free, in bytes.

    `is_complete` is true if every file was decoded, so that a run will find nothing else. `core_seconds` is a
    forecast of a run that makes everything anew without a GPU; None if the length of the music is unknown.
    """

    datasets: list[DatasetOutlook]
    studies: list[StudyOutlook]
    needed: float
    free: int
    is_complete: bool = True
    core_seconds: float | None = None

    @property
    def fits(self) -> bool:
        """Whether the results fit on the disk."""
        return self.needed < self.free


def check(config: Mapping[str, Any], *, home: Path, every: bool = False) -> Outlook:
    """Check settings, paths and datasets without writing anything.

    Parameters
    ----------
    config
        The content of config.yaml, with changes from other files.
    home
        Folder of the Snakefile.
    every
        Decode every file instead of a sample.

    Raises
    ------
    UserError
        With every problem.
    """
    plan, listings = validate_config(config, home=home, look=True)
    settings = plan.settings
    forecasts = {
        name: _forecast(
            settings.datasets[name],
            listing,
            plan.datasets[name].audio,
            settings.duplicates,
            settings.limits,
            {planned.name: planned.settings for planned in plan.datasets[name].inputs.values()},
            every=every,
        )
        for name, listing in listings.items()
    }
    datasets = [
        _dataset(name, listing, forecasts[name], plan.datasets[name].audio) for name, listing in listings.items()
    ]
    hours = {dataset.name: dataset.hours for dataset in datasets}
    of_studies = durations(plan, hours, of_this_machine())
    studies = [
        replace(_study(study, forecasts, plan), duration=of_studies.get(name)) for name, study in plan.studies.items()
    ]
    return Outlook(
        datasets,
        studies,
        sum(_bytes_needed(plan, datasets)),
        shutil.disk_usage(Path.cwd()).free,
        all(known.is_complete for known in forecasts.values()),
        core_seconds(plan, hours, of_studies),
    )


def check_music(name: str, settings: Dataset, *, every: bool = False) -> tuple[DatasetOutlook, bool]:
    """Check one dataset without a study; return its outlook, and whether all of it was decoded."""
    listing = scan.list_tracks(settings, raw=Path(layout.RAW_FOLDER.format(dataset=name)), reads_tags=True)
    known = _forecast(settings, listing, AudioSettings(), Duplicates(), Limits(), {}, every=every)
    outlook = _dataset(name, listing, known, AudioSettings())
    index = known.index("", InputSettings(segments=Whole(seconds=0.5)), across_classes="quarantine")
    losses = _losses(index, known, Limits())
    has_classes = len(outlook.classes) > 1 and known.tracks["tags"].isna().all()
    return replace(outlook, losses=losses, advice=advice(outlook.classes) if has_classes else []), known.is_complete


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
        bandwidth_hz=known.bandwidth_hz,
    )


def _study(study: StudyPlan, forecasts: Mapping[str, Forecast], plan: Plan) -> StudyOutlook:
    across = plan.settings.duplicates.across_classes
    indexes = {
        planned.index: forecasts[planned.dataset.name].index(planned.name, planned.settings, across_classes=across)
        for planned in study.fed_inputs
    }
    losses: list[str] = []
    problems: list[str] = []
    for name in study.used_protocols:
        fed = study.fed_inputs_of(name)
        for planned in fed:
            known = forecasts[planned.dataset.name]
            losses += [
                f"{planned.name}: {loss}" for loss in _losses(indexes[planned.index], known, plan.settings.limits)
            ]
        placement = layout.PLACEMENT.format(study=study.name, protocol=name)
        problems += _division_problems(study.protocols[name], [indexes[planned.index] for planned in fed], placement)
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
        trials=0 if study.search is None else study.search.n_trials,
        notices=study.notices,
    )


def _input(planned: InputPlan, index: pd.DataFrame) -> InputOutlook:
    lacking = padded(index)
    slices = index.loc[index["slices"] > 0, "slices"]
    return InputOutlook(
        name=planned.name,
        usable=len(slices),
        too_short=int((index["reason"] == "Q_TOO_SHORT").sum()),
        padded=lacking["tracks"],
        longest_padding=lacking["longest"],
        fewer=int((slices < planned.settings.segments.count).sum()),
        typical_slices=int(slices.median()) if len(slices) else 0,
    )


def _losses(index: pd.DataFrame, known: Forecast, limits: Limits) -> list[str]:
    """Return why a run would train nothing, by the forecast; files about which nothing is known count as lost."""
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
    """Return an upper bound of the share lost in a sample of `n`, if no more than `most` of all tracks are lost."""
    return next(lost for lost in range(n + 1) if bdtr(lost, n, most) >= _CONFIDENCE or lost == n) / max(1, n)


def _division_problems(protocol: ProtocolPlan, indexes: list[pd.DataFrame], placement: str) -> Iterable[str]:
    """Return why the tracks of a protocol that are not refused cannot be divided into its folds."""
    try:
        if protocol.folds.group == "auto":
            indexes = [grouped_by_artist(index, protocol.dataset.artist_groups) for index in indexes]
        tracks = select(
            usable_tracks(indexes),
            classes=protocol.settings.classes,
            most=protocol.settings.tracks,
            imbalance=protocol.settings.imbalance,
        )
        assign(tracks, protocol.folds, read_placement(placement))
    except UserError as error:
        return [f"protocol {protocol.name}: {error}"]
    return []


def _bytes_needed(plan: Plan, datasets: list[DatasetOutlook]) -> Iterator[float]:
    """Yield the disk space of normalized audio, slices and runs, if all of them are made anew."""
    for outlook in datasets:
        dataset = plan.datasets[outlook.name]
        yield (outlook.hours or 0) * np.interp(plan.settings.audio.quality, _OGG_QUALITIES, _OGG_BYTES_PER_HOUR)
        for planned in dataset.inputs.values():
            values = prod(segment_shape(planned.settings)) * planned.settings.segments.count
            yield _BYTES_PER_VALUE * values * outlook.tracks
    yield _RUN_BYTES * sum(len(study.runs) for study in plan.studies.values())
