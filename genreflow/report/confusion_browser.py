"""The confusion browser: the tracks in each cell of a confusion matrix, and the predictions of their slices."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice, zip_longest

import numpy as np
import pandas as pd

from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.runs import Run, finished, is_tagged, judged
from genreflow.evaluation.tags import THRESHOLD, TagPredictions, of_tracks
from genreflow.evaluation.votes import majority

LISTED = 100
"""Maximum number of tracks that a cell lists."""
MOST_LISTED = 10_000
"""Maximum number of tracks that a page lists for one matrix."""
MOST_CELLS = 1_600
"""Maximum number of cells of a matrix that is shown as a matrix; a larger one is shown row by row."""
TAG_ANSWERS = ["true positive", "missed", "false positive"]
_OF_CLASSES = "Tracks by true class and class predicted by majority vote"
_OF_TAGS = "Tracks by tag and prediction (mean probability above 0.5)"


@dataclass(frozen=True)
class SliceAnswer:
    """The prediction of a slice: its start (s), the number of its most probable class, and the probability."""

    begin_s: float
    predicted: int
    probability: float


@dataclass(frozen=True)
class Answer:
    """The prediction of a track: true class, predicted class, its mean probability, and the track's slices.

    For tracks with tags, `true` and `predicted` list tags, and there are neither a probability nor slices.
    """

    true: str
    predicted: str
    probability: float | None
    slices: Sequence[SliceAnswer]


@dataclass(frozen=True)
class ConfusionBrowser:
    """A confusion matrix with the tracks of its cells.

    Attributes
    ----------
    caption
        Caption of the matrix.
    rows, columns
        Names of rows and columns: true and predicted classes, or tags and the three outcomes of a tag.
    row_title, column_title
        Titles of rows and columns.
    cells
        (row, column) -> (track, probability) of all its tracks, by falling probability.
    answers
        Prediction of each track, by track id.
    right
        Cells in which the prediction is correct.
    classes
        Names of the classes of slices.
    slice_counts
        (row, column) -> number of slices of that class, and predicted as that class; empty for tags.
    """

    caption: str
    rows: Sequence[str]
    columns: Sequence[str]
    row_title: str
    column_title: str
    cells: Mapping[tuple[int, int], Sequence[tuple[str, float]]]
    answers: Mapping[str, Answer]
    right: frozenset[tuple[int, int]]
    classes: Sequence[str]
    slice_counts: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def label(self, row: int, column: int) -> str:
        """Return the description of a cell: ``true class a, predicted class b``."""
        row_prefix, column_prefix = self.prefixes
        return f"{row_prefix}{self.rows[row]}, {column_prefix}{self.columns[column]}"

    @property
    def prefixes(self) -> tuple[str, str]:
        """Texts before the row and column names in the description of a cell; empty for tags."""
        if self.columns == TAG_ANSWERS:
            return "", ""
        return f"{self.row_title.lower()} ", f"{self.column_title.lower()} "

    @property
    def is_large(self) -> bool:
        """Whether the matrix has too many cells to be shown as a matrix."""
        return len(self.rows) * len(self.columns) > MOST_CELLS

    @cached_property
    def totals(self) -> list[int]:
        """Number of tracks of each row."""
        totals = [0] * len(self.rows)
        for (row, _), tracks in self.cells.items():
            totals[row] += len(tracks)
        return totals

    def mistakes(self) -> list[tuple[int, int]]:
        """Return the wrong cells, by falling number of tracks."""
        wrong = [cell for cell in self.cells if cell not in self.right]
        return sorted(wrong, key=lambda cell: -len(self.cells[cell]))

    def listed(self) -> set[str]:
        """Return the tracks that a page lists: the first `MOST_LISTED` candidates."""
        return set(islice(self.candidates(), MOST_LISTED))

    def candidates(self) -> Iterator[str]:
        """Yield the tracks to list, mistakes before correct tracks, alternating between cells."""
        listed = {cell: [track for track, _ in tracks[:LISTED]] for cell, tracks in self.cells.items()}
        order = self.mistakes() if self.is_large else self.cells
        wrong = _alternating(listed[cell] for cell in order if cell not in self.right)
        right = _alternating(tracks for cell, tracks in listed.items() if cell in self.right)
        yield from dict.fromkeys(chain(wrong, right))


def confusion_browser(runs: Sequence[Run], by: str) -> ConfusionBrowser | None:
    """Return the confusion browser of the finished runs of one setting; None if they have no test predictions.

    `by` describes the models in the caption. If tracks are tested in several rounds, the first round is used.
    """
    sound = [run for run in runs if finished(run)]
    tested = [run for run in sound if run["round"] == sound[0]["round"] and len(judged(run))]
    if not tested:
        return None
    return (_of_tags if is_tagged(tested[0]) else _of_classes)(tested, by)


def _of_classes(runs: Sequence[Run], by: str) -> ConfusionBrowser:
    classes = list(runs[0]["info"]["classes"])
    cells: dict[tuple[int, int], list[tuple[str, float]]] = defaultdict(list)
    answers = {}
    slice_counts: Counter[tuple[int, int]] = Counter()
    for run in runs:
        predictions = judged(run, Predictions)
        slice_counts.update(zip(predictions.label.tolist(), predictions.predicted.tolist(), strict=True))
        starts = _starts(run)
        slices = defaultdict(list)
        for track, segment, predicted, confidence in zip(
            predictions.track_id,
            predictions.segment,
            predictions.predicted,
            predictions.proba.max(axis=1),
            strict=True,
        ):
            slices[track].append(SliceAnswer(starts[track, segment], int(predicted), float(confidence)))
        for row in majority(predictions).to_dict("records"):
            probability, cell = float(row[f"p{row['predicted']}"]), (int(row["label"]), int(row["predicted"]))
            cells[cell].append((row["track_id"], probability))
            ordered = sorted(slices[row["track_id"]], key=lambda answer: answer.begin_s)
            answers[row["track_id"]] = Answer(classes[cell[0]], classes[cell[1]], probability, ordered)
    right = frozenset((number, number) for number in range(len(classes)))
    return ConfusionBrowser(
        f"{_OF_CLASSES}, {by}",
        classes,
        classes,
        "True class",
        "Predicted class",
        _surest_first(cells),
        answers,
        right,
        classes,
        dict(sorted(slice_counts.items())),
    )


def _of_tags(runs: Sequence[Run], by: str) -> ConfusionBrowser:
    names = list(runs[0]["info"]["classes"])
    cells: dict[tuple[int, int], list[tuple[str, float]]] = defaultdict(list)
    answers = {}
    for run in runs:
        tracks = of_tracks(judged(run, TagPredictions))
        predicted = tracks.proba > THRESHOLD
        for number, track in enumerate(tracks.track_id):
            outcomes = (tracks.tags & predicted, tracks.tags & ~predicted, ~tracks.tags & predicted)
            for column, tags in enumerate(outcomes):
                for tag in np.flatnonzero(tags[number]):
                    cells[int(tag), column].append((track, float(tracks.proba[number, tag])))
            answers[track] = Answer(_joined(names, tracks.tags[number]), _joined(names, predicted[number]), None, ())
    right = frozenset((number, 0) for number in range(len(names)))
    return ConfusionBrowser(
        f"{_OF_TAGS}, {by}",
        names,
        TAG_ANSWERS,
        "Tag",
        "Prediction",
        _surest_first(cells),
        answers,
        right,
        names,
    )


def _starts(run: Run) -> dict[tuple[str, int], float]:
    rows = run["predictions"]
    return dict(zip(zip(rows["track_id"], rows["slice"], strict=True), rows["start_s"].astype(float), strict=True))


def _joined(names: Sequence[str], has: np.ndarray) -> str:
    return ", ".join(name for name, is_tag in zip(names, has, strict=True) if is_tag) or "none"


def _surest_first(
    cells: Mapping[tuple[int, int], Iterable[tuple[str, float]]],
) -> dict[tuple[int, int], list[tuple[str, float]]]:
    return {cell: sorted(cells[cell], key=lambda entry: (-entry[1], entry[0])) for cell in sorted(cells)}


def _alternating(parts: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the first of each, then the second of each, and so on."""
    for row in zip_longest(*parts):
        yield from (each for each in row if each is not None)


def excerpt_start(slices: Sequence[SliceAnswer], predicted: int | None, seconds: float, whole: float) -> float:
    """Return the start (s) of the excerpt with the largest total probability of a class.

    Parameters
    ----------
    slices
        Slices of the track; without slices of the class, the excerpt is taken from the middle.
    predicted
        Number of the class.
    seconds, whole
        Durations of the excerpt and of the track.
    """
    latest = max(0.0, whole - seconds)
    for_it = [(each.begin_s, each.probability) for each in slices if each.predicted == predicted]
    if not for_it:
        return min(latest, max(0.0, (whole - seconds) / 2))
    begins = np.minimum([begin for begin, _ in for_it], latest)
    weights = [sum(p for begin, p in for_it if start <= begin < start + seconds) for start in begins]
    return float(begins[int(np.argmax(weights))])


def differing(values: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Split the options of settings (a row each) into those that differ, and those that all share."""
    options = values.astype(object).where(values.notna(), None)
    differs = [column for column in options if options[column].map(repr).nunique() > 1]
    same = {str(column): str(options[column].iloc[0]) for column in options if column not in differs}
    return options[differs].map(lambda value: "" if value is None else str(value)), same
