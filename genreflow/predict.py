"""Classifying new music with a finished model, by the model's own front-end, loudness and classes."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from genreflow.audio.normalise import normalise
from genreflow.audio.verdict import Refused
from genreflow.catalog.layouts.folders import SIDE_FILES
from genreflow.catalog.names import printable
from genreflow.config.audio import AudioSettings
from genreflow.config.inputs import InputSettings
from genreflow.errors import UserError
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.votes import majority
from genreflow.features.slices import cut, to_stored
from genreflow.training.bundle import Bundle, load_bundle
from genreflow.training.device import choose_device
from genreflow.training.predict import predict_proba

TRACK_COLUMNS = ["file", "label", "share", "runner_up", "runner_up_share", "probability", "slices", "note"]


def predict(model: str, files: Sequence[str], *, device: str = "auto") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Classify audio files, and those in folders.

    Parameters
    ----------
    model
        ``model.safetensors`` of a run, or the run's folder.
    files
        Audio files and folders.
    device
        ``auto``, ``cpu`` or ``cuda``.

    Returns
    -------
    tracks, slices
        A row a file (`TRACK_COLUMNS`; an unusable file has no label and says why in ``note``), and a row a slice:
        ``file, slice, start_s, label`` and the probability of every class.

    Raises
    ------
    UserError
        When the model cannot be used, or no file is there.
    """
    bundle = load_bundle(model)
    where = choose_device(device)
    network = bundle.model.to(where)
    tracks, slices = [], []
    with tempfile.TemporaryDirectory() as folder:
        for path in _audio_files(files):
            track, rows = _classify(path, bundle, network, where, Path(folder) / "track.ogg")
            tracks.append(track)
            slices.append(rows)
    return pd.DataFrame(tracks, columns=TRACK_COLUMNS), pd.concat(slices, ignore_index=True)


def describe(tracks: pd.DataFrame) -> str:
    """Return a table for the terminal: label, vote share, runner-up."""
    width = max([4, *(len(file) for file in tracks["file"])])
    lines = [f"{'file':<{width}}  {'label':<16} {'votes':>6}  {'runner-up':<16} {'votes':>6}"]
    for row in tracks.itertuples():
        if row.slices == 0:
            lines.append(f"{row.file:<{width}}  not classified: {row.note}")
        else:
            votes = f"{row.label:<16} {row.share:>6.0%}  {row.runner_up:<16} {row.runner_up_share:>6.0%}"
            lines.append(f"{row.file:<{width}}  {votes}")
    return "\n".join(lines)


def _classify(path: bytes, bundle: Bundle, network, device, ogg: Path) -> tuple[dict, pd.DataFrame]:
    file, classes = printable(path), list(bundle.classes)
    empty = {"file": file, "label": "", "share": np.nan, "runner_up": "", "slices": 0}
    nothing = pd.DataFrame(columns=["file", "slice", "start_s", "label", *classes])
    try:
        record = normalise(path, ogg, AudioSettings(**bundle.run["audio"]), serial=0)
    except Refused as refused:
        return empty | {"note": f"{refused.message} ({refused.reason})"}, nothing
    # Where cutting is random, it draws from the track; a new one has no id, and any will do.
    settings = InputSettings.model_validate(bundle.run["input"])
    pieces = cut(ogg, settings, track_id=hashlib.sha256(path).hexdigest()[:16])
    if not len(pieces.array):
        return empty | {"note": f"It lasts {record.seconds:.1f} s, too short for one slice (Q_TOO_SHORT)."}, nothing
    # A track must look the same here as it did in training, where it was stored.
    training = bundle.run["training"]
    probabilities = predict_proba(
        network,
        to_stored(pieces.array, settings),
        device=device,
        crop=training["crop"],
        windows=training["crop_windows"],
    )
    rows = pd.DataFrame(probabilities, columns=classes)
    rows.insert(0, "file", file)
    rows.insert(1, "slice", np.arange(len(rows)))
    rows.insert(2, "start_s", pieces.start_s)
    rows.insert(3, "label", [classes[place] for place in probabilities.argmax(axis=1)])
    return _vote(file, probabilities, classes) | {"note": record.message}, rows


def _vote(file: str, probabilities: np.ndarray, classes: list[str]) -> dict:
    """Return a track's majority vote."""
    n = len(probabilities)
    # The true class is not known; votes do not look at it.
    said = Predictions(np.full(n, file, object), np.arange(n), np.zeros(n, int), probabilities, tuple(classes))
    [vote] = majority(said).to_dict("records")
    return {
        "file": file,
        "label": classes[vote["predicted"]],
        "share": vote["share"],
        "runner_up": classes[vote["runner_up"]],
        "runner_up_share": vote["runner_up_share"],
        "probability": vote[f"p{vote['predicted']}"],
        "slices": n,
    }


def _audio_files(files: Sequence[str]) -> Iterator[bytes]:
    missing = [file for file in files if not Path(file).exists()]
    if missing:
        raise UserError("; ".join(f"{printable(os.fsencode(file))} does not exist" for file in missing) + ".")
    found = [path for file in files for path in _below(Path(file))]
    if not found:
        raise UserError("There are no files in " + ", ".join(files) + ".")
    yield from found


def _below(path: Path) -> list[bytes]:
    if not path.is_dir():
        return [os.fsencode(path)]
    inside = sorted(path.rglob("*"))
    return [os.fsencode(p) for p in inside if p.is_file() and not p.name.startswith(".") and _may_be_audio(p)]


def _may_be_audio(path: Path) -> bool:
    return path.suffix.lower().encode("utf-8", "replace") not in SIDE_FILES
