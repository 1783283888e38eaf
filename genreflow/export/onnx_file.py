"""Export of a network to ONNX, with its front-end if possible: samples in, probabilities out.

The exported file is run with ONNX Runtime on segments of music and compared with the pipeline.
"""

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from genreflow.audio.excerpts import Track
from genreflow.config.inputs import InFrames, InputSettings
from genreflow.errors import UserError
from genreflow.export.front_end import FrontEndModule, obstacle, samples_wanted
from genreflow.features.front_end import FrontEnd
from genreflow.features.shapes import segment_shape
from genreflow.features.slices import cut, to_stored
from genreflow.inference.tracks import Predictor
from genreflow.store.atomic import write_bytes
from genreflow.store.shards import as_fed
from genreflow.store.writable import temporary_folder
from genreflow.training.bundle import Bundle
from genreflow.training.loader import window_starts

OPSET = 18
TOLERANCE = 1e-3  # of a probability
_MOST = 16  # segments that are compared


@dataclass(frozen=True)
class Written:
    """Result of an export to ONNX.

    Attributes
    ----------
    why_not
        Why there is no file, or no front-end in it; else empty.
    facts
        For ``model.json``: shape and meaning of the input, largest difference from the pipeline; empty without a file.
    """

    why_not: str
    facts: dict[str, Any]


class Deployed(nn.Module):
    """A network with its front-end, if any, returning probabilities [batch, K], means over windows."""

    def __init__(self, bundle: Bundle, front_end: nn.Module | None) -> None:
        super().__init__()
        self.front_end, self.network, self.is_tagged = front_end, bundle.model, bool(bundle.run["tags"])
        self.crop, windows = bundle.run["training"].get("crop"), bundle.run["training"].get("crop_windows", 1)
        length = segment_shape(bundle.input)[-1]
        self.starts = [0] if self.crop is None else window_starts(length, self.crop, windows)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return probabilities."""
        segments = inputs if self.front_end is None else self.front_end(inputs)
        views = [segments if self.crop is None else segments[..., at : at + self.crop] for at in self.starts]
        logits = [self.network(view) for view in views]
        return sum(each.sigmoid() if self.is_tagged else each.softmax(dim=1) for each in logits) / len(logits)


def write_onnx(path: str | os.PathLike, predictor: Predictor, ogg: str | os.PathLike) -> Written:
    """Write a model as ONNX, if possible, and compare it with the pipeline on a leveled track.

    Nothing is written if a package is missing, a layer cannot be converted, or probabilities differ by more than
    `TOLERANCE`.
    """
    if missing := _missing():
        return Written(f"it needs {missing}: pip install onnx onnxscript onnxruntime", {})
    bundle, settings = predictor.bundle, predictor.input
    why_not = obstacle(settings) or ""
    front_end = None if why_not else FrontEndModule(settings)
    network = Deployed(bundle, front_end).cpu().eval()
    samples, stored = segments_of(ogg, settings)
    inputs = samples if front_end is not None else as_fed(stored)
    with tempfile.TemporaryDirectory(prefix="genreflow-", dir=temporary_folder()) as folder:
        draft = Path(folder, "model.onnx")
        try:
            batch = _export(network, inputs, draft)
        except _refusals() as error:
            return Written(f"the network has no form in ONNX ({_reason(error)})", {})
        difference = float(np.abs(_run(draft, inputs, batch) - predictor.proba(stored)).max())
        if not difference <= TOLERANCE:
            return Written(f"it would differ from the pipeline by {difference:.1e} in a probability", {})
        write_bytes(path, draft.read_bytes())
    facts = {
        "opset": OPSET,
        "front_end": front_end is not None,
        "input": ["batch" if batch is None else batch, *inputs.shape[1:]],
        "largest_difference": difference,
        "compared_segments": len(inputs),
    }
    return Written(why_not, facts)


def segments_of(ogg: str | os.PathLike, settings: InputSettings) -> tuple[np.ndarray, np.ndarray]:
    """Return the first segments of a leveled track, as samples [n, samples] and as the pipeline stores them."""
    slices = cut(ogg, settings, track_id="0" * 16)
    track = Track.open(ogg, settings.front_end.sample_rate)
    if isinstance(settings.segments, InFrames):
        front_end = FrontEnd.of(settings.front_end)
        firsts = np.rint(slices.start_s * track.rate / front_end.hop).astype(int)
        spans = [front_end.frame_span(first, settings.segments.frames) for first in firsts]
    else:
        starts = np.rint(slices.start_s * track.rate).astype(int)
        spans = [(start, start + samples_wanted(settings)) for start in starts]
    if not spans:
        raise UserError("The track that the export is checked by is too short or too quiet for one segment.")
    samples = np.stack([track.read(*span) for span in spans[:_MOST]])
    return samples, to_stored(slices.array[:_MOST], settings)


def _missing() -> str:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        return f"the package {error.name}"
    return ""


def _export(network: nn.Module, inputs: np.ndarray, path: Path) -> int | None:
    """Write a network; return its batch size, None if that is free."""
    several = np.resize(inputs, (3, *inputs.shape[1:]))
    example = torch.from_numpy(several[:2].copy())
    dimension = {"inputs": {0: torch.export.Dim("batch")}}
    for shapes in (dimension, None):
        batch = None if shapes else 1
        try:
            with _quietly(), torch.no_grad():
                program = torch.onnx.export(
                    network,
                    (example if shapes else example[:1],),
                    dynamo=True,
                    opset_version=OPSET,
                    input_names=["segments"],
                    output_names=["probabilities"],
                    dynamic_shapes=shapes,
                    external_data=False,
                    verbose=False,
                )
                assert program is not None  # which only the old exporter returns
                program.save(str(path), external_data=False)
            # Other batch sizes can fail at run time only, so they are tried here.
            for size in (1, 3):
                _run(path, several[:size], batch)
            return batch
        except _refusals():
            if shapes is None:
                raise
    raise AssertionError


def _refusals() -> tuple[type[Exception], ...]:
    """Return the errors by which the exporter and ONNX Runtime refuse a network; any other is a bug."""
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    names = ("Fail", "InvalidArgument", "InvalidGraph", "NotImplemented", "RuntimeException")
    return torch.onnx.OnnxExporterError, *(getattr(runtime, name) for name in names)


def _reason(error: BaseException) -> str:
    """Return the first line of the root cause of an error, which the exporter wraps in its own advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__).rstrip(".")


def _run(path: Path, inputs: np.ndarray, batch: int | None) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [name] = [given.name for given in session.get_inputs()]
    step = batch or len(inputs)
    parts = [session.run(None, {name: inputs[at : at + step]})[0] for at in range(0, len(inputs), step)]
    return np.concatenate(parts)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silence the exporter's warnings about packages that are not needed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
