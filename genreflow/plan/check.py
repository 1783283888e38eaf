"""What a run would do and need, before anything runs."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from genreflow.audio.decode import probe
from genreflow.audio.verdict import Refused
from genreflow.catalog import scan
from genreflow.catalog.names import printable
from genreflow.config.audio import Gates
from genreflow.config.datasets import Dataset, Synthetic
from genreflow.features.shapes import segment_shape
from genreflow.plan.make import Plan, survey
from genreflow.plan.studies import StudyPlan

SAMPLE = 400  # files of a dataset whose headers are looked at; hours of audio are known to some per cent from so many

# What an hour of mono Vorbis at 44.1 kHz takes at these qualities: six tracks of pop, jazz and orchestra, rounded up.
_OGG_QUALITIES, _OGG_BYTES_PER_HOUR = [0, 3, 6, 10], [20e6, 29e6, 38e6, 85e6]
_BYTES_PER_VALUE = 2.0  # of most inputs; the others are small
_RUN_BYTES = 36e6  # a network of nine million weights, its history and predictions


@dataclass(frozen=True)
class DatasetOutlook:
    """What is known of a dataset before its audio has been decoded.

    Attributes
    ----------
    tracks, classes
        All tracks, and how many each class has (tags: how many carry each).
    ignored, notices
        Files passed over, and remarks of the layout.
    looked_at, refused
        How many headers were read, and which of these tracks will certainly be refused: title, reason, message.
    hours
        Hours of audio in all tracks, extrapolated from the headers; None where they do not tell.
    """

    name: str
    tracks: int
    classes: Mapping[str, int]
    ignored: int
    notices: list[str]
    looked_at: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    hours: float | None = None


@dataclass(frozen=True)
class StudyOutlook:
    """What a study will train: settings, protocols, runs, and at most so many slices of its main input."""

    name: str
    dataset: str
    settings: int
    protocols: int
    runs: int
    slices: int


@dataclass(frozen=True)
class Outlook:
    """All of it, with the disk space that it takes and that there is, in bytes."""

    datasets: list[DatasetOutlook]
    studies: list[StudyOutlook]
    needed: float
    free: int

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
        Look into every file, not into a sample.

    Raises
    ------
    UserError
        All that is wrong, at once.
    """
    plan, listings = survey(config, home=home, look=True)
    datasets = [
        _outlook(name, plan.settings.datasets[name], listing, plan.settings.audio.gates, every=every)
        for name, listing in listings.items()
    ]
    studies = [_study(study) for study in plan.studies.values()]
    return Outlook(datasets, studies, sum(_bytes_needed(plan, datasets)), shutil.disk_usage(Path.cwd()).free)


def check_music(name: str, settings: Dataset, *, every: bool = False) -> DatasetOutlook:
    """Look at one dataset that no study need know of, as `check` does."""
    return _outlook(name, settings, scan.survey(settings, raw=Path("results", name, "raw")), Gates(), every=every)


def _outlook(name: str, settings: Dataset, listing: scan.Listing, gates: Gates, *, every: bool) -> DatasetOutlook:
    rows = listing.tracks.select(["track_id", "path", "label", "tags", "reason", "message"]).to_pylist()
    classes = Counter(name for row in rows for name in (row["tags"] if row["tags"] is not None else [row["label"]]))
    known = {
        "name": name,
        "tracks": len(rows),
        "classes": dict(sorted(classes.items(), key=lambda item: (-item[1], item[0]))),
        "ignored": sum(listing.facts["ignored"].values()),
        "notices": listing.facts["notices"],
    }
    if isinstance(settings, Synthetic):
        return DatasetOutlook(**known, hours=len(rows) * settings.seconds / 3600)
    # Ids are digests of paths, so the first of them are a fair draw.
    sample = rows if every else rows[:SAMPLE]
    root = os.fsencode(listing.facts["root"])
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        looks = list(pool.map(lambda row: _look(root, row, gates), sample))
    lengths = [look for look in looks if isinstance(look, float)]
    refused = [look for look in looks if isinstance(look, tuple)]
    usable = len(rows) * (1 - len(refused) / len(sample))
    hours = usable * sum(lengths) / len(lengths) / 3600 if lengths else None
    return DatasetOutlook(**known, looked_at=len(sample), refused=sorted(refused), hours=hours)


def _look(root: bytes, row: Mapping[str, Any], gates: Gates) -> float | tuple[str, str, str] | None:
    """Return the length of a track in seconds, why it will be refused, or None where its header does not tell."""
    if row["reason"].startswith("Q_"):
        return printable(row["path"]), row["reason"], row["message"]
    try:
        return probe(os.path.join(root, row["path"]), gates=gates)
    except Refused as refused:
        return printable(row["path"]), refused.reason, refused.message


def _study(study: StudyPlan) -> StudyOutlook:
    return StudyOutlook(
        name=study.name,
        dataset=", ".join(study.settings.datasets),
        settings=len(study.settings_of),
        protocols=len(study.protocols),
        runs=len(study.runs),
        slices=len(study.dataset.listed) * next(iter(study.settings.inputs.values())).segments.count,
    )


def _bytes_needed(plan: Plan, datasets: list[DatasetOutlook]) -> Iterator[float]:
    """Yield what normalised audio, slices and runs take on the disk if all of them are made anew."""
    for outlook in datasets:
        dataset = plan.datasets[outlook.name]
        yield (outlook.hours or 0) * np.interp(plan.settings.audio.quality, _OGG_QUALITIES, _OGG_BYTES_PER_HOUR)
        for planned in dataset.inputs.values():
            values = prod(segment_shape(planned.settings)) * planned.settings.segments.count
            yield _BYTES_PER_VALUE * values * outlook.tracks
    yield _RUN_BYTES * sum(len(study.runs) for study in plan.studies.values())
