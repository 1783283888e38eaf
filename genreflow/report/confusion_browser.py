"""What a person wants to hear: the tracks in each cell of a confusion matrix, and what was said of their slices."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, zip_longest

import numpy as np
import pandas as pd

from genreflow.evaluation.runs import Run, finished, is_tagged, judged
from genreflow.evaluation.tags import THRESHOLD, of_tracks
from genreflow.evaluation.votes import majority

LISTED = 100
"""Tracks of a cell that are listed."""
MOST_LISTED = 10_000
"""Tracks that are listed on a page in all, for a matrix."""
MOST_CELLS = 1_600
"""Cells of a matrix that is shown as such; of a larger one, the largest mistakes, and any row that is asked for."""
TAG_ANSWERS = ["found", "missed", "wrongly given"]
_OF_CLASSES = "Tracks by true and predicted class, by majority vote of slices"
_OF_TAGS = "Tracks by tag and how it was answered, by mean probability above 0.5"


@dataclass(frozen=True)
class SliceAnswer:
    """What was said of a slice: where it begins (s), the number of the most probable class, its probability."""

    begin_s: float
    predicted: int
    probability: float


@dataclass(frozen=True)
class Answer:
    """What was said of a track: the true and the predicted class, the mean probability of the latter, its slices.

    Of tracks with tags, `true` and `predicted` are lists of tags, and there are neither probability nor slices.
    """

    true: str
    predicted: str
    probability: float | None
    slices: Sequence[SliceAnswer]


@dataclass(frozen=True)
class ConfusionBrowser:
    """A table of cells, each with the tracks that are in it.

    Attributes
    ----------
    caption
        Of the table.
    rows, columns
        Headings; of a confusion matrix true and predicted classes, with tags those and how they were answered.
    row_title, column_title
        What the headings are.
    cells
        Row and column -> (track, probability) of all its tracks, the surest first.
    answers
        Of each track, by its id.
    right
        The cells in which the answer is right.
    classes
        What slices' classes are called.
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

    def label(self, row: int, column: int) -> str:
        """Say what a cell is."""
        before_row, before_column = self.prefixes
        return f"{before_row}{self.rows[row]}, {before_column}{self.columns[column]}"

    @property
    def prefixes(self) -> tuple[str, str]:
        """What is written before the name of a row and that of a column where a cell is named; of tags, nothing."""
        if self.columns == TAG_ANSWERS:
            return "", ""
        return f"{self.row_title.lower()} ", f"{self.column_title.lower()} "

    @property
    def is_large(self) -> bool:
        """Whether there are more cells than a reader can find a way through."""
        return len(self.rows) * len(self.columns) > MOST_CELLS

    @cached_property
    def totals(self) -> list[int]:
        """The number of tracks of each row."""
        totals = [0] * len(self.rows)
        for (row, _), tracks in self.cells.items():
            totals[row] += len(tracks)
        return totals

    def mistakes(self) -> list[tuple[int, int]]:
        """Return the cells in which the answer is wrong, those of most tracks first."""
        wrong = [cell for cell in self.cells if cell not in self.right]
        return sorted(wrong, key=lambda cell: -len(self.cells[cell]))

    def listed(self) -> set[str]:
        """Return the tracks that a page lists: no more than `MOST_LISTED`, the most telling."""
        return set(islice(self.wanted(), MOST_LISTED))

    def wanted(self) -> Iterator[str]:
        """Yield all tracks that are listed, the most telling first: mistakes, then what is right, cell by cell."""
        listed = {cell: [track for track, _ in tracks[:LISTED]] for cell, tracks in self.cells.items()}
        order = self.mistakes() if self.is_large else self.cells
        wrong = _alternating(listed[cell] for cell in order if cell not in self.right)
        right = _alternating(tracks for cell, tracks in listed.items() if cell in self.right)
        yield from dict.fromkeys(chain(wrong, right))


def confusion_browser(runs: Sequence[Run], by: str) -> ConfusionBrowser | None:
    """Return what the finished runs of one setting said of the tracks by which they are judged.

    `by` says whose answers they are. Where tracks are tested in several rounds, it is the first. None if no track is
    judged.
    """
    good = [run for run in runs if finished(run)]
    first = [run for run in good if run["round"] == good[0]["round"]]
    judged_runs = [run for run in first if len(judged(run))]
    if not judged_runs:
        return None
    return (_of_tags if is_tagged(first[0]) else _of_classes)(judged_runs, by)


def _of_classes(runs: Sequence[Run], by: str) -> ConfusionBrowser:
    classes = list(runs[0]["info"]["classes"])
    cells: dict[tuple[int, int], list[tuple[str, float]]] = defaultdict(list)
    answers = {}
    for run in runs:
        predictions = judged(run)
        begins = _begins(run)
        slices = defaultdict(list)
        for track, segment, said, probability in zip(
            predictions.track_id,
            predictions.segment,
            predictions.predicted,
            predictions.proba.max(axis=1),
            strict=True,
        ):
            slices[track].append(SliceAnswer(begins[track, segment], int(said), float(probability)))
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
    )


def _of_tags(runs: Sequence[Run], by: str) -> ConfusionBrowser:
    names = list(runs[0]["info"]["classes"])
    cells: dict[tuple[int, int], list[tuple[str, float]]] = defaultdict(list)
    answers = {}
    for run in runs:
        tracks = of_tracks(judged(run))
        said = tracks.proba > THRESHOLD
        for number, track in enumerate(tracks.track_id):
            for column, tags in enumerate((tracks.tags & said, tracks.tags & ~said, ~tracks.tags & said)):
                for tag in np.flatnonzero(tags[number]):
                    cells[int(tag), column].append((track, float(tracks.proba[number, tag])))
            answers[track] = Answer(_listed(names, tracks.tags[number]), _listed(names, said[number]), None, ())
    right = frozenset((number, 0) for number in range(len(names)))
    return ConfusionBrowser(
        f"{_OF_TAGS}, {by}",
        names,
        TAG_ANSWERS,
        "Tag",
        "How it was answered",
        _surest_first(cells),
        answers,
        right,
        names,
    )


def _begins(run: Run) -> dict[tuple[str, int], float]:
    rows = run["predictions"]
    return dict(zip(zip(rows["track_id"], rows["slice"], strict=True), rows["start_s"].astype(float), strict=True))


def _listed(names: Sequence[str], has: np.ndarray) -> str:
    return ", ".join(name for name, true in zip(names, has, strict=True) if true) or "none"


def _surest_first(
    cells: Mapping[tuple[int, int], Iterable[tuple[str, float]]],
) -> dict[tuple[int, int], list[tuple[str, float]]]:
    return {cell: sorted(cells[cell], key=lambda entry: (-entry[1], entry[0])) for cell in sorted(cells)}


def _alternating(parts: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the first of each, then the second of each, and so on."""
    for row in zip_longest(*parts):
        yield from (each for each in row if each is not None)


def excerpt_start(slices: Sequence[SliceAnswer], predicted: int | None, seconds: float, whole: float) -> float:
    """Return where to begin an excerpt that lets one hear why: where slices say `predicted` most, s.

    Parameters
    ----------
    slices
        Of the track; with none, it is its middle that is heard.
    predicted
        Number of the class.
    seconds, whole
        Length of the excerpt and of the track.
    """
    latest = max(0.0, whole - seconds)
    for_it = [(each.begin_s, each.probability) for each in slices if each.predicted == predicted]
    if not for_it:
        return min(latest, max(0.0, (whole - seconds) / 2))
    begins = np.minimum([begin for begin, _ in for_it], latest)
    weights = [sum(p for begin, p in for_it if start <= begin < start + seconds) for start in begins]
    return float(begins[int(np.argmax(weights))])


def differing(values: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Split what settings consist of (a row each) into what differs, and what is the same in all."""
    told = values.astype(object).where(values.notna(), None)
    differs = [column for column in told if told[column].map(repr).nunique() > 1]
    same = {column: str(told[column].iloc[0]) for column in told if column not in differs}
    return told[differs].map(lambda value: "" if value is None else str(value)), same
