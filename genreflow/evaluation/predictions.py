"""What a model said of every slice, checked once so that everything after may rely on it.

Conventions of this package: K classes are numbered 0..K-1 in the order of `classes`; arrays are
`label` int [n], `proba` float64 [n, K]; shares and accuracies are 0..1, and NaN where there is nothing to
count. *Slice level* counts slices, *track level* counts tracks: every name says which.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import pandas as pd

from genreflow.errors import Problems

SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Predictions:
    """Class probabilities of slices, and what they should have been.

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
        When a probability is not finite or negative, a row does not sum to 1 within `SUM_TOLERANCE`, a label is
        none of the classes, a slice comes twice, or a track has two labels.
    """

    track_id: np.ndarray
    segment: np.ndarray
    label: np.ndarray
    proba: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if problems := list(_problems(self)):
            raise Problems("The predictions cannot be evaluated. Delete the run and train it again:", problems)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def predicted(self) -> np.ndarray:
        """The most probable class of each slice, int [n]; of equals the first."""
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


P = TypeVar("P")


def pool(parts: Iterable[P]) -> P:
    """Return predictions on different slices, all of classes or all of tags, as one; there must be a part."""
    parts = list(parts)
    if len({part.classes for part in parts}) > 1:
        raise Problems("The predictions do not belong together:", ["their classes differ"])
    arrays = [field.name for field in fields(parts[0]) if field.name != "classes"]
    together = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
    return type(parts[0])(**together, classes=parts[0].classes)


def _problems(predictions: Predictions) -> Iterable[str]:
    label, proba = predictions.label, predictions.proba
    slices = pd.DataFrame({"track_id": predictions.track_id, "slice": predictions.segment})
    if len(predictions.classes) < 2:
        yield f"there must be two classes or more, not {len(predictions.classes)}"
    if proba.shape != (len(label), len(predictions.classes)):
        yield f"probabilities {proba.shape} do not fit {len(label)} slices of {len(predictions.classes)} classes"
        return
    if unknown := np.count_nonzero((label < 0) | (label >= len(predictions.classes))):
        yield f"{unknown} slices have a label that is none of {', '.join(predictions.classes)}"
    if broken := np.count_nonzero(~np.isfinite(proba).all(axis=1) | (proba < 0).any(axis=1)):
        yield f"{broken} slices have probabilities that are negative or no numbers"
    elif wrong := np.count_nonzero(np.abs(proba.sum(axis=1) - 1) > SUM_TOLERANCE):
        yield f"the probabilities of {wrong} slices do not sum to 1"
    if slices.duplicated().any():
        track, number = slices[slices.duplicated()].iloc[0]
        yield f"slices come more than once, the first being slice {number} of track {track}"
    if (pd.Series(label).groupby(slices["track_id"]).nunique() > 1).any():
        yield "the slices of one track have different labels"
