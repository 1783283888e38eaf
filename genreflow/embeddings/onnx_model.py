"""Networks of other programs, as ONNX files, each with a description beside it.

``model.onnx`` needs ``model.yaml`` (or ``.json``): at what rate the network reads audio, in what form, and which of its
outputs is the embedding. Descriptions of well-known networks lie in ``resources/onnx/``.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from genreflow.config.base import Settings
from genreflow.config.inputs import EmbeddingNetwork, Layer
from genreflow.config.load import parse_file, settings_from
from genreflow.embeddings.onnx_format import OnnxGraph, Shape, read_graph
from genreflow.embeddings.patches import spread
from genreflow.errors import UserError, did_you_mean
from genreflow.features.frames import framed, spectra, window
from genreflow.store.digest import digest, file_sha256

SUFFIXES = (".yaml", ".yml", ".json")

InputAxis = Literal["batch", "channel", "band", "time"]
OutputAxis = Literal["batch", "time", "value"]
_BYTES = 1e6


class OnnxLogMel(Settings):
    """The log-mel spectrogram that a network is fed."""

    n_fft: int = Field(ge=16, le=65_536, description="FFT length, samples.")
    window: int | None = Field(
        None, ge=16, le=65_536, description="Length of the Hann window, samples; n_fft if not given."
    )
    hop: int = Field(ge=1, description="Step between frames, samples.")
    n_mels: int = Field(ge=1, le=1_024, description="Mel bands.")
    fmin: float = Field(0.0, ge=0, description="Lowest frequency, Hz.")
    fmax: float | None = Field(None, gt=0, description="Highest frequency, Hz; half the sample rate if not given.")
    mel: Literal["slaney", "htk"] = Field("slaney", description="Mel scale.")
    slopes: Literal["hz", "mel"] = Field("hz", description="Triangles are linear in Hz or in mel.")
    norm: Literal["area", "height"] = Field("area", description="Triangles of unit area, or of height 1.")
    power: Literal[1, 2] = Field(2, description="Magnitudes, or powers.")
    centered: bool = Field(True, description="Frames centered on their time, with `padding` beyond the ends.")
    padding: Literal["zeros", "reflect"] = Field("zeros", description="What frames see beyond the ends.")
    log: Literal["ln", "log10", "db", "none"] = Field(
        "log10", description="db is 10 log10 of powers, 20 log10 of magnitudes."
    )
    multiply: float = Field(1.0, gt=0, description="Factor before the logarithm.")
    add: float = Field(0.0, ge=0, description="Summand before the logarithm.")
    floor: float = Field(0.0, ge=0, description="Least value before the logarithm.")
    top_db: float | None = Field(
        None, gt=0, description="Range below the largest value of a patch, dB; lower ones are raised."
    )
    reference: Literal["one", "max"] = Field("one", description="What 0 dB is: 1, or the largest value of a patch.")
    half: bool = Field(False, description="Values rounded to half precision, as networks of genreflow are fed.")
    mean: float = Field(0.0, description="Subtracted at last.")
    deviation: float = Field(1.0, gt=0, description="Divided by at last.")


class OnnxDescription(Settings):
    """Description of an ONNX network: the content of the file beside it."""

    title: str = Field("", description="Name in reports; that of the file if not given.")
    sample_rate: int = Field(ge=4_000, le=48_000, description="Rate of the audio that it reads, Hz.")
    input: Literal["waveform", "logmel"] = Field(description="Form of its input.")
    input_name: str | None = Field(None, description="Name of the input; the only one if not given.")
    axes: tuple[InputAxis, ...] | None = Field(
        None,
        strict=False,
        description="Meaning of the axes of the input: batch, channel (of size 1), band, time. "
        "[batch, time] of waveforms and [batch, time, band] of spectrograms if not given.",
    )
    logmel: OnnxLogMel | None = Field(None, description="The spectrogram, for `input: logmel`.")
    seconds: float | None = Field(None, gt=0, le=600, description="Length of a patch of waveforms, s.")
    frames: int | None = Field(None, ge=1, le=1_000_000, description="Length of a patch of spectrograms, frames.")
    output: str | None = Field(None, description="Name of the output that is the embedding; the only one if not given.")
    predictions: str | None = Field(None, description="Name of the output for `layer: output`.")
    output_axes: tuple[OutputAxis, ...] = Field(
        ("batch", "value"),
        strict=False,
        description="Meaning of the axes of the embedding: batch, value, and time, over which it is averaged.",
    )
    width: int | None = Field(None, ge=1, description="Values of a vector, where the file does not fix it.")

    @model_validator(mode="after")
    def _values_agree(self) -> Self:
        if self.input == "logmel" and (self.logmel is None or self.frames is None):
            raise ValueError("input: logmel needs `logmel` and `frames`")
        if self.input == "waveform" and (self.seconds is None or self.logmel is not None):
            raise ValueError("input: waveform needs `seconds`, and no `logmel`")
        expected = {"time"} if self.input == "waveform" else {"time", "band"}
        if self.axes is not None and (
            not expected <= set(self.axes) <= expected | {"batch", "channel"} or len(set(self.axes)) < len(self.axes)
        ):
            raise ValueError(f"axes: {', '.join(sorted(expected))} once each, and batch and channel where it has them")
        if "value" not in self.output_axes:
            raise ValueError("output_axes: value is missing")
        return self

    @property
    def input_axes(self) -> tuple[InputAxis, ...]:
        """Meaning of the axes of the input."""
        return self.axes or (("batch", "time") if self.input == "waveform" else ("batch", "time", "band"))

    @property
    def patch_samples(self) -> int:
        """Samples of a patch."""
        if self.logmel is None or self.frames is None:
            return round((self.seconds or 0) * self.sample_rate)
        length = self.logmel.window or self.logmel.n_fft
        return (self.frames - 1) * self.logmel.hop + (0 if self.logmel.centered else length)

    @property
    def patch_shape(self) -> tuple[int, ...]:
        """Shape of a patch of one channel in the order of the axes of the input, without the batch."""
        sizes = {
            "channel": 1,
            "band": self.logmel.n_mels if self.logmel else 0,
            "time": self.frames or self.patch_samples,
        }
        return tuple(sizes[axis] for axis in self.input_axes if axis != "batch")


def describe(path: Path) -> OnnxDescription:
    """Read the description beside an ONNX file.

    Raises
    ------
    UserError
        When it is missing, or has problems; all of them at once.
    """
    beside = description_file(path)
    parsed = parse_file(beside)
    if parsed.whole or parsed.problems:
        raise UserError(f"{beside}: {parsed.whole or '; '.join(parsed.problems)}")
    return settings_from(OnnxDescription, parsed.values, str(beside))


def description_file(path: Path) -> Path:
    """Return the file beside an ONNX file that describes it; UserError if there is none."""
    for suffix in SUFFIXES:
        if path.with_suffix(suffix).exists():
            return path.with_suffix(suffix)
    raise UserError(
        f"{path} needs a description beside it, {path.with_suffix('.yaml').name}: sample_rate, input, seconds, output. "
        "Those of well-known networks lie in resources/onnx; copy one and give it that name"
    )


def facts_of(path: Path, layer: Layer) -> EmbeddingNetwork:
    """Return facts of an ONNX network; its names and shapes are compared with the description.

    Raises
    ------
    UserError
        When they do not fit, or weights lie outside the folder of the file.
    """
    description, graph = describe(path), read_graph(path)
    external = [_inside(path, name) for name in graph.external]
    _check_input(path, description, graph)
    sha256 = _sha256((path, *external))
    return EmbeddingNetwork(
        title=description.title or path.name,
        sha256=sha256,
        content=digest(sha256, description.model_dump(mode="json", exclude={"title"}), layer, length=32),
        sample_rate=description.sample_rate,
        seconds=description.patch_samples / description.sample_rate,
        width=_width(path, description, graph, layer),
        megabytes=sum(file.stat().st_size for file in (path, *external)) / _BYTES,
    )


def files_of(path: Path) -> list[Path]:
    """Return an ONNX file, the files with its other weights, and its description at last."""
    return [path, *(_inside(path, name) for name in read_graph(path).external), description_file(path)]


def _sha256(files: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, or of the digests of several."""
    digests = [file_sha256(file) for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _inside(path: Path, name: str) -> Path:
    """Return a file with weights; UserError if it lies outside the folder of the ONNX file, or is missing."""
    folder = path.parent.resolve()
    file = path.parent / name
    if not name or Path(name).is_absolute() or file.resolve().parent != folder or file.is_symlink():
        raise UserError(
            f"{path} takes weights from {name or 'a file without a name'!r}, outside of its own folder; they are never "
            "read from there. Put them beside it, or save the model with its weights inside"
        )
    if not file.is_file():
        raise UserError(f"{path} takes weights from {name}, which is not beside it")
    return file


def _check_input(path: Path, description: OnnxDescription, graph: OnnxGraph) -> None:
    name = input_name(path, description, graph)
    shape, axes = graph.inputs[name], description.input_axes
    expected: dict[str, int | None] = {"batch": None} | dict(
        zip([axis for axis in axes if axis != "batch"], description.patch_shape, strict=True)
    )
    wanted = [expected[axis] for axis in axes]
    if shape and (
        len(shape) != len(axes)
        or any(size is not None and own is not None and size != own for size, own in zip(shape, wanted, strict=True))
    ):
        raise UserError(
            f"{path}: its input {name!r} has the shape {_shown(shape)}, and its description gives {_shown(wanted)} "
            f"({', '.join(axes)}). Correct the description"
        )


def input_name(path: Path, description: OnnxDescription, graph: OnnxGraph) -> str:
    """Return the name of the input; UserError if there is no such, or several and none is named."""
    return _named(path, "input", description.input_name, graph.inputs)


def output_name(path: Path, description: OnnxDescription, graph: OnnxGraph, layer: str) -> str:
    """Return the name of the output of a layer; UserError likewise."""
    if layer == "output" and description.predictions is None:
        raise UserError(f"{path}: its description names no output for `layer: output` (predictions)")
    name = description.output if layer == "penultimate" else description.predictions
    return _named(path, "output", name, graph.outputs)


def _named(path: Path, kind: str, name: str | None, known: dict[str, Shape]) -> str:
    if name is None and len(known) == 1:
        return next(iter(known))
    if name in known:
        return name
    there = ", ".join(repr(each) for each in known)
    if name is None:
        raise UserError(f"{path}: it has the {kind}s {there}; its description must name one")
    raise UserError(f"{path}: it has no {kind} {name!r}.{did_you_mean(name, known)} Its {kind}s: {there}")


def _width(path: Path, description: OnnxDescription, graph: OnnxGraph, layer: Layer) -> int:
    name = output_name(path, description, graph, layer)
    shape, axes = graph.outputs[name], description.output_axes
    if layer == "output" and len(shape) == 2:
        axes = ("batch", "value")
    if shape and len(shape) != len(axes):
        raise UserError(
            f"{path}: its output {name!r} has the shape {_shown(shape)}, and its description gives the axes "
            f"{', '.join(axes)} (output_axes). Correct the description"
        )
    size = shape[axes.index("value")] if shape else None
    if size is not None and description.width not in (None, size) and layer == "penultimate":
        raise UserError(
            f"{path}: its output {name!r} has {size} values, and its description gives width {description.width}"
        )
    if size is None and description.width is None:
        raise UserError(
            f"{path}: the file leaves the size of its output {name!r} open; give `width` in its description"
        )
    return size or description.width or 0


def _shown(shape: Sequence[int | None]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape) or "()"


class OnnxNetwork:
    """An ONNX network, run by ONNX Runtime.

    Parameters
    ----------
    path
        The file.
    layer
        ``penultimate`` or ``output``.
    sha256
        The SHA-256 that it must have.
    device
        ``cpu``, ``cuda``, ``mps`` or ``auto``.
    """

    def __init__(self, path: Path, layer: Layer, *, sha256: str, device: str = "cpu") -> None:
        try:
            import onnxruntime
        except ImportError:
            raise UserError(f"{path} needs the package onnxruntime: pip install onnxruntime.") from None
        facts = facts_of(path, layer)
        if facts.sha256 != sha256:
            raise UserError(f"{path} has changed since this run was planned. Run the same command again.")
        self.description, graph = describe(path), read_graph(path)
        self.width = facts.width
        self.input = input_name(path, self.description, graph)
        self.output = output_name(path, self.description, graph, layer)
        self.axes = ("batch", "value") if layer == "output" else self.description.output_axes
        self.batch = _fixed_batch(self.description, graph.inputs[self.input])
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        import torch

        options.intra_op_num_threads = torch.get_num_threads()
        providers = ["CPUExecutionProvider"]
        if device != "cpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, "CUDAExecutionProvider")
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # of many classes, one an error code
            raise UserError(f"ONNX Runtime cannot load {path}: {_first_line(error)}") from None

    def vectors(self, segments: np.ndarray) -> np.ndarray:
        """Return the mean vector of the patches of each segment, float32 ``[n, d]``."""
        patches = [self._patches(samples) for samples in segments]
        edges = np.cumsum([0, *map(len, patches)])
        values = self._of_patches(np.concatenate(patches))
        return np.stack([values[start:stop].mean(axis=0) for start, stop in pairwise(edges)])

    def _patches(self, samples: np.ndarray) -> np.ndarray:
        """Return the patches of an excerpt in the order of the axes of the input, float32 ``[n, *patch_shape]``."""
        description = self.description
        if description.logmel is None:
            length = description.patch_samples
            parts = np.stack([samples[start : start + length] for start in spread(len(samples), length)])
            axes = ["time"]
        else:
            whole = log_mel(samples, description.logmel, description.sample_rate)
            length = description.frames or whole.shape[1]
            parts = np.stack([whole[:, start : start + length] for start in spread(whole.shape[1], length)])
            parts = np.stack([_leveled(part, description.logmel) for part in parts])
            axes = ["band", "time"]
        wanted = [axis for axis in description.input_axes if axis not in ("batch", "channel")]
        parts = parts.transpose(0, *(1 + axes.index(axis) for axis in wanted))
        return np.ascontiguousarray(parts.reshape(len(parts), *description.patch_shape), np.float32)

    def _of_patches(self, patches: np.ndarray) -> np.ndarray:
        has_batch = "batch" in self.description.input_axes
        if not has_batch:
            return np.stack([self._run(patch) for patch in patches])
        step = self.batch or 16
        parts = []
        for start in range(0, len(patches), step):
            part = patches[start : start + step]
            missing = self.batch - len(part) if self.batch else 0
            padded = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part
            parts.append(self._run(padded)[: len(part)])
        return np.concatenate(parts)

    def _run(self, fed: np.ndarray) -> np.ndarray:
        """Return the vectors of a batch, or the one of a network without batches."""
        try:
            [values] = self.session.run([self.output], {self.input: fed})
        except Exception as error:  # of many classes, one an error code
            raise UserError(f"ONNX Runtime cannot run the network: {_first_line(error)}") from None
        axes: Sequence[str] = self.axes
        if "batch" not in self.description.input_axes and values.ndim == len(axes) - 1:
            axes = [axis for axis in axes if axis != "batch"]
        while values.ndim > len(axes) and 1 in values.shape[1:]:  # such as [batch, d, 1, 1]
            values = values.squeeze(axis=values.shape.index(1, 1))
        if values.ndim != len(axes) or values.shape[list(axes).index("value")] != self.width:
            raise UserError(
                f"The network gives an array of {_shown(values.shape)}, and its description gives the axes "
                f"{', '.join(axes)} with {self.width} values. Correct the description."
            )
        kept = tuple(i for i, axis in enumerate(axes) if axis == "time" or (axis == "batch" and not self._has_batch))
        return values.mean(axis=kept).astype(np.float32) if kept else values.astype(np.float32)

    @property
    def _has_batch(self) -> bool:
        return "batch" in self.description.input_axes


def _fixed_batch(description: OnnxDescription, shape: Shape) -> int | None:
    """Return the size of batches, if the file fixes it."""
    axes = description.input_axes
    return shape[axes.index("batch")] if "batch" in axes and len(shape) == len(axes) else None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# ---------------------------------------------------------------------------------------------------------------------
# Log-mel spectrograms of other programs
# ---------------------------------------------------------------------------------------------------------------------


def log_mel(samples: np.ndarray, settings: OnnxLogMel, rate: int) -> np.ndarray:
    """Return a log-mel spectrogram without what depends on the patch, float32 ``[n_mels, frames]``."""
    length = settings.window or settings.n_fft
    if settings.centered:
        mode: Any = "constant" if settings.padding == "zeros" else "reflect"
        samples = np.pad(samples, settings.n_fft // 2, mode=mode)
        frames = framed(samples, settings.n_fft, settings.hop)
        margin = settings.n_fft - length  # a shorter window lies in the middle of the frame
        shape = np.pad(window("hann", length), (margin // 2, margin - margin // 2))
    else:
        frames, shape = framed(samples, length, settings.hop), window("hann", length)
    bank = filter_bank(settings, rate)
    values = np.empty((settings.n_mels, len(frames)), np.float32)
    for block, spectrum in spectra(frames, shape, settings.n_fft):
        values[:, block] = bank @ (np.abs(spectrum) ** settings.power).T
    values = np.maximum(settings.multiply * values + settings.add, settings.floor)
    if settings.log == "none":
        return values
    with np.errstate(divide="ignore"):
        level = np.log(values) if settings.log == "ln" else np.log10(values)
    return level * (20 / settings.power) if settings.log == "db" else level


def _leveled(patch: np.ndarray, settings: OnnxLogMel) -> np.ndarray:
    """Return a patch with its reference and range, standardized."""
    if settings.reference == "max":
        patch = patch - patch.max()
    if settings.top_db is not None:
        patch = np.maximum(patch, patch.max() - settings.top_db)
    if settings.half:
        patch = patch.astype(np.float16).astype(np.float32)
    return (patch - settings.mean) / settings.deviation


def filter_bank(settings: OnnxLogMel, rate: int) -> np.ndarray:
    """Return triangular mel filters, float64 ``[n_mels, 1 + n_fft // 2]``."""
    from librosa import hz_to_mel, mel_frequencies

    htk = settings.mel == "htk"
    bins = np.fft.rfftfreq(settings.n_fft, 1 / rate)
    corners = mel_frequencies(settings.n_mels + 2, fmin=settings.fmin, fmax=settings.fmax or rate / 2, htk=htk)
    places, edges = (
        (bins, corners) if settings.slopes == "hz" else (hz_to_mel(each, htk=htk) for each in (bins, corners))
    )
    left, center, right = (edges[i : i + settings.n_mels, np.newaxis] for i in range(3))
    triangles = np.maximum(np.minimum((places - left) / (center - left), (right - places) / (right - center)), 0)
    if settings.norm == "height":
        return triangles
    return triangles * 2 / (corners[2:] - corners[:-2])[:, np.newaxis]
