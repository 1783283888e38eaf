"""What a finished model says of new tracks, and what there is to doubt of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from genreflow.evaluation.tags import THRESHOLD
from genreflow.inference import confidence, files
from genreflow.inference.confidence import Calibration
from genreflow.inference.prepare import PreparedTrack, listen
from genreflow.training.bundle import Bundle, load_bundle
from genreflow.training.device import choose_device, choose_threads
from genreflow.training.predict import predict_proba

# Raise it when the same model would say something else of the same file.
STAGE_VERSION = 1

UNKNOWN = "unknown"
SEEN, FOREIGN, UNSURE = "W_SEEN", "W_FOREIGN", "W_UNSURE"
MEANINGS = {
    SEEN: "It was trained on this track: the answer shows nothing.",
    FOREIGN: "It sounds unlike all that the model was trained on.",
    UNSURE: "By the model's record, the answer is more likely wrong than right, or none is likely.",
}
COLUMNS = [
    "file", "label", "probability", "best", "share", "runner_up", "runner_up_share", "slices", "seconds", "distance",
    "reason", "note",
]  # fmt: skip


@dataclass(frozen=True)
class TrackPrediction:
    """What is said of one track.

    Attributes
    ----------
    file
        Its path, printable.
    label
        Its class, or its tags joined by commas; `UNKNOWN` where the model must not say; empty if it cannot be used.
    best
        The class with most votes whatever is to be doubted of it, or the likeliest tag.
    probability
        Of `best`: of a class calibrated if the model is, else the mean over slices.
    share, runner_up, runner_up_share
        Share of the slices that voted for `best`, and the next class; of tags None and empty.
    distance
        How far it is from the training tracks, in units of the limit: above 1 it is unlike them. None if not known.
    reason, note
        Codes and sentences: why it cannot be used (`Q_...`), or what there is to doubt (`W_...`).
    probabilities
        Of the track, by class or tag.
    slices
        A row a slice: ``start_s, label`` and the probability of every class; of tags the label is those from their
        thresholds up, joined.
    counts
        How many slices say each class, or have each tag.
    """

    file: str
    label: str = ""
    best: str = ""
    probability: float | None = None
    share: float | None = None
    runner_up: str = ""
    runner_up_share: float | None = None
    seconds: float = 0.0
    distance: float | None = None
    reason: str = ""
    note: str = ""
    probabilities: dict[str, float] = field(default_factory=dict)
    slices: pd.DataFrame = field(default_factory=pd.DataFrame)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        """Whether the model could be asked about it."""
        return len(self.slices) > 0

    def row(self) -> dict[str, Any]:
        """Return a row of `COLUMNS`."""
        return {name: len(self.slices) if name == "slices" else getattr(self, name) for name in COLUMNS}


class Predictor:
    """A model that can be asked about files.

    Parameters
    ----------
    model
        A run's folder, an exported one, or the ``model.safetensors`` in either.
    device
        ``auto``, ``cpu`` or ``cuda``.
    cores
        CPUs to use, all there are if not given: files that are decoded side by side, and threads of the network.

    Raises
    ------
    UserError
        When the model cannot be used.
    """

    def __init__(self, model: str, *, device: str = "auto", cores: int | None = None) -> None:
        self.bundle: Bundle = load_bundle(model)
        self.audio, self.input = self.bundle.audio, self.bundle.input
        self.training_profile = self.bundle.training_profile
        self.calibration: Calibration | None = confidence.of_model(self.bundle.folder, self.bundle.run)
        self.device = choose_device(device)
        self.cores = choose_threads(cores)
        self.bundle.model.to(self.device)

    @property
    def is_tagged(self) -> bool:
        """Whether a track may have any number of tags, and not one class."""
        return bool(self.bundle.run["tags"])

    @property
    def thresholds(self) -> np.ndarray:
        """The probability from which a track has a tag, [K]."""
        known = self.calibration.thresholds if self.calibration else ()
        return np.array(known or [THRESHOLD] * len(self.bundle.classes))

    def judge(self, given: Sequence[str]) -> Iterator[TrackPrediction]:
        """Yield what the model says of files, of those in folders and of those in playlists, one after the other.

        Raises
        ------
        UserError
            When something given is not there.
        """
        for heard in self.listen(files.find(given)):
            yield self.say(heard)

    def listen(self, items: Sequence[files.Item]) -> Iterator[PreparedTrack]:
        """Yield files as the model wants them."""
        torch.set_num_threads(self.cores)
        return listen(items, self.audio, self.input, workers=min(self.cores, max(1, len(items))))

    def proba(self, stored: np.ndarray) -> np.ndarray:
        """Return the probabilities of slices as stored, float32 [n, K]."""
        training = self.bundle.run["training"]
        return predict_proba(
            self.bundle.model,
            stored,
            device=self.device,
            crop=training.get("crop"),
            windows=training.get("crop_windows", 1),
            tags=self.is_tagged,
        )

    def say(self, heard: PreparedTrack) -> TrackPrediction:
        """Return what the model says of a track."""
        if heard.stored is None:
            return TrackPrediction(heard.item.title, reason=heard.reason, note=heard.message)
        proba = self.proba(heard.stored)
        said = self._tags(proba) if self.is_tagged else self._class(proba)
        distance = self._distance(heard)
        find_label_issues = {
            SEEN: self.training_profile is not None
            and self.training_profile.was_trained_on(heard.sha256, heard.stored),
            FOREIGN: distance is not None and distance > 1,
            UNSURE: said["label"] == UNKNOWN,
        }
        codes = [code for code, is_so in find_label_issues.items() if is_so]
        if find_label_issues[FOREIGN]:
            said["label"] = UNKNOWN
        return TrackPrediction(
            file=heard.item.title,
            seconds=heard.seconds,
            distance=distance,
            reason=" ".join(filter(None, [*codes, heard.reason])),
            note=" ".join(filter(None, [*(MEANINGS[code] for code in codes), heard.message])),
            slices=self._slices(heard, proba),
            **said,
        )

    def _class(self, proba: np.ndarray) -> dict[str, Any]:
        names = self.bundle.classes
        vote = confidence.vote(proba, names)
        means = np.array([[vote[f"p{number}"] for number in range(len(names))]])
        [track] = means if self.calibration is None else self.calibration.probabilities(means)
        probability, best = float(track[vote["predicted"]]), names[vote["predicted"]]
        is_unsure = self.calibration is not None and probability < self.calibration.abstain_below
        counts = np.bincount(proba.argmax(axis=1), minlength=len(names))
        return {
            "label": UNKNOWN if is_unsure else best,
            "best": best,
            "probability": probability,
            "share": vote["share"],
            "runner_up": names[vote["runner_up"]],
            "runner_up_share": vote["runner_up_share"],
            "probabilities": dict(zip(names, track.tolist(), strict=True)),
            "counts": dict(zip(names, counts.tolist(), strict=True)),
        }

    def _tags(self, proba: np.ndarray) -> dict[str, Any]:
        names, track = self.bundle.classes, proba.mean(axis=0, dtype=float)
        likeliest = np.argsort(-track, kind="stable")
        given = [names[number] for number in likeliest if track[number] >= self.thresholds[number]]
        return {
            "label": ", ".join(given) or UNKNOWN,
            "best": names[likeliest[0]],
            "probability": float(track[likeliest[0]]),
            "probabilities": dict(zip(names, track.tolist(), strict=True)),
            "counts": dict(zip(names, (proba >= self.thresholds).sum(axis=0).tolist(), strict=True)),
        }

    def _distance(self, heard: PreparedTrack) -> float | None:
        if self.training_profile is None or self.training_profile.limit is None:
            return None
        return self.training_profile.distance(heard.stored, self.input) / self.training_profile.limit

    def _slices(self, heard: PreparedTrack, proba: np.ndarray) -> pd.DataFrame:
        names = self.bundle.classes
        if self.is_tagged:
            labels = [", ".join(np.array(names)[row >= self.thresholds]) for row in proba]
        else:
            labels = [names[number] for number in proba.argmax(axis=1)]
        return pd.DataFrame({"start_s": heard.start_s, "label": labels}).join(pd.DataFrame(proba, columns=list(names)))


def predict(
    model: str,
    given: Sequence[str],
    *,
    device: str = "auto",
    cores: int | None = None,
    each: Callable[[int, int], None] | None = None,
) -> tuple[Predictor, list[TrackPrediction]]:
    """Ask a model about files; `each` is told after each track how many are done, and of how many.

    Raises
    ------
    UserError
        When the model cannot be used, or something given is not there.
    """
    predictor, items = Predictor(model, device=device, cores=cores), files.find(given)
    judged = []
    for heard in predictor.listen(items):
        judged.append(predictor.say(heard))
        if each:
            each(len(judged), len(items))
    return predictor, judged
