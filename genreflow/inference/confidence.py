"""Calibration of a model, and its threshold for abstaining, from predictions of held-out tracks.

*Classes.* The probabilities of a track, means over its slices, get the temperature that fits the held-out tracks best;
then about 80 % of the tracks with a probability of 0.8 are right. The model abstains (`unknown`) when its answer is
more likely wrong than right, or no more likely right than the commonest class; and it always abstains if the remaining
answers were right no more often than that. *Tags.* Each tag has the threshold of the largest F1.

*Counting.* How many answers are right is counted on other tracks than those that decide: the held-out tracks are
divided into parts, groups as a whole, and each part is answered with the temperature or the thresholds that fit the
others (Varma and Simon 2006, Bias in error estimation when using cross-validation for model selection, BMC
Bioinformatics 7). Counted on the tracks that chose them, thresholds of tags that no model can predict seem one and a
half times as precise as they are.

Held-out tracks are those of the run itself and of the other folds of its setting: networks trained alike, none of them
on the tracks that it predicts.
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
from genreflow.project.layout import parse_fold, run_folders, study_of_run
from genreflow.store.parquet import read_frame
from genreflow.store.runs import PREDICTIONS, RUN, read_run

FEWEST = 20  # tracks, at least, to calibrate by
FEWEST_OF_A_TAG = 5
PARTS = 5
EVEN = 0.5
NEVER = 1.0  # no calibrated probability reaches it
_ALIKE = ("model", "options", "classes", "input", "audio", "tags")


@dataclass(frozen=True)
class Calibration:
    """Calibration of a model.

    Attributes
    ----------
    tracks
        Number of held-out tracks.
    source
        Origin of these tracks, in words.
    temperature
        Divisor of the logarithms of a track's probabilities; 1 for tags.
    abstain_below
        Probability below which the model abstains, `NEVER` if it always does; 0 for tags.
    thresholds
        Probability from which a track has each tag; empty for classes.
    answered, right
        Share of the held-out tracks with an answer, and share of these answers that are right, each part of the tracks
        by what fits the others. For tags, share of the tracks with any tag, and share of these tags that are right.
        `right` is None without answers.
    """

    tracks: int
    source: str
    temperature: float
    abstain_below: float
    thresholds: tuple[float, ...]
    answered: float
    right: float | None

    def probabilities(self, means: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities of tracks, [n, K], from the means over their slices."""
        if self.thresholds:
            return means
        # n right answers show the next to be right with probability (n + 1) / (n + 2) at most (Laplace's rule).
        return np.minimum(apply_temperature(means, self.temperature), (self.tracks + 1) / (self.tracks + 2))

    def facts(self) -> dict[str, Any]:
        """Return this as a JSON object."""
        return asdict(self) | {"thresholds": list(self.thresholds)}


def from_facts(facts: Mapping[str, Any] | None) -> Calibration | None:
    """Return the calibration that `Calibration.facts` wrote; raise UserError if these are others."""
    if facts is None:
        return None
    try:
        return Calibration(**{**facts, "thresholds": tuple(facts["thresholds"])})
    except (KeyError, TypeError) as error:
        raise UserError(f"The model's calibration is damaged ({error}). Export the model again.") from None


def of_model(folder: Path, facts: Mapping[str, Any]) -> Calibration | None:
    """Return the calibration of an exported model from its facts, that of a run from the held-out tracks.

    Returns None for fewer than `FEWEST` held-out tracks.

    Raises
    ------
    Damaged
        When a table or the facts of a run is damaged.
    """
    if facts["kind"] == "model":
        return from_facts(facts.get("calibration"))
    record, source = held_out(folder, facts)
    if record is None or record["track_id"].nunique() < FEWEST:
        return None
    return (_of_tags if facts["tags"] else _of_classes)(record, facts["classes"], _groups(folder), source)


def held_out(folder: Path, facts: Mapping[str, Any]) -> tuple[pd.DataFrame | None, str]:
    """Return predictions of held-out tracks, each track by one network, and the origin of these in words.

    Validation tracks, which the best epoch is chosen by, are used only where there are no others.
    """
    parts = list(_tables(folder, facts))
    for roles in ((TEST, HOLDOUT), (VALIDATION,)):
        tables, names = [], []
        seen: set[str] = set()
        for name, table in parts:
            new = table[table["role"].isin(roles) & ~table["track_id"].isin(seen)]
            if len(new):
                tables.append(new)
                names.append(name)
                seen |= set(new["track_id"])
        if tables:
            kind = "validation tracks" if roles == (VALIDATION,) else "held-out tracks"
            return pd.concat(tables, ignore_index=True), f"{len(seen):,} {kind} of {', '.join(names)}"
    return None, ""


def _tables(folder: Path, facts: Mapping[str, Any]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the predictions of a run, then those of the first round of other folds of its setting."""
    folder = folder.resolve()
    others = [path for path in sorted(run_folders(folder.parent)) if parse_fold(path.name)[1] == 0 and path != folder]
    for path in [folder, *others]:
        if not (path / PREDICTIONS).exists() or not (path / RUN).exists():
            continue
        other = read_run(path, files=[PREDICTIONS])
        if all(other.get(name) == facts.get(name) for name in _ALIKE) and other.get("status") != "diverged":
            yield path.name, read_frame(path / PREDICTIONS, "predictions")


def _groups(folder: Path) -> pd.Series:
    """Return the group of each track, by track id, in the fold tables of a run's study; empty without them.

    Of several protocols, the one with the fewest groups decides.
    """
    study = study_of_run(folder.resolve())
    paths = sorted(study.glob("protocols/*/folds.parquet")) if study else []
    tables = [read_frame(path, "folds", ["track_id", "group"]) for path in paths]
    tables.sort(key=lambda table: table["group"].nunique())
    known = pd.concat([*tables, pd.DataFrame(columns=["track_id", "group"], dtype=object)], ignore_index=True)
    return known.dropna().drop_duplicates("track_id").set_index("track_id")["group"]


def _parts(tracks: np.ndarray, groups: pd.Series) -> np.ndarray:
    """Return the number of the part of each track [n], 0 .. `PARTS` - 1; tracks of a group are in one part."""
    ids = pd.Series(tracks)
    number, names = pd.factorize(ids.map(groups).fillna(ids), sort=True)
    return np.random.default_rng(0).permutation(len(names))[number] % PARTS


def _of_classes(record: pd.DataFrame, classes: list[str], groups: pd.Series, source: str) -> Calibration:
    votes = majority(predictions.from_frame(record, classes))
    means, label = votes[[f"p{number}" for number in range(len(classes))]].to_numpy(), votes["label"].to_numpy()
    predicted, part = votes["predicted"].to_numpy(), _parts(votes["track_id"].to_numpy(), groups)
    is_answered = np.zeros(len(label), bool)
    for number in np.unique(part):
        own = part == number
        if own.all():
            continue
        temperature = fit_temperature(means[~own], label[~own])
        confidence = apply_temperature(means[own], temperature)[np.arange(own.sum()), predicted[own]]
        is_answered[own] = confidence >= _abstain_below(label[~own])
    right = float((predicted == label)[is_answered].mean()) if is_answered.any() else 0.0
    temperature = fit_temperature(means, label)
    if right <= _commonest(label):
        return Calibration(len(label), source, temperature, NEVER, (), 0.0, None)
    return Calibration(len(label), source, temperature, _abstain_below(label), (), float(is_answered.mean()), right)


def _commonest(label: np.ndarray) -> float:
    return float(np.bincount(label).max() / len(label))


def _abstain_below(label: np.ndarray) -> float:
    return max(EVEN, _commonest(label))


def _of_tags(record: pd.DataFrame, classes: list[str], groups: pd.Series, source: str) -> Calibration:
    tracks = tags.of_tracks(tags.from_frame(record, classes))
    part, above = _parts(tracks.track_id, groups), np.zeros(tracks.tags.shape, bool)
    for number in np.unique(part):
        own = part == number
        above[own] = tracks.proba[own] >= _best_thresholds(tracks.tags[~own], tracks.proba[~own])
    right = float(tracks.tags[above].mean()) if above.any() else None
    thresholds = tuple(_best_thresholds(tracks.tags, tracks.proba).tolist())
    return Calibration(len(tracks), source, 1.0, 0.0, thresholds, float(above.any(axis=1).mean()), right)


def _best_thresholds(tags: np.ndarray, proba: np.ndarray) -> np.ndarray:
    """Return the best threshold of each tag, float64 [K]."""
    return np.array([_best_threshold(*of_tag) for of_tag in zip(tags.T, proba.T, strict=True)])


def _best_threshold(has: np.ndarray, proba: np.ndarray) -> float:
    """Return the threshold of the largest F1, midway to the next probability; `EVEN` if too few tracks have the tag."""
    if min(has.sum(), (~has).sum()) < FEWEST_OF_A_TAG:
        return EVEN
    order = np.argsort(-proba, kind="stable")
    last = np.append(np.flatnonzero(np.diff(proba[order])), len(proba) - 1)  # of equal probabilities
    levels, above, right = proba[order][last], last + 1, np.cumsum(has[order])[last]
    best = int((2 * right / (above + has.sum())).argmax())
    return float((levels[best] + levels[best + 1]) / 2) if best + 1 < len(levels) else float(levels[best])


def vote(probabilities: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return the majority vote of a track's slices [n, K]: ``predicted, share, runner_up, runner_up_share, p0 ..``."""
    n = len(probabilities)
    # The true class is unknown; votes ignore it.
    slices = Predictions(
        np.full(n, "new", object), np.arange(n), np.zeros(n, int), probabilities.astype(float), classes
    )
    [row] = majority(slices).to_dict("records")
    return row
