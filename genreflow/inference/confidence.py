"""How sure a model may be, by its record on tracks that it was not trained on.

*Classes.* The probabilities of a track, means over its slices, are brought to the temperature at which they fit that
record best; then 0.8 means that of such tracks about 80 % were right. It is `unknown` which class a track is when the
answer is more likely wrong than right, or no more likely right than the commonest class always is; and if the answers
that are left were right no more often than that, nothing is answered at all. *Tags.* Each has a threshold of its own:
the one that gives the largest F1 on that record.

The record is the tracks that the run itself held out, and those of the other folds of its setting: their networks are
others, made in the same way, and none of them was trained on the tracks it is asked about.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.errors import UserError
from genreflow.evaluation import predictions, tags
from genreflow.evaluation.calibration import apply_temperature, fit_temperature
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.votes import majority
from genreflow.folds.roles import HOLDOUT, TEST, VALIDATION
from genreflow.project.layout import parse_fold, run_folders
from genreflow.store.parquet import read_frame
from genreflow.store.runs import PREDICTIONS, RUN, read_run

FEWEST = 20  # tracks by which anything is calibrated
FEWEST_OF_A_TAG = 5
EVEN = 0.5
NEVER = 1.0  # a probability that no answer reaches
_ALIKE = ("model", "options", "classes", "input", "audio", "tags")


@dataclass(frozen=True)
class Calibration:
    """What a model's answers are worth.

    Attributes
    ----------
    tracks
        Held-out tracks that it was found by.
    source
        Where these are from, in words.
    temperature
        By which the logarithms of a track's probabilities are divided; 1 for tags.
    least
        The probability below which it is unknown which class a track is, `NEVER` if it always is; 0 for tags.
    thresholds
        Of each tag, the probability from which a track has it; of classes none.
    answered, right
        Share of these tracks that get an answer, and of those the share that is right; of tags the share of tracks
        with any tag, and of the tags given the share that is right. None where nothing was answered.
    """

    tracks: int
    source: str
    temperature: float
    abstain_below: float
    thresholds: tuple[float, ...]
    answered: float
    right: float | None

    def probabilities(self, means: np.ndarray) -> np.ndarray:
        """Return the probabilities of tracks, [n, K], from the means over their slices."""
        if self.thresholds:
            return means
        # n right answers do not show that the next is right, only that it is so n + 1 times in n + 2 (Laplace).
        return np.minimum(apply_temperature(means, self.temperature), (self.tracks + 1) / (self.tracks + 2))

    def facts(self) -> dict[str, Any]:
        """Return this as a JSON object."""
        return asdict(self) | {"thresholds": list(self.thresholds)}


def from_facts(facts: Mapping[str, Any] | None) -> Calibration | None:
    """Return what `Calibration.facts` wrote; UserError if it did not write this."""
    if facts is None:
        return None
    try:
        found = Calibration(**{**facts, "thresholds": tuple(facts["thresholds"])})
    except (KeyError, TypeError) as error:
        raise UserError(f"The model's calibration is damaged ({error}). Export the model again.") from None
    return found


def of_model(folder: Path, facts: Mapping[str, Any]) -> Calibration | None:
    """Return the calibration of a model: that which it was exported with, or that of the runs beside it.

    None where there are fewer than `FEWEST` held-out tracks.

    Raises
    ------
    Damaged
        When a table, or the facts of one of those runs, is damaged.
    """
    if facts["kind"] == "model":
        return from_facts(facts.get("calibration"))
    record, source = held_out(folder, facts)
    if record is None or record["track_id"].nunique() < FEWEST:
        return None
    return (_of_tags if facts["tags"] else _of_classes)(record, facts["classes"], source)


def held_out(folder: Path, facts: Mapping[str, Any]) -> tuple[pd.DataFrame | None, str]:
    """Return predictions of tracks that were not trained on, each track by one network, and in words whose they are.

    Validation tracks, by which epochs are chosen, stand in only where there are no others.
    """
    parts = list(_tables(folder, facts))
    for roles in ((TEST, HOLDOUT), (VALIDATION,)):
        found, names, known = [], [], set()
        for name, table in parts:
            mine = table[table["role"].isin(roles) & ~table["track_id"].isin(known)]
            if len(mine):
                found.append(mine)
                names.append(name)
                known |= set(mine["track_id"])
        if found:
            kind = "validation tracks" if roles == (VALIDATION,) else "held-out tracks"
            return pd.concat(found, ignore_index=True), f"{len(known):,} {kind} of {', '.join(names)}"
    return None, ""


def _tables(folder: Path, facts: Mapping[str, Any]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the predictions of a run, then those of the first round of other folds of its setting."""
    folder = folder.resolve()
    others = [path for path in sorted(run_folders(folder.parent)) if parse_fold(path.name)[1] == 0 and path != folder]
    for path in [folder, *others]:
        if not (path / PREDICTIONS).exists() or not (path / RUN).exists():
            continue
        told = read_run(path, files=[PREDICTIONS])
        if all(told.get(name) == facts.get(name) for name in _ALIKE) and told.get("status") != "diverged":
            yield path.name, read_frame(path / PREDICTIONS, "predictions")


def _of_classes(record: pd.DataFrame, classes: list[str], source: str) -> Calibration:
    votes = majority(predictions.from_frame(record, classes))
    means, label = votes[[f"p{number}" for number in range(len(classes))]].to_numpy(), votes["label"].to_numpy()
    temperature = fit_temperature(means, label)
    predicted = votes["predicted"].to_numpy()
    correct = predicted == label
    confidence = apply_temperature(means, temperature)[np.arange(len(label)), predicted]
    commonest = float(np.bincount(label).max() / len(label))
    abstain_below = max(EVEN, commonest)
    answers = confidence >= abstain_below
    right = float(correct[answers].mean()) if answers.any() else 0.0
    if right <= commonest:
        return Calibration(len(label), source, temperature, NEVER, (), 0.0, None)
    return Calibration(len(label), source, temperature, abstain_below, (), float(answers.mean()), right)


def _of_tags(record: pd.DataFrame, classes: list[str], source: str) -> Calibration:
    tracks = tags.of_tracks(tags.from_frame(record, classes))
    thresholds = tuple(_best_threshold(has, proba) for has, proba in zip(tracks.tags.T, tracks.proba.T, strict=True))
    given = tracks.proba >= np.array(thresholds)
    right = float(tracks.tags[given].mean()) if given.any() else None
    return Calibration(len(tracks), source, 1.0, 0.0, thresholds, float(given.any(axis=1).mean()), right)


def _best_threshold(has: np.ndarray, proba: np.ndarray) -> float:
    """Return the threshold of the largest F1, midway to the next probability; `EVEN` if too few tracks have the tag."""
    if min(has.sum(), (~has).sum()) < FEWEST_OF_A_TAG:
        return EVEN
    levels = np.unique(proba)[::-1]
    given = proba >= levels[:, np.newaxis]
    f1 = 2 * (given & has).sum(axis=1) / (given.sum(axis=1) + has.sum())
    best = int(f1.argmax())
    return float((levels[best] + levels[best + 1]) / 2) if best + 1 < len(levels) else float(levels[best])


def vote(probabilities: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return the majority vote of a track's slices [n, K]: ``predicted, share, runner_up, runner_up_share, p0 ..``."""
    n = len(probabilities)
    # The true class is not known; votes do not look at it.
    said = Predictions(np.full(n, "new", object), np.arange(n), np.zeros(n, int), probabilities.astype(float), classes)
    [row] = majority(said).to_dict("records")
    return row
