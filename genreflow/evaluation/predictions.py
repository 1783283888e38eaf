"""Class probabilities of slices, validated once so that all later code can rely on them.

Conventions of this package: K classes are numbered 0..K-1 in the order of `classes`; arrays are `label` int [n] and
`proba` float64 [n, K]; shares and accuracies lie in 0..1, and are NaN where there is nothing to count. *Slice level*
counts slices, *track level* counts tracks; every name includes its level.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from genreflow.errors import Problems
from genreflow.store.text import count

SUM_TOLERANCE = 1e-3
INVALID = "The predictions cannot be evaluated. Delete the run and train it again:"


@dataclass(frozen=True)
class Predictions:
    """Class probabilities of slices, and their true classes.

    Attributes
    ----------
    track_id
        Track of each slice, str [n].
    segment
        Number of the slice within its track, int [n].
    label
        True class, int [n].
    proba
        Probabilities, float64 [n, K]; rows sum to 1.
    classes
        Names of the K classes.

    Raises
    ------
    Problems
        When a probability is negative or not finite, a row does not sum to 1 within `SUM_TOLERANCE`, a label is not
        among the classes, a slice occurs twice, or a track has two labels.
    """

    track_id: np.ndarray
    segment: np.ndarray
    label: np.ndarray
    proba: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if problems := list(_problems(self)):
            raise Problems(INVALID, problems)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each slice, int [n]; the first one in a tie."""
        return self.proba.argmax(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether the most probable class is the true one, bool [n]."""
        return self.predicted == self.label


def from_frame(frame: pd.DataFrame, classes: Sequence[str]) -> Predictions:
    """Return the content of a `predictions` table: ``track_id, slice, label, p0 .. pK-1``, labels by name."""
    columns = [f"p{number}" for number in range(len(classes))]
    if missing := [column for column in columns if column not in frame]:
        raise Problems("The predictions do not fit the classes:", [f"column {name} is missing" for name in missing])
    return Predictions(
        track_id=frame["track_id"].to_numpy(object),
        segment=frame["slice"].to_numpy(int),
        label=pd.Index(classes).get_indexer(frame["label"]),
        proba=frame[columns].to_numpy(float),
        classes=tuple(classes),
    )


P = TypeVar("P", bound=Any)


def pool(parts: Iterable[P]) -> P:
    """Return predictions on different slices as one; all must be of the same classes or tags."""
    parts = list(parts)
    if len({part.classes for part in parts}) > 1:
        raise Problems("The predictions do not belong together:", ["their classes differ"])
    arrays = [field.name for field in fields(parts[0]) if field.name != "classes"]
    pooled = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
    return type(parts[0])(**pooled, classes=parts[0].classes)


def duplicate_problems(track_id: np.ndarray, segment: np.ndarray) -> Iterable[str]:
    """Yield a sentence if a slice occurs more than once."""
    slices = pd.DataFrame({"track_id": track_id, "slice": segment})
    if (is_duplicate := slices.duplicated()).any():
        track, number = slices[is_duplicate].iloc[0]
        yield f"slices occur more than once, the first is slice {number} of track {track}"


def _problems(predictions: Predictions) -> Iterable[str]:
    label, proba = predictions.label, predictions.proba
    if len(predictions.classes) < 2:
        yield f"there must be two classes or more, not {len(predictions.classes)}"
    if proba.shape != (len(label), len(predictions.classes)):
        yield f"probabilities {proba.shape} do not fit {len(label)} slices of {len(predictions.classes)} classes"
        return
    if unknown := np.count_nonzero((label < 0) | (label >= len(predictions.classes))):
        yield f"{count(unknown, 'label')} not among the classes {', '.join(predictions.classes)}"
    if broken := np.count_nonzero(~np.isfinite(proba).all(axis=1) | (proba < 0).any(axis=1)):
        yield f"{count(broken, 'slice')} with probabilities that are negative or not finite"
    elif wrong := np.count_nonzero(np.abs(proba.sum(axis=1) - 1) > SUM_TOLERANCE):
        yield f"{count(wrong, 'slice')} with probabilities that do not sum to 1"
    yield from duplicate_problems(predictions.track_id, predictions.segment)
    if (pd.Series(label).groupby(predictions.track_id).nunique() > 1).any():
        yield "the slices of one track have different labels"
