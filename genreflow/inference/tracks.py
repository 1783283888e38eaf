"""Predictions of a trained model for new tracks, with the warnings that belong to them."""

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from genreflow.evaluation.tags import THRESHOLD
from genreflow.features.front_end import FrontEnd
from genreflow.inference import confidence, files
from genreflow.inference.confidence import Calibration
from genreflow.inference.prepare import PreparedTrack, prepare_tracks
from genreflow.training.bundle import Bundle, load_bundle
from genreflow.training.device import choose_device, choose_threads, device_for
from genreflow.training.predict import predict_proba
from genreflow.weights.cache import find

# Raise it when the same model would answer otherwise for the same file.
STAGE_VERSION = 2

UNKNOWN = "unknown"
SHOWN_TAGS = 5  # of a model whose thresholds are unknown
SEEN, FOREIGN, UNSURE = "W_SEEN", "W_FOREIGN", "W_UNSURE"
MEANINGS = {
    SEEN: "The model was trained on this track: the answer shows nothing.",
    FOREIGN: "The track sounds unlike everything that the model was trained on.",
    UNSURE: "By the model's record the answer is more likely wrong than right, or no class is likely.",
}
COLUMNS = [
    "file", "label", "probability", "best", "share", "runner_up", "runner_up_share", "slices", "seconds", "distance",
    "reason", "note",
]  # fmt: skip


@dataclass(frozen=True)
class TrackPrediction:
    """The prediction for one track.

    Attributes
    ----------
    file
        Path, printable.
    label
        Class, or tags joined by commas; `UNKNOWN` where the model abstains; empty for a file that cannot be used.
    best
        Class with the most votes, whatever the warnings; or the likeliest tag.
    probability
        Probability of `best`: calibrated for classes if the model is, else the mean over slices.
    share, runner_up, runner_up_share
        Share of the slices that voted for `best`, and the next class; None and empty for tags.
    distance
        Distance from the training tracks in units of the novelty limit: a track above 1 is unlike them. None if the
        model has no training profile.
    reason, note
        Codes and sentences: why the file cannot be used (`Q_...`), or warnings (`W_...`).
    probabilities
        Probability of the track by class or tag.
    slices
        A row per slice: ``start_s, label`` and the probability of every class. The label of a tagged slice holds all
        tags from their thresholds up.
    counts
        Number of slices by predicted class or tag.
    path
        Whole path, as bytes of the file system.
    labels
        The class, or the tags one by one; none where the model abstains.
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
    path: bytes = b""
    labels: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether the file could be classified."""
        return len(self.slices) > 0

    def row(self) -> dict[str, Any]:
        """Return a row of `COLUMNS`."""
        return {name: len(self.slices) if name == "slices" else getattr(self, name) for name in COLUMNS}


class Predictor:
    """A trained model for new audio files.

    Parameters
    ----------
    model
        Folder of a run or of an exported model, or the ``model.safetensors`` in either; or the name of public weights.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    cores
        CPUs to use, all by default: files decoded side by side, and threads of the network.

    Raises
    ------
    UserError
        When the model cannot be used.

    Examples
    --------
    >>> import genreflow as gf
    >>> model = gf.load_model("exported_model", device="cpu")  # doctest: +SKIP
    >>> model.predict(["song.mp3", "a folder"])[["file", "label", "probability"]]  # doctest: +SKIP
    """

    def __init__(self, model: str | PathLike, *, device: str = "auto", cores: int | None = None) -> None:
        self.bundle: Bundle = load_bundle(find(model))
        self.audio, self.input = self.bundle.audio, self.bundle.input
        self.training_profile = self.bundle.training_profile
        self.calibration: Calibration | None = confidence.of_model(self.bundle.folder, self.bundle.run)
        self.device = device_for(self.bundle.model, choose_device(device))
        self.front_end = FrontEnd.of(self.input.front_end).on(self.device.type)
        self.cores = choose_threads(cores)
        self.bundle.model.to(self.device)

    @property
    def is_tagged(self) -> bool:
        """Whether the model predicts any number of tags, and not one class."""
        return bool(self.bundle.run["tags"])

    @property
    def has_no_record(self) -> bool:
        """Whether its tags were learned elsewhere, so that no threshold is known for them."""
        return "origin" in self.bundle.run and self.calibration is None

    @property
    def thresholds(self) -> np.ndarray:
        """Probability from which a track has each tag, float64 [K]."""
        calibrated = self.calibration.thresholds if self.calibration else ()
        return np.array(calibrated or [THRESHOLD] * len(self.bundle.classes))

    def predict(
        self, files: str | PathLike | Sequence[str | PathLike], *, level: Literal["track", "slice"] = "track"
    ) -> pd.DataFrame:
        """Classify audio files.

        Parameters
        ----------
        files
            Files, folders of them, and playlists (.m3u, .m3u8).
        level
            ``track`` for a row per file, ``slice`` for a row per slice of the files that can be used.

        Returns
        -------
        pd.DataFrame
            Per track `COLUMNS`; per slice ``file, slice, start_s, label`` and the probability of every class.

        Raises
        ------
        UserError
            When one of the paths does not exist.
        """
        paths = [files] if isinstance(files, str | PathLike) else files
        tracks = self.predict_tracks([str(path) for path in paths])
        return tracks_table(tracks) if level == "track" else slices_table(tracks, self.bundle.classes)

    def predict_tracks(
        self, paths: Sequence[str], *, missing_ok: bool = False, on_track: Callable[[int, int], None] | None = None
    ) -> list[TrackPrediction]:
        """Classify files, the files in folders, and those that playlists list.

        Parameters
        ----------
        paths
            Files, folders and playlists.
        missing_ok
            Report a path that does not exist like a file that cannot be read.
        on_track
            Called after each track with the number of tracks done, and of all.

        Raises
        ------
        UserError
            When one of the paths does not exist.
        """
        items = files.find(paths, missing_ok=missing_ok)
        predictions = []
        for track in self.prepare(items):
            predictions.append(self.predict_track(track))
            if on_track:
                on_track(len(predictions), len(items))
        return predictions

    def prepare(self, items: Sequence[files.Item]) -> Generator[PreparedTrack, None, None]:
        """Yield files leveled and cut as the training tracks were."""
        torch.set_num_threads(self.cores)
        workers = min(self.cores, max(1, len(items)))
        return prepare_tracks(items, self.audio, self.input, workers=workers, front_end=self.front_end)

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

    def predict_track(self, track: PreparedTrack) -> TrackPrediction:
        """Return the prediction for a prepared track."""
        if track.stored is None:
            return TrackPrediction(track.item.title, reason=track.reason, note=track.message)
        proba = self.proba(track.stored)
        fields = self._tags(proba) if self.is_tagged else self._class(proba)
        profile, distance = self.training_profile, self._distance(track.stored)
        warnings = {
            SEEN: profile is not None and profile.was_trained_on(track.sha256, track.stored),
            FOREIGN: distance is not None and distance > 1,
            UNSURE: fields["label"] == UNKNOWN,
        }
        codes = [code for code, applies in warnings.items() if applies]
        if warnings[FOREIGN]:
            fields |= {"label": UNKNOWN, "labels": ()}
        return TrackPrediction(
            file=track.item.title,
            path=os.path.abspath(track.item.path),  # noqa: PTH100 - a path is bytes
            seconds=track.seconds,
            distance=distance,
            reason=" ".join(filter(None, [*codes, track.reason])),
            note=" ".join(filter(None, [*(MEANINGS[code] for code in codes), track.message])),
            slices=self._slices(track, proba),
            **fields,
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
            "labels": () if is_unsure else (best,),
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
        above = [names[number] for number in likeliest if track[number] >= self.thresholds[number]]
        if self.has_no_record:
            above = [names[number] for number in likeliest[:SHOWN_TAGS]]
        return {
            "label": ", ".join(above) or UNKNOWN,
            "labels": tuple(above),
            "best": names[likeliest[0]],
            "probability": float(track[likeliest[0]]),
            "probabilities": dict(zip(names, track.tolist(), strict=True)),
            "counts": dict(zip(names, (proba >= self.thresholds).sum(axis=0).tolist(), strict=True)),
        }

    def _distance(self, stored: np.ndarray) -> float | None:
        if self.training_profile is None or self.training_profile.limit is None:
            return None
        return self.training_profile.distance(stored, self.input) / self.training_profile.limit

    def _slices(self, track: PreparedTrack, proba: np.ndarray) -> pd.DataFrame:
        names = self.bundle.classes
        if self.is_tagged:
            labels = [", ".join(np.array(names)[row >= self.thresholds]) for row in proba]
        else:
            labels = [names[number] for number in proba.argmax(axis=1)]
        return pd.DataFrame({"start_s": track.start_s, "label": labels}).join(pd.DataFrame(proba, columns=list(names)))


load_model = Predictor  # its public name


def tracks_table(predictions: Sequence[TrackPrediction]) -> pd.DataFrame:
    """Return a row per track: `COLUMNS`."""
    return pd.DataFrame([track.row() for track in predictions], columns=COLUMNS)


def slices_table(predictions: Sequence[TrackPrediction], classes: Sequence[str]) -> pd.DataFrame:
    """Return a row per slice: ``file, slice, start_s, label`` and the probability of every class."""
    parts = [track.slices.assign(file=track.file, slice=np.arange(len(track.slices))) for track in predictions]
    columns = ["file", "slice", "start_s", "label", *classes]
    usable = [part for part in parts if len(part)]
    return pd.concat(usable, ignore_index=True)[columns] if usable else pd.DataFrame(columns=columns)
