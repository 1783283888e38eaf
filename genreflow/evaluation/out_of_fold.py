"""What models say of tracks that they were not trained on: one row of probabilities a track."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genreflow.evaluation import tags
from genreflow.evaluation.calibration import apply_temperature, fit_temperature
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.runs import Run, judged, validated
from genreflow.evaluation.tags import TagPredictions
from genreflow.evaluation.votes import mean_probability


@dataclass(frozen=True)
class OutOfFold:
    """What models that were not trained on some tracks say of them.

    Attributes
    ----------
    track_id
        The tracks, each once and sorted, str [n].
    truth
        Which classes, or tags, each is labelled with, bool [n, K].
    proba
        Probabilities: means over slices, and over the runs that judged the track; float64 [n, K].
    classes
        Names of the K classes or tags.
    temperature
        By which they were put right, median over runs; 1 where they are as they were.
    """

    track_id: np.ndarray
    truth: np.ndarray
    proba: np.ndarray
    classes: tuple[str, ...]
    is_tagged: bool
    temperature: float = 1.0

    @property
    def answers(self) -> np.ndarray:
        """The most probable class alone, or every tag above one half, bool [n, K]."""
        if self.is_tagged:
            return self.proba > tags.THRESHOLD
        return np.eye(len(self.classes), dtype=bool)[self.proba.argmax(axis=1)]


def out_of_fold(runs: Sequence[Run], *, calibrated: bool = True) -> OutOfFold | None:
    """Return what runs of one setting say of the tracks that they were not trained on; None where there are none.

    Parameters
    ----------
    tempered
        Temper probabilities of classes: those of a run by the temperature that fits the tracks of the others or, of a
        single run, its validation tracks. They are never made surer: that some tracks all are right is no proof.
    """
    pairs = [(_by_track(said), run) for run in runs if len(said := judged(run))]
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


def _by_track(said: Predictions | TagPredictions) -> OutOfFold:
    if isinstance(said, TagPredictions):
        tracks = tags.of_tracks(said)
        return OutOfFold(tracks.track_id, tracks.tags, tracks.proba, said.classes, True)
    tracks, n_classes = mean_probability(said), len(said.classes)
    proba = tracks[[f"p{number}" for number in range(n_classes)]].to_numpy(float)
    return OutOfFold(
        tracks["track_id"].to_numpy(object), np.eye(n_classes, dtype=bool)[tracks["label"]], proba, said.classes, False
    )


def _temperature(part: OutOfFold, parts: Sequence[OutOfFold], run: Run) -> float:
    """Return the temperature of a run, fitted to tracks that it does not judge."""
    apart = [other for other in parts if other is not part]
    if not apart:
        watched = validated(run)
        apart = [_by_track(watched)] if len(watched) else []
    keep = [~pd.Index(other.track_id).isin(part.track_id) for other in apart]
    proba = [other.proba[rows] for other, rows in zip(apart, keep, strict=True)]
    truth = [other.truth[rows] for other, rows in zip(apart, keep, strict=True)]
    if not sum(map(len, proba)):
        return 1.0
    return max(1.0, fit_temperature(np.concatenate(proba), np.concatenate(truth).argmax(axis=1)))
