"""What an ONNX file holds, read from its protocol buffers: names and shapes of inputs and outputs, and other files.

Only the few messages that say so are followed; weights are skipped, so that a plan costs no more for a large model. The
field numbers are those of ``onnx.proto`` (ONNX, Apache License 2.0).
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from genreflow.errors import UserError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Message -> field -> its number.
_MODEL_GRAPH = 7
_GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 5, 11, 12
_TENSOR_NAME, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 8, 13, 14
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_VALUE_NAME, _VALUE_TYPE = 1, 2
_TYPE_TENSOR, _TENSOR_SHAPE, _SHAPE_DIMENSION, _DIMENSION_VALUE = 1, 2, 1, 1
_IS_EXTERNAL = 1

Shape = tuple[int | None, ...]


@dataclass
class OnnxGraph:
    """The graph of an ONNX file.

    Attributes
    ----------
    inputs, outputs
        Name -> shape; axes of any size are None. Weights are no inputs.
    external
        Paths of other files that hold weights, as the file names them.
    """

    inputs: dict[str, Shape] = field(default_factory=dict)
    outputs: dict[str, Shape] = field(default_factory=dict)
    external: list[str] = field(default_factory=list)


def read_graph(path: Path) -> OnnxGraph:
    """Read the inputs, outputs and external files of an ONNX file.

    Raises
    ------
    UserError
        When it is no ONNX file.
    """
    try:
        with path.open("rb") as file:
            # It is closed with the last view of it, which after an error the traceback holds.
            return _graph(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except (ValueError, IndexError, UnicodeDecodeError) as error:  # an empty file cannot be mapped either
        raise UserError(f"{path} is not an ONNX file ({error})") from None


def _graph(view: memoryview) -> OnnxGraph:
    graphs = [value for number, value in _fields(view) if number == _MODEL_GRAPH and isinstance(value, memoryview)]
    if len(graphs) != 1:
        raise ValueError(f"it holds {len(graphs)} graphs")
    graph, weights = OnnxGraph(), set()
    for number, value in _fields(graphs[0]):
        if not isinstance(value, memoryview):
            continue
        if number == _GRAPH_INITIALIZER:
            weights.add(_tensor(value, graph))
        elif number in (_GRAPH_INPUT, _GRAPH_OUTPUT):
            name, shape = _value(value)
            (graph.inputs if number == _GRAPH_INPUT else graph.outputs)[name] = shape
    graph.inputs = {name: shape for name, shape in graph.inputs.items() if name not in weights}
    if not graph.inputs or not graph.outputs:
        raise ValueError("it has no inputs or no outputs")
    return graph


def _tensor(view: memoryview, graph: OnnxGraph) -> str:
    """Return the name of a tensor of weights; note the file that it lies in, if it is another."""
    name, is_external, files = "", False, []
    for number, value in _fields(view):
        if number == _TENSOR_NAME:
            name = _text(value)
        elif number == _TENSOR_LOCATION:
            is_external = value == _IS_EXTERNAL
        elif number == _TENSOR_EXTERNAL and isinstance(value, memoryview):
            entry = {key: _text(text) for key, text in _fields(value)}
            if entry.get(_ENTRY_KEY) == "location":
                files.append(entry.get(_ENTRY_VALUE, ""))
    if is_external or files:
        graph.external += [file for file in files or [""] if file not in graph.external]
    return name


def _value(view: memoryview) -> tuple[str, Shape]:
    name = ""
    shape: Shape = ()
    for number, value in _fields(view):
        if number == _VALUE_NAME:
            name = _text(value)
        elif number == _VALUE_TYPE:
            shape = _shape(value)
    return name, shape


def _shape(kind: "memoryview | int") -> Shape:
    dimensions: list[int | None] = []
    for tensor in _messages(kind, _TYPE_TENSOR):
        for shape in _messages(tensor, _TENSOR_SHAPE):
            for dimension in _messages(shape, _SHAPE_DIMENSION):
                values = [value for number, value in _fields(dimension) if number == _DIMENSION_VALUE]
                dimensions.append(values[0] if values and isinstance(values[0], int) and values[0] > 0 else None)
    return tuple(dimensions)


def _messages(value: "memoryview | int", number: int) -> Iterator[memoryview]:
    if isinstance(value, memoryview):
        yield from (each for found, each in _fields(value) if found == number and isinstance(each, memoryview))


def _text(value: "memoryview | int") -> str:
    return bytes(value).decode() if isinstance(value, memoryview) else ""


def _fields(view: memoryview) -> Iterator[tuple[int, "memoryview | int"]]:
    """Yield number and value of each field of a message: whole numbers, or the bytes of all else."""
    at = 0
    while at < len(view):
        tag, at = _varint(view, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(view, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(view, at)
        elif kind in (_FIXED32, _FIXED64):
            length = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
        if at + length > len(view):
            raise ValueError("it ends early")
        yield number, view[at : at + length]
        at += length


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
        byte = view[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
