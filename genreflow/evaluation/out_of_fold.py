"""Out-of-fold predictions of tracks: probabilities by models that were not trained on them, one row per track."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genreflow.evaluation import tags
from genreflow.evaluation.calibration import apply_temperature, fit_temperature
from genreflow.evaluation.runs import AnyPredictions, Run, judged, validated
from genreflow.evaluation.tags import TagPredictions
from genreflow.evaluation.votes import mean_probability


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities of tracks by models that were not trained on them.

    Attributes
    ----------
    track_id
        Tracks, each once and sorted, str [n].
    truth
        Whether each track is labeled with each class or tag, bool [n, K].
    proba
        Probabilities, means over slices and over the runs that predicted the track, float64 [n, K].
    classes
        Names of the K classes or tags.
    is_tagged
        Whether these are tags, of which a track has any number.
    temperature
        Temperature that the probabilities were calibrated with, median over runs; 1 if they were not.
    """

    track_id: np.ndarray
    truth: np.ndarray
    proba: np.ndarray
    classes: tuple[str, ...]
    is_tagged: bool
    temperature: float = 1.0

    @property
    def answers(self) -> np.ndarray:
        """The most probable class, or every tag above one half, bool [n, K]."""
        if self.is_tagged:
            return self.proba > tags.THRESHOLD
        return np.eye(len(self.classes), dtype=bool)[self.proba.argmax(axis=1)]


def out_of_fold(runs: Sequence[Run], *, calibrated: bool = True) -> OutOfFold | None:
    """Return the out-of-fold predictions of the runs of one setting; None if there are none.

    Parameters
    ----------
    calibrated
        Whether to calibrate class probabilities. The temperature of a run is fitted to the tracks of the other runs or,
        for a single run, to its validation tracks. It is at least 1: some correct tracks do not justify more certainty.
    """
    pairs = [(_by_track(part), run) for run in runs if len(part := judged(run))]
    if not pairs:
        return None
    parts = [part for part, _ in pairs]
    temperatures = [1.0] * len(parts)
    if calibrated and not parts[0].is_tagged:
        temperatures = [_temperature(part, parts, run) for part, run in pairs]
    probabilities = [
        part.proba if temperature == 1 else apply_temperature(part.proba, temperature)
        for part, temperature in zip(parts, temperatures, strict=True)
    ]
    number, names = pd.factorize(np.concatenate([part.track_id for part in parts]), sort=True)
    sums = np.zeros((len(names), len(parts[0].classes)))
    np.add.at(sums, number, np.concatenate(probabilities))
    _, first = np.unique(number, return_index=True)
    return OutOfFold(
        np.asarray(names, object),
        np.concatenate([part.truth for part in parts])[first],
        sums / np.bincount(number)[:, None],
        parts[0].classes,
        parts[0].is_tagged,
        float(np.median(temperatures)),
    )


def _by_track(part: AnyPredictions) -> OutOfFold:
    if isinstance(part, TagPredictions):
        of_tracks = tags.of_tracks(part)
        return OutOfFold(of_tracks.track_id, of_tracks.tags, of_tracks.proba, part.classes, True)
    tracks, n_classes = mean_probability(part), len(part.classes)
    proba = tracks[[f"p{number}" for number in range(n_classes)]].to_numpy(float)
    truth = np.eye(n_classes, dtype=bool)[tracks["label"]]
    return OutOfFold(tracks["track_id"].to_numpy(object), truth, proba, part.classes, False)


def _temperature(part: OutOfFold, parts: Sequence[OutOfFold], run: Run) -> float:
    """Return the temperature of a run, fitted to tracks that it does not evaluate."""
    others = [other for other in parts if other is not part]
    if not others:
        validation = validated(run)
        others = [_by_track(validation)] if len(validation) else []
    keep = [~pd.Index(other.track_id).isin(part.track_id) for other in others]
    proba = [other.proba[rows] for other, rows in zip(others, keep, strict=True)]
    truth = [other.truth[rows] for other, rows in zip(others, keep, strict=True)]
    if not sum(map(len, proba)):
        return 1.0
    return max(1.0, fit_temperature(np.concatenate(proba), np.concatenate(truth).argmax(axis=1)))
