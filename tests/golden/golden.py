"""Golden outputs: what each stage makes of a tiny fixed input, stored beside the version of the stage that made it.

Versions (`genreflow.plan.stages`) are honest because of these tests: where an output moves, the version of its stage
has to move too. `make golden` stores the outputs of stages whose version was raised, and of new cases; it refuses to
store others.

Outputs are stored as a few numbers each. Tolerances are wide enough for another CPU or another BLAS, and far below what
a change of method does. Sentences for people are left out: no product is made again because of other words.
"""

import csv
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genreflow.plan import stages

FOLDER = Path(__file__).parent
for _helpers in ("", "training", "analysis", "evaluation", "figures", "inference", "embeddings"):
    sys.path.append(str(FOLDER.parent / _helpers))

CASES: dict[str, "Case"] = {}
_COLUMNS = ["case", "version", "output", "values"]
_MOST = 24  # values that are stored one by one
_PROJECTIONS = 6


@dataclass(frozen=True)
class Case:
    """What a stage makes of one input.

    Attributes
    ----------
    stage
        The stage whose version the outputs have.
    version
        That version, as text; of a network also a digest of its code, which is part of its key.
    make
        Returns the outputs by name, given an empty folder: numbers, or a list of texts.
    rtol, atol
        How far numbers may be from those stored: ``atol + rtol * stored``.
    """

    name: str
    stage: str
    version: str
    make: Callable[[Path], Mapping[str, Any]]
    file: Path
    rtol: float
    atol: float

    def outputs(self) -> dict[str, list]:
        """Run the case; return its outputs as they are stored."""
        with tempfile.TemporaryDirectory() as folder:
            made = self.make(Path(folder))
        return {name: _plain(values) for name, values in made.items()}


def golden(stage: str, *, name: str = "", version: str = "", rtol: float = 1e-3, atol: float = 1e-4) -> Callable:
    """Declare the decorated function as a case of a stage."""

    def declare(make: Callable) -> Callable:
        case = name or make.__name__.removeprefix("of_").replace("_", "-")
        file = FOLDER / (Path(make.__code__.co_filename).stem.removeprefix("golden_") + ".csv")
        assert case not in CASES, case
        CASES[case] = Case(case, stage, version or str(stages.version(stage)), make, file, rtol, atol)
        return make

    return declare


def summary(array: Any) -> np.ndarray:
    """Return shape, least, greatest, mean, deviation and fixed projections of an array."""
    values = np.asarray(array, np.float64)
    shape, flat = values.shape, values.ravel()
    if not flat.size:
        return np.array([*shape], float)
    places = np.arange(1, flat.size + 1)
    waves = (np.cos(places * (0.7 + 0.31 * k) + k * k) for k in range(_PROJECTIONS))
    projected = [float(flat @ wave) / np.sqrt(flat.size) for wave in waves]
    return np.array([*shape, flat.min(), flat.max(), flat.mean(), flat.std(), *projected])


def of_frame(frame: pd.DataFrame, prefix: str = "", *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the columns of a table, but for sentences and those `without`."""
    columns = [name for name in frame.columns if name not in ("message", "note", *without)]
    start = f"{prefix}." if prefix else ""
    return {f"{start}{name}": _column(frame[name]) for name in columns} | {f"{start}rows": [len(frame)]}


def _column(column: pd.Series) -> Any:
    if pd.api.types.is_numeric_dtype(column):
        values = column.to_numpy(float)
        return values if len(values) <= _MOST else summary(np.nan_to_num(values, nan=-1.0, posinf=-2.0, neginf=-3.0))
    words = [str(value) for value in column]
    return words if len(words) <= _MOST else [f"{len(words)} texts, digest {stages.digest(words)}"]


def problems_of(case: Case) -> list[str]:
    """Return what is wrong: outputs that moved, or a version without outputs of its own."""
    stored = _stored(case.file).get(case.name)
    if stored is None:
        return [f"{case.name}: there is no golden output. Run `make golden`."]
    version, expected = stored
    if version != case.version:
        return [
            f"{case.name}: stage {case.stage!r} is of version {case.version}, and the golden outputs are of {version}. "
            "Run `make golden`."
        ]
    moved = _moved(case, expected, case.outputs())
    return [f"{problem} {_advice(case)}" for problem in moved]


def renew(case: Case) -> str:
    """Store the outputs of a case whose version was raised, or that is new; return what was done, "" if nothing.

    Raises
    ------
    ValueError
        When outputs moved and the version did not.
    """
    kept = _stored(case.file)
    version, expected = kept.get(case.name, ("", {}))
    result = case.outputs()
    if version == case.version:
        if moved := _moved(case, expected, result):
            raise ValueError(f"{moved[0]} {_advice(case)}")
        return ""
    kept[case.name] = (case.version, result)
    _store(case.file, {name: outputs for name, outputs in kept.items() if name in CASES})
    return f"{case.name}: {f'{version} → ' if version else 'new, '}{case.version}"


def _advice(case: Case) -> str:
    place = stages.STAGES.get(case.stage)
    number = (
        f"STAGE_VERSION in genreflow/{place}" if place else "`synthesis` of the corpus in genreflow/synthetic/corpus.py"
    )
    return f"Raise {number} (stage {case.stage!r}) and run `make golden`, or undo what moved it."


def _moved(case: Case, expected: Mapping[str, list], result: Mapping[str, list]) -> list[str]:
    if expected.keys() != result.keys():
        names = ", ".join(sorted(expected.keys() ^ result.keys()))
        return [f"{case.name}: other outputs than before ({names})."]
    return [
        f"{case.name}: {name} moved: it was {_short(expected[name])} and is {_short(result[name])}."
        for name in expected
        if not _is_same(expected[name], result[name], case)
    ]


def _is_same(expected: list, result: list, case: Case) -> bool:
    if len(expected) != len(result) or any(isinstance(value, str) for value in [*expected, *result]):
        return expected == result
    return np.allclose(result, expected, rtol=case.rtol, atol=case.atol, equal_nan=True)


def _plain(values: Any) -> list:
    if isinstance(values, list | tuple) and any(isinstance(value, str) for value in values):
        return [str(value) for value in values]
    return [float(f"{value:.7g}") for value in np.atleast_1d(np.asarray(values, np.float64)).ravel()]


def _short(values: list) -> str:
    text = json.dumps(values)
    return text if len(text) <= 160 else f"{text[:160]}…"


def _stored(file: Path) -> dict[str, tuple[str, dict[str, list]]]:
    stored: dict[str, tuple[str, dict[str, list]]] = {}
    if file.exists():
        with open(file, newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                _, outputs = stored.setdefault(row["case"], (row["version"], {}))
                outputs[row["output"]] = json.loads(row["values"])
    return stored


def _store(file: Path, stored: Mapping[str, tuple[str, Mapping[str, list]]]) -> None:
    with open(file, "w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for name in sorted(stored):
            version, outputs = stored[name]
            for output, values in outputs.items():
                writer.writerow([name, version, output, json.dumps(values, ensure_ascii=False)])
