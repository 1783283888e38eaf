"""A finished run as a folder of its own: weights, facts, card, ONNX."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genreflow.config.inputs import embedding_in
from genreflow.embeddings.sources import copy_network
from genreflow.errors import UserError
from genreflow.export import record
from genreflow.export.card import card
from genreflow.export.front_matter import UNKNOWN_LICENSE
from genreflow.export.onnx_file import Written, write_onnx
from genreflow.features.shapes import needed_seconds
from genreflow.inference.files import Item
from genreflow.inference.tracks import Predictor
from genreflow.store.atomic import write_bytes, write_text
from genreflow.store.runs import EMBEDDING, EXPORTED, MODEL
from genreflow.store.sealed import write_sealed
from genreflow.store.writable import temporary_folder
from genreflow.synthetic.corpus import plan, write
from genreflow.training.bundle import load_bundle

# By this name, hosts of models and repositories show the card.
CARD, ONNX = "README.md", "model.onnx"
_OLD_CARD = "MODEL_CARD.md"
FILES = (MODEL, CARD, ONNX, EXPORTED)
_KEPT = (
    "version", "key", "study", "fold", "model", "options", "training", "init", "input", "audio", "classes", "tags",
    "input_shape", "status", "epochs", "kept_epoch", "parameters", "dataset", "training_profile", "versions",
)  # fmt: skip
_LEAD_S = 30.0


@dataclass(frozen=True)
class Export:
    """An exported model.

    Attributes
    ----------
    folder
        Where it is.
    onnx
        Result of the export to ONNX.
    has_metrics
        Whether the tables of the study were found, so that the card has metrics.
    """

    folder: Path
    onnx: Written
    has_metrics: bool


def export(
    model: str, folder: str | os.PathLike, *, track: str | None = None, license_id: str = UNKNOWN_LICENSE
) -> Export:
    """Write `FILES` into a folder, which is new, empty, or an older export; ``model.json`` last.

    A model that is fed embeddings gets the network of these as well, in a folder beside its files.

    Parameters
    ----------
    model
        A run's folder, or its ``model.safetensors``.
    track
        An audio file by which the ONNX file is checked; a synthetic one if not given.
    license_id
        License of the model, for the card.

    Raises
    ------
    UserError
        When the model cannot be used, or the folder holds something else.
    """
    predictor, folder = Predictor(model, device="cpu"), Path(folder)
    run = predictor.bundle.run
    if run["kind"] == "model":
        raise UserError(f"{model} is an exported model already. Copy its folder, {predictor.bundle.folder}.")
    _check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, _OLD_CARD):  # an older export is gone before the new one is there, and never mixed with it
        (folder / name).unlink(missing_ok=True)
    if (folder / EMBEDDING).exists():
        shutil.rmtree(folder / EMBEDDING)
    if (embedding := embedding_in(predictor.input.front_end)) is not None:
        copy_network(embedding.model, folder / EMBEDDING)
    with _leveled(predictor, track) as ogg:
        written = write_onnx(folder / ONNX, predictor, ogg)
    study_record = record.read(predictor.bundle.folder)
    write_text(folder / CARD, card(predictor, study_record, written.facts, written.why_not, license_id))
    write_bytes(folder / MODEL, (predictor.bundle.folder / MODEL).read_bytes())
    facts = {"kind": "model"} | {name: run[name] for name in _KEPT if name in run}
    facts |= {
        "calibration": predictor.calibration and predictor.calibration.facts(),
        "metrics": {name: _plain(value) for name, value in study_record.row.items()},
        "onnx": written.facts or None,
    }
    write_sealed(folder / EXPORTED, facts, files=[name for name in FILES[:-1] if (folder / name).exists()])
    load_bundle(folder)
    return Export(folder, written, bool(study_record.row))


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file. Name a new folder.")
    if folder.exists() and any(folder.iterdir()) and not (folder / EXPORTED).exists():
        raise UserError(f"{folder} holds other files. Name a new folder, or an older export.")


@contextmanager
def _leveled(predictor: Predictor, track: str | None) -> Iterator[Path]:
    """Yield a leveled track: that of the user, or a synthetic one that is long enough."""
    with tempfile.TemporaryDirectory(prefix="genreflow-", dir=temporary_folder()) as folder:
        if track is None:
            segments = predictor.input.segments
            seconds = _LEAD_S + needed_seconds(predictor.input) + getattr(segments, "earliest", 0)
            track = str(write(plan(tracks_per_class=1, seconds=seconds, seed=0)[0], folder))
        with closing(predictor.prepare([Item(os.fsencode(track))])) as stream:
            prepared = next(stream)
            if prepared.ogg is None:
                raise UserError(f"{prepared.item.title} cannot be used: {prepared.message} ({prepared.reason})")
            yield prepared.ogg


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
